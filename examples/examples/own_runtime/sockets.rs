//! Sockets of the system that the reactor waits for.

use std::io::{self, IoSlice, Read};
use std::net::{Shutdown, SocketAddr};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rtspan_std::runtime::{self, Direction, Listener, TcpSocket, UdpSocket};
use rtspan_std::{Dscp, SocketRef};

use crate::reactor::Registered;

pub(crate) struct OwnTcp(pub(crate) Registered);

impl runtime::Socket for OwnTcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl TcpSocket for OwnTcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.try_io(Direction::Read, |mut socket| socket.read(into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.0.try_io(Direction::Read, |socket| rtspan_std::read_buf(socket, into))
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_io(Direction::Write, |socket| socket.send_vectored(from))
    }

    fn shutdown(&self) -> io::Result<()> {
        self.0.socket().shutdown(Shutdown::Write)
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.socket().set_tcp_nodelay(true)
    }

    fn set_keepalive(&self) -> io::Result<()> {
        rtspan_std::set_keepalive(self.0.socket())
    }

    fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        rtspan_std::set_dscp(self.0.socket(), dscp)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        address(self.0.socket().peer_addr())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        address(self.0.socket().local_addr())
    }
}

pub(crate) struct OwnListener(pub(crate) Registered);

impl Listener for OwnListener {
    type Tcp = OwnTcp;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        address(self.0.socket().local_addr())
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(OwnTcp, SocketAddr)>> {
        loop {
            ready!(self.0.poll_ready(cx, Direction::Read))?;
            match self.0.try_io(Direction::Read, |socket| socket.accept()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                accepted => {
                    let (socket, peer) = accepted?;
                    socket.set_nonblocking(true)?;
                    return Poll::Ready(Ok((OwnTcp(Registered::new(socket, true)?), address(Ok(peer))?)));
                }
            }
        }
    }
}

pub(crate) struct OwnUdp(pub(crate) Registered);

impl runtime::Socket for OwnUdp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl UdpSocket for OwnUdp {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.0.try_io(direction, |socket| operation(SocketRef::new(socket)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        address(self.0.socket().local_addr())
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::new(self.0.socket())
    }
}

fn address(of: io::Result<socket2::SockAddr>) -> io::Result<SocketAddr> {
    of?.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
}
