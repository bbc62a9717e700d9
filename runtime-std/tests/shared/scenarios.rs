//! What has to hold on every runtime, once; each runtime's test file runs all of it.
#![allow(clippy::unwrap_used)]

use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::{Runtime, Timer};
use rtspan_std::server::{Server, Stream};
use rtspan_std::{
    Asks, BindError, ClientCloseReason, CloseReason, ConnectError, Description, Event, Format, LagPolicy,
    LogLimits, Media, MediaKind, Received, RtpHeader, RtpPacket, ServerConfig, StatusCode, Transports,
    UdpOpenError, UdpPorts, UdpSpec, WriteError,
};

/// Makes a test of each scenario; `$run` runs a future to its end on `$runtime`.
macro_rules! scenarios {
    ($runtime:ty, $run:expr, [$($name:ident),* $(,)?]) => {$(
        #[test]
        fn $name() {
            $run(crate::scenarios::within::<$runtime, _>(crate::scenarios::$name::<$runtime>()));
        }
    )*};
    ($runtime:ty, $run:expr) => {
        crate::scenarios::scenarios!($runtime, $run, [
            what_is_published_is_read_over_tcp,
            what_is_published_is_read_over_udp,
            what_a_client_publishes_over_tcp_is_read,
            what_a_client_publishes_over_udp_is_read,
            a_reader_that_stops_reading_costs_the_others_nothing,
            a_client_that_is_dropped_tears_its_session_down,
            a_server_that_is_closed_says_goodbye_and_stops,
            a_server_that_is_dropped_ends_its_readers,
            a_stream_that_is_dropped_ends_its_readers_and_frees_its_path,
            addresses_that_cannot_be_had_are_errors_that_say_why,
            every_command_has_its_typed_answer,
            a_refusal_leaves_the_client_usable,
            a_server_that_is_not_there_is_an_error_with_its_kind,
            a_question_is_answered_by_the_application,
            a_publisher_without_room_waits_and_goes_on,
            a_server_that_goes_away_ends_the_packets_with_an_error,
            an_unreadable_message_is_answered_before_the_connection_is_closed,
            dropped_packets_are_counted,
            more_than_there_is_room_for_is_sent_over_udp_in_turn,
            news_that_nobody_takes_are_dropped_and_counted,
            a_closed_server_has_given_up_its_ports,
        ]);
    };
}
pub(crate) use scenarios;

/// The longest that anything here may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `scenario`, but not for ever.
pub(crate) async fn within<R: Runtime, T>(scenario: impl Future<Output = T>) -> T {
    let mut timer = R::default().timer();
    timer.reset(Some(Instant::now() + LIMIT));
    let mut scenario = pin!(scenario);
    poll_fn(|cx| {
        assert!(timer.poll(cx).is_pending(), "nothing came of it in {LIMIT:?}");
        scenario.as_mut().poll(cx)
    })
    .await
}

const LOOPBACK: &str = "127.0.0.1:0";
const UDP: UdpSpec =
    UdpSpec { ip: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), ports: UdpPorts::Any };

fn description() -> Description {
    Description::new(vec![
        Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]),
        Media::new(MediaKind::Audio, vec![Format::pcmu()]),
    ])
}

fn packet(media: usize, number: u16, bytes: usize) -> RtpPacket {
    let header = RtpHeader {
        payload_type: if media == 0 { 96 } else { 0 },
        marker: false,
        sequence: number,
        timestamp: u32::from(number) * 160,
        ssrc: 0x1234_5678 + u32::try_from(media).unwrap(),
    };
    let mut payload = vec![0x41; bytes.max(3)];
    payload[1..3].copy_from_slice(&number.to_be_bytes());
    RtpPacket::build(header, &payload)
}

fn number(received: &Received) -> u16 {
    let payload = received.packet.payload();
    u16::from_be_bytes([payload[1], payload[2]])
}

async fn serve<R: Runtime>(config: ServerConfig) -> Server<R> {
    Server::builder().config(config).bind(LOOPBACK).await.unwrap()
}

fn url<R: Runtime>(server: &Server<R>, path: &str) -> String {
    format!("rtsp://{}{path}", server.local_addr())
}

async fn event<R: Runtime, T>(server: &Server<R>, mut wanted: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(server.next().await.expect("the server has stopped")) {
            return found;
        }
    }
}

pub(crate) async fn what_is_published_is_read_over_tcp<R: Runtime>() {
    publish_and_read::<R>(Transports::Tcp).await;
}

pub(crate) async fn what_is_published_is_read_over_udp<R: Runtime>() {
    publish_and_read::<R>(Transports::Udp).await;
}

async fn publish_and_read<R: Runtime>(transports: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(transports).play().await.unwrap();
    assert_eq!(packets.description().medias.len(), 2);
    // Frames of equal packets with a shorter one at their end, as pictures are.
    for frame in 0..20_u16 {
        let bytes = |part| if part == 9 { 300 } else { 1200 };
        let frame: Vec<_> = (0..10).map(|part| packet(0, frame * 10 + part, bytes(part))).collect();
        stream.write_frame(0, &frame).unwrap();
        for sent in &frame {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((received.media, received.lost), (0, 0));
            assert_eq!(received.packet.as_bytes(), sent.as_bytes());
        }
    }
    stream.write(1, packet(1, 7, 160)).unwrap();
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((received.media, number(&received)), (1, 7));
    assert_eq!(packets.stats(0).unwrap().packets, 200);
    assert_eq!(packets.dropped(), 0);
    assert_eq!(stream.write(2, packet(0, 0, 10)), Err(WriteError::NoSuchMedia(2)));
}

pub(crate) async fn what_a_client_publishes_over_tcp_is_read<R: Runtime>() {
    relay::<R>(Transports::Tcp, Transports::Udp).await;
}

pub(crate) async fn what_a_client_publishes_over_udp_is_read<R: Runtime>() {
    relay::<R>(Transports::Udp, Transports::Tcp).await;
}

async fn relay<R: Runtime>(from: Transports, to: Transports) {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let publisher = Client::<R>::builder(&url(&server, "/live"))
        .unwrap()
        .transport(from)
        .publish(description())
        .await
        .unwrap();
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut packets =
        Client::<R>::builder(&url(&server, "/live")).unwrap().transport(to).play().await.unwrap();
    for frame in 0..20 {
        let frame: Vec<_> = (0..10).map(|part| packet(0, frame * 10 + part, 1000)).collect();
        publisher.write_frame(0, &frame).await.unwrap();
        for sent in &frame {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!(received.packet.payload(), sent.payload());
            assert_eq!(received.lost, 0);
        }
    }
    publisher.teardown().await.unwrap();
    assert!(matches!(packets.next().await, None | Some(Err(Error::Closed(_)))));
}

pub(crate) async fn a_reader_that_stops_reading_costs_the_others_nothing<R: Runtime>() {
    const PACKETS: u16 = 24_000;
    let limits = LogLimits::default().packets(512);
    let server = serve::<R>(ServerConfig::default().log(limits).lag(LagPolicy::SkipToLive)).await;
    let stream = server.publish("/cam", description()).unwrap();
    let _stopped = play_by_hand(server.local_addr(), "/cam");
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp).play().await.unwrap();
    // Far more than the log and all buffers of the system hold.
    for start in (0..PACKETS).step_by(100) {
        let frame: Vec<_> = (start..start + 100).map(|number| packet(0, number, 1400)).collect();
        stream.write_frame(0, &frame).unwrap();
        for sent in start..start + 100 {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (sent, 0));
        }
    }
    let dropped = event(&server, |event| match event {
        Event::ReaderLagged { dropped, .. } => Some(dropped),
        _ => None,
    });
    assert!(dropped.await > 0);
}

pub(crate) async fn a_client_that_is_dropped_tears_its_session_down<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp).play().await.unwrap();
    drop(packets);
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::Teardown);
}

pub(crate) async fn a_server_that_is_closed_says_goodbye_and_stops<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let addr = server.local_addr();
    let stream = server.publish("/cam", description()).unwrap();
    let mut over_tcp =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp).play().await.unwrap();
    let mut over_udp =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Udp).play().await.unwrap();
    write_both(&stream, 0);
    let begun = Instant::now();
    server.close().await;
    assert!(begun.elapsed() < rtspan_std::limits::CLOSE_LIMIT, "readers were not told");
    assert!(over_tcp.next().await.unwrap().is_ok());
    assert!(over_tcp.next().await.unwrap().is_ok());
    assert!(over_tcp.next().await.is_none(), "the goodbye ends the packets");
    // Datagrams may come later than the end of the connection.
    while let Some(Ok(_)) = over_udp.next().await {}
    assert!(over_udp.next().await.is_none());
    assert_eq!(stream.write(0, packet(0, 1, 10)), Err(WriteError::Closed));
    let again = Client::<R>::builder(&format!("rtsp://{addr}/cam")).unwrap().connect().await;
    assert!(matches!(again, Err(Error::Closed(ClientCloseReason::Connect(_)))), "{again:?}");
}

pub(crate) async fn a_server_that_is_dropped_ends_its_readers<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp).play().await.unwrap();
    write_both(&stream, 0);
    drop(server);
    assert!(packets.next().await.unwrap().is_ok());
    assert!(packets.next().await.unwrap().is_ok());
    assert!(packets.next().await.is_none());
}

pub(crate) async fn a_stream_that_is_dropped_ends_its_readers_and_frees_its_path<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    assert!(server.publish("/cam", description()).is_err());
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().transport(Transports::Tcp).play().await.unwrap();
    write_both(&stream, 0);
    drop(stream);
    assert!(packets.next().await.unwrap().is_ok());
    assert!(packets.next().await.unwrap().is_ok());
    assert!(packets.next().await.is_none());
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::StreamEnded);
    assert!(server.publish("/cam", description()).is_ok());
}

fn write_both(stream: &Stream, number: u16) {
    stream.write(0, packet(0, number, 100)).unwrap();
    stream.write(1, packet(1, number, 100)).unwrap();
}

pub(crate) async fn addresses_that_cannot_be_had_are_errors_that_say_why<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    match Server::<R>::builder().bind(server.local_addr()).await {
        Err(BindError::Listen { source, .. }) => assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse),
        other => panic!("{other:?}"),
    }
    assert!(matches!(Server::<R>::builder().bind("camera").await, Err(BindError::Address(_))));
    let taken = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    let port = taken.local_addr().unwrap().port();
    let spec = UdpSpec { ports: UdpPorts::Fixed(port, port), ..UDP };
    let refused = Server::<R>::builder().config(ServerConfig::default().udp(Some(spec))).bind(LOOPBACK).await;
    assert!(matches!(refused, Err(BindError::Udp(UdpOpenError::NoFreePorts))), "{refused:?}");
}

pub(crate) async fn every_command_has_its_typed_answer<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/cam"))
        .unwrap()
        .transport(Transports::Tcp)
        .connect()
        .await
        .unwrap();
    assert!(client.options().await.unwrap().contains(&rtspan_std::Method::Play));
    assert_eq!(client.describe().await.unwrap().medias.len(), 2);
    assert_eq!(client.setup(1).await.unwrap().media, 1);
    assert!(matches!(client.setup(1).await, Err(Error::Misuse(_))));
    let playing = client.play(None).await.unwrap();
    assert_eq!(playing.tracks.first().map(|track| track.media), Some(1));
    stream.write(1, packet(1, 0, 160)).unwrap();
    let mut packets = client.packets();
    assert_eq!(packets.next().await.unwrap().unwrap().media, 1);
    client.get_parameter(Default::default()).await.unwrap();
    client.pause().await.unwrap();
    client.play(None).await.unwrap();
    let (other, _) = (client.clone(), client);
    other.teardown().await.unwrap();
    assert!(packets.next().await.is_none());
    assert!(matches!(other.options().await, Err(Error::Closed(ClientCloseReason::TornDown))));
}

pub(crate) async fn a_refusal_leaves_the_client_usable<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let client = Client::<R>::builder(&url(&server, "/cam")).unwrap().connect().await.unwrap();
    match client.describe().await {
        Err(Error::Command(rtspan_std::CommandError::Status(status))) => {
            assert_eq!(status, StatusCode::NOT_FOUND)
        }
        other => panic!("{other:?}"),
    }
    let _stream = server.publish("/cam", description()).unwrap();
    assert!(client.describe().await.is_ok());
}

pub(crate) async fn a_server_that_is_not_there_is_an_error_with_its_kind<R: Runtime>() {
    let gone = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let refused = Client::<R>::builder(&format!("rtsp://{gone}/cam")).unwrap().play().await;
    match refused {
        Err(Error::Closed(ClientCloseReason::Connect(ConnectError::Io(kind)))) => {
            assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_question_is_answered_by_the_application<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().asks(Asks::DESCRIBE | Asks::ANNOUNCE)).await;
    let client = Client::<R>::builder(&url(&server, "/late")).unwrap().connect().await.unwrap();
    let mut describe = pin!(client.describe());
    let mut stream = None;
    let question = async {
        let question = event(&server, |event| match event {
            Event::Describe(question) => Some(question),
            _ => None,
        })
        .await;
        assert_eq!(question.path, "/late");
        stream = Some(server.publish("/late", description()).unwrap());
        server.answer(question.ticket, Ok(())).unwrap();
    };
    let described = both(&mut describe, question).await;
    assert_eq!(described.unwrap().medias.len(), 2);
    let mut publish = pin!(Client::<R>::builder(&url(&server, "/mine")).unwrap().publish(description()));
    let refuse = async {
        let question = event(&server, |event| match event {
            Event::Announce(question) => Some(question),
            _ => None,
        })
        .await;
        server.answer(question.ticket, Err(StatusCode::FORBIDDEN.into())).unwrap();
    };
    match both(&mut publish, refuse).await {
        Err(Error::Command(rtspan_std::CommandError::Status(status))) => {
            assert_eq!(status, StatusCode::FORBIDDEN)
        }
        other => panic!("{other:?}"),
    }
}

/// Waits for both, and gives what the first brought.
async fn both<T>(first: impl Future<Output = T>, second: impl Future<Output = ()>) -> T {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let (mut brought, mut done) = (None, false);
    poll_fn(|cx| {
        if brought.is_none() {
            if let Poll::Ready(value) = first.as_mut().poll(cx) {
                brought = Some(value);
            }
        }
        done = done || second.as_mut().poll(cx).is_ready();
        match brought.take() {
            Some(value) if done => Poll::Ready(value),
            waiting => {
                brought = waiting;
                Poll::Pending
            }
        }
    })
    .await
}

pub(crate) async fn a_publisher_without_room_waits_and_goes_on<R: Runtime>() {
    const PACKETS: u16 = 20_000;
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let addr = listener.local_addr().unwrap();
    let (read_on, may_read) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        for _ in 0..5 {
            let request = read_message(&mut socket);
            let cseq = header(&request, "CSeq").unwrap();
            let transport =
                header(&request, "Transport").map_or(String::new(), |line| format!("Transport: {line}\r\n"));
            let response = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n{transport}\r\n");
            socket.write_all(response.as_bytes()).unwrap();
            if request.starts_with("RECORD") {
                break;
            }
        }
        may_read.recv_timeout(LIMIT).unwrap();
        let mut count = 0;
        while count < usize::from(PACKETS) {
            let mut head = [0; 4];
            socket.read_exact(&mut head).unwrap();
            let mut frame = vec![0; usize::from(u16::from_be_bytes([head[2], head[3]]))];
            socket.read_exact(&mut frame).unwrap();
            count += usize::from(head[1] % 2 == 0);
        }
    });
    let publisher = Client::<R>::builder(&format!("rtsp://{addr}/live"))
        .unwrap()
        .transport(Transports::Tcp)
        .publish(Description::new(vec![Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])]))
        .await
        .unwrap();
    let frame: Vec<_> = (0..PACKETS).map(|number| packet(0, number, 1400)).collect();
    let taken = publisher.try_write_frame(0, &frame).unwrap();
    assert!(0 < taken && taken < frame.len(), "{taken} were taken at once");
    read_on.send(()).unwrap();
    publisher.write_frame(0, &frame[taken..]).await.unwrap();
    while !server.is_finished() {
        let mut timer = R::default().timer();
        timer.reset(Some(Instant::now() + Duration::from_millis(5)));
        poll_fn(|cx| timer.poll(cx)).await;
    }
    server.join().unwrap();
}

pub(crate) async fn a_server_that_goes_away_ends_the_packets_with_an_error<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    // A relay in between is cut, without a word.
    let relay = TcpListener::bind(LOOPBACK).unwrap();
    let (front, back) = (relay.local_addr().unwrap(), server.local_addr());
    let cut = thread::spawn(move || {
        let (near, _) = relay.accept().unwrap();
        let far = TcpStream::connect(back).unwrap();
        for (mut from, mut to) in [
            (near.try_clone().unwrap(), far.try_clone().unwrap()),
            (far.try_clone().unwrap(), near.try_clone().unwrap()),
        ] {
            thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
        (near, far)
    });
    let mut packets = Client::<R>::builder(&format!("rtsp://{front}/cam"))
        .unwrap()
        .transport(Transports::Tcp)
        .play()
        .await
        .unwrap();
    let (near, far) = cut.join().unwrap();
    near.shutdown(std::net::Shutdown::Both).unwrap();
    far.shutdown(std::net::Shutdown::Both).unwrap();
    let end = packets.next().await;
    assert!(matches!(end, Some(Err(Error::Closed(ClientCloseReason::ConnectionLost)))), "{end:?}");
    assert!(packets.next().await.is_none());
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::ConnectionLost);
}

pub(crate) async fn an_unreadable_message_is_answered_before_the_connection_is_closed<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = TcpStream::connect(server.local_addr()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket.write_all(b"OPTIONS * RTSP/2.0\r\nCSeq: 9\r\n\r\nand what follows is not read").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("RTSP/1.0 505"), "{answer:?}");
    assert_eq!(header(&answer, "CSeq").as_deref(), Some("9"));
    let reason = event(&server, |event| match event {
        Event::ConnClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(matches!(reason.await, CloseReason::Wire(_)));
}

pub(crate) async fn dropped_packets_are_counted<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let config = rtspan_std::ClientConfig::default().transports(Transports::Tcp).received_packets_max(10);
    let mut packets =
        Client::<R>::builder(&url(&server, "/cam")).unwrap().config(config).play().await.unwrap();
    let frame: Vec<_> = (0..100).map(|number| packet(0, number, 100)).collect();
    stream.write_frame(0, &frame).unwrap();
    let mut timer = R::default().timer();
    while packets.stats(0).unwrap().packets < 100 {
        timer.reset(Some(Instant::now() + Duration::from_millis(1)));
        poll_fn(|cx| timer.poll(cx)).await;
    }
    assert_eq!(packets.dropped(), 90);
    let received = packets.next().await.unwrap().unwrap();
    assert_eq!((number(&received), received.lost), (90, 90));
}

pub(crate) async fn more_than_there_is_room_for_is_sent_over_udp_in_turn<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let publisher = Client::<R>::builder(&url(&server, "/live"))
        .unwrap()
        .transport(Transports::Udp)
        .publish(description())
        .await
        .unwrap();
    let frame: Vec<_> = (0..10_000).map(|number| packet(0, number, 1000)).collect();
    assert!(publisher.try_write_frame(0, &frame).unwrap() < frame.len());
    publisher.write_frame(0, &frame).await.unwrap();
    assert!(publisher.stats(0).unwrap().sent_packets > 10_000);
}

pub(crate) async fn news_that_nobody_takes_are_dropped_and_counted<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let news_max = u64::try_from(rtspan_std::limits::EVENTS_MAX).unwrap();
    let mut timer = R::default().timer();
    let mut connections = 0;
    while server.events_dropped() < 10 {
        assert!(connections < news_max, "each connection is news twice");
        connections += 1;
        drop(TcpStream::connect(server.local_addr()).unwrap());
        timer.reset(Some(Instant::now() + Duration::from_millis(1)));
        poll_fn(|cx| timer.poll(cx)).await;
    }
    assert!(connections * 2 > news_max);
    assert!(matches!(server.next().await, Some(Event::ConnOpened { .. } | Event::ConnClosed { .. })));
}

pub(crate) async fn a_closed_server_has_given_up_its_ports<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let addr = server.local_addr();
    let stream = server.publish("/cam", description()).unwrap();
    let packets = Client::<R>::builder(&url(&server, "/cam"))
        .unwrap()
        .transport(Transports::Udp)
        .connect()
        .await
        .unwrap();
    packets.describe().await.unwrap();
    let ports = match packets.setup(0).await.unwrap().transport {
        rtspan_std::TrackTransport::Udp { rtp: Some(rtp), rtcp: Some(rtcp), .. } => (rtp.port(), rtcp.port()),
        other => panic!("{other:?}"),
    };
    server.close().await;
    drop(stream);
    let spec = UdpSpec { ports: UdpPorts::Fixed(ports.0, ports.1), ..UDP };
    Server::<R>::builder().config(ServerConfig::default().udp(Some(spec))).bind(addr).await.unwrap();
}

/// Plays over TCP, and leaves the rest of the reading to the caller.
fn play_by_hand(server: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let setup = format!("SETUP rtsp://{server}{path}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n");
    socket.write_all(setup.as_bytes()).unwrap();
    let session = header(&read_message(&mut socket), "Session").unwrap();
    let session = session.split(';').next().unwrap().to_owned();
    let play = format!("PLAY rtsp://{server}{path} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    socket.write_all(play.as_bytes()).unwrap();
    assert!(read_message(&mut socket).starts_with("RTSP/1.0 200"));
    socket
}

/// Reads one message, with its body, and nothing behind it.
fn read_message(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}
