//! Wakes at a client: of its driver, of those who wait for its packets, and of those who wait for anything else.
#![allow(clippy::unwrap_used)]

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use rtspan_std::client::Error;
use rtspan_std::server::ServerStream;
use rtspan_std::sim::{Client, Host, Link, Packets, Server, Sim, sleep};
use rtspan_std::{ClientConfig, ClientEvent, Event, StartAt, Transports, WallSource, limits};

use super::cancelled::Cut;
use super::world::{MINUTE, URL, config, description, packet, serve};

const SOON: Duration = Duration::from_millis(100);

struct World {
    sim: Sim,
    server_host: Host,
    server: Server,
    stream: ServerStream,
    client: Host,
    packets: Packets,
}

/// A client that plays a stream that nothing is written to.
fn playing(seed: u64, transports: Transports) -> World {
    let sim = Sim::new(seed);
    let (server_host, server) = serve(&sim, config().rtcp_events(true));
    let stream = server.publish("/cam", description()).unwrap();
    let client = sim.host("10.0.0.2");
    let play = async { Client::builder(URL).unwrap().transport(transports).play().await.unwrap() };
    let packets = sim.run(&client, MINUTE, play).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    World { sim, server_host, server, stream, client, packets }
}

async fn closed(client: &Client) {
    while !matches!(client.next_event().await, None | Some(ClientEvent::Closed(_))) {}
}

#[test]
fn a_reader_that_has_gone_leaves_the_sockets_to_the_driver() {
    for seed in 0..20 {
        for once_woken in [false, true] {
            let World { sim, server, stream, client, mut packets, .. } = playing(seed, Transports::Tcp);
            let session = server.sessions().first().unwrap().session;
            let end = async {
                let cut = Cut { polls: 1, once_woken };
                let (cut_off, rest) = (cut.off(packets.next()), async {
                    sleep(Duration::from_millis(5)).await;
                    server.close_session(session);
                });
                let ((), _) = both(rest, cut_off).await;
            };
            sim.run(&client, MINUTE, end).unwrap();
            // Nobody waits for packets any more, and the end is told.
            sim.run(&client, SOON, closed(packets.client())).unwrap();
            drop(stream);
        }
    }
}

/// Waits for both.
async fn both<A, B>(first: impl Future<Output = A>, second: impl Future<Output = B>) -> (A, B) {
    let (mut first, mut second) = (Box::pin(first), Box::pin(second));
    let (mut of_first, mut of_second) = (None, None);
    poll_fn(|cx| {
        if of_first.is_none() {
            if let Poll::Ready(output) = first.as_mut().poll(cx) {
                of_first = Some(output);
            }
        }
        if of_second.is_none() {
            if let Poll::Ready(output) = second.as_mut().poll(cx) {
                of_second = Some(output);
            }
        }
        if of_first.is_some() && of_second.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (of_first.unwrap(), of_second.unwrap())
}

#[test]
fn what_a_handle_gives_back_wakes_another_that_waits() {
    for seed in 0..5 {
        let World { sim, stream, client, mut packets, server: _server, .. } = playing(seed, Transports::Tcp);
        let frame: Vec<_> = (0..10).map(|number| packet(number, 100)).collect();
        stream.write_frame(0, &frame).unwrap();
        let next = sim.run(&client, SOON, packets.next()).unwrap().unwrap().unwrap();
        assert_eq!(next.packet.sequence(), 0);
        sim.run_for(SOON).unwrap();
        // It takes all of them, and waits for more.
        let mut other = packets.client().packets();
        while let Some(received) = other.try_next() {
            assert!(received.lost == 0);
        }
        let waits = sim.run(&client, SOON, other.next());
        assert!(waits.is_err(), "all that there is was taken, {waits:?}");
        let told = Arc::new(Mutex::new(None));
        let tells = Arc::clone(&told);
        client.spawn(async move {
            let next = other.next().await;
            *tells.lock().unwrap() = next.and_then(Result::ok).map(|received| received.packet.sequence());
        });
        sim.run_for(SOON).unwrap();
        assert_eq!(*told.lock().unwrap(), None);
        sim.run(&client, SOON, async { drop(packets) }).unwrap();
        sim.run_for(SOON).unwrap();
        assert!(told.lock().unwrap().is_some(), "seed {seed}");
    }
}

#[test]
fn a_burst_wakes_as_many_as_there_are_packets_for() {
    const READERS: usize = 4;
    for seed in 0..40 {
        let transports = if seed % 2 == 0 { Transports::Udp } else { Transports::Tcp };
        let World { sim, stream, client, packets, server: _server, .. } = playing(seed, transports);
        // All of a burst is there at once.
        sim.set_rough(false);
        let count = Arc::new(Mutex::new(0));
        for _ in 0..READERS {
            let (mut own, count) = (packets.client().packets(), Arc::clone(&count));
            client.spawn(async move {
                assert!(own.next().await.unwrap().is_ok());
                *count.lock().unwrap() += 1;
                // It has other things to do.
                sleep(MINUTE).await;
            });
        }
        sim.run_for(SOON).unwrap();
        let frame: Vec<_> = (0..READERS as u16).map(|number| packet(number, 100)).collect();
        stream.write_frame(0, &frame).unwrap();
        sim.run_for(SOON).unwrap();
        assert_eq!(*count.lock().unwrap(), READERS, "seed {seed}");
    }
}

/// A message of the application's (APP, RFC 3550, section 6.7).
const APP: &[u8] = &[0x80, 204, 0, 3, 0, 0, 0, 9, b't', b'e', b's', b't', 1, 2, 3, 4];

#[test]
fn what_has_woken_a_reader_that_has_gone_is_read_by_the_driver() {
    for seed in 0..20 {
        let World { sim, stream, client, packets, server: _server, .. } = playing(seed, Transports::Tcp);
        drop(packets);
        let config = ClientConfig::default().transports(Transports::Tcp).rtcp_events(true);
        let play = async { Client::builder(URL).unwrap().config(config).play().await.unwrap() };
        let mut packets = sim.run(&client, MINUTE, play).unwrap();
        sim.run_for(Duration::from_secs(1)).unwrap();
        let told = async {
            let comes = async {
                sleep(Duration::from_millis(5)).await;
                stream.write_rtcp(0, APP.into()).unwrap();
            };
            both(comes, Cut { polls: 1, once_woken: true }.off(packets.next())).await;
            while !matches!(packets.client().next_event().await, Some(ClientEvent::RtcpReceived { .. })) {}
        };
        sim.run(&client, SOON, told).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn rtcp_of_the_application_leaves_at_once() {
    for transports in [Transports::Tcp, Transports::Udp] {
        let World { sim, server, stream, client, packets, .. } = playing(1, transports);
        packets.client().write_rtcp(0, APP.into()).unwrap();
        let told = async {
            while !matches!(server.next().await.unwrap(), Event::RtcpReceived { compound, .. } if compound == APP)
            {
            }
        };
        sim.run(&client, SOON, told).unwrap();
        drop(stream);
    }
}

#[test]
fn the_wall_clock_of_a_client_is_looked_at_again() {
    let World { sim, server_host, server, stream, client, packets } = playing(2, Transports::Tcp);
    drop((packets, stream));
    sim.run_for(Duration::from_secs(10)).unwrap();
    let publish = async {
        Client::builder(URL).unwrap().transport(Transports::Tcp).publish(description()).await.unwrap()
    };
    let publisher = sim.run(&client, MINUTE, publish).unwrap();
    client.spawn(async move {
        for number in 0.. {
            publisher.write(0, packet(number, 100)).await.unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    });
    client.set_wall_ahead(true, MINUTE * 60);
    sim.run_for(MINUTE * 3).unwrap();
    let stream = server.streams().first().unwrap().stream;
    let mut packets = server.read(stream, StartAt::Live).unwrap();
    let wall = sim.run(&server_host, MINUTE, packets.next()).unwrap().unwrap().time.wall().unwrap();
    assert_eq!(wall.source, WallSource::SenderReport);
    let (told, is) = (wall.ntp.to_unix().unwrap(), client.wall().to_unix().unwrap());
    assert!(is.abs_diff(told) < Duration::from_secs(1), "{told:?}, {is:?}");
}

#[test]
fn whoever_waits_where_the_runtime_of_a_client_or_server_is_gone_is_told() {
    let World { sim, server_host, server, client, mut packets, stream: _stream, .. } =
        playing(3, Transports::Tcp);
    let elsewhere = sim.host("10.0.0.4");
    elsewhere.spawn(async move {
        sleep(SOON).await;
        client.kill();
        assert_eq!((client.tasks(), client.sockets()), (0, 0));
        sleep(SOON).await;
        server_host.kill();
        assert_eq!((server_host.tasks(), server_host.sockets()), (0, 0));
    });
    let ends = async {
        let next = packets.next().await;
        assert!(matches!(next, Some(Err(Error::Stopped))), "{next:?}");
        while server.next().await.is_some() {}
    };
    sim.run(&elsewhere, SOON * 3, ends).unwrap();
}

#[test]
fn a_media_that_has_ended_is_waited_for_when_it_is_played_again() {
    /// The end of the packets' source (BYE, RFC 3550, section 6.6).
    const BYE: &[u8] = &[0x80, 201, 0, 1, 0, 0, 0, 1, 0x81, 203, 0, 1, 0, 0, 0, 1];
    let World { sim, stream, client, mut packets, server, .. } = playing(4, Transports::Tcp);
    stream.write(0, packet(0, 100)).unwrap();
    let again = async {
        assert!(packets.next().await.unwrap().is_ok());
        stream.write_rtcp(0, BYE.into()).unwrap();
        stream.write(0, packet(1, 100)).unwrap();
        while let Some(received) = packets.next().await {
            received.unwrap();
        }
        packets.client().pause().await.unwrap();
        packets.client().play(None).await.unwrap();
    };
    sim.run(&client, MINUTE, again).unwrap();
    let waits = sim.run(&client, SOON, async { while packets.next().await.is_some() {} });
    assert!(waits.is_err(), "the next packet may still come");
    drop(server);
}

#[test]
fn what_came_before_the_end_of_the_connection_is_read_before_it() {
    const PACKETS: u16 = 900;
    let World { sim, stream, client, mut packets, server, .. } = playing(5, Transports::Udp);
    client.stop_for(Duration::from_secs(3));
    let frame: Vec<_> = (0..PACKETS).map(|number| packet(number, 10)).collect();
    stream.write_frame(0, &frame).unwrap();
    sim.run_for(SOON).unwrap();
    drop(stream);
    sim.run_for(Duration::from_secs(2)).unwrap();
    assert!(server.connections().is_empty(), "the server has closed it");
    let all = async {
        for number in 0..PACKETS {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((received.packet.sequence(), received.lost), (number, 0));
        }
        packets.next().await
    };
    let end = sim.run(&client, MINUTE, all).unwrap();
    assert!(end.is_none(), "{end:?}");
}

#[test]
fn an_address_that_refuses_is_not_waited_for_behind_one_that_is_silent() {
    let sim = Sim::new(6);
    let (_host, _server) = serve(&sim, config());
    let (silent, refusing) = (sim.host("10.0.0.7"), sim.host("10.0.0.8"));
    silent.cut_power();
    assert_eq!(refusing.tasks(), 0);
    sim.name("camera", &["10.0.0.7", "10.0.0.8", "10.0.0.1"]);
    let begun = sim.now();
    let connect = async { Client::connect("rtsp://camera:554/cam").await.map(drop).unwrap() };
    sim.run(&sim.host("10.0.0.2").link_to("10.0.0.1", Link::new()), MINUTE, connect).unwrap();
    let took = sim.now().since(begun);
    let delay = limits::CONNECT_ATTEMPT_DELAY;
    assert!(took < delay * 3 / 2, "{took:?}");
}
