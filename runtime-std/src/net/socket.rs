//! UDP sockets as runtimes lend them, and how datagrams go through each kind.

use std::fmt;
use std::io::{self, IoSliceMut, Read};
use std::net::{IpAddr, SocketAddr};
#[cfg(unix)]
use std::os::fd::AsFd as AsSocket;
#[cfg(unix)]
pub(super) use std::os::fd::BorrowedFd as Handle;
#[cfg(windows)]
use std::os::windows::io::AsSocket;
#[cfg(windows)]
pub(super) use std::os::windows::io::BorrowedSocket as Handle;

use quinn_udp::{RecvMeta, UdpSocketState};
use socket2::SockRef;

use super::batch::Message;
use super::{Dscp, Interface, Membership};

/// A socket lent to the shared UDP code for one operation.
pub struct SocketRef<'a>(pub(super) Lent<'a>);

/// A UDP socket that is not the system's, such as that of a simulated world.
pub trait Datagrams {
    /// Receives one datagram, as far as `into` has room for it; tells its length and its sender.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while there is none.
    fn try_recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)>;

    /// Sends one datagram, from this address of the host if one is named.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while there is no room; else the datagram is not sent at all.
    fn try_send_to(&self, datagram: &[u8], from: Option<IpAddr>, to: SocketAddr) -> io::Result<()>;

    /// Has all that it sends ask for a class of service.
    ///
    /// # Errors
    ///
    /// There are none.
    fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        let _ = dscp;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Lets sockets that share as well have the same port.
    ///
    /// # Errors
    ///
    /// There are no groups, for whose members this is.
    fn share(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Joins a multicast group.
    ///
    /// # Errors
    ///
    /// There is no such interface, or there are no groups at all.
    fn join(&self, membership: &Membership) -> io::Result<()> {
        let _ = membership;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Says how many routers may pass on what it sends to groups, and by which interface it leaves.
    ///
    /// # Errors
    ///
    /// There is no such interface, or there are no groups at all.
    fn set_multicast(&self, ttl: u8, interface: Option<&Interface>) -> io::Result<()> {
        let _ = (ttl, interface);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The address that what it sends to a group comes from.
    ///
    /// # Errors
    ///
    /// There is no way to the group, or there are no groups at all.
    fn source_to(&self, group: IpAddr) -> io::Result<IpAddr> {
        let _ = group;
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub(super) enum Lent<'a> {
    System(Handle<'a>),
    Other(&'a dyn Datagrams),
}

impl<'a> SocketRef<'a> {
    /// Lends a socket of the system.
    pub fn new(socket: &'a impl AsSocket) -> Self {
        #[cfg(unix)]
        let handle = socket.as_fd();
        #[cfg(windows)]
        let handle = socket.as_socket();
        Self(Lent::System(handle))
    }

    /// Lends a socket that is not the system's.
    pub fn of(socket: &'a dyn Datagrams) -> Self {
        Self(Lent::Other(socket))
    }

    /// Receives one datagram, as far as `into` has room for it; tells its length and its sender.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while there is none, and what else the system says.
    pub fn recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match &self.0 {
            Lent::System(socket) => {
                let socket = SockRef::from(socket);
                let from = socket.peek_sender()?.as_socket().ok_or(io::ErrorKind::InvalidData)?;
                Ok(((&*socket).read(into)?, from))
            }
            Lent::Other(socket) => socket.try_recv_from(into),
        }
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// `WouldBlock` while there is no room, and what else the system says.
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match &self.0 {
            Lent::System(socket) => SockRef::from(socket).send_to(datagram, &to.into()).map(drop),
            Lent::Other(socket) => socket.try_send_to(datagram, None, to),
        }
    }
}

impl fmt::Debug for SocketRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketRef(..)")
    }
}

/// State of a socket from one operation to the next; nothing for one that is not the system's.
#[derive(Debug)]
pub(super) struct State(Option<UdpSocketState>);

impl State {
    pub(super) fn new(socket: SocketRef<'_>, is_ipv6: bool, forbids_fragments: bool) -> io::Result<Self> {
        let Lent::System(socket) = socket.0 else { return Ok(Self(None)) };
        let state = UdpSocketState::new((&socket).into())?;
        // Behind the line before, which forbids them, and has the system forget what a path takes.
        set_fragments(socket, is_ipv6, !forbids_fragments)?;
        Ok(Self(Some(state)))
    }

    /// Datagrams that the system cuts off one message.
    pub(super) fn segments_max(&self) -> usize {
        self.0.as_ref().map_or(1, UdpSocketState::max_gso_segments)
    }

    /// Receives into these buffers. Returns how many were filled.
    pub(super) fn receive(
        &self,
        socket: SocketRef<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        match (socket.0, &self.0) {
            (Lent::System(socket), Some(state)) => state.recv((&socket).into(), buffers, metas),
            (Lent::Other(socket), _) => receive_each(socket, buffers, metas),
            (Lent::System(_), None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Sends messages, all with one call where the system has one for it. Returns how many were taken.
    ///
    /// They leave from the address `from` of this host, if one is named. Each that is longer than `segment` is sent in
    /// datagrams of that size.
    pub(super) fn send(
        &self,
        socket: SocketRef<'_>,
        from: Option<IpAddr>,
        bytes: &[u8],
        messages: &[Message],
        segment: Option<u16>,
    ) -> io::Result<usize> {
        match (socket.0, &self.0) {
            (Lent::System(socket), Some(state)) => send(state, socket, from, bytes, messages, segment),
            (Lent::Other(socket), _) => {
                let Some(first) = messages.first() else { return Ok(0) };
                socket.try_send_to(first.within(bytes), from, first.to).map(|()| 1)
            }
            (Lent::System(_), None) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

fn receive_each(
    socket: &dyn Datagrams,
    buffers: &mut [IoSliceMut<'_>],
    metas: &mut [RecvMeta],
) -> io::Result<usize> {
    let mut filled = 0;
    for (buffer, meta) in buffers.iter_mut().zip(metas) {
        match socket.try_recv_from(buffer) {
            Ok((len, addr)) => (meta.addr, meta.len, meta.stride) = (addr, len, len),
            Err(error) if filled == 0 => return Err(error),
            Err(_) => break,
        }
        filled += 1;
    }
    Ok(filled)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send(
    _: &UdpSocketState,
    socket: Handle<'_>,
    from: Option<IpAddr>,
    bytes: &[u8],
    messages: &[Message],
    segment: Option<u16>,
) -> io::Result<usize> {
    super::many::send(socket, from, bytes, messages, segment)
}

/// Sends the first of these messages.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send(
    state: &UdpSocketState,
    socket: Handle<'_>,
    from: Option<IpAddr>,
    bytes: &[u8],
    messages: &[Message],
    segment: Option<u16>,
) -> io::Result<usize> {
    let Some(first) = messages.first() else { return Ok(0) };
    let transmit = quinn_udp::Transmit {
        destination: first.to,
        ecn: None,
        contents: first.within(bytes),
        segment_size: segment.map(usize::from),
        src_ip: from,
    };
    state.try_send((&socket).into(), &transmit).map(|()| 1)
}

/// The error of a datagram that is too big for its path.
pub(super) fn is_too_big(error: &io::Error) -> bool {
    #[cfg(unix)]
    let code = nix::libc::EMSGSIZE;
    // WSAEMSGSIZE
    #[cfg(windows)]
    let code = 10_040;
    error.raw_os_error() == Some(code)
}

/// Says whether packets larger than the path allows are cut into fragments, which old cameras need, or refused.
///
/// With fragments, routers of IPv4 cut what is too big for them: the system does not find out what a path takes by having
/// packets lost (`IP_PMTUDISC_DO` and `WANT` do), since many firewalls let nobody tell. Routers of IPv6 never cut, and there
/// the system does, once it is told.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_fragments(socket: Handle<'_>, is_ipv6: bool, allows: bool) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};
    use rustix::net::sockopt::{
        Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
    };

    let (v4, v6) = match allows {
        true => (Ipv4PathMtuDiscovery::DONT, Ipv6PathMtuDiscovery::DONT),
        false => (Ipv4PathMtuDiscovery::DO, Ipv6PathMtuDiscovery::DO),
    };
    set_ip_mtu_discover(socket, v4)?;
    if is_ipv6 {
        set_ipv6_mtu_discover(socket, v6)?;
        setsockopt(&socket, sockopt::Ipv6DontFrag, &!allows)?;
    }
    Ok(())
}

/// Says whether packets larger than the path allows are cut into fragments, which old cameras need, or refused.
#[cfg(target_vendor = "apple")]
fn set_fragments(socket: Handle<'_>, is_ipv6: bool, allows: bool) -> io::Result<()> {
    use nix::sys::socket::{setsockopt, sockopt};

    match is_ipv6 {
        true => setsockopt(&socket, sockopt::Ipv6DontFrag, &!allows)?,
        false => setsockopt(&socket, sockopt::IpDontFrag, &!allows)?,
    }
    Ok(())
}

/// Elsewhere there is no safe way to it, and packets larger than the path allows are refused or lost.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn set_fragments(_: Handle<'_>, _: bool, _: bool) -> io::Result<()> {
    Ok(())
}
