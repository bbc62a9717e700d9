//! Every request that a server has read is answered, whatever ends meanwhile.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use rtspan_std::runtime::Runtime;
use rtspan_std::{AnswerError, Asks, CloseReason, Event, ServerConfig};

use super::by_hand::{header, play_by_hand, read_message};
use super::limits::{OPTIONS, ask, connect};
use super::{description, event, packet, serve};

/// Says no more, and reads all that is answered.
fn rest(mut socket: TcpStream) -> String {
    socket.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).unwrap();
    String::from_utf8_lossy(&rest).into_owned()
}

fn answers(text: &str) -> usize {
    text.matches("RTSP/1.0 200 ").count()
}

pub(crate) async fn a_peer_that_says_no_more_gets_all_its_answers<R: Runtime>() {
    const MANY: usize = 100;
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server);
    socket.write_all(OPTIONS.repeat(MANY).as_bytes()).unwrap();
    assert_eq!(answers(&rest(socket)), MANY);

    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = play_by_hand(server.local_addr(), "/cam");
    reader.write_all(b"TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 3\r\n\r\n").unwrap();
    assert_eq!(answers(&rest(reader)), 1);
    drop(stream);

    // More than are read before the application has answered.
    let mut asking = connect(&server);
    asking.write_all(b"DESCRIBE rtsp://h/late RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    asking.write_all(OPTIONS.repeat(MANY).as_bytes()).unwrap();
    let all = thread::spawn(move || rest(asking));
    let question = event(&server, |event| match event {
        Event::Describe(question) => Some(question),
        _ => None,
    });
    let question = question.await;
    let _late = server.publish("/late", description()).unwrap();
    server.answer(question.ticket, Ok(())).unwrap();
    assert_eq!(answers(&all.join().unwrap()), 1 + MANY);
}

pub(crate) async fn an_answer_has_headers_and_a_description_of_the_applications<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server);
    socket.write_all(b"DESCRIBE rtsp://h/preview RTSP/1.0\r\nCSeq: 1\r\n\r\n").unwrap();
    let answer = thread::spawn(move || rest(socket));
    let mut question = event(&server, |event| match event {
        Event::Describe(question) => Some(question),
        _ => None,
    })
    .await;
    question.ticket.add_header("X-Node", "eu-1").unwrap();
    assert_eq!(question.ticket.add_header("CSeq", "7"), Err(AnswerError::HeaderOfServer("CSeq")));
    question.ticket.set_description(description()).unwrap();
    server.answer(question.ticket, Ok(())).unwrap();
    let answer = answer.join().unwrap();
    assert_eq!(answers(&answer), 1, "nothing is published there: {answer}");
    assert_eq!(header(&answer, "X-Node").as_deref(), Some("eu-1"));
    assert!(answer.contains("a=control:trackID=1"), "{answer}");
}

pub(crate) async fn a_teardown_just_behind_the_end_of_its_stream_is_answered_200<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut reader = play_by_hand(server.local_addr(), "/cam");
    stream.write(0, packet(0, 1, 100)).unwrap();
    drop(stream);
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::StreamEnded);
    reader.write_all(b"TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 3\r\n\r\n").unwrap();
    assert_eq!(answers(&rest(reader)), 1);
}

/// How often a request races the end of its stream.
const RACES: usize = 100;

pub(crate) async fn requests_that_race_the_end_of_their_stream_are_answered<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    for race in 0..RACES {
        let stream = server.publish("/cam", description()).unwrap();
        let mut socket = connect(&server);
        let setup = |track: u8| {
            let transport = format!("RTP/AVP/TCP;interleaved={}-{}", 2 * track, 2 * track + 1);
            format!(
                "SETUP rtsp://h/cam/trackID={track} RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n"
            )
        };
        let answer = ask(&mut socket, &setup(0));
        assert!(header(&answer, "Session").is_some(), "{answer}");
        let request = match race % 3 {
            0 => setup(1),
            1 => "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n".to_owned(),
            _ => "TEARDOWN rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\n\r\n".to_owned(),
        };
        let leaves = thread::spawn(move || drop(stream));
        socket.write_all(request.as_bytes()).unwrap();
        let answer = read_message(&mut socket);
        let status = answer.split(' ').nth(1).unwrap();
        assert!(["200", "404", "454"].contains(&status), "{race}: {answer}");
        leaves.join().unwrap();
    }
}
