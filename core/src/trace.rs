//! Messages of a dialogue for the application to look at: off unless it wants them, and without secrets.

use bytes::Bytes;

use crate::limits::{TRACE_BODY_BYTES_MAX, TRACE_HEAD_BYTES_MAX};
use crate::wire::{Headers, Message, Request, Response, name};

/// A message of a dialogue, as it was read or written, but without secrets and not longer than it may be.
///
/// Credentials, keys, and the parameters of a query and of a body whose name says that they are secret read `***`. A string
/// that is too long is cut off; headers beyond [`TRACE_HEAD_BYTES_MAX`], and the part of the body beyond
/// [`TRACE_BODY_BYTES_MAX`], are left out.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TracedMessage {
    /// The message.
    pub message: Message,
    /// Bytes that were left out, because it is too long.
    pub left_out: usize,
}

impl TracedMessage {
    pub(crate) fn of_request(request: &Request) -> Self {
        let mut short = Short::default();
        let uri = short.text(&request.uri);
        let (headers, body) = short.rest(&request.headers, &request.body);
        let message = Request { method: request.method.clone(), uri: uri.into(), headers, body };
        Self { message: message.into(), left_out: short.left_out }
    }

    pub(crate) fn of_response(response: &Response) -> Self {
        let mut short = Short::default();
        let reason = short.text(&response.reason);
        let (headers, body) = short.rest(&response.headers, &response.body);
        let message = Response { status: response.status, reason: reason.into(), headers, body };
        Self { message: message.into(), left_out: short.left_out }
    }
}

/// A message that is being shortened.
#[derive(Default)]
struct Short {
    head: usize,
    left_out: usize,
}

impl Short {
    /// As much of a text as there is room for, without secrets.
    fn text(&mut self, text: &str) -> String {
        let room = TRACE_HEAD_BYTES_MAX.saturating_sub(self.head);
        let kept = first(text, room);
        self.head = self.head.saturating_add(kept.len());
        self.left_out = self.left_out.saturating_add(text.len().saturating_sub(kept.len()));
        without_secrets(kept)
    }

    fn rest(&mut self, headers: &Headers, body: &Bytes) -> (Headers, Bytes) {
        let mut kept = Headers::new();
        for (name, value) in headers.iter() {
            let bytes = name.len().saturating_add(value.len());
            if self.head.saturating_add(bytes) > TRACE_HEAD_BYTES_MAX {
                self.left_out = self.left_out.saturating_add(bytes);
                continue;
            }
            self.head = self.head.saturating_add(bytes);
            let is_secret = name::is_secret(name);
            kept.push(
                name,
                if is_secret || names_secret(name) { HIDDEN.into() } else { without_secrets(value) },
            );
        }
        let start = body.get(..TRACE_BODY_BYTES_MAX.min(body.len())).unwrap_or_default();
        self.left_out = self.left_out.saturating_add(body.len().saturating_sub(start.len()));
        (kept, body_without_secrets(&String::from_utf8_lossy(start)).into())
    }
}

const HIDDEN: &str = "***";

/// The longest start of a text of so many bytes at most.
fn first(text: &str, bytes: usize) -> &str {
    let ends = (0..=bytes.min(text.len())).rev();
    ends.into_iter().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Lines of SDP that hold keys are hidden, and parameters whose name says that they are secret.
pub(crate) fn body_without_secrets(body: &str) -> String {
    let line = |line: &str| {
        let is_key =
            |start: &&str| line.get(..start.len()).is_some_and(|own| own.eq_ignore_ascii_case(start));
        let end = line.get(line.trim_end_matches(['\r', '\n']).len()..).unwrap_or_default();
        if let Some(start) = ["k=", "a=crypto:", "a=key-mgmt:"].into_iter().find(|start| is_key(start)) {
            return format!("{start}{HIDDEN}{end}");
        }
        match line.split_once(':') {
            Some((name, _)) if !name.contains('=') && names_secret(name) => format!("{name}: {HIDDEN}{end}"),
            _ => without_secrets(line),
        }
    };
    body.split_inclusive('\n').map(line).collect()
}

/// Hides the credentials of the URLs in a text, and secret parameters of their queries.
///
/// ```
/// use rtspan_core::without_secrets;
///
/// assert_eq!(without_secrets("rtsp://admin:horse@camera/main?token=1"), "rtsp://***@camera/main?token=***");
/// ```
pub fn without_secrets(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://").map(|at| at.saturating_add(3)) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        hide_parameters(before, &mut told);
        let end = after.find(|c: char| "/?#,;\"<>".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        rest = after;
        if let Some(sign) = after.get(..end).and_then(|authority| authority.rfind('@')) {
            told.push_str(HIDDEN);
            rest = after.get(sign..).unwrap_or_default();
        }
    }
    hide_parameters(rest, &mut told);
    told
}

/// Copies a text, and hides the values of parameters of a query whose name says that they are secret.
fn hide_parameters(text: &str, told: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['?', '&']).map(|at| at.saturating_add(1)) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        told.push_str(before);
        rest = after;
        let end = after.find(|c: char| "&;,\"#".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        let (parameter, behind) = after.split_at_checked(end).unwrap_or_default();
        if let Some((name, _)) = parameter.split_once('=').filter(|(name, _)| names_secret(name)) {
            told.extend([name, "=", HIDDEN]);
            rest = behind;
        }
    }
    told.push_str(rest);
}

/// Returns true if the value behind a name is to be kept secret.
fn names_secret(name: &str) -> bool {
    const SECRET: [&str; 9] =
        ["token", "pass", "pwd", "secret", "auth", "key", "sign", "credential", "cookie"];
    let name = name.to_ascii_lowercase();
    !name.starts_with("www-auth")
        && !name.starts_with("proxy-authenticate")
        && SECRET.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Method, StatusCode};

    #[test]
    fn credentials_tokens_and_keys_are_hidden_wherever_they_stand() {
        for (text, shown) in [
            ("rtsp://h/cam?channel=1&subtype=0", "rtsp://h/cam?channel=1&subtype=0"),
            ("rtsp://wall:horse@h/cam", "rtsp://***@h/cam"),
            ("rtsp://wall:ho@rse@h/cam?a=b", "rtsp://***@h/cam?a=b"),
            ("rtsp://h/cam?x=1&Access_Token=abc/d&y=2", "rtsp://h/cam?x=1&Access_Token=***&y=2"),
            (
                "url=rtsp://a:b@h/c?token=t;seq=1,url=rtsp://a:b@h/d",
                "url=rtsp://***@h/c?token=***;seq=1,url=rtsp://***@h/d",
            ),
            ("?password=", "?password=***"),
            ("://", "://"),
            ("mail@example.org? &token", "mail@example.org? &token"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
        let body = "v=0\r\nk=clear:abc\r\na=crypto:1 AES inline:abc\r\na=control:rtsp://a:b@h/c\r\nA=Key-Mgmt:mikey A";
        let shown = "v=0\r\nk=***\r\na=crypto:***\r\na=control:rtsp://***@h/c\r\na=key-mgmt:***";
        assert_eq!(body_without_secrets(body), shown);
        assert_eq!(body_without_secrets("Password: horse\nzoom: 3\n"), "Password: ***\nzoom: 3\n");

        let request = Request::new(Method::Setup, "rtsp://a:b@h/c")
            .with_header("Authorization", "Basic secret")
            .with_header("proxy-authorization", "Basic secret")
            .with_header("KeyMgmt", "secret")
            .with_header("X-Api-Key", "secret")
            .with_header("Referer", "rtsp://u:secret@h/")
            .with_body("text/parameters", "token: secret\r\n");
        let traced = TracedMessage::of_request(&request);
        let text = String::from_utf8(traced.message.to_bytes().to_vec()).unwrap();
        assert!(!text.contains("secret") && text.contains("Authorization: ***"), "{text}");
        let challenge =
            Response::new(StatusCode::UNAUTHORIZED).with_header("WWW-Authenticate", "Digest nonce=\"1\"");
        let traced = TracedMessage::of_response(&challenge);
        assert_eq!(traced.message, Message::from(challenge), "what is no secret stays");
    }

    #[test]
    fn what_is_one_byte_too_long_is_left_out_and_counted() {
        let uri = "rtsp://h/x";
        let room = TRACE_HEAD_BYTES_MAX - uri.len() - "X".len();
        for (head, body, expected) in [
            (room, TRACE_BODY_BYTES_MAX, 0),
            (room + 1, TRACE_BODY_BYTES_MAX, room + 2),
            (room, TRACE_BODY_BYTES_MAX + 1, 1),
        ] {
            let mut request = Request::new(Method::Options, uri).with_header("X", "x".repeat(head));
            request.body = vec![b'b'; body].into();
            let traced = TracedMessage::of_request(&request);
            assert_eq!(traced.left_out, expected);
            assert_eq!(traced.message == Message::from(request), expected == 0);
        }
        let request = Request::new(Method::Options, "é".repeat(TRACE_HEAD_BYTES_MAX));
        let traced = TracedMessage::of_request(&request);
        assert_eq!(traced.left_out, TRACE_HEAD_BYTES_MAX, "a long URL is cut between its characters");
    }
}
