//! Additions of the application to answers.

use bytes::Bytes;

use super::access::Player;
use super::scenario::{SDP, Scenario, description, session_of, status};
use crate::Tolerances;
use crate::auth::Secret;
use crate::description::{Description, Format, Media, MediaKind};
use crate::limits::{ANSWER_BODY_BYTES_MAX, ANSWER_HEADER_BYTES_MAX, ANSWER_HEADERS_MAX, MEDIAS_MAX};
use crate::server::{AnswerError, Asks, Authority, Event, Refusal, ServerConfig};
use crate::wire::StatusCode;

/// Takes the question that was asked last.
macro_rules! asked {
    ($scenario:expr, $kind:ident) => {
        match $scenario.events.pop() {
            Some(Event::$kind(question)) => question,
            other => panic!("no question but {other:?}"),
        }
    };
}
pub(super) use asked;

/// Answers a question; its consequences follow.
macro_rules! answer {
    ($scenario:expr, $question:expr, $reply:expr) => {
        $scenario.server.answer($scenario.now, $question.ticket, $reply, &$scenario.logs).unwrap();
        $scenario.drain();
    };
}
pub(super) use answer;

#[test]
fn headers_go_into_the_response_whether_the_answer_is_yes_or_no() {
    let asks = Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE;
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(asks));
    let mut session = String::new();
    macro_rules! answered {
        ($kind:ident, $request:expr, $reply:expr) => {{
            scenario.post(conn, $request, "");
            let mut question = asked!(scenario, $kind);
            question.ticket.add_header("X-Node", "eu-1").unwrap();
            question.ticket.add_header("cache-control", "no-cache").unwrap();
            answer!(scenario, question, $reply);
            let response = scenario.response(conn);
            assert_eq!(response.headers.get("X-Node"), Some("eu-1"));
            assert_eq!(response.headers.get("Cache-Control"), Some("no-cache"));
            assert_eq!(response.cseq(), Some(7));
            response
        }};
    }
    assert_eq!(status(&answered!(Describe, "DESCRIBE rtsp://h/cam", Err(StatusCode::FORBIDDEN.into()))), 403);
    assert_eq!(status(&answered!(Describe, "DESCRIBE rtsp://h/cam", Ok(()))), 200);
    assert_eq!(status(&answered!(Describe, "DESCRIBE rtsp://h/none", Ok(()))), 404, "also where nothing is");
    let setup = answered!(Setup, "SETUP rtsp://h/cam/trackID=0|Transport: RTP/AVP/TCP", Ok(()));
    session.push_str(&session_of(&setup));
    assert!(setup.headers.get("Transport").is_some(), "the server's own are there as well");
    for method in ["PLAY", "PAUSE"] {
        let request = format!("{method} rtsp://h/cam|Session: {session}");
        let response = match method {
            "PLAY" => answered!(Play, &request, Ok(())),
            _ => {
                scenario.events.clear();
                answered!(Pause, &request, Ok(()))
            }
        };
        assert_eq!(status(&response), 200, "{method}");
    }
}

#[test]
fn what_would_break_an_answer_is_refused_and_the_ticket_stays_good() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    let mut question = asked!(scenario, Describe);
    for name in ["", "X Node", "X:Node", "X-Node\r\nEvil", "X-Nöde", "\u{7f}"] {
        assert_eq!(question.ticket.add_header(name, "x"), Err(AnswerError::HeaderName), "{name:?}");
    }
    for value in ["a\r\nSession: 1", "a\nb", "\0", "\u{85}", "\u{1b}[2J"] {
        assert_eq!(question.ticket.add_header("X-Node", value), Err(AnswerError::HeaderValue), "{value:?}");
    }
    for own in ["CSeq", "session", "TRANSPORT", "Content-Length", "Content-Type", "Content-Base", "RTP-Info"]
    {
        let refused = question.ticket.add_header(own, "1");
        assert!(matches!(refused, Err(AnswerError::HeaderOfServer(name)) if name.eq_ignore_ascii_case(own)));
    }
    assert_eq!(question.ticket.set_description(Description::new(Vec::new())), Err(AnswerError::Medias));
    let many = (0..=MEDIAS_MAX).map(|_| Media::new(MediaKind::Audio, vec![Format::pcmu()])).collect();
    assert_eq!(question.ticket.set_description(Description::new(many)), Err(AnswerError::Medias));
    let mut long = description();
    long.title = "t".repeat(ANSWER_BODY_BYTES_MAX);
    assert_eq!(question.ticket.set_description(long), Err(AnswerError::BodyTooLong));
    for number in 0..ANSWER_HEADERS_MAX {
        question.ticket.add_header(&format!("X-{number}"), "x").unwrap();
    }
    assert_eq!(question.ticket.add_header("X-More", "x"), Err(AnswerError::TooManyHeaders));
    answer!(scenario, question, Ok(()));
    let response = scenario.response(conn);
    let own = response.headers.iter().filter(|(name, _)| name.starts_with("X-")).count();
    assert_eq!((status(&response), own), (404, ANSWER_HEADERS_MAX));
}

#[test]
fn headers_of_a_refusal_are_checked_as_those_of_a_ticket() {
    let with = |name: &str, value: &str| Refusal::new(StatusCode::FOUND).with_header(name, value);
    assert_eq!(with("X Node", "x"), Err(AnswerError::HeaderName));
    assert_eq!(with("Location", "rtsp://h/\r\nSession: 1"), Err(AnswerError::HeaderValue));
    assert_eq!(with("cseq", "1"), Err(AnswerError::HeaderOfServer("CSeq")));
    assert_eq!(with("X", &"v".repeat(ANSWER_HEADER_BYTES_MAX)), Err(AnswerError::TooManyHeaders));
    let several = (0..ANSWER_HEADERS_MAX).try_fold(Refusal::new(StatusCode::FOUND), |refusal, number| {
        refusal.with_header(&format!("X-{number}"), "x")
    });
    assert_eq!(several.unwrap().with_header("X-More", "x"), Err(AnswerError::TooManyHeaders));
}

#[test]
fn headers_of_an_answer_have_so_many_bytes_at_most() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::DESCRIBE));
    let conn = scenario.connect();
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    let mut question = asked!(scenario, Describe);
    let most = "v".repeat(ANSWER_HEADER_BYTES_MAX - "X".len());
    assert_eq!(question.ticket.add_header("X", &(most.clone() + "v")), Err(AnswerError::TooManyHeaders));
    assert_eq!(question.ticket.add_header("X", &most), Ok(()));
    assert_eq!(question.ticket.add_header("Y", ""), Err(AnswerError::TooManyHeaders));
}

#[test]
fn a_yes_may_tell_a_description_of_its_own_whether_something_is_published_or_not() {
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(Asks::DESCRIBE));
    for (path, reply, expected) in
        [("/cam", Ok(()), 200), ("/nothing", Ok(()), 200), ("/cam", Err(StatusCode::FORBIDDEN.into()), 403)]
    {
        scenario.post(conn, &format!("DESCRIBE rtsp://h{path}?x=y"), "");
        let mut question = asked!(scenario, Describe);
        let mut own = Description::new(vec![Media::new(MediaKind::Audio, vec![Format::pcma()])]);
        own.title = "Preview".into();
        question.ticket.set_description(own).unwrap();
        answer!(scenario, question, reply);
        let response = scenario.response(conn);
        assert_eq!(status(&response), expected);
        if expected != 200 {
            assert!(response.body.is_empty());
            continue;
        }
        assert_eq!(response.headers.get("Content-Type"), Some("application/sdp"));
        assert_eq!(response.headers.get("Content-Base"), Some(&*format!("rtsp://h{path}?x=y/")));
        let mut tolerances = Tolerances::NONE;
        let told = Description::parse(&response.body, &mut tolerances).unwrap();
        assert_eq!((&*told.title, told.medias.len(), tolerances), ("Preview", 1, Tolerances::NONE));
        assert_eq!(told.medias[0].control.as_deref(), Some("trackID=0"));
    }
    scenario.post(conn, "DESCRIBE rtsp://h/cam", "");
    let question = asked!(scenario, Describe);
    answer!(scenario, question, Ok(()));
    let told = Description::parse(&scenario.response(conn).body, &mut Tolerances::default()).unwrap();
    assert_eq!(told.medias.len(), 2, "without one it is what is published");
}

#[test]
fn a_parameter_that_was_set_may_be_answered_with_a_body() {
    let mut scenario = Scenario::new(ServerConfig::default().asks(Asks::SET_PARAMETER));
    let conn = scenario.connect();
    scenario.post(conn, "SET_PARAMETER rtsp://h/cam", "zoom: 9\r\n");
    let mut question = asked!(scenario, SetParameter);
    let long = Bytes::from(vec![b'x'; ANSWER_BODY_BYTES_MAX + 1]);
    assert_eq!(question.ticket.set_body("text/parameters", long), Err(AnswerError::BodyTooLong));
    for content_type in ["", "text/x\r\nEvil: 1"] {
        let refused = question.ticket.set_body(content_type, Bytes::new());
        assert_eq!(refused, Err(AnswerError::HeaderValue), "{content_type:?}");
    }
    question.ticket.set_body("text/parameters", Bytes::from_static(b"zoom: 4\r\n")).unwrap();
    answer!(scenario, question, Ok(()));
    let response = scenario.response(conn);
    assert_eq!((status(&response), &*response.body), (200, &b"zoom: 4\r\n"[..]));
    assert_eq!(response.headers.get("Content-Type"), Some("text/parameters"));
}

#[test]
fn a_header_of_the_answer_about_credentials_comes_with_the_response_in_the_end() {
    let asks = Asks::AUTHENTICATE | Asks::DESCRIBE;
    let mut scenario = Scenario::new(ServerConfig::default().asks(asks));
    scenario.publish("/cam");
    let mut player = Player::new(&mut scenario, "wall", "correct horse");
    for expected in [401, 200] {
        let credentials = player.credentials("DESCRIBE", "rtsp://h/cam");
        scenario.post(player.conn, &format!("DESCRIBE rtsp://h/cam|{credentials}"), "");
        let mut question = asked!(scenario, Authenticate);
        question.ticket.add_header("X-Realm", "lab").unwrap();
        answer!(scenario, question, Ok(Authority::Secret(Secret::password("correct horse"))));
        if expected == 200 {
            let mut question = asked!(scenario, Describe);
            question.ticket.add_header("X-Node", "eu-1").unwrap();
            answer!(scenario, question, Ok(()));
        }
        let response = scenario.response(player.conn);
        assert_eq!((status(&response), response.headers.get("X-Realm")), (expected, Some("lab")));
        assert_eq!(response.headers.get("X-Node"), (expected == 200).then_some("eu-1"));
        if expected == 401 {
            player.take_challenge(&response);
        }
    }
}

#[test]
fn questions_carry_the_request_as_it_was_sent() {
    let asks = Asks::SETUP | Asks::ANNOUNCE;
    let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().asks(asks));
    let uri = "RTSP://h:554//cam/trackID=1?A=b";
    let offers = "RTP/AVP;unicast;client_port=9-10,RTP/XYZ,RTP/AVP/TCP;interleaved=4-5";
    scenario.post(conn, &format!("SETUP {uri}|Transport: {offers}|X-Own: 1"), "");
    let question = asked!(scenario, Setup);
    assert_eq!((&*question.request.uri, question.request.headers.get("X-Own")), (uri, Some("1")));
    assert_eq!(question.media, Some(1));
    let [udp, tcp] = &*question.transports else { panic!("{:?}", question.transports) };
    assert_eq!((udp.client_port, tcp.interleaved), (Some((9, 10)), Some((4, 5))));
    answer!(scenario, question, Ok(()));
    assert_eq!(status(&scenario.response(conn)), 200);

    let other = scenario.connect();
    scenario.post(other, "ANNOUNCE rtsp://h/live|Content-Type: application/sdp", SDP);
    let question = asked!(scenario, Announce);
    assert_eq!(
        (&*question.request.body, question.transports.len(), question.media),
        (SDP.as_bytes(), 0, None)
    );
}
