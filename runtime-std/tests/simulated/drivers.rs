//! What the drivers have to do that only a world shows in which sockets, tasks and clocks can be had by number.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rtspan_std::runtime::Runtime;
use rtspan_std::sim::{Client, Host, Link, Server, Sim, SimRuntime, SimTcp, sleep};
use rtspan_std::{
    Description, Event, Format, Instant, Media, MediaKind, RtpHeader, RtpPacket, ServerConfig, Transports,
    UdpPorts, UdpSpec, WallSource,
};

const SERVER: &str = "10.0.0.1:554";
const URL: &str = "rtsp://10.0.0.1/cam";
const MINUTE: Duration = Duration::from_secs(60);
const OPTIONS: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

fn config() -> ServerConfig {
    let addr: SocketAddr = SERVER.parse().unwrap();
    ServerConfig::default().udp(Some(UdpSpec { ip: addr.ip(), ports: UdpPorts::Any }))
}

fn description() -> Description {
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])])
}

fn packet(number: u16, bytes: usize) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker: true, sequence: number, ssrc: 1, timestamp: 0 };
    RtpPacket::build(RtpHeader { timestamp: u32::from(number) * 3600, ..header }, &vec![0x65; bytes])
}

/// A server on a host of its own.
fn serve(sim: &Sim, config: ServerConfig) -> (Host, Server) {
    let host = sim.host("10.0.0.1");
    let bind = async { Server::builder().config(config).bind(SERVER).await.unwrap() };
    let server = sim.run(&host, MINUTE, bind).unwrap();
    (host, server)
}

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
    // What it is sent waits on the way.
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
fn the_wall_clock_of_a_server_is_looked_at_again() {
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
    host.set_wall_ahead(true, MINUTE * 60);
    let told = async {
        let builder = Client::builder(URL).unwrap().transport(Transports::Tcp);
        let mut packets = builder.play().await.unwrap();
        sleep(MINUTE * 3).await;
        let mut last = None;
        while let Some(received) = packets.try_next() {
            last = received.time.wall();
        }
        last.expect("packets have come")
    };
    let wall = sim.run(&sim.host("10.0.0.2"), MINUTE * 5, told).unwrap();
    assert_eq!(wall.source, WallSource::SenderReport);
    let (told, is) = (wall.ntp.to_unix().unwrap(), host.wall().to_unix().unwrap());
    assert!(is.abs_diff(told) < Duration::from_secs(1), "{told:?}, {is:?}");
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
