//! Replay as ONVIF has it, with the requests of the Streaming Specification's examples.

use std::time::Duration;

use super::answers::{answer, asked};
use super::private::{add, config, packet, sequences};
use super::scenario::{Scenario, session_of, status};
use crate::header::{Frames, ONVIF_REPLAY, Range, Replay};
use crate::server::{Event, ServerConfig};
use crate::wire::Response;
use crate::{ConnId, StreamId};

/// The path of the examples, which write the header of the number in two ways.
const PLAY: &str = "PLAY rtsp://192.168.0.1/path/to/recording RTSP/1.0\r\nCseq: 123\r\n";

/// A reader of a recording, set up.
fn reader() -> (Scenario, ConnId, StreamId, String) {
    let mut scenario = Scenario::new(config().features([ONVIF_REPLAY]));
    let conn = scenario.connect();
    let stream = add(&mut scenario);
    let transport = "Transport: RTP/AVP/TCP;interleaved=0-1";
    let setup =
        format!("SETUP rtsp://192.168.0.1/path/to/recording/trackID=0|{transport}|Require: {ONVIF_REPLAY}");
    scenario.post(conn, &setup, "");
    let mut question = asked!(scenario, Setup);
    assert!(question.requires(ONVIF_REPLAY) && !question.requires("onvif"));
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    let session = session_of(&scenario.response(conn));
    scenario.events.clear();
    (scenario, conn, stream, session)
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name)
}

#[test]
fn a_server_without_replay_answers_the_example_of_the_feature_tag() {
    let mut scenario = Scenario::new(ServerConfig::default());
    let conn = scenario.connect();
    scenario.send(
        conn,
        b"SETUP rtsp://server.com/foo/bar/baz.rm RTSP/1.0\r\nCseq: 302\r\nRequire: onvif-replay\r\n\r\n",
    );
    let answered = scenario.transcript(conn);
    let answered = String::from_utf8_lossy(&answered);
    assert!(answered.starts_with("RTSP/1.0 551 Option not supported\r\nCSeq: 302\r\n"), "{answered}");
    assert!(answered.contains("\r\nUnsupported: onvif-replay\r\n"), "{answered}");
}

#[test]
fn each_example_of_play_is_asked_about_and_answered_with_its_range_and_where_it_begins() {
    let no_pace = Replay::new().without_rate_control();
    let examples = [
        ("Range: clock=20090615T114900.440Z-\r\nRate-Control: no\r\n", no_pace, None),
        ("Range: clock=20090615T114900.440Z-\r\nRate-Control: no\r\nScale: -1.0\r\n", no_pace, Some(-1.0)),
        ("Range: clock=20090615T114900.440Z-20090615T115000Z\r\nRate-Control: no\r\n", no_pace, None),
        (
            "Range: clock=20090615T115000.440Z-20090615T114900Z\r\nRate-Control: no\r\nScale: -1.0\r\n",
            no_pace,
            Some(-1.0),
        ),
        (
            "Range: clock=20090615T114900.440Z-\r\nRate-Control: no\r\nImmediate: yes\r\n",
            no_pace.immediate(),
            None,
        ),
        ("Frames: intra\r\n", Replay::new().only(Frames::Intra { every: None }), None),
        (
            "Frames: intra/4000\r\n",
            Replay::new().only(Frames::Intra { every: Some(Duration::from_secs(4)) }),
            None,
        ),
        ("Frames: predicted\r\n", Replay::new().only(Frames::Predicted), None),
        ("Frames: all\r\n", Replay::new(), None),
    ];
    let (mut scenario, conn, stream, session) = reader();
    let mut played = Vec::new();
    for (sequence, (headers, replay, scale)) in (1..).zip(examples) {
        let request = format!("{PLAY}Session: {session}\r\nRequire: onvif-replay\r\n{headers}\r\n");
        scenario.send(conn, request.as_bytes());
        let mut question = asked!(scenario, Play);
        assert_eq!((question.replay(), question.scale(), question.cseq()), (replay, scale, 123), "{headers}");
        // The first packet of the place that is asked for, and what is told of it.
        let range = question.range();
        range.into_iter().for_each(|range| question.ticket.set_range(range));
        scenario.push(stream, 0, packet(sequence, 9000));
        // One that plays already is sent it before the answer.
        played.extend(sequences(&mut scenario, conn));
        answer!(scenario, question, Ok(()));
        let response = scenario.response(conn);
        assert_eq!((status(&response), response.cseq()), (200, Some(123)));
        let expected = range.map_or_else(|| "npt=0.000-".to_owned(), |range| range.to_string());
        assert_eq!(header(&response, "Range"), Some(&*expected));
        assert!(matches!(range, None | Some(Range::Clock { .. })));
        let info = format!("url=rtsp://192.168.0.1/path/to/recording/trackID=0;seq={sequence};rtptime=9000");
        assert_eq!(header(&response, "RTP-Info"), Some(&*info));
        played.extend(sequences(&mut scenario, conn));
    }
    assert_eq!(played, (1..=9).collect::<Vec<_>>());
}

#[test]
fn a_replay_that_cannot_be_read_is_refused_with_the_name_of_its_header() {
    let (mut scenario, conn, _, session) = reader();
    for (name, value) in [("Rate-Control", "perhaps"), ("Frames", "intra/x"), ("Immediate", "1")] {
        let play = format!("{PLAY}Session: {session}\r\n{name}: {value}\r\n");
        scenario.send(conn, format!("{play}Require: onvif-replay\r\n\r\n").as_bytes());
        let response = scenario.response(conn);
        assert!(response.reason.contains(name), "{}", response.reason);
        assert_eq!((status(&response), scenario.events.len()), (400, 0));
        // To others these headers mean nothing.
        scenario.send(conn, format!("{play}\r\n").as_bytes());
        let question = asked!(scenario, Play);
        assert_eq!((question.replay(), question.requires(ONVIF_REPLAY)), (Replay::new(), false));
        answer!(scenario, question, Err(crate::wire::StatusCode::FORBIDDEN.into()));
        assert_eq!(status(&scenario.response(conn)), 403);
    }
}

#[test]
fn there_are_sender_reports_with_rate_control_alone() {
    for is_rate_controlled in [true, false] {
        let (mut scenario, conn, stream, session) = reader();
        scenario.server.set_wall_clock(scenario.now, crate::NtpTime::from_bits(7 << 32));
        let now = scenario.now;
        if let Some(log) = scenario.logs.0.borrow_mut().get_mut(&stream) {
            log.set_wall_clock(now, crate::NtpTime::from_bits(7 << 32));
            log.set_rate_control(is_rate_controlled);
            assert_eq!(log.is_rate_controlled(), is_rate_controlled);
        }
        scenario.send(conn, format!("{PLAY}Session: {session}\r\n\r\n").as_bytes());
        answer!(scenario, asked!(scenario, Play), Ok(()));
        scenario.response(conn);
        scenario.push(stream, 0, packet(1, 0));
        scenario.advance(Duration::from_secs(20));
        let reports = scenario.frames(conn).into_iter().filter(|(channel, _)| channel % 2 == 1).count();
        assert_eq!(reports > 0, is_rate_controlled);
    }
}
