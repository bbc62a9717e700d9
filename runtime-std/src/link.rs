//! A TCP connection with the layers beneath RTSP: what is read passes TLS, then a tunnel, and comes out as bytes of RTSP; what
//! is written goes the other way.
//!
//! Plain TCP has no layer, and goes straight from the system into the parser's buffer and back.

use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use rtspan_core::Tolerances;
use rtspan_core::tls::{Secured, TlsError};
use rtspan_core::tunnel::TunnelError;
use rtspan_core::tunnel::http::{ANSWER_TO_GET, SessionCookie};

mod entering;
mod halves;
mod opening;
mod pipe;
mod posting;
#[cfg_attr(not(any(feature = "tls", feature = "tls-aws-lc-rs")), path = "link/no_session.rs")]
pub(crate) mod session;
mod websocket;

use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket};
pub(crate) use entering::{Admission, Entrance, NotSecured, Place};
use entering::{Entering, Step};
use halves::{GetHalf, PostHalf};
pub(crate) use opening::{Opening, open};
use pipe::Pipe;
use posting::Posting;
use websocket::Web;

/// A connected socket with its layers.
///
/// It is used as a [`TcpSocket`] is. A write may have taken more than the system has room for yet: that is
/// [flushed](Self::poll_flush) before anything else is written.
pub(crate) enum Link<T> {
    /// TCP as it is.
    Plain(T),
    Layered(Box<Layered<T>>),
    /// Its socket is a half of another link, that of a GET.
    HandedOver,
}

/// TCP, perhaps TLS, and what carries RTSP in it.
pub(crate) struct Layered<T> {
    pipe: Pipe<T>,
    tunnel: Tunnel<T>,
}

/// The layer between the pipe and RTSP.
enum Tunnel<T> {
    /// None.
    None,
    /// The peer has not shown yet what it speaks.
    Entering(Entering<T>),
    WebSocket(Box<Web>),
    /// The pipe is that of a GET, and another one, that of a POST, is read.
    Get(GetHalf<T>),
    /// The same of a client: the pipe is read, and the other one is written.
    Posting(Posting<T>),
}

impl<T: TcpSocket> Link<T> {
    /// Plain TCP.
    pub(crate) fn plain(socket: T) -> Self {
        Self::Plain(socket)
    }

    /// A connection that a server has accepted, whose peer shows by its first bytes what it speaks. A proxy may go first.
    pub(crate) fn accepted(socket: T, entrance: &Arc<Entrance<T>>, place: Place) -> Self {
        if entrance.takes_only_plain() {
            return Self::Plain(socket);
        }
        let entering = Entering::new(Arc::clone(entrance), place);
        Self::layered(Pipe::new(socket, None), Tunnel::Entering(entering))
    }

    fn layered(pipe: Pipe<T>, tunnel: Tunnel<T>) -> Self {
        Self::Layered(Box::new(Layered { pipe, tunnel }))
    }

    /// The socket at the bottom.
    pub(crate) fn socket(&mut self) -> Option<&mut T> {
        match self {
            Self::Plain(socket) => Some(socket),
            Self::Layered(layered) => Some(layered.pipe.socket()),
            Self::HandedOver => None,
        }
    }

    /// Returns `true` while the peer has begun something beneath RTSP that it has to complete: a handshake, the other half of a
    /// tunnel, or a few bytes that do not tell yet what it speaks.
    pub(crate) fn is_opening(&self) -> bool {
        let Self::Layered(layered) = self else { return false };
        let has_begun = match &layered.tunnel {
            Tunnel::Entering(entering) => entering.has_begun(),
            Tunnel::Get(get) => get.is_opening(),
            Tunnel::None | Tunnel::WebSocket(_) | Tunnel::Posting(_) => false,
        };
        has_begun || layered.pipe.is_handshaking()
    }

    /// How the server's side of a tunnel deviates.
    pub(crate) fn tolerances(&self) -> Tolerances {
        match self {
            Self::Layered(layered) => match &layered.tunnel {
                Tunnel::WebSocket(web) => web.tolerances(),
                _ => Tolerances::default(),
            },
            Self::Plain(_) | Self::HandedOver => Tolerances::default(),
        }
    }

    /// The facts that are known of the peer by TLS, once, when the handshake is done.
    pub(crate) fn take_secured(&mut self) -> Option<Secured> {
        match self {
            Self::Layered(layered) => layered.pipe.take_secured(),
            Self::Plain(_) | Self::HandedOver => None,
        }
    }

    /// The bytes that the peer of a connection that is refused has sent.
    pub(crate) fn take_held(&mut self) -> Bytes {
        match self {
            Self::Layered(layered) => match mem::replace(&mut layered.tunnel, Tunnel::None) {
                Tunnel::Entering(entering) => entering.into_held(),
                _ => Bytes::new(),
            },
            Self::Plain(_) | Self::HandedOver => Bytes::new(),
        }
    }

    /// As [`Socket::poll_ready`](crate::runtime::Socket::poll_ready).
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => socket.poll_ready(cx, direction),
            Self::Layered(layered) => layered.poll_ready(cx, direction),
            Self::HandedOver => Poll::Ready(Ok(())),
        }
    }

    /// As [`TcpSocket::try_read_buf`]. It would also block where what was read is not whole yet.
    ///
    /// # Errors
    ///
    /// Those of the socket, or a [`TlsError`], [`TunnelError`](rtspan_core::tunnel::TunnelError), [`NotSecured`] or [`HandedOver`]
    /// within.
    pub(crate) fn try_read_buf(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let layered = match self {
            Self::Plain(socket) => return socket.try_read_buf(into),
            Self::Layered(layered) => layered,
            Self::HandedOver => return Ok(0),
        };
        let read = match &mut layered.tunnel {
            Tunnel::None => layered.pipe.read(into),
            Tunnel::WebSocket(web) => web.read(&mut layered.pipe, into),
            Tunnel::Get(get) => get.read(&mut layered.pipe, into),
            Tunnel::Posting(posting) => posting.read(&mut layered.pipe, into),
            Tunnel::Entering(_) => self.enter(into),
        };
        if let (Self::Layered(layered), Err(error)) = (self, &read) {
            if !is_transient(error) {
                // The peer is told why, if the socket takes it.
                let _ = layered.pipe.flush();
            }
        }
        read
    }

    /// Finds out what the peer speaks.
    fn enter(&mut self, into: &mut BytesMut) -> io::Result<usize> {
        let Self::Layered(layered) = self else { return Ok(0) };
        let Tunnel::Entering(entering) = &mut layered.tunnel else { return Ok(0) };
        match entering.step(&mut layered.pipe, into)? {
            Step::Read(n) => Ok(n),
            Step::Rtsp(n) => {
                layered.tunnel = Tunnel::None;
                self.shed();
                Ok(n)
            }
            Step::WebSocket(accepted, rest) => {
                layered.pipe.push(&accepted);
                let _ = layered.pipe.flush();
                layered.tunnel = Tunnel::WebSocket(Box::new(Web::server(rest)));
                Err(ErrorKind::WouldBlock.into())
            }
            Step::Get(get) => {
                layered.pipe.push(ANSWER_TO_GET);
                let _ = layered.pipe.flush();
                layered.tunnel = Tunnel::Get(get);
                Err(ErrorKind::WouldBlock.into())
            }
            Step::Post(cookie, rest) => self.hand_over(&cookie, rest),
        }
    }

    /// Gives the socket to the connection of the GET that has the same cookie.
    fn hand_over(&mut self, cookie: &SessionCookie, rest: BytesMut) -> io::Result<usize> {
        let Self::Layered(layered) = mem::replace(self, Self::HandedOver) else { return Ok(0) };
        let Layered { mut pipe, tunnel } = *layered;
        let Tunnel::Entering(entering) = tunnel else { return Ok(0) };
        pipe.socket().detach();
        match entering.pair(cookie, PostHalf::new(pipe, rest)) {
            Ok(()) => Err(io::Error::new(ErrorKind::NotConnected, HandedOver)),
            Err((post, error)) => {
                let mut pipe = post.into_pipe();
                pipe.push(&error.answer());
                *self = Self::layered(pipe, Tunnel::None);
                Err(io::Error::new(ErrorKind::InvalidData, TunnelError::from(error)))
            }
        }
    }

    /// Gives up layers that do nothing.
    fn shed(&mut self) {
        let Self::Layered(layered) = mem::replace(self, Self::HandedOver) else { return };
        *self = match *layered {
            Layered { pipe, tunnel: Tunnel::None } if pipe.is_bare() => Self::Plain(pipe.into_socket()),
            layered => Self::Layered(Box::new(layered)),
        };
    }

    /// As [`TcpSocket::try_write_vectored`].
    pub(crate) fn try_write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.try_write_vectored(from),
            Self::Layered(layered) => match &mut layered.tunnel {
                Tunnel::WebSocket(web) => web.write(&mut layered.pipe, from),
                Tunnel::Posting(posting) => posting.write(&mut layered.pipe, from),
                _ => layered.pipe.write_vectored(from),
            },
            Self::HandedOver => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Writes what has been taken and not written.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self::Layered(layered) = self else { return Poll::Ready(Ok(())) };
        let flushed = layered.pipe.poll_flush(cx);
        match (&mut layered.tunnel, &flushed) {
            (Tunnel::Posting(halves), Poll::Ready(Ok(()))) => halves.poll_flush(cx),
            _ => flushed,
        }
    }

    /// Says to the peer that nothing more is written, as far as that is a matter of a layer; it is still to be flushed.
    pub(crate) fn close(&mut self) {
        let Self::Layered(layered) = self else { return };
        if let Tunnel::WebSocket(web) = &mut layered.tunnel {
            web.close(&mut layered.pipe);
        }
        // In front of the goodbye of TLS.
        let _ = layered.pipe.flush();
        layered.pipe.close();
        if let Tunnel::Posting(posting) = &mut layered.tunnel {
            posting.close();
        }
    }

    /// The same as far as it goes at once, for a socket that is about to be dropped.
    pub(crate) fn say_last(&mut self) {
        self.close();
        if let Self::Layered(layered) = self {
            // A peer that takes nothing learns of the end by that of the connection.
            let _ = layered.pipe.flush();
        }
    }
}

impl<T: TcpSocket> Layered<T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        if direction == Direction::Read {
            let is_ready = match &mut self.tunnel {
                Tunnel::None => false,
                Tunnel::Entering(entering) => entering.has_input(),
                Tunnel::WebSocket(web) => web.has_input(),
                Tunnel::Get(get) => get.poll_ready(cx).is_ready(),
                Tunnel::Posting(posting) => posting.has_input(),
            };
            if is_ready {
                return Poll::Ready(Ok(()));
            }
        }
        if let (Tunnel::Posting(posting), Direction::Write) = (&mut self.tunnel, direction) {
            return posting.poll_ready(cx);
        }
        self.pipe.poll_ready(cx, direction)
    }
}

/// The socket of a POST has become a half of the connection of its GET.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection is a half of another")]
pub(crate) struct HandedOver;

/// The TLS error in an error of a link, or that error as one.
pub(crate) fn failed(error: io::Error) -> TlsError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    inner.cloned().unwrap_or_else(|| TlsError::Failed(error.into()))
}

/// As many slices as have so many bytes together, but one at least; and their bytes.
fn within<'a, 'b>(from: &'a [IoSlice<'b>], bytes_max: usize) -> (&'a [IoSlice<'b>], usize) {
    let (mut count, mut bytes) = (0, 0_usize);
    for slice in from {
        let sum = bytes.saturating_add(slice.len());
        if count > 0 && sum > bytes_max {
            break;
        }
        (count, bytes) = (count + 1, sum);
    }
    (from.get(..count).unwrap_or_default(), bytes)
}
