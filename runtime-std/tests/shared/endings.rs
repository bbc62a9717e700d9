//! How clients, streams, servers and connections end.

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerStream};
use rtspan_std::{
    ClientCloseReason, CloseReason, Event, Protocol, ServerConfig, TrackTransport, Transports, UdpPorts,
    UdpSpec, WireError, WriteError, limits,
};

use super::by_hand::{Ear, Peer, connect, go, header, now, play_by_hand, since};
use super::{LIMIT, UDP, description, event, packet, pause, read, serve, url};

pub(crate) async fn a_client_that_is_dropped_tears_its_session_down<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let packets = read(&server, "/cam", Transports::Tcp).await;
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
    let mut over_tcp = read(&server, "/cam", Transports::Tcp).await;
    let mut over_udp = read(&server, "/cam", Transports::Udp).await;
    write_both(&stream, 0);
    let begun = now::<R>();
    server.close().await;
    assert!(since::<R>(begun) < limits::CLOSE_LIMIT, "readers were not told");
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
    let mut packets = read(&server, "/cam", Transports::Tcp).await;
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
    let mut packets = read(&server, "/cam", Transports::Tcp).await;
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

fn write_both(stream: &ServerStream, number: u16) {
    stream.write(0, packet(0, number, 100)).unwrap();
    stream.write(1, packet(1, number, 100)).unwrap();
}

pub(crate) async fn a_server_that_goes_away_ends_the_packets_with_an_error<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    // A relay in between is cut, without a word.
    let mut relay = Ear::<R>::new();
    let (front, back) = (relay.local_addr(), server.local_addr());
    let relayed = go::<R, _>(async move {
        let (mut near, mut far) = (relay.accept().await, Peer::<R>::connect(back).await);
        loop {
            let request = near.read_message().await;
            let answer = far.ask(&request).await;
            near.write_all(answer.as_bytes()).await.unwrap();
            if request.starts_with("PLAY") {
                return;
            }
        }
    });
    let mut packets = Client::<R>::builder(&format!("rtsp://{front}/cam"))
        .unwrap()
        .transport(Transports::Tcp)
        .play()
        .await
        .unwrap();
    relayed.await;
    let end = packets.next().await;
    assert!(matches!(end, Some(Err(Error::Closed(ClientCloseReason::ConnectionLost(_))))), "{end:?}");
    assert!(packets.next().await.is_none());
    let reason = event(&server, |event| match event {
        Event::SessionClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert_eq!(reason.await, CloseReason::ConnectionLost);
}

pub(crate) async fn an_unreadable_message_is_answered_before_the_connection_is_closed<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = connect(&server).await;
    socket.write_all(b"OPTIONS * RTSP/2.0\r\nCSeq: 9\r\n\r\nand what follows is not read").await.unwrap();
    let answer = socket.rest().await.unwrap();
    assert!(answer.starts_with("RTSP/1.0 505"), "{answer:?}");
    assert_eq!(header(&answer, "CSeq").as_deref(), Some("9"));
    let reason = event(&server, |event| match event {
        Event::ConnClosed { reason, .. } => Some(reason),
        _ => None,
    });
    assert!(matches!(reason.await, CloseReason::Wire(_)));
}

pub(crate) async fn another_protocol_is_answered_in_its_own_words_and_closed_at_once<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    for (bytes, expected, answer) in [
        (&b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"[..], Protocol::Http, &b"HTTP/1.1 400 "[..]),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", Protocol::Tls, b"\x15\x03\x03\0\x02\x02\x28"),
        (b"SSH-2.0-client\r\n", Protocol::Ssh, b"RTSP/1.0 400 "),
    ] {
        let begun = now::<R>();
        let mut socket = connect(&server).await;
        socket.write_all(bytes).await.unwrap();
        let answered = socket.read_to_end().await.unwrap();
        assert!(answered.starts_with(answer), "{expected}: {}", answered.escape_ascii());
        let told = event(&server, |event| match event {
            Event::ConnClosed { reason: CloseReason::Wire(WireError::Foreign { protocol, .. }), .. } => {
                Some(protocol)
            }
            _ => None,
        });
        assert_eq!(told.await, expected);
        assert!(since::<R>(begun) < limits::MESSAGE_DEADLINE, "{expected} is kept waiting");
    }
}

pub(crate) async fn a_connection_behind_a_proxy_is_that_of_the_client_of_the_proxy<R: Runtime>() {
    let config = ServerConfig::default().trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let server = serve::<R>(config).await;
    let mut socket = connect(&server).await;
    socket.write_all(b"PROXY TCP4 203.0.113.7 10.0.0.1 49152 554\r\n").await.unwrap();
    let told = event(&server, |event| match event {
        Event::ConnProxied { peer, proxy, .. } => Some((peer, proxy)),
        _ => None,
    });
    assert_eq!(told.await, ("203.0.113.7:49152".parse().unwrap(), socket.local_addr()));
}

pub(crate) async fn a_closed_server_has_given_up_its_ports<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default().udp(Some(UDP))).await;
    let addr = server.local_addr();
    let stream = server.publish("/cam", description()).unwrap();
    let client = Client::<R>::builder(&url(&server, "/cam"))
        .unwrap()
        .transport(Transports::Udp)
        .connect()
        .await
        .unwrap();
    client.describe().await.unwrap();
    let ports = match client.setup(0).await.unwrap().transport {
        TrackTransport::Udp { rtp: Some(rtp), rtcp: Some(rtcp), .. } => (rtp.port(), rtcp.port()),
        other => panic!("{other:?}"),
    };
    server.close().await;
    drop(stream);
    let spec = UdpSpec::new(UDP.ip, UdpPorts::Fixed(ports.0, ports.1));
    Server::<R>::builder().config(ServerConfig::default().udp(Some(spec))).bind(addr).await.unwrap();
}

pub(crate) async fn a_server_that_is_closed_waits_no_longer_than_the_limit_for_a_reader_that_does_not_read<
    R: Runtime,
>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let stream = server.publish("/cam", description()).unwrap();
    let _reader = play_by_hand::<R>(server.local_addr(), "/cam").await;
    // More than the system takes for it, and less than the log keeps.
    let count = limits::LOG_BYTES / 60_100;
    (0..count).for_each(|number| stream.write(0, packet(0, number as u16, 60_000)).unwrap());
    let begun = now::<R>();
    server.close().await;
    assert!(since::<R>(begun) >= limits::CLOSE_LIMIT, "nobody was waited for");
    assert!(since::<R>(begun) < limits::WRITE_STALL, "{:?}", since::<R>(begun));
}

pub(crate) async fn a_connection_that_is_closed_is_listened_to_for_a_moment_and_no_longer<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let mut socket = connect(&server).await;
    let begun = now::<R>();
    socket.write_all(b"OPTIONS * RTSP/2.0\r\nCSeq: 9\r\n\r\n").await.unwrap();
    let answer = socket.rest().await.unwrap();
    assert!(answer.starts_with("RTSP/1.0 505"), "{answer:?}");
    // The system refuses what is written to a socket that is closed.
    while socket.write_all(b"x").await.is_ok() {
        assert!(since::<R>(begun) < LIMIT, "it is never closed");
        pause::<R>().await;
    }
    assert!(since::<R>(begun) >= limits::LINGER_LIMIT, "{:?}", since::<R>(begun));
}
