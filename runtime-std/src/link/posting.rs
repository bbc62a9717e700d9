use std::io::{self, ErrorKind, IoSlice};
use std::mem;
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
    /// Frames of media go as they are over the connection of the GET, if that is wanted.
    frames: Option<Frames>,
}

/// Tells frames of media from messages in what a client writes: a message is one slice, a frame is one for its header and one
/// for its payload. So slices are taken whole.
#[derive(Debug, Default)]
struct Frames {
    /// The next slice is a payload.
    awaits_payload: bool,
}

impl Frames {
    /// Takes the frames in front, and says how many slices they have.
    fn take(&mut self, from: &[IoSlice<'_>]) -> usize {
        from.iter().take_while(|slice| self.take_slice(slice)).count()
    }

    fn take_slice(&mut self, slice: &[u8]) -> bool {
        let is_payload = mem::take(&mut self.awaits_payload);
        if let (false, [b'$', _, length @ ..]) = (is_payload, slice) {
            self.awaits_payload = length != [0, 0];
            return true;
        }
        is_payload
    }
}

impl<T: TcpSocket> Posting<T> {
    /// `rest` has come with the answer to the GET.
    pub(super) fn new(post: Pipe<T>, rest: BytesMut, media_on_get: bool) -> Self {
        Self { post, rest, frames: media_on_get.then(Frames::default) }
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

    /// Takes the beginning: frames of media as they are if they go over the GET, all else encoded.
    pub(super) fn write(&mut self, get: &mut Pipe<T>, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let (mut part, mut len) = within(from, WRITE_BYTES);
        if let Some(frames) = &mut self.frames {
            get.flush()?;
            let media = frames.take(part);
            if media > 0 {
                part.iter().take(media).for_each(|slice| get.push(slice));
                return taken(get.flush(), part.iter().take(media).map(|slice| slice.len()).sum());
            }
            // A message is encoded by itself: a frame may be behind it.
            (part, len) = within(part, 0);
        }
        self.post.flush()?;
        encode_base64(part, self.post.unsent());
        taken(self.post.flush(), len)
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.post.poll_ready(cx, Direction::Write)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.post.poll_flush(cx)
    }

    pub(super) fn close(&mut self) {
        self.post.close();
        // Bytes that cannot be written at once are lost with the socket.
        let _: Result<(), ErrorKind> = self.post.flush().map_err(|error| error.kind());
    }
}

/// The outcome of a write that has taken so many bytes, as far as they could be written.
fn taken(flushed: io::Result<()>, len: usize) -> io::Result<usize> {
    match flushed {
        Err(error) if !is_transient(&error) => Err(error),
        _ => Ok(len),
    }
}
