use std::time::Duration;

use bytes::Bytes;

use super::answers::{answer, asked};
use super::scenario::{SDP, Scenario, description, session_of, status};
use crate::auth::Action;
use crate::conn::CloseReason;
use crate::server::{Asks, Event, Refusal, ServerConfig, Stale};
use crate::wire::StatusCode;
use crate::{ConnId, StreamId};

#[test]
fn a_path_may_be_published_when_it_is_asked_for() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/on-demand?a=b", "");
    let question = asked!(scenario, Describe);
    assert_eq!((&*question.path, question.query.as_deref()), ("/on-demand", Some("a=b")));
    let (stream, log) = scenario.server.add_stream(scenario.now, "/on-demand", description()).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    let response = scenario.response(conn);
    assert_eq!((status(&response), response.body.is_empty()), (200, false));

    scenario.post(conn, "DESCRIBE rtsp://h/elsewhere", "");
    let question = asked!(scenario, Describe);
    let refusal = Refusal::new(StatusCode::FOUND).with_header("Location", "rtsp://other/elsewhere").unwrap();
    scenario.server.answer(scenario.now, question.ticket, Err(refusal), &scenario.logs).unwrap();
    let response = scenario.response(conn);
    assert_eq!((status(&response), response.headers.get("Location")), (302, Some("rtsp://other/elsewhere")));
}

#[test]
fn a_publisher_may_be_refused() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::ANNOUNCE));
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live", SDP);
    let question = asked!(scenario, Announce);
    assert_eq!(question.description.unwrap().medias.len(), 2);
    scenario
        .server
        .answer(scenario.now, question.ticket, Err(StatusCode::FORBIDDEN.into()), &scenario.logs)
        .unwrap();
    assert_eq!(status(&scenario.response(conn)), 403);
    assert!(scenario.server.sessions.len() == 0);
}

#[test]
fn requests_wait_for_the_answer_to_the_one_before() {
    let (mut scenario, conn, _) =
        Scenario::with_stream(ServerConfig::default().asks(Asks::SETUP | Asks::PLAY));
    scenario.send(
        conn,
        b"SETUP rtsp://h/cam/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP\r\n\r\n\
          PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 3\r\n\r\n",
    );
    assert!(scenario.received(conn).is_none());
    let setup = asked!(scenario, Setup);
    scenario.server.answer(scenario.now, setup.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(scenario.response(conn).cseq(), Some(1));
    assert!(scenario.received(conn).is_none());
    let play = asked!(scenario, Play);
    assert_eq!(play.path, "/cam");
    scenario.server.answer(scenario.now, play.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(scenario.response(conn).cseq(), Some(2));
    assert_eq!(scenario.response(conn).cseq(), Some(3));
}

#[test]
fn a_pause_may_be_refused_and_is_only_asked_for_when_it_changes_something() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(Asks::PAUSE));
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0?x=y|Transport: RTP/AVP/TCP");
    let session = session_of(&setup);
    let pause = format!("PAUSE rtsp://h/cam|Session: {session}");
    assert_eq!(status(&scenario.request(conn, &pause)), 200, "it pauses already");
    for (reply, expected) in [(Err(StatusCode::FORBIDDEN.into()), 403), (Ok(()), 200)] {
        scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
        scenario.post(conn, &pause, "");
        let question = asked!(scenario, Pause);
        let place = (&*question.path, question.query.as_deref());
        assert_eq!((place, question.conn), (("/cam", Some("x=y")), conn));
        assert!(question.session.is_some());
        scenario.server.answer(scenario.now, question.ticket, reply, &scenario.logs).unwrap();
        assert_eq!(status(&scenario.response(conn)), expected);
        let has_paused = matches!(scenario.events.pop(), Some(Event::Paused { .. }));
        assert_eq!(has_paused, expected == 200);
    }
    scenario.request(conn, &format!("PLAY rtsp://h/cam|Session: {session}"));
    scenario.post(conn, &pause, "");
    let question = asked!(scenario, Pause);
    scenario.server.close_session_quietly(scenario.now, question.session.unwrap(), CloseReason::Application);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(conn)), 454, "the session has ended meanwhile");
}

#[test]
fn a_publishers_setup_is_asked_for_as_well() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::SETUP));
    let conn = scenario.connect();
    scenario.post(conn, "ANNOUNCE rtsp://h/live?key=1|Content-Type: application/sdp", SDP);
    assert_eq!(status(&scenario.response(conn)), 200);
    let setup = "SETUP rtsp://h/live?key=1/streamid=0|Transport: RTP/AVP/TCP;unicast;mode=record";
    scenario.post(conn, setup, "");
    let question = asked!(scenario, Setup);
    let place = (&*question.path, question.query.as_deref());
    assert_eq!((question.action, place), (Action::Publish, ("/live", Some("key=1"))));
    assert!(question.session.is_some());
    scenario
        .server
        .answer(scenario.now, question.ticket, Err(StatusCode::FORBIDDEN.into()), &scenario.logs)
        .unwrap();
    assert_eq!(status(&scenario.response(conn)), 403);
}

#[test]
fn a_question_that_is_not_answered_in_time_is_answered_503() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/x", "");
    let question = asked!(scenario, Describe);
    scenario.advance(Duration::from_secs(29));
    assert!(scenario.received(conn).is_none());
    scenario.advance(Duration::from_secs(2));
    assert_eq!(status(&scenario.response(conn)), 503);
    assert_eq!(scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs), Err(Stale));
    assert_eq!(status(&scenario.request(conn, "OPTIONS *")), 200);
}

#[test]
fn an_answer_to_a_connection_that_is_gone_is_stale() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(Asks::PLAY));
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    scenario.post(conn, &format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup)), "");
    let question = asked!(scenario, Play);
    scenario.hang_up(conn);
    assert_eq!(scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs), Err(Stale));
}

#[test]
fn an_answer_to_a_session_that_is_gone_finds_none() {
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default().asks(Asks::PLAY));
    let setup = scenario.request(conn, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP");
    scenario.post(conn, &format!("PLAY rtsp://h/cam|Session: {}", session_of(&setup)), "");
    let question = asked!(scenario, Play);
    let session = scenario.server.conns.get(conn).unwrap().sessions.first().unwrap();
    scenario.server.close_session_quietly(scenario.now, session, CloseReason::Application);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(conn)), 454);
    assert_eq!(scenario.server.stream_at("/cam"), Some(stream));
}

/// A session that the application asks about, and the request that it is asked about.
fn ask_in_session(request: &str) -> (Scenario, ConnId, StreamId) {
    let asks = Asks::SETUP | Asks::PLAY | Asks::PAUSE | Asks::GET_PARAMETER | Asks::SET_PARAMETER;
    let (mut scenario, conn, stream) = Scenario::with_stream(ServerConfig::default().asks(asks));
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP;interleaved=0-1";
    scenario.post(conn, setup, "");
    let question = asked!(scenario, Setup);
    answer!(scenario, question, Ok(()));
    let session = session_of(&scenario.response(conn));
    if request.starts_with("PAUSE") {
        scenario.post(conn, &format!("PLAY rtsp://h/cam|Session: {session}"), "");
        let question = asked!(scenario, Play);
        answer!(scenario, question, Ok(()));
        assert_eq!(status(&scenario.response(conn)), 200);
    }
    let (line, headers) = request.split_once('|').unwrap_or((request, ""));
    let body = if line.contains("PARAMETER") { "volume: 11\r\n" } else { "" };
    scenario.post(conn, &format!("{line}|Session: {session}|{headers}"), body);
    (scenario, conn, stream)
}

#[test]
fn a_yes_after_the_session_has_ended_with_its_stream_does_nothing() {
    macro_rules! answered {
        ($kind:ident, $request:expr, $reply:expr) => {{
            let (mut scenario, conn, stream) = ask_in_session($request);
            let question = asked!(scenario, $kind);
            scenario.server.remove_stream(scenario.now, stream);
            scenario.drain();
            answer!(scenario, question, $reply);
            let status = status(&scenario.response(conn));
            assert_eq!(scenario.server.session_count(), 0, "{}", $request);
            status
        }};
    }
    let setup = "SETUP rtsp://h/cam/trackID=1|Transport: RTP/AVP/TCP;interleaved=2-3";
    assert_eq!(answered!(Setup, setup, Ok(())), 454);
    assert_eq!(answered!(Play, "PLAY rtsp://h/cam", Ok(())), 454);
    assert_eq!(answered!(Pause, "PAUSE rtsp://h/cam", Ok(())), 454);
    // The application has done these already.
    assert_eq!(
        answered!(GetParameter, "GET_PARAMETER rtsp://h/cam", Ok(Bytes::from_static(b"volume: 11\r\n"))),
        200
    );
    assert_eq!(answered!(SetParameter, "SET_PARAMETER rtsp://h/cam", Ok(())), 200);
}

#[test]
fn parameters_are_the_applications() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::GET_PARAMETER | Asks::SET_PARAMETER));
    let conn = scenario.connect();
    scenario.post(conn, "GET_PARAMETER rtsp://h/cam|Content-Type: text/parameters", "jitter\r\n");
    let question = asked!(scenario, GetParameter);
    assert_eq!(question.request.body, "jitter\r\n");
    let values = Bytes::from_static(b"jitter: 3\r\n");
    scenario.server.answer(scenario.now, question.ticket, Ok(values.clone()), &scenario.logs).unwrap();
    assert_eq!(scenario.response(conn).body, values);
    scenario.post(conn, "SET_PARAMETER rtsp://h/cam", "barparam: barstuff\r\n");
    let question = asked!(scenario, SetParameter);
    scenario.server.answer(scenario.now, question.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!(status(&scenario.response(conn)), 200);

    let mut silent = Scenario::new(ServerConfig::default());
    let conn = silent.connect();
    silent.post(conn, "SET_PARAMETER rtsp://h/cam", "barparam: barstuff\r\n");
    assert_eq!(status(&silent.response(conn)), 451);
}

#[test]
fn what_was_free_when_the_application_was_asked_is_not_given_twice() {
    let mut scenario = Scenario::with_udp_and(|config| config.asks(Asks::SETUP));
    scenario.publish("/cam");
    let (one, other) = (scenario.connect(), scenario.connect());
    let setup = "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP;unicast;client_port=6000-6001";
    scenario.post(one, setup, "");
    let first = asked!(scenario, Setup);
    scenario.post(other, setup, "");
    let second = asked!(scenario, Setup);
    scenario.server.answer(scenario.now, first.ticket, Ok(()), &scenario.logs).unwrap();
    scenario.server.answer(scenario.now, second.ticket, Ok(()), &scenario.logs).unwrap();
    let granted = scenario.response(one);
    assert_eq!((status(&granted), status(&scenario.response(other))), (200, 461));

    // The same for a track of one session that is set up over two connections, and for a session that plays by now.
    let session = session_of(&granted);
    let second_track = |port: u16| {
        format!(
            "SETUP rtsp://h/cam/trackID=1|Session: {session}|\
             Transport: RTP/AVP;unicast;client_port={port}-{}",
            port + 1
        )
    };
    scenario.post(one, &second_track(6002), "");
    let first = asked!(scenario, Setup);
    scenario.post(other, &second_track(6004), "");
    let second = asked!(scenario, Setup);
    scenario.server.answer(scenario.now, first.ticket, Ok(()), &scenario.logs).unwrap();
    scenario.server.answer(scenario.now, second.ticket, Ok(()), &scenario.logs).unwrap();
    assert_eq!((status(&scenario.response(one)), status(&scenario.response(other))), (200, 455));
}

/// The kinds of questions that a reader of a path is asked about, from DESCRIBE to PAUSE.
fn asked_of_a_reader(scenario: &mut Scenario, path: &str) -> Vec<&'static str> {
    let conn = scenario.connect();
    let (mut kinds, mut session) = (Vec::new(), String::new());
    for method in ["DESCRIBE", "SETUP", "PLAY", "PAUSE"] {
        let request = match method {
            "DESCRIBE" => format!("DESCRIBE rtsp://h{path}"),
            "SETUP" => format!("SETUP rtsp://h{path}/trackID=0|Transport: RTP/AVP/TCP"),
            _ => format!("{method} rtsp://h{path}|Session: {session}"),
        };
        scenario.events.clear();
        scenario.post(conn, &request, "");
        match scenario.events.pop() {
            Some(Event::Describe(question)) => {
                answer!(scenario, question, Ok(()));
            }
            Some(Event::Setup(question)) => {
                answer!(scenario, question, Ok(()));
            }
            Some(Event::Play(question)) => {
                answer!(scenario, question, Ok(()));
            }
            Some(Event::Pause(question)) => {
                answer!(scenario, question, Ok(()));
            }
            _ => kinds.push("nothing"),
        }
        let response = scenario.response(conn);
        assert_eq!(status(&response), 200, "{request}");
        kinds.push(method);
        if method == "SETUP" {
            session = session_of(&response);
        }
    }
    kinds
}

#[test]
fn a_decision_may_be_the_applications_at_some_paths_only() {
    let reader = Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE;
    let config = ServerConfig::default().asks(Asks::PLAY).asks_at("/films/*", reader);
    let (mut scenario, conn, _) = Scenario::with_stream(config);
    scenario.publish("/films/a b");
    let at_film = ["DESCRIBE", "SETUP", "PLAY", "PAUSE"];
    let at_camera = ["nothing", "DESCRIBE", "nothing", "SETUP", "PLAY", "nothing", "PAUSE"];
    assert_eq!(asked_of_a_reader(&mut scenario, "//films/a%20b"), at_film);
    assert_eq!(asked_of_a_reader(&mut scenario, "/cam"), at_camera);

    scenario.server.set_asks_at([("/cam", Asks::DESCRIBE), ("/new", Asks::SETUP | Asks::ANNOUNCE)]);
    assert_eq!(asked_of_a_reader(&mut scenario, "/films/a%20b"), at_camera);
    let described = ["DESCRIBE", "nothing", "SETUP", "PLAY", "nothing", "PAUSE"];
    assert_eq!(asked_of_a_reader(&mut scenario, "/cam"), described);

    scenario.post(conn, "SETUP rtsp://h/new/trackID=0|Transport: RTP/AVP/TCP", "");
    answer!(scenario, asked!(scenario, Setup), Ok(()));
    assert_eq!(status(&scenario.response(conn)), 404, "nothing is published there");
    scenario.post(conn, "ANNOUNCE rtsp://h/new|Content-Type: application/sdp", SDP);
    answer!(scenario, asked!(scenario, Announce), Err(StatusCode::FORBIDDEN.into()));
    assert_eq!(status(&scenario.response(conn)), 403);
    let elsewhere = scenario.request(conn, "SETUP rtsp://h/none/trackID=0|Transport: RTP/AVP/TCP");
    assert_eq!(status(&elsewhere), 404);
}
