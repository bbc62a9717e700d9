//! Counts of connections, sessions and streams: while they are there, and in the event of their end.

use std::time::Duration;

use bytes::Bytes;

use super::record::{frame, record};
use super::scenario::{Scenario, peer, session_of, status, video};
use super::udp;
use crate::limits::{BITRATE_WINDOW, SENDER_REPORT_PERIOD, STATS_WAIT};
use crate::rtp::rtcp::{ReceiverReport, ReportBlock, Rtcp, parse, receiver_report_compound};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{Event, ServerConfig, StatsOf};
use crate::stats::{ConnStats, Counted, SessionStats, StreamStats};
use crate::stream::LogLimits;
use crate::udp::Port;
use crate::{ConnId, SessionId, StreamId, Tolerances};

const SLICE: &[u8] = &[0x41, 1, 2, 3];
const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
/// Bytes of a packet with [`SLICE`].
const PACKET: u64 = 16;

/// A reader of the video of `/cam` over TCP.
fn reader(config: ServerConfig) -> (Scenario, ConnId, StreamId, String) {
    let (mut scenario, conn, stream) = Scenario::with_stream(config);
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{TCP}"));
    let session = session_of(&setup);
    play(&mut scenario, conn, &session);
    (scenario, conn, stream, session)
}

fn play(scenario: &mut Scenario, conn: ConnId, session: &str) {
    assert_eq!(status(&scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"))), 200);
}

fn the_session(scenario: &Scenario) -> SessionId {
    let mut sessions = scenario.server.sessions();
    sessions.next().expect("a session").session
}

fn told(scenario: &mut Scenario, of: StatsOf) {
    scenario.server.ask_for_stats(scenario.now, of);
    scenario.drain();
    assert!(!scenario.server.awaits_stats(of), "everybody has answered");
}

fn session_stats(scenario: &mut Scenario) -> SessionStats {
    let id = the_session(scenario);
    told(scenario, StatsOf::Session(id));
    scenario.server.session_stats(id).unwrap()
}

fn stream_stats(scenario: &mut Scenario, stream: StreamId) -> StreamStats {
    told(scenario, StatsOf::Stream(stream));
    scenario.server.stream_stats(scenario.now, stream, &scenario.logs).unwrap()
}

/// The end of a session, as it was told.
fn last_of_session(scenario: &Scenario) -> SessionStats {
    let last = scenario.events.iter().find_map(|event| match event {
        Event::SessionClosed { stats, .. } => Some((**stats).clone()),
        _ => None,
    });
    last.expect("the session is closed")
}

fn last_of_conn(scenario: &Scenario) -> ConnStats {
    let last = scenario.events.iter().find_map(|event| match event {
        Event::ConnClosed { stats, .. } => Some(*stats),
        _ => None,
    });
    last.expect("the connection is closed")
}

fn count(packets: u64) -> Counted {
    Counted { packets, bytes: packets * PACKET }
}

#[test]
fn a_readers_packets_and_reports_are_counted_as_it_gets_them_to_the_end() {
    let (mut scenario, conn, stream, session) = reader(ServerConfig::default());
    for sequence in 10..15 {
        scenario.push(stream, 0, video(sequence, SLICE));
    }
    scenario.push(stream, 1, video(1, SLICE));
    let frames = scenario.frames(conn);
    let reports: usize = frames.iter().filter(|(channel, _)| *channel == 1).map(|(_, data)| data.len()).sum();

    let stats = session_stats(&mut scenario);
    assert_eq!((stats.at, stats.received()), (Some(scenario.now), Default::default()));
    assert_eq!(
        (stats.sent().rtp, stats.sent().rtcp),
        (count(5), Counted { packets: 1, bytes: reports as u64 })
    );
    let [media] = &stats.medias[..] else { panic!("the other media is not set up: {stats:?}") };
    let [format] = &media.formats[..] else { panic!("one source") };
    assert_eq!((media.media, format.payload_type, format.sent), (0, Some(96), count(5)));
    assert_eq!((format.local_ssrc, format.remote_ssrc), (Some(0xabc), None));
    assert_eq!((format.last_sequence, format.last_timestamp), (Some(14), Some(42_000)));
    let shown = format.last_ntp.and_then(|ntp| ntp.to_unix()).map(|since| since.as_secs());
    assert_eq!(shown, Some(1_000_000), "as sender reports tell");

    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    let last = last_of_session(&scenario);
    assert_eq!((last.sent(), last.lag), (stats.sent(), None));
}

#[test]
fn what_a_reader_was_sent_before_it_paused_counts_on() {
    let (mut scenario, conn, stream, session) = reader(ServerConfig::default());
    scenario.push(stream, 0, video(0, SLICE));
    assert_eq!(session_stats(&mut scenario).lag.map(|lag| lag.packets), Some(0));
    scenario.frames(conn);
    scenario.request(conn, &format!("PAUSE rtsp://h/cam|Session: {session}"));
    scenario.push(stream, 0, video(1, SLICE));
    let paused = session_stats(&mut scenario);
    assert_eq!((paused.sent().rtp, paused.lag), (count(1), None));
    play(&mut scenario, conn, &session);
    scenario.frames(conn);
    let before = session_stats(&mut scenario).sent().rtp;
    scenario.push(stream, 0, video(2, SLICE));
    assert_eq!(session_stats(&mut scenario).sent().rtp.packets, before.packets + 1);
    scenario.hang_up(conn);
    assert_eq!(last_of_session(&scenario).sent().rtp.packets, before.packets + 1);
    let sent = scenario.server.stream_stats(scenario.now, stream, &scenario.logs).unwrap().sent;
    assert_eq!(sent.rtp.packets, before.packets + 1, "the stream remembers its readers");
}

#[test]
fn a_connection_counts_the_bytes_of_its_socket() {
    let (mut scenario, conn, stream, _) = reader(ServerConfig::default());
    scenario.push(stream, 0, video(0, SLICE));
    told(&mut scenario, StatsOf::Conn(conn));
    let stats = scenario.server.connection_stats(conn).unwrap();
    assert_eq!(stats.bytes_sent, scenario.transcript(conn).len() as u64);
    assert_eq!(stats.bytes_waiting, 0);
    let before = stats.bytes_received;
    scenario.send(conn, b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n\r\n$\x05\x00\x01");
    told(&mut scenario, StatsOf::All);
    assert_eq!(scenario.server.connection_stats(conn).unwrap().bytes_received, before + 35, "the rest too");
    scenario.hang_up(conn);
    let last = last_of_conn(&scenario);
    assert_eq!(last.bytes_received, before + 35);
    assert_eq!(last.bytes_sent, scenario.transcript(conn).len() as u64);
}

#[test]
fn a_publishers_packets_are_counted_once_and_survive_its_end() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    record(&mut scenario, conn);
    for sequence in [1, 2, 2, 5, 4, 6] {
        scenario.send(conn, &frame(0, video(sequence, SLICE).as_bytes()));
    }
    scenario.send(conn, &frame(0, b"no packet"));
    let other = RtpHeader { payload_type: 111, ..RtpHeader::default() };
    scenario.send(conn, &frame(0, RtpPacket::build(other, SLICE).as_bytes()));
    scenario.send(conn, &frame(1, &[0x80, 200, 0]));
    let check = |stats: &SessionStats| {
        let receiver = stats.receiver();
        assert_eq!((receiver.packets, receiver.lost), (4, 2), "one that comes twice is no loss");
        assert_eq!((receiver.duplicates, receiver.late), (1, 1));
        assert_eq!(stats.received().rtp, count(4));
        let media = &stats.medias[0];
        assert_eq!((media.rtp_errors, media.rtcp_errors, media.rtcp_received.packets), (2, 1, 1));
        let format = &media.formats[0];
        assert_eq!((format.payload_type, format.remote_ssrc), (Some(96), Some(0xabc)));
        assert_eq!((format.last_sequence, format.last_timestamp), (Some(6), Some(18_000)));
        assert!(format.local_ssrc.is_some_and(|ssrc| ssrc != 0xabc), "that of our reports");
        assert_eq!(stats.sent().rtp, Counted::default());
    };
    check(&session_stats(&mut scenario));
    scenario.hang_up(conn);
    check(&last_of_session(&scenario));
}

#[test]
fn a_publisher_over_udp_is_counted_by_what_came_of_it() {
    let (mut scenario, _, _, _) = udp::publisher();
    for sequence in [1, 3, 2, 3, 4] {
        scenario.datagram(Port::Rtp, peer(6000), video(sequence, SLICE).into_bytes());
    }
    let check = |stats: &SessionStats| {
        let receiver = stats.receiver();
        assert_eq!((receiver.packets, receiver.lost, receiver.duplicates), (4, 0, 1), "{stats:?}");
        assert_eq!(receiver.reordered, 1);
        assert!(stats.sent().rtcp.packets > 0, "receiver reports");
    };
    scenario.advance(SENDER_REPORT_PERIOD);
    check(&session_stats(&mut scenario));
    let id = the_session(&scenario);
    scenario.server.close_session(scenario.now, id);
    scenario.drain();
    check(&last_of_session(&scenario));
}

/// A reader's report of the source of [`video`], whose sender report it has had.
fn report_of(compound: &[u8], lost: i32, delay: Duration) -> Bytes {
    let mut tolerances = Tolerances::NONE;
    let Some(Rtcp::SenderReport(report)) = parse(compound, &mut tolerances).next() else {
        panic!("no report")
    };
    let block = ReportBlock {
        ssrc: report.ssrc,
        fraction_lost: 64,
        lost,
        jitter: 900,
        last_sr: report.ntp.middle(),
        delay: (delay.as_millis() * 65_536 / 1000) as u32,
        ..ReportBlock::default()
    };
    let foreign = ReportBlock { ssrc: 1, lost: 1000, ..block };
    receiver_report_compound(&ReceiverReport { ssrc: 77, reports: vec![foreign, block] }, "reader")
}

/// 30 ms there and back, and a second and a half in which the reader waits.
fn check_reported(stats: &SessionStats) {
    let round_trip = stats.round_trip().expect("it is told").as_micros();
    assert!((29_900..=30_100).contains(&round_trip), "{round_trip}");
    assert_eq!(stats.reported_lost(), 3, "only of what it was sent");
    let format = &stats.medias[0].formats[0];
    let reported = format.reported.unwrap();
    assert_eq!((reported.fraction_lost, reported.jitter), (64, Duration::from_millis(10)));
    assert_eq!(format.remote_ssrc, Some(77));
    assert_eq!(stats.received().rtcp.packets, 1);
}

const WAIT: Duration = Duration::from_millis(1500);

#[test]
fn a_readers_report_over_tcp_tells_its_losses_and_the_round_trip() {
    let (mut scenario, conn, stream, _) = reader(ServerConfig::default());
    scenario.push(stream, 0, video(0, SLICE));
    let frames = scenario.frames(conn);
    let (_, report) =
        frames.iter().find(|(channel, _)| *channel == 1).expect("a report behind the first packet");
    scenario.advance(WAIT + Duration::from_millis(30));
    scenario.send(conn, &frame(1, &report_of(report, 3, WAIT)));
    check_reported(&session_stats(&mut scenario));
    scenario.hang_up(conn);
    check_reported(&last_of_session(&scenario));
}

#[test]
fn a_readers_report_over_udp_tells_its_losses_and_the_round_trip() {
    let mut scenario = Scenario::with_udp();
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let session = session_of(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
    play(&mut scenario, conn, &session);
    scenario.push(stream, 0, video(0, SLICE));
    let is_report = |(port, _, _): &&(Port, _, Bytes)| *port == Port::Rtcp;
    let report = scenario.datagrams.sent.iter().find(is_report).expect("a report").2.clone();
    scenario.advance(WAIT + Duration::from_millis(30));
    scenario.datagram(Port::Rtcp, peer(5001), report_of(&report, 3, WAIT));
    let is_loss = |event: &&Event| matches!(event, Event::LossReported { media: 0, fraction_lost: 64, .. });
    assert_eq!(scenario.events.iter().filter(is_loss).count(), 1);
    check_reported(&session_stats(&mut scenario));
    assert_eq!(session_stats(&mut scenario).sent().rtp, count(1));
    assert_eq!(status(&scenario.request(conn, &format!("TEARDOWN rtsp://h/cam|Session: {session}"))), 200);
    check_reported(&last_of_session(&scenario));
}

#[test]
fn a_reader_that_lags_and_is_skipped_is_told_how_far_and_why() {
    let config = ServerConfig::default().log(LogLimits::default().packets(8));
    let mut scenario = Scenario::with_udp_and(|_| {
        let spec = crate::udp::UdpSpec {
            ip: [192, 0, 2, 100].into(),
            ports: crate::udp::UdpPorts::Fixed(8000, 8001),
        };
        config.udp(Some(spec)).udp_burst(usize::MAX)
    });
    let stream = scenario.publish("/cam");
    let conn = scenario.connect();
    let offer = "Transport: RTP/AVP;unicast;client_port=5000-5001";
    let session = session_of(&scenario.request(conn, &format!("SETUP rtsp://h/cam/trackID=0|{offer}")));
    play(&mut scenario, conn, &session);
    scenario.push(stream, 0, video(0, SLICE));
    scenario.datagrams.room = scenario.datagrams.sent.len();
    for sequence in 1..=5 {
        scenario.push(stream, 0, video(sequence, SLICE));
        scenario.advance(Duration::from_millis(10));
    }
    let lag = session_stats(&mut scenario).lag.unwrap();
    assert_eq!((lag.packets, lag.bytes, lag.time), (5, 5 * PACKET, Duration::from_millis(50)));
    for sequence in 6..30 {
        scenario.push(stream, 0, video(sequence, SLICE));
    }
    scenario.datagrams.room = usize::MAX;
    scenario.drain();
    let stats = session_stats(&mut scenario);
    let missed = 29 - (stats.sent().rtp.packets - 1);
    assert_eq!((stats.skips.too_slow, stats.skips.unproven, stats.skips.packets), (1, 0, missed));
    assert!(missed > 10);
}

#[test]
fn a_stream_tells_its_bitrate_its_keyframes_and_what_its_readers_were_sent() {
    let (mut scenario, conn, stream, _) = reader(ServerConfig::default());
    const KEYFRAME: &[u8] = &[0x65, 1, 2, 3];
    // A picture in 40 ms, a keyframe in a second: for longer than the window, and a little.
    let pictures = (BITRATE_WINDOW.as_millis() / 40 + 30) as u16;
    for sequence in 0..pictures {
        scenario.push(stream, 0, video(sequence, if sequence % 25 == 0 { KEYFRAME } else { SLICE }));
        scenario.advance(Duration::from_millis(40));
    }
    let stats = stream_stats(&mut scenario, stream);
    let media = &stats.medias[0];
    assert_eq!(stats.bitrate, Some(25 * PACKET * 8));
    assert_eq!(
        (media.keyframes, media.keyframe_interval),
        (u64::from(pictures).div_ceil(25), Some(Duration::from_secs(1)))
    );
    assert_eq!(media.published, Counted { packets: pictures.into(), bytes: u64::from(pictures) * 4 });
    assert_eq!(stats.published, media.published);
    assert_eq!(stats.sent.rtp, count(pictures.into()));
    assert!(stats.sent.rtcp.packets > 0);
    let format = &media.formats[0];
    assert_eq!(
        (format.local_ssrc, format.payload_type, format.sent),
        (0xabc, Some(96), count(pictures.into()))
    );
    assert_eq!(stats.medias[1].sent.rtp.packets, 0);
    scenario.hang_up(conn);
    assert_eq!(stream_stats(&mut scenario, stream).sent.rtp, stats.sent.rtp);
    scenario.advance(BITRATE_WINDOW * 2);
    assert_eq!(stream_stats(&mut scenario, stream).bitrate, Some(0), "nothing has come in the window");
}

#[test]
fn all_that_there_is_can_be_looked_at_at_once() {
    let (mut scenario, conn, stream, _) = reader(ServerConfig::default());
    scenario.push(stream, 0, video(0, SLICE));
    told(&mut scenario, StatsOf::All);
    let stats = scenario.server.stats(scenario.now, &scenario.logs);
    assert!(stats.connections.iter().any(|(info, stats)| info.conn == conn && stats.bytes_sent > 0));
    assert_eq!(stats.sessions[0].1.sent().rtp, count(1));
    assert_eq!((stats.streams[0].0.stream, stats.streams[0].1.sent.rtp), (stream, count(1)));
}

#[test]
fn who_does_not_answer_is_not_waited_for_and_is_asked_once() {
    let (mut scenario, conn, _, _) = reader(ServerConfig::default());
    for _ in 0..3 {
        scenario.server.ask_for_stats(scenario.now, StatsOf::Conn(conn));
    }
    let orders = std::iter::from_fn(|| scenario.server.poll_output()).count();
    assert_eq!(orders, 2, "one for each half");
    assert!(scenario.server.awaits_stats(StatsOf::Conn(conn)));
    let told = scenario.server.stats_told();
    scenario.advance(STATS_WAIT * 3);
    assert!(!scenario.server.awaits_stats(StatsOf::All) && scenario.server.stats_told() > told);
}
