use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Instant;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};

use super::*;

/// A server that answers with the path, and the length of the body.
fn echo() -> SocketAddr {
    let listener = rtspan_std::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    serve(listener, async |request: Request<Bytes>| {
        text(StatusCode::OK, "text/plain", format!("{} {}", request.uri().path(), request.body().len()))
    })
    .unwrap()
    .forever();
    at
}

fn ask(at: SocketAddr, request: &[u8]) -> String {
    let mut client = TcpStream::connect(at).unwrap();
    client.write_all(request).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_request_is_answered_and_its_connection_closed() {
    let said = ask(echo(), b"PUT /a/b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("\r\n\r\n/a/b 3"), "{said}");
    assert!(said.to_ascii_lowercase().contains("connection: close\r\n"), "{said}");
}

#[test]
fn a_server_that_is_dropped_answers_who_is_connected_and_nobody_else() {
    let listener = rtspan_std::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    let (asked, is_asked) = bounded(1);
    let (go_on, goes_on) = bounded::<()>(1);
    let serving = serve(listener, async move |_: Request<Bytes>| {
        asked.send(()).await.unwrap();
        goes_on.recv().await.unwrap();
        text(StatusCode::OK, "text/plain", "late".to_owned())
    })
    .unwrap();
    let asks = thread::spawn(move || ask(at, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
    is_asked.recv_blocking().unwrap();
    drop(serving);
    let begun = Instant::now();
    while TcpStream::connect(at).is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it listens still");
        thread::sleep(Duration::from_millis(5));
    }
    go_on.send_blocking(()).unwrap();
    assert!(asks.join().unwrap().ends_with("\r\n\r\nlate"));
}

#[test]
fn a_body_has_a_bound_and_whoever_passes_it_is_told() {
    let at = echo();
    let put = |bytes: usize| {
        let head = format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {bytes}\r\n\r\n");
        ask(at, &[head.as_bytes(), &vec![b'x'; bytes]].concat())
    };
    assert!(put(BODY_BYTES_MAX).ends_with(&format!("/ {BODY_BYTES_MAX}")));
    let refused = put(BODY_BYTES_MAX + 1);
    assert!(refused.starts_with("HTTP/1.1 413 ") && refused.contains("may have 65536 bytes"), "{refused}");
}

#[test]
fn a_head_has_a_bound() {
    let mut long = b"GET / HTTP/1.1\r\nHost: h\r\nX: ".to_vec();
    long.resize(HEAD_BYTES_MAX + 1, b'x');
    let mut client = TcpStream::connect(echo()).unwrap();
    client.write_all(&long).unwrap();
    let mut said = Vec::new();
    // Bytes behind the bound are not read, so that the system may cut the answer off.
    let _ = client.read_to_end(&mut said);
    assert!(said.is_empty() || said.starts_with(b"HTTP/1.1 431 "));
}

#[test]
fn what_is_no_request_is_refused() {
    let at = echo();
    let said = ask(at, b"DESCRIBE rtsp://h/a RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert!(said.starts_with("HTTP/1.1 400 "), "{said}");
    let mut client = TcpStream::connect(at).unwrap();
    client.write_all(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(!said.contains("200"), "{said}");
}

#[test]
fn a_thousand_connections_that_say_nothing_keep_nobody_from_asking() {
    let at = echo();
    let idle: Vec<_> = (0..1000).map(|_| TcpStream::connect(at).unwrap()).collect();
    let begun = Instant::now();
    let said = ask(at, b"GET /here HTTP/1.1\r\nHost: h\r\n\r\n");
    assert!(said.ends_with("/here 0"), "{said}");
    assert!(begun.elapsed() < HEAD_PATIENCE, "the others were waited for");
    drop(idle);
}

#[test]
fn whoever_is_slow_is_closed() {
    let mut client = TcpStream::connect(echo()).unwrap();
    client.set_read_timeout(Some(HEAD_PATIENCE * 4)).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    let begun = Instant::now();
    let mut said = Vec::new();
    // Closed, with or without a word.
    let _ = client.read_to_end(&mut said);
    assert!(begun.elapsed() < HEAD_PATIENCE * 3, "{:?}", begun.elapsed());
    assert!(!said.starts_with(b"HTTP/1.1 200"));
}

fn headers<const N: usize>(given: [(HeaderName, &'static str); N]) -> HeaderMap {
    given.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
}

const TOKEN: &str = "0123456789abcdef";

#[test]
fn other_hosts_are_let_in_by_a_good_token_only() {
    let (here, anywhere) = ("127.0.0.1:1".parse().unwrap(), "0.0.0.0:1".parse().unwrap());
    assert!(Guard::new(here, None).is_ok());
    assert!(Guard::new("[::ffff:127.0.0.1]:1".parse().unwrap(), None).is_ok());
    assert_eq!(Guard::new(anywhere, None).unwrap_err(), Refusal::NoToken(anywhere));
    assert_eq!(Guard::new(here, Some(TOKEN[1..].to_owned())).unwrap_err(), Refusal::ShortToken);
    assert_eq!(Guard::new(here, Some(TOKEN.replace('5', " "))).unwrap_err(), Refusal::TokenForm);
    let guard = Guard::new(anywhere, Some(TOKEN.to_owned())).unwrap();
    assert!(!format!("{guard:?}").contains(TOKEN));
    let admits = |value| guard.admit(&headers([(AUTHORIZATION, value), (HOST, "nvr.example")])).is_ok();
    assert!(admits("Bearer 0123456789abcdef") && admits("bearer 0123456789abcdef"));
    for wrong in ["Bearer 0123456789abcdeF", "Bearer 0123456789abcde", "Bearer", "", "Basic 0123456789abcdef"]
    {
        assert!(!admits(wrong), "{wrong}");
    }
    let refused = guard.admit(&HeaderMap::new()).unwrap_err();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().contains_key("www-authenticate"));
}

#[test]
fn pages_are_not_answered_whatever_they_call_this_host() {
    let guard = Guard::new("127.0.0.1:1".parse().unwrap(), None).unwrap();
    for host in ["127.0.0.1:9997", "127.0.0.1", "[::1]:9997", "[::1]", "localhost:9997", "LOCALHOST"] {
        assert!(guard.admit(&headers([(HOST, host)])).is_ok(), "{host}");
        let page = headers([(HOST, host), (ORIGIN, "http://127.0.0.1:9997")]);
        assert_eq!(guard.admit(&page).unwrap_err().status(), StatusCode::FORBIDDEN);
    }
    for host in
        ["evil.example:9997", "localhost.evil.example", "127.0.0.1.evil.example", "", ":80", "[::1", "x:y"]
    {
        assert!(guard.admit(&headers([(HOST, host)])).is_err(), "{host}");
    }
}

#[test]
fn clients_come_over_tls_and_without_to_the_same_port() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = rtspan_std::tls::ServerTls::from_pem(pem.0.as_bytes(), pem.1.as_bytes()).unwrap();
    let listener = rtspan_std::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    let certificate: Certificate = Box::new(move || tls.current());
    let large = "x".repeat(1 << 20);
    let answer = async move |request: Request<Bytes>| {
        let is_tls = request.extensions().get::<OverTls>().is_some();
        text(StatusCode::OK, "text/plain", format!("{is_tls} {} {large}", request.body().len()))
    };
    serve_securely(listener, Some(certificate), answer).unwrap().forever();
    let request = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n";
    let request = [request.as_slice(), &[b'x'; 60_000]].concat();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    let session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut client = rustls::StreamOwned::new(session, TcpStream::connect(at).unwrap());
    client.write_all(&request).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.contains("\r\n\r\ntrue 60000 xxx") && said.len() > 1 << 20, "{}", &said[..200]);
    assert!(ask(at, &request).contains("\r\n\r\nfalse 60000 xxx"));
}

/// `127.0.0.2` and the like are this host everywhere on Linux only.
#[cfg(target_os = "linux")]
#[test]
fn many_connections_of_one_address_push_out_each_other_and_nobody_else() {
    let listener = rtspan_std::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local_addr().unwrap();
    let (asked, is_asked) = bounded(1);
    let (go_on, goes_on) = bounded::<()>(1);
    serve(listener, async move |request: Request<Bytes>| {
        asked.send(()).await.unwrap();
        if request.uri().path() == "/stay" {
            let _ = goes_on.recv().await;
        } else {
            std::future::pending::<()>().await;
        }
        text(StatusCode::OK, "text/plain", "stayed".to_owned())
    })
    .unwrap()
    .forever();
    let stays = thread::spawn(move || ask(at, b"GET /stay HTTP/1.1\r\nHost: h\r\n\r\n"));
    is_asked.recv_blocking().unwrap();
    let flood = (0..2 * CONNECTIONS_MAX).map(|_| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.connect(&at.into()).unwrap();
        let mut socket = TcpStream::from(socket);
        socket.write_all(b"GET /flood HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        is_asked.recv_blocking().unwrap();
        socket
    });
    let flood: Vec<_> = flood.collect();
    go_on.send_blocking(()).unwrap();
    assert!(stays.join().unwrap().ends_with("\r\n\r\nstayed"));
    drop(flood);
}

#[test]
fn addresses_that_one_host_may_choose_from_are_one_origin() {
    let same = |one: &str, other: &str| {
        let origin = |text: &str| Origin::from(text.parse::<std::net::IpAddr>().unwrap());
        origin(one) == origin(other)
    };
    assert!(same("192.0.2.1", "::ffff:192.0.2.1") && same("2001:db8::1", "2001:db8::ffff:0:0:1"));
    assert!(!same("192.0.2.1", "192.0.2.2") && !same("2001:db8::1", "2001:db8:0:1::1"));
}
