//! Messages of a dialogue for the application to look at: off unless it wants them, and without secrets.

use std::fmt;

use bytes::Bytes;

use crate::limits::{TRACE_BODY_BYTES_MAX, TRACE_HEAD_BYTES_MAX};
use crate::url::split_credentials;
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
    /// As much of a text as there is room for, without secrets. They are hidden first: half a URL does not tell where its
    /// password ends.
    fn text(&mut self, text: &str) -> String {
        let shown = without_secrets(text);
        let kept = first(&shown, TRACE_HEAD_BYTES_MAX.saturating_sub(self.head));
        self.head = self.head.saturating_add(kept.len());
        self.left_out = self.left_out.saturating_add(shown.len().saturating_sub(kept.len()));
        kept.into()
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
            kept.push(name, value_without_secrets(name, value));
        }
        let shown = body_without_secrets(&String::from_utf8_lossy(body));
        let start = first(&shown, TRACE_BODY_BYTES_MAX);
        self.left_out = self.left_out.saturating_add(shown.len().saturating_sub(start.len()));
        (kept, Bytes::copy_from_slice(start.as_bytes()))
    }
}

const HIDDEN: &str = "***";
/// Credentials and a host are looked for in so many bytes of a URL.
const CREDENTIALS_BYTES: usize = 1024;

/// The longest start of a text of so many bytes at most.
fn first(text: &str, bytes: usize) -> &str {
    let ends = (0..=bytes.min(text.len())).rev();
    ends.into_iter().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// The value of a header as it may be shown.
pub(crate) fn value_without_secrets(name: &str, value: &str) -> String {
    if name::is_secret(name) || names_secret(name) { HIDDEN.into() } else { without_secrets(value) }
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

/// Shows a URL, path or query, or an option of one, without its secrets.
pub(crate) struct Shown<'a>(pub(crate) &'a dyn fmt::Debug);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&format!("{:?}", self.0)))
    }
}

/// Implements `Debug` for a struct. Its URLs, paths and queries, which are named first, are shown without their secrets. A field
/// that stands in neither list does not compile.
macro_rules! debug_without_secrets {
    ($name:ident $(<$life:lifetime>)? $(<$ask:ident>)? { $($url:ident),+; $($field:ident),* $(,)? }) => {
        impl $(<$ask: std::fmt::Debug>)? std::fmt::Debug for $name $(<$life>)? $(<$ask>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($url,)+ $($field,)* } = self;
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($url), &$crate::trace::Shown($url)))+
                    $(.field(stringify!($field), $field))*
                    .finish()
            }
        }
    };
}

/// Implements `Debug` for an enum: first its variants with names for what they hold in order, then those with fields, whose URLs,
/// paths and queries are named first and shown without their secrets. A variant or field that is missing does not compile.
macro_rules! debug_variants_without_secrets {
    ($name:ident {
        $($tuple:ident($($value:ident),+)),+;
        $($variant:ident { $($url:ident),*; $($field:ident),* }),+ $(,)?
    }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$tuple($($value),+) => {
                        f.debug_tuple(stringify!($tuple))$(.field($value))+.finish()
                    })+
                    $(Self::$variant { $($url,)* $($field,)* } => f
                        .debug_struct(stringify!($variant))
                        $(.field(stringify!($url), &$crate::trace::Shown($url)))*
                        $(.field(stringify!($field), $field))*
                        .finish(),)+
                }
            }
        }
    };
}

/// Hides the credentials of the URLs in a text, and the parameters of their paths and queries whose name says that they are
/// secret.
///
/// ```
/// use rtspan_core::without_secrets;
///
/// assert_eq!(without_secrets("rtsp://admin:horse@camera/main?token=1"), "rtsp://***@camera/main?token=***");
/// // As recorders with the firmware of XMEye have it.
/// let url = "rtsp://camera/user=admin_password=horse_channel=1_stream=0.sdp";
/// assert_eq!(without_secrets(url), "rtsp://camera/user=admin_password=***_channel=1_stream=0.sdp");
/// ```
pub fn without_secrets(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://").map(|at| at.saturating_add(3)) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        hide_parameters(before, &mut told);
        let end = after.find(|c: char| "\"<>".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        let end = end.min(CREDENTIALS_BYTES);
        rest = after;
        if let (Some(userinfo), _) = split_credentials(first(after, end)) {
            told.push_str(HIDDEN);
            rest = after.get(userinfo.len()..).unwrap_or_default();
        }
    }
    hide_parameters(rest, &mut told);
    told
}

/// Copies a text, and hides the values of parameters whose name says that they are secret. A parameter begins behind a
/// character that divides paths or queries, which may be encoded (`%26`); an underscore divides those of XMEye.
fn hide_parameters(text: &str, told: &mut String) {
    let (mut rest, mut in_words) = (text, false);
    loop {
        if let Some(hidden) = hide_login(rest, told) {
            rest = hidden;
        }
        let name_end = rest.find(|c| ends_parameter(c) || "=/_%".contains(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(name_end).unwrap_or_default();
        let sign = ["=", "%3D", "%3d"].into_iter().find(|sign| behind.starts_with(sign));
        if let Some(sign) = sign.filter(|_| names_secret(name)) {
            told.extend([name, sign, HIDDEN]);
            let value = behind.get(sign.len()..).unwrap_or_default();
            let ends = |(at, c)| {
                ends_parameter(c)
                    || (in_words && c == '_' && begins_word(value, at))
                    || (sign != "=" && value.get(at..).is_some_and(|rest| rest.starts_with("%26")))
            };
            let end = value.char_indices().find(|found| ends(*found)).map_or(value.len(), |(at, _)| at);
            rest = value.get(end..).unwrap_or_default();
        }
        let Some(at) = rest.find(['/', '?', '&', ';', '_', '"', '%']) else { break };
        let (code, behind) = rest.get(at..).and_then(|rest| rest.split_at_checked(3)).unwrap_or_default();
        let is_encoded = ["%2f", "%3f", "%26", "%3b", "%3d", "%5f"].contains(&&*code.to_ascii_lowercase());
        let after = if is_encoded { behind } else { rest.get(at.saturating_add(1)..).unwrap_or_default() };
        let before = rest.strip_suffix(after).unwrap_or_default();
        told.push_str(before);
        (rest, in_words) = (after, before.ends_with('_'));
    }
    told.push_str(rest);
}

/// Hides user and password where a text goes on behind what was told, and gives the rest: those of a URL that is encoded in
/// another, and those of recorders whose paths are as `/0/user:password/main`.
fn hide_login<'a>(rest: &'a str, told: &mut String) -> Option<&'a str> {
    const SCHEME_END: &str = "%3a%2f%2f";
    let end = told.get(told.len().saturating_sub(SCHEME_END.len())..)?;
    if end.eq_ignore_ascii_case(SCHEME_END) {
        let host_end = rest.find(|c| ends_parameter(c) || c == '/').unwrap_or(rest.len());
        let authority = rest.get(..host_end)?.to_ascii_lowercase();
        let at = authority.split("%2f").next()?.rfind("%40")?;
        told.push_str(HIDDEN);
        return rest.get(at..);
    }
    let channel = told.strip_suffix('/')?.rsplit('/').next()?;
    let (login, behind) = rest.split_once('/')?;
    let (user, password) = login.split_once(':')?;
    let is_login = !channel.is_empty()
        && channel.bytes().all(|byte| byte.is_ascii_digit())
        && !password.is_empty()
        && ["main", "sub"].iter().any(|stream| behind.starts_with(stream));
    if !is_login {
        return None;
    }
    told.extend([user, ":", HIDDEN]);
    rest.get(login.len()..)
}

/// Returns `true` for what ends the name or the value of a parameter. A slash does not end a value: tokens and passwords have some.
fn ends_parameter(c: char) -> bool {
    "?&;,\"#".contains(c) || c.is_whitespace()
}

/// Returns `true` if a place has `_name=` and a value, which the padding of a token is not.
fn begins_word(text: &str, at: usize) -> bool {
    let name = text.get(at.saturating_add(1)..).unwrap_or_default();
    let behind = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let value = behind.strip_prefix('=').filter(|_| behind.len() < name.len());
    value.is_some_and(|value| value.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

/// Returns true if the value behind a name is to be kept secret.
fn names_secret(name: &str) -> bool {
    const PARTS: [&str; 11] =
        ["token", "pass", "pwd", "psw", "secret", "auth", "key", "sign", "credential", "cookie", "jwt"];
    // Those of VStarcam and of others that are too short to be looked for within a name.
    const WHOLE: [&str; 4] = ["loginpas", "pas", "pw", "sig"];
    let name = name.to_ascii_lowercase();
    !name.starts_with("www-auth")
        && !name.starts_with("proxy-authenticate")
        && (PARTS.iter().any(|part| name.contains(part)) || WHOLE.contains(&&*name))
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
            // XMEye, with and without a password, as it prints and as people write it.
            (
                "rtsp://h:554/user=admin_password=tlJw_pb/o6_channel=1_stream=0.sdp?real_stream",
                "rtsp://h:554/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
            ),
            ("/user=admin_password=_channel=1/trackID=1", "/user=admin_password=***_channel=1/trackID=1"),
            ("/user=admin&password=horse&channel=1", "/user=admin&password=***&channel=1"),
            ("rtsp://h/pwd=horse;channel=1", "rtsp://h/pwd=***;channel=1"),
            ("rtsp://h/live;passwd=horse?x=1", "rtsp://h/live;passwd=***?x=1"),
            (
                "http://h/videostream.cgi?loginuse=admin&loginpas=888888",
                "http://h/videostream.cgi?loginuse=admin&loginpas=***",
            ),
            ("/cam?token=abc_def==&y=1", "/cam?token=***&y=1"),
            // A URL in another, and a parameter whose signs are encoded.
            ("/cam?password%3Dhorse%26channel%3d1", "/cam?password%3D***%26channel%3d1"),
            ("?src=a%3Fx%3D1%26my%5Ftoken%3Dab%2Fc&y=2", "?src=a%3Fx%3D1%26my%5Ftoken%3D***&y=2"),
            ("?token=ab%26c&y=2", "?token=***&y=2"),
            (
                "?src=rtsp%3A%2F%2Fadmin%3Aho%40rse%40cam%2Fa%40b&y=2",
                "?src=rtsp%3A%2F%2F***%40cam%2Fa%40b&y=2",
            ),
            ("?src=rtsp%3a%2f%2fcam%2fa%40b", "?src=rtsp%3a%2f%2fcam%2fa%40b"),
            ("/100%/é%3/%", "/100%/é%3/%"),
            // Recorders with a login in the path, and paths that have a colon.
            ("rtsp://h:554/0/admin:horse/main", "rtsp://h:554/0/admin:***/main"),
            ("/0/admin:horse/sub", "/0/admin:***/sub"),
            ("rtsp://h/live/cam:1/main", "rtsp://h/live/cam:1/main"),
            ("/1/urn:uuid:7/video", "/1/urn:uuid:7/video"),
            // Passwords as people write them.
            ("rtsp://wall:ho/rse@h/cam", "rtsp://***@h/cam"),
            ("to rtsp://wall:ho;r,s?e#@h/cam now", "to rtsp://***@h/cam now"),
            ("rtsp://h/a@b", "rtsp://h/a@b"),
            (
                "Digest realm=\"a_b/c\", qop=\"auth\", nonce=\"1\"",
                "Digest realm=\"a_b/c\", qop=\"auth\", nonce=\"1\"",
            ),
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
