use super::*;
use crate::tunnel::http::{Request, RequestKind};

/// Firefox, from a page on another port of the same host.
const FIREFOX: &str = "GET /cam HTTP/1.1\r\nHost: camera:8554\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:143.0) \
    Gecko/20100101 Firefox/143.0\r\nAccept: */*\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nSec-WebSocket-Version: 13\r\nOrigin: http://camera\r\n\
    Sec-WebSocket-Protocol: rtsp.onvif.org\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: websocket\r\nSec-Fetch-Site: same-site\r\nPragma: no-cache\r\n\
    Cache-Control: no-cache\r\nUpgrade: websocket\r\n\r\n";
/// The example of RFC 6455, section 1.2, with subprotocols that are here.
const RFC_6455: &str = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://server.example.com\r\n\
    Sec-WebSocket-Protocol: chat, binary\r\nSec-WebSocket-Version: 13\r\n\r\n";

fn accept(head: &str, origins: &Origins) -> Result<Accepted, UpgradeError> {
    let (request, _) = Request::parse(head.as_bytes()).unwrap().unwrap();
    let RequestKind::WebSocket(upgrade) = request.kind() else { panic!("{request:?}") };
    upgrade.accept(origins)
}

#[test]
fn the_answer_is_that_of_rfc_6455_with_the_subprotocol_that_was_offered() {
    let accepted = accept(RFC_6455, &Origins::default()).unwrap();
    assert_eq!(
        accepted.answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
    );
    assert_eq!(accept(FIREFOX, &Origins::default()).unwrap().protocol.as_deref(), Some("rtsp.onvif.org"));
    for (offered, chosen) in [
        ("RTSP.onvif.org", Some("RTSP.onvif.org")),
        ("binary, rtsp.onvif.org", Some("binary")),
        ("x\r\nSec-WebSocket-Protocol: rtsp.onvif.org", Some("rtsp.onvif.org")),
        ("", None),
    ] {
        let accepted = accept(&RFC_6455.replace("chat, binary", offered), &Origins::default()).unwrap();
        assert_eq!(accepted.protocol.as_deref(), chosen, "{offered}");
        let answer = String::from_utf8(accepted.answer.to_vec()).unwrap();
        let named = answer.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Protocol: "));
        assert_eq!(named, chosen, "{offered}");
    }
}

#[test]
fn what_a_handshake_lacks_is_told() {
    use UpgradeError::{Connection, HttpVersion, Key, Protocol, Version};
    for (from, to, error, status) in [
        ("HTTP/1.1", "HTTP/1.0", HttpVersion, "400"),
        ("keep-alive, Upgrade", "keep-alive", Connection, "400"),
        ("Version: 13", "Version: 8", Version, "426"),
        ("Sec-WebSocket-Version: 13\r\n", "", Version, "426"),
        ("Sec-WebSocket-Key", "X", Key, "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ==", Key, "400"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "!!!!", Key, "400"),
        ("rtsp.onvif.org", "control", Protocol, "400"),
    ] {
        let head = FIREFOX.replace(from, to);
        assert_eq!(accept(&head, &Origins::Any), Err(error.clone()), "{from} {to}");
        assert!(error.answer().starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
    }
    let answer = String::from_utf8(Version.answer().to_vec()).unwrap();
    assert!(answer.contains("\r\nSec-WebSocket-Version: 13\r\n"), "{answer}");
}

#[test]
fn pages_from_elsewhere_are_let_in_if_that_is_wanted() {
    let only = Origins::Only(vec!["https://wall.example".to_owned()]);
    for (origin, host, same, listed) in [
        ("http://camera", "camera:8554", true, false),
        ("https://CAMERA:8443", "camera", true, false),
        ("http://[2001:db8::7]:80", "[2001:db8::7]:554", true, false),
        ("http://[2001:db8::7]", "[2001:db8::8]", false, false),
        ("http://camera.evil.example", "camera", false, false),
        ("http://evil.example/camera", "camera", false, false),
        ("null", "camera", false, false),
        ("https://wall.example", "camera", false, true),
        ("https://wall.example:8443", "camera", false, false),
    ] {
        let head =
            FIREFOX.replace("http://camera\r\n", &format!("{origin}\r\n")).replace("camera:8554", host);
        assert_eq!(accept(&head, &Origins::SameHost).is_ok(), same, "{origin}");
        assert_eq!(accept(&head, &only).is_ok(), listed, "{origin}");
        assert!(accept(&head, &Origins::Any).is_ok());
    }
    let refused = accept(FIREFOX, &only).unwrap_err();
    assert_eq!(refused, UpgradeError::Origin { origin: "http://camera".to_owned() });
    assert!(refused.answer().starts_with(b"HTTP/1.1 403 "));
    assert!(accept(&FIREFOX.replace("Origin: ", "X: "), &only).is_ok(), "no page");
    assert!(accept(&FIREFOX.replace("Host: ", "X: "), &Origins::SameHost).is_err(), "no host");
}
