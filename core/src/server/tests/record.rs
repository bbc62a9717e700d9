use std::time::Duration;

use super::scenario::{SDP, Scenario, peer, session_of, status, video};
use crate::ConnId;
use crate::conn::{CloseReason, ConnCommand, TxCommand, TxOrder};
use crate::limits::GOODBYE_DELAY;
use crate::rtp::rtcp::{self, Rtcp};
use crate::server::{Event, Output, ServerConfig};
use crate::wire::{Message, Method, Request};
use crate::{StreamId, Tolerance, Tolerances};

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=";

/// A publisher at `/live` that records; its session.
pub(super) fn record(scenario: &mut Scenario, conn: ConnId) -> String {
    scenario.post(conn, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp; charset=utf-8", SDP);
    let announced = scenario.response(conn);
    assert_eq!((status(&announced), announced.headers.get("Session")), (200, None));
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{TCP}0-1;mode=record"));
    assert_eq!(setup.headers.get("Transport"), Some("RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"));
    let session = session_of(&setup);
    let second = scenario
        .request(conn, &format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{TCP}2-3;mode=record"));
    assert_eq!(status(&second), 200);
    assert_eq!(
        status(
            &scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}|Range: npt=0.000-"))
        ),
        200
    );
    session
}

pub(super) fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'$', channel, 0, u8::try_from(payload.len()).unwrap()];
    frame.extend_from_slice(payload);
    frame
}

fn stream_of(scenario: &Scenario) -> StreamId {
    scenario.server.stream_at("/live").expect("a stream at /live")
}

#[test]
fn a_publisher_that_pauses_sets_up_no_track_once_more() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    let session = record(&mut scenario, conn);
    assert_eq!(status(&scenario.request(conn, &format!("PAUSE rtsp://h/live|Session: {session}"))), 200);
    for (track, expected) in [("streamid=1", 455), ("streamid=2", 404)] {
        let setup = format!("SETUP rtsp://h/live/{track}|Session: {session}|{TCP}4-5;mode=record");
        assert_eq!(status(&scenario.request(conn, &setup)), expected, "{track}");
    }
}

#[test]
fn a_range_that_cannot_be_read_records_nothing() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    scenario.post(publisher, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    scenario.response(publisher);
    let setup = scenario.request(publisher, &format!("SETUP rtsp://h/live/streamid=0|{TCP}0-1;mode=record"));
    let session = session_of(&setup);
    scenario.request(
        publisher,
        &format!("SETUP rtsp://h/live/streamid=1|Session: {session}|{TCP}2-3;mode=record"),
    );
    for (range, expected) in [("npt=x-", 457), ("npt=0.000-", 200)] {
        let record = format!("RECORD rtsp://h/live|Session: {session}|Range: {range}");
        assert_eq!(status(&scenario.request(publisher, &record)), expected, "{range}");
    }
}

#[test]
fn what_is_recorded_is_read_packet_for_packet() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    let reader = scenario.connect();
    let described = scenario.request(reader, "DESCRIBE rtsp://h/live");
    let sdp = String::from_utf8(described.body.to_vec()).unwrap();
    assert!(sdp.contains("a=control:trackID=0") && !sdp.contains("streamid"), "{sdp}");
    let setup = scenario.request(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}0-1"));
    scenario.request(reader, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)));
    for sequence in [1, 2, 4] {
        scenario.send(publisher, &frame(0, video(sequence, &[0x41, 9]).as_bytes()));
    }
    let read: Vec<_> = scenario.frames(reader).into_iter().filter(|(channel, _)| *channel == 0).collect();
    let expected: Vec<_> = [1, 2, 4].map(|sequence| (0, video(sequence, &[0x41, 9]).into_bytes())).into();
    assert_eq!(read, expected);
}

#[test]
fn a_second_publisher_on_a_path_in_use_is_refused() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let (first, second) = (scenario.connect(), scenario.connect());
    scenario.post(first, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(first)), 200);
    scenario.post(second, "ANNOUNCE rtsp://h/live/", SDP);
    assert_eq!(status(&scenario.response(second)), 403);
    scenario.hang_up(first);
    scenario.post(second, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(second)), 200, "an announcement ends with its connection");
}

#[test]
fn when_a_publisher_leaves_its_path_is_free_and_its_readers_are_closed() {
    for leave in ["teardown", "hang up", "application"] {
        let mut scenario = Scenario::new(ServerConfig::default());
        let publisher = scenario.connect();
        let session = record(&mut scenario, publisher);
        let reader = scenario.connect();
        let setup = scenario.request(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}0-1"));
        scenario.request(reader, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)));
        scenario.send(publisher, &frame(0, video(1, &[0x41]).as_bytes()));
        match leave {
            "teardown" => {
                let response =
                    scenario.request(publisher, &format!("TEARDOWN rtsp://h/live|Session: {session}"));
                assert_eq!(status(&response), 200);
            }
            "hang up" => scenario.hang_up(publisher),
            _ => scenario.server.remove_stream(scenario.now, stream_of(&scenario)),
        }
        scenario.drain();
        assert_eq!(scenario.server.stream_at("/live"), None, "{leave}");
        assert!(!scenario.is_closed(reader), "it may tear its session down, {leave}");
        scenario.advance(GOODBYE_DELAY);
        assert!(scenario.is_closed(reader), "{leave}");
        let frames = scenario.frames(reader);
        let mut tolerances = Tolerances::NONE;
        let (_, last) = frames.last().unwrap();
        assert!(
            rtcp::parse(last, &mut tolerances).any(|packet| matches!(packet, Rtcp::Goodbye(_))),
            "{leave}"
        );
        assert!(scenario.logs.0.borrow().is_empty(), "{leave}");
    }
}

#[test]
fn a_publisher_is_sent_receiver_reports() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    for sequence in [1, 2, 4] {
        scenario.send(publisher, &frame(0, video(sequence, &[0x41]).as_bytes()));
    }
    scenario.advance(Duration::from_secs(6));
    let frames = scenario.frames(publisher);
    let [(1, report)] = &*frames else { panic!("{frames:?}") };
    let mut tolerances = Tolerances::NONE;
    let parsed = rtcp::parse(report, &mut tolerances).next();
    let Some(Rtcp::ReceiverReport(report)) = parsed else { panic!("{parsed:?}") };
    assert_eq!(
        (report.reports[0].ssrc, report.reports[0].lost, report.reports[0].highest_sequence & 0xffff),
        (0xabc, 1, 4)
    );
}

#[test]
fn a_publisher_pauses_and_its_stream_stays() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    let session = record(&mut scenario, publisher);
    let stream = stream_of(&scenario);
    assert_eq!(status(&scenario.request(publisher, &format!("PAUSE rtsp://h/live|Session: {session}"))), 200);
    scenario.send(publisher, &frame(0, video(1, &[0x41]).as_bytes()));
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 0, "packets under way are left out");
    assert_eq!(
        status(&scenario.request(publisher, &format!("RECORD rtsp://h/live|Session: {session}"))),
        200
    );
    assert_eq!(stream_of(&scenario), stream);
    scenario.send(publisher, &frame(0, video(2, &[0x41]).as_bytes()));
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 1);
}

#[test]
fn packets_of_a_format_not_announced_are_left_out() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    let stream = stream_of(&scenario);
    let mut foreign = video(1, &[0x41]).as_bytes().to_vec();
    foreign[1] = 50;
    scenario.send(publisher, &frame(0, &foreign));
    scenario.send(publisher, &frame(0, b"no packet"));
    scenario.send(publisher, &frame(9, video(1, &[0x41]).as_bytes()));
    assert_eq!(scenario.logs.0.borrow()[&stream].head(), 0);
}

#[test]
fn record_needs_every_announced_media() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let setup = scenario.request(conn, &format!("SETUP rtsp://h/live/streamid=0|{TCP}0-1;mode=record"));
    let session = session_of(&setup);
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsp://h/live|Session: {session}"))), 455);
    assert_eq!(
        status(&scenario.request(conn, &format!("SETUP rtsp://h/live/nothing|Session: {session}|{TCP}2-3"))),
        404
    );
}

#[test]
fn announcements_that_make_no_sense_are_refused() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    let table = [
        ("ANNOUNCE rtsp://h/live|Content-Type: text/plain", SDP, 415),
        ("ANNOUNCE rtsp://h/live|Content-Type: application/sdp", "", 400),
        ("ANNOUNCE rtsp://h/live|Content-Type: application/sdp", "v=0\r\ns=no media\r\n", 400),
        ("ANNOUNCE *", SDP, 400),
    ];
    for (request, body, expected) in table {
        scenario.post(conn, request, body);
        assert_eq!(status(&scenario.response(conn)), expected, "{request}");
    }
    let closed = Scenario::new(ServerConfig::default().publishers(false));
    let mut closed = closed;
    let conn = closed.connect();
    closed.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    assert_eq!(status(&closed.response(conn)), 403);
}

#[test]
fn an_announcement_that_is_not_followed_up_ends() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect_from(peer(1));
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    scenario.advance(Duration::from_secs(61));
    assert!(scenario.is_closed(conn));
    let idle = |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::Idle, .. });
    assert!(scenario.events.iter().any(idle));
    assert!(scenario.server.is_empty());
}

#[test]
fn a_teardown_that_ends_its_own_connection_is_answered_first() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    let reader = scenario.connect();
    scenario.request(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}0-1"));
    scenario.request(reader, "PLAY rtsp://h/live");
    scenario.server.close(scenario.now);
    while scenario.server.poll_output().is_some() {}
    let teardown = Message::Request(Request::new(Method::Teardown, "rtsp://h/live").with_header("CSeq", 9));
    scenario.server.handle_message(scenario.now, reader, teardown, &scenario.logs);
    let outputs = std::iter::from_fn(|| scenario.server.poll_output());
    let orders: Vec<&str> = outputs
        .filter_map(|output| match output {
            Output::Conn(conn, ConnCommand::Tx(TxCommand(order))) if conn == reader => Some(order),
            _ => None,
        })
        .map(|order| match order {
            TxOrder::Detach(_) => "detach",
            TxOrder::Send(_) => "send",
            TxOrder::Close => "close",
            _ => "other",
        })
        .collect();
    assert_eq!(orders, ["detach", "send", "close"]);
}

#[test]
fn a_stream_that_the_application_removes_takes_its_publisher_along() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    let stream = stream_of(&scenario);
    scenario.server.remove_stream(scenario.now, stream);
    assert!(scenario.is_closed(publisher) && scenario.server.is_empty());
    let ended =
        |event: &Event| matches!(event, Event::SessionClosed { reason: CloseReason::Application, .. });
    assert!(scenario.events.iter().any(ended), "{:?}", scenario.events);
}

#[test]
fn a_server_that_closes_does_not_wait_for_publishers() {
    let mut scenario = Scenario::with_udp();
    let (publisher, announcer) = (scenario.connect(), scenario.connect());
    record(&mut scenario, publisher);
    // It reads its own stream, so that its connection waits for the end of that.
    scenario.post(publisher, "ANNOUNCE rtsp://h/other", SDP);
    scenario.response(publisher);
    let setup = scenario.request(publisher, &format!("SETUP rtsp://h/live/trackID=0|{TCP}4-5"));
    scenario.request(publisher, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)));
    scenario.post(announcer, "ANNOUNCE rtsp://h/third", SDP);
    scenario.response(announcer);
    scenario.server.close(scenario.now);
    scenario.send(publisher, &frame(0, video(1, &[0x41, 9]).as_bytes()));
    assert!(scenario.is_closed(announcer));
    scenario.advance(GOODBYE_DELAY);
    assert!(scenario.is_closed(publisher));
    assert!(scenario.server.is_empty());
}

#[test]
fn reports_and_packets_of_a_publisher_are_told_apart_on_either_channel() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    record(&mut scenario, publisher);
    let reader = scenario.connect();
    let setup = scenario.request(reader, &format!("SETUP rtsp://h/live/trackID=0|{TCP}0-1"));
    scenario.request(reader, &format!("PLAY rtsp://h/live|Session: {}", session_of(&setup)));
    let report = rtcp::SenderReport { ssrc: video(1, &[0x41, 9]).ssrc(), ..Default::default() };
    let report = rtcp::sender_report_compound(&report, "x");
    scenario.send(publisher, &frame(0, video(1, &[0x41, 9]).as_bytes()));
    scenario.send(publisher, &frame(0, &report));
    scenario.send(publisher, &frame(1, video(2, &[0x41, 9]).as_bytes()));
    let read: Vec<_> = scenario.frames(reader).into_iter().filter(|(channel, _)| *channel == 0).collect();
    assert_eq!(read, [1, 2].map(|sequence| (0, video(sequence, &[0x41, 9]).into_bytes())));
    let told = |tolerance| {
        let has = |event: &Event| matches!(event, Event::Tolerated { tolerances, .. } if tolerances.contains(tolerance));
        scenario.events.iter().any(has)
    };
    assert!(told(Tolerance::RtcpOnRtp) && told(Tolerance::RtpOnRtcp));
}

#[test]
fn a_relayed_description_has_the_rtpmap_that_its_rfc_wants() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let publisher = scenario.connect();
    let sdp = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 OPUS/48000/1\r\na=control:streamid=0\r\n";
    scenario.post(publisher, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", sdp);
    scenario.response(publisher);
    let setup = scenario.request(publisher, &format!("SETUP rtsp://h/live/streamid=0|{TCP}0-1;mode=record"));
    let session = session_of(&setup);
    scenario.request(publisher, &format!("RECORD rtsp://h/live|Session: {session}"));
    let reader = scenario.connect();
    let described = scenario.request(reader, "DESCRIBE rtsp://h/live");
    let sdp = String::from_utf8(described.body.to_vec()).unwrap();
    assert!(sdp.contains("a=rtpmap:97 opus/48000/2\r\n"), "{sdp}");
}
