use super::*;
use crate::tunnel::http::{Request, RequestKind};
use crate::tunnel::websocket::Origins;

fn handshake() -> Handshake {
    Handshake::new("camera:8080", "/cam?a=b", [7; 32])
}

/// The answer of a server, changed.
fn answer(from: &str, to: &str) -> String {
    let request = handshake().request();
    let (request, len) = Request::parse(&request).unwrap().unwrap();
    assert_eq!((request.target(), len), ("/cam?a=b", handshake().request().len()));
    let RequestKind::WebSocket(upgrade) = request.kind() else { panic!("{request:?}") };
    let accepted = upgrade.accept(&Origins::default()).unwrap();
    let answer = String::from_utf8(accepted.answer.to_vec()).unwrap();
    assert!(answer.contains(from), "{answer}");
    answer.replacen(from, to, 1)
}

#[test]
fn client_and_server_agree_wherever_the_answer_is_cut() {
    let answer = answer("", "");
    let bytes = [answer.as_bytes(), b"\x82\x01x"].concat();
    for cut in 0..answer.len() {
        assert_eq!(handshake().check(&bytes[..cut]), Ok(None), "{cut}");
    }
    let confirmed = Confirmed { len: answer.len(), tolerances: Tolerances::NONE };
    assert_eq!(handshake().check(&bytes), Ok(Some(confirmed)));
    assert_ne!(Handshake::new("h", "/", [8; 32]).accept, handshake().accept);
}

#[test]
fn a_subprotocol_that_is_not_echoed_is_tolerated() {
    // gortsplib 5.5: `Upgrade`, `Connection` and `Sec-WebSocket-Accept` alone.
    let answer = answer("Sec-WebSocket-Protocol: rtsp.onvif.org\r\n", "");
    let confirmed = handshake().check(answer.as_bytes()).unwrap().unwrap();
    assert!(confirmed.tolerances.contains(Tolerance::SubprotocolNotEchoed));
}

#[test]
fn an_answer_that_does_not_fit_is_refused() {
    use HandshakeError::{Accept, Extension, Protocol, Response, Upgrade};
    let status = |status, reason: &str| Response(ResponseError::Status { status, reason: reason.to_owned() });
    let redirect = ResponseError::Redirect { status: 302, location: "ws://other/cam".to_owned() };
    for (from, to, error) in [
        ("101 Switching Protocols", "200 OK", status(200, "OK")),
        ("101 Switching Protocols", "401 Unauthorized", Response(ResponseError::Unauthorized)),
        ("101 Switching Protocols\r\n", "302 Found\r\nLocation: ws://other/cam\r\n", Response(redirect)),
        ("HTTP/1.1", "RTSP/1.0", Response(ResponseError::Malformed)),
        ("Upgrade: websocket", "Upgrade: h2c", Upgrade),
        ("Connection: Upgrade", "Connection: close", Upgrade),
        ("Accept: ", "Accept: x", Accept),
        ("rtsp.onvif.org", "binary", Protocol),
        ("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", Extension),
        ("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", Response(ResponseError::TransferCoding)),
    ] {
        assert_eq!(handshake().check(answer(from, to).as_bytes()), Err(error), "{from} {to}");
    }
}

#[test]
fn the_head_of_an_answer_has_its_bounds() {
    use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX};
    let padded = |padding: usize| answer("\r\n\r\n", &format!("\r\nx: {}\r\n\r\n", "y".repeat(padding)));
    let room = HTTP_HEAD_BYTES_MAX - padded(0).len();
    assert!(handshake().check(padded(room).as_bytes()).unwrap().is_some());
    let error = ResponseError::HeadTooLong { limit: HTTP_HEAD_BYTES_MAX };
    assert_eq!(handshake().check(padded(room + 1).as_bytes()), Err(error.into()));
    let many = |more: usize| answer("\r\n\r\n", &format!("\r\n{}\r\n", "x: y\r\n".repeat(more)));
    assert!(handshake().check(many(HTTP_HEADERS_MAX - 4).as_bytes()).unwrap().is_some());
    let error = ResponseError::TooManyHeaders { limit: HTTP_HEADERS_MAX };
    assert_eq!(handshake().check(many(HTTP_HEADERS_MAX - 3).as_bytes()), Err(error.into()));
}
