//! From URLs to streams and tracks, and back.
//!
//! Controls are appended to the base as text, the way that FFmpeg and live555 do and cameras expect, not resolved
//! after RFC 3986. Whatever host a peer's control or `Content-Base` names, the result keeps the host, the port and
//! the credentials of the URL that the user gave: a description never sends a client elsewhere.

use super::base::absolute_tail;
use super::{Parts, Url, UrlError, canonical, is_raw, refuse_control_characters, split_query};
use crate::wire::scan;
use crate::{Tolerance, Tolerances};

/// The URL to SETUP a track: `base` with the `a=control` of the media.
///
/// No control and `*` are `base` itself. An absolute control gives path and query only.
///
/// # Errors
///
/// If the control has a control character.
pub fn track_url(base: &Url, control: Option<&str>) -> Result<Url, UrlError> {
    let control = control.unwrap_or("").trim();
    refuse_control_characters(control)?;
    if is_aggregate(control) {
        return Ok(base.clone());
    }
    if let Some(tail) = absolute_tail(control) {
        return Ok(base.with_tail(tail));
    }
    let tail = base.tail();
    let appended = if control.starts_with('?') {
        format!("{tail}{control}")
    } else {
        // One slash: with two, servers do not find the track (mediamtx issue 3517).
        format!("{}/{}", tail.strip_suffix('/').unwrap_or(tail), control.trim_start_matches('/'))
    };
    Ok(base.with_tail(&appended))
}

/// The URL that RFC 3986 makes of `base` and a relative `control`, for a server that refuses [`track_url`].
///
/// `None` if it is no other URL.
pub fn joined_track_url(base: &Url, control: &str) -> Option<Url> {
    let control = control.trim();
    let plain = track_url(base, Some(control)).ok()?;
    if is_aggregate(control) || absolute_tail(control).is_some() {
        return None;
    }
    Some(base.join_relative(control)).filter(|joined| *joined != plain)
}

/// The stream and the track that the URI of a SETUP names.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct TrackPath<'a> {
    /// The path of the stream: no slash at its end, `/` if it is empty.
    pub path: &'a str,
    /// The query, without the track's control.
    pub query: Option<&'a str>,
    /// The control of the track, `trackID=1`; `None` if the URI names the whole stream.
    pub control: Option<&'a str>,
}

debug_without_secrets!(TrackPath<'_> { path, query, control; });

impl TrackPath<'_> {
    /// The number in the control; `None` if there is no control or it has no number.
    pub fn index(&self) -> Option<usize> {
        let control = canonical(self.control?);
        let digits = control.strip_prefix("trackID=")?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    }
}

/// Returns the stream and the track that the URI of a reader's SETUP names.
///
/// | URI | from |
/// | --- | --- |
/// | `rtsp://h/cam?q=1/trackID=0` | FFmpeg, live555: appended as text |
/// | `rtsp://h/cam/trackID=0?q=1` | GStreamer: query kept at the end |
/// | `rtsp://h/cam/`, `rtsp://h/cam?q=1/` | FFmpeg reading MPEG-TS: the base itself |
/// | `rtsp://h/cam` | RFC 2326, C.3: a single media without control |
/// | `/cam/trackID=0` | without scheme and host |
///
/// # Errors
///
/// If the URI is `*`, no RTSP URL, or has a control character.
pub fn resolve_setup(uri: &str) -> Result<TrackPath<'_>, UrlError> {
    let tail = tail_of(uri)?;
    let (path, query) = split_query(tail);
    if let Some((query, control)) = query.and_then(split_track) {
        return Ok(TrackPath { path: stream_path(path), query: Some(query), control: Some(control) });
    }
    if let Some((path, control)) = split_track(path) {
        return Ok(TrackPath { path: stream_path(path), query, control: Some(control) });
    }
    let (path, query) = aggregate_of(tail);
    Ok(TrackPath { path, query, control: None })
}

/// The path, without slash at its end, and the query of a URI that names a whole stream.
///
/// The empty path is `/`. Slashes that clients append to a base with a query are taken off.
///
/// # Errors
///
/// If the URI is `*`, no RTSP URL, or has a control character.
pub fn resolve_aggregate(uri: &str) -> Result<(&str, Option<&str>), UrlError> {
    tail_of(uri).map(aggregate_of)
}

/// The index of the announced control that the URI of a publisher's SETUP names.
///
/// Clients append the control as text (FFmpeg) or before the query (GStreamer); an absolute control is sent as it
/// was announced. Hosts are not compared, since publishers know the server by several names.
pub fn match_control<'a>(
    setup_uri: &str,
    announce_uri: &str,
    mut controls: impl Iterator<Item = Option<&'a str>>,
) -> Option<usize> {
    let setup = canonical(tail_of(setup_uri).ok()?);
    let announced = canonical(tail_of(announce_uri).ok()?);
    controls.position(|control| names_control(&setup, &announced, control.unwrap_or("").trim()))
}

fn names_control(setup: &str, announced: &str, control: &str) -> bool {
    if is_aggregate(control) {
        return aggregate_of(setup) == aggregate_of(announced);
    }
    if let Some(tail) = absolute_tail(control) {
        return canonical(tail) == setup;
    }
    let control = &*canonical(control);
    let (setup_path, setup_query) = split_query(setup);
    let (path, query) = split_query(announced);
    is_appended(announced, control, setup) || (setup_query == query && is_appended(path, control, setup_path))
}

/// Returns `true` if `whole` is `control` appended to `base`, with any number of slashes between.
fn is_appended(base: &str, control: &str, whole: &str) -> bool {
    whole.strip_prefix(base.trim_end_matches('/')).is_some_and(|rest| {
        (rest.starts_with('/') || control.starts_with('?'))
            && rest.trim_matches('/') == control.trim_matches('/')
    })
}

fn is_aggregate(control: &str) -> bool {
    matches!(control, "" | "*")
}

/// Path and query of a request's URI, which may lack scheme and authority.
fn tail_of(uri: &str) -> Result<&str, UrlError> {
    if uri == "*" {
        return Err(UrlError::Asterisk);
    }
    if uri.starts_with('/') {
        return refuse_control_characters(uri).map(|()| uri);
    }
    Parts::split(uri).map(|parts| parts.tail)
}

/// How the URI of a request deviates from RFC 2326, section 6.1, and RFC 3986.
pub(crate) fn tolerances_of_uri(uri: &str) -> Tolerances {
    let mut tolerances = Tolerances::NONE;
    if uri.starts_with('/') {
        tolerances.record(Tolerance::RelativeUri);
    }
    // Looks at all bytes, as `any` does, but at many at a time.
    if uri.bytes().fold(false, |found, byte| found | needs_encoding(byte)) {
        tolerances.record(Tolerance::RawUri);
    }
    if scan::find(uri.as_bytes(), [b'@']).is_some() {
        if let Ok(Parts { userinfo: Some(userinfo), .. }) = Parts::split(uri) {
            tolerances.record(Tolerance::UrlCredentials);
            if is_raw(userinfo) {
                tolerances.record(Tolerance::RawCredentials);
            }
        }
    }
    tolerances
}

/// Returns `true` if a byte stands in a URI as a percent code only; blanks are told where the start line is read.
fn needs_encoding(byte: u8) -> bool {
    RAW.iter().fold(!matches!(byte, b' '..=b'~'), |raw, other| raw | (byte == *other))
}

/// Characters of ASCII that a URI has in no place but as a percent code.
const RAW: [u8; 9] = *b"\"<>\\^`{|}";

fn aggregate_of(tail: &str) -> (&str, Option<&str>) {
    let (path, query) = split_query(tail);
    (stream_path(path), query.map(|query| query.trim_end_matches('/')))
}

fn stream_path(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

fn split_track(text: &str) -> Option<(&str, &str)> {
    let at = if text.contains('%') { find_encoded_track(text) } else { text.rfind("/trackID=") };
    let (before, control) = text.split_at(at?);
    Some((before.trim_end_matches('/'), control.trim_matches('/')))
}

fn find_encoded_track(text: &str) -> Option<usize> {
    let names_track = |(at, _): &(usize, &str)| {
        let segment = text.get(at.saturating_add(1)..).and_then(|behind| behind.split('/').next());
        segment.is_some_and(|segment| canonical(segment).starts_with("trackID="))
    };
    text.rmatch_indices('/').find(names_track).map(|(at, _)| at)
}

#[cfg(test)]
mod tests;
