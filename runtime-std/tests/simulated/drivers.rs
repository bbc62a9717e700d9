//! Duties of the drivers that show only in a world in which sockets, tasks and clocks can be had by number.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtspan_std::runtime::Runtime;
use rtspan_std::sim::{Client, Host, Link, Publisher, Server, Sim, SimRuntime, SimTcp, sleep};
use rtspan_std::{Event, Instant, ServerConfig, StartAt, StreamId, Transports, WallSource, limits};

use super::world::{MINUTE, SERVER, URL, config, description, packet, serve};

const OPTIONS: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

async fn connect() -> SimTcp {
    SimRuntime::default().connect(SERVER.parse().unwrap()).await.unwrap()
}

#[test]
fn a_server_that_has_no_sockets_left_rests_and_goes_on_when_it_has() {
    let sim = Sim::new(1);
    let (host, server) = serve(&sim, ServerConfig::default());
    let client = sim.host("10.0.0.2");
    host.set_sockets_max(4);
    let sockets = sim.run(&client, MINUTE, async {
        let mut sockets = Vec::new();
        for _ in 0..10 {
            sockets.push(connect().await);
        }
        sockets
    });
    let (before, mut sockets) = (sim.turns(), sockets.unwrap());
    sim.run_for(Duration::from_secs(5)).unwrap();
    let turns = sim.turns() - before;
    assert!(turns < 500, "{turns} turns while nothing can be accepted");
    assert_eq!(server.connections().len(), 3);
    let mut last = sockets.pop().unwrap();
    drop(sockets);
    let answered = async {
        last.write_all(OPTIONS).await.unwrap();
        last.read(&mut [0; 100]).await.unwrap()
    };
    assert!(sim.run(&client, Duration::from_secs(1), answered).unwrap() > 0);
}

#[test]
fn a_connection_for_which_there_is_no_task_leaves_nothing_behind() {
    let sim = Sim::new(2);
    let (host, server) = serve(&sim, ServerConfig::default());
    let client = sim.host("10.0.0.2");
    host.set_tasks_max(0);
    for _ in 0..5 {
        let end = async { connect().await.read(&mut [0; 10]).await };
        assert_eq!(sim.run(&client, Duration::from_secs(1), end).unwrap().unwrap_or_default(), 0);
    }
    assert!(server.connections().is_empty(), "{:?}", server.connections());
    host.set_tasks_max(100);
    sim.run_for(Duration::from_secs(1)).unwrap();
    let answered = async {
        let mut socket = connect().await;
        socket.write_all(OPTIONS).await.unwrap();
        socket.read(&mut [0; 100]).await.unwrap()
    };
    assert!(sim.run(&client, Duration::from_secs(1), answered).unwrap() > 0);
}

#[test]
fn a_reader_that_does_not_read_is_not_asked_again_and_again() {
    let sim = Sim::new(3);
    let (host, server) = serve(&sim, config());
    let stream = server.publish("/cam", description()).unwrap();
    let client = sim.host("10.0.0.2");
    let play = async {
        let builder = Client::builder(URL).unwrap().transport(Transports::Tcp);
        builder.play().await.unwrap()
    };
    let _packets = sim.run(&client, MINUTE, play).unwrap();
    // Packets for it wait on the way.
    client.stop_for(MINUTE);
    let before = sim.turns();
    let writing = async {
        for number in 0..200 {
            stream.write(0, packet(number, 10_000)).unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    };
    sim.run(&host, MINUTE, writing).unwrap();
    let turns = sim.turns() - before;
    assert!(turns < 2000, "{turns} turns for 200 packets");
}

#[test]
fn the_wall_clock_of_a_server_is_told_from_the_first_report_and_looked_at_again() {
    let sim = Sim::new(4);
    let (host, server) = serve(&sim, config());
    let stream = Arc::new(server.publish("/cam", description()).unwrap());
    let writes = Arc::clone(&stream);
    host.spawn(async move {
        for number in 0.. {
            writes.write(0, packet(number, 100)).unwrap();
            sleep(Duration::from_millis(40)).await;
        }
    });
    let client = sim.host("10.0.0.2");
    let play = async { Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap() };
    let mut packets = sim.run(&client, MINUTE, play).unwrap();
    for wait in [MINUTE / 4, MINUTE * 3] {
        let told = async {
            sleep(wait).await;
            let mut last = None;
            while let Some(received) = packets.try_next() {
                last = received.time.wall();
            }
            last.expect("packets have come")
        };
        let wall = sim.run(&client, MINUTE * 5, told).unwrap();
        assert_eq!(wall.source, WallSource::SenderReport);
        let (told, is) = (wall.ntp.to_unix().unwrap(), host.wall().to_unix().unwrap());
        assert!(is.abs_diff(told) < Duration::from_secs(1), "{told:?}, {is:?}");
        host.set_wall_ahead(true, MINUTE * 60);
    }
}

#[test]
fn datagrams_that_find_no_room_are_sent_when_there_is() {
    const PACKETS: u16 = 400;
    let sim = Sim::new(5);
    let (_host, server) = serve(&sim, config());
    let stream = server.publish("/cam", description()).unwrap();
    let slow = Link::new().bandwidth(4_000_000).queue(1 << 20);
    let client = sim.host("10.0.0.2").link_to("10.0.0.1", slow);
    let play = async {
        let builder = Client::builder(URL).unwrap().transport(Transports::Udp);
        builder.play().await.unwrap()
    };
    let mut packets = sim.run(&client, MINUTE, play).unwrap();
    let frame: Vec<_> = (0..PACKETS).map(|number| packet(number, 1000)).collect();
    stream.write_frame(0, &frame).unwrap();
    let received = async {
        for number in 0..PACKETS {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((received.packet.sequence(), received.lost), (number, 0));
        }
    };
    // 400 kB at half a megabyte a second.
    sim.run(&client, Duration::from_secs(2), received).unwrap();
}

#[test]
fn the_last_handle_that_is_dropped_ends_the_session_at_once() {
    let sim = Sim::new(6);
    let (host, server) = serve(&sim, config());
    let _stream = server.publish("/cam", description()).unwrap();
    let client = sim.host("10.0.0.2");
    let play = async { Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap() };
    let packets = sim.run(&client, MINUTE, play).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    drop(packets);
    let closed = async { while !matches!(server.next().await, Some(Event::SessionClosed { .. })) {} };
    sim.run(&host, Duration::from_millis(100), closed).unwrap();
}

#[test]
fn packets_are_gathered_no_longer_than_they_may_be_however_they_come() {
    const GATHER: Duration = Duration::from_millis(200);
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let (host, server) = serve(&sim, ServerConfig::default().gather(GATHER));
        let stream = server.publish("/cam", description()).unwrap();
        let client = sim.host("10.0.0.2");
        let play = async { Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap() };
        let mut packets = sim.run(&client, MINUTE, play).unwrap();
        let written = Arc::new(Mutex::new(Vec::<Instant>::new()));
        let notes = Arc::clone(&written);
        host.spawn(async move {
            for number in 0..60_u16 {
                notes.lock().unwrap().push(SimRuntime::default().clock().now());
                stream.write(0, packet(number, 100)).unwrap();
                sleep(Duration::from_millis(u64::from(number) % 7 * 50)).await;
            }
            sleep(MINUTE).await;
        });
        let received = async {
            for number in 0..60 {
                let received = packets.next().await.unwrap().unwrap();
                assert_eq!(usize::from(received.packet.sequence()), number);
                let late = SimRuntime::default().clock().now().since(written.lock().unwrap()[number]);
                assert!(late < GATHER + Duration::from_millis(20), "{late:?}, seed {seed}");
            }
        };
        sim.run(&client, MINUTE, received).unwrap();
    }
}

#[test]
fn what_is_gathered_leaves_at_once_when_its_stream_ends() {
    let sim = Sim::new(8);
    let (_host, server) = serve(&sim, ServerConfig::default().gather(Duration::from_secs(5)));
    let stream = server.publish("/cam", description()).unwrap();
    let client = sim.host("10.0.0.2");
    let play = async { Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap() };
    let mut packets = sim.run(&client, MINUTE, play).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    stream.write(0, packet(0, 100)).unwrap();
    sim.run_for(Duration::from_millis(10)).unwrap();
    drop(stream);
    assert!(sim.run(&client, Duration::from_millis(50), packets.next()).unwrap().unwrap().is_ok());
}

#[test]
fn a_reader_that_pauses_is_not_woken_for_packets() {
    let sim = Sim::new(9);
    let (host, server) = serve(&sim, ServerConfig::default());
    let stream = server.publish("/cam", description()).unwrap();
    let play = async {
        let packets = Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap();
        packets.client().pause().await.unwrap();
        packets
    };
    let packets = sim.run(&sim.host("10.0.0.2"), MINUTE, play).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    let before = sim.turns();
    let writing = async {
        for number in 0..500 {
            stream.write(0, packet(number, 100)).unwrap();
            sleep(Duration::from_millis(10)).await;
        }
    };
    sim.run(&host, MINUTE, writing).unwrap();
    // The writer runs for each.
    let turns = sim.turns() - before;
    assert!(turns < 700, "{turns} turns");
    drop(packets);
}

#[test]
fn more_connections_than_are_accepted_at_a_time_are_all_answered() {
    const MANY: usize = 200;
    let sim = Sim::new(10);
    let (host, _server) = serve(&sim, ServerConfig::default().conns_max(2 * MANY));
    let clients: Vec<_> = (0..MANY).map(|number| sim.host(&format!("10.1.0.{number}"))).collect();
    let answered = Arc::new(Mutex::new(0));
    host.stop_for(Duration::from_secs(1));
    for client in &clients {
        let answered = Arc::clone(&answered);
        client.spawn(async move {
            let mut socket = connect().await;
            socket.write_all(OPTIONS).await.unwrap();
            assert!(socket.read(&mut [0; 100]).await.unwrap() > 0);
            *answered.lock().unwrap() += 1;
        });
    }
    sim.run_for(Duration::from_millis(1500)).unwrap();
    assert_eq!(*answered.lock().unwrap(), MANY);
}

/// A publisher over UDP and the stream that it publishes, with nothing in between that takes time.
fn published(sim: &Sim, server: &Server) -> (Host, Publisher, StreamId) {
    let at_once = Link::new().latency(Duration::ZERO).jitter(Duration::ZERO);
    let camera = sim.host("10.0.0.3").link_to("10.0.0.1", at_once);
    let publish = async {
        Client::builder(URL).unwrap().transport(Transports::Udp).publish(description()).await.unwrap()
    };
    let publisher = sim.run(&camera, MINUTE, publish).unwrap();
    sim.run_for(Duration::from_secs(1)).unwrap();
    let stream = server.streams().first().unwrap().stream;
    (camera, publisher, stream)
}

#[test]
fn all_that_has_come_while_a_server_stood_still_is_read_when_it_goes_on() {
    const PACKETS: u16 = 1800;
    let sim = Sim::new(11);
    let (host, server) = serve(&sim, config());
    let (camera, publisher, stream) = published(&sim, &server);
    let mut reader = server.read(stream, StartAt::Live).unwrap();
    host.stop_for(Duration::from_millis(500));
    let frame: Vec<_> = (0..PACKETS).map(|number| packet(number, 10)).collect();
    sim.run(&camera, MINUTE, publisher.write_frame(0, &frame)).unwrap().unwrap();
    sim.run_for(Duration::from_millis(480)).unwrap();
    let read = async {
        for number in 0..PACKETS {
            let read = reader.next().await.unwrap();
            assert_eq!((read.packet.sequence(), read.missed), (number, 0));
        }
    };
    sim.run(&camera, Duration::from_millis(200), read).unwrap();
}

/// A message of the application's (APP, RFC 3550, section 6.7).
const APP: &[u8] = &[0x80, 204, 0, 3, 0, 0, 0, 9, b't', b'e', b's', b't', 1, 2, 3, 4];

#[test]
fn rtcp_in_front_of_a_teardown_is_counted() {
    for seed in 0..20 {
        let sim = Sim::new(seed);
        let (_host, server) = serve(&sim, config().rtcp_events(true));
        let (camera, publisher, _) = published(&sim, &server);
        let end = async {
            publisher.client().write_rtcp(0, APP.into()).unwrap();
            publisher.teardown().await.unwrap();
            loop {
                if let Event::SessionClosed { stats, .. } = server.next().await.unwrap() {
                    assert_eq!(stats.received().rtcp.packets, 1, "seed {seed}");
                    return;
                }
            }
        };
        sim.run(&camera, MINUTE, end).unwrap();
    }
}

#[test]
fn a_server_that_closes_waits_for_a_reader_that_does_not_read_and_leaves_nothing_behind() {
    let sim = Sim::new(12);
    let (host, server) = serve(&sim, config());
    let stream = server.publish("/cam", description()).unwrap();
    let client = sim.host("10.0.0.2");
    let play = async { Client::builder(URL).unwrap().transport(Transports::Tcp).play().await.unwrap() };
    let _packets = sim.run(&client, MINUTE, play).unwrap();
    client.stop_for(MINUTE);
    (0..100).for_each(|number| stream.write(0, packet(number, 10_000)).unwrap());
    sim.run_for(Duration::from_millis(100)).unwrap();
    let begun = sim.now();
    let late = sim.host("10.0.0.4");
    let refused = Arc::new(Mutex::new(false));
    let refusal = Arc::clone(&refused);
    late.spawn(async move {
        sleep(Duration::from_millis(100)).await;
        *refusal.lock().unwrap() = SimRuntime::default().connect(SERVER.parse().unwrap()).await.is_err();
    });
    sim.run(&host, MINUTE, server.close()).unwrap();
    let took = sim.now().since(begun);
    assert!(
        (limits::CLOSE_LIMIT..limits::CLOSE_LIMIT + Duration::from_millis(50)).contains(&took),
        "{took:?}"
    );
    assert!(*refused.lock().unwrap(), "it listens no more while it closes");
    sim.run_for(Duration::from_millis(50)).unwrap();
    assert_eq!((host.tasks(), host.sockets()), (0, 0));
}
