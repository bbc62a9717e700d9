//! The limits of servers and clients that nobody has configured.

use std::net::SocketAddr;
use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientCloseReason, CloseReason, CommandError, Event, ServerConfig, Transports, limits};

use super::by_hand::{Ear, LATE, Peer, connect, go, header, last_answer, now, play_by_hand, since};
use super::limits::OPTIONS;
use super::{description, event, packet, serve};

pub(crate) async fn what_is_one_over_a_default_is_refused<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut other = connect(&server).await;
    let options =
        |count: usize| format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n{}\r\n", "X: 1\r\n".repeat(count - 1));
    let describe = |bytes: usize| {
        format!("DESCRIBE rtsp://h/{} RTSP/1.0\r\nCSeq: 1\r\n\r\n", "u".repeat(bytes - "rtsp://h/".len()))
    };
    for (held, refused, status) in [
        (options(limits::HEADERS_MAX), options(limits::HEADERS_MAX + 1), "431"),
        (describe(limits::URI_BYTES_MAX), describe(limits::URI_BYTES_MAX + 1), "414"),
    ] {
        let answer = connect(&server).await.ask(&held).await;
        assert!(!answer.starts_with(&format!("RTSP/1.0 {status}")), "{answer}");
        let answer = connect(&server).await.ask(&refused).await;
        assert!(answer.starts_with(&format!("RTSP/1.0 {status}")), "{answer}");
    }
    // Behind an item garbage is skipped. The last bytes may be the start of something.
    let garbage = [&b"$\0\0\0"[..], &vec![0xff; limits::GARBAGE_BYTES_MAX + 64]].concat();
    assert_eq!(last_answer(&server, &garbage).await, "");
    for (path, medias, expected) in
        [("/most", limits::MEDIAS_MAX, "200"), ("/more", limits::MEDIAS_MAX + 1, "400")]
    {
        let sdp = format!("v=0\r\ns=x\r\n{}", "m=video 0 RTP/AVP 96\r\n".repeat(medias));
        let answer = connect(&server).await.ask(&announce(path, &sdp)).await;
        assert!(answer.starts_with(&format!("RTSP/1.0 {expected}")), "{path}: {answer}");
    }
    let media = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\n";
    let long =
        |bytes: usize| format!("{media}a=x:{}\r\n", "y".repeat(bytes - media.len() - "a=x:\r\n".len()));
    let lines = |count: usize| format!("{media}{}", "a=x\r\n".repeat(count - 1));
    for (path, sdp, expected) in [
        ("/longest", long(limits::SDP_BYTES_MAX), "200"),
        ("/longer", long(limits::SDP_BYTES_MAX + 1), "400"),
        ("/lines", lines(limits::SDP_LINES_MAX), "200"),
        ("/more-lines", lines(limits::SDP_LINES_MAX + 1), "400"),
    ] {
        let answer = connect(&server).await.ask(&announce(path, &sdp)).await;
        assert!(answer.starts_with(&format!("RTSP/1.0 {expected}")), "{path}: {answer}");
    }
    assert!(other.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn a_connection_has_as_many_sessions_as_by_default_and_no_more<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = connect(&server).await;
    for number in 0..=limits::SESSIONS_PER_CONN_MAX {
        let answer = socket.ask(&announce(&format!("/{number}"), SDP)).await;
        let expected = if number < limits::SESSIONS_PER_CONN_MAX { "RTSP/1.0 200" } else { "RTSP/1.0 503" };
        assert!(answer.starts_with(expected), "{number}: {answer}");
    }
}

/// Silence on every side at once, since all of it takes ten seconds.
pub(crate) async fn nobody_is_waited_for_longer_than_by_default<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let begun = now::<R>();
    let mut slow = connect(&server).await;
    slow.write_all(b"OPTIONS").await.unwrap();
    let publisher = record_by_hand(connect(&server).await).await;
    let recording = publisher.local_addr();
    let reader = play_by_hand::<R>(server.local_addr(), "/cam").await;
    // More than the system takes, and all that the log keeps: a reader that misses any waits for a keyframe.
    let count = limits::LOG_BYTES / 60_100;
    (0..count).for_each(|number| stream.write(0, packet(0, number as u16, 60_000)).unwrap());
    let clients = [2, 4].map(|answers| go::<R, _>(first_error::<R>(serve_by_hand::<R>(answers))));

    for _ in 0..3 {
        let closed = event(&server, |event| match event {
            Event::ConnClosed { peer, reason, .. } => Some((peer, Some(reason))),
            Event::MediaSilent { media: 0, .. } => Some((recording, None)),
            _ => None,
        });
        let (peer, reason) = closed.await;
        let (expected, deadline) = match peer {
            peer if peer == slow.local_addr() => {
                (Some(CloseReason::MessageTimeout), limits::MESSAGE_DEADLINE)
            }
            peer if peer == recording => (None, limits::MEDIA_SILENCE),
            peer => {
                assert_eq!(peer, reader.local_addr());
                (Some(CloseReason::WriteStalled), limits::WRITE_STALL)
            }
        };
        assert_eq!(reason, expected);
        // The socket may have taken the little that it had room for meanwhile.
        let again = if reason == Some(CloseReason::WriteStalled) { deadline } else { Duration::ZERO };
        check_within(since::<R>(begun), deadline, again);
    }
    let [silent, quiet] = clients;
    let errors = [silent.await, quiet.await];
    assert!(matches!(errors[0].0, Error::Command { error: CommandError::Timeout, .. }), "{errors:?}");
    check(errors[0].1, limits::RESPONSE_DEADLINE);
    assert!(matches!(errors[1].0, Error::Closed(ClientCloseReason::Silence)), "{errors:?}");
    check(errors[1].1, limits::SERVER_SILENCE + limits::RESPONSE_DEADLINE);
}

#[track_caller]
fn check(after: Duration, deadline: Duration) {
    check_within(after, deadline, Duration::ZERO);
}

#[track_caller]
fn check_within(after: Duration, deadline: Duration, again: Duration) {
    let in_time = after >= deadline && after < deadline + again + LATE;
    assert!(in_time, "after {after:?} and not {deadline:?}");
}

const SDP: &str = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=0\r\n";

fn announce(path: &str, sdp: &str) -> String {
    let headers = format!("CSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}", sdp.len());
    format!("ANNOUNCE rtsp://h{path} RTSP/1.0\r\n{headers}\r\n\r\n{sdp}")
}

/// Records over TCP, and sends nothing.
async fn record_by_hand<R: Runtime>(mut socket: Peer<R>) -> Peer<R> {
    assert!(socket.ask(&announce("/mine", SDP)).await.starts_with("RTSP/1.0 200"));
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record";
    let setup = format!("SETUP rtsp://h/mine/trackID=0 RTSP/1.0\r\nCSeq: 2\r\n{transport}\r\n\r\n");
    let session = header(&socket.ask(&setup).await, "Session").unwrap();
    let session = session.split(';').next().unwrap();
    let record = format!("RECORD rtsp://h/mine RTSP/1.0\r\nCSeq: 3\r\nSession: {session}\r\n\r\n");
    assert!(socket.ask(&record).await.starts_with("RTSP/1.0 200"));
    socket
}

/// A server that answers so many requests of one client, and says nothing more.
fn serve_by_hand<R: Runtime>(answers: u32) -> SocketAddr {
    let mut listener = Ear::<R>::new();
    let address = listener.local_addr();
    let serve = async move {
        let mut socket = listener.accept().await;
        for number in 1..=answers {
            let request = socket.read_message().await;
            let body = if request.starts_with("DESCRIBE") { SDP } else { "" };
            let transport =
                header(&request, "Transport").map_or(String::new(), |it| format!("Transport: {it}\r\n"));
            let headers =
                format!("CSeq: {number}\r\nSession: 1\r\n{transport}Content-Length: {}", body.len());
            let answer = format!("RTSP/1.0 200 OK\r\n{headers}\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
        // Until the client gives up.
        let _ = socket.read_to_end().await;
    };
    R::default().spawn(serve).unwrap();
    address
}

/// The first error of a client that plays, and when it comes.
async fn first_error<R: Runtime>(server: SocketAddr) -> (Error, Duration) {
    let begun = now::<R>();
    let url = format!("rtsp://{server}/cam");
    let builder = Client::<R>::builder(&url).unwrap().transport(Transports::Tcp);
    let error = match builder.play().await {
        Err(error) => error,
        Ok(mut packets) => packets.next().await.unwrap().unwrap_err(),
    };
    (error, since::<R>(begun))
}
