use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNIT_PARTS_MAX, ACCESS_UNITS_READY_MAX};

/// Why a packet could not be depacketized.
///
/// The depacketizer goes on with the next packet; the unit that suffers is marked as damaged.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The payload is empty.
    #[error("the payload is empty")]
    Empty,
    /// The payload ends before a part of it does.
    #[error("a part of {needed} bytes is cut off after {length}")]
    Truncated {
        /// Bytes that its length field, or its header, asks for.
        needed: usize,
        /// Bytes that there are.
        length: usize,
    },
    /// The payload is of a structure that is not read: interleaved, or reserved.
    #[error("payload structure {0} is not supported")]
    Unsupported(u8),
    /// The payload contradicts the format.
    #[error("the payload cannot be read: {0}")]
    Malformed(&'static str),
    /// A fragment continues a part that never started, though no packet was lost.
    #[error("a fragment has no start")]
    FragmentWithoutStart,
    /// The access unit is longer than [`ACCESS_UNIT_BYTES_MAX`]; the rest of it is left out.
    #[error("an access unit exceeds {ACCESS_UNIT_BYTES_MAX} bytes")]
    TooLong,
    /// The access unit has more parts than [`ACCESS_UNIT_PARTS_MAX`]; the rest of it is left out.
    #[error("an access unit exceeds {ACCESS_UNIT_PARTS_MAX} parts")]
    TooManyParts,
    /// As many units as are kept ([`ACCESS_UNITS_READY_MAX`]) wait to be polled; the packet was not taken.
    #[error("{ACCESS_UNITS_READY_MAX} units wait to be polled; poll them before the next packet is pushed")]
    Unpolled,
}

/// Why a part of an access unit could not be sent.
///
/// The parts that can be sent are sent all the same; sequence numbers have no gap.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PacketizeError {
    /// The part is longer than the format can say.
    #[error("a part of {length} bytes exceeds the {most} that the format can carry")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// Bytes that a part may have.
        most: usize,
    },
    /// The part is not what the format carries.
    #[error("a part of the unit cannot be sent: {0}")]
    Malformed(&'static str),
}

/// Why a format cannot be packetized or depacketized, although its encoding is known.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{encoding} is not supported in this way: {reason}")]
pub struct UnsupportedFormat {
    encoding: Box<str>,
    reason: &'static str,
}

impl UnsupportedFormat {
    pub(super) fn new(format: &crate::description::Format, reason: &'static str) -> Self {
        Self { encoding: format.encoding.clone(), reason }
    }

    /// The name of the encoding in the description.
    pub fn encoding(&self) -> &str {
        &self.encoding
    }

    /// The kind of use that is not supported.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}
