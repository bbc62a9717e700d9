//! Sockets of multicast groups: how they join one, and how what they send to groups leaves.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use rtspan_core::limits;
use socket2::SockRef;

use super::Interface;
use super::socket::{Handle, Lent, SocketRef};
use crate::runtime::{Runtime, UdpSocket};

/// A group that a socket joins, with all sources or a single one.
///
/// A socket leaves the group when it is dropped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    /// The address of the group.
    pub group: IpAddr,
    /// The only source that is heard (RFC 4607), or all of them.
    pub source: Option<IpAddr>,
    /// The interface that the packets come in by, or the one that the system's routes say.
    pub interface: Option<Interface>,
}

impl Membership {
    /// The address that a socket is bound to, to hear the group on a port.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        let IpAddr::V6(ip) = self.group else { return SocketAddr::new(self.group, port) };
        // Groups of one link only are told apart by it (RFC 4291, section 2.7). Where its number is not known the system tells.
        let is_of_link = matches!(ip.segments(), [first, ..] if first & 0xf <= 2);
        let interface = self.interface.as_ref().filter(|_| is_of_link);
        let scope = interface.and_then(|interface| interface.index().ok());
        SocketAddrV6::new(ip, port, 0, scope.unwrap_or_default()).into()
    }
}

impl SocketRef<'_> {
    /// Lets sockets that share as well have the same port, so that several programs of a host hear a group.
    ///
    /// # Errors
    ///
    /// The error of the system.
    pub fn share(&self) -> io::Result<()> {
        match &self.0 {
            Lent::System(socket) => share(*socket),
            Lent::Other(socket) => socket.share(),
        }
    }

    /// Joins a group, so that its packets come, and those of no other group that any program of the host has joined.
    ///
    /// # Errors
    ///
    /// There is no such interface, or it knows no multicast; the group and the source are of different families; what else the
    /// system says.
    pub fn join(&self, membership: &Membership) -> io::Result<()> {
        match &self.0 {
            Lent::System(socket) => join(*socket, membership),
            Lent::Other(socket) => socket.join(membership),
        }
    }

    /// The address that packets to a group come from. No socket that is still to send to others is to be asked.
    ///
    /// # Errors
    ///
    /// There is no way to the group.
    fn source_to(&self, group: IpAddr) -> io::Result<IpAddr> {
        match &self.0 {
            Lent::System(socket) => {
                // Nothing is sent by that: the system only looks for the way. It wants any port.
                let socket = SockRef::from(socket);
                socket.connect(&SocketAddr::new(group, limits::MULTICAST_PORTS.0).into())?;
                let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
                Ok(local.ip())
            }
            Lent::Other(socket) => socket.source_to(group),
        }
    }

    /// Says how packets to groups leave: how many routers may pass them on, and by which interface they go. Of groups that it
    /// has not joined nothing comes, whatever other programs of the host have joined.
    ///
    /// # Errors
    ///
    /// There is no such interface, and what else the system says.
    pub fn set_multicast(&self, ttl: u8, interface: Option<&Interface>) -> io::Result<()> {
        match &self.0 {
            Lent::System(socket) => set_multicast(*socket, ttl, interface),
            Lent::Other(socket) => socket.set_multicast(ttl, interface),
        }
    }
}

/// The address that packets to a group come from that a socket on this interface sends.
///
/// # Errors
///
/// There is no such interface, or no way to the group.
pub(crate) fn source_to<R: Runtime>(
    runtime: &R,
    group: IpAddr,
    interface: Option<&Interface>,
) -> io::Result<IpAddr> {
    let any = if group.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = runtime.bind_udp(SocketAddr::new(any, 0))?;
    socket.socket().set_multicast(1, interface)?;
    socket.socket().source_to(group)
}

fn share(socket: Handle<'_>) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    Ok(())
}

fn join(socket: Handle<'_>, membership: &Membership) -> io::Result<()> {
    let interface = membership.interface.as_ref();
    #[cfg(target_os = "linux")]
    match membership.group {
        IpAddr::V4(_) => SockRef::from(&socket).set_multicast_all_v4(false)?,
        IpAddr::V6(_) => SockRef::from(&socket).set_multicast_all_v6(false)?,
    }
    match (membership.group, membership.source) {
        (IpAddr::V4(group), None) => SockRef::from(&socket).join_multicast_v4(&group, &v4(interface)?),
        (IpAddr::V4(group), Some(IpAddr::V4(source))) => {
            SockRef::from(&socket).join_ssm_v4(&source, &group, &v4(interface)?)
        }
        (IpAddr::V6(group), None) => SockRef::from(&socket).join_multicast_v6(&group, index(interface)?),
        (IpAddr::V6(group), Some(IpAddr::V6(source))) => {
            join_ssm_v6(socket, group, source, index(interface)?)
        }
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn set_multicast(socket: Handle<'_>, ttl: u8, interface: Option<&Interface>) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    #[cfg(target_os = "linux")]
    match socket.local_addr()?.is_ipv6() {
        true => socket.set_multicast_all_v6(false)?,
        false => socket.set_multicast_all_v4(false)?,
    }
    if socket.local_addr()?.is_ipv6() {
        socket.set_multicast_hops_v6(ttl.into())?;
        socket.set_multicast_if_v6(index(interface)?)
    } else {
        socket.set_multicast_ttl_v4(ttl.into())?;
        socket.set_multicast_if_v4(&v4(interface)?)
    }
}

fn v4(interface: Option<&Interface>) -> io::Result<Ipv4Addr> {
    interface.map_or(Ok(Ipv4Addr::UNSPECIFIED), Interface::v4)
}

fn index(interface: Option<&Interface>) -> io::Result<u32> {
    interface.map_or(Ok(0), Interface::index)
}

/// Joins what one source sends to a group of IPv6, for which no crate has a call.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn join_ssm_v6(socket: Handle<'_>, group: Ipv6Addr, source: Ipv6Addr, index: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    use nix::libc::{self, socklen_t};

    let storage = |ip: Ipv6Addr| {
        let mut storage = socket2::SockAddr::from(SocketAddr::new(ip.into(), 0)).as_storage();
        // SAFETY: The storage is the system's own structure, in another crate's name.
        #[allow(unsafe_code)]
        unsafe {
            *storage.view_as::<libc::sockaddr_storage>()
        }
    };
    let request = libc::group_source_req {
        gsr_interface: index,
        gsr_group: storage(group),
        gsr_source: storage(source),
    };
    // SAFETY: The option takes this structure, whose address and length are those of a living value.
    #[allow(unsafe_code)]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IPV6,
            libc::MCAST_JOIN_SOURCE_GROUP,
            (&raw const request).cast(),
            size_of_val(&request) as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Elsewhere there is no safe way to it.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn join_ssm_v6(_: Handle<'_>, _: Ipv6Addr, _: Ipv6Addr, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests;
