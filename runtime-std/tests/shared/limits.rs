//! The limits of a server, each one over: the core decides, and every runtime obeys.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Asks, CloseReason, Event, LagPolicy, Refused, ServerConfig, limits};

use super::by_hand::{header, play_by_hand, read_message};
use super::{LIMIT, UDP, description, event, if_ready, packet, pause, serve};

/// Patience that a test can wait for.
const SHORT: Duration = Duration::from_millis(200);

pub(super) fn connect<R: Runtime>(server: &Server<R>) -> TcpStream {
    let socket = TcpStream::connect(server.local_addr()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    socket
}

/// Sends a request, as far as it is taken, and reads the answer and what follows up to the end of the connection.
pub(super) fn last_answer<R: Runtime>(server: &Server<R>, request: &[u8]) -> String {
    let mut socket = connect(server);
    // A server that has read enough may close before all is written.
    let _ = socket.write_all(request);
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

pub(super) fn ask(socket: &mut TcpStream, request: &str) -> String {
    socket.write_all(request.as_bytes()).unwrap();
    read_message(socket)
}

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
    let mut kept = [connect(&server), connect(&server)];
    for socket in &mut kept {
        assert!(ask(socket, OPTIONS).starts_with("RTSP/1.0 200"));
    }
    for begin in ["", "PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n"] {
        let request = format!("{begin}DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 77\r\n\r\n");
        let answer = last_answer(&server, request.as_bytes());
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
    assert!(ask(&mut connect(&server), OPTIONS).starts_with("RTSP/1.0 200"), "there is room again");
    assert!(ask(&mut second, OPTIONS).starts_with("RTSP/1.0 200"));
}

pub(crate) async fn connections_too_many_are_answered_a_few_at_a_time<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().conns_max(1)).await;
    let mut kept = connect(&server);
    assert!(ask(&mut kept, OPTIONS).starts_with("RTSP/1.0 200"));
    // They say nothing, and each is waited for a moment.
    let begun = Instant::now();
    let mut silent: Vec<_> = (0..limits::REFUSALS_MAX).map(|_| connect(&server)).collect();
    let mut one_more = String::new();
    // It may be closed, or reset because of what it sends.
    let mut socket = connect(&server);
    let _ = socket.write_all(OPTIONS.as_bytes());
    let _ = socket.read_to_string(&mut one_more);
    // On a machine that was busy for longer, the silent ones have gone before it came.
    assert!(one_more.is_empty() || begun.elapsed() >= limits::LINGER_LIMIT, "{one_more}");
    for socket in &mut silent {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("RTSP/1.0 503"), "{answer}");
    }
    assert!(begun.elapsed() >= limits::LINGER_LIMIT);
    drop(silent);
    let asked = Instant::now();
    while !one_more.starts_with("RTSP/1.0 503") {
        assert!(asked.elapsed() < LIMIT, "there is room for an answer again");
        pause::<R>().await;
        one_more.clear();
        let mut socket = connect(&server);
        let _ = socket.write_all(OPTIONS.as_bytes());
        let _ = socket.read_to_string(&mut one_more);
    }
    assert!(ask(&mut kept, OPTIONS).starts_with("RTSP/1.0 200"));
}

pub(crate) async fn one_byte_too_many_of_a_head_is_answered_431<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let head = |bytes: usize| {
        let frame = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: \r\n\r\n".len();
        format!("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: {}\r\n\r\n", "x".repeat(bytes - frame))
    };
    let mut socket = connect(&server);
    assert!(ask(&mut socket, &head(limits::HEAD_BYTES_MAX)).starts_with("RTSP/1.0 200"));
    let answer = last_answer(&server, head(limits::HEAD_BYTES_MAX + 1).as_bytes());
    assert!(answer.starts_with("RTSP/1.0 431"), "{answer}");
    assert!(ask(&mut socket, OPTIONS).starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn one_byte_too_many_of_a_body_is_answered_413<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let request = |bytes: usize| {
        let body = "x".repeat(bytes);
        format!("SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: {bytes}\r\n\r\n{body}")
    };
    let mut socket = connect(&server);
    assert!(ask(&mut socket, &request(limits::BODY_BYTES_MAX)).starts_with("RTSP/1.0 451"));
    let answer = last_answer(&server, request(limits::BODY_BYTES_MAX + 1).as_bytes());
    assert!(answer.starts_with("RTSP/1.0 413"), "{answer}");
    assert!(ask(&mut socket, OPTIONS).starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn one_session_too_many_is_answered_503<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().sessions_per_conn_max(1)).await;
    let mut socket = connect(&server);
    let sdp = "v=0\r\ns=x\r\nm=audio 0 RTP/AVP 0\r\n";
    for (path, expected) in [("/one", "RTSP/1.0 200"), ("/two", "RTSP/1.0 503")] {
        let length = format!("CSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}", sdp.len());
        let answer = ask(&mut socket, &format!("ANNOUNCE rtsp://h{path} RTSP/1.0\r\n{length}\r\n\r\n{sdp}"));
        assert!(answer.starts_with(expected), "{answer}");
    }
}

/// Writes requests until the socket has taken none for a while; how many it took, and what is left of the last.
fn write_until_full(socket: &mut TcpStream, request: &[u8]) -> (usize, usize) {
    socket.set_write_timeout(Some(SHORT)).unwrap();
    let mut written = 0;
    loop {
        match socket.write(&request[written % request.len()..]) {
            Ok(n) => written += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(written < 256 << 20, "there is no end to it");
    }
    socket.set_write_timeout(Some(LIMIT)).unwrap();
    (written.div_ceil(request.len()), (request.len() - written % request.len()) % request.len())
}

pub(crate) async fn requests_that_wait_for_their_answer_are_not_read_beyond_the_limit<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE)).await;
    let mut socket = connect(&server);
    let request = format!("DESCRIBE rtsp://h/x RTSP/1.0\r\nCSeq: 7\r\nX: {}\r\n\r\n", "x".repeat(60_000));
    let (count, rest) = write_until_full(&mut socket, request.as_bytes());
    assert!(count > limits::REQUESTS_WAITING_MAX);
    // As each is answered, what waits in the socket is read, and nothing is lost.
    let reader = thread::spawn(move || {
        socket.write_all(&request.as_bytes()[request.len() - rest..]).unwrap();
        (0..count).filter(|_| read_message(&mut socket).starts_with("RTSP/1.0 404")).count()
    });
    for _ in 0..count {
        let question = event(&server, |event| match event {
            Event::Describe(question) => Some(question),
            _ => None,
        });
        server.answer(question.await.ticket, Ok(())).unwrap();
    }
    while !reader.is_finished() {
        pause::<R>().await;
    }
    assert_eq!(reader.join().unwrap(), count);
}

pub(crate) async fn answers_that_are_not_read_close_the_connection<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = connect(&server);
    // What the system buffers comes on top of what the server does.
    let flood = thread::spawn(move || {
        let requests = OPTIONS.repeat(1000);
        while socket.write_all(requests.as_bytes()).is_ok() {}
    });
    let mut other = connect(&server);
    assert_eq!(close_of(&server).await, CloseReason::OutboxFull);
    flood.join().unwrap();
    assert!(ask(&mut other, OPTIONS).starts_with("RTSP/1.0 200"), "the other connection goes on");
}

pub(crate) async fn a_reader_that_takes_nothing_is_closed<R: Runtime>() {
    // One that misses packets is to go on with those that come, since there is no keyframe among them.
    let config = ServerConfig::default().write_stall(SHORT).lag(LagPolicy::SkipToLive);
    let server = serve::<R>(config).await;
    let stream = server.publish("/cam", description()).unwrap();
    let socket = play_by_hand(server.local_addr(), "/cam");
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
    let mut socket = play_by_hand(server.local_addr(), "/cam");
    for round in 0..2 {
        let begun = Instant::now();
        for number in 0..3 {
            stream.write(0, packet(0, 3 * round + number, 100)).unwrap();
        }
        let mut frames = 0;
        while frames < 3 {
            let mut header = [0; 4];
            socket.read_exact(&mut header).unwrap();
            socket.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([header[2], header[3]]))]).unwrap();
            // The second channel is that of reports.
            if header[1] == 0 {
                assert!(begun.elapsed() >= SHORT, "after {:?}", begun.elapsed());
                frames += 1;
            }
        }
    }
}

pub(crate) async fn a_message_that_does_not_end_closes_the_connection<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().message_deadline(SHORT)).await;
    let (begun, mut other) = (Instant::now(), connect(&server));
    let body = "SET_PARAMETER rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 9\r\n\r\n";
    for start in ["O", "OPTIONS * RTSP/1.0\r\n", body, "$\0\x01\0x"] {
        assert_eq!(last_answer(&server, start.as_bytes()), "", "{start}");
        assert_eq!(close_of(&server).await, CloseReason::MessageTimeout, "{start}");
    }
    assert!(begun.elapsed() >= 4 * SHORT);
    assert!(ask(&mut other, OPTIONS).starts_with("RTSP/1.0 200"), "who has begun nothing stays");
}

pub(crate) async fn a_connection_that_asks_nothing_is_closed<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().conn_idle(SHORT)).await;
    assert_eq!(last_answer(&server, b""), "");
    assert_eq!(close_of(&server).await, CloseReason::Idle);
}

pub(crate) async fn an_address_that_shows_nothing_is_sent_little<R: Runtime>() {
    const BOUND: usize = 10_000;
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).unproven_bytes_max(BOUND)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let ByHand { media, server_port, .. } = play_over_udp(&server);
    (0..100).for_each(|number| stream.write(1, packet(1, number, 1000)).unwrap());
    let mut received = receive(&media);
    assert!((BOUND - 1200..=BOUND).contains(&received), "{received}");
    media.send_to(&[0x80; 12], SocketAddr::from(([127, 0, 0, 1], server_port))).unwrap();
    // The datagram may come after what is published next, which is then left out as well.
    let begun = Instant::now();
    for number in 100.. {
        stream.write(1, packet(1, number, 1000)).unwrap();
        received += receive(&media);
        if received > BOUND {
            break;
        }
        assert!(begun.elapsed() < LIMIT);
    }
}

pub(crate) async fn a_burst_over_udp_leaves_in_portions<R: Runtime>() {
    const PORTIONS: u16 = 50;
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP)).udp_burst(2)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let by_hand = play_over_udp(&server);
    by_hand.media.set_read_timeout(Some(LIMIT)).unwrap();
    let begun = Instant::now();
    (0..2 * PORTIONS).for_each(|number| stream.write(1, packet(1, number, 1000)).unwrap());
    for number in 0..2 * PORTIONS {
        let mut datagram = [0; 2000];
        by_hand.media.recv(&mut datagram).unwrap();
        assert_eq!(u16::from_be_bytes([datagram[2], datagram[3]]), number);
    }
    assert!(begun.elapsed() > limits::UDP_BURST_PERIOD * u32::from(PORTIONS - 2), "{:?}", begun.elapsed());
}

/// One that reads the audio of `/cam` over UDP, and says nothing.
struct ByHand {
    media: UdpSocket,
    server_port: u16,
    _reports: UdpSocket,
    _socket: TcpStream,
}

fn play_over_udp<R: Runtime>(server: &Server<R>) -> ByHand {
    let media = UdpSocket::bind("127.0.0.1:0").unwrap();
    let reports = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ports = [&media, &reports].map(|socket| socket.local_addr().unwrap().port());
    let mut socket = connect(server);
    let transport = format!("Transport: RTP/AVP;unicast;client_port={}-{}", ports[0], ports[1]);
    let setup = format!("SETUP rtsp://h/cam/trackID=1 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n");
    let answer = ask(&mut socket, &setup);
    let session = header(&answer, "Session").unwrap();
    let session = session.split(';').next().unwrap();
    let server_port =
        answer.split("server_port=").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let play = format!("PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    assert!(ask(&mut socket, &play).starts_with("RTSP/1.0 200"));
    ByHand { media, server_port, _reports: reports, _socket: socket }
}

/// Bytes of the datagrams that come until none has for a while.
fn receive(socket: &UdpSocket) -> usize {
    socket.set_read_timeout(Some(SHORT)).unwrap();
    std::iter::from_fn(|| socket.recv(&mut [0; 2000]).ok()).sum()
}
