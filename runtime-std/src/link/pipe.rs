use std::io::{self, ErrorKind, IoSlice};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use rtspan_core::tls::Secured;

use super::session::Session;
use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket};

/// A socket, and TLS if there is TLS: bytes go in at one end and come out at the other.
pub(super) struct Pipe<T> {
    socket: T,
    tls: Option<Box<Session>>,
    /// Bytes of a layer above that the socket had no room for, and that go before all else.
    unsent: BytesMut,
}

impl<T: TcpSocket> Pipe<T> {
    pub(super) fn new(socket: T, tls: Option<Session>) -> Self {
        Self { socket, tls: tls.map(Box::new), unsent: BytesMut::new() }
    }

    pub(super) fn socket(&mut self) -> &mut T {
        &mut self.socket
    }

    pub(super) fn into_socket(self) -> T {
        self.socket
    }

    /// Returns `true` if nothing has been taken that is still to be written, since there is no layer.
    pub(super) fn is_bare(&self) -> bool {
        self.tls.is_none() && self.unsent.is_empty()
    }

    /// Goes on over TLS.
    pub(super) fn secure(&mut self, session: Session) {
        self.tls = Some(Box::new(session));
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.is_handshaking())
    }

    pub(super) fn take_secured(&mut self) -> Option<Secured> {
        self.tls.as_mut()?.take_secured()
    }

    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let has_input = self.tls.as_ref().is_some_and(|session| session.has_input());
        if has_input && direction == Direction::Read {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_ready(cx, direction)
    }

    pub(super) fn read(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.try_read_buf(into),
            Some(session) => session.read(&self.socket, into),
        }
    }

    /// Takes what there is room for, once all that was taken before is written.
    pub(super) fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.is_bare() {
            self.flush()?;
        }
        match &mut self.tls {
            None => self.socket.try_write_vectored(from),
            Some(session) => {
                let taken = session.take(from)?;
                match session.write(&self.socket) {
                    Err(error) if !is_transient(&error) => Err(error),
                    _ => Ok(taken),
                }
            }
        }
    }

    /// Takes bytes whatever room there is. They go before all that is written from now on.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Memory for such bytes.
    pub(super) fn unsent(&mut self) -> &mut BytesMut {
        &mut self.unsent
    }

    /// Writes what was taken.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            let from = [IoSlice::new(&self.unsent)];
            let written = match &mut self.tls {
                None => self.socket.try_write_vectored(&from)?,
                Some(session) => {
                    session.write(&self.socket)?;
                    session.take(&from)?
                }
            };
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.unsent.advance(written);
        }
        if self.unsent.capacity() > 0 {
            self.unsent = BytesMut::new();
        }
        self.tls.as_mut().map_or(Ok(()), |session| session.write(&self.socket))
    }

    /// Writes what was taken, and waits for room.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.flush() {
                Err(error) if is_transient(&error) => {
                    if self.socket.poll_ready(cx, Direction::Write)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                flushed => return Poll::Ready(flushed),
            }
        }
    }

    /// Says that nothing more is written.
    pub(super) fn close(&mut self) {
        if let Some(session) = &mut self.tls {
            session.close();
        }
    }
}
