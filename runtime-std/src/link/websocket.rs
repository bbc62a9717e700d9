use std::io::{self, ErrorKind, IoSlice};
use std::mem;

use bytes::BytesMut;
use rtspan_core::Tolerances;
use rtspan_core::tunnel::TunnelError;
use rtspan_core::tunnel::websocket::{CloseCode, End, FrameHeader, WebSocket};

use super::pipe::Pipe;
use super::within;
use crate::runtime::TcpSocket;

/// Bytes of RTSP that one frame has, where a single message or frame of RTSP is not longer.
const FRAME_BYTES: usize = 32 << 10;
/// Slices that are written behind the header of a frame.
const SLICES: usize = 64;
/// No pong is put behind so many bytes that wait: its peer sends pings and does not read.
const UNSENT_BYTES_MAX: usize = 4 << 10;

/// A WebSocket on a pipe.
pub(super) struct Web {
    socket: WebSocket,
    is_client: bool,
    /// How the answer of the server deviates.
    tolerances: Tolerances,
    /// The peer has said its last.
    end: Option<End>,
    /// Bytes that were read before there was a WebSocket.
    rest: BytesMut,
}

impl Web {
    /// That of a server; `rest` has come with the request.
    pub(super) fn server(rest: BytesMut) -> Self {
        Self {
            socket: WebSocket::server(),
            is_client: false,
            tolerances: Tolerances::default(),
            end: None,
            rest,
        }
    }

    /// That of a client; `rest` has come with the answer to its handshake, which deviates so.
    pub(super) fn client(seed: [u8; 32], rest: BytesMut, tolerances: Tolerances) -> Self {
        Self { socket: WebSocket::client(seed), is_client: true, tolerances, end: None, rest }
    }

    pub(super) fn tolerances(&self) -> Tolerances {
        self.tolerances
    }

    /// Returns `true` if there is an end to be told, whatever the socket says.
    pub(super) fn has_input(&self) -> bool {
        self.end.is_some() || !self.rest.is_empty()
    }

    pub(super) fn read<T: TcpSocket>(
        &mut self,
        pipe: &mut Pipe<T>,
        into: &mut BytesMut,
    ) -> io::Result<usize> {
        let before = into.len();
        if !self.rest.is_empty() {
            let rest = mem::take(&mut self.rest);
            into.extend_from_slice(&rest);
        } else if self.end.is_none() && pipe.read(into)? == 0 {
            return Ok(0);
        }
        self.decode(pipe, into, before)
    }

    fn decode<T: TcpSocket>(
        &mut self,
        pipe: &mut Pipe<T>,
        into: &mut BytesMut,
        before: usize,
    ) -> io::Result<usize> {
        let decoded = self.socket.decode(into.get_mut(before..).unwrap_or_default());
        into.truncate(before.saturating_add(decoded.len));
        self.answer(pipe);
        self.end = decoded.end;
        match &self.end {
            _ if decoded.len > 0 => Ok(decoded.len),
            None => Err(ErrorKind::WouldBlock.into()),
            Some(End::Closed(_)) => Ok(0),
            Some(End::Failed(error)) => {
                Err(io::Error::new(ErrorKind::InvalidData, TunnelError::from(*error)))
            }
        }
    }

    /// Sends what the protocol asks for: pongs, and the close.
    fn answer<T: TcpSocket>(&mut self, pipe: &mut Pipe<T>) {
        while pipe.unsent().len() < UNSENT_BYTES_MAX {
            let Some(control) = self.socket.poll_control() else { break };
            pipe.push(&control);
        }
        // The next write flushes the rest first.
        let _ = pipe.flush();
    }

    /// Writes the beginning as one frame, and takes all of that.
    pub(super) fn write<T: TcpSocket>(
        &mut self,
        pipe: &mut Pipe<T>,
        from: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let (payload, len) = within(&from[..from.len().min(SLICES)], FRAME_BYTES);
        if self.end.is_some() {
            // Nothing comes behind the answer to a close (RFC 6455, section 5.5.1): browsers complain of it.
            pipe.flush()?;
            return Ok(len);
        }
        if self.is_client {
            pipe.flush()?;
            self.socket.frame(payload, pipe.unsent());
            return match pipe.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                _ => Ok(len),
            };
        }
        let header = FrameHeader::binary(len);
        let mut slices = [IoSlice::new(&[]); SLICES + 1];
        let (first, rest) = slices.split_at_mut(1);
        first[0] = IoSlice::new(&header);
        rest[..payload.len()].copy_from_slice(payload);
        let slices = &slices[..=payload.len()];
        let mut written = pipe.write_vectored(slices)?;
        if written < header.len() + len {
            // The frame has begun, and its rest goes before all else.
            for slice in slices {
                pipe.push(slice.get(written..).unwrap_or_default());
                written = written.saturating_sub(slice.len());
            }
        }
        Ok(len)
    }

    /// Says goodbye.
    pub(super) fn close<T: TcpSocket>(&mut self, pipe: &mut Pipe<T>) {
        self.socket.close(CloseCode::NORMAL);
        while let Some(control) = self.socket.poll_control() {
            pipe.push(&control);
        }
    }
}
