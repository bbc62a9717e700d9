mod asking;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, peer, session_of, status, video};
use crate::conn::CloseReason;
use crate::limits::{GOODBYE_WAIT, REPORTER_LASTS, SENDER_REPORT_PERIOD, SESSION_TIMEOUT};
use crate::rtp::rtcp::{self, ReceiverReport, ReportBlock, Rtcp, receiver_report_compound};
use crate::server::{Event, Multicast, StatsOf, WriteRtcpError};
use crate::udp::Port;
use crate::{ConnId, SessionId, StreamId, Tolerances};

const SLICE: &[u8] = &[0x41, 1];
const OFFER: &str = "Transport: RTP/AVP;multicast";
const VIDEO: &str = "239.1.0.0:26000";

fn groups() -> Multicast {
    Multicast::new("239.1.0.0/16".parse().unwrap()).unwrap()
}

fn scenario_of(multicast: Multicast) -> (Scenario, StreamId) {
    let mut scenario =
        Scenario::with_udp_and(|config| config.multicast(Some(multicast)).session_timeout(SESSION_TIMEOUT));
    let stream = scenario.publish("/cam");
    (scenario, stream)
}

fn scenario() -> (Scenario, StreamId) {
    scenario_of(groups())
}

fn from(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 40_000))
}

fn setup(scenario: &mut Scenario, conn: ConnId, track: u8, more: &str) -> crate::wire::Response {
    scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID={track}|{OFFER}{more}"))
}

/// A reader of the video at this host that plays.
fn reader(scenario: &mut Scenario, host: u8) -> (ConnId, String) {
    let conn = scenario.connect_from(from(host));
    let answer = setup(scenario, conn, 0, "");
    assert_eq!(status(&answer), 200);
    let session = session_of(&answer);
    play(scenario, conn, &session);
    (conn, session)
}

fn play(scenario: &mut Scenario, conn: ConnId, session: &str) -> crate::wire::Response {
    let answer = scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
    assert_eq!(status(&answer), 200);
    answer
}

fn verb(scenario: &mut Scenario, conn: ConnId, verb: &str, session: &str) -> u16 {
    status(&scenario.request(conn, &format!("{verb} rtsp://h/cam|Session: {session}")))
}

/// The datagrams since it was last asked.
fn sent(scenario: &mut Scenario) -> Vec<(Port, SocketAddr, Bytes)> {
    scenario.datagrams.sent.drain(..).collect()
}

/// The sequence numbers of the packets that were sent since it was last asked, which all went to the group.
fn packets(scenario: &mut Scenario) -> Vec<u16> {
    let sent = sent(scenario).into_iter().filter(|(port, ..)| *port == Port::Rtp);
    sent.map(|(_, to, data)| {
        assert_eq!(to, VIDEO.parse().unwrap());
        u16::from_be_bytes([data[2], data[3]])
    })
    .collect()
}

fn report(ssrc: u32, fraction_lost: u8) -> Bytes {
    let block = ReportBlock { ssrc: 0xabc, fraction_lost, lost: 3, ..ReportBlock::default() };
    receiver_report_compound(&ReceiverReport { ssrc, reports: vec![block] }, "reader")
}

/// A report comes from this host to the group of the video.
fn report_from(scenario: &mut Scenario, host: u8, data: Bytes) {
    let to = scenario.udps.values().position(|media| media.group().is_some()).unwrap();
    scenario.datagram_to(to, Port::Rtcp, SocketAddr::from(([192, 0, 2, host], 26_001)), data);
}

fn sessions(scenario: &Scenario) -> Vec<SessionId> {
    scenario.server.sessions().map(|session| session.session).collect()
}

#[test]
fn packets_leave_once_for_all_readers_from_the_first_play_to_the_last_teardown() {
    let (mut scenario, stream) = scenario();
    let (first, session) = reader(&mut scenario, 1);
    let more: Vec<_> = (2..102).map(|host| reader(&mut scenario, host)).collect();
    for sequence in 1..=5 {
        scenario.push(stream, 0, video(sequence, SLICE));
        scenario.push(stream, 1, video(100 + sequence, SLICE));
    }
    assert_eq!(packets(&mut scenario), [1, 2, 3, 4, 5]);
    assert_eq!(verb(&mut scenario, first, "TEARDOWN", &session), 200);
    scenario.push(stream, 0, video(6, SLICE));
    assert_eq!(packets(&mut scenario), [6], "the one that began it has gone, and the others go on");
    for (conn, session) in more {
        assert_eq!(verb(&mut scenario, conn, "TEARDOWN", &session), 200);
    }
    scenario.push(stream, 0, video(7, SLICE));
    assert_eq!(sent(&mut scenario), []);
    assert!(scenario.udps.values().all(|media| media.group().is_none()), "its sockets are closed");
    let (..) = reader(&mut scenario, 1);
    scenario.push(stream, 0, video(8, SLICE));
    assert_eq!(packets(&mut scenario), [7, 8], "the group is still that of the stream");
}

#[test]
fn sender_reports_go_to_the_group_once() {
    let (mut scenario, stream) = scenario();
    reader(&mut scenario, 1);
    reader(&mut scenario, 2);
    scenario.push(stream, 0, video(1, SLICE));
    scenario.advance(SENDER_REPORT_PERIOD);
    let reports = sent(&mut scenario).into_iter().filter(|(port, ..)| *port == Port::Rtcp);
    let reports: Vec<_> = reports.map(|(_, to, _)| to.to_string()).collect();
    assert_eq!(
        reports,
        ["239.1.0.0:26001", "239.1.0.0:26001"],
        "one behind the first packet, one a period later"
    );
}

#[test]
fn pause_of_one_stops_no_other_and_that_of_the_last_stops_the_group() {
    let (mut scenario, stream) = scenario();
    let (first, one) = reader(&mut scenario, 1);
    let (second, other) = reader(&mut scenario, 2);
    assert_eq!(verb(&mut scenario, first, "PAUSE", &one), 200);
    scenario.push(stream, 0, video(1, SLICE));
    assert_eq!(packets(&mut scenario), [1]);
    assert_eq!(verb(&mut scenario, second, "PAUSE", &other), 200);
    scenario.push(stream, 0, video(2, SLICE));
    assert_eq!(sent(&mut scenario), []);
    play(&mut scenario, first, &one);
    scenario.push(stream, 0, video(3, SLICE));
    assert_eq!(packets(&mut scenario), [2, 3], "it begins with the newest picture");
}

#[test]
fn who_joins_is_told_the_packet_that_comes_next() {
    let (mut scenario, stream) = scenario();
    scenario.push(stream, 0, video(10, SLICE));
    let conn = scenario.connect_from(from(1));
    let session = session_of(&setup(&mut scenario, conn, 0, ""));
    let info = |answer: crate::wire::Response| answer.headers.get("RTP-Info").unwrap().to_owned();
    let first = info(play(&mut scenario, conn, &session));
    assert!(
        first.contains("seq=10;rtptime=30000"),
        "the first reader begins with the newest picture: {first}"
    );
    assert_eq!(packets(&mut scenario), [10]);
    let conn = scenario.connect_from(from(2));
    let session = session_of(&setup(&mut scenario, conn, 0, ""));
    let joined = info(play(&mut scenario, conn, &session));
    assert!(joined.contains("seq=11"), "{joined}");
    scenario.push(stream, 0, video(11, SLICE));
    assert_eq!(packets(&mut scenario), [11]);
}

#[test]
fn each_media_of_a_stream_is_sent_while_somebody_reads_it() {
    let (mut scenario, stream) = scenario();
    let conn = scenario.connect_from(from(1));
    let session = session_of(&setup(&mut scenario, conn, 0, ""));
    setup(&mut scenario, conn, 1, &format!("|Session: {session}"));
    play(&mut scenario, conn, &session);
    let (other, _) = reader(&mut scenario, 2);
    let tracks = |scenario: &mut Scenario, sequence: u16| {
        scenario.push(stream, 0, video(sequence, SLICE));
        scenario.push(stream, 1, video(sequence, SLICE));
        let sent = sent(scenario).into_iter().filter(|(port, ..)| *port == Port::Rtp);
        sent.map(|(_, to, _)| to.port()).collect::<Vec<_>>()
    };
    assert_eq!(tracks(&mut scenario, 1), [26_000, 26_002]);
    let teardown = format!("TEARDOWN rtsp://h/cam/trackID=1|Session: {session}");
    assert_eq!(status(&scenario.request(conn, &teardown)), 200);
    assert_eq!(tracks(&mut scenario, 2), [26_000]);
    assert_eq!(verb(&mut scenario, conn, "TEARDOWN", &session), 200);
    assert_eq!(tracks(&mut scenario, 3), [26_000]);
    scenario.hang_up(other);
    assert_eq!(tracks(&mut scenario, 4), [26_000], "a session outlives its connection, as over UDP");
}

#[test]
fn each_reader_lives_by_its_own_requests_and_reports() {
    let (mut scenario, stream) = scenario();
    let (_, _) = reader(&mut scenario, 1);
    let (_, _) = reader(&mut scenario, 2);
    scenario.push(stream, 0, video(1, SLICE));
    let second = sessions(&scenario)[1];
    for _ in 0..4 {
        scenario.advance(SESSION_TIMEOUT / 3);
        report_from(&mut scenario, 2, report(22, 0));
        // The group hears itself.
        let own = sent(&mut scenario).into_iter().rfind(|(port, ..)| *port == Port::Rtcp).unwrap().2;
        report_from(&mut scenario, 1, own);
    }
    assert_eq!(sessions(&scenario), [second]);
    scenario.push(stream, 0, video(2, SLICE));
    assert_eq!(packets(&mut scenario), [2]);
    scenario.advance(SESSION_TIMEOUT + Duration::from_secs(2));
    assert_eq!(sessions(&scenario), []);
    assert!(scenario.udps.values().all(|media| media.group().is_none()));
}

#[test]
fn reports_are_those_of_the_reader_at_the_address_and_readers_there_are_told_apart_by_ssrc() {
    let (mut scenario, stream) = scenario();
    reader(&mut scenario, 1);
    reader(&mut scenario, 1);
    reader(&mut scenario, 2);
    scenario.push(stream, 0, video(1, SLICE));
    for (host, ssrc, lost) in [(1, 11, 10), (1, 12, 20), (1, 13, 30), (2, 21, 40), (9, 91, 50)] {
        report_from(&mut scenario, host, report(ssrc, lost));
    }
    let reported = |scenario: &mut Scenario| {
        scenario.server.ask_for_stats(scenario.now, StatsOf::All);
        scenario.drain();
        assert!(!scenario.server.awaits_stats(StatsOf::All));
        let stats = sessions(scenario).into_iter().map(|id| scenario.server.session_stats(id).unwrap());
        let formats = stats.map(|stats| stats.medias[0].formats[0].clone());
        formats
            .map(|own| {
                (own.sent.packets, own.remote_ssrc, own.reported.map(|reported| reported.fraction_lost))
            })
            .collect::<Vec<_>>()
    };
    let all = reported(&mut scenario);
    assert_eq!(all, [(1, Some(11), Some(10)), (1, Some(12), Some(20)), (1, Some(21), Some(40))]);
    // A reader that begins anew with another SSRC is known again once the old one is silent.
    scenario.advance(REPORTER_LASTS);
    report_from(&mut scenario, 1, report(12, 21));
    report_from(&mut scenario, 1, report(14, 60));
    assert_eq!(reported(&mut scenario)[..2], [(1, Some(14), Some(60)), (1, Some(12), Some(21))]);
    let losses = scenario.events.iter().filter(|event| matches!(event, Event::LossReported { .. }));
    assert_eq!(losses.count(), 5);
}

#[test]
fn a_reader_is_counted_what_was_sent_while_it_played() {
    let (mut scenario, stream) = scenario();
    reader(&mut scenario, 1);
    scenario.push(stream, 0, video(1, SLICE));
    scenario.push(stream, 0, video(2, SLICE));
    let (conn, session) = reader(&mut scenario, 2);
    scenario.push(stream, 0, video(3, SLICE));
    assert_eq!(verb(&mut scenario, conn, "PAUSE", &session), 200);
    scenario.push(stream, 0, video(4, SLICE));
    assert_eq!(verb(&mut scenario, conn, "TEARDOWN", &session), 200);
    let told = scenario.events.iter().find_map(|event| match event {
        Event::SessionClosed { stats, reason: CloseReason::Teardown, .. } => Some(stats.sent().rtp.packets),
        _ => None,
    });
    assert_eq!(told, Some(1));
    scenario.server.ask_for_stats(scenario.now, StatsOf::Stream(stream));
    scenario.drain();
    let stats = scenario.server.stream_stats(scenario.now, stream, &scenario.logs).unwrap();
    assert_eq!(stats.sent.rtp.packets, 5, "four to the one, one to the other");
}

#[test]
fn the_end_of_a_stream_is_told_once_in_each_group_behind_its_last_packet() {
    let (mut scenario, stream) = scenario();
    let conn = scenario.connect_from(from(1));
    let session = session_of(&setup(&mut scenario, conn, 0, ""));
    setup(&mut scenario, conn, 1, &format!("|Session: {session}"));
    play(&mut scenario, conn, &session);
    reader(&mut scenario, 2);
    scenario.push(stream, 0, video(1, SLICE));
    scenario.push(stream, 1, video(1, SLICE));
    sent(&mut scenario);
    scenario.server.remove_stream(scenario.now, stream);
    scenario.advance(GOODBYE_WAIT);
    let goodbyes = sent(&mut scenario).into_iter().filter(|(_, _, data)| {
        rtcp::parse(data, &mut Tolerances::default()).any(|packet| matches!(packet, Rtcp::Goodbye(_)))
    });
    let goodbyes: Vec<_> = goodbyes.map(|(_, to, _)| to.port()).collect();
    assert_eq!(goodbyes, [26_001, 26_003]);
    scenario.drain();
    assert_eq!(sessions(&scenario), []);
    let ended =
        |event: &&Event| matches!(event, Event::SessionClosed { reason: CloseReason::StreamEnded, .. });
    assert_eq!(scenario.events.iter().filter(ended).count(), 2);
    assert_eq!(scenario.server.group_count(), 0, "the groups are free");
    assert_eq!(scenario.udps.len(), 1);
}

#[test]
fn a_reader_that_is_sent_away_takes_the_group_from_nobody_and_the_last_one_is_told() {
    let (mut scenario, stream) = scenario();
    reader(&mut scenario, 1);
    reader(&mut scenario, 2);
    scenario.push(stream, 0, video(1, SLICE));
    sent(&mut scenario);
    let all = sessions(&scenario);
    scenario.server.close_session(scenario.now, all[0]);
    scenario.push(stream, 0, video(2, SLICE));
    assert!(matches!(&*sent(&mut scenario), [(Port::Rtp, ..)]));
    scenario.server.close_session(scenario.now, all[1]);
    scenario.drain();
    assert!(matches!(&*sent(&mut scenario), [(Port::Rtcp, ..)]), "goodbye");
}

#[test]
fn rtcp_of_the_applications_goes_to_all_and_not_to_one() {
    let (mut scenario, _) = scenario();
    reader(&mut scenario, 1);
    let id = sessions(&scenario)[0];
    let written = scenario.server.write_rtcp(id, 0, report(1, 0));
    assert_eq!(written, Err(WriteRtcpError::Group(0)));
}

#[test]
fn what_is_no_report_of_a_reader_is_no_sign_of_life() {
    let (mut scenario, stream) = scenario();
    reader(&mut scenario, 1);
    scenario.push(stream, 0, video(1, SLICE));
    for data in
        [&b""[..], &[0x80, 201], &[0x80, 201, 0, 1, 0, 0, 0], &[0x80, 200, 0, 6, 0, 0, 0, 1], &[0; 40]]
    {
        report_from(&mut scenario, 1, Bytes::copy_from_slice(data));
    }
    // Neither is anything that comes to the port for packets.
    let to = scenario.udps.values().position(|media| media.group().is_some()).unwrap();
    scenario.datagram_to(to, Port::Rtp, peer(26_000), report(1, 0));
    scenario.server.ask_for_stats(scenario.now, StatsOf::All);
    scenario.drain();
    let stats = scenario.server.session_stats(sessions(&scenario)[0]).unwrap();
    assert_eq!(stats.received().rtcp.packets, 0);
}
