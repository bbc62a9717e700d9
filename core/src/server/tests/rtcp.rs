//! RTCP that the application sends to one session, and RTCP of peers that it looks at.

use std::time::Duration;

use bytes::Bytes;

use super::scenario::{SDP, Scenario, peer, session_of, status, video};
use crate::ConnId;
use crate::limits::{OUTBOX_FRAMES_MAX, RTCP_TOLD_MAX, UDP_REPORTS_WAITING_MAX, UNPROVEN_BYTES_MAX};
use crate::rtp::rtcp::BadCompound;
use crate::server::{Event, ServerConfig, SessionState, StatsOf, WriteRtcpError};
use crate::udp::Port;

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001";

/// A request for a keyframe (PLI, RFC 4585, section 6.3.1).
const PLI: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1];

fn scenario(tells: bool) -> Scenario {
    Scenario::with_udp_and(|config| config.rtcp_events(tells))
}

/// A reader of `/cam`, or a publisher at `/live`, of its first media.
fn begin(scenario: &mut Scenario, reads: bool, transport: &str) -> ConnId {
    let conn = scenario.connect();
    let (path, track, mode, verb) = if reads {
        scenario.publish("/cam");
        ("cam", "trackID=0", "", "PLAY")
    } else {
        let video = SDP.split("m=audio").next().unwrap();
        scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", video);
        assert_eq!(status(&scenario.response(conn)), 200);
        ("live", "streamid=0", ";mode=record", "RECORD")
    };
    let setup =
        scenario.request(conn, &format!("SETUP rtsp://h/{path}/{track}|Transport: {transport}{mode}"));
    let begin = format!("{verb} rtsp://h/{path}|Session: {}", session_of(&setup));
    assert_eq!(status(&scenario.request(conn, &begin)), 200);
    scenario.events.clear();
    conn
}

/// The peer sends RTCP.
fn hear(scenario: &mut Scenario, conn: ConnId, transport: &str, compound: &[u8]) {
    if transport == UDP {
        scenario.datagram(Port::Rtcp, peer(5001), Bytes::copy_from_slice(compound));
    } else {
        let mut frame = vec![b'$', 1, 0, u8::try_from(compound.len()).unwrap()];
        frame.extend_from_slice(compound);
        scenario.send(conn, &frame);
    }
    scenario.drain();
}

/// The RTCP that the peer has got that is no report of ours.
fn got(scenario: &mut Scenario, conn: ConnId, transport: &str) -> Vec<Bytes> {
    scenario.drain();
    let all: Vec<_> = if transport == UDP {
        let sent = std::mem::take(&mut scenario.datagrams.sent).into_iter();
        sent.filter(|(port, to, _)| *port == Port::Rtcp && *to == peer(5001)).map(|(.., data)| data).collect()
    } else {
        scenario.frames(conn).into_iter().filter(|(channel, _)| *channel == 1).map(|(_, data)| data).collect()
    };
    all.into_iter().filter(|data| data[1] == 206).collect()
}

fn told(scenario: &mut Scenario) -> Vec<Bytes> {
    let (session, conn) = scenario.server.sessions().next().map(|own| (own.session, own.conns[0])).unwrap();
    let events = std::mem::take(&mut scenario.events).into_iter().filter_map(|event| match event {
        Event::RtcpReceived { session: own, conn: at, media, compound } => {
            assert_eq!((own, at, media), (session, conn, 0));
            Some(compound)
        }
        _ => None,
    });
    events.collect()
}

#[test]
fn rtcp_of_readers_and_publishers_is_told_as_it_came_if_that_is_wanted() {
    for (reads, transport) in [(true, TCP), (true, UDP), (false, TCP), (false, UDP)] {
        for tells in [false, true] {
            let mut scenario = scenario(tells);
            let conn = begin(&mut scenario, reads, transport);
            let malformed = &PLI[..7];
            hear(&mut scenario, conn, transport, PLI);
            hear(&mut scenario, conn, transport, malformed);
            let expected = if tells { vec![PLI, malformed] } else { Vec::new() };
            assert_eq!(told(&mut scenario), expected, "{reads}, {transport}");
        }
    }
}

#[test]
fn one_compound_too_many_in_a_second_is_not_told() {
    for (reads, transport) in [(true, TCP), (true, UDP), (false, TCP), (false, UDP)] {
        let mut scenario = scenario(true);
        let conn = begin(&mut scenario, reads, transport);
        for expected in [RTCP_TOLD_MAX, 1] {
            let count = if expected == 1 { 1 } else { RTCP_TOLD_MAX + 1 };
            for _ in 0..count {
                hear(&mut scenario, conn, transport, PLI);
            }
            assert_eq!(told(&mut scenario).len(), expected, "{reads}, {transport}");
            scenario.advance(Duration::from_secs(1));
        }
    }
}

#[test]
fn rtcp_is_sent_to_one_session_on_its_own_way_and_counted() {
    for (reads, transport) in [(true, TCP), (true, UDP), (false, TCP), (false, UDP)] {
        let mut scenario = scenario(false);
        let conn = begin(&mut scenario, reads, transport);
        got(&mut scenario, conn, transport);
        let session = scenario.server.sessions().next().unwrap().session;
        scenario.server.write_rtcp(session, 0, PLI.into()).unwrap();
        assert_eq!(got(&mut scenario, conn, transport), [PLI], "{reads}, {transport}");
        scenario.server.ask_for_stats(scenario.now, StatsOf::All);
        scenario.drain();
        let stats = scenario.server.session_stats(session).unwrap();
        assert_eq!((stats.sent().rtcp.packets, stats.sent().rtcp.bytes), (1, 12), "{reads}, {transport}");
    }
}

#[test]
fn rtcp_that_cannot_be_sent_is_refused_with_the_reason() {
    let mut scenario = scenario(false);
    let conn = begin(&mut scenario, true, TCP);
    let session = scenario.server.sessions().next().unwrap().session;
    let write = |scenario: &mut Scenario, media, compound: &[u8]| {
        scenario.server.write_rtcp(session, media, Bytes::copy_from_slice(compound))
    };
    assert_eq!(write(&mut scenario, 1, PLI), Err(WriteRtcpError::NoSuchMedia(1)));
    let bad = BadCompound::NoPacket { offset: 0 };
    assert_eq!(write(&mut scenario, 0, &PLI[..7]), Err(WriteRtcpError::Rtcp(bad)));
    assert_eq!(status(&scenario.request(conn, "PAUSE rtsp://h/cam")), 200);
    assert_eq!(write(&mut scenario, 0, PLI), Err(WriteRtcpError::State(SessionState::PrePlay)));
    scenario.hang_up(conn);
    assert_eq!(write(&mut scenario, 0, PLI), Err(WriteRtcpError::Gone));
}

#[test]
fn rtcp_for_peers_that_take_nothing_waits_up_to_a_bound() {
    // That for a publisher over TCP is put where the server's own reports to it are.
    for (reads, transport, most) in [
        (true, TCP, OUTBOX_FRAMES_MAX),
        (true, UDP, UDP_REPORTS_WAITING_MAX),
        (false, UDP, UDP_REPORTS_WAITING_MAX),
    ] {
        let mut scenario = scenario(false);
        let conn = begin(&mut scenario, reads, transport);
        got(&mut scenario, conn, transport);
        let session = scenario.server.sessions().next().unwrap().session;
        scenario.datagrams.room = 0;
        for _ in 0..most + 10 {
            scenario.server.write_rtcp(session, 0, PLI.into()).unwrap();
        }
        scenario.drain();
        scenario.datagrams.room = usize::MAX;
        assert_eq!(got(&mut scenario, conn, transport).len(), most, "{reads}, {transport}");
    }
}

#[test]
fn a_reader_that_nothing_shows_to_be_there_is_sent_no_more_rtcp_than_it_may_be_sent() {
    let mut scenario = scenario(false);
    let conn = begin(&mut scenario, true, UDP);
    let session = scenario.server.sessions().next().unwrap().session;
    let stream = scenario.server.stream_at("/cam").unwrap();
    scenario.push(stream, 0, video(1, &[0x41; 100]));
    let before: usize = scenario.datagrams.sent.drain(..).map(|(.., data)| data.len()).sum();
    let mut feedback = PLI.to_vec();
    feedback.resize(1200, 0);
    feedback[2..4].copy_from_slice(&299_u16.to_be_bytes());
    let mut sent = 0;
    for _ in 0..=UNPROVEN_BYTES_MAX / feedback.len() / UDP_REPORTS_WAITING_MAX {
        for _ in 0..UDP_REPORTS_WAITING_MAX {
            scenario.server.write_rtcp(session, 0, feedback.clone().into()).unwrap();
        }
        sent += got(&mut scenario, conn, UDP).iter().map(Bytes::len).sum::<usize>();
    }
    let room = UNPROVEN_BYTES_MAX - before;
    assert!((room - feedback.len()..=room).contains(&sent), "{before} and {sent}");
}

#[test]
fn what_is_not_asked_for_is_off_by_default() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = begin(&mut scenario, true, TCP);
    hear(&mut scenario, conn, TCP, PLI);
    assert!(told(&mut scenario).is_empty());
}
