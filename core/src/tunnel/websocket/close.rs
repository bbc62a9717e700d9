use std::fmt;

use super::error::Fault;
use crate::{Printable, without_secrets};

/// Why a WebSocket is closed (RFC 6455, section 7.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The server is switched off, or the page is left.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer has broken the protocol of WebSockets.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer has sent a kind of data that cannot be taken: text.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Text is not UTF-8.
    pub const INVALID_TEXT: Self = Self(1007);
    /// The peer may not do what it does.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is too long.
    pub const MESSAGE_TOO_LONG: Self = Self(1009);
    /// The server has failed.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// The server has no room; the client may come again.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code of this number; `None` if it may not be sent.
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The code and the reason that a peer gives as it closes a WebSocket.
///
/// [`Display`](fmt::Display) escapes what is not [printable](crate::is_printable).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Close {
    /// The code, if there is one.
    pub code: Option<CloseCode>,
    /// A text for people, of 123 bytes at most; mostly empty.
    pub reason: String,
}

impl Close {
    /// Reads the payload of a close frame.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Fault> {
        let Some((code, reason)) = payload.split_first_chunk() else {
            return if payload.is_empty() { Ok(Self::default()) } else { Err(Fault::CloseCode) };
        };
        let code = CloseCode::new(u16::from_be_bytes(*code)).ok_or(Fault::CloseCode)?;
        let reason = std::str::from_utf8(reason).map_err(|_| Fault::CloseReason)?;
        Ok(Self { code: Some(code), reason: reason.to_owned() })
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(f, "{code}")?,
            None => f.write_str("without a code")?,
        }
        if self.reason.is_empty() {
            Ok(())
        } else {
            write!(f, " {}", Printable(without_secrets(&self.reason)))
        }
    }
}
