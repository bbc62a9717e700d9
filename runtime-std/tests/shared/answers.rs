//! Every request that a server has read is answered, whatever ends meanwhile.

use rtspan_std::runtime::Runtime;
use rtspan_std::{AnswerError, Asks, CloseReason, Event, ServerConfig};

use super::by_hand::{connect, go, header, play_by_hand};
use super::limits::OPTIONS;
use super::{description, event, packet, serve};

fn answers(text: &str) -> usize {
    text.matches("RTSP/1.0 200 ").count()
}

pub(crate) async fn a_peer_that_says_no_more_gets_all_its_answers<R: Runtime>() {
    const MANY: usize = 100;
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server).await;
    socket.write_all(OPTIONS.repeat(MANY).as_bytes()).await.unwrap();
    assert_eq!(answers(&socket.says_no_more().await), MANY);

    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = play_by_hand::<R>(server.local_addr(), "/cam").await;
    reader.write_all(b"TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 3\r\n\r\n").await.unwrap();
    assert_eq!(answers(&reader.says_no_more().await), 1);
    drop(stream);

    // More than are read before the application has answered.
    let mut asking = connect(&server).await;
    asking.write_all(b"DESCRIBE rtsp://h/late RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap();
    asking.write_all(OPTIONS.repeat(MANY).as_bytes()).await.unwrap();
    let all = go::<R, _>(asking.says_no_more());
    let question = event(&server, |event| match event {
        Event::Describe(question) => Some(question),
        _ => None,
    });
    let question = question.await;
    let _late = server.publish("/late", description()).unwrap();
    server.answer(question.ticket, Ok(())).unwrap();
    assert_eq!(answers(&all.await), 1 + MANY);
}

pub(crate) async fn an_answer_has_headers_and_a_description_of_the_applications<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server).await;
    socket.write_all(b"DESCRIBE rtsp://h/preview RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap();
    let answer = go::<R, _>(socket.says_no_more());
    let mut question = event(&server, |event| match event {
        Event::Describe(question) => Some(question),
        _ => None,
    })
    .await;
    question.ticket.add_header("X-Node", "eu-1").unwrap();
    assert_eq!(question.ticket.add_header("CSeq", "7"), Err(AnswerError::HeaderOfServer("CSeq")));
    question.ticket.set_description(description()).unwrap();
    server.answer(question.ticket, Ok(())).unwrap();
    let answer = answer.await;
    assert_eq!(answers(&answer), 1, "nothing is published there: {answer}");
    assert_eq!(header(&answer, "X-Node").as_deref(), Some("eu-1"));
    assert!(answer.contains("a=control:trackID=1"), "{answer}");
}

pub(crate) async fn a_teardown_just_behind_the_end_of_its_stream_is_answered_200<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = play_by_hand::<R>(server.local_addr(), "/cam").await;
    stream.write(0, packet(0, 1, 100)).unwrap();
    drop(stream);
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::StreamEnded);
    reader.write_all(b"TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 3\r\n\r\n").await.unwrap();
    assert_eq!(answers(&reader.says_no_more().await), 1);
}

/// How often a request races the end of its stream.
const RACES: usize = 100;

pub(crate) async fn requests_that_race_the_end_of_their_stream_are_answered<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    for race in 0..RACES {
        let stream = server.publish("/cam", description()).unwrap();
        let mut socket = connect(&server).await;
        let setup = |track: u8| {
            let transport = format!("RTP/AVP/TCP;interleaved={}-{}", 2 * track, 2 * track + 1);
            format!(
                "SETUP rtsp://h/cam/trackID={track} RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n"
            )
        };
        let answer = socket.ask(&setup(0)).await;
        assert!(header(&answer, "Session").is_some(), "{answer}");
        let request = match race % 3 {
            0 => setup(1),
            1 => "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n".to_owned(),
            _ => "TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n".to_owned(),
        };
        let leaves = go::<R, _>(async { drop(stream) });
        socket.write_all(request.as_bytes()).await.unwrap();
        let answer = socket.read_message().await;
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["200", "404", "454"].contains(&status), "{race}: {answer}");
        leaves.await;
    }
}
