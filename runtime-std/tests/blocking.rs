//! The handles for threads that may block, from end to end.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::{
    Client, Codec, Description, Event, Farewell, Format, Media, MediaKind, RtpHeader, RtpPacket, Server,
    ServerConfig, StartAt, TimedOut, Transports, UdpPorts, UdpSpec,
};

fn description() -> Description {
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])])
}

fn packet(sequence: u16) -> RtpPacket {
    let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp: 0, ssrc: 1 };
    RtpPacket::build(header, b"\x41picture")
}

#[test]
fn a_stream_is_published_and_read_without_any_async() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let url = format!("rtsp://{}/cam", server.local_addr());
    let mut packets = Client::builder(&url).unwrap().transport(Transports::Tcp).play().unwrap();
    let writer = thread::spawn(move || {
        for sequence in 0..100 {
            stream.write(0, packet(sequence)).unwrap();
        }
    });
    let received: Vec<_> = packets.by_ref().map(|received| received.unwrap().packet.sequence()).collect();
    // The stream is dropped after the last packet, and the packets end with it.
    assert_eq!(received, (0..100).collect::<Vec<_>>());
    assert_eq!(packets.dropped(), 0);
    writer.join().unwrap();
    server.close();
}

#[test]
fn a_packet_is_waited_for_no_longer_than_was_said() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let url = format!("rtsp://{}/cam", server.local_addr());
    let mut packets = Client::builder(&url).unwrap().transport(Transports::Tcp).play().unwrap();
    let begun = Instant::now();
    assert!(matches!(packets.next_timeout(Duration::from_millis(20)), Err(TimedOut)));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    stream.write(0, packet(7)).unwrap();
    let received = packets.next_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(received.unwrap().unwrap().packet.sequence(), 7);
    drop(stream);
    assert!(packets.next_timeout(Duration::from_secs(30)).unwrap().is_none());
}

#[test]
fn a_stream_is_read_in_the_process_by_a_thread_that_waits() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = server.read(stream.id(), StartAt::Live).unwrap();
    assert!(matches!(reader.next_timeout(Duration::from_millis(1)), Err(TimedOut)));
    let read = thread::spawn(move || reader.map(|packet| packet.packet.sequence()).collect::<Vec<_>>());
    for sequence in 0..100 {
        stream.write(0, packet(sequence)).unwrap();
    }
    drop(stream);
    assert_eq!(read.join().unwrap(), (0..100).collect::<Vec<_>>());
}

#[test]
fn a_client_publishes_and_takes_each_step_by_itself() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/live", server.local_addr());
    let publisher = Client::builder(&url).unwrap().transport(Transports::Tcp).publish(description()).unwrap();
    while !matches!(server.next(), Some(Event::Published { .. })) {}
    let client = Client::connect(&url).unwrap();
    assert_eq!(client.describe().unwrap().medias.len(), 1);
    client.setup(0).unwrap();
    client.play(None).unwrap();
    publisher.write_frame(0, &[packet(7), packet(8)]).unwrap();
    let received: Vec<_> =
        client.packets().take(2).map(|received| received.unwrap().packet.payload().to_vec()).collect();
    assert_eq!(received, [b"\x41picture"; 2]);
    assert_eq!(client.teardown().unwrap(), Farewell::Heard);
    assert_eq!(publisher.teardown().unwrap(), Farewell::Heard);
    assert!(Client::connect("http://camera/").is_err());
}

#[test]
fn a_description_tells_the_parameter_sets_that_came_last() {
    let nal = |sequence: u16, payload: &[u8]| {
        let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp: 0, ssrc: 1 };
        RtpPacket::build(header, payload)
    };
    let (sps, other_sps, pps) = (&[0x67, 0x42, 0, 0x1e, 0x95], &[0x67, 0x64, 0, 0x28, 0x95], &[0x68, 0xce]);
    let udp = UdpSpec::new([127, 0, 0, 1].into(), UdpPorts::Any);
    let config = ServerConfig::default().udp(Some(udp));
    let server = Server::builder().config(config).bind("127.0.0.1:0").unwrap();
    let own = server.publish("/own", description()).unwrap();
    own.write_frame(0, &[nal(1, sps), nal(2, pps)]).unwrap();
    own.write(0, nal(3, other_sps)).unwrap();
    for (path, transport) in [("own", None), ("tcp", Some(Transports::Tcp)), ("udp", Some(Transports::Udp))] {
        let url = format!("rtsp://{}/{path}", server.local_addr());
        let publisher = transport.map(|transport| {
            Client::builder(&url).unwrap().transport(transport).publish(description()).unwrap()
        });
        let client = Client::connect(&url).unwrap();
        if let Some(publisher) = &publisher {
            publisher.write_frame(0, &[nal(1, sps), nal(2, pps), nal(3, other_sps)]).unwrap();
            client.describe().unwrap();
            client.setup(0).unwrap();
            client.play(None).unwrap();
            // A packet that comes to a reader is in the log.
            publisher.write(0, nal(4, b"\x41picture")).unwrap();
            client
                .packets()
                .find(|received| received.as_ref().unwrap().packet.sequence() == 4)
                .unwrap()
                .unwrap();
        }
        let described = Client::connect(&url).unwrap().describe().unwrap();
        let Codec::H264(h264) = described.medias[0].formats[0].codec() else { panic!("{described:?}") };
        let told = h264.parameter_sets().map(|sets| sets.map(|set| set.to_vec()));
        assert_eq!(told, Some([other_sps.to_vec(), pps.to_vec()]), "{path}");
        assert_eq!(h264.profile_level_id, Some([0x64, 0, 0x28]), "{path}");
    }
}

#[test]
fn a_server_is_closed_from_another_thread_than_the_one_that_waits() {
    let server = Arc::new(Server::builder().bind("127.0.0.1:0").unwrap());
    let begun = Instant::now();
    assert_eq!(server.next_timeout(Duration::from_millis(20)).unwrap_err(), TimedOut);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let waiting = thread::spawn({
        let server = Arc::clone(&server);
        move || while server.next().is_some() {}
    });
    server.close();
    waiting.join().unwrap();
    assert!(server.next_timeout(Duration::from_secs(30)).unwrap().is_none());
}

/// The names of the public functions in some files.
fn functions(files: &[&str]) -> BTreeSet<String> {
    let begins = |line: &str| {
        let line = line.trim_start().strip_prefix("pub ")?;
        let line = line.trim_start_matches("async ").trim_start_matches("const ");
        let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
        Some(name.to_owned())
    };
    files.iter().flat_map(|file| file.lines()).filter_map(begins).collect()
}

#[test]
fn handles_that_block_have_the_functions_of_those_that_do_not() {
    macro_rules! files {
        ($($name:literal),*) => { functions(&[$(include_str!(concat!("../src/", $name, ".rs"))),*]) };
    }
    // A handle that blocks has one runtime, is an iterator, and hands out nothing that is borrowed from another handle.
    for (asynchronous, blocking, others) in [
        (files!("client/builder"), files!("blocking/client_builder"), &["runtime"][..]),
        (files!("server/builder"), files!("blocking/server_builder"), &["runtime"]),
        (files!("client", "client/packets"), files!("blocking/client"), &["next"]),
        (files!("client/frames", "client/frame_publisher"), files!("blocking/frames"), &["next", "packets"]),
        (files!("client/publisher"), files!("blocking/publisher"), &[]),
        (files!("server", "server/reader"), files!("blocking/server"), &[]),
    ] {
        let missing: Vec<_> = asynchronous.difference(&blocking).map(String::as_str).collect();
        assert_eq!(missing, others);
        let more = blocking.difference(&asynchronous);
        assert!(more.clone().all(|name| name.ends_with("_timeout")), "{more:?}");
    }
}
