//! What logs and descriptions take together.

use std::net::SocketAddr;

use bytes::Bytes;

use super::scenario::{SDP, Scenario, status, video};
use crate::ConnId;
use crate::limits::{DESCRIPTION_COST, LOG_BYTES, LOG_BYTES_LEAST};
use crate::server::{Event, Refused, ServerConfig};
use crate::udp::Port;

/// A budget with room for the logs of eight streams as long as they may be.
const MEMORY: usize = 8 * LOG_BYTES * 8 / 7 + 8;

fn scenario(memory: usize) -> Scenario {
    Scenario::new(ServerConfig::default().memory(memory))
}

fn from(ip: [u8; 4]) -> SocketAddr {
    (ip, 40_000).into()
}

/// Announces a description of about so many bytes.
fn announce(scenario: &mut Scenario, peer: SocketAddr, path: &str, bytes: usize) -> (ConnId, u16) {
    let conn = scenario.connect_from(peer);
    let filler = "x".repeat(bytes.saturating_sub(SDP.len() + 6));
    let sdp = format!("{SDP}a=x:{filler}\r\n");
    scenario.post(conn, &format!("ANNOUNCE rtsp://h{path}|Content-Type: application/sdp"), &sdp);
    let answer = status(&scenario.response(conn));
    (conn, answer)
}

fn was_told(scenario: &Scenario, expected: Refused) -> bool {
    let told = |event: &Event| matches!(event, Event::Refused { reason, .. } if *reason == expected);
    scenario.events.iter().any(told)
}

/// Bytes that each log holds when it is given more than it keeps.
fn held(scenario: &Scenario) -> Vec<usize> {
    let now = scenario.now;
    let mut logs = scenario.logs.0.borrow_mut();
    let fill = |log: &mut crate::stream::StreamLog| {
        for sequence in 0..LOG_BYTES / 8000 + 2 {
            log.push(now, 0, video(u16::try_from(sequence).unwrap(), &[0x41; 8000]));
        }
        log.from(0).map(|packet| packet.rtp.len()).sum::<usize>()
    };
    logs.values_mut().map(fill).collect()
}

#[test]
fn the_more_streams_there_are_the_shorter_is_each_log() {
    let mut scenario = scenario(MEMORY);
    let mut streams = Vec::new();
    for (count, each) in [(8, LOG_BYTES), (9, LOG_BYTES / 2), (16, LOG_BYTES / 2), (17, LOG_BYTES / 4)] {
        while streams.len() < count {
            streams.push(scenario.publish(&format!("/{}", streams.len())));
            scenario.drain();
        }
        let held = held(&scenario);
        assert_eq!(held.len(), count);
        assert!(held.iter().all(|held| (each - 9000..=each).contains(held)), "{count}: {held:?}");
    }
    // One that comes and goes does not concern the others each time.
    let mut remove = |scenario: &mut Scenario, count: usize| {
        while streams.len() > count {
            scenario.server.remove_stream(scenario.now, streams.pop().unwrap());
            scenario.drain();
        }
        held(scenario)[0]
    };
    assert!(remove(&mut scenario, 12) <= LOG_BYTES / 4);
    assert!(remove(&mut scenario, 10) > LOG_BYTES / 4);
    assert!(remove(&mut scenario, 5) > LOG_BYTES - 9000);
}

#[test]
fn a_publisher_whose_log_would_leave_too_little_to_the_others_is_refused() {
    let mut scenario = scenario((4 * LOG_BYTES_LEAST) * 8 / 7 + 8);
    for number in 0..4 {
        scenario.publish(&format!("/{number}"));
    }
    scenario.drain();
    assert!(held(&scenario).iter().all(|held| *held <= LOG_BYTES_LEAST));
    assert_eq!(announce(&mut scenario, from([192, 0, 2, 1]), "/one-more", 300).1, 503);
    assert!(was_told(&scenario, Refused::Streams));
}

#[test]
fn descriptions_take_no_more_than_an_eighth_of_the_memory_and_of_that_an_address_a_quarter() {
    const BYTES: usize = 200 << 10;
    let cost = BYTES * DESCRIPTION_COST;
    let budget = 20 * cost;
    let mut scenario = scenario(8 * budget + 8 * 4096);
    let mut announced = Vec::new();
    let mut per_address = Vec::new();
    'all: for address in 1..=30 {
        per_address.push(0);
        loop {
            let path = format!("/{}", announced.len());
            let (conn, answer) = announce(&mut scenario, from([192, 0, 2, address]), &path, BYTES);
            match answer {
                200 => announced.push(conn),
                503 if was_told(&scenario, Refused::Descriptions) => break 'all,
                503 => break,
                other => panic!("{other}"),
            }
            *per_address.last_mut().unwrap() += 1;
            // A refusal is told once a second.
            scenario.advance(std::time::Duration::from_secs(1));
        }
        assert!(was_told(&scenario, Refused::DescriptionsOfAddress));
        scenario.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(announced.len(), 20);
    assert_eq!(per_address[..2], [5, 3], "a quarter of 20, and of 15");
    let small = announce(&mut scenario, from([198, 51, 100, 1]), "/small", 300);
    assert_eq!(small.1, 200, "there is a little left");
    scenario.hang_up(announced[0]);
    assert_eq!(announce(&mut scenario, from([198, 51, 100, 2]), "/again", BYTES).1, 200);
    for conn in announced.into_iter().skip(1) {
        scenario.hang_up(conn);
    }
    assert_eq!(scenario.server.described / cost, 1);
}

#[test]
fn a_packet_holds_no_block_that_strays_fill() {
    const BLOCK: usize = 8 << 10;
    let mut scenario = Scenario::with_udp();
    let conn = scenario.connect();
    let sdp: String = SDP.split_inclusive("\r\n").take(8).collect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", &sdp);
    assert_eq!(status(&scenario.response(conn)), 200);
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001;mode=record";
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{offer}"));
    let session = super::scenario::session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 200);
    let publisher = super::scenario::peer(5000);
    let mut sequence = 0;
    for (strays_from, is_held) in
        [(publisher, false), (super::scenario::peer(7000), false), (publisher, true)]
    {
        let mut blocks = Vec::new();
        let packets: u16 = if is_held { 13 } else { 1 };
        for _ in 0..100 {
            let mut block = Vec::new();
            for _ in 0..packets {
                sequence += 1;
                block.extend_from_slice(video(sequence, &[0x41; 600]).as_bytes());
            }
            let len = block.len() / usize::from(packets);
            block.resize(BLOCK, 0);
            let block = Bytes::from(block);
            for packet in 0..usize::from(packets) {
                scenario.datagram(Port::Rtp, publisher, block.slice(packet * len..(packet + 1) * len));
            }
            if !is_held {
                scenario.datagram(Port::Rtp, strays_from, block.slice(len..));
            }
            blocks.push(block);
        }
        let held = blocks.iter().filter(|block| !block.is_unique()).count();
        // It takes 64 KiB to see what comes.
        assert!(
            if is_held { held > 80 } else { held <= 20 },
            "{held} of 100 blocks, {packets} packets in each"
        );
    }
}
