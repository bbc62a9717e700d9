//! The limits of a server, each one over: the core decides, and every runtime obeys.

use std::net::SocketAddr;
use std::time::Duration;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Asks, CloseReason, Event, LagPolicy, Refused, ServerConfig, limits};

use super::by_hand::{Mouth, Peer, connect, for_so_long, go, header, last_answer, now, play_by_hand, since};
use super::{LIMIT, UDP, description, event, if_ready, packet, pause, serve};

/// Patience that a test can wait for.
const SHORT: Duration = Duration::from_millis(200);

pub(super) const OPTIONS: &str = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

async fn close_of<R: Runtime>(server: &Server<R>) -> CloseReason {
    let closed = event(server, |event| match event {
        Event::ConnClosed { reason, .. } => Some(reason),
        _ => None,
    });
    closed.await
}

pub(crate) async fn one_connection_too_many_is_answered_503_and_closed<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().conns_max(2)).await;
    let mut kept = [connect(&server).await, connect(&server).await];
    for socket in &mut kept {
        assert!(socket.ask(OPTIONS).await.starts_with("RTSP/1.0 200"));
    }
    for begin in ["", "PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n"] {
        let request = format!("{begin}DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n");
        let answer = last_answer(&server, request.as_bytes()).await;
        assert!(answer.starts_with("RTSP/1.0 503"), "{answer}");
        assert_eq!(header(&answer, "CSeq").as_deref(), Some("77"));
    }
    let refused = event(&server, |event| match event {
        Event::Refused { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(refused.await, Refused::Conns);
    let [first, mut second] = kept;
    drop(first);
    assert_eq!(close_of(&server).await, CloseReason::PeerClosed);
    assert!(connect(&server).await.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "there is room again");
    assert!(second.ask(OPTIONS).await.starts_with("RTSP/1.0 200"));
}

pub(crate) async fn connections_too_many_are_answered_a_few_at_a_time<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().conns_max(1)).await;
    let mut kept = connect(&server).await;
    assert!(kept.ask(OPTIONS).await.starts_with("RTSP/1.0 200"));
    // They say nothing, and each is waited for a moment.
    let begun = now::<R>();
    let mut silent = Vec::new();
    for _ in 0..limits::REFUSALS_MAX {
        silent.push(connect(&server).await);
    }
    let mut one_more = options_or_nothing(&server).await;
    // On a machine that was busy for longer, the silent ones have gone before it came.
    assert!(one_more.is_empty() || since::<R>(begun) >= limits::LINGER_LIMIT, "{one_more}");
    for socket in &mut silent {
        let answer = socket.rest().await.unwrap();
        assert!(answer.starts_with("RTSP/1.0 503"), "{answer}");
    }
    assert!(since::<R>(begun) >= limits::LINGER_LIMIT);
    drop(silent);
    let asked = now::<R>();
    while !one_more.starts_with("RTSP/1.0 503") {
        assert!(since::<R>(asked) < LIMIT, "there is room for an answer again");
        pause::<R>().await;
        one_more = options_or_nothing(&server).await;
    }
    assert!(kept.ask(OPTIONS).await.starts_with("RTSP/1.0 200"));
}

/// The answer to OPTIONS of a connection that may be closed, or reset because of what it sends.
async fn options_or_nothing<R: Runtime>(server: &Server<R>) -> String {
    let mut socket = connect(server).await;
    let _ = socket.write_all(OPTIONS.as_bytes()).await;
    socket.rest().await.unwrap_or_default()
}

pub(crate) async fn one_byte_too_many_of_a_head_is_answered_431<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let head = |bytes: usize| {
        let frame = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: \r\n\r\n".len();
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(bytes - frame))
    };
    let mut socket = connect(&server).await;
    assert!(socket.ask(&head(limits::HEAD_BYTES_MAX)).await.starts_with("RTSP/1.0 200"));
    let answer = last_answer(&server, head(limits::HEAD_BYTES_MAX + 1).as_bytes()).await;
    assert!(answer.starts_with("RTSP/1.0 431"), "{answer}");
    assert!(socket.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn one_byte_too_many_of_a_body_is_answered_413<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let request = |bytes: usize| {
        let body = "x".repeat(bytes);
        format!("SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {bytes}\r\n\r\n{body}")
    };
    let mut socket = connect(&server).await;
    assert!(socket.ask(&request(limits::BODY_BYTES_MAX)).await.starts_with("RTSP/1.0 451"));
    let answer = last_answer(&server, request(limits::BODY_BYTES_MAX + 1).as_bytes()).await;
    assert!(answer.starts_with("RTSP/1.0 413"), "{answer}");
    assert!(socket.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn one_session_too_many_is_answered_503<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().sessions_per_conn_max(1)).await;
    let mut socket = connect(&server).await;
    let sdp = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\n";
    for (path, expected) in [("/one", "RTSP/1.0 200"), ("/two", "RTSP/1.0 503")] {
        let length = format!("CSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}", sdp.len());
        let answer = socket.ask(&format!("ANNOUNCE rtsp://h{path} RTSP/1.0\r\n{length}\r\n\r\n{sdp}")).await;
        assert!(answer.starts_with(expected), "{answer}");
    }
}

/// Writes requests until the socket has taken none for a while. Returns how many it took, and how much is left of the last.
async fn write_until_full<R: Runtime>(socket: &mut Peer<R>, request: &[u8]) -> (usize, usize) {
    let mut written = 0;
    while let Some(n) = for_so_long::<R, _>(SHORT, socket.write(&request[written % request.len()..])).await {
        written += n.unwrap();
        assert!(written < 256 << 20, "there is no end to it");
    }
    (written.div_ceil(request.len()), (request.len() - written % request.len()) % request.len())
}

pub(crate) async fn requests_that_wait_for_their_answer_are_not_read_beyond_the_limit<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server).await;
    let request = format!("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\nX: {}\r\n\r\n", "x".repeat(60_000));
    let (count, rest) = write_until_full(&mut socket, request.as_bytes()).await;
    assert!(count > limits::REQUESTS_WAITING_MAX);
    // As each is answered, what waits in the socket is read, and nothing is lost.
    let reader = go::<R, _>(async move {
        socket.write_all(&request.as_bytes()[request.len() - rest..]).await.unwrap();
        let mut refused = 0;
        for _ in 0..count {
            refused += usize::from(socket.read_message().await.starts_with("RTSP/1.0 404"));
        }
        refused
    });
    for _ in 0..count {
        let question = event(&server, |event| match event {
            Event::Describe(question) => Some(question),
            _ => None,
        });
        server.answer(question.await.ticket, Ok(())).unwrap();
    }
    assert_eq!(reader.await, count);
}

pub(crate) async fn answers_that_are_not_read_close_the_connection<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = connect(&server).await;
    // The system's buffers come on top of the server's.
    let flood = go::<R, _>(async move {
        let requests = OPTIONS.repeat(1000);
        while socket.write_all(requests.as_bytes()).await.is_ok() {}
    });
    let mut other = connect(&server).await;
    assert_eq!(close_of(&server).await, CloseReason::OutboxFull);
    flood.await;
    assert!(other.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn a_reader_that_takes_nothing_is_closed<R: Runtime>() {
    // One that misses packets is to go on with those that come, since there is no keyframe among them.
    let config = ServerConfig::default().write_stall(SHORT).lag(LagPolicy::SkipToLive);
    let server = serve::<R>(config).await;
    let stream = server.publish("/cam", description()).unwrap();
    let socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    let mut number = 0_u16;
    let reason = loop {
        for _ in 0..50 {
            number = number.wrapping_add(1);
            stream.write(0, packet(0, number, 60_000)).unwrap();
        }
        pause::<R>().await;
        if let Some(reason) = if_ready(close_of(&server)).await {
            break reason;
        }
    };
    assert_eq!(reason, CloseReason::WriteStalled);
    drop(socket);
}

pub(crate) async fn packets_are_gathered_as_long_as_they_may_be<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().gather(SHORT)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut socket = play_by_hand::<R>(server.local_addr(), "/cam").await;
    for round in 0..2 {
        let begun = now::<R>();
        for number in 0..3 {
            stream.write(0, packet(0, 3 * round + number, 100)).unwrap();
        }
        let mut frames = 0;
        while frames < 3 {
            let mut header = [0; 4];
            socket.read_exact(&mut header).await;
            socket.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([header[2], header[3]]))]).await;
            // The second channel is that of reports.
            if header[1] == 0 {
                assert!(since::<R>(begun) >= SHORT, "after {:?}", since::<R>(begun));
                frames += 1;
            }
        }
    }
}

pub(crate) async fn a_message_that_does_not_end_closes_the_connection<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().message_deadline(SHORT)).await;
    let (begun, mut other) = (now::<R>(), connect(&server).await);
    let body = "SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 9\r\n\r\n";
    for start in ["O", "OPTIONS * RTSP/1.0\r\n", body, "$\0\x01\0x"] {
        assert_eq!(last_answer(&server, start.as_bytes()).await, "", "{start}");
        assert_eq!(close_of(&server).await, CloseReason::MessageTimeout, "{start}");
    }
    assert!(since::<R>(begun) >= 4 * SHORT);
    assert!(other.ask(OPTIONS).await.starts_with("RTSP/1.0 200"), "who has begun nothing stays");
}

pub(crate) async fn a_connection_that_asks_nothing_is_closed<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().conn_idle(SHORT)).await;
    assert_eq!(last_answer(&server, b"").await, "");
    assert_eq!(close_of(&server).await, CloseReason::Idle);
}

pub(crate) async fn an_address_that_shows_nothing_is_sent_little<R: Runtime>() {
    const BOUND: usize = 10_000;
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).unproven_bytes_max(BOUND)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let ByHand { mut media, server_port, .. } = play_over_udp(&server).await;
    (0..100).for_each(|number| stream.write(1, packet(1, number, 1000)).unwrap());
    let (begun, mut received) = (now::<R>(), 0);
    while received < BOUND - 1200 {
        received += receive(&mut media).await;
        assert!(since::<R>(begun) < LIMIT, "{received}");
    }
    received += receive(&mut media).await;
    assert!(received <= BOUND, "{received}");
    media.send_to(&[0x80; 12], SocketAddr::from(([127, 0, 0, 1], server_port))).await;
    // The datagram may come after what is published next, which is then left out as well.
    let begun = now::<R>();
    for number in 100.. {
        stream.write(1, packet(1, number, 1000)).unwrap();
        received += receive(&mut media).await;
        if received > BOUND {
            break;
        }
        assert!(since::<R>(begun) < LIMIT);
    }
}

pub(crate) async fn a_burst_over_udp_leaves_in_portions<R: Runtime>() {
    const PORTIONS: u16 = 50;
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).udp_burst(2)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut by_hand = play_over_udp(&server).await;
    let begun = now::<R>();
    (0..2 * PORTIONS).for_each(|number| stream.write(1, packet(1, number, 1000)).unwrap());
    for number in 0..2 * PORTIONS {
        let mut datagram = [0; 2000];
        by_hand.media.recv(&mut datagram).await;
        assert_eq!(u16::from_be_bytes([datagram[2], datagram[3]]), number);
    }
    assert!(
        since::<R>(begun) > limits::UDP_BURST_PERIOD * u32::from(PORTIONS - 2),
        "{:?}",
        since::<R>(begun)
    );
}

/// One that reads the audio of `/cam` over UDP, and says nothing.
struct ByHand<R: Runtime> {
    media: Mouth<R>,
    server_port: u16,
    _reports: Mouth<R>,
    _socket: Peer<R>,
}

async fn play_over_udp<R: Runtime>(server: &Server<R>) -> ByHand<R> {
    let (media, reports) = (Mouth::new(), Mouth::new());
    let ports = [&media, &reports].map(Mouth::port);
    let mut socket = connect(server).await;
    let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}", ports[0], ports[1]);
    let setup = format!("SETUP rtsp://h/cam/trackID=1 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n");
    let answer = socket.ask(&setup).await;
    let session = header(&answer, "Session").unwrap();
    let session = session.split(';').next().unwrap();
    let server_port =
        answer.split("server_port=").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let play = format!("PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    assert!(socket.ask(&play).await.starts_with("RTSP/1.0 200"));
    ByHand { media, server_port, _reports: reports, _socket: socket }
}

/// Bytes of the datagrams that come until none has for a while.
async fn receive<R: Runtime>(socket: &mut Mouth<R>) -> usize {
    let mut bytes = 0;
    while let Some(count) = for_so_long::<R, _>(SHORT, socket.recv(&mut [0; 2000])).await {
        bytes += count;
    }
    bytes
}
