//! Sockets: how they are bound, and how datagrams go through them many at a time.

mod batch;
mod bind;
mod copies;
mod dscp;
mod group;
mod interface;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod many;
mod socket;
mod udp;

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(windows)]
use std::os::windows::io::AsSocket;

use bytes::BytesMut;
use rtspan_core::limits;
use socket2::{SockRef, TcpKeepalive};

pub(crate) use bind::{OPTIONS_ARE_INHERITED, bind_group, bind_pair, prepare};
pub use bind::{bind_udp, listen};
pub use dscp::{Dscp, NotADscp, set_dscp};
pub use group::Membership;
pub(crate) use group::source_to;
pub use interface::Interface;
pub use socket::{Datagrams, SocketRef};
pub(crate) use udp::UdpPair;

/// How what is sent leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SocketOptions {
    /// The class of service that it asks for.
    pub(crate) dscp: Option<Dscp>,
    /// Datagrams that are too big for a path are not cut into fragments.
    pub(crate) forbids_fragments: bool,
}

/// Returns `true` if an operation that fails so is to be tried again later.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Accepts a connection whose socket does not block either, by one call where the system has one.
///
/// # Errors
///
/// The error of the system; `WouldBlock` while nobody connects.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    use rustix::net::{SocketFlags, acceptfrom_with};
    let (socket, peer) = acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let peer = peer.ok_or(io::ErrorKind::ConnectionAborted)?;
    Ok((socket.into(), peer.try_into().map_err(|_| io::ErrorKind::ConnectionAborted)?))
}

/// Accepts a connection whose socket does not block either, by one call where the system has one.
///
/// # Errors
///
/// The error of the system; `WouldBlock` while nobody connects.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
}

/// Shuts down one or both directions of a TCP socket whose runtime only closes it.
///
/// # Errors
///
/// The error of the system; the connection may be gone already.
pub fn shutdown(socket: &impl AsSocket, how: Shutdown) -> io::Result<()> {
    SockRef::from(socket).shutdown(how)
}

/// Has the system probe the peer of a TCP socket when nothing comes, and give up one that is gone without a word: after
/// [`TCP_UNACKNOWLEDGED_MAX`](limits::TCP_UNACKNOWLEDGED_MAX) or about that time.
///
/// # Errors
///
/// The error of the system; it may not know the option.
pub fn set_keepalive(socket: &impl AsSocket) -> io::Result<()> {
    let socket = SockRef::from(socket);
    let probes =
        TcpKeepalive::new().with_time(limits::TCP_PROBE_IDLE).with_interval(limits::TCP_PROBE_PERIOD);
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"))]
    let probes = probes.with_retries(limits::TCP_PROBES_MAX);
    socket.set_tcp_keepalive(&probes)?;
    // Probes are not sent while something waits to be acknowledged.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(limits::TCP_UNACKNOWLEDGED_MAX))?;
    Ok(())
}

/// Reads from a TCP socket straight into the free capacity of `into`. Returns the number of bytes, 0 at the end.
///
/// # Errors
///
/// The error of the system; `WouldBlock` while there is nothing. Nothing is appended then.
pub fn read_buf(socket: &impl AsSocket, into: &mut BytesMut) -> io::Result<usize> {
    let read = SockRef::from(socket).recv(into.spare_capacity_mut())?;
    // Nothing safe reads into memory that is not initialised, and to initialise it would cost what a copy costs.
    // SAFETY: The system has written the first `read` bytes of the free capacity.
    #[allow(unsafe_code)]
    unsafe {
        into.set_len(into.len() + read);
    }
    Ok(read)
}
