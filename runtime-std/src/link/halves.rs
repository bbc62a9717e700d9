//! The two connections of an HTTP tunnel, which are one link: that of the GET, which is written, and that of the POST, which is
//! read.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::BytesMut;
use rtspan_core::tunnel::TunnelError;
use rtspan_core::tunnel::http::{Base64Decoder, SessionCookie};

use super::entering::Entrance;
use super::pipe::Pipe;
use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket};
use crate::wake::{Wake, lock};

/// The connection of a POST.
pub(super) struct PostHalf<T> {
    pipe: Pipe<T>,
    decoder: Base64Decoder,
    /// Bytes that have come with the head of the request.
    rest: BytesMut,
}

/// The place where the task of a GET finds its POST.
pub(super) struct Slot<T> {
    post: Mutex<Option<PostHalf<T>>>,
    wake: Arc<Wake>,
}

/// The connection of a GET, and that of its POST once there is one.
pub(super) struct GetHalf<T> {
    entrance: Arc<Entrance<T>>,
    place: super::Place,
    cookie: SessionCookie,
    slot: Arc<Slot<T>>,
    post: Option<PostHalf<T>>,
    /// There has been a POST.
    is_paired: bool,
}

impl<T> Slot<T> {
    pub(super) fn new(wake: Arc<Wake>) -> Self {
        Self { post: Mutex::new(None), wake }
    }

    /// Leaves a POST, in the place of one that was not looked at yet.
    pub(super) fn put(&self, post: PostHalf<T>) {
        let before = lock(&self.post).replace(post);
        self.wake.raise_ready();
        drop(before);
    }
}

impl<T: TcpSocket> PostHalf<T> {
    pub(super) fn new(pipe: Pipe<T>, rest: BytesMut) -> Self {
        Self { pipe, decoder: Base64Decoder::default(), rest }
    }

    pub(super) fn into_pipe(self) -> Pipe<T> {
        self.pipe
    }

    /// Reads and decodes what there is; 0 is the end.
    fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let before = into.len();
        let rest = mem::take(&mut self.rest);
        into.extend_from_slice(&rest);
        if rest.is_empty() && self.pipe.read(into)? == 0 {
            return Ok(0);
        }
        let decoded = self.decoder.decode(into.get_mut(before..).unwrap_or_default());
        into.truncate(before.saturating_add(decoded.len));
        match (decoded.len, decoded.end) {
            (_, Some(error)) => Err(io::Error::new(ErrorKind::InvalidData, TunnelError::from(error))),
            (0, None) => Err(ErrorKind::WouldBlock.into()),
            (n, None) => Ok(n),
        }
    }
}

impl<T: TcpSocket> GetHalf<T> {
    pub(super) fn new(
        entrance: Arc<Entrance<T>>,
        place: super::Place,
        cookie: SessionCookie,
        slot: Arc<Slot<T>>,
        post: Option<PostHalf<T>>,
    ) -> Self {
        Self { entrance, place, cookie, slot, is_paired: post.is_some(), post }
    }

    /// Returns `true` while the POST is to come.
    pub(super) fn is_opening(&self) -> bool {
        !self.is_paired
    }

    /// Takes the POST that has come, in the place of a former one.
    fn take_post(&mut self) {
        if let Some(post) = lock(&self.slot.post).take() {
            (self.post, self.is_paired) = (Some(post), true);
        }
    }

    /// Ready if the POST has something to read, or has ended.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.take_post();
        match &mut self.post {
            Some(post) if !post.rest.is_empty() => Poll::Ready(()),
            Some(post) => post.pipe.poll_ready(cx, Direction::Read).map(drop),
            None => Poll::Pending,
        }
    }

    pub(super) fn read(&mut self, pipe: &mut Pipe<T>, into: &mut BytesMut) -> io::Result<usize> {
        self.take_post();
        if let Some(post) = &mut self.post {
            match post.read(into) {
                Err(error) if is_transient(&error) => {}
                Err(error) if error.get_ref().is_some_and(|inner| inner.is::<TunnelError>()) => {
                    return Err(error);
                }
                // However it ends, its client may send another.
                Ok(0) | Err(_) => self.post = None,
                read => return read,
            }
        }
        // A client says nothing on the connection of its GET, but it may end there.
        let before = into.len();
        let read = pipe.read(into);
        into.truncate(before);
        match read? {
            0 => Ok(0),
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<T> Drop for GetHalf<T> {
    fn drop(&mut self) {
        lock(&self.entrance.tunnels).end(&self.cookie, self.place.peer);
    }
}
