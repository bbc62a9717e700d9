//! VP8 (RFC 7741): a frame in packets behind descriptors.
//!
//! ```
//! use rtspan_core::payload::PacketizerConfig;
//! use rtspan_core::payload::vp8::{Depacketizer, Packetizer};
//!
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(96, 7, 0));
//! let mut depacketizer = Depacketizer::new();
//! let unit = [0x10; 3000];
//! packetizer.packetize([&unit[..]], 90_000, |packet| depacketizer.push(&packet, 0).expect("nothing is lost"))?;
//! assert_eq!(depacketizer.poll().expect("it is whole").parts.to_bytes()[..], unit[..]);
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod descriptor;
mod frame;

use super::assembly::{Assembly, Piece, Place};
use super::probe::{AccessPoint, Contents, Probe};
use super::watch::Told;
use super::{AccessUnit, PacketizeError, PacketizerConfig, Parts, PayloadError, VideoParameters, vpcc};
use crate::Tolerances;
use crate::rtp::{PacketWriter, RtpPacket};

pub use descriptor::Descriptor;
pub(super) use descriptor::{take_byte, take_picture_id};
pub use frame::FrameHeader;

/// Puts frames together.
///
/// A frame ends with the packet that carries the marker, or before a packet that begins another. After a loss inside a frame,
/// what came before the hole is kept and marked as damaged; a frame whose beginning is lost is dropped.
#[derive(Debug, Default)]
pub struct Depacketizer(Assembly);

impl Depacketizer {
    /// A depacketizer that waits for the beginning of a frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next packet, before which `lost` packets are missing; a gap in the sequence numbers counts as a loss, too.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        let piece = Descriptor::read(packet.payload()).map(|(descriptor, frame)| Piece {
            bytes: packet.payload_bytes().slice_ref(frame),
            place: if descriptor.begins_frame() { Place::BeginsUnit } else { Place::Continues },
            is_keyframe: descriptor.begins_frame() && FrameHeader::is_keyframe(frame),
        });
        self.0.push(packet, lost, piece)
    }

    /// The next frame, which has one part.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        self.0.poll()
    }

    /// Ends the frame that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        self.0.flush();
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        self.0.take_tolerances()
    }
}

/// Makes packets of frames, behind descriptors of one byte.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
}

/// The bit of the first packet of a frame, and of a partition (S).
const BEGINS: u8 = 0x10;

impl Packetizer {
    /// A packetizer that makes its packets as `config` says.
    pub fn new(config: PacketizerConfig) -> Self {
        Self { writer: config.writer() }
    }

    /// Gives the packets of each of `parts`, which are frames of one time, to `sink`, the last of each with the marker.
    ///
    /// `timestamp` is in units of 1/90,000 s. Empty parts are left out.
    ///
    /// # Errors
    ///
    /// None: every frame can be sent.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let room = self.writer.payload_bytes_max().saturating_sub(1);
        for frame in parts {
            let mut descriptor = BEGINS;
            let mut chunks = frame.chunks(room).peekable();
            while let Some(chunk) = chunks.next() {
                self.writer.write(&mut sink, (timestamp, chunks.peek().is_none()), [&[descriptor], chunk]);
                descriptor = 0;
            }
        }
        self.writer.flush(&mut sink);
        Ok(())
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }
}

/// How a log reads packets.
pub(super) const PROBE: Probe = Probe { contents, ..Probe::WITHOUT_SETS };

fn contents(payload: &[u8]) -> Contents {
    let is_keyframe = Descriptor::read(payload)
        .is_ok_and(|(descriptor, frame)| descriptor.begins_frame() && FrameHeader::is_keyframe(frame));
    Contents { access_point: is_keyframe.then_some(AccessPoint::Refresh), has_parameter_sets: false }
}

/// Returns the parameters that a keyframe tells.
pub(super) fn told(frame: &Parts) -> Option<Told> {
    let header = FrameHeader::read(frame.first()?)?;
    let FrameHeader { profile, width, height } = header;
    let record =
        vpcc::Record { codec: "vp08", profile, ..vpcc::Record::of_size(width.into(), height.into()) };
    Some(Told {
        codec: record.codec().into(),
        configuration: Some(record.to_bytes()),
        video: VideoParameters {
            width: width.into(),
            height: height.into(),
            pixel_aspect: None,
            frame_rate: None,
            reordering: Some(0),
        },
    })
}

#[cfg(test)]
mod tests;
