use std::borrow::Cow;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Headers, Method, StatusCode, name, scan};
use crate::trace::{body_without_secrets, without_secrets};

/// New messages have room for so many headers, and for so many bytes of their values; nearly all need no more.
const HEADERS_USUAL: usize = 6;
const VALUE_BYTES_USUAL: usize = 192;

/// A request (RFC 2326, 6). [`Debug`] shows neither credentials nor keys.
///
/// ```
/// use rtspan_core::wire::{Method, Request};
///
/// let mut request = Request::new(Method::Describe, "rtsp://camera/main");
/// request.headers.push("Accept", "application/sdp");
/// assert_eq!(request.headers.get("accept"), Some("application/sdp"));
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The request URI as it was sent; also `*`.
    pub uri: Box<str>,
    /// The headers without `Content-Length`, which follows from the body.
    pub headers: Headers,
    /// The body, mostly empty.
    pub body: Bytes,
}

/// A response (RFC 2326, 7). [`Debug`] shows neither credentials nor keys.
///
/// ```
/// use rtspan_core::wire::{Response, StatusCode};
///
/// let response = Response::new(StatusCode::NOT_FOUND);
/// assert_eq!((response.status.as_u16(), &*response.reason), (404, "Not Found"));
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Response {
    /// How the request went.
    pub status: StatusCode,
    /// The status in words; some servers send none.
    pub reason: Cow<'static, str>,
    /// The headers without `Content-Length`, which follows from the body.
    pub headers: Headers,
    /// The body, mostly empty.
    pub body: Bytes,
}

/// A request or a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("uri", &without_secrets(&self.uri))
            .field("headers", &self.headers)
            .field("body", &shown(&self.body))
            .finish()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("reason", &without_secrets(&self.reason))
            .field("headers", &self.headers)
            .field("body", &shown(&self.body))
            .finish()
    }
}

/// A body as it is logged.
fn shown(body: &Bytes) -> String {
    body_without_secrets(&String::from_utf8_lossy(body))
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: impl Into<Box<str>>) -> Self {
        let headers = Headers::with_capacity(HEADERS_USUAL, VALUE_BYTES_USUAL);
        Self { method, uri: uri.into(), headers, body: Bytes::new() }
    }

    /// Adds a header behind the others.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its `Content-Type`.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set(name::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// The number that the response will carry; none if it is missing or no number below 2^32.
    pub fn cseq(&self) -> Option<u32> {
        cseq(&self.headers)
    }

    /// Appends the bytes of the request to `dst`: `CSeq` first, then the headers in their order.
    ///
    /// Blanks in the URI are escaped and control characters left out; an empty URI becomes `*`.
    /// `Content-Length` is written for a body, and never otherwise.
    pub fn encode(&self, dst: &mut BytesMut) {
        self.put(dst);
    }

    /// The bytes of the request.
    pub fn to_bytes(&self) -> Bytes {
        let start_line = self.method.as_str().len().saturating_add(self.uri.len());
        let mut dst = room_for(start_line, &self.headers, &self.body);
        self.put(&mut dst);
        dst.into()
    }

    fn put(&self, dst: &mut impl BufMut) {
        let uri = if self.uri.is_empty() { "*" } else { &*self.uri };
        match &self.method {
            Method::Extension(name) => {
                name.bytes().filter(u8::is_ascii_graphic).for_each(|byte| dst.put_u8(byte));
            }
            known => dst.put_slice(known.as_str().as_bytes()),
        }
        dst.put_u8(b' ');
        if scan::find(uri.as_bytes(), [b' ']).is_some() {
            put_text(dst, &uri.replace(' ', "%20"));
        } else {
            put_text(dst, uri);
        }
        dst.put_slice(b" RTSP/1.0\r\n");
        put_headers_and_body(dst, &self.headers, &self.body);
    }
}

impl Response {
    /// A response with the standard's reason phrase, without headers and body.
    pub fn new(status: StatusCode) -> Self {
        let headers = Headers::with_capacity(HEADERS_USUAL, VALUE_BYTES_USUAL);
        Self { status, reason: status.reason().into(), headers, body: Bytes::new() }
    }

    /// Adds a header behind the others.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Sets the body and its `Content-Type`.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.headers.set(name::CONTENT_TYPE, content_type);
        self.body = body.into();
        self
    }

    /// The number of the request; none if it is missing or no number below 2^32.
    pub fn cseq(&self) -> Option<u32> {
        cseq(&self.headers)
    }

    /// Appends the bytes of the response to `dst`: `CSeq` first, then the headers in their order.
    ///
    /// `Content-Length` is written for a body, and never otherwise.
    pub fn encode(&self, dst: &mut BytesMut) {
        self.put(dst);
    }

    /// The bytes of the response.
    pub fn to_bytes(&self) -> Bytes {
        let mut dst = room_for("200".len().saturating_add(self.reason.len()), &self.headers, &self.body);
        self.put(&mut dst);
        dst.into()
    }

    fn put(&self, dst: &mut impl BufMut) {
        dst.put_slice(b"RTSP/1.0 ");
        put_number(dst, self.status.as_u16().into());
        dst.put_slice(b" ");
        put_text(dst, &self.reason);
        dst.put_slice(b"\r\n");
        put_headers_and_body(dst, &self.headers, &self.body);
    }
}

impl Message {
    /// Appends the bytes of the message to `dst`.
    pub fn encode(&self, dst: &mut BytesMut) {
        match self {
            Self::Request(request) => request.encode(dst),
            Self::Response(response) => response.encode(dst),
        }
    }

    /// The bytes of the message.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    pub(super) fn with_raw_body(mut self, bytes: Bytes) -> Self {
        match &mut self {
            Self::Request(request) => request.body = bytes,
            Self::Response(response) => response.body = bytes,
        }
        self
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

fn cseq(headers: &Headers) -> Option<u32> {
    parse_cseq(headers.get(name::CSEQ)?)
}

/// Digits only: `str::parse` takes a sign too.
pub(super) fn parse_cseq(value: &str) -> Option<u32> {
    if value.starts_with('+') { None } else { value.parse().ok() }
}

/// Room for just the message, whose start line has so many bytes beside blanks and version.
fn room_for(start_line: usize, headers: &Headers, body: &[u8]) -> Vec<u8> {
    const AROUND: usize = "RTSP/1.0  \r\n\r\n".len();
    const CONTENT_LENGTH: usize = name::CONTENT_LENGTH.len() + ": \r\n".len();
    let digits = body
        .len()
        .checked_ilog10()
        .map_or(0, |log| CONTENT_LENGTH.saturating_add(log as usize).saturating_add(1));
    let parts = [AROUND, start_line, headers.encoded_len(), digits, body.len()];
    Vec::with_capacity(parts.into_iter().fold(0, usize::saturating_add))
}

/// Leaves control characters out.
fn put_text(dst: &mut impl BufMut, text: &str) {
    match scan::find_control(text.as_bytes()) {
        None => dst.put_slice(text.as_bytes()),
        Some(_) => text.bytes().filter(|byte| !byte.is_ascii_control()).for_each(|byte| dst.put_u8(byte)),
    }
}

fn put_number(dst: &mut impl BufMut, number: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut unused) = (number, digits.len());
    for digit in digits.iter_mut().rev() {
        *digit = b'0' | (rest % 10) as u8;
        (rest, unused) = (rest / 10, unused.saturating_sub(1));
        if rest == 0 {
            break;
        }
    }
    dst.put_slice(digits.get(unused..).unwrap_or_default());
}

fn put_headers_and_body(dst: &mut impl BufMut, headers: &Headers, body: &[u8]) {
    let mut put = |name: &str, value: &str| {
        for part in [name, ": ", value, "\r\n"] {
            dst.put_slice(part.as_bytes());
        }
    };
    if let Some(cseq) = headers.get(name::CSEQ) {
        put(name::CSEQ, cseq);
    }
    for (name, value) in headers.iter() {
        if !matches!(name, name::CSEQ | name::CONTENT_LENGTH) {
            put(name, value);
        }
    }
    if !body.is_empty() {
        dst.put_slice(name::CONTENT_LENGTH.as_bytes());
        dst.put_slice(b": ");
        put_number(dst, body.len());
        dst.put_slice(b"\r\n");
    }
    dst.put_slice(b"\r\n");
    dst.put_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_with_cseq_first_and_the_others_in_order() {
        let request = Request::new(Method::Setup, "rtsp://host/a/trackID=0")
            .with_header("transport", "RTP/AVP;unicast")
            .with_header("User-Agent", "x")
            .with_header("cseq", 3);
        assert_eq!(
            request.to_bytes(),
            "SETUP rtsp://host/a/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast\r\nUser-Agent: x\r\n\r\n"
        );
        assert_eq!(request.cseq(), Some(3));
    }

    #[test]
    fn what_is_logged_holds_no_keys() {
        let body = "v=0\r\na=key-mgmt:mikey AQAF\r\n";
        let mut request = Request::new(Method::Announce, "rtsp://h/a");
        request.body = body.into();
        let logged =
            [format!("{request:?}"), format!("{:?}", Response::new(StatusCode::OK).with_body("x/y", body))];
        for logged in logged {
            assert!(logged.contains("a=key-mgmt:***") && !logged.contains("AQAF"), "{logged}");
        }
    }

    #[test]
    fn the_content_length_is_that_of_the_body_whatever_the_header_says() {
        let response = Response::new(StatusCode::OK).with_header("Content-Length", 99).with_header("CSeq", 1);
        assert_eq!(response.to_bytes(), "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n");
        assert_eq!(
            response.with_body("application/sdp", "v=0").to_bytes(),
            "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"
        );
    }

    #[test]
    fn no_part_of_a_message_can_split_it() {
        let request =
            Request::new(Method::from("PL\r\nAY x"), "rtsp://h/a b\r\nX: y").with_header("A\nB", "c\r\nd");
        assert_eq!(request.to_bytes(), "PLAYx rtsp://h/a%20bX:%20y RTSP/1.0\r\nAB: cd\r\n\r\n");
        let mut response = Response::new(StatusCode::NOT_FOUND);
        response.reason = "No\r\nX: y".into();
        assert_eq!(response.to_bytes(), "RTSP/1.0 404 NoX: y\r\n\r\n");
    }

    #[test]
    fn an_empty_uri_is_written_as_an_asterisk() {
        assert_eq!(Request::new(Method::Options, "").to_bytes(), "OPTIONS * RTSP/1.0\r\n\r\n");
    }

    #[test]
    fn a_cseq_is_a_number_below_two_to_the_thirty_second() {
        let number = |value: &str| Response::new(StatusCode::OK).with_header("CSeq", value).cseq();
        for (value, expected) in [
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("-1", None),
            ("+1", None),
            ("", None),
            ("1 2", None),
        ] {
            assert_eq!(number(value), expected, "{value:?}");
        }
        assert_eq!(number(&"1".repeat(1 << 20)), None);
        assert_eq!(Response::new(StatusCode::OK).cseq(), None);
    }

    #[test]
    fn the_room_for_a_message_is_that_which_it_takes() {
        for body in ["", "x", "ten bytes."] {
            let response = Response::new(StatusCode::NOT_FOUND).with_header("CSeq", 1).with_header("X", "y");
            let response = Response { body: body.into(), ..response };
            let room = room_for("404Not Found".len(), &response.headers, &response.body).capacity();
            assert_eq!(room, response.to_bytes().len());
            let request = Request::new(Method::Setup, "rtsp://h/a").with_header("CSeq", 10);
            let request = Request { body: response.body, ..request };
            let room = room_for("SETUPrtsp://h/a".len(), &request.headers, &request.body).capacity();
            assert_eq!(room, request.to_bytes().len());
        }
    }
}
