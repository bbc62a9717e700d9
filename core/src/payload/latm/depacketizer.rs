use bytes::Bytes;

use super::element::{Stop, octet, walk};
use crate::Tolerances;
use crate::description::{Latm, StreamMuxConfig};
use crate::payload::fragments::Fragments;
use crate::payload::{AccessUnit, PayloadError};
use crate::rtp::RtpPacket;
use crate::tolerance::Tolerance;

/// Gives each unit of sound, raw, with its own timestamp.
///
/// Units share the memory of their packet where they are whole and begin with a byte, as they do if only the description
/// tells the configuration. A unit of which a fragment is missing is dropped.
///
/// Nothing in a packet says that an element begins with it. So behind a loss, a packet that holds a whole element by its
/// lengths comes out, and is marked as damaged if its beginning may have been in the packets that were lost: if
/// more of them are missing than elements, by the time that has passed.
#[derive(Debug)]
pub struct Depacketizer {
    clock_rate: u32,
    is_in_band: bool,
    config: Option<StreamMuxConfig>,
    /// Units of the clock that a unit of sound lasts.
    unit_duration: u32,
    /// How the next packet stands to the beginning of an element, and how that of the open one did.
    beginning: Beginning,
    fragments: Fragments,
    last_timestamp: Option<u32>,
    tolerances: Tolerances,
}

/// A packet, if it begins an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Beginning {
    /// It does.
    Sure,
    /// It is taken to: nothing came before.
    Likely,
    /// A loss may have taken its beginning.
    Doubtful,
}

impl Depacketizer {
    /// A depacketizer of a track with a clock of so many units a second.
    pub fn new(latm: &Latm, clock_rate: u32) -> Self {
        let mut depacketizer = Self {
            clock_rate,
            is_in_band: latm.config_in_band,
            config: None,
            unit_duration: 0,
            beginning: Beginning::Likely,
            fragments: Fragments::default(),
            last_timestamp: None,
            tolerances: Tolerances::default(),
        };
        if let Some(config) = &latm.config {
            depacketizer.configure(config);
        }
        depacketizer
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read, the configuration has not come yet, or a bound is hit; the next packet can be pushed
    /// all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let was_open = self.fragments.is_open();
        let intact = self.fragments.turn_to(packet, lost)?;
        let timestamp = packet.timestamp();
        if !intact {
            self.beginning = self.behind_loss(timestamp, lost, was_open);
        } else if self.last_timestamp.is_some_and(|last| last != timestamp) {
            self.beginning = Beginning::Sure;
        }
        self.last_timestamp = Some(timestamp);
        let result = self.push_payload(packet);
        if packet.marker() {
            self.beginning = Beginning::Sure;
        } else if result.is_err() {
            self.beginning = Beginning::Doubtful;
        }
        self.fragments.finish(result)
    }

    /// The next unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.fragments.poll()
    }

    /// Drops a unit of which fragments have yet to come.
    pub fn flush(&mut self) {
        self.fragments.flush();
        self.beginning = Beginning::Likely;
        self.last_timestamp = None;
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        std::mem::take(&mut self.tolerances)
    }

    /// How a packet behind a loss stands to the beginning of an element. Each element has one packet at least.
    fn behind_loss(&self, timestamp: u32, lost: u16, was_open: bool) -> Beginning {
        let (Some(last), 1..) = (self.last_timestamp, lost) else { return Beginning::Likely };
        let units = self.config.as_ref().map_or(1, |config| config.units);
        let passed = u32::try_from(timestamp.wrapping_sub(last) as i32).unwrap_or(0);
        let elements = passed.checked_div(self.unit_duration.saturating_mul(units.into())).unwrap_or(0);
        // One of the lost packets at least belonged to the element that was open.
        let lost = u32::from(lost).saturating_sub(was_open.into());
        if elements > lost { Beginning::Sure } else { Beginning::Doubtful }
    }

    fn push_payload(&mut self, packet: &RtpPacket) -> Result<(), PayloadError> {
        let payload = packet.payload_bytes();
        if payload.is_empty() {
            return Err(PayloadError::Empty);
        }
        let is_open = self.fragments.is_open();
        if is_open {
            self.fragments.extend(&payload)?;
        }
        let bytes = if is_open { self.fragments.bytes() } else { &payload };
        let length = bytes.len();
        match walk(bytes, self.is_in_band, self.config.as_ref(), |_, _, _| {}) {
            Ok(()) => {
                let (timestamp, bytes) =
                    self.fragments.take().unwrap_or_else(|| (packet.timestamp(), payload));
                if !packet.marker() {
                    self.tolerances.record(Tolerance::MarkerMissing);
                }
                self.give(&bytes, timestamp);
                Ok(())
            }
            Err(Stop::Incomplete) if !packet.marker() => {
                if !is_open {
                    self.fragments.start(packet.timestamp(), 0);
                    self.fragments.extend(&payload)?;
                }
                Ok(())
            }
            Err(stop) => {
                self.fragments.drop_open();
                match stop {
                    // Fragments left over by a loss, or by joining in the middle, are no error.
                    _ if self.beginning != Beginning::Sure => Ok(()),
                    Stop::Incomplete => {
                        Err(PayloadError::Truncated { needed: length.saturating_add(1), length })
                    }
                    Stop::Malformed(error) => Err(error),
                }
            }
        }
    }

    /// Gives the units of whole elements.
    fn give(&mut self, bytes: &Bytes, first: u32) {
        let mut timestamp = first;
        let config = self.config.clone();
        let is_damaged = self.beginning == Beginning::Doubtful;
        // They have been gone over before.
        let _ = walk(bytes, self.is_in_band, config.as_ref(), |config, bit, length| {
            let configuration = self.configure(config);
            if length == 0 {
                self.tolerances.record(Tolerance::EmptyAccessUnit);
            } else {
                let parts = cut(bytes, bit, length).into();
                let is_keyframe = true;
                self.fragments.push_unit(AccessUnit {
                    timestamp,
                    parts,
                    is_keyframe,
                    is_damaged,
                    configuration,
                });
            }
            timestamp = timestamp.wrapping_add(self.unit_duration);
        });
    }

    /// Goes by a configuration from now on; the AudioSpecificConfig, if it is another one.
    fn configure(&mut self, config: &StreamMuxConfig) -> Option<Bytes> {
        if self.config.as_ref() == Some(config) {
            return None;
        }
        let before = self.config.replace(config.clone());
        self.unit_duration = config.audio_config().map_or(0, |audio| audio.unit_duration(self.clock_rate));
        let told = config.audio_specific_config.clone();
        before.is_none_or(|before| before.audio_specific_config != told).then_some(told)
    }
}

/// A number of bytes from a bit on.
fn cut(bytes: &Bytes, bit: usize, length: usize) -> Bytes {
    let from = bit / 8;
    if bit % 8 == 0 {
        return bytes.slice(from..from.saturating_add(length));
    }
    (0..length).filter_map(|at| octet(bytes, bit.saturating_add(at.saturating_mul(8)))).collect()
}
