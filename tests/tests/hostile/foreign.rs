//! Clients of an RTSP port that are not RTSP: each is told by its first bytes, given a word that it understands, and closed.

use std::net::{Ipv6Addr, SocketAddr};

use rtspan_core::conn::CloseReason;
use rtspan_core::limits::{MESSAGE_DEADLINE, PROXY_HEADER_BYTES_MAX};
use rtspan_core::server::{Event, ServerConfig};
use rtspan_core::wire::{Protocol, WireError};

use super::world::{UDP, World, attacker, request, session_of};

const HTTP: &str = "HTTP/1.1 400 Bad Request\r\n";
const RTSP: &str = "RTSP/1.0 400 Bad Request\r\n";
const ALERT: &str = "\x15\x03\x03\0\x02\x02\x28";
/// PROXY protocol, version 2, with one IPv4 address and port.
const PROXY_2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\xc0\0\x02\x2a";

/// Name, bytes, protocol, and what the answer begins with.
const FOREIGNERS: &[(&str, &[u8], Protocol, &str)] = &[
    ("a browser", b"GET / HTTP/1.1\r\nHost: cam\r\nAccept: */*\r\n\r\n", Protocol::Http, HTTP),
    ("a health check", b"HEAD / HTTP/1.0\r\n\r\n", Protocol::Http, HTTP),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::Http, HTTP),
    ("an HTTP proxy's client", b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", Protocol::Http, HTTP),
    ("OPTIONS of HTTP", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", Protocol::Http, HTTP),
    (
        "QuickTime's tunnel",
        b"GET /cam HTTP/1.0\r\nx-sessioncookie: tD9hKgAAfB8ABCft\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n",
        Protocol::HttpTunnel,
        HTTP,
    ),
    (
        "a WebSocket",
        b"GET /cam HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        Protocol::WebSocket,
        HTTP,
    ),
    ("TLS 1.3", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", Protocol::Tls, ALERT),
    ("PROXY 1", b"PROXY TCP4 203.0.113.7 10.0.0.1 49152 554\r\n", Protocol::Proxy, RTSP),
    ("PROXY 2", PROXY_2, Protocol::Proxy, RTSP),
    ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", Protocol::Ssh, RTSP),
    ("SIP", b"OPTIONS sip:cam@h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n", Protocol::Sip, RTSP),
    ("a SIP phone", b"REGISTER sip:h SIP/2.0\r\n", Protocol::Sip, RTSP),
    ("a remote desktop", b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", Protocol::Unknown, RTSP),
    ("RTMP", b"\x03\0\0\0\0\0\0\0\0", Protocol::Unknown, RTSP),
    ("noise", b"\xde\xad\xbe\xef", Protocol::Unknown, RTSP),
];

#[test]
fn another_protocol_is_answered_in_its_own_words_and_closed_at_once() {
    for (name, bytes, protocol, answer) in FOREIGNERS {
        for portion in [bytes.len(), 1, 3] {
            let mut world = World::new();
            let conn = world.attack();
            bytes.chunks(portion).for_each(|bytes| world.rig.send(conn, bytes));
            let answered = world.rig.received(conn);
            assert!(answered.starts_with(answer.as_bytes()), "{name}: {}", answered.escape_ascii());
            assert!(!world.is_open(conn), "{name} in portions of {portion} stays open");
            let told = std::mem::take(&mut world.rig.events).into_iter().any(|event| {
                matches!(event, Event::ConnClosed { reason: CloseReason::Wire(WireError::Foreign { protocol: p, .. }), .. }
                    if p == *protocol)
            });
            assert!(told, "{name}: the application is told what it was");
            world.nobody_else_notices();
        }
    }
}

const BALANCER: ([u8; 4], u16) = ([10, 0, 0, 9], 31_000);

/// A server that trusts proxies in 10.0.0.0/8, and a connection from one.
fn behind_a_proxy() -> (World, rtspan_core::ConnId) {
    let config = ServerConfig::default().trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
    // For clients of both families.
    let mut world = World::with_udp_at(Ipv6Addr::UNSPECIFIED.into(), config);
    let conn = world.rig.connect(BALANCER.into()).unwrap();
    (world, conn)
}

#[test]
fn a_trusted_proxy_says_where_a_connection_comes_from() {
    for (header, client) in [
        (&b"PROXY TCP4 203.0.113.7 10.0.0.1 49152 554\r\n"[..], "203.0.113.7:49152"),
        (b"PROXY TCP6 2001:db8::7 ::1 49152 554\r\n", "[2001:db8::7]:49152"),
        (PROXY_2, "203.0.113.7:49152"),
    ] {
        let client: SocketAddr = client.parse().unwrap();
        let bytes = [header, &request("OPTIONS *", "")].concat();
        for portion in [bytes.len(), 1, 7] {
            let (mut world, conn) = behind_a_proxy();
            bytes.chunks(portion).for_each(|bytes| world.rig.send(conn, bytes));
            assert_eq!(world.responses(conn).len(), 1, "{client}");
            let told = |event: &Event| {
                matches!(event, Event::ConnProxied { peer, proxy, .. }
                    if *peer == client && *proxy == SocketAddr::from(BALANCER))
            };
            assert!(std::mem::take(&mut world.rig.events).iter().any(told), "{client}");
            // Datagrams go to the client, not to the proxy.
            let answer = world.ask(conn, &format!("SETUP rtsp://h/cam/trackID=0|{UDP}"));
            world.ask(conn, &format!("PLAY rtsp://h/cam|Session: {}", session_of(&answer)));
            world.publish(&[0x65, 1]);
            let to: Vec<_> =
                std::mem::take(&mut world.rig.datagrams).into_iter().map(|(_, to, _)| to.ip()).collect();
            assert!(!to.is_empty() && to.iter().all(|ip| *ip == client.ip()), "{to:?}");
        }
    }
}

#[test]
fn a_proxy_that_speaks_for_itself_keeps_its_address() {
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let (mut world, conn) = behind_a_proxy();
        world.rig.send(conn, header);
        assert_eq!(world.status(conn, "OPTIONS *"), 200);
        let events = std::mem::take(&mut world.rig.events);
        assert!(!events.iter().any(|event| matches!(event, Event::ConnProxied { .. })), "{events:?}");
    }
}

#[test]
fn a_trusted_proxy_without_a_header_is_closed() {
    let too_long =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11".as_slice(), &(PROXY_HEADER_BYTES_MAX as u16).to_be_bytes()].concat();
    for bytes in [&request("OPTIONS *", "")[..], b"$\0\0\0", b"\x16\x03\x01", &too_long] {
        let (mut world, conn) = behind_a_proxy();
        world.rig.send(conn, bytes);
        assert_eq!(world.closed(conn), Some(CloseReason::Application), "{}", bytes.escape_ascii());
        let closed =
            |event: &Event| matches!(event, Event::ConnClosed { reason: CloseReason::NoProxyHeader, .. });
        assert!(std::mem::take(&mut world.rig.events).iter().any(closed), "{}", bytes.escape_ascii());
    }
    let (mut world, conn) = behind_a_proxy();
    world.rig.send(conn, b"PROXY TCP4");
    world.wait(MESSAGE_DEADLINE.as_secs());
    assert!(!world.is_open(conn), "half a header is not waited for longer than half a message");
}

#[test]
fn nobody_else_may_name_an_address() {
    let (mut world, _) = behind_a_proxy();
    let conn = world.rig.connect(attacker(1)).unwrap();
    world.rig.send(conn, b"PROXY TCP4 192.0.2.1 10.0.0.1 40000 554\r\n");
    assert!(!world.is_open(conn));
}
