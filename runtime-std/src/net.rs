//! Sockets: how they are bound, and how datagrams go through them many at a time.

mod batch;
mod bind;
mod copies;
mod udp;

use std::io;
use std::net::Shutdown;
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsSocket;

pub(crate) use bind::{bind_pair, listen};
pub(crate) use udp::UdpPair;

/// A socket lent to the shared UDP code for one operation.
pub struct SocketRef<'a>(pub(crate) quinn_udp::UdpSockRef<'a>);

impl<'a> SocketRef<'a> {
    /// Lends `socket`.
    #[cfg(unix)]
    pub fn new(socket: &'a impl AsFd) -> Self {
        Self(quinn_udp::UdpSockRef::from(socket))
    }

    /// Lends `socket`.
    #[cfg(windows)]
    pub fn new(socket: &'a impl AsSocket) -> Self {
        Self(quinn_udp::UdpSockRef::from(socket))
    }
}

impl std::fmt::Debug for SocketRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SocketRef(..)")
    }
}

/// Shuts down one or both directions of a TCP socket whose runtime only closes it.
#[cfg(unix)]
pub fn shutdown(socket: &impl AsFd, how: Shutdown) -> io::Result<()> {
    socket2::SockRef::from(socket).shutdown(how)
}

/// Shuts down one or both directions of a TCP socket whose runtime only closes it.
#[cfg(windows)]
pub fn shutdown(socket: &impl AsSocket, how: Shutdown) -> io::Result<()> {
    socket2::SockRef::from(socket).shutdown(how)
}
