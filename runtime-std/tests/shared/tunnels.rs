//! RTSP in two requests of HTTP and in WebSockets, with TLS beneath and without.

use std::pin::pin;

use rtspan_std::client::{Client, ClientBuilder, Error};
use rtspan_std::limits::MESSAGE_DEADLINE;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{
    ClientCloseReason, CloseReason, ConnectError, Event, Origins, ServerConfig, Tolerance, Transports,
    TunnelError,
};

use super::by_hand::{Ear, Peer, go, now, since};
use super::through::{GET, POST, UPGRADE};
use super::tls::{Authority, GOOD, HOST};
use super::{LOOPBACK, description, event, if_ready, number, packet, pause};

/// All schemes, without TLS and with it.
const SCHEMES: [&str; 6] = ["rtsp", "rtsps", "rtsp+http", "rtsp+https", "rtsp+ws", "rtsp+wss"];

async fn serve<R: Runtime>(authority: &Authority) -> Server<R> {
    Server::builder().tls(authority.sign(HOST, GOOD).shown()).bind(LOOPBACK).await.unwrap()
}

fn client<R: Runtime>(server: &Server<R>, authority: &Authority, scheme: &str) -> ClientBuilder<R> {
    let url = format!("{scheme}://{}/cam?a=b", server.local_addr());
    Client::<R>::builder(&url).unwrap().transport(Transports::Tcp).tls(authority.trusted())
}

pub(crate) async fn what_is_published_in_any_tunnel_is_read_in_any_other<R: Runtime>() {
    let authority = Authority::new();
    for (at, from) in SCHEMES.iter().enumerate() {
        let server = serve::<R>(&authority).await;
        let publisher = client(&server, &authority, from).publish(description()).await.unwrap();
        event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
        let mut readers = Vec::new();
        for to in SCHEMES.iter().cycle().skip(at + 1).take(3) {
            readers.push((to, client(&server, &authority, to).play().await.unwrap()));
        }
        for frame in 0..20_u16 {
            let frame: Vec<_> = (0..30).map(|part| packet(0, frame * 30 + part, 1400)).collect();
            publisher.write_frame(0, &frame).await.unwrap();
            for sent in &frame {
                for (to, packets) in &mut readers {
                    let received = packets.next().await.unwrap().unwrap();
                    assert_eq!(
                        (received.packet.payload(), received.lost),
                        (sent.payload(), 0),
                        "{from} {to}"
                    );
                }
            }
        }
        // A request while media flows, and the end.
        for (_, packets) in readers {
            packets.client().options().await.unwrap();
            packets.teardown().await.unwrap();
        }
        publisher.teardown().await.unwrap();
    }
}

pub(crate) async fn a_reader_in_a_tunnel_that_does_not_read_loses_only_its_own<R: Runtime>() {
    let authority = Authority::new();
    for scheme in ["rtsp+http", "rtsp+ws", "rtsp+wss"] {
        let server = serve::<R>(&authority).await;
        let stream = server.publish("/cam", description()).unwrap();
        let mut slow = client(&server, &authority, scheme).play().await.unwrap();
        let mut quick = client(&server, &authority, scheme).play().await.unwrap();
        for number in 0..6_000 {
            stream.write(1, packet(1, number, 1400)).unwrap();
            assert_eq!(quick.next().await.unwrap().unwrap().lost, 0);
        }
        let (mut got, mut lost, mut last) = (0, 0, 0);
        while last < 5_999 {
            let received = slow.next().await.unwrap().unwrap();
            (got, lost, last) = (got + 1, lost + received.lost, number(&received));
        }
        assert_eq!(got + lost, 6_000, "{scheme}");
        slow.client().options().await.unwrap();
    }
}

/// `OPTIONS * RTSP/1.0`, with the CSeq 1 and 2, and padding in the middle.
const OPTIONS: [&str; 2] =
    ["T1BUSU9OUyAqIFJUU1AvMS4wDQpDU2VxOiAxDQoNCg==", "T1BUSU9OUyAqIFJUU1AvMS4wDQpDU2VxOiAyDQoNCg=="];

async fn half<R: Runtime>(server: &Server<R>, head: &str, cookie: &str) -> Peer<R> {
    let mut peer = Peer::<R>::connect(server.local_addr()).await;
    peer.write_all(head.replace("{}", cookie).as_bytes()).await.unwrap();
    peer
}

async fn closed<R: Runtime>(server: &Server<R>) -> CloseReason {
    event(server, |event| match event {
        Event::ConnClosed { reason, .. } => Some(reason),
        _ => None,
    })
    .await
}

pub(crate) async fn the_halves_of_a_tunnel_find_each_other_in_either_order<R: Runtime>() {
    let authority = Authority::new();
    let server = serve::<R>(&authority).await;
    for is_get_first in [true, false] {
        let (mut get, mut post);
        if is_get_first {
            get = half(&server, GET, "a").await;
            let answer = get.next_message().await.unwrap();
            assert!(answer.starts_with("HTTP/1.0 200 OK"), "{answer}");
            post = half(&server, POST, "a").await;
        } else {
            post = half(&server, POST, "b").await;
            assert_eq!(closed(&server).await, CloseReason::Joined);
            get = half(&server, GET, "b").await;
            assert!(get.next_message().await.unwrap().starts_with("HTTP/1.0 200 OK"));
        }
        post.write_all(OPTIONS.concat().as_bytes()).await.unwrap();
        for number in 1..=2 {
            let answer = get.next_message().await.unwrap();
            assert!(answer.starts_with("RTSP/1.0 200 OK") && answer.contains(&format!("CSeq: {number}")));
        }
        // Another POST takes the place of the first, which is gone.
        drop(post);
        let mut post = half(&server, POST, if is_get_first { "a" } else { "b" }).await;
        for byte in OPTIONS[0].as_bytes() {
            post.write_all(&[*byte]).await.unwrap();
        }
        assert!(get.next_message().await.unwrap().starts_with("RTSP/1.0 200 OK"));
        // A second GET with the cookie is somebody else's.
        let mut twin = half(&server, GET, if is_get_first { "a" } else { "b" }).await;
        assert!(twin.next_message().await.unwrap().starts_with("HTTP/1.1 409"));
        while !matches!(closed(&server).await, CloseReason::Tunnel(TunnelError::Pairing(_))) {}
        // Bytes that are not base64 end it.
        post.write_all(b"***").await.unwrap();
        while !matches!(closed(&server).await, CloseReason::Tunnel(TunnelError::Base64(_))) {}
        assert!(get.next_message().await.is_none());
    }
}

pub(crate) async fn a_half_without_the_other_is_closed<R: Runtime>() {
    let config = ServerConfig::default().message_deadline(MESSAGE_DEADLINE / 10);
    let server = Server::<R>::builder().config(config).bind(LOOPBACK).await.unwrap();
    let begin = now::<R>();
    let mut get = half(&server, GET, "a").await;
    assert!(get.next_message().await.unwrap().starts_with("HTTP/1.0 200 OK"));
    assert!(get.next_message().await.is_none());
    assert!(since::<R>(begin) >= MESSAGE_DEADLINE / 10);
    assert_eq!(closed(&server).await, CloseReason::MessageTimeout);
    // The cookie is free again.
    let mut post = half(&server, POST, "a").await;
    assert_eq!(closed(&server).await, CloseReason::Joined);
    assert!(post.next_message().await.is_none());
}

pub(crate) async fn a_tunnel_that_is_switched_off_is_refused<R: Runtime>() {
    let off = Server::<R>::builder().http_tunnel(false).websocket(None);
    let server = off.bind(LOOPBACK).await.unwrap();
    let on = Server::<R>::builder().websocket(Origins::Any).bind(LOOPBACK).await.unwrap();
    for scheme in ["rtsp+http", "rtsp+ws"] {
        let url = |server: &Server<R>| format!("{scheme}://{}/cam", server.local_addr());
        match Client::<R>::builder(&url(&server)).unwrap().connect().await {
            Err(Error::Closed(ClientCloseReason::Connect(ConnectError::Tunnel(error)))) => {
                assert!(error.to_string().contains("400"), "{error}");
            }
            other => panic!("{other:?}"),
        }
        Client::<R>::builder(&url(&on)).unwrap().connect().await.unwrap();
    }
    // Those that have come to the wrong port are answered as ever.
    let mut browser = Peer::<R>::connect(on.local_addr()).await;
    browser.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    assert!(browser.next_message().await.unwrap().starts_with("HTTP/1.1 400"));
}

pub(crate) async fn a_websocket_that_breaks_the_protocol_is_closed<R: Runtime>() {
    let server = Server::<R>::builder().bind(LOOPBACK).await.unwrap();
    let upgrade = UPGRADE.trim_end().to_owned() + "\r\n";
    for (head, status) in [
        (format!("{upgrade}Origin: https://elsewhere.example\r\n\r\n"), "403"),
        (upgrade.replace("Version: 13", "Version: 8") + "\r\n", "426"),
        (format!("{upgrade}\r\n"), "101"),
    ] {
        let mut peer = Peer::<R>::connect(server.local_addr()).await;
        peer.write_all(head.as_bytes()).await.unwrap();
        let answer = peer.next_message().await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        if status == "101" {
            assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
            // A frame without a mask: 1002.
            peer.write_all(b"\x82\x01a").await.unwrap();
            let mut close = [0; 4];
            peer.read_exact(&mut close).await;
            assert_eq!(&close, b"\x88\x02\x03\xea");
            assert!(matches!(closed(&server).await, CloseReason::Tunnel(TunnelError::Frame(_))));
        } else {
            assert!(matches!(closed(&server).await, CloseReason::Tunnel(TunnelError::Upgrade(_))));
        }
        pause::<R>().await;
    }
}

pub(crate) async fn the_halves_of_a_tunnel_behind_a_proxy_are_of_the_address_that_it_names<R: Runtime>() {
    let config = ServerConfig::default().trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let server = Server::<R>::builder().config(config).bind(LOOPBACK).await.unwrap();
    let from = |address: &str, head: &str| format!("PROXY TCP4 {address} 10.0.0.1 49152 554\r\n{head}");
    let mut get = half(&server, &from("203.0.113.7", GET), "a").await;
    assert!(get.next_message().await.unwrap().starts_with("HTTP/1.0 200 OK"));
    let mut stranger = half(&server, &from("203.0.113.8", POST), "a").await;
    assert!(stranger.next_message().await.unwrap().starts_with("HTTP/1.1 403"));
    let mut post = half(&server, &from("203.0.113.7", POST).replace("49152", "49153"), "a").await;
    post.write_all(OPTIONS[0].as_bytes()).await.unwrap();
    assert!(get.next_message().await.unwrap().starts_with("RTSP/1.0 200 OK"));
}

pub(crate) async fn a_server_that_names_no_subprotocol_is_told_as_such<R: Runtime>() {
    let server = Server::<R>::builder().bind(LOOPBACK).await.unwrap();
    let (behind, mut ear) = (server.local_addr(), Ear::<R>::new());
    let url = format!("rtsp+ws://{}/cam", ear.local_addr());
    // A camera that answers as the server does, but for its subprotocol.
    let camera = go::<R, _>(async move {
        let (mut peer, mut camera) = (ear.accept().await, Peer::<R>::connect(behind).await);
        let asked = peer.next_message().await.unwrap();
        camera.write_all(asked.as_bytes()).await.unwrap();
        let answer =
            camera.next_message().await.unwrap().replace("Sec-WebSocket-Protocol: rtsp.onvif.org\r\n", "");
        peer.write_all(answer.as_bytes()).await.unwrap();
        (peer, camera)
    });
    let client = Client::<R>::builder(&url).unwrap().build().unwrap();
    let mut options = pin!(client.options());
    while !client.tolerances().contains(Tolerance::SubprotocolNotEchoed) {
        assert!(if_ready(options.as_mut()).await.is_none());
        pause::<R>().await;
    }
    drop(camera.await);
}
