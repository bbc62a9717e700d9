use std::ops::Deref;

use super::error::Fault;
use super::mask::Mask;

/// Bytes of the longest header, which has a masking key.
pub(super) const HEADER_BYTES_MAX: usize = 14;
/// Bytes of the payload of a control frame at most (RFC 6455, section 5.5).
pub(super) const CONTROL_BYTES_MAX: usize = 125;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const MASKED: u8 = 0x80;

/// The kinds of frames (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    const ALL: [Self; 6] =
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame that has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) opcode: Opcode,
    /// The frame is the last of its message.
    pub(super) is_last: bool,
    /// Bytes of the payload.
    pub(super) len: u64,
    pub(super) mask: Option<Mask>,
}

impl Received {
    /// Reads the header in front of `bytes`, and how many of them it takes; `None` before all of it has come.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Option<(Result<Self, Fault>, usize)> {
        let [first, second] = *bytes.first_chunk()?;
        let (len, is_shortest, behind) = match second & !MASKED {
            126 => {
                let len = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
                (u64::from(len), len >= 126, 4_usize)
            }
            127 => {
                let len = u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
                (len, len > u64::from(u16::MAX) && len <= u64::MAX >> 1, 10)
            }
            len => (u64::from(len), true, 2),
        };
        let (mask, end) = match second & MASKED {
            0 => (None, behind),
            _ => {
                let key = bytes.get(behind..)?.first_chunk()?;
                (Some(Mask::new(*key)), behind.saturating_add(4))
            }
        };
        let opcode = first & !(FIN | RESERVED);
        let received = match Opcode::ALL.into_iter().find(|known| *known as u8 == opcode) {
            _ if first & RESERVED != 0 => Err(Fault::ReservedBits),
            None => Err(Fault::Opcode(opcode)),
            Some(_) if !is_shortest => Err(Fault::Length),
            Some(opcode) => Ok(Self { opcode, is_last: first & FIN != 0, len, mask }),
        };
        Some((received, end))
    }
}

/// The header of a frame, which goes in front of its payload: [`Deref`] gives its bytes.
///
/// ```
/// use rtspan_core::tunnel::websocket::FrameHeader;
///
/// // A server writes packets in as many slices as they are in, in one call to the system.
/// assert_eq!(*FrameHeader::binary(1_416), [0x82, 126, 0x05, 0x88]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: usize,
}

impl FrameHeader {
    /// The header of a server's binary message of `len` bytes, which is one frame.
    #[inline]
    pub fn binary(len: usize) -> Self {
        Self::new(Opcode::Binary, len, None)
    }

    #[inline]
    pub(super) fn new(opcode: Opcode, len: usize, key: Option<[u8; 4]>) -> Self {
        let mut header = Self { bytes: [0; HEADER_BYTES_MAX], len: 0 };
        let masked = if key.is_some() { MASKED } else { 0 };
        header.put([FIN | opcode as u8]);
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(len @ ..=125), _) => header.put([masked | len]),
            (_, Ok(len)) => {
                header.put([masked | 126]);
                header.put(len.to_be_bytes());
            }
            _ => {
                header.put([masked | 127]);
                header.put(u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes());
            }
        }
        if let Some(key) = key {
            header.put(key);
        }
        header
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let room = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut);
        if let Some(room) = room {
            *room = bytes;
            self.len = self.len.saturating_add(N);
        }
    }
}

impl Deref for FrameHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
