use std::borrow::Cow;

use bytes::Bytes;

use super::message::parse_cseq;
use super::{
    DecoderLimits, Expected, Headers, Message, MessageKind, Protocol, Request, Response, StatusCode,
    WireError, name, scan,
};
use crate::{Tolerance, Tolerances};

const VERSION: &str = "RTSP/1.0";
/// Headers that the strict parser has room for; hardly any message has more.
const HEADERS_FAST: usize = 16;

/// How far the search for the end of a head has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Search {
    searched: usize,
    /// A line ended in LF alone.
    pub(super) bare: bool,
}

impl Search {
    /// The length of the head, if its empty line has come. Goes on where it was with fewer bytes.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.searched..)?;
            // Of lines that end in CR and LF, only the empty one has any of these.
            let is_of_note = |first: u8, second: u8| {
                ((first == b'\r') ^ (second == b'\n')) | ((first == b'\n') & (second == b'\r'))
            };
            let Some(at) = scan::find_pair::<16>(rest, is_of_note) else {
                self.searched = bytes.len().saturating_sub(1);
                return None;
            };
            self.searched = self.searched.saturating_add(at);
            match rest.get(at..)? {
                [b'\n', b'\r'] => return None,
                [b'\n', b'\r', b'\n', ..] => return Some(self.searched.saturating_add(3)),
                [first, second, ..] => {
                    self.bare |= *second == b'\n';
                    if (first, second) == (&b'\n', &b'\n') {
                        return Some(self.searched.saturating_add(2));
                    }
                    self.searched = self.searched.saturating_add(1);
                }
                _ => return None,
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
        let text = text(head, tolerances);
        let (line, block) = scan::split_once(&text, b'\n').unwrap_or((&text, ""));
        let start = match StartLine::parse(kind, line, tolerances) {
            Ok(start) => start,
            Err(fault) => return Err(fault.into_error(kind, offset, head)),
        };
        let headers = match plain_headers(block, limits.headers) {
            Some(headers) => Some(headers),
            None => split_headers(block, limits.headers, tolerances),
        };
        let Some(mut headers) = headers else {
            let (limit, cseq) = (limits.headers, find_cseq(head));
            return Err(WireError::TooManyHeaders { kind, offset, limit, cseq });
        };
        let body_bytes = match take_content_length(&mut headers, tolerances) {
            Some(length) => {
                usize::try_from(length).ok().filter(|bytes| *bytes <= limits.body_bytes).ok_or_else(|| {
                    let limit = limits.body_bytes;
                    WireError::BodyTooLong { kind, offset, length, limit, cseq: find_cseq(head) }
                })?
            }
            None => return Err(WireError::BadContentLength { kind, offset, cseq: find_cseq(head) }),
        };
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

/// Looks at the start line of a head that has not come as a whole: the error, if no message can come of it.
///
/// Messages of other versions and of HTTP are read to the end of their heads, which say more.
pub(super) fn check_start_line(kind: MessageKind, line: &[u8], offset: u64) -> Result<(), WireError> {
    let mut tolerances = Tolerances::NONE;
    match StartLine::parse(kind, &text(line, &mut tolerances), &mut tolerances) {
        Err(fault @ (Fault::Lacks(_) | Fault::Sip)) => Err(fault.into_error(kind, offset, line)),
        Err(Fault::Version | Fault::Http) | Ok(_) => Ok(()),
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

impl<'a> StartLine<'a> {
    #[inline]
    fn parse(kind: MessageKind, line: &'a str, tolerances: &mut Tolerances) -> Result<Self, Fault> {
        let whole = line.strip_suffix('\r').unwrap_or(line);
        let line = scan::trim_matches(whole, BLANKS_AND_BREAKS);
        match kind {
            MessageKind::Request => {
                if line.len() != whole.len() {
                    tolerances.record(Tolerance::ExtraBlank);
                }
                request(line, tolerances)
            }
            MessageKind::Response => response(line, tolerances),
        }
    }
}

enum Fault {
    Lacks(Expected),
    Version,
    Http,
    Sip,
}

impl Fault {
    fn into_error(self, kind: MessageKind, offset: u64, head: &[u8]) -> WireError {
        match self {
            Self::Lacks(expected) => WireError::BadStartLine { kind, offset, expected },
            Self::Version => WireError::Version { kind, offset, cseq: find_cseq(head) },
            Self::Http => {
                let protocol = Protocol::of_http(head);
                WireError::Foreign { protocol, offset }
            }
            Self::Sip => WireError::Foreign { protocol: Protocol::Sip, offset },
        }
    }
}

fn request<'a>(line: &'a str, tolerances: &mut Tolerances) -> Result<StartLine<'a>, Fault> {
    let (method, rest) = split_once_at_blank(line).ok_or(Fault::Lacks(Expected::Uri))?;
    if has_control(method) {
        return Err(Fault::Lacks(Expected::Uri));
    }
    if line.as_bytes().get(method.len()) == Some(&b'\t') {
        tolerances.record(Tolerance::ExtraBlank);
    }
    let uri = match rest.strip_suffix(" RTSP/1.0") {
        Some(uri) if !uri.is_empty() && scan::find_blank_or_control(uri.as_bytes()).is_none() => uri,
        _ => uri_among_blanks(rest, tolerances)?,
    };
    Ok(StartLine::Request(method, uri))
}

/// The version begins behind the last blank: a URI may hold some.
fn uri_among_blanks<'a>(rest: &'a str, tolerances: &mut Tolerances) -> Result<&'a str, Fault> {
    let (between, version) = rest.rsplit_once(BLANKS).unwrap_or((rest, ""));
    match version {
        VERSION => {}
        _ if version.starts_with("HTTP/") => return Err(Fault::Http),
        _ if version.starts_with("SIP/") => return Err(Fault::Sip),
        _ if version.starts_with("RTSP/") => return Err(Fault::Version),
        _ if rest.starts_with("RTSP/") => return Err(Fault::Lacks(Expected::Uri)),
        _ => return Err(Fault::Lacks(Expected::Version)),
    }
    let uri = between.trim_matches(BLANKS);
    if uri.is_empty() || has_control(uri) {
        return Err(Fault::Lacks(Expected::Uri));
    }
    if uri.len() != between.len() || rest.ends_with("\tRTSP/1.0") {
        tolerances.record(Tolerance::ExtraBlank);
    }
    if uri.contains(BLANKS) {
        tolerances.record(Tolerance::BlankInUri);
    }
    Ok(uri)
}

fn response<'a>(line: &'a str, tolerances: &mut Tolerances) -> Result<StartLine<'a>, Fault> {
    let (version, rest) = split_once_at_blank(line).unwrap_or((line, ""));
    if version != VERSION {
        return Err(Fault::Version);
    }
    let trimmed = rest.trim_start_matches(BLANKS);
    if trimmed.len() != rest.len() {
        tolerances.record(Tolerance::ExtraBlank);
    }
    let (code, reason) = split_once_at_blank(trimmed).unwrap_or((trimmed, ""));
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Lacks(Expected::StatusCode));
    }
    let status = code.parse().ok().and_then(StatusCode::new).ok_or(Fault::Lacks(Expected::StatusCode))?;
    let reason = scan::trim_matches(reason, BLANKS);
    if reason.is_empty() {
        tolerances.record(Tolerance::MissingReason);
    }
    Ok(StartLine::Response(status, reason))
}

/// The headers of a block that ends in an empty line, if a strict parser takes it, as it does nearly all.
fn plain_headers(block: &str, max: usize) -> Option<Headers> {
    let mut fast = [httparse::EMPTY_HEADER; HEADERS_FAST];
    let fast = fast.get_mut(..max.min(HEADERS_FAST))?;
    let Ok(httparse::Status::Complete((_, list))) = httparse::parse_headers(block.as_bytes(), fast) else {
        return None;
    };
    let mut headers = Headers::with_capacity(list.len(), block.len());
    for header in list {
        // The parser takes no control characters, and leaves the blanks around a value away.
        headers.push_clean(header.name, text_of(block, header.value)?);
    }
    Some(headers)
}

/// A part of `text` as text again: looking whether it is UTF-8 takes longer than looking where it is.
fn text_of<'a>(text: &'a str, part: &[u8]) -> Option<&'a str> {
    let at = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    text.get(at..at.checked_add(part.len())?)
}

/// Reads what the strict parser does not: folded headers (RFC 2326, 15.1), malformed ones, and many; none if they are
/// more than `max`.
fn split_headers(block: &str, max: usize, tolerances: &mut Tolerances) -> Option<Headers> {
    let mut headers = Headers::new();
    // True if the line before was a header that the next one may go on with.
    let mut may_fold = false;
    for line in block.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            break;
        }
        if has_control(line) {
            tolerances.record(Tolerance::MalformedHeader);
        }
        if line.starts_with(BLANKS) {
            if may_fold {
                headers.fold(line);
            } else {
                tolerances.record(Tolerance::MalformedHeader);
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else {
            tolerances.record(Tolerance::MalformedHeader);
            may_fold = false;
            continue;
        };
        if name.is_empty() || name.contains(BLANKS) {
            tolerances.record(Tolerance::MalformedHeader);
        }
        let before = headers.len();
        if before >= max {
            return None;
        }
        headers.push(name, value);
        may_fold = headers.len() > before;
    }
    Some(headers)
}

/// Takes out the bytes of the body, 0 without a header; none if the header is no number, or two.
fn take_content_length(headers: &mut Headers, tolerances: &mut Tolerances) -> Option<u64> {
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
    headers.remove(name::CONTENT_LENGTH);
    length
}

/// A number of digits alone, without sign; `u64::MAX` for all beyond it.
fn digits(value: &str) -> Option<u64> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u64::MAX))
}

/// UTF-8, and lines that are not are taken for Latin-1.
fn text<'a>(bytes: &'a [u8], tolerances: &mut Tolerances) -> Cow<'a, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    tolerances.record(Tolerance::HeadNotUtf8);
    let mut text = String::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(line) => text.push_str(line),
            Err(_) => text.extend(line.iter().copied().map(char::from)),
        }
    }
    Cow::Owned(text)
}

/// Returns `true` if there are control characters besides tabs.
fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The parts before and behind the first blank.
fn split_once_at_blank(text: &str) -> Option<(&str, &str)> {
    split_around(text, text.bytes().position(is_blank)?)
}

fn split_around(text: &str, at: usize) -> Option<(&str, &str)> {
    Some((text.get(..at)?, text.get(at.saturating_add(1)..)?))
}

const BLANKS: [char; 2] = [' ', '\t'];
const BLANKS_AND_BREAKS: [char; 4] = [' ', '\t', '\r', '\n'];

#[cfg(test)]
mod tests;
