use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

use bytes::BytesMut;
use rtspan_core::tunnel::http::encode_base64;

use super::pipe::Pipe;
use super::within;
use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket};

/// Bytes of RTSP that are encoded in one go, where a single message or frame is not longer.
const WRITE_BYTES: usize = 32 << 10;

/// The client's side of an HTTP tunnel: the connection of the POST, and what has come with the answer to the GET.
pub(super) struct Posting<T> {
    post: Pipe<T>,
    rest: BytesMut,
}

impl<T: TcpSocket> Posting<T> {
    pub(super) fn new(post: Pipe<T>, rest: BytesMut) -> Self {
        Self { post, rest }
    }

    /// Returns `true` if there is something to read, whatever the socket says.
    pub(super) fn has_input(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(super) fn read(&mut self, get: &mut Pipe<T>, into: &mut BytesMut) -> io::Result<usize> {
        if self.rest.is_empty() {
            return get.read(into);
        }
        let room = into.capacity().saturating_sub(into.len());
        let part = self.rest.split_to(room.min(self.rest.len()));
        into.extend_from_slice(&part);
        Ok(part.len())
    }

    /// Takes the beginning, encoded.
    pub(super) fn write(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.post.flush()?;
        let (part, len) = within(from, WRITE_BYTES);
        encode_base64(part, self.post.unsent());
        match self.post.flush() {
            Err(error) if !is_transient(&error) => Err(error),
            _ => Ok(len),
        }
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.post.poll_ready(cx, Direction::Write)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.post.poll_flush(cx)
    }

    pub(super) fn close(&mut self) {
        self.post.close();
        // What does not go at once is lost with the socket.
        let _: Result<(), ErrorKind> = self.post.flush().map_err(|error| error.kind());
    }
}
