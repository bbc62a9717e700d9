//! Multicast groups of a server and their readers, by the loopback interface.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rtspan_std::client::{Client, Packets};
use rtspan_std::runtime::{Runtime, UdpSocket};
use rtspan_std::server::Server;
use rtspan_std::{
    CloseReason, Event, Interface, MediaTransport, Multicast, ServerConfig, SessionState, TrackChannels,
    Transports,
};

use super::by_hand::for_so_long;
use super::{LOOPBACK, description, event, number, packet, url};

pub(super) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Groups and ports that no other test has at the same time.
pub(super) fn groups<R: Runtime>() -> Multicast {
    let free = R::default().bind_udp((HOME, 0).into()).unwrap().local_addr().unwrap().port() & !1;
    let [high, low] = free.to_be_bytes();
    let range = format!("239.{high}.{}.0/24", low | 1).parse().unwrap();
    Multicast::new(range).unwrap().ports(free, free.saturating_add(40)).ttl(0)
}

async fn serve<R: Runtime>(multicast: Multicast) -> Server<R> {
    let builder = Server::<R>::builder().config(ServerConfig::default());
    builder.multicast(multicast, Interface::Address(HOME)).bind(LOOPBACK).await.unwrap()
}

async fn join<R: Runtime>(server: &Server<R>, transports: Transports) -> Packets<R> {
    let builder = Client::<R>::builder(&url(server, "/cam")).unwrap().transport(transports);
    builder.multicast_interface(Interface::Address(HOME)).play().await.unwrap()
}

pub(crate) async fn a_stream_goes_to_a_group_for_as_long_as_somebody_reads_it<R: Runtime>() {
    let server = serve::<R>(groups::<R>()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(join(&server, Transports::Multicast).await);
    }
    let mut next = 0;
    while let Some(leaving) = readers.pop() {
        for sequence in next..next + 100 {
            stream.write(0, packet(0, sequence, 1000)).unwrap();
            for packets in readers.iter_mut() {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!((number(&received), received.lost), (sequence, 0));
            }
        }
        next += 100;
        leaving.client().teardown().await.unwrap();
    }
    assert!(server.sessions().is_empty());
    // Its sockets are gone and come again.
    let mut again = join(&server, Transports::Multicast).await;
    stream.write(0, packet(0, next, 1000)).unwrap();
    let received = again.next().await.unwrap().unwrap();
    assert!([next - 1, next].contains(&number(&received)), "the newest picture, or the next one");
}

pub(crate) async fn the_server_tells_who_reads_groups_and_what_they_were_sent<R: Runtime>() {
    const PACKETS: u16 = 50;
    let server = serve::<R>(groups::<R>()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut readers = [join(&server, Transports::Multicast).await, join(&server, Transports::Tcp).await];
    for sequence in 0..PACKETS {
        stream.write(0, packet(0, sequence, 500)).unwrap();
        for packets in &mut readers {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), sequence);
        }
    }
    let stats = server.stats().await;
    let sent = |transport| {
        let own = stats.sessions.iter().find(|(info, _)| info.transport == Some(transport)).unwrap();
        (own.0.state, own.1.sent().rtp.packets)
    };
    for transport in [MediaTransport::Multicast, MediaTransport::Tcp] {
        assert_eq!(sent(transport), (SessionState::Play, PACKETS.into()));
    }
    let channels = stats.sessions.iter().flat_map(|(info, _)| &info.tracks).map(|track| track.channels);
    let at: Vec<_> = channels
        .filter_map(|channels| match channels {
            TrackChannels::Multicast(rtp, rtcp) => Some((rtp, rtcp)),
            _ => None,
        })
        .collect();
    assert!(at.len() == 2 && at[0] != at[1] && at.iter().all(|(rtp, rtcp)| rtp.port() + 1 == rtcp.port()));
    let [multicast, _] = readers;
    multicast.client().teardown().await.unwrap();
    let told = event(&server, |event| match event {
        Event::SessionClosed { stats, reason, .. } => Some((reason, stats.sent().rtp.packets)),
        _ => None,
    });
    assert_eq!(told.await, (CloseReason::Teardown, PACKETS.into()));
}

pub(crate) async fn the_end_of_a_stream_ends_the_readers_of_its_groups<R: Runtime>() {
    const PACKETS: u16 = 300;
    let server = serve::<R>(groups::<R>()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut readers =
        [join(&server, Transports::Multicast).await, join(&server, Transports::Multicast).await];
    for sequence in 0..PACKETS {
        stream.write(0, packet(0, sequence, 1000)).unwrap();
    }
    drop(stream);
    for packets in &mut readers {
        for sequence in 0..PACKETS {
            assert_eq!(number(&packets.next().await.unwrap().unwrap()), sequence);
        }
        let end = for_so_long::<R, _>(Duration::from_secs(10), packets.next()).await.expect("the end");
        assert!(end.is_none_or(|received| received.is_err()));
    }
}

pub(crate) async fn ports_of_groups_that_somebody_has_are_passed_over<R: Runtime>() {
    let multicast = groups::<R>();
    let server = serve::<R>(multicast.clone()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let _first = join(&server, Transports::Multicast).await;
    // Another server of the host with the same settings.
    let other = serve::<R>(multicast).await;
    let second = other.publish("/cam", description()).unwrap();
    let mut packets = join(&other, Transports::Multicast).await;
    stream.write(0, packet(0, 7, 100)).unwrap();
    second.write(0, packet(0, 8, 100)).unwrap();
    assert_eq!(number(&packets.next().await.unwrap().unwrap()), 8);
}
