//! UDP socket pairs: requests for them to the runtime, and the media that goes through them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::IoError;

/// The two sockets of a pair (RFC 3550, section 11).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Port {
    /// The even one: packets.
    Rtp,
    /// The one above: reports.
    Rtcp,
}

/// The ports that a pair is bound to.
///
/// ```
/// use rtspan_core::client::ClientConfig;
/// use rtspan_core::udp::UdpPorts;
///
/// // A firewall lets these through.
/// let config = ClientConfig::default().udp_ports(UdpPorts::Range(50_000, 50_099));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum UdpPorts {
    /// Any free even port and the one above it.
    #[default]
    Any,
    /// The first free even port of a range, both ends included, and the one above it.
    Range(u16, u16),
    /// Just these two.
    Fixed(u16, u16),
}

/// A pair of UDP sockets to be opened.
///
/// ```
/// use std::net::Ipv4Addr;
///
/// use rtspan_core::server::ServerConfig;
/// use rtspan_core::udp::{UdpPorts, UdpSpec};
///
/// let spec = UdpSpec::new(Ipv4Addr::UNSPECIFIED.into(), UdpPorts::Fixed(8000, 8001));
/// let config = ServerConfig::default().udp(Some(spec));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct UdpSpec {
    /// The address to bind to. `::` is for peers of IPv6 and IPv4, and `0.0.0.0` for those of IPv4 only: others are refused over UDP
    /// with 461.
    pub ip: IpAddr,
    /// The ports to bind to.
    pub ports: UdpPorts,
}

impl UdpSpec {
    /// Sockets at this address and these ports.
    pub const fn new(ip: IpAddr, ports: UdpPorts) -> Self {
        Self { ip, ports }
    }

    /// Returns `true` if sockets at this address can send to a peer: those of one family cannot send to the other one. Sockets at
    /// `::` take IPv4 too.
    pub(crate) fn reaches(&self, peer: IpAddr) -> bool {
        let is_any = self.ip.is_ipv6() && self.ip.is_unspecified();
        is_any || self.ip.to_canonical().is_ipv4() == peer.to_canonical().is_ipv4()
    }
}

/// A multicast group to be joined: a pair of sockets that are bound to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GroupSpec {
    /// The address of the group.
    pub group: IpAddr,
    /// Its ports for packets and for reports.
    pub ports: (u16, u16),
    /// The only source that is heard (RFC 4607), or all of them.
    pub source: Option<IpAddr>,
    /// The time to live of reports to the group.
    pub ttl: u8,
}

/// Why a pair of UDP sockets was not opened.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UdpOpenError {
    /// All ports asked for are taken.
    #[error(
        "no free pair of UDP ports among those that are configured; configure more, or end what has them"
    )]
    NoFreePorts,
    /// The system refused.
    #[error("UDP sockets cannot be opened")]
    Io(#[source] IoError),
}

/// Where datagrams go: the runtime's batch of system calls.
pub trait DatagramSink {
    /// Takes a datagram for `to`; `false` if the socket would block and it was not taken.
    ///
    /// `from` is the address of this host that the peer has talked to. A host with several addresses has to send from that
    /// one, since peers and firewalls take nothing else: a socket that is bound to all of them names it with each datagram
    /// (`IP_PKTINFO`, `IPV6_PKTINFO`). `None` leaves the choice to the system.
    fn send(&mut self, port: Port, from: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool;
}

mod batch;
mod early;
mod fanout;
mod group;
mod media;
mod order;
mod pace;
mod queues;
mod reader;
mod too_big;
mod trust;

pub use group::GroupTarget;
pub(crate) use group::Members;
pub use media::UdpMedia;
pub use order::UdpCommand;
pub(crate) use order::UdpOrder;
pub(crate) use pace::Pace;
pub(crate) use reader::DatagramReader;
pub use too_big::PacketsTooBig;
pub(crate) use too_big::TooBig;
pub(crate) use trust::Trust;
