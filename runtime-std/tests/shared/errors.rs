//! Errors tell causes apart: things that the server has said, and things that it has not.

use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::description::DescriptionError;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, CommandError, Farewell, StatusCode, Transports};

use super::by_hand::{Ear, Peer, go, header, is_simulated, now, since};

const SDP: &str = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=0\r\n";

/// The answer of a camera by hand to a method: the rest of the status line, further headers, and a description.
type Answer = (&'static str, &'static str, &'static str);

/// A camera by hand that answers one method so, all others well, and none at all once it has answered so many.
async fn camera<R: Runtime>(mut socket: Peer<R>, odd: (&str, Answer), answers: usize) -> Peer<R> {
    for _ in 0..answers {
        let Some(request) = socket.next_message().await else { break };
        // Reports may stand before it.
        let asks = |method: &str| request.contains(&format!("{method} rtsp://"));
        let (status, headers, sdp) = match () {
            () if !odd.0.is_empty() && asks(odd.0) => odd.1,
            () if asks("DESCRIBE") => ("200 OK", "", SDP),
            () if asks("SETUP") => {
                ("200 OK", "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "")
            }
            () => ("200 OK", "", ""),
        };
        let (cseq, length) = (header(&request, "CSeq").unwrap(), sdp.len());
        let answer =
            format!("RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{sdp}");
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
    socket
}

/// The error of playing from a camera by hand, and how long it took.
async fn played<R: Runtime>(
    odd: (&'static str, Answer),
    answers: usize,
    config: ClientConfig,
) -> (Error, Duration) {
    let mut ear = Ear::<R>::new();
    let url = format!("rtsp://{}/cam", ear.local_addr());
    let scripted = go::<R, _>(async move { camera(ear.accept().await, odd, answers).await });
    let begun = now::<R>();
    let played = Client::<R>::builder(&url).unwrap().transport(Transports::Tcp).config(config).play().await;
    let took = since::<R>(begun);
    drop(scripted);
    (played.expect_err("one answer is a refusal"), took)
}

async fn refused<R: Runtime>(method: &'static str, answer: Answer) -> CommandError {
    match played::<R>((method, answer), usize::MAX, ClientConfig::default()).await.0 {
        Error::Command { error, .. } => error,
        error => panic!("{error:?}"),
    }
}

pub(crate) async fn each_refusal_has_its_status_and_the_words_of_the_server<R: Runtime>() {
    for (method, answer, status, words) in [
        ("DESCRIBE", "404 No Such Camera", StatusCode::NOT_FOUND, "No Such Camera"),
        ("DESCRIBE", "503 Too Many Viewers", StatusCode::SERVICE_UNAVAILABLE, "Too Many Viewers"),
        ("SETUP", "461 UDP Only", StatusCode::UNSUPPORTED_TRANSPORT, "UDP Only"),
        ("PLAY", "454 Who?", StatusCode::SESSION_NOT_FOUND, "Who?"),
    ] {
        let error = refused::<R>(method, (answer, "", "")).await;
        assert_eq!(error, CommandError::Status { status, reason: words.into() });
    }
    let challenge = "WWW-Authenticate: Basic realm=\"roof\"\r\n";
    let error = refused::<R>("DESCRIBE", ("401 Who Are You", challenge, "")).await;
    let CommandError::Unauthorized(demand) = error else { panic!("{error:?}") };
    assert_eq!((&*demand.reason, demand.realm()), ("Who Are You", Some("roof")));
}

pub(crate) async fn a_description_that_cannot_be_read_is_told_with_its_line<R: Runtime>() {
    let error = refused::<R>("DESCRIBE", ("200 OK", "", "v=0\r\n<html>\r\n")).await;
    let CommandError::Description(DescriptionError::Unreadable(line)) = error else { panic!("{error:?}") };
    assert_eq!((line.number, &*line.text), (2, "<html>"));
}

pub(crate) async fn each_answer_is_waited_for_as_long_as_its_deadline_says<R: Runtime>() {
    // So far apart that one is not taken for the other.
    let (response, describe) = (Duration::from_millis(200), Duration::from_millis(2200));
    let slack = Duration::from_secs(2);
    // The answer to OPTIONS comes, that to DESCRIBE, that to SETUP. Where a busy machine is late, all is tried again and longer.
    for (answers, deadline) in [(1, describe), (2, response), (3, response)] {
        for times in [1, 3, 9] {
            let config = ClientConfig::default();
            let config = config.response_deadline(response * times).describe_deadline(describe * times);
            let (error, took) = played::<R>(("", ("", "", "")), answers, config).await;
            assert!(matches!(error, Error::Command { error: CommandError::Timeout, .. }), "{error:?}");
            if (deadline * times..(deadline + slack) * times).contains(&took) {
                break;
            }
            assert!(times < 9 && !is_simulated::<R>(), "{answers} answers: {took:?}");
        }
    }
}

/// The farewell of a client that plays from a camera by hand, which answers so many requests and then closes, or says no more.
async fn torn_down<R: Runtime>(odd: (&'static str, Answer), answers: usize, closes: bool) -> Farewell {
    let mut ear = Ear::<R>::new();
    let url = format!("rtsp://{}/cam", ear.local_addr());
    let scripted = go::<R, _>(async move {
        let mut socket = camera(ear.accept().await, odd, answers).await;
        if closes {
            // With TEARDOWN unread, it would be reset.
            socket.next_message().await;
            return None;
        }
        Some(socket)
    });
    let config = ClientConfig::default().response_deadline(Duration::from_secs(3));
    let builder = Client::<R>::builder(&url).unwrap().transport(Transports::Tcp).config(config);
    let packets = builder.play().await.unwrap();
    let farewell = packets.teardown().await.unwrap();
    drop(scripted);
    farewell
}

pub(crate) async fn a_teardown_tells_whether_the_server_has_heard_it<R: Runtime>() {
    // OPTIONS, DESCRIBE, SETUP and PLAY are answered.
    let none = ("", ("", "", ""));
    assert_eq!(torn_down::<R>(none, 5, false).await, Farewell::Heard);
    assert_eq!(torn_down::<R>(none, 4, false).await, Farewell::Unheard);
    assert_eq!(torn_down::<R>(none, 4, true).await, Farewell::Closed);
    let refuses = ("TEARDOWN", ("501 Not Here", "", ""));
    let refused = Farewell::Refused(StatusCode::NOT_IMPLEMENTED);
    assert_eq!(torn_down::<R>(refuses, 5, false).await, refused);
    let ear = Ear::<R>::new();
    let client = Client::<R>::builder(&format!("rtsp://{}/cam", ear.local_addr())).unwrap().build().unwrap();
    assert_eq!(client.teardown().await.unwrap(), Farewell::NoSession);
    assert!(matches!(client.teardown().await, Err(Error::Closed(_))));
}
