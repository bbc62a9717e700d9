//! Network interfaces, as packets to groups need them: by address in IPv4, by number in IPv6.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The network interface that packets of multicast groups come in and leave by.
///
/// ```
/// use rtspan_std::Interface;
///
/// assert_eq!("192.0.2.7".parse(), Ok(Interface::Address([192, 0, 2, 7].into())));
/// assert_eq!("eth0".parse(), Ok(Interface::Name("eth0".into())));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Interface {
    /// The one that has this address.
    Address(IpAddr),
    /// The one with this number, as `if_nametoindex` tells it.
    Index(u32),
    /// The one of this name.
    Name(Box<str>),
}

impl Interface {
    /// The one by which a connection with this address at its own end goes.
    pub fn of(local: SocketAddr) -> Self {
        match local {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Self::Index(v6.scope_id()),
            _ => Self::Address(local.ip().to_canonical()),
        }
    }

    /// An address of IPv4 that it has.
    pub(super) fn v4(&self) -> io::Result<Ipv4Addr> {
        match self {
            Self::Address(IpAddr::V4(ip)) => Ok(*ip),
            _ => system::v4(self),
        }
    }

    /// Its number.
    pub(crate) fn index(&self) -> io::Result<u32> {
        match self {
            Self::Index(index) => Ok(*index),
            _ => system::index(self),
        }
    }
}

/// Its address, its name or its number.
impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Index(index) => index.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for Interface {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Name(text.into()), Self::Address))
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod system {
    use std::io::{self, ErrorKind};
    use std::net::{IpAddr, Ipv4Addr};

    use nix::ifaddrs::getifaddrs;
    use nix::net::if_::if_nametoindex;
    use nix::sys::socket::SockaddrStorage;

    use super::Interface;

    pub(super) fn v4(interface: &Interface) -> io::Result<Ipv4Addr> {
        let name = name(interface)?;
        let addresses = getifaddrs()?.filter(|own| own.interface_name == name);
        let mut v4 = addresses.filter_map(|own| Some(own.address?.as_sockaddr_in()?.ip()));
        v4.next().ok_or_else(|| {
            io::Error::new(ErrorKind::AddrNotAvailable, format!("{name} has no address of IPv4"))
        })
    }

    pub(super) fn index(interface: &Interface) -> io::Result<u32> {
        let name = name(interface)?;
        if_nametoindex(name.as_str()).map_err(|_| missing(interface))
    }

    fn name(interface: &Interface) -> io::Result<String> {
        if let Interface::Name(name) = interface {
            return if_nametoindex(&**name).map(|_| name.to_string()).map_err(|_| missing(interface));
        }
        let is_it = |name: &str, address: Option<SockaddrStorage>| match interface {
            Interface::Address(ip) => address.and_then(ip_of) == Some(*ip),
            Interface::Index(index) => if_nametoindex(name).is_ok_and(|own| own == *index),
            Interface::Name(own) => **own == *name,
        };
        let found = getifaddrs()?.find(|own| is_it(&own.interface_name, own.address));
        found.map(|own| own.interface_name).ok_or_else(|| missing(interface))
    }

    fn ip_of(address: SockaddrStorage) -> Option<IpAddr> {
        let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
    }

    fn missing(interface: &Interface) -> io::Error {
        io::Error::new(ErrorKind::NotFound, format!("no network interface {interface:?}"))
    }
}

/// Elsewhere the system is asked for neither names nor addresses.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
mod system {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};

    use super::Interface;

    pub(super) fn v4(_: &Interface) -> io::Result<Ipv4Addr> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// For an IPv6 group the system then chooses the interface.
    pub(super) fn index(interface: &Interface) -> io::Result<u32> {
        match interface {
            Interface::Address(IpAddr::V6(_)) => Ok(0),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
