use std::fmt;
use std::io::IoSlice;
use std::mem;
use std::ops::Deref;

use bytes::{Bytes, BytesMut};

use super::error::{Fault, FrameError};
use super::frame::{CONTROL_BYTES_MAX, FrameHeader, HEADER_BYTES_MAX, Opcode, Received};
use super::mask::Mask;
use super::{Close, CloseCode};
use crate::limits::WEBSOCKET_MESSAGE_BYTES_MAX;
use crate::random::Random;
use crate::tunnel::Decoded;

/// A WebSocket behind its handshake: bytes of RTSP out of frames, and into them.
///
/// ```
/// use rtspan_core::tunnel::websocket::WebSocket;
///
/// let mut socket = WebSocket::server();
/// // Of RFC 6455, section 5.7, but binary.
/// let mut bytes = *b"\x82\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
/// let decoded = socket.decode(&mut bytes);
/// assert_eq!(&bytes[..decoded.len], b"Hello");
/// assert_eq!(decoded.end, None);
/// ```
#[derive(Debug)]
pub struct WebSocket {
    role: Role,
    limit: u64,
    state: State,
    /// Bytes of the message in fragments that has begun.
    message: Option<u64>,
    /// The frame that is being read is the last of its message.
    is_last: bool,
    control: Payload,
    /// Where the frame that is being read begins.
    frame_at: u64,
    offset: u64,
    pong: Option<Payload>,
    close: Closing,
}

#[derive(Debug)]
enum Role {
    Server,
    /// Draws the masking keys.
    Client(Box<Random>),
}

#[derive(Debug)]
enum State {
    /// A part of the header has come.
    Header {
        bytes: [u8; HEADER_BYTES_MAX],
        len: usize,
    },
    /// A part of a payload has not come yet.
    Payload {
        opcode: Opcode,
        left: u64,
        mask: Option<Mask>,
    },
    Over(End),
}

/// The payload of a control frame.
#[derive(Clone, Copy, Debug)]
struct Payload {
    bytes: [u8; CONTROL_BYTES_MAX],
    len: usize,
}

#[derive(Debug)]
enum Closing {
    Open,
    Due(Payload),
    Sent,
}

/// How the peer's side of a WebSocket has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum End {
    /// The peer has closed it, or agreed that it closes.
    Closed(Close),
    /// The peer has broken the protocol.
    Failed(FrameError),
}

impl WebSocket {
    /// That of a server, behind the [answer](super::Accepted::answer) that has accepted it.
    pub fn server() -> Self {
        Self::new(Role::Server)
    }

    /// That of a client, behind an answer that is [right](super::Handshake::check). The seed has to be of chance: the masks
    /// that are drawn from it keep a page from writing what a proxy takes for a request.
    pub fn client(seed: [u8; 32]) -> Self {
        Self::new(Role::Client(Box::new(Random::new(seed))))
    }

    /// Takes messages of so many bytes at most; [`WEBSOCKET_MESSAGE_BYTES_MAX`] by default.
    #[must_use]
    pub fn with_message_limit(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    fn new(role: Role) -> Self {
        Self {
            role,
            limit: WEBSOCKET_MESSAGE_BYTES_MAX,
            state: State::HEADER,
            message: None,
            is_last: true,
            control: Payload::EMPTY,
            frame_at: 0,
            offset: 0,
            pong: None,
            close: Closing::Open,
        }
    }

    /// Takes the next bytes that were read, and puts what they hold of RTSP to their front.
    ///
    /// All of them are used up, wherever frames and reads are cut. Afterwards [`poll_control`](Self::poll_control) may have
    /// something to write. Behind an [end](Decoded::end) there is nothing more.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Decoded<End> {
        let (mut from, mut to) = (0_usize, 0_usize);
        loop {
            let taken = match &self.state {
                State::Over(end) => return Decoded { len: to, end: Some(end.clone()) },
                State::Header { .. } => self.take_header(bytes.get(from..).unwrap_or_default()),
                State::Payload { opcode, .. } => {
                    let is_data = !opcode.is_control();
                    let taken = self.take_payload(bytes, from, to);
                    to = to.saturating_add(if is_data { taken } else { 0 });
                    taken
                }
            };
            if taken == 0 {
                return Decoded { len: to, end: None };
            }
            from = from.saturating_add(taken);
            self.offset = self.offset.saturating_add(taken.try_into().unwrap_or(u64::MAX));
        }
    }

    /// A frame that has to be written between two others, whole: a pong, or the close. To be called until there is none, after
    /// [`decode`](Self::decode) and [`close`](Self::close).
    ///
    /// Only the newest of several pings is answered (RFC 6455, section 5.5.3), and none after the close.
    pub fn poll_control(&mut self) -> Option<Bytes> {
        if matches!(self.close, Closing::Sent) {
            return None;
        }
        if let Some(pong) = self.pong.take() {
            return Some(self.control_frame(Opcode::Pong, &pong));
        }
        match mem::replace(&mut self.close, Closing::Open) {
            Closing::Due(payload) => {
                self.close = Closing::Sent;
                Some(self.control_frame(Opcode::Close, &payload))
            }
            other => {
                self.close = other;
                None
            }
        }
    }

    /// Closes the WebSocket: the frame that says so comes out by [`poll_control`](Self::poll_control), and is the last. What
    /// the peer still sends is read until it agrees.
    pub fn close(&mut self, code: CloseCode) {
        self.close_with(Payload::of(&code.as_u16().to_be_bytes()));
    }

    /// Appends a binary message to `out`, masked if this is a client: the slices, one behind the other.
    pub fn frame(&mut self, payload: &[IoSlice<'_>], out: &mut BytesMut) {
        let len = payload.iter().fold(0_usize, |sum, slice| sum.saturating_add(slice.len()));
        self.write(Opcode::Binary, payload, len, out);
    }

    fn write(&mut self, opcode: Opcode, payload: &[IoSlice<'_>], len: usize, out: &mut BytesMut) {
        let key = match &mut self.role {
            Role::Server => None,
            Role::Client(random) => Some(random.next_u32().to_be_bytes()),
        };
        out.reserve(len.saturating_add(HEADER_BYTES_MAX));
        out.extend_from_slice(&FrameHeader::new(opcode, len, key));
        let begin = out.len();
        payload.iter().for_each(|slice| out.extend_from_slice(slice));
        if let Some(key) = key {
            Mask::new(key).apply(out.get_mut(begin..).unwrap_or_default());
        }
    }

    fn control_frame(&mut self, opcode: Opcode, payload: &Payload) -> Bytes {
        let mut out = BytesMut::new();
        self.write(opcode, &[IoSlice::new(payload)], payload.len, &mut out);
        out.freeze()
    }

    fn close_with(&mut self, payload: Payload) {
        if matches!(self.close, Closing::Open) {
            self.close = Closing::Due(payload);
        }
    }

    /// Reads the header of the next frame; gives the bytes that were taken.
    fn take_header(&mut self, bytes: &[u8]) -> usize {
        let State::Header { bytes: begun, len } = &mut self.state else { return 0 };
        if *len == 0 {
            self.frame_at = self.offset;
            if let Some((received, taken)) = Received::parse(bytes) {
                self.begin_frame(received);
                return taken;
            }
        }
        let mut taken = 0_usize;
        for byte in bytes {
            begun.get_mut(*len).into_iter().for_each(|room| *room = *byte);
            (*len, taken) = (len.saturating_add(1), taken.saturating_add(1));
            if let Some((received, _)) = Received::parse(begun.get(..*len).unwrap_or_default()) {
                self.begin_frame(received);
                break;
            }
        }
        taken
    }

    fn begin_frame(&mut self, received: Result<Received, Fault>) {
        match received.and_then(|received| self.check(&received).map(|()| received)) {
            Ok(Received { opcode, is_last, len, mask }) => {
                self.is_last = is_last;
                self.state = State::Payload { opcode, left: len, mask };
                if len == 0 {
                    self.end_frame(opcode);
                }
            }
            Err(fault) => self.fail(fault),
        }
    }

    /// Says what is wrong with a frame where it comes, and counts its bytes to its message.
    fn check(&mut self, frame: &Received) -> Result<(), Fault> {
        match (&self.role, frame.mask) {
            (Role::Server, None) => return Err(Fault::NotMasked),
            (Role::Client(_), Some(_)) => return Err(Fault::Masked),
            (Role::Server, Some(_)) | (Role::Client(_), None) => {}
        }
        let before = match (frame.opcode, self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {
                let is_short = frame.len <= CONTROL_BYTES_MAX as u64;
                return if frame.is_last && is_short { Ok(()) } else { Err(Fault::Control) };
            }
            (Opcode::Continuation, None) => return Err(Fault::Continuation),
            (Opcode::Binary | Opcode::Text, Some(_)) => return Err(Fault::Interrupted),
            (Opcode::Text, None) => return Err(Fault::Text),
            (Opcode::Continuation, Some(before)) => before,
            (Opcode::Binary, None) => 0,
        };
        let message = before.saturating_add(frame.len);
        if message > self.limit {
            return Err(Fault::TooLong { limit: self.limit });
        }
        self.message = (!frame.is_last).then_some(message);
        Ok(())
    }

    /// Takes the bytes at `from` of the payload, without their mask: to `to`, where nothing is needed any more, and those of a
    /// control frame out of there. Gives their number.
    #[inline]
    fn take_payload(&mut self, bytes: &mut [u8], from: usize, to: usize) -> usize {
        let State::Payload { opcode, left, mask } = &mut self.state else { return 0 };
        let rest = bytes.len().saturating_sub(from);
        let taken = usize::try_from(*left).map_or(rest, |left| left.min(rest));
        *left = left.saturating_sub(taken.try_into().unwrap_or(u64::MAX));
        bytes.copy_within(from..from.saturating_add(taken), to);
        let payload = bytes.get_mut(to..to.saturating_add(taken)).unwrap_or_default();
        if let Some(mask) = mask {
            mask.apply(payload);
        }
        let opcode = *opcode;
        if opcode.is_control() {
            self.control.push(payload);
        }
        if *left == 0 {
            self.end_frame(opcode);
        }
        taken
    }

    fn end_frame(&mut self, opcode: Opcode) {
        self.state = State::HEADER;
        let control = mem::replace(&mut self.control, Payload::EMPTY);
        match opcode {
            Opcode::Ping => self.pong = Some(control),
            Opcode::Close => match Close::parse(&control) {
                Ok(close) => {
                    self.close_with(control.code_alone());
                    self.state = State::Over(End::Closed(close));
                }
                Err(fault) => self.fail(fault),
            },
            Opcode::Continuation | Opcode::Text | Opcode::Binary | Opcode::Pong => {}
        }
    }

    fn fail(&mut self, fault: Fault) {
        let error = FrameError::new(self.frame_at, fault);
        self.close(error.code());
        self.state = State::Over(End::Failed(error));
    }
}

impl State {
    const HEADER: Self = Self::Header { bytes: [0; HEADER_BYTES_MAX], len: 0 };
}

impl Payload {
    const EMPTY: Self = Self { bytes: [0; CONTROL_BYTES_MAX], len: 0 };

    fn of(bytes: &[u8]) -> Self {
        let mut payload = Self::EMPTY;
        payload.push(bytes);
        payload
    }

    fn push(&mut self, bytes: &[u8]) {
        for (room, byte) in self.bytes.iter_mut().skip(self.len).zip(bytes) {
            *room = *byte;
            self.len = self.len.saturating_add(1);
        }
    }

    /// The code of a close, without its reason.
    fn code_alone(self) -> Self {
        Self { len: self.len.min(2), ..self }
    }
}

impl Deref for Payload {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(close) => write!(f, "closed: {close}"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
