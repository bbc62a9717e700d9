use std::borrow::Cow;

use bytes::Bytes;

use super::message::parse_cseq;
use super::{
    DecoderLimits, Expected, Headers, Message, MessageKind, Request, Response, StatusCode, WireError, name,
    scan,
};
use crate::{Tolerance, Tolerances};

const VERSION: &str = "RTSP/1.0";
/// Headers that are read without an allocation; heads with more are split by hand.
const HEADERS_FAST: usize = 16;

/// How far the search for the end of a head has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Search {
    searched: usize,
    /// A line ended in LF alone.
    pub(super) bare: bool,
}

impl Search {
    /// The length of the head, if its empty line has come. Looks at no byte twice, bar the last two.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.searched..)?;
            let Some(next) = scan::find(rest, [b'\n']) else {
                self.searched = bytes.len();
                return None;
            };
            let feed = self.searched.saturating_add(next);
            self.bare |= feed.checked_sub(1).and_then(|before| bytes.get(before)) != Some(&b'\r');
            self.searched = feed;
            let after = feed.saturating_add(1);
            match bytes.get(after..)? {
                [b'\n', ..] => {
                    self.bare = true;
                    return Some(after.saturating_add(1));
                }
                [b'\r', b'\n', ..] => return Some(after.saturating_add(2)),
                [] | [b'\r'] => return None,
                _ => self.searched = after,
            }
        }
    }
}

/// A message without its body, and the bytes of the body that follows.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) message: Message,
    pub(super) body_bytes: usize,
}

impl Head {
    /// Reads a whole head, its empty line included; `offset` is for the errors.
    pub(super) fn parse(
        kind: MessageKind,
        head: &[u8],
        offset: u64,
        limits: &DecoderLimits,
        tolerances: &mut Tolerances,
    ) -> Result<Self, WireError> {
        let end = scan::find(head, [b'\n']).map_or(head.len(), |feed| feed.saturating_add(1));
        let (line, block) = head.split_at_checked(end).unwrap_or_default();
        let line = text(line, tolerances);
        let line = line.trim_matches(BLANKS_AND_BREAKS);
        let start = match kind {
            MessageKind::Request => request(line, tolerances),
            MessageKind::Response => response(line, tolerances),
        };
        let start = match start {
            Ok(start) => start,
            Err(fault) => return Err(fault.into_error(kind, offset, head)),
        };
        let Some(mut headers) = headers(block, limits.headers, tolerances) else {
            let (limit, cseq) = (limits.headers, find_cseq(head));
            return Err(WireError::TooManyHeaders { kind, offset, limit, cseq });
        };
        let body_bytes = match content_length(&headers, tolerances) {
            Some(length) => {
                usize::try_from(length).ok().filter(|bytes| *bytes <= limits.body_bytes).ok_or_else(|| {
                    let limit = limits.body_bytes;
                    WireError::BodyTooLong { kind, offset, length, limit, cseq: find_cseq(head) }
                })?
            }
            None => return Err(WireError::BadContentLength { kind, offset, cseq: find_cseq(head) }),
        };
        headers.remove(name::CONTENT_LENGTH);
        let body = Bytes::new();
        let message = match start {
            StartLine::Request(method, uri) => {
                Message::Request(Request { method: method.into(), uri: uri.into(), headers, body })
            }
            StartLine::Response(status, reason) => {
                let reason = match status.reason() {
                    known if known == reason => known.into(),
                    _ => reason.to_owned().into(),
                };
                Message::Response(Response { status, reason, headers, body })
            }
        };
        Ok(Self { message, body_bytes })
    }
}

/// The number of a message whose head cannot be read as a whole.
pub(super) fn find_cseq(head: &[u8]) -> Option<u32> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        if !name.trim().eq_ignore_ascii_case(name::CSEQ) {
            return None;
        }
        parse_cseq(value.trim())
    })
}

enum StartLine<'a> {
    Request(&'a str, &'a str),
    Response(StatusCode, &'a str),
}

enum Fault {
    Lacks(Expected),
    Version,
    Http,
}

impl Fault {
    fn into_error(self, kind: MessageKind, offset: u64, head: &[u8]) -> WireError {
        match self {
            Self::Lacks(expected) => {
                WireError::BadStartLine { kind, offset, expected, cseq: find_cseq(head) }
            }
            Self::Version => WireError::Version { kind, offset, cseq: find_cseq(head) },
            Self::Http => WireError::Http { offset },
        }
    }
}

/// The method ends at the first blank and the version begins behind the last: a URI may hold blanks.
fn request<'a>(line: &'a str, tolerances: &mut Tolerances) -> Result<StartLine<'a>, Fault> {
    let (method, rest) = line.split_once(BLANKS).ok_or(Fault::Lacks(Expected::Uri))?;
    if method.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(Fault::Lacks(Expected::Uri));
    }
    let (between, version) = rest.rsplit_once(BLANKS).unwrap_or((rest, ""));
    match version {
        VERSION => {}
        _ if version.starts_with("HTTP/") => return Err(Fault::Http),
        _ if version.starts_with("RTSP/") => return Err(Fault::Version),
        _ if rest.starts_with("RTSP/") => return Err(Fault::Lacks(Expected::Uri)),
        _ => return Err(Fault::Lacks(Expected::Version)),
    }
    let uri = between.trim_matches(BLANKS);
    if uri.is_empty() || scan::any(uri.as_bytes(), |byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Fault::Lacks(Expected::Uri));
    }
    if uri.len() != between.len() {
        tolerances.record(Tolerance::ExtraBlank);
    }
    if scan::any(uri.as_bytes(), |byte| (byte == b' ') | (byte == b'\t')) {
        tolerances.record(Tolerance::BlankInUri);
    }
    Ok(StartLine::Request(method, uri))
}

fn response<'a>(line: &'a str, tolerances: &mut Tolerances) -> Result<StartLine<'a>, Fault> {
    let (version, rest) = line.split_once(BLANKS).unwrap_or((line, ""));
    if version != VERSION {
        return Err(Fault::Version);
    }
    let trimmed = rest.trim_start_matches(BLANKS);
    if trimmed.len() != rest.len() {
        tolerances.record(Tolerance::ExtraBlank);
    }
    let (code, reason) = trimmed.split_once(BLANKS).unwrap_or((trimmed, ""));
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Lacks(Expected::StatusCode));
    }
    let status = code.parse().ok().and_then(StatusCode::new).ok_or(Fault::Lacks(Expected::StatusCode))?;
    let reason = reason.trim_matches(BLANKS);
    if reason.is_empty() {
        tolerances.record(Tolerance::MissingReason);
    }
    Ok(StartLine::Response(status, reason))
}

/// The headers of a block that ends in an empty line; none if they are more than `max`.
fn headers(block: &[u8], max: usize, tolerances: &mut Tolerances) -> Option<Headers> {
    let mut fast = [httparse::EMPTY_HEADER; HEADERS_FAST];
    let Ok(httparse::Status::Complete((_, list))) = httparse::parse_headers(block, &mut fast) else {
        return split_headers(block, max, tolerances);
    };
    if list.len() > max {
        return None;
    }
    let mut headers = Headers::with_capacity(list.len(), block.len());
    for header in list {
        // The parser takes no control characters, and leaves the blanks around a value away.
        headers.push_clean(header.name, &text(header.value, tolerances));
    }
    Some(headers)
}

/// Reads what a strict parser does not: folded lines (RFC 2326, 15.1) and malformed ones.
fn split_headers(block: &[u8], max: usize, tolerances: &mut Tolerances) -> Option<Headers> {
    let mut headers = Headers::new();
    let mut pending: Option<(String, String)> = None;
    for line in block.split(|byte| *byte == b'\n') {
        let line = text(line, tolerances);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            tolerances.record(Tolerance::MalformedHeader);
        }
        if line.starts_with(BLANKS) {
            match &mut pending {
                Some((_, value)) => {
                    value.push(' ');
                    value.push_str(line.trim_matches(BLANKS));
                }
                None => tolerances.record(Tolerance::MalformedHeader),
            }
            continue;
        }
        if let Some((name, value)) = pending.take() {
            headers.push(&name, value);
        }
        let Some((name, value)) = line.split_once(':') else {
            if !line.is_empty() {
                tolerances.record(Tolerance::MalformedHeader);
            }
            continue;
        };
        if name.is_empty() || name.contains(BLANKS) {
            tolerances.record(Tolerance::MalformedHeader);
        }
        if headers.len() >= max {
            return None;
        }
        pending = Some((name.trim_matches(BLANKS).to_owned(), value.to_owned()));
    }
    Some(headers)
}

/// The bytes of the body, 0 without a header; none if the header is no number, or two.
fn content_length(headers: &Headers, tolerances: &mut Tolerances) -> Option<u64> {
    let mut lengths = headers.get_all(name::CONTENT_LENGTH).map(digits);
    let Some(length) = lengths.next() else {
        return Some(0);
    };
    for other in lengths {
        tolerances.record(Tolerance::RepeatedContentLength);
        if other != length {
            return None;
        }
    }
    length
}

/// A number of digits alone, without sign; `u64::MAX` for all beyond it.
fn digits(value: &str) -> Option<u64> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u64::MAX))
}

/// UTF-8, and what is not is taken for Latin-1.
fn text<'a>(bytes: &'a [u8], tolerances: &mut Tolerances) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            tolerances.record(Tolerance::HeadNotUtf8);
            Cow::Owned(bytes.iter().copied().map(char::from).collect())
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];
const BLANKS_AND_BREAKS: [char; 4] = [' ', '\t', '\r', '\n'];

#[cfg(test)]
mod tests;
