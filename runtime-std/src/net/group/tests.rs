use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::*;
use crate::bind_udp;

const LOOPBACK: &str = "127.0.0.1";

/// A socket of a group that has joined it, and waits for what comes.
fn member(group: SocketAddr, source: Option<&str>, interface: &str) -> UdpSocket {
    let socket = bind_udp(group).unwrap();
    let source = source.map(|source| source.parse().unwrap());
    let interface = Some(interface.parse().unwrap());
    SocketRef::new(&socket).join(&Membership { group: group.ip(), source, interface }).unwrap();
    patient(socket)
}

fn patient(socket: UdpSocket) -> UdpSocket {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

/// A socket that sends to groups.
fn sender(ip: &str, interface: &str) -> UdpSocket {
    let socket = bind_udp(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
    SocketRef::new(&socket).set_multicast(0, Some(&interface.parse().unwrap())).unwrap();
    socket
}

/// A port that nobody has now, on which each test has a group of its own.
fn group(ip: &str) -> SocketAddr {
    let port = UdpSocket::bind("[::]:0").unwrap().local_addr().unwrap().port();
    SocketAddr::new(ip.parse().unwrap(), port)
}

fn heard(socket: &UdpSocket) -> Option<Vec<u8>> {
    let mut datagram = [0; 100];
    let read = socket.recv(&mut datagram).ok()?;
    Some(datagram[..read].to_vec())
}

#[test]
fn all_members_on_a_host_hear_their_group_and_no_other_on_the_same_port() {
    let (own, other) = (group("239.255.77.1"), "239.255.77.2");
    let members = [member(own, None, LOOPBACK), member(own, None, LOOPBACK)];
    let others = member(SocketAddr::new(other.parse().unwrap(), own.port()), None, LOOPBACK);
    let sender = sender(LOOPBACK, LOOPBACK);
    sender.send_to(b"all", own).unwrap();
    for member in &members {
        assert_eq!(heard(member).as_deref(), Some(&b"all"[..]));
    }
    assert_eq!(heard(&others), None);
    let [left, stays] = members;
    drop(left);
    sender.send_to(b"one", own).unwrap();
    assert_eq!(heard(&stays).as_deref(), Some(&b"one"[..]));
}

#[test]
fn a_port_that_is_shared_after_it_was_bound_is_there_for_members_and_hears_its_own_groups_only() {
    let own = group("239.255.77.5");
    let all = patient(bind_udp(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), own.port())).unwrap());
    assert_eq!(bind_udp(own).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    SocketRef::new(&all).share().unwrap();
    let member = member(own, None, LOOPBACK);
    let joined = Membership {
        group: "239.255.77.6".parse().unwrap(),
        source: None,
        interface: Some(LOOPBACK.parse().unwrap()),
    };
    SocketRef::new(&all).join(&joined).unwrap();
    let sender = sender(LOOPBACK, LOOPBACK);
    sender.send_to(b"the member's", own).unwrap();
    sender.send_to(b"for all", SocketAddr::new(joined.group, own.port())).unwrap();
    assert_eq!(heard(&member).as_deref(), Some(&b"the member's"[..]));
    assert_eq!(heard(&all).as_deref(), Some(&b"for all"[..]));
}

#[test]
fn a_member_for_one_source_hears_that_one_alone() {
    let own = group("232.77.0.1");
    let member = member(own, Some("127.0.0.3"), LOOPBACK);
    sender("127.0.0.2", LOOPBACK).send_to(b"another", own).unwrap();
    sender("127.0.0.3", LOOPBACK).send_to(b"its own", own).unwrap();
    assert_eq!(heard(&member).as_deref(), Some(&b"its own"[..]));
    assert_eq!(heard(&member), None);
}

/// The loopback interface has no route to groups of IPv6, but it can be a member.
#[cfg(target_os = "linux")]
#[test]
fn groups_of_ipv6_are_joined_on_the_interface_that_has_an_address() {
    let _all = member(group("ff15::77:1"), None, "::1");
    let _one = member(group("ff35::77:2"), Some("2001:db8::9"), "::1");
    let joined = std::fs::read_to_string("/proc/net/igmp6").unwrap();
    let is_joined = |ip: &str| joined.lines().any(|line| line.contains("lo") && line.contains(ip));
    assert!(is_joined("ff150000000000000000000000770001"), "{joined}");
    assert!(is_joined("ff350000000000000000000000770002"), "{joined}");
    let filters = std::fs::read_to_string("/proc/net/mcfilter6").unwrap();
    let is_one = |line: &str| line.contains("ff350000000000000000000000770002") && line.contains("20010db8");
    assert!(filters.lines().any(is_one), "{filters}");
}

#[test]
fn an_interface_that_is_not_there_is_refused_with_its_name() {
    let socket = bind_udp(group("239.255.77.4")).unwrap();
    let interface = Some(Interface::Name("rtspan-none0".into()));
    let membership = Membership { group: "239.255.77.4".parse().unwrap(), source: None, interface };
    let error = SocketRef::new(&socket).join(&membership).unwrap_err();
    assert!(error.to_string().contains("rtspan-none0"), "{error}");
    assert_eq!(Interface::Index(u32::MAX).v4().unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[cfg(target_os = "linux")]
#[test]
fn an_interface_is_found_by_its_address_its_number_and_its_name() {
    let by_name = Interface::Name("lo".into());
    let index = by_name.index().unwrap();
    assert_eq!(Interface::Address(LOOPBACK.parse().unwrap()).index().unwrap(), index);
    assert_eq!(Interface::of("[fe80::1%7]:554".parse().unwrap()), Interface::Index(7));
    assert_eq!(Interface::of("[::ffff:127.0.0.1]:554".parse().unwrap()).v4().unwrap().to_string(), LOOPBACK);
    for interface in [by_name, Interface::Index(index)] {
        assert_eq!(interface.v4().unwrap().to_string(), LOOPBACK);
    }
}
