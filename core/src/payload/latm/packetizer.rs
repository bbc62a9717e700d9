use super::UNIT_BYTES_MAX;
use crate::description::{Latm, StreamMuxConfig};
use crate::payload::bits::BitWriter;
use crate::payload::{PacketizeError, PacketizerConfig};
use crate::rtp::{PacketWriter, RtpPacket};

/// Turns units of sound into elements, and each of those into as many packets as it takes.
///
/// If packets tell the configuration, each element does, so that readers can begin anywhere.
#[derive(Debug)]
pub struct Packetizer {
    writer: PacketWriter,
    is_in_band: bool,
    config: StreamMuxConfig,
    /// Units of the clock that a unit of sound lasts.
    unit_duration: u32,
    element: BitWriter,
}

impl Packetizer {
    /// A packetizer of a track with a clock of so many units a second; `None` if its configuration is not known.
    pub fn new(config: PacketizerConfig, latm: &Latm, clock_rate: u32) -> Option<Self> {
        let mux = latm.config.clone()?;
        Some(Self {
            writer: config.writer(),
            is_in_band: latm.config_in_band,
            unit_duration: mux.audio_config()?.unit_duration(clock_rate),
            config: mux,
            element: BitWriter::default(),
        })
    }

    /// Gives packets of `parts`, raw units that follow each other, to `sink`; the first has `timestamp`.
    ///
    /// Each element has as many units as its configuration says, which is mostly one.
    ///
    /// # Errors
    ///
    /// A unit is longer than 64 KiB, or there are too few for an element. The elements that can be sent are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        mut sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        let mut result = Ok(());
        let mut timestamp = timestamp;
        let mut parts = parts.into_iter().filter(|unit| !unit.is_empty()).peekable();
        while parts.peek().is_some() {
            let sent = self.write_element(&mut parts);
            match sent {
                Ok(()) => self.send(timestamp, &mut sink),
                Err(error) => result = Err(error),
            }
            let units = u32::from(self.config.units);
            timestamp = timestamp.wrapping_add(self.unit_duration.wrapping_mul(units));
        }
        self.writer.flush(&mut sink);
        result
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        self.writer.sequence()
    }

    /// Writes an element of the next units.
    fn write_element<'a>(
        &mut self,
        units: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), PacketizeError> {
        let element = &mut self.element;
        element.clear();
        if self.is_in_band {
            const IS_SAME: u32 = 0;
            element.put(IS_SAME, 1);
            let mut left = self.config.bits();
            for byte in self.config.to_bytes() {
                let count = left.min(8) as u8;
                element.put(u32::from(byte >> 8_u8.saturating_sub(count).min(7)), count);
                left = left.saturating_sub(count.into());
            }
        }
        let mut result = Ok(());
        for _ in 0..self.config.units {
            let unit = units.next().ok_or(PacketizeError::Malformed("too few units for an element"))?;
            if unit.len() > UNIT_BYTES_MAX {
                result = Err(PacketizeError::TooLong { length: unit.len(), most: UNIT_BYTES_MAX });
            }
            for _ in 0..unit.len() / 255 {
                element.put(255, 8);
            }
            element.put((unit.len() % 255) as u32, 8);
            element.put_bytes(unit);
        }
        (0..self.config.other_bits).for_each(|_| element.put(0, 1));
        result
    }

    fn send(&mut self, timestamp: u32, sink: &mut impl FnMut(RtpPacket)) {
        let mut fragments = self.element.bytes().chunks(self.writer.payload_bytes_max()).peekable();
        while let Some(fragment) = fragments.next() {
            self.writer.write(sink, (timestamp, fragments.peek().is_none()), [fragment]);
        }
    }
}
