//! A publisher that comes back finds its former self at its path.

mod farewell;
mod leave;
mod resume;
mod take;

use std::time::Duration;

use super::scenario::{SDP, Scenario, peer, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::TAKEOVER_SILENCE;
use crate::rtp::{RtpPacket, rtcp};
use crate::server::{Asks, Event, ServerConfig, TakeoverPolicy};
use crate::stream::TrackSet;
use crate::udp::Port;
use crate::{ConnId, NtpTime, SessionId, StreamId};

/// The same medias, told by another program.
const SAME: &str = "v=0\r\no=cam 77 78 IN IP4 192.0.2.9\r\ns=again\r\nt=0 0\r\n\
    m=video 5000 RTP/AVP 96\r\na=control:video\r\na=rtpmap:96 H264/90000\r\na=framerate:25\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:audio\r\n";
const OTHER: &str = "v=0\r\ns=-\r\nm=video 0 RTP/AVP 97\r\na=control:video\r\na=rtpmap:97 H265/90000\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:audio\r\n";

fn announce(scenario: &mut Scenario, conn: ConnId, sdp: &str) -> u16 {
    scenario.post(conn, "ANNOUNCE rtsp://h/live", sdp);
    status(&scenario.response(conn))
}

/// Sets both tracks up and records, over UDP if there are ports.
fn record(scenario: &mut Scenario, conn: ConnId, controls: [&str; 2], ports: Option<u16>) -> String {
    let mut session = String::new();
    for (number, control) in (0..).zip(controls) {
        let transport = match ports {
            Some(first) => {
                format!("RTP/AVP;unicast;client_port={}-{}", first + 2 * number, first + 2 * number + 1)
            }
            None => format!("RTP/AVP/TCP;interleaved={}-{}", 2 * number, 2 * number + 1),
        };
        let setup = format!("SETUP rtsp://h/live/{control}|{session}|Transport: {transport};mode=record");
        session = format!("Session: {}", session_of(&scenario.request(conn, &setup)));
    }
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|{session}"))), 200);
    session
}

const FIRST: [&str; 2] = ["streamid=0", "streamid=1"];
const SECOND: [&str; 2] = ["video", "audio"];

fn publisher(scenario: &mut Scenario, ports: Option<u16>) -> (ConnId, StreamId) {
    let conn = scenario.connect();
    assert_eq!(announce(scenario, conn, SDP), 200);
    record(scenario, conn, FIRST, ports);
    (conn, scenario.server.stream_at("/live").unwrap())
}

fn reader(scenario: &mut Scenario) -> ConnId {
    let conn = scenario.connect_from(peer(45_000));
    let setup =
        scenario.request(conn, "SETUP rtsp://h/live/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    assert_eq!(
        status(&scenario.request(conn, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)))),
        200
    );
    conn
}

fn give(scenario: &mut Scenario, conn: ConnId, packet: &RtpPacket) {
    let header = [b'$', 0, 0, u8::try_from(packet.len()).unwrap()];
    scenario.send(conn, &[&header, &packet.as_bytes()[..]].concat());
}

/// Sequence numbers of the packets that a reader gets.
fn read(scenario: &mut Scenario, conn: ConnId) -> Vec<u16> {
    let packets = scenario.frames(conn).into_iter().filter(|(channel, _)| *channel == 0);
    packets.map(|(_, data)| u16::from_be_bytes([data[2], data[3]])).collect()
}

fn taken_over(scenario: &Scenario) -> Vec<(StreamId, SessionId, SessionId)> {
    let told = |event: &Event| match event {
        Event::TakenOver { stream, session, former: Some(former), .. } => Some((*stream, *former, *session)),
        _ => None,
    };
    scenario.events.iter().filter_map(told).collect()
}

fn ends(scenario: &Scenario) -> Vec<CloseReason> {
    let ended = |event: &Event| match event {
        Event::SessionClosed { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    scenario.events.iter().filter_map(ended).collect()
}

#[test]
fn a_publisher_whose_connection_is_half_open_comes_back_after_a_second_and_its_readers_stay() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (former, stream) = publisher(&mut scenario, None);
    let reading = reader(&mut scenario);
    give(&mut scenario, former, &video(1, &[0x65, 1]));
    let conn = scenario.connect_from(peer(40_001));
    scenario.advance(TAKEOVER_SILENCE - Duration::from_nanos(1));
    assert_eq!(announce(&mut scenario, conn, SAME), 403);
    scenario.advance(Duration::from_nanos(1));
    assert_eq!(announce(&mut scenario, conn, SAME), 200);
    assert!(scenario.is_closed(former), "it is not left to say more");
    assert_eq!(ends(&scenario), [CloseReason::TakenOver]);
    let &[(told, ..)] = &*taken_over(&scenario) else { panic!("{:?}", scenario.events) };
    assert_eq!((told, scenario.server.stream_at("/live")), (stream, Some(stream)));
    let session = record(&mut scenario, conn, SECOND, None);
    let source = |sequence: u16| {
        let mut packet = video(sequence, &[0x65, 2]).as_bytes().to_vec();
        packet[8..12].copy_from_slice(&[9, 9, 9, 9]);
        RtpPacket::parse(packet.into()).unwrap()
    };
    give(&mut scenario, conn, &source(7000));
    give(&mut scenario, conn, &source(7001));
    assert_eq!(read(&mut scenario, reading), [1, 2, 3], "they go on behind the former ones");
    let (ntp, rtp) = (NtpTime::from_unix(Duration::from_secs(1_800_000_000)), source(7001).timestamp());
    let report = rtcp::SenderReport { ssrc: 0x0909_0909, ntp, rtp, ..rtcp::SenderReport::default() };
    let report = rtcp::sender_report_compound(&report, "camera");
    scenario.send(conn, &[&[b'$', 1, 0, u8::try_from(report.len()).unwrap()], &report[..]].concat());
    {
        let logs = scenario.logs.0.borrow();
        assert_eq!(logs[&stream].access_point(TrackSet::ALL), Some(2), "the keyframe of the new publisher");
        assert_eq!(logs[&stream].ssrc(0), Some(video(1, &[]).ssrc()), "readers see one source");
        let newest = logs[&stream].get(logs[&stream].head() - 1).unwrap();
        assert_eq!(logs[&stream].publishers_time(newest), Some(ntp), "its reports go with its packets");
    }
    for method in ["PAUSE", "RECORD"] {
        assert_eq!(status(&scenario.request(conn, &format!("{method} rtsp://h/live|{session}"))), 200);
    }
    give(&mut scenario, conn, &source(7001));
    give(&mut scenario, conn, &source(7002));
    assert_eq!(read(&mut scenario, reading), [4], "a packet that it repeats behind a pause is left out");
    let unpublished = |event: &Event| matches!(event, Event::Unpublished { .. });
    assert!(!scenario.events.iter().any(unpublished));
    scenario.hang_up(conn);
    assert!(scenario.events.iter().any(unpublished), "the stream ends with its new publisher");
    assert_eq!(scenario.server.stream_at("/live"), None);
}

#[test]
fn a_publisher_over_udp_whose_connection_is_gone_comes_back_at_once() {
    for again in [Some(6000), Some(6100), None] {
        let mut scenario = Scenario::with_udp();
        let (former, stream) = publisher(&mut scenario, Some(6000));
        let reading = reader(&mut scenario);
        scenario.datagram(Port::Rtp, peer(6000), video(1, &[0x65, 1]).into_bytes());
        scenario.hang_up(former);
        let conn = scenario.connect();
        assert_eq!(announce(&mut scenario, conn, SDP), 200);
        record(&mut scenario, conn, FIRST, again);
        assert_eq!(scenario.server.stream_at("/live"), Some(stream));
        match again {
            Some(port) => scenario.datagram(Port::Rtp, peer(port), video(2, &[0x65, 1]).into_bytes()),
            None => give(&mut scenario, conn, &video(2, &[0x65, 1])),
        }
        if again != Some(6000) {
            scenario.datagram(Port::Rtp, peer(6000), video(3, &[0x65, 1]).into_bytes());
        }
        assert_eq!(read(&mut scenario, reading), [1, 2], "{again:?}");
    }
}

#[test]
fn a_publisher_that_sends_is_not_replaced() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (former, _) = publisher(&mut scenario, None);
    let conn = scenario.connect();
    for sequence in 0..100 {
        scenario.advance(Duration::from_millis(100));
        give(&mut scenario, former, &video(sequence, &[0x41, 1]));
        scenario.advance(Duration::from_millis(90));
        assert_eq!(announce(&mut scenario, conn, SDP), 403, "{sequence}");
    }
}

#[test]
fn another_address_does_not_replace_a_publisher_however_long_it_is_silent() {
    let mut scenario = Scenario::with_udp();
    let (former, _) = publisher(&mut scenario, Some(6000));
    let stranger = scenario.connect_from(([198, 51, 100, 9], 40_000).into());
    scenario.advance(Duration::from_secs(30));
    assert_eq!(announce(&mut scenario, stranger, SDP), 403);
    scenario.hang_up(former);
    assert_eq!(announce(&mut scenario, stranger, SDP), 403);
    scenario.advance(Duration::from_secs(60));
    let stranger = scenario.connect_from(([198, 51, 100, 9], 40_001).into());
    assert_eq!(announce(&mut scenario, stranger, SDP), 200, "its session has ended");
}

#[test]
fn other_medias_end_the_stream_and_its_readers() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (_, stream) = publisher(&mut scenario, None);
    let reading = reader(&mut scenario);
    scenario.advance(TAKEOVER_SILENCE);
    let conn = scenario.connect();
    assert_eq!(announce(&mut scenario, conn, OTHER), 200);
    record(&mut scenario, conn, SECOND, None);
    let now_there = scenario.server.stream_at("/live");
    assert!(now_there.is_some() && now_there != Some(stream));
    assert_eq!(taken_over(&scenario), []);
    let ends = ends(&scenario);
    assert_eq!(ends, [CloseReason::TakenOver, CloseReason::StreamEnded]);
    scenario.advance(Duration::from_secs(1));
    assert!(scenario.is_closed(reading));
}

#[test]
fn a_publisher_that_comes_back_and_goes_again_before_it_records_ends_the_stream() {
    let mut scenario = Scenario::new(ServerConfig::default());
    publisher(&mut scenario, None);
    let reading = reader(&mut scenario);
    scenario.advance(TAKEOVER_SILENCE);
    let conn = scenario.connect();
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    scenario.hang_up(conn);
    scenario.advance(Duration::from_secs(1));
    assert!(scenario.is_closed(reading) && scenario.server.is_empty());
    assert!(scenario.logs.0.borrow().is_empty());
}

#[test]
fn a_publisher_is_told_to_be_over_before_those_who_read_the_stream_of_its_successor() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (former, _) = publisher(&mut scenario, None);
    // It has not begun to play, so that it ends at once.
    let reading = scenario.connect_from(peer(45_000));
    scenario.request(reading, "SETUP rtsp://h/live/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1");
    let conn = scenario.connect_from(peer(40_001));
    scenario.advance(TAKEOVER_SILENCE);
    scenario.while_conn_is_late(former, |scenario| {
        assert_eq!(announce(scenario, conn, SAME), 200);
        scenario.hang_up(conn);
        assert_eq!(scenario.server.stream_at("/live"), None);
        assert_eq!(ends(scenario), [CloseReason::ConnectionLost], "the last count of the former is not here");
    });
    let reasons = [CloseReason::ConnectionLost, CloseReason::TakenOver, CloseReason::StreamEnded];
    assert_eq!(ends(&scenario), reasons);
}

#[test]
fn an_announcement_that_is_not_followed_up_is_replaced_too() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (former, conn) = (scenario.connect(), scenario.connect());
    assert_eq!(announce(&mut scenario, former, SDP), 200);
    assert_eq!(announce(&mut scenario, conn, OTHER), 403);
    scenario.advance(TAKEOVER_SILENCE);
    assert_eq!(announce(&mut scenario, conn, OTHER), 200);
    record(&mut scenario, conn, SECOND, None);
    assert!(scenario.is_closed(former));
}

#[test]
fn a_publisher_may_announce_again_on_its_own_connection_when_it_is_silent() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (conn, stream) = publisher(&mut scenario, None);
    scenario.advance(TAKEOVER_SILENCE);
    // With its session it is the wrong state, and without it is a new one.
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    record(&mut scenario, conn, FIRST, None);
    give(&mut scenario, conn, &video(5, &[0x65, 1]));
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 1);
    assert_eq!(scenario.server.session_count(), 1);
}

#[test]
fn a_full_server_has_room_for_a_publisher_that_comes_back() {
    let mut scenario = Scenario::new(ServerConfig::default().sessions_max(1));
    publisher(&mut scenario, None);
    let conn = scenario.connect();
    scenario.advance(TAKEOVER_SILENCE);
    assert_eq!(announce(&mut scenario, conn, SDP), 200);
    scenario.post(conn, "ANNOUNCE rtsp://h/more", SDP);
    assert_eq!(status(&scenario.response(conn)), 503);
}

#[test]
fn publishers_are_not_replaced_if_that_is_not_wanted() {
    let config = ServerConfig::default().takeover(TakeoverPolicy::Never);
    let mut scenario = Scenario::new(config);
    publisher(&mut scenario, None);
    let conn = scenario.connect();
    scenario.advance(Duration::from_secs(30));
    assert_eq!(announce(&mut scenario, conn, SDP), 403);
}

#[test]
fn a_stream_of_the_application_is_never_taken_over() {
    let mut scenario = Scenario::new(ServerConfig::default().takeover(TakeoverPolicy::Ask));
    scenario.publish("/live");
    let conn = scenario.connect();
    scenario.advance(Duration::from_secs(30));
    assert_eq!(announce(&mut scenario, conn, SDP), 403);
}

#[test]
fn the_application_may_decide_who_replaces_whom() {
    for says_yes in [true, false] {
        let mut scenario = Scenario::new(ServerConfig::default().takeover(TakeoverPolicy::Ask));
        let (former, stream) = publisher(&mut scenario, None);
        give(&mut scenario, former, &video(1, &[0x65, 1]));
        scenario.events.clear();
        let stranger = scenario.connect_from(([198, 51, 100, 9], 40_000).into());
        scenario.post(stranger, "ANNOUNCE rtsp://h/live", SAME);
        let Some(Event::Announce(question)) = scenario.events.pop() else { panic!("a question") };
        assert!(question.replaces.is_some());
        let answer = if says_yes { Ok(()) } else { Err(crate::wire::StatusCode::FORBIDDEN.into()) };
        scenario.server.answer(scenario.now, question.ticket, answer, &scenario.logs).unwrap();
        assert_eq!(status(&scenario.response(stranger)), if says_yes { 200 } else { 403 });
        assert_eq!(scenario.is_closed(former), says_yes);
        assert_eq!(taken_over(&scenario).len(), usize::from(says_yes));
        assert_eq!(scenario.server.stream_at("/live"), Some(stream));
    }
}

#[test]
fn a_yes_to_the_end_of_one_publisher_is_none_to_that_of_the_next() {
    let mut scenario =
        Scenario::new(ServerConfig::default().asks(Asks::ANNOUNCE).takeover(TakeoverPolicy::Ask));
    let ask = |scenario: &mut Scenario| {
        let conn = scenario.connect();
        scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
        let Some(Event::Announce(question)) = scenario.events.pop() else { panic!("a question") };
        (conn, question)
    };
    let (first, question) = ask(&mut scenario);
    assert_eq!(question.replaces, None);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(first)), 200);
    let (second, to_second) = ask(&mut scenario);
    let (third, to_third) = ask(&mut scenario);
    assert!(to_second.replaces.is_some() && to_second.replaces == to_third.replaces);
    scenario.server.answer(scenario.now, to_second.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(second)), 200);
    scenario.server.answer(scenario.now, to_third.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(third)), 403);
}
