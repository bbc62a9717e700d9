use super::CloseCode;

/// The peer has broken the protocol of WebSockets: nothing that follows can be read.
///
/// It is told by the [code](Self::code) of the frame that closes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("frame at offset {offset}: {fault}")]
pub struct FrameError {
    offset: u64,
    pub(super) fault: Fault,
}

/// The fault of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Fault {
    #[error("a reserved bit is set, of an extension that was not agreed on")]
    ReservedBits,
    #[error("opcode {0:#x} is reserved")]
    Opcode(u8),
    #[error("a client has to mask its frames, and this one is not masked")]
    NotMasked,
    #[error("a server must not mask its frames, and this one is masked")]
    Masked,
    #[error("the length is not in its shortest form, or too large a number")]
    Length,
    #[error("a control frame is in fragments, or longer than 125 bytes")]
    Control,
    #[error("a message goes on that has not begun")]
    Continuation,
    #[error("a message begins before the one before it has ended")]
    Interrupted,
    #[error("it is of text, and RTSP goes in binary messages")]
    Text,
    #[error("its message is longer than {limit} bytes")]
    TooLong { limit: u64 },
    #[error("the code of the close is none that may be sent")]
    CloseCode,
    #[error("the reason of the close is not UTF-8")]
    CloseReason,
}

impl FrameError {
    pub(super) fn new(offset: u64, fault: Fault) -> Self {
        Self { offset, fault }
    }

    /// Where the frame begins, in everything that the peer has sent behind the handshake.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The code that the peer is told.
    pub fn code(&self) -> CloseCode {
        match self.fault {
            Fault::Text => CloseCode::UNSUPPORTED_DATA,
            Fault::TooLong { .. } => CloseCode::MESSAGE_TOO_LONG,
            Fault::CloseReason => CloseCode::INVALID_TEXT,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

#[cfg(all(test, feature = "srtp"))]
mod tests {
    use super::*;

    #[test]
    fn each_fault_says_what_the_peer_has_done() {
        say_each! { Fault:
            Fault::ReservedBits = Fault::ReservedBits =>
                "a reserved bit is set, of an extension that was not agreed on",
            Fault::Opcode(_) = Fault::Opcode(3) => "opcode 0x3 is reserved",
            Fault::NotMasked = Fault::NotMasked => "a client has to mask its frames, and this one is not masked",
            Fault::Masked = Fault::Masked => "a server must not mask its frames, and this one is masked",
            Fault::Length = Fault::Length => "the length is not in its shortest form, or too large a number",
            Fault::Control = Fault::Control => "a control frame is in fragments, or longer than 125 bytes",
            Fault::Continuation = Fault::Continuation => "a message goes on that has not begun",
            Fault::Interrupted = Fault::Interrupted => "a message begins before the one before it has ended",
            Fault::Text = Fault::Text => "it is of text, and RTSP goes in binary messages",
            Fault::TooLong { .. } = Fault::TooLong { limit: 64 } => "its message is longer than 64 bytes",
            Fault::CloseCode = Fault::CloseCode => "the code of the close is none that may be sent",
            Fault::CloseReason = Fault::CloseReason => "the reason of the close is not UTF-8",
        }
    }
}
