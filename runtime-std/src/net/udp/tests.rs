use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtspan_core::udp::{UdpPorts, UdpSpec};

use super::*;
use crate::net::{bind_pair, bind_udp};
use crate::threads::{ThreadUdp, Threads, block_on};

fn pair(ip: IpAddr) -> (UdpPair<ThreadUdp>, (u16, u16)) {
    let (sockets, ports) = bind_pair(&Threads, &UdpSpec::new(ip, UdpPorts::Any)).unwrap();
    (UdpPair::new(sockets, SocketOptions::default()).unwrap(), ports)
}

fn exchange(ip: IpAddr, to: IpAddr) {
    let (mut near, _) = pair(ip);
    let (mut far, (rtp, rtcp)) = pair(ip);
    let sizes = [1200, 1200, 1200, 300, 300, 1200, 1, 9000, 9000, 64];
    let datagrams: Vec<Bytes> =
        sizes.iter().zip(0..).map(|(size, number)| Bytes::from(vec![number; *size])).collect();
    let report = Bytes::from_static(b"report");
    let mut rest = &datagrams[..];
    block_on(poll_fn(|cx| {
        near.poll_send(cx, |pair| {
            while let Some((first, others)) = rest.split_first() {
                if !pair.send(Port::Rtp, None, SocketAddr::new(to, rtp), first) {
                    return true;
                }
                rest = others;
            }
            false
        })
    }));
    block_on(poll_fn(|cx| {
        near.poll_send(cx, |pair| !pair.send(Port::Rtcp, None, SocketAddr::new(to, rtcp), &report))
    }));
    let (mut packets, mut reports) = (Vec::new(), Vec::new());
    block_on(poll_fn(|cx| {
        while packets.len() < datagrams.len() || reports.is_empty() {
            let more = far.poll_receive(cx, 1, |port, from, datagram| {
                assert_eq!(from.ip(), to);
                match port {
                    Port::Rtp => packets.push(datagram),
                    Port::Rtcp => reports.push(datagram),
                }
            });
            if more.is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }));
    assert_eq!(packets, datagrams);
    assert_eq!(reports, [report]);
}

#[test]
fn datagrams_of_any_size_arrive_whole_and_in_order() {
    exchange(Ipv4Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into());
}

#[test]
fn a_socket_for_both_families_reaches_and_names_peers_of_the_older_one() {
    exchange(Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into());
}

#[test]
fn many_destinations_get_their_own_datagrams_of_any_size() {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let readers: Vec<_> = (0..150).map(|_| std::net::UdpSocket::bind((ip, 0)).unwrap()).collect();
    let ports: Vec<_> = readers.iter().map(|reader| reader.local_addr().unwrap()).collect();
    let sizes = [1400, 1400, 160, 1400, 700, 700, 3000, 12];
    let datagrams: Vec<Bytes> =
        sizes.iter().zip(0..).map(|(size, number)| Bytes::from(vec![number; *size])).collect();
    // Every third one wants less, every fifth what nobody else does, and every seventh a part of each.
    let wanted = |reader: usize| {
        let (fewer, own) = (reader % 3 == 2, reader % 5 == 4);
        let chosen = datagrams.iter().enumerate().filter(move |(place, _)| !fewer || place % 2 == 0);
        let number = u8::try_from(reader).unwrap();
        chosen
            .map(|(_, datagram)| {
                let len = if reader % 7 == 6 { datagram.len() / 2 } else { datagram.len() };
                datagram.slice(..len)
            })
            .chain(own.then(|| vec![number; reader].into()))
            .collect::<Vec<Bytes>>()
    };
    let sent: Vec<_> = (0..readers.len()).map(wanted).collect();
    for segments_max in [64, 1] {
        let (mut near, _) = pair(ip);
        if segments_max == 1 {
            near.rtp.offload = Offload::new(1);
        }
        let mut rest = sent.iter().zip(&ports).flat_map(|(all, to)| all.iter().map(|one| (*to, one)));
        let mut next = rest.next();
        block_on(poll_fn(|cx| {
            near.poll_send(cx, |pair| {
                while let Some((to, datagram)) = next {
                    if !pair.send(Port::Rtp, None, to, datagram) {
                        return true;
                    }
                    next = rest.next();
                }
                false
            })
        }));
        let mut buffer = vec![0; 1 << 16];
        for (reader, datagrams) in readers.iter().zip(&sent) {
            for datagram in datagrams {
                let len = reader.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..len], &datagram[..]);
            }
        }
    }
}

/// Loopback has many addresses of IPv4, and one of IPv6.
#[cfg(target_os = "linux")]
#[test]
fn datagrams_leave_from_the_address_that_is_named_if_the_socket_is_bound_to_all() {
    let (v4, v6) = (IpAddr::from([127, 0, 0, 7]), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let bound = IpAddr::from([127, 0, 0, 2]);
    let burst: Vec<Bytes> = [1200, 1200, 300].map(|len| Bytes::from(vec![7; len])).into();
    for (at, named, expected) in [
        (Ipv4Addr::UNSPECIFIED.into(), Some(v4), v4),
        (Ipv4Addr::UNSPECIFIED.into(), None, Ipv4Addr::LOCALHOST.into()),
        (Ipv6Addr::UNSPECIFIED.into(), Some(v4), v4),
        (Ipv6Addr::UNSPECIFIED.into(), Some(v6), v6),
        (bound, Some(v4), bound),
    ] {
        for segments_max in [64, 1] {
            let (mut near, (port, _)) = pair(at);
            near.rtp.offload = Offload::new(segments_max);
            let far = std::net::UdpSocket::bind((expected, 0)).unwrap();
            far.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
            let to = far.local_addr().unwrap();
            let mut rest = burst.iter();
            block_on(poll_fn(|cx| {
                near.poll_send(cx, |pair| rest.any(|datagram| !pair.send(Port::Rtp, named, to, datagram)))
            }));
            for datagram in &burst {
                let mut buffer = [0; 2000];
                let (len, from) = far.recv_from(&mut buffer).unwrap();
                assert_eq!(buffer[..len], datagram[..]);
                assert_eq!(from, SocketAddr::new(expected, port), "from {at}, {segments_max} segments");
            }
        }
    }
}

#[test]
fn a_socket_asks_for_the_class_of_service_that_is_wanted() {
    let socket = bind_udp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)).unwrap();
    let alias = socket.try_clone().unwrap();
    let options = SocketOptions { dscp: Some(crate::Dscp::AF41), ..SocketOptions::default() };
    let _half = Half::new(ThreadUdp::new(socket), options).unwrap();
    assert_eq!(socket2::SockRef::from(&alias).tos_v4().unwrap(), 34 << 2);
}

#[cfg(target_os = "linux")]
#[test]
fn packets_larger_than_the_path_allows_are_cut_into_fragments_unless_that_is_forbidden() {
    use nix::sys::socket::{getsockopt, sockopt};
    use rustix::net::sockopt::{Ipv4PathMtuDiscovery, ip_mtu_discover};

    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::UNSPECIFIED)] {
        for (forbids_fragments, expected) in
            [(false, Ipv4PathMtuDiscovery::DONT), (true, Ipv4PathMtuDiscovery::DO)]
        {
            let socket = bind_udp(SocketAddr::new(ip, 0)).unwrap();
            let alias = socket.try_clone().unwrap();
            let options = SocketOptions { forbids_fragments, ..SocketOptions::default() };
            let _half = Half::new(ThreadUdp::new(socket), options).unwrap();
            assert_eq!(ip_mtu_discover(&alias).unwrap(), expected);
            if ip.is_ipv6() {
                assert_eq!(getsockopt(&alias, sockopt::Ipv6DontFrag).unwrap(), forbids_fragments);
            }
        }
    }
}
