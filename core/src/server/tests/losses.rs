//! Packets of a publisher that are lost, or cannot be read, are told.

use std::time::Duration;

use super::scenario::{SDP, Scenario, session_of, status, video};
use crate::ConnId;
use crate::limits::REORDER_DELAY;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig};
use crate::udp::Port;

const SECOND: Duration = Duration::from_secs(1);

/// Records at `/live`, with the transports of the two medias.
fn records(scenario: &mut Scenario, transports: [&str; 2]) -> ConnId {
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let mut session = String::new();
    for (track, transport) in transports.into_iter().enumerate() {
        let setup =
            format!("SETUP rtsp://h/live/streamid={track}|{session}Transport: {transport};mode=record");
        session = format!("Session: {}|", session_of(&scenario.request(conn, &setup)));
    }
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|{session}"))), 200);
    scenario.events.clear();
    conn
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', channel, 0, u8::try_from(payload.len()).unwrap()];
    frame.extend_from_slice(payload);
    frame
}

/// The media of each event, and what it counts.
fn told(scenario: &mut Scenario) -> Vec<(usize, [u64; 3])> {
    scenario.drain();
    let (only, at) = scenario.server.sessions().next().map(|own| (own.session, own.conns[0])).unwrap();
    let counts = std::mem::take(&mut scenario.events).into_iter().filter_map(|event| {
        let (session, conn, media, counts) = match event {
            Event::PacketsLost { session, conn, media, lost } => (session, conn, media, [lost, 0, 0]),
            Event::PacketsUnreadable { session, conn, media, malformed, unannounced, unauthentic: 0 } => {
                (session, conn, media, [0, malformed, unannounced])
            }
            _ => return None,
        };
        assert_eq!((session, conn), (only, at));
        Some((media, counts))
    });
    counts.collect()
}

#[test]
fn lost_packets_are_told_at_once_and_then_once_a_second_with_their_number() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let tcp = ["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;interleaved=2-3"];
    let conn = records(&mut scenario, tcp);
    let send = |scenario: &mut Scenario, sequence| {
        scenario.send(conn, &frame(0, video(sequence, &[0x41]).as_bytes()));
    };
    (1..5).for_each(|sequence| send(&mut scenario, sequence));
    assert_eq!(told(&mut scenario), [], "none is missing");
    send(&mut scenario, 7);
    assert_eq!(told(&mut scenario), [(0, [2, 0, 0])]);
    send(&mut scenario, 9);
    send(&mut scenario, 12);
    assert_eq!(told(&mut scenario), [], "it was told less than a second ago");
    scenario.advance(SECOND);
    send(&mut scenario, 14);
    assert_eq!(told(&mut scenario), [(0, [4, 0, 0])]);
    send(&mut scenario, 16);
    scenario.advance(SECOND * 6);
    assert_eq!(told(&mut scenario), [(0, [1, 0, 0])], "also when nothing else goes wrong");
}

#[test]
fn packets_that_cannot_be_read_are_told_with_their_number_for_each_media() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let tcp = ["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;interleaved=2-3"];
    let conn = records(&mut scenario, tcp);
    let foreign = RtpPacket::build(RtpHeader { payload_type: 77, ..RtpHeader::default() }, &[1]);
    scenario.send(conn, &frame(0, &[0x10, 0, 0, 1]));
    scenario.send(conn, &frame(2, foreign.as_bytes()));
    assert_eq!(told(&mut scenario), [(0, [0, 1, 0]), (1, [0, 0, 1])]);
    for _ in 0..3 {
        scenario.send(conn, &frame(2, foreign.as_bytes()));
    }
    scenario.send(conn, &frame(2, &[0x80]));
    assert_eq!(told(&mut scenario), []);
    scenario.advance(SECOND * 6);
    assert_eq!(told(&mut scenario), [(1, [0, 1, 3])]);
}

#[test]
fn over_udp_a_packet_is_lost_once_it_is_waited_for_no_longer() {
    let mut scenario = Scenario::with_udp();
    records(
        &mut scenario,
        ["RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP;unicast;client_port=5002-5003"],
    );
    let from = super::scenario::peer(5000);
    for sequence in [1, 2, 4, 3, 6, 6] {
        scenario.datagram(Port::Rtp, from, video(sequence, &[0x41]).as_bytes().clone());
    }
    assert_eq!(told(&mut scenario), [], "5 may still come");
    scenario.advance(REORDER_DELAY);
    assert_eq!(told(&mut scenario), [(0, [1, 0, 0])]);
}
