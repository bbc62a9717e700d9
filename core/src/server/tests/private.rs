//! Streams for one session: each reader has its own time line.

use std::time::Duration;

use super::answers::{answer, asked};
use super::scenario::{Scenario, description, session_of, status};
use crate::conn::CloseReason;
use crate::header::Range;
use crate::rtp::{RtpHeader, RtpPacket};
use crate::server::{AnswerError, Asks, Event, ServerConfig};
use crate::wire::{Response, StatusCode};
use crate::{ConnId, StreamId};

const TCP: &str = "Transport: RTP/AVP/TCP;interleaved";

pub(super) fn packet(sequence: u16, timestamp: u32) -> RtpPacket {
    RtpPacket::build(
        RtpHeader { payload_type: 96, sequence, timestamp, ssrc: 7, marker: true },
        &[0x65, 1, 2],
    )
}

fn scenario() -> Scenario {
    Scenario::new(config())
}

pub(super) fn config() -> ServerConfig {
    ServerConfig::default().asks(Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE)
}

pub(super) fn add(scenario: &mut Scenario) -> StreamId {
    let added = scenario.server.add_private_stream(scenario.now, "/film", description());
    let (stream, log) = added.unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    scenario.drain();
    scenario.events.clear();
    stream
}

/// Sets up the first track of `/film`, which is given `stream`.
fn set_up(scenario: &mut Scenario, conn: ConnId, stream: StreamId) -> String {
    scenario.post(conn, &format!("SETUP rtsp://h/film/trackID=0|{TCP}=0-1"), "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    session_of(&scenario.response(conn))
}

/// A reader of a stream of its own, set up.
fn reader() -> (Scenario, ConnId, StreamId, String) {
    let mut scenario = scenario();
    let conn = scenario.connect();
    let stream = add(&mut scenario);
    let session = set_up(&mut scenario, conn, stream);
    scenario.events.clear();
    (scenario, conn, stream, session)
}

pub(super) fn sequences(scenario: &mut Scenario, conn: ConnId) -> Vec<u16> {
    let frames = scenario.frames(conn).into_iter().filter(|(channel, _)| channel % 2 == 0);
    frames.map(|(_, data)| RtpPacket::parse(data).unwrap().sequence()).collect()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers.get(name)
}

#[test]
fn a_path_where_nothing_is_published_is_asked_about_and_may_have_a_stream_for_each_reader() {
    let mut scenario = scenario();
    let mut readers = Vec::new();
    for number in 0..2_u16 {
        let conn = scenario.connect();
        scenario.post(conn, "DESCRIBE rtsp://h/film", "");
        let mut question = asked!(scenario, Describe);
        question.ticket.set_description(description()).unwrap();
        answer!(scenario, question, Ok(()));
        assert_eq!(status(&scenario.response(conn)), 200);
        let stream = add(&mut scenario);
        let session = set_up(&mut scenario, conn, stream);
        // The second track is asked about as well, and is of the same stream without a word.
        scenario.post(conn, &format!("SETUP rtsp://h/film/trackID=1|{TCP}=2-3\r\nSession: {session}"), "");
        let question = asked!(scenario, Setup);
        assert_eq!((question.media, &*question.path), (Some(1), "/film"));
        answer!(scenario, question, Ok(()));
        assert_eq!(status(&scenario.response(conn)), 200);
        scenario.post(conn, &format!("PLAY rtsp://h/film|Session: {session}"), "");
        let question = asked!(scenario, Play);
        answer!(scenario, question, Ok(()));
        assert_eq!(status(&scenario.response(conn)), 200);
        scenario.push(stream, 0, packet(100 * number, 0));
        readers.push((conn, stream));
    }
    for (number, (conn, stream)) in readers.into_iter().enumerate() {
        assert_eq!(sequences(&mut scenario, conn), [100 * number as u16], "its own, and nobody else's");
        let info = scenario.server.stream(stream).unwrap();
        assert!(info.is_private && info.path == "/film" && info.readers.len() == 1);
    }
    let stranger = scenario.connect();
    scenario.post(stranger, &format!("SETUP rtsp://h/film/trackID=0|{TCP}=0-1"), "");
    let question = asked!(scenario, Setup);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(stranger)), 404, "no path leads to what is private");
}

#[test]
fn a_reader_may_be_given_the_stream_of_another_path() {
    let mut scenario = scenario();
    let stream = scenario.publish("/real");
    scenario.events.clear();
    let conn = scenario.connect();
    let session = set_up(&mut scenario, conn, stream);
    assert!(!scenario.server.stream(stream).unwrap().is_private);
    assert_eq!(scenario.server.sessions().next().unwrap().path, "/film");
    scenario.request(conn, &format!("TEARDOWN rtsp://h/film|Session: {session}"));
    assert!(scenario.server.stream(stream).is_some(), "it is not theirs alone");
}

#[test]
fn what_is_pushed_from_the_question_on_is_played_and_told() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.push(stream, 0, packet(1, 1000));
    for (start, sequence) in [(12.5, 500), (3.0, 40_000)] {
        let request =
            format!("PLAY rtsp://h/film|Session: {session}\r\nRange: npt={start}-\r\nScale: 2\r\nSpeed: 1.5");
        scenario.post(conn, &request, "");
        let mut question = asked!(scenario, Play);
        assert_eq!(question.range(), Some(Range::from_npt(Duration::from_secs_f64(start))));
        assert_eq!((question.scale(), question.speed()), (Some(2.0), Some(1.5)));
        // The keyframe before the place that was asked for.
        scenario.push(stream, 0, packet(sequence, 9000));
        question.ticket.set_range(Range::from_npt(Duration::from_secs(start as u64)));
        question.ticket.set_scale(1.0).unwrap();
        question.ticket.set_speed(1.25).unwrap();
        answer!(scenario, question, Ok(()));
        let response = scenario.response(conn);
        let range = format!("npt={}-", start as u64);
        assert_eq!(header(&response, "Range"), Some(&*range));
        assert_eq!((header(&response, "Scale"), header(&response, "Speed")), (Some("1"), Some("1.25")));
        let info = format!("url=rtsp://h/film/trackID=0;seq={sequence};rtptime=9000");
        assert_eq!(header(&response, "RTP-Info"), Some(&*info));
        scenario.push(stream, 0, packet(sequence + 1, 9000));
        assert_eq!(sequences(&mut scenario, conn), [sequence, sequence + 1], "nothing of before");
        scenario.post(conn, &format!("PAUSE rtsp://h/film|Session: {session}"), "");
        let mut question = asked!(scenario, Pause);
        question.ticket.set_range(Range::from_npt(Duration::from_secs(14)));
        answer!(scenario, question, Ok(()));
        assert_eq!(header(&scenario.response(conn), "Range"), Some("npt=14-"));
        scenario.push(stream, 0, packet(sequence + 2, 9000));
        assert_eq!(sequences(&mut scenario, conn), [], "it pauses");
    }
}

#[test]
fn a_play_that_nothing_is_pushed_for_tells_no_sequence() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.push(stream, 0, packet(1, 1000));
    scenario.post(conn, &format!("PLAY rtsp://h/film|Session: {session}"), "");
    let question = asked!(scenario, Play);
    assert_eq!((question.range(), question.scale(), question.speed()), (None, None, None));
    answer!(scenario, question, Ok(()));
    let response = scenario.response(conn);
    assert_eq!(header(&response, "RTP-Info"), Some("url=rtsp://h/film/trackID=0"));
    assert_eq!(header(&response, "Range"), Some("npt=0.000-"));
    scenario.push(stream, 0, packet(77, 5));
    assert_eq!(sequences(&mut scenario, conn), [77]);
}

#[test]
fn a_reader_that_plays_is_asked_about_too_and_loses_nothing() {
    let (mut scenario, conn, stream, session) = reader();
    scenario.post(conn, &format!("PLAY rtsp://h/film|Session: {session}"), "");
    answer!(scenario, asked!(scenario, Play), Ok(()));
    scenario.response(conn);
    scenario.push(stream, 0, packet(1, 0));
    assert_eq!(sequences(&mut scenario, conn), [1]);
    // Backwards, which only a stream of one's own can be played.
    let request = format!("PLAY rtsp://h/film|Session: {session}\r\nRange: npt=20-10\r\nScale: -1");
    scenario.post(conn, &request, "");
    let mut question = asked!(scenario, Play);
    assert_eq!(question.scale(), Some(-1.0));
    scenario.push(stream, 0, packet(900, 90_000));
    assert_eq!(sequences(&mut scenario, conn), [900], "it plays on meanwhile");
    question.ticket.set_scale(-1.0).unwrap();
    answer!(scenario, question, Ok(()));
    let response = scenario.response(conn);
    assert_eq!(header(&response, "Scale"), Some("-1"));
    assert_eq!(header(&response, "RTP-Info"), Some("url=rtsp://h/film/trackID=0;seq=900;rtptime=90000"));
    scenario.post(conn, &format!("PLAY rtsp://h/film|Session: {session}\r\nRange: npt=1-"), "");
    answer!(scenario, asked!(scenario, Play), Err(StatusCode::INVALID_RANGE.into()));
    assert_eq!(status(&scenario.response(conn)), 457);
    scenario.push(stream, 0, packet(901, 93_000));
    assert_eq!(sequences(&mut scenario, conn), [901], "a no changes nothing");
}

#[test]
fn a_stream_for_one_session_ends_with_it() {
    for hangs_up in [false, true] {
        let (mut scenario, conn, stream, session) = reader();
        if hangs_up {
            scenario.hang_up(conn);
        } else {
            let response = scenario.request(conn, &format!("TEARDOWN rtsp://h/film|Session: {session}"));
            assert_eq!(status(&response), 200);
        }
        assert!(scenario.server.stream(stream).is_none());
        assert!(!scenario.logs.0.borrow().contains_key(&stream), "its log is let go");
        let told: Vec<_> = scenario.events.iter().map(std::mem::discriminant).collect();
        let unpublished = scenario.events.iter().position(|event| {
            matches!(event, Event::Unpublished { stream: own, path, .. } if *own == stream && path == "/film")
        });
        let closed = scenario.events.iter().position(|event| matches!(event, Event::SessionClosed { .. }));
        assert!(unpublished.unwrap() < closed.unwrap(), "{told:?}");
    }
}

#[test]
fn a_stream_whose_reader_cannot_be_set_up_ends() {
    let mut scenario = scenario();
    let conn = scenario.connect();
    let stream = add(&mut scenario);
    scenario.post(conn, "SETUP rtsp://h/film/trackID=7|Transport: RTP/AVP/TCP;interleaved=0-1", "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 404);
    let ended = |event: &Event| matches!(event, Event::Unpublished { stream: own, reason: CloseReason::NeverBegan, .. } if *own == stream);
    assert!(scenario.events.iter().any(ended), "{:?}", scenario.events);
    // One whose reader is refused, or has gone when the answer comes.
    for hangs_up in [false, true] {
        let (stream, conn) = (add(&mut scenario), scenario.connect());
        scenario.post(conn, &format!("SETUP rtsp://h/film/trackID=0|{TCP}=0-1"), "");
        let mut question = asked!(scenario, Setup);
        question.ticket.set_stream(stream);
        let reply = if hangs_up { Ok(()) } else { Err(StatusCode::FORBIDDEN.into()) };
        if hangs_up {
            scenario.hang_up(conn);
        }
        let answered = scenario.server.answer(scenario.now, question.ticket, reply, &scenario.logs);
        assert_eq!(answered.is_err(), hangs_up);
        assert!(scenario.server.stream(stream).is_none(), "{hangs_up}");
        scenario.drain();
    }
    // One that has gone already is not there.
    scenario.post(conn, "SETUP rtsp://h/film/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1", "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 404);
}

#[test]
fn a_stream_that_a_session_has_is_given_to_no_other() {
    let (mut scenario, conn, stream, session) = reader();
    let other = scenario.connect();
    scenario.post(other, &format!("SETUP rtsp://h/film/trackID=0|{TCP}=0-1"), "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(other)), 404);
    assert_eq!(scenario.server.stream(stream).unwrap().readers.len(), 1);
    // To the session itself it may be given for its other tracks.
    scenario.post(conn, &format!("SETUP rtsp://h/film/trackID=1|{TCP}=2-3\r\nSession: {session}"), "");
    let mut question = asked!(scenario, Setup);
    question.ticket.set_stream(stream);
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 200);
}

#[test]
fn the_path_stays_free_and_removing_the_stream_ends_its_reader_alone() {
    let (mut scenario, conn, stream, _) = reader();
    let public = scenario.publish("/film");
    scenario.server.remove_stream(scenario.now, stream);
    scenario.drain();
    assert!(scenario.server.stream(stream).is_none() && scenario.server.session_count() == 0);
    assert!(scenario.server.stream(public).is_some());
    scenario.post(conn, "DESCRIBE rtsp://h/film", "");
    answer!(scenario, asked!(scenario, Describe), Ok(()));
    assert_eq!(status(&scenario.response(conn)), 200);
}

#[test]
fn rates_that_are_none_are_refused_and_those_of_a_peer_left_out() {
    let (mut scenario, conn, _, session) = reader();
    for (scale, speed) in [("NaN", "inf"), ("0", "-1"), ("fast", "")] {
        let request = format!("PLAY rtsp://h/film|Session: {session}\r\nScale: {scale}\r\nSpeed: {speed}");
        scenario.post(conn, &request, "");
        let mut question = asked!(scenario, Play);
        assert_eq!((question.scale(), question.speed()), (None, None), "{scale} {speed}");
        for rate in [0.0, f32::NAN, f32::INFINITY] {
            assert_eq!(question.ticket.set_scale(rate), Err(AnswerError::Rate));
            assert_eq!(question.ticket.set_speed(rate), Err(AnswerError::Rate));
        }
        assert_eq!(question.ticket.set_speed(-1.0), Err(AnswerError::Rate));
        answer!(scenario, question, Err(StatusCode::FORBIDDEN.into()));
        scenario.response(conn);
    }
}
