//! The client's side of what is done before RTSP flows: the handshakes of TLS and of a tunnel.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rtspan_core::Tolerances;
use rtspan_core::client::ConnectError;
use rtspan_core::limits::HTTP_HEAD_BYTES_MAX;
use rtspan_core::tls::TlsError;
use rtspan_core::tunnel::{Tunnel, TunnelError, http, websocket};

use super::pipe::Pipe;
use super::posting::Posting;
use super::websocket::Web;
use super::{Layered, Link, failed};
use crate::net::is_transient;
use crate::runtime::{Direction, Runtime, TcpSocket};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ClientTls;

/// The layers that a connection of a client is to have.
pub(crate) struct Opening {
    /// Those that are trusted, if there is to be TLS.
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    pub(crate) tls: Option<ClientTls>,
    #[cfg(not(any(feature = "tls", feature = "tls-aws-lc-rs")))]
    pub(crate) tls: Option<()>,
    pub(crate) tunnel: Tunnel,
    /// Host name or address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) target: String,
    /// In a tunnel of HTTP media goes raw over the connection of the GET.
    pub(crate) media_on_get: bool,
}

/// Does all handshakes on a connection; a second one is made where the tunnel has two.
pub(crate) async fn open<R: Runtime>(
    runtime: R,
    socket: R::Tcp,
    addr: SocketAddr,
    opening: Opening,
) -> Result<Link<R::Tcp>, ConnectError> {
    if opening.tls.is_none() && opening.tunnel == Tunnel::None {
        return Ok(Link::Plain(socket));
    }
    let mut pipe = opening.pipe(socket).await?;
    let seed = || runtime.seed().map_err(|error| ConnectError::Tls(TlsError::Failed(error.into())));
    let tunnel = match opening.tunnel {
        Tunnel::Http => {
            let handshake = http::Handshake::new(&opening.authority(), &opening.target, seed()?);
            pipe.push(&handshake.get());
            let rest = pipe.read_answer(|bytes| handshake.check(bytes)).await?;
            let second = runtime.connect(addr).await.map_err(lost)?;
            // It costs latency where it fails, nothing else.
            let _ = second.set_nodelay();
            let mut post = opening.pipe(second).await?;
            post.push(&handshake.post());
            super::Tunnel::Posting(Posting::new(post, rest, opening.media_on_get))
        }
        Tunnel::WebSocket => {
            let handshake = websocket::Handshake::new(&opening.authority(), &opening.target, seed()?);
            pipe.push(&handshake.request());
            let mut tolerances = Tolerances::default();
            let check = |bytes: &[u8]| {
                let confirmed = handshake.check(bytes)?;
                tolerances = confirmed.map(|confirmed| confirmed.tolerances).unwrap_or_default();
                Ok::<_, websocket::HandshakeError>(confirmed.map(|confirmed| confirmed.len))
            };
            let rest = pipe.read_answer(check).await?;
            super::Tunnel::WebSocket(Box::new(Web::client(seed()?, rest, tolerances)))
        }
        _ => super::Tunnel::None,
    };
    Ok(Link::Layered(Box::new(Layered { pipe, tunnel })))
}

impl Opening {
    /// The host as it stands in requests.
    fn authority(&self) -> String {
        // The zone of a link-local address is this machine's own.
        let host = self.host.split_once('%').map_or(&*self.host, |(address, _)| address);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match (self.port, self.tls.is_some()) {
            (80, false) | (443, true) => host,
            (port, _) => format!("{host}:{port}"),
        }
    }

    /// A socket, with TLS whose handshake is done if there is to be TLS.
    async fn pipe<T: TcpSocket>(&self, socket: T) -> Result<Pipe<T>, ConnectError> {
        #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
        let session = self.tls.as_ref().map(|tls| tls.connect(&self.host)).transpose();
        #[cfg(not(any(feature = "tls", feature = "tls-aws-lc-rs")))]
        let session = self.tls.map_or(Ok(None), |()| Err(TlsError::Unavailable));
        let mut pipe = Pipe::new(socket, session.map_err(ConnectError::Tls)?);
        poll_fn(|cx| pipe.poll_handshake(cx)).await.map_err(|error| ConnectError::Tls(failed(error)))?;
        Ok(pipe)
    }
}

impl<T: TcpSocket> Pipe<T> {
    /// Does the handshake of TLS, if there is TLS.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_flush(cx))?;
            if !self.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_ready(cx, Direction::Read))?;
            // Nothing comes out before the handshake is done; what comes right behind it waits in the session.
            match self.read(&mut BytesMut::new()) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
                Err(error) if !is_transient(&error) => {
                    // The peer is told why, if the socket takes it.
                    let _ = self.flush();
                    return Poll::Ready(Err(error));
                }
                _ => {}
            }
        }
    }

    /// Reads the answer to what was written, whose length `check` tells once it is whole. Gives what has come behind it.
    async fn read_answer<E: Into<TunnelError>>(
        &mut self,
        mut check: impl FnMut(&[u8]) -> Result<Option<usize>, E>,
    ) -> Result<BytesMut, ConnectError> {
        let mut answer = BytesMut::with_capacity(HTTP_HEAD_BYTES_MAX);
        poll_fn(|cx| {
            loop {
                ready!(self.poll_flush(cx)).map_err(lost)?;
                match check(&answer) {
                    Err(error) => return Poll::Ready(Err(ConnectError::Tunnel(error.into()))),
                    Ok(Some(len)) => {
                        answer.advance(len);
                        return Poll::Ready(Ok(()));
                    }
                    Ok(None) => {}
                }
                ready!(self.poll_ready(cx, Direction::Read)).map_err(lost)?;
                match self.read(&mut answer) {
                    Ok(0) => return Poll::Ready(Err(lost(ErrorKind::UnexpectedEof.into()))),
                    Err(error) if !is_transient(&error) => return Poll::Ready(Err(lost(error))),
                    _ => {}
                }
            }
        })
        .await?;
        Ok(answer)
    }
}

/// The connection has ended in the middle of a handshake.
fn lost(error: io::Error) -> ConnectError {
    ConnectError::Tunnel(TunnelError::Lost(error.into()))
}
