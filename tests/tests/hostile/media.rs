//! Media that is none: over TCP and UDP, it costs a publisher its own stream at most.

use bytes::Bytes;
use rtspan_core::limits::{LOG_PACKETS, READY_PACKETS_MAX};
use rtspan_core::udp::Port;

use super::memory::held;
use super::world::{SDP, TCP, World, attacker, packet, session_of};

struct Publisher {
    conn: rtspan_core::ConnId,
    reader: rtspan_core::ConnId,
    is_udp: bool,
}

impl Publisher {
    /// A publisher of `/live`, and a reader of it over TCP.
    fn new(world: &mut World, is_udp: bool) -> Self {
        let conn = world.attack();
        assert_eq!(world.ask_with(conn, "ANNOUNCE rtsp://h/live", SDP).status.as_u16(), 200);
        let transport = match is_udp {
            true => "Transport: RTP/AVP/UDP;unicast;client_port=5000-5001;mode=record",
            false => "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record",
        };
        let session = session_of(&world.ask(conn, &format!("SETUP rtsp://h/live/streamid=0|{transport}")));
        assert_eq!(world.status(conn, &format!("RECORD rtsp://h/live|Session: {session}")), 200);
        let reader = world.rig.connect(attacker(50_001)).unwrap();
        let session = session_of(&world.ask(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}")));
        assert_eq!(world.status(reader, &format!("PLAY rtsp://h/live|Session: {session}")), 200);
        Self { conn, reader, is_udp }
    }

    fn send(&self, world: &mut World, port: Port, data: &[u8]) {
        if self.is_udp {
            let from = attacker(if port == Port::Rtp { 5000 } else { 5001 });
            world.rig.datagram(port, from, Bytes::copy_from_slice(data));
        } else if let Ok(len) = u16::try_from(data.len()) {
            let [high, low] = len.to_be_bytes();
            let channel = u8::from(port == Port::Rtcp);
            world.rig.send(self.conn, &[&[b'$', channel, high, low], data].concat());
        }
    }

    /// Sequence numbers of the packets that the reader got.
    fn read(&self, world: &mut World) -> Vec<u16> {
        let frames = world.frames(self.reader, 0);
        frames.iter().map(|frame| u16::from_be_bytes([frame[2], frame[3]])).collect()
    }
}

fn with_header(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = packet(96, 5, &[0x41, 1, 2, 3]).into_bytes().to_vec();
    change(&mut bytes);
    bytes
}

#[test]
fn packets_that_are_none_are_left_out_and_the_stream_goes_on() {
    let broken = [
        ("nothing", vec![]),
        ("a byte", vec![0x80]),
        ("another version", with_header(|bytes| bytes[0] = 0x40)),
        ("more sources than bytes", with_header(|bytes| bytes[0] = 0x8f)),
        ("an extension of 256 KiB", {
            let mut bytes = with_header(|bytes| bytes[0] = 0x90);
            bytes[12..16].copy_from_slice(&[0xbe, 0xde, 0xff, 0xff]);
            bytes
        }),
        ("more padding than bytes", {
            let mut bytes = with_header(|bytes| bytes[0] = 0xa0);
            *bytes.last_mut().unwrap() = 255;
            bytes
        }),
        ("a format that was not announced", with_header(|bytes| bytes[1] = 127)),
    ];
    for is_udp in [false, true] {
        for (name, bytes) in &broken {
            let mut world = World::new();
            let publisher = Publisher::new(&mut world, is_udp);
            publisher.send(&mut world, Port::Rtp, packet(96, 1, &[0x65]).as_bytes());
            (0..100).for_each(|_| publisher.send(&mut world, Port::Rtp, bytes));
            publisher.send(&mut world, Port::Rtp, packet(96, 2, &[0x41]).as_bytes());
            assert_eq!(publisher.read(&mut world), [1, 2], "{name}");
            world.nobody_else_notices();
        }
    }
}

#[test]
fn packets_of_any_number_source_and_time_hold_no_more_than_the_bounds() {
    for is_udp in [false, true] {
        let mut world = World::new();
        let publisher = Publisher::new(&mut world, is_udp);
        let before = world.rig.now;
        let mut state = 1_u32;
        let held = held(|| {
            for _ in 0..20_000 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let mut bytes = packet(96, (state >> 8) as u16, &[0x41; 20]).into_bytes().to_vec();
                bytes[4..8].copy_from_slice(&state.rotate_left(9).to_be_bytes());
                if state & 0x3000 == 0 {
                    bytes[8..12].copy_from_slice(&state.to_be_bytes());
                }
                publisher.send(&mut world, Port::Rtp, &bytes);
                world.rig.received(publisher.reader);
            }
        });
        assert_eq!(world.rig.now, before);
        let packets = (LOG_PACKETS + READY_PACKETS_MAX) as isize;
        assert!(held.left < packets * 300, "{held:?}");
        world.wait(1);
        world.nobody_else_notices();
    }
}

#[test]
fn a_storm_of_duplicates_is_published_once() {
    for is_udp in [false, true] {
        let mut world = World::new();
        let publisher = Publisher::new(&mut world, is_udp);
        for sequence in [1, 2, 3] {
            (0..1000).for_each(|_| {
                publisher.send(&mut world, Port::Rtp, packet(96, sequence, &[0x65]).as_bytes())
            });
        }
        assert_eq!(publisher.read(&mut world), [1, 2, 3]);
    }
}

#[test]
fn reports_that_are_none_are_left_out_and_the_stream_goes_on() {
    let report = [&[0x80, 200, 0, 6][..], &[0xff; 24]].concat();
    let broken: [(&str, Vec<u8>); 8] = [
        ("lengths that lie", vec![0x80, 200, 0xff, 0xff, 1, 2, 3, 4]),
        ("31 blocks that are not there", vec![0x9f, 200, 0, 0]),
        ("a description without end", [&[0x81, 202, 0, 4][..], &[1; 16]].concat()),
        ("a goodbye", vec![0x81, 203, 0, 1, 0, 0, 0x0a, 0xbc]),
        ("a goodbye with a reason beyond its end", vec![0x81, 203, 0, 2, 0, 0, 0x0a, 0xbc, 0xff, b'x', 0, 0]),
        ("an application's own", [&[0x9f, 204, 0, 2][..], &[0xff; 8]].concat()),
        ("a clock at the end of time", report),
        ("ten thousand packets", [0x80, 200, 0, 0].repeat(10_000)),
    ];
    for is_udp in [false, true] {
        for (name, bytes) in &broken {
            let mut world = World::new();
            let publisher = Publisher::new(&mut world, is_udp);
            publisher.send(&mut world, Port::Rtp, packet(96, 1, &[0x65]).as_bytes());
            (0..20).for_each(|_| publisher.send(&mut world, Port::Rtcp, bytes));
            world.wait(6);
            publisher.send(&mut world, Port::Rtp, packet(96, 2, &[0x41]).as_bytes());
            assert_eq!(publisher.read(&mut world), [1, 2], "{name}");
            world.nobody_else_notices();
        }
    }
}

#[test]
fn packets_for_a_publisher_from_elsewhere_are_left_out() {
    let mut world = World::new();
    let publisher = Publisher::new(&mut world, true);
    publisher.send(&mut world, Port::Rtp, packet(96, 1, &[0x65]).as_bytes());
    for (port, from) in [
        (Port::Rtp, attacker(5001)),
        (Port::Rtp, attacker(5002)),
        (Port::Rtp, ([192, 0, 2, 1], 5000).into()),
        (Port::Rtcp, attacker(5000)),
    ] {
        world.rig.datagram(port, from, packet(96, 2, &[0xbad_u16 as u8]).into_bytes());
    }
    publisher.send(&mut world, Port::Rtp, packet(96, 2, &[0x41]).as_bytes());
    assert_eq!(publisher.read(&mut world), [1, 2]);
    let log = world.rig.server.stream_at("/live").unwrap();
    let mut payloads = Vec::new();
    rtspan_core::stream::Streams::read(&world.rig.logs, log, &mut |log| {
        payloads = (0..2).filter_map(|number| Some(log.get(number)?.rtp.payload().to_vec())).collect();
    });
    assert_eq!(payloads, [[0x65], [0x41]]);
}

#[test]
fn payloads_that_no_decoder_could_read_pass_through_and_hurt_nobody_here() {
    for payload in [
        &[][..],
        &[0xff; 1200],
        &[0x7c, 0x85],
        &[0x78, 0xff, 0xff],
        &[0x78, 0, 0, 0, 0],
        &[0, 0, 0, 1],
        &[0x62, 1, 0x93],
        &[0x60, 1, 0xff, 0xff],
    ] {
        let mut world = World::new();
        let publisher = Publisher::new(&mut world, false);
        (1..50).for_each(|sequence| {
            publisher.send(&mut world, Port::Rtp, packet(96, sequence, payload).as_bytes());
        });
        assert_eq!(publisher.read(&mut world), (1..50).collect::<Vec<_>>());
        world.nobody_else_notices();
    }
}
