//! A TCP connection with the layers beneath RTSP: what is read passes them and comes out as bytes of RTSP, what is written goes
//! the other way.
//!
//! Plain TCP has no layer, and goes straight from the system into the parser's buffer and back.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use rtspan_core::tls::{Secured, TlsError};

mod entering;
#[cfg_attr(not(feature = "rustls-layer"), path = "link/no_session.rs")]
pub(crate) mod session;

use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket};
use entering::{Entering, Step};
pub(crate) use entering::{Entrance, NotSecured};
use session::Session;

/// A connected socket with its layers.
///
/// It is used as a [`TcpSocket`] is. A write may have taken more than the system has room for yet: that is
/// [flushed](Self::poll_flush) before anything else is written.
pub(crate) struct Link<T> {
    socket: T,
    /// `None` for plain TCP.
    layers: Option<Box<Layers>>,
}

#[derive(Default)]
struct Layers {
    /// The peer has not shown yet what it speaks.
    entering: Option<Entering>,
    tls: Option<Session>,
}

impl<T: TcpSocket> Link<T> {
    /// Plain TCP.
    pub(crate) fn plain(socket: T) -> Self {
        Self { socket, layers: None }
    }

    /// TLS over TCP, whose handshake is still to be done.
    #[cfg(feature = "rustls-layer")]
    pub(crate) fn tls(socket: T, session: Session) -> Self {
        Self { socket, layers: Some(Box::new(Layers { tls: Some(session), entering: None })) }
    }

    /// A connection that a server has accepted, whose peer shows by its first bytes what it speaks. A proxy may go first.
    pub(crate) fn accepted(socket: T, entrance: &Arc<Entrance>, awaits_proxy: bool) -> Self {
        if entrance.takes_only_plain() {
            return Self::plain(socket);
        }
        let entering = Some(Entering::new(Arc::clone(entrance), awaits_proxy));
        Self { socket, layers: Some(Box::new(Layers { entering, tls: None })) }
    }

    /// The socket at the bottom.
    pub(crate) fn socket(&mut self) -> &mut T {
        &mut self.socket
    }

    /// Returns `true` while the peer has begun something beneath RTSP that it has to complete: a handshake, or a few bytes that
    /// do not tell yet what it speaks.
    pub(crate) fn is_opening(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.is_opening())
    }

    /// What is known of the peer by TLS, once, when the handshake is done.
    pub(crate) fn take_secured(&mut self) -> Option<Secured> {
        self.layers.as_mut()?.tls.as_mut()?.take_secured()
    }

    /// The bytes that the peer of a connection that is refused has sent.
    pub(crate) fn take_held(&mut self) -> Bytes {
        let entering = self.layers.as_mut().and_then(|layers| layers.entering.take());
        entering.map(Entering::into_held).unwrap_or_default()
    }

    /// Does the handshake of TLS, if there is TLS.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        loop {
            let flushed = self.poll_flush(cx).map_err(failed);
            if !self.is_opening() {
                return flushed;
            }
            if self.socket.poll_ready(cx, Direction::Read).map_err(failed)?.is_pending() {
                return Poll::Pending;
            }
            // Nothing comes out before the handshake is done; what comes right behind it waits in the session.
            match self.try_read_buf(&mut BytesMut::new()) {
                Ok(0) => return Poll::Ready(Err(failed(io::ErrorKind::UnexpectedEof.into()))),
                Err(error) if !is_transient(&error) => return Poll::Ready(Err(failed(error))),
                _ => {}
            }
        }
    }

    /// As [`Socket::poll_ready`](crate::runtime::Socket::poll_ready).
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let has_input = self.layers.as_ref().is_some_and(|layers| layers.has_input());
        if has_input && direction == Direction::Read {
            return Poll::Ready(Ok(()));
        }
        self.socket.poll_ready(cx, direction)
    }

    /// As [`TcpSocket::try_read_buf`]. It would also block where what was read is not whole yet.
    ///
    /// # Errors
    ///
    /// Those of the socket, or a [`TlsError`] or [`NotSecured`] within.
    pub(crate) fn try_read_buf(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let Some(layers) = &mut self.layers else { return self.socket.try_read_buf(into) };
        let read = layers.read(&self.socket, into);
        if read.as_ref().is_err_and(|error| !is_transient(error)) {
            // The peer is told why, if the socket takes it.
            let _ = layers.write(&self.socket);
        }
        if layers.is_empty() {
            self.layers = None;
        }
        read
    }

    /// As [`TcpSocket::try_write_vectored`].
    pub(crate) fn try_write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(session) = self.layers.as_mut().and_then(|layers| layers.tls.as_mut()) else {
            return self.socket.try_write_vectored(from);
        };
        session.write(&self.socket)?;
        let taken = session.take(from)?;
        match session.write(&self.socket) {
            Err(error) if !is_transient(&error) => Err(error),
            _ => Ok(taken),
        }
    }

    /// Writes what has been taken and not written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(layers) = &mut self.layers else { return Poll::Ready(Ok(())) };
        loop {
            match layers.write(&self.socket) {
                Err(error) if is_transient(&error) => {
                    if self.socket.poll_ready(cx, Direction::Write)?.is_pending() {
                        return Poll::Pending;
                    }
                }
                flushed => return Poll::Ready(flushed),
            }
        }
    }

    /// Says to the peer that nothing more is written, as far as that is a matter of a layer; it is still to be flushed.
    pub(crate) fn close(&mut self) {
        if let Some(session) = self.layers.as_mut().and_then(|layers| layers.tls.as_mut()) {
            session.close();
        }
    }

    /// The same as far as it goes at once, for a socket that is about to be dropped.
    pub(crate) fn say_last(&mut self) {
        self.close();
        if let Some(layers) = &mut self.layers {
            // A peer that takes nothing learns of the end by that of the connection.
            let _ = layers.write(&self.socket);
        }
    }
}

impl Layers {
    fn is_empty(&self) -> bool {
        self.entering.is_none() && self.tls.is_none()
    }

    fn is_opening(&self) -> bool {
        let has_begun = self.entering.as_ref().is_some_and(Entering::has_begun);
        has_begun || self.tls.as_ref().is_some_and(Session::is_handshaking)
    }

    fn has_input(&self) -> bool {
        self.tls.as_ref().is_some_and(Session::has_input)
            || self.entering.as_ref().is_some_and(Entering::has_input)
    }

    fn read(&mut self, socket: &impl TcpSocket, into: &mut BytesMut) -> io::Result<usize> {
        let Some(entering) = &mut self.entering else { return read_through(&mut self.tls, socket, into) };
        let step = if entering.has_input() {
            entering.hand_on(into)
        } else {
            let before = into.len();
            read_through(&mut self.tls, socket, into)?;
            entering.look(into, before)?
        };
        match step {
            Step::Read(n) => Ok(n),
            Step::Entered(n) => {
                self.entering = None;
                Ok(n)
            }
            Step::Secured(session, n) => {
                self.tls = Some(*session);
                if n > 0 { Ok(n) } else { Err(io::ErrorKind::WouldBlock.into()) }
            }
        }
    }

    fn write(&mut self, socket: &impl TcpSocket) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |session| session.write(socket))
    }
}

/// Reads what TLS, if there is any, makes of the socket.
fn read_through(
    tls: &mut Option<Session>,
    socket: &impl TcpSocket,
    into: &mut BytesMut,
) -> io::Result<usize> {
    match tls {
        None => socket.try_read_buf(into),
        Some(session) => session.read(socket, into),
    }
}

/// The TLS error in an error of a link, or that error as one.
pub(crate) fn failed(error: io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    inner.cloned().unwrap_or_else(|| TlsError::Failed(error.into()))
}
