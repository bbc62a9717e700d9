use std::array;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, cmsg_space, sendmmsg};

use super::batch::{MESSAGES_MAX, Message};

thread_local! {
    /// The headers of one call: per thread, so that no call allocates and no socket holds any.
    static HEADERS: RefCell<Headers> = RefCell::default();
}

#[derive(Default)]
struct Headers {
    /// By the bytes that they have for what is said of all messages of a call; the system takes no byte more.
    by_space: BTreeMap<usize, MultiHeaders<SockaddrStorage>>,
    addrs: Vec<Option<SockaddrStorage>>,
}

/// The address that messages leave from, as the system takes it.
enum Source {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Source {
    /// As an address of the family of a socket that sends to `to`.
    fn new(from: IpAddr, to: SocketAddr) -> Self {
        match (from, to) {
            (IpAddr::V4(ip), SocketAddr::V4(_)) => {
                let any = in_addr { s_addr: 0 };
                let ipi_spec_dst = in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
                Self::V4(in_pktinfo { ipi_ifindex: 0, ipi_spec_dst, ipi_addr: any })
            }
            (ip, _) => {
                let ip = match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped(),
                    IpAddr::V6(ip) => ip,
                };
                Self::V6(in6_pktinfo { ipi6_addr: in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 })
            }
        }
    }

    /// The bytes that it takes in a header.
    fn space(&self) -> usize {
        match self {
            Self::V4(_) => cmsg_space::<in_pktinfo>(),
            Self::V6(_) => cmsg_space::<in6_pktinfo>(),
        }
    }

    fn message(&self) -> ControlMessage<'_> {
        match self {
            Self::V4(source) => ControlMessage::Ipv4PacketInfo(source),
            Self::V6(source) => ControlMessage::Ipv6PacketInfo(source),
        }
    }
}

/// Sends messages with one call, each that is longer than `segment` in datagrams of that size, and all from the address `from`
/// if one is named. Returns how many were taken.
///
/// # Errors
///
/// The system's error for the first message; the next call tells of any other.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    from: Option<IpAddr>,
    bytes: &[u8],
    messages: &[Message],
    segment: Option<u16>,
) -> io::Result<usize> {
    let source = from.zip(messages.first()).map(|(from, first)| Source::new(from, first.to));
    let (segments, named) =
        (segment.as_ref().map(ControlMessage::UdpGsoSegments), source.as_ref().map(Source::message));
    let both;
    let said = match (segments, named) {
        (Some(segments), Some(named)) => {
            both = [segments, named];
            &both[..]
        }
        (Some(_), None) => segments.as_slice(),
        (None, _) => named.as_slice(),
    };
    let space = segments.map_or(0, |_| cmsg_space::<u16>()) + source.as_ref().map_or(0, Source::space);
    HEADERS.with_borrow_mut(|Headers { by_space, addrs }| {
        let headers = by_space.entry(space).or_insert_with(|| {
            MultiHeaders::preallocate(MESSAGES_MAX, Some(vec![0; space]).filter(|_| space > 0))
        });
        addrs.clear();
        addrs.extend(messages.iter().take(MESSAGES_MAX).map(|message| Some(message.to.into())));
        let slices: [[IoSlice<'_>; 1]; MESSAGES_MAX] =
            array::from_fn(|place| [IoSlice::new(messages.get(place).map_or(&[], |own| own.within(bytes)))]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = sendmmsg(socket.as_raw_fd(), headers, &slices, &*addrs, said, flags)?;
        Ok(sent.count())
    })
}
