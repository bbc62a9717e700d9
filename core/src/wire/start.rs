use super::{MessageKind, Method, Protocol};
use crate::limits::METHOD_BYTES_MAX;

/// The item that begins at a place in the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Start {
    Frame,
    Message(MessageKind),
    Foreign(Protocol),
    /// Too few bytes to tell.
    Open,
    Garbage,
}

const REQUEST: Start = Start::Message(MessageKind::Request);

/// Tells what begins at the start of the stream.
pub(crate) fn at_beginning(bytes: &[u8]) -> Start {
    for (beginning, protocol) in Protocol::BEGINNINGS {
        match prefix_of(beginning, bytes) {
            Some(true) => return Start::Foreign(*protocol),
            Some(false) => return Start::Open,
            None => {}
        }
    }
    at_item(bytes)
}

/// Tells what begins where an item is due.
pub(super) fn at_item(bytes: &[u8]) -> Start {
    if bytes.first() == Some(&b'$') {
        return Start::Frame;
    }
    let responses =
        [("RTSP/", Start::Message(MessageKind::Response)), ("HTTP/", Start::Foreign(Protocol::Http))];
    for (prefix, start) in responses {
        match prefix_of(prefix.as_bytes(), bytes) {
            Some(true) => return start,
            Some(false) => return Start::Open,
            None => {}
        }
    }
    request(bytes)
}

/// A known method counts whatever follows. An unknown one counts only in front of something like a URI, so that the rest of a
/// body that was longer than announced is not taken for a request.
fn request(bytes: &[u8]) -> Start {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let Some(end) = bytes.iter().take(METHOD_BYTES_MAX.saturating_add(1)).position(|byte| !is_token(byte))
    else {
        return if bytes.len() > METHOD_BYTES_MAX { Start::Garbage } else { Start::Open };
    };
    let (token, rest) = bytes.split_at_checked(end).unwrap_or_default();
    let start = match rest {
        [b' ' | b'\t', uri @ ..] if !token.is_empty() => before_uri(uri),
        _ => Start::Garbage,
    };
    let is_known = || Method::NAMES.iter().any(|name| name.as_bytes() == token);
    match rest {
        [b' ' | b'\t' | b'\r' | b'\n', ..] if start != REQUEST && is_known() => REQUEST,
        _ => start,
    }
}

/// A request, if what follows its method may be a URI.
fn before_uri(bytes: &[u8]) -> Start {
    let mut found = Start::Garbage;
    for start in ["rtsp", "*", "/", "RTSP", "http", "sip"] {
        match prefix_of(start.as_bytes(), bytes) {
            Some(true) => return REQUEST,
            Some(false) => found = Start::Open,
            None => {}
        }
    }
    found
}

/// The next place after garbage where an item may begin, and the item that begins there.
///
/// Only the methods of the standard count, each place is looked at by itself, and `channels` are
/// those that frames are known to come on; all when none are given.
pub(super) fn after_garbage(bytes: &[u8], channels: Option<&[u8]>) -> (usize, Start) {
    let mut skipped = 0_usize;
    loop {
        let rest = bytes.get(skipped..).unwrap_or_default();
        let may_begin =
            |byte: &u8| matches!(byte, b'$' | b'A' | b'D' | b'G' | b'O' | b'P' | b'R' | b'S' | b'T');
        let Some(next) = rest.iter().position(may_begin) else {
            return (bytes.len(), Start::Open);
        };
        skipped = skipped.saturating_add(next);
        match landmark(bytes.get(skipped..).unwrap_or_default(), channels) {
            Start::Garbage => skipped = skipped.saturating_add(1),
            start => return (skipped, start),
        }
    }
}

fn landmark(bytes: &[u8], channels: Option<&[u8]>) -> Start {
    if let Some((b'$', rest)) = bytes.split_first() {
        return match (rest.first(), channels) {
            (Some(channel), Some(known)) if !known.contains(channel) => Start::Garbage,
            (Some(_), _) => Start::Frame,
            (None, _) => Start::Open,
        };
    }
    match prefix_of(b"RTSP/1.0 ", bytes) {
        Some(true) => return Start::Message(MessageKind::Response),
        Some(false) => return Start::Open,
        None => {}
    }
    for name in Method::NAMES {
        match bytes.strip_prefix(name.as_bytes()) {
            Some([b' ', uri @ ..]) => return before_uri(uri),
            Some([]) => return Start::Open,
            Some(_) => {}
            None if name.as_bytes().starts_with(bytes) => return Start::Open,
            None => {}
        }
    }
    Start::Garbage
}

/// Returns `true` if `bytes` begin with `prefix`, and `false` if they may do so when more has come; `None` if they cannot.
fn prefix_of(prefix: &[u8], bytes: &[u8]) -> Option<bool> {
    if bytes.starts_with(prefix) {
        Some(true)
    } else if prefix.starts_with(bytes) {
        Some(false)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: Start = Start::Message(MessageKind::Response);

    #[test]
    fn where_an_item_is_due_these_begin() {
        for (bytes, start) in [
            ("", Start::Open),
            ("$", Start::Frame),
            ("RTSP", Start::Open),
            ("RTSP/1.0 200", RESPONSE),
            ("RTSP/2.0 200", RESPONSE),
            ("HTTP/1.1 200", Start::Foreign(Protocol::Http)),
            ("OPTI", Start::Open),
            ("OPTIONS ", REQUEST),
            ("OPTIONS\r", REQUEST),
            ("OPTIONS:", Start::Garbage),
            ("FOO", Start::Open),
            ("FOO ", Start::Open),
            ("FOO rts", Start::Open),
            ("FOO rtsp", REQUEST),
            ("FOO RTSP://h", REQUEST),
            ("GET /", REQUEST),
            ("FOO\r", Start::Garbage),
            (" rtsp://h", Start::Garbage),
            ("FOO bar", Start::Garbage),
            ("a=control:x", Start::Garbage),
            ("IP4 0.0.0.0", Start::Garbage),
            ("\u{80}", Start::Garbage),
        ] {
            assert_eq!(at_item(bytes.as_bytes()), start, "{bytes:?}");
        }
    }

    #[test]
    fn another_protocol_is_told_by_its_first_bytes() {
        use Protocol::{Http, Proxy, Sip, Ssh, Tls};
        for (bytes, start) in [
            (&b""[..], Start::Open),
            (b"\x16", Start::Open),
            (b"\x16\x03\x01\x02\x00\x01", Start::Foreign(Tls)),
            (b"\x15\x03\x03\x00\x02\x02\x46", Start::Foreign(Tls)),
            (b"\x16\x04", Start::Garbage),
            (b"SSH", Start::Open),
            (b"SSH-2.0-OpenSSH_9.2p1", Start::Foreign(Ssh)),
            (b"SIP/2.0 200 OK", Start::Foreign(Sip)),
            (b"REGISTER sip:h", REQUEST),
            (b"PROXY TCP4", Start::Foreign(Proxy)),
            (b"QUIT\n", Start::Foreign(Proxy)),
            (b"QUIT\r", Start::Garbage),
            (b"CONNECT h:443", Start::Foreign(Http)),
            (b"GET /", REQUEST),
            (b"SETUP rtsp", REQUEST),
            (b"$", Start::Frame),
            (b"\x03\0\0\x13", Start::Garbage),
        ] {
            assert_eq!(at_beginning(bytes), start, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_method_name_has_64_bytes_at_most() {
        let method = "M".repeat(METHOD_BYTES_MAX);
        assert_eq!(at_item(method.as_bytes()), Start::Open);
        assert_eq!(at_item(format!("{method} *").as_bytes()), REQUEST);
        assert_eq!(at_item(format!("{method}M *").as_bytes()), Start::Garbage);
        assert_eq!(at_item(format!("{method}M").as_bytes()), Start::Garbage);
    }

    #[test]
    fn after_garbage_these_count() {
        for (bytes, found) in [
            (&b"xyz"[..], (3, Start::Open)),
            (b"x$", (1, Start::Open)),
            (b"x$\x05$\x02", (3, Start::Frame)),
            (b"xRTSP/1.0 200", (1, RESPONSE)),
            (b"xRTSP/1.0\r\n", (11, Start::Open)),
            (b"xRTSP/1.", (1, Start::Open)),
            (b"xPLAY rtsp", (1, REQUEST)),
            (b"xPLAY \0rtsp", (11, Start::Open)),
            (b"xPLAY rt", (1, Start::Open)),
            (b"xRE", (1, Start::Open)),
            (b"xREDIRECT *", (1, REQUEST)),
            (b"xPLAY", (1, Start::Open)),
            (b"xPLAYER rtsp", (12, Start::Open)),
            (b"xFOO rtsp", (9, Start::Open)),
            (b"SETUSETUP *", (4, REQUEST)),
        ] {
            assert_eq!(after_garbage(bytes, Some(&[1, 2])), found, "{:?}", bytes.escape_ascii().to_string());
        }
        assert_eq!(after_garbage(b"x$\x05", None), (1, Start::Frame));
    }
}
