//! The memory of logs and descriptions together.

use std::net::SocketAddr;

use bytes::Bytes;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::ConnId;
use crate::limits::{DESCRIPTION_COST, DESCRIPTION_SHARE_LEAST, LOG_BYTES, LOG_BYTES_LEAST, LOG_COST};
use crate::server::{Event, Refused, ServerConfig};
use crate::udp::Port;

/// A budget with room for the logs of eight streams of the application's own, as long as they may be.
const MEMORY: usize = 8 * LOG * 4 / 3 * 8 / 7 + 8;

/// The memory of a log that is as long as it may be, and of one that is as short.
const LOG: usize = LOG_BYTES + LOG_COST;
const LEAST: usize = LOG_BYTES_LEAST + LOG_COST;

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
        log.packets_from(0).map(|packet| packet.rtp.len()).sum::<usize>()
    };
    logs.values_mut().map(fill).collect()
}

#[test]
fn the_more_streams_there_are_the_shorter_is_each_log() {
    let mut scenario = scenario(MEMORY);
    let mut streams = Vec::new();
    for (count, each) in [(8, LOG_BYTES), (9, LOG_BYTES / 2), (15, LOG_BYTES / 2), (16, LOG_BYTES / 4)] {
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

/// Records at a path from an address; the status of what was refused, or of RECORD.
fn record(scenario: &mut Scenario, ip: [u8; 4], path: &str) -> (ConnId, u16) {
    let (conn, answer) = announce(scenario, from(ip), path, 300);
    let mut session = String::new();
    for (track, channels) in [(0, "0-1"), (1, "2-3")].into_iter().filter(|_| answer == 200) {
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels};mode=record");
        let setup = format!("SETUP rtsp://h{path}/streamid={track}|{session}|{transport}");
        session = format!("Session: {}", session_of(&scenario.request(conn, &setup)));
    }
    match answer {
        200 => (conn, status(&scenario.request(conn, &format!("RECORD rtsp://h{path}|{session}")))),
        refused => (conn, refused),
    }
}

/// Bytes that the log at a path may keep.
fn kept(scenario: &Scenario, path: &str) -> usize {
    scenario.server.logs.bytes_of(scenario.server.stream_at(path).unwrap().into())
}

const HEAVY: [u8; 4] = [192, 0, 2, 66];
const LIGHT: [u8; 4] = [192, 0, 2, 1];

#[test]
fn the_more_streams_an_address_publishes_the_shorter_are_its_logs_and_nobody_elses() {
    // A quarter of what publishers have is four logs.
    let mut scenario = scenario(16 * LOG * 8 / 7 + 8);
    let light = record(&mut scenario, LIGHT, "/light").0;
    let mut heavy = Vec::new();
    for (count, each) in [(4, LOG_BYTES), (5, LOG_BYTES / 2), (7, LOG_BYTES / 2), (8, LOG_BYTES / 4)] {
        while heavy.len() < count {
            let (conn, answer) = record(&mut scenario, HEAVY, &format!("/{}", heavy.len()));
            assert_eq!(answer, 200);
            heavy.push(conn);
        }
        assert!((0..count).all(|number| kept(&scenario, &format!("/{number}")) == each), "{count}");
        assert_eq!(kept(&scenario, "/light"), LOG_BYTES);
    }
    let held = held(&scenario);
    assert_eq!(held.iter().filter(|held| **held > LOG_BYTES / 4).count(), 1, "the logs were told: {held:?}");
    heavy.drain(2..).for_each(|conn| scenario.hang_up(conn));
    assert_eq!(kept(&scenario, "/0"), LOG_BYTES);
    scenario.hang_up(light);
}

#[test]
fn where_all_addresses_want_more_than_there_is_those_who_have_much_give_first() {
    let mut scenario = scenario(16 * LOG * 8 / 7 + 8);
    for address in 1..=4 {
        for number in 0..4 {
            assert_eq!(record(&mut scenario, [192, 0, 2, address], &format!("/{address}-{number}")).1, 200);
        }
    }
    assert_eq!(kept(&scenario, "/1-0"), LOG_BYTES, "they have all that there is");
    assert_eq!(record(&mut scenario, [198, 51, 100, 1], "/one").1, 200);
    assert_eq!(kept(&scenario, "/one"), LOG_BYTES);
    assert_eq!(kept(&scenario, "/1-0"), LOG_BYTES / 2);
}

#[test]
fn an_address_that_publishes_more_streams_than_its_share_of_the_shortest_logs_is_refused() {
    // Forty of the shortest logs: a quarter, of what others leave.
    let mut scenario = scenario(40 * LEAST * 8 / 7 + 8);
    let mut had = Vec::new();
    for address in 1..=10 {
        let mut count = 0;
        while record(&mut scenario, [192, 0, 2, address], &format!("/{address}-{count}")).1 == 200 {
            count += 1;
            scenario.advance(std::time::Duration::from_millis(1));
        }
        scenario.drain();
        had.push(count);
        scenario.advance(std::time::Duration::from_secs(1));
    }
    assert_eq!(had[..5], [10, 8, 8, 8, 6], "a quarter of 40, then the least that an address may have");
    assert!(was_told(&scenario, Refused::StreamsOfAddress) && was_told(&scenario, Refused::Streams));
    assert!(kept(&scenario, "/1-0") >= LOG_BYTES_LEAST);
}

#[test]
fn streams_of_the_application_are_neither_shorter_nor_refused_because_of_publishers() {
    let mut scenario = scenario(40 * LEAST * 8 / 7 + 8);
    let alone = {
        scenario.publish("/own");
        kept(&scenario, "/own")
    };
    for number in 0..100_u8 {
        record(&mut scenario, [192, 0, 2, number], &format!("/{number}"));
    }
    assert!(was_told(&scenario, Refused::Streams));
    assert_eq!(kept(&scenario, "/own"), alone);
    scenario.publish("/another");
    assert!(kept(&scenario, "/another") * 2 >= alone);
}

#[test]
fn a_stream_that_is_taken_over_counts_for_the_address_that_has_it() {
    let mut scenario = scenario(16 * LOG * 8 / 7 + 8);
    for number in 0..5 {
        record(&mut scenario, HEAVY, &format!("/{number}"));
    }
    let stream = scenario.server.stream_at("/0").unwrap();
    assert_eq!(kept(&scenario, "/0"), LOG_BYTES / 2);
    let origin = |ip: [u8; 4]| Some((crate::prefix::Origin::from(std::net::IpAddr::from(ip)), false));
    scenario.server.logs.add(stream.into(), origin(LIGHT));
    assert_eq!((kept(&scenario, "/0"), kept(&scenario, "/1")), (LOG_BYTES, LOG_BYTES / 2));
    scenario.server.logs.remove(stream.into());
    scenario.server.logs.remove(stream.into());
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
fn an_address_may_have_a_few_descriptions_however_small_its_part_is() {
    // A quarter of the budget for descriptions would be half of that.
    let mut scenario = scenario(8 * 2 * DESCRIPTION_SHARE_LEAST);
    let mut answer = |path: &str, bytes: usize| announce(&mut scenario, from(HEAVY), path, bytes).1;
    for number in 0..4 {
        let bytes = DESCRIPTION_SHARE_LEAST / 4 / DESCRIPTION_COST;
        assert_eq!(answer(&format!("/{number}"), bytes), 200, "{number}");
    }
    assert_eq!(answer("/more", 300), 503);
    assert!(was_told(&scenario, Refused::DescriptionsOfAddress));
    assert_eq!(announce(&mut scenario, from(LIGHT), "/light", 300).1, 200);
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
    let session = session_of(&setup);
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
