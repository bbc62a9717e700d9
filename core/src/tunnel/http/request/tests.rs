use super::*;

/// `ffmpeg -rtsp_transport http -i rtsp://127.0.0.1:40727/cam/one?a=b`, FFmpeg 5.1.
const FFMPEG_GET: &str = "GET /cam/one?a=b HTTP/1.1\r\nUser-Agent: Lavf/59.27.100\r\nRange: bytes=0-\r\n\
    Connection: close\r\nHost: 127.0.0.1:40727\r\nIcy-MetaData: 1\r\nx-sessioncookie: 2ad46c476e916a11\r\n\
    Accept: application/x-rtsp-tunnelled\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n";
const FFMPEG_POST: &str = "POST /cam/one?a=b HTTP/1.1\r\nUser-Agent: Lavf/59.27.100\r\nAccept: */*\r\n\
    Connection: close\r\nHost: 127.0.0.1:40727\r\nIcy-MetaData: 1\r\nx-sessioncookie: 2ad46c476e916a11\r\n\
    Content-Type: application/x-rtsp-tunnelled\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\
    Content-Length: 32767\r\nExpires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n";
/// `gst-launch-1.0 rtspsrc location=rtsph://127.0.0.1:40819/cam/one?a=b`, GStreamer 1.22.
const GSTREAMER_GET: &str = "GET /cam/one?a=b HTTP/1.0\r\nx-sessioncookie: aqccwsnhonyqjgisasgeiwl\r\n\
    Accept: application/x-rtsp-tunnelled\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n\
    Host: 127.0.0.1:40819\r\nDate: Sun, 29 Nov 2026 16:42:41 GMT\r\n\r\n";
const GSTREAMER_POST: &str = "POST /cam/one?a=b HTTP/1.0\r\nx-sessioncookie: aqccwsnhonyqjgisasgeiwl\r\n\
    Accept: application/x-rtsp-tunnelled\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
    Cache-Control: no-cache\r\nPragma: no-cache\r\nExpires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\
    Content-Length: 32767\r\nHost: 127.0.0.1:40819\r\nDate: Sun, 29 Nov 2026 16:42:41 GMT\r\n\r\n";
/// The `WebSocket` of node 20.
const NODE: &str = "GET /cam?a=b HTTP/1.1\r\nhost: 127.0.0.1:54555\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-key: sIqVjVnLYYX61UH8u5G25w==\r\nsec-websocket-version: 13\r\n\
    sec-websocket-protocol: rtsp.onvif.org\r\n\
    sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\naccept: */*\r\n\
    accept-language: *\r\nsec-fetch-mode: websocket\r\nuser-agent: node\r\npragma: no-cache\r\n\
    cache-control: no-cache\r\naccept-encoding: gzip, deflate\r\n\r\n";

fn cookie(text: &str) -> SessionCookie {
    SessionCookie(text.into())
}

/// The request, which has to be the same wherever it is cut.
fn parse(head: &str) -> Result<Request, RequestError> {
    let bytes = [head.as_bytes(), b"T1BUSU9OUw=="].concat();
    let read = Request::parse(&bytes);
    let first = (0..=bytes.len()).find_map(|cut| Request::parse(&bytes[..cut]).transpose());
    assert_eq!(first, read.clone().transpose(), "{head}");
    read.map(|read| {
        let (request, len) = read.expect("all of it has come");
        assert_eq!(len, head.len());
        request
    })
}

#[test]
fn the_halves_of_real_clients_are_read() {
    for (get, post, name) in [
        (FFMPEG_GET, FFMPEG_POST, "2ad46c476e916a11"),
        (GSTREAMER_GET, GSTREAMER_POST, "aqccwsnhonyqjgisasgeiwl"),
    ] {
        let target = "/cam/one?a=b".to_owned();
        let expected = Request { target: target.clone(), kind: RequestKind::Get(cookie(name)) };
        assert_eq!(parse(get), Ok(expected));
        assert_eq!(parse(post), Ok(Request { target, kind: RequestKind::Post(cookie(name)) }));
    }
    let node = parse(NODE).unwrap();
    assert_eq!(node.target(), "/cam?a=b");
    let RequestKind::WebSocket(upgrade) = node.kind() else { panic!("{node:?}") };
    assert_eq!(upgrade.protocols().collect::<Vec<_>>(), ["rtsp.onvif.org"]);
}

#[test]
fn what_proxies_and_other_clients_make_of_it_is_read_all_the_same() {
    for head in [
        "GET /cam HTTP/1.0\r\nX-SessionCookie: c\r\n\r\n",
        "GET /cam HTTP/1.0\nx-sessioncookie:c\n\n",
        "\r\nGET /cam HTTP/1.1\r\nx-sessioncookie: c\r\n\r\n",
        "GET http://h:80/cam HTTP/1.1\r\nVia: 1.1 p\r\nX-Forwarded-For: 10.0.0.1\r\nx-sessioncookie: c \r\n\r\n",
        "GET /cam HTTP/1.1\r\nAccept: text/html, application/x-rtsp-tunnelled;q=0.9, */*\r\nx-sessioncookie: c\r\n\r\n",
        "GET /cam HTTP/1.1\r\nx-sessioncookie: c\r\nx-sessioncookie: c\r\n\r\n",
    ] {
        let expected = Request { target: "/cam".to_owned(), kind: RequestKind::Get(cookie("c")) };
        assert_eq!(parse(head), Ok(expected), "{head}");
    }
    assert_eq!(parse("GET http://h HTTP/1.1\r\nx-sessioncookie: c\r\n\r\n").unwrap().target(), "/");
}

#[test]
fn a_request_without_a_tunnel_is_told_what_it_lacks() {
    use RequestError::{BadCookie, Malformed, Method, NoCookie, NoTunnel, TransferCoding, Version};
    let bad_cookie = BadCookie { limit: SESSION_COOKIE_BYTES_MAX };
    for (line, headers, error, status) in [
        ("GET / HTTP/1.1", "Accept: text/html", NoTunnel, "400"),
        ("POST / HTTP/1.1", "Content-Type: text/plain", NoTunnel, "400"),
        ("GET / HTTP/1.1", "Accept: */*, application/x-rtsp-tunnelled", NoCookie, "400"),
        ("POST / HTTP/1.1", "Content-Type: application/x-rtsp-tunnelled", NoCookie, "400"),
        ("GET / HTTP/1.1", "x-sessioncookie:", bad_cookie, "400"),
        ("GET / HTTP/1.1", "x-sessioncookie: a\r\nx-sessioncookie: b", bad_cookie, "400"),
        ("HEAD / HTTP/1.1", "x-sessioncookie: c", Method, "405"),
        ("OPTIONS * HTTP/1.1", "Host: h", Method, "405"),
        ("GET * HTTP/1.1", "x-sessioncookie: c", Malformed, "400"),
        ("GET rtsp HTTP/1.1", "x-sessioncookie: c", Malformed, "400"),
        ("GET / RTSP/1.0", "x-sessioncookie: c", Version, "505"),
        ("PRI * HTTP/2.0", "x: y", Version, "505"),
        ("GET / HTTP/1.1", "no header", Malformed, "400"),
        ("POST / HTTP/1.1", "x-sessioncookie: c\r\nTransfer-Encoding: chunked", TransferCoding, "501"),
    ] {
        assert_eq!(parse(&format!("{line}\r\n{headers}\r\n\r\n")), Err(error), "{line} {headers}");
        let answer = error.answer();
        assert!(answer.starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{answer:?}");
    }
}

#[test]
fn a_head_has_its_bounds() {
    let head = |padding: usize| {
        format!("GET / HTTP/1.1\r\nx-sessioncookie: c\r\nx: {}\r\n\r\n", "y".repeat(padding))
    };
    let room = HTTP_HEAD_BYTES_MAX - head(0).len();
    assert!(parse(&head(room)).is_ok());
    let too_long = RequestError::HeadTooLong { limit: HTTP_HEAD_BYTES_MAX };
    assert_eq!(parse(&head(room + 1)), Err(too_long));
    assert!(too_long.answer().starts_with(b"HTTP/1.1 431 "));

    let head =
        |more: usize| format!("GET / HTTP/1.1\r\nx-sessioncookie: c\r\n{}\r\n", "x: y\r\n".repeat(more));
    assert!(parse(&head(HTTP_HEADERS_MAX - 1)).is_ok());
    assert_eq!(parse(&head(HTTP_HEADERS_MAX)), Err(RequestError::TooManyHeaders { limit: HTTP_HEADERS_MAX }));

    let head = |cookie: usize| format!("GET / HTTP/1.1\r\nx-sessioncookie: {}\r\n\r\n", "c".repeat(cookie));
    assert!(parse(&head(SESSION_COOKIE_BYTES_MAX)).is_ok());
    let bad_cookie = RequestError::BadCookie { limit: SESSION_COOKIE_BYTES_MAX };
    assert_eq!(parse(&head(SESSION_COOKIE_BYTES_MAX + 1)), Err(bad_cookie));
}
