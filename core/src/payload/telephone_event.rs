//! Keys of a telephone, and other tones that are told instead of heard (RFC 4733).
//!
//! A unit is a state of an [`Event`], whose timestamp is that of its beginning: one when it begins, one when it has ended.
//! Parts are payloads of four bytes; an event that is longer than their 65,535 units has a part for each of its segments.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::payload::telephone_event::{Depacketizer, Event, Packetizer};
//! use rtspan_core::payload::PacketizerConfig;
//!
//! let mut packetizer = Packetizer::new(PacketizerConfig::new(101, 7, 0));
//! let mut depacketizer = Depacketizer::new();
//! let mut told = Vec::new();
//! // The key 5 is pressed, still held 50 ms later, and let go after 80 ms.
//! for (duration, is_end) in [(80, false), (400, false), (640, true)] {
//!     let event = Event { event: 5, is_end, volume: 10, duration };
//!     packetizer.packetize(event.to_parts().slices(), 8_000, |packet| {
//!         depacketizer.push(&packet, 0).expect("an event");
//!         told.extend(std::iter::from_fn(|| depacketizer.poll()));
//!     })?;
//! }
//! let told: Vec<_> = told.iter().filter_map(|unit| Event::read(&unit.parts)).collect();
//! assert_eq!((told[0].is_end, told[0].duration), (false, 80));
//! assert_eq!((told[1].is_end, told[1].duration, told.len()), (true, 640, 2));
//! # Ok::<(), rtspan_core::payload::PacketizeError>(())
//! ```

mod depacketizer;
mod packetizer;

use bytes::Bytes;

pub use depacketizer::Depacketizer;
pub use packetizer::Packetizer;

use super::Parts;

/// Bytes of a payload.
const BYTES: usize = 4;
/// Units that a payload can say.
const SEGMENT_UNITS: u32 = 0xffff;
const END: u8 = 0x80;
const VOLUME: u8 = 0x3f;

/// An event, so far.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Event {
    /// Its number: 0 to 9 are digits, 10 and 11 are `*` and `#`, 12 to 15 are A to D (RFC 4733, section 3.2).
    pub event: u8,
    /// It has ended.
    pub is_end: bool,
    /// How loud it is below 0 dBm0: 0 to 63, in decibels.
    pub volume: u8,
    /// Units of the clock that it has lasted.
    pub duration: u32,
}

impl Event {
    /// Reads the parts of a unit; `None` if there is none, or one is not of four bytes.
    pub fn read(parts: &Parts) -> Option<Self> {
        let mut event: Option<Self> = None;
        for part in parts {
            let segment = Self::read_payload(part)?;
            let before = event.map_or(0, |event| event.duration);
            event = Some(Self { duration: before.saturating_add(segment.duration), ..segment });
        }
        event
    }

    /// The parts of a unit.
    pub fn to_parts(self) -> Parts {
        let mut left = self.duration;
        let mut parts = Vec::new();
        while left > SEGMENT_UNITS && parts.len() < crate::limits::ACCESS_UNIT_PARTS_MAX.saturating_sub(1) {
            parts.push(Self { is_end: false, duration: SEGMENT_UNITS, ..self }.to_payload());
            left = left.saturating_sub(SEGMENT_UNITS);
        }
        parts.push(Self { duration: left.min(SEGMENT_UNITS), ..self }.to_payload());
        parts.into()
    }

    fn read_payload(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload else { return None };
        Some(Self {
            event,
            is_end: flags & END != 0,
            volume: flags & VOLUME,
            duration: u16::from_be_bytes([high, low]).into(),
        })
    }

    fn to_payload(self) -> Bytes {
        let flags = self.volume.min(VOLUME) | if self.is_end { END } else { 0 };
        let [.., high, low] = self.duration.min(SEGMENT_UNITS).to_be_bytes();
        Bytes::copy_from_slice(&[self.event, flags, high, low])
    }
}

#[cfg(test)]
mod tests;
