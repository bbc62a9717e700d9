//! The base of a presentation, and the URLs to set its medias up with: all forms in which servers write them.
//!
//! Only path and query are taken from the URLs of a peer: host, port and credentials stay those of the URL that the user
//! gave, so that a description never sends a client elsewhere.
//!
//! | written | read | tolerance |
//! | --- | --- | --- |
//! | `rtsp://cam:554/stream/` | `/stream/` | |
//! | `/stream/`, in a header | `/stream/` | [`RelativeBase`](Tolerance::RelativeBase) |
//! | `192.168.1.10:554/stream/`, `fe80::1/stream/` | `/stream/` | [`UrlScheme`](Tolerance::UrlScheme) |
//! | `http://cam/stream/`, `rtsp://rtsp://cam/stream/` | `/stream/` | [`UrlScheme`](Tolerance::UrlScheme) |
//! | `rtsp://user:pa/ss@cam/stream/` | `/stream/` | [`UrlCredentials`](Tolerance::UrlCredentials) |
//! | `rtsp://fe80::1:554/stream/`, `rtsp:///stream/` | `/stream/` | [`UrlHost`](Tolerance::UrlHost) |
//! | `rtsp://0.0.0.0/stream/`, `rtsp://127.0.0.1/stream/` | `/stream/` | [`UrlHost`](Tolerance::UrlHost) |
//! | anything else in a header | nothing | [`UnreadableBase`](Tolerance::UnreadableBase) |
//!
//! A URL that cannot be seen to be wrong is tried: a server that refuses a media's URL is asked by another [`Way`].

use std::net::{IpAddr, Ipv6Addr};

use super::authority::{before_tail, is_authority, refuse_control_characters, split_credentials};
use super::track::{joined_track_url, track_url};
use super::{Url, UrlError, UrlScheme};
use crate::{Tolerance, Tolerances};

/// How the URL of a media is made of its control, in the order in which they are tried.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Way {
    /// Appended to the base.
    #[default]
    Base,
    /// Appended to the URL of the request.
    Request,
    /// Joined with the base, as RFC 3986 has it.
    JoinedBase,
    /// Joined with the URL of the request.
    JoinedRequest,
}

impl Way {
    const ALL: [Self; 4] = [Self::Base, Self::Request, Self::JoinedBase, Self::JoinedRequest];

    /// Returns `true` if the URL of the request takes the place of the base.
    pub fn is_by_request(self) -> bool {
        matches!(self, Self::Request | Self::JoinedRequest)
    }

    /// Returns `true` if the control is joined, and not appended.
    pub fn is_joined(self) -> bool {
        matches!(self, Self::JoinedBase | Self::JoinedRequest)
    }

    /// The next way that leads to a URL that was not tried.
    pub fn next(self, request: &Url, base: &Url, control: Option<&str>) -> Option<Self> {
        let mut ways = Self::ALL.into_iter();
        let mut tried: Vec<Url> = Vec::new();
        for way in ways.by_ref() {
            tried.extend(way.url(request, base, control).ok());
            if way == self {
                break;
            }
        }
        ways.find(|way| way.url(request, base, control).is_ok_and(|url| !tried.contains(&url)))
    }

    /// The URL that this way leads to.
    ///
    /// # Errors
    ///
    /// If the control has a control character.
    pub fn url(self, request: &Url, base: &Url, control: Option<&str>) -> Result<Url, UrlError> {
        let base = if self.is_by_request() { request } else { base };
        let appended = track_url(base, control)?;
        let joined = control.filter(|_| self.is_joined()).and_then(|control| joined_track_url(base, control));
        Ok(joined.unwrap_or(appended))
    }
}

/// The base of the controls, as a response to DESCRIBE tells it.
#[derive(Clone, Copy, Default)]
pub struct Bases<'a> {
    /// The header Content-Base.
    pub content_base: Option<&'a str>,
    /// The header Content-Location.
    pub content_location: Option<&'a str>,
    /// The `a=control` of the whole presentation.
    pub control: Option<&'a str>,
}

debug_without_secrets!(Bases<'_> { content_base, content_location, control; });

impl Bases<'_> {
    /// The base of a description's controls, which is also its aggregate URL.
    ///
    /// The session-level control comes first, then Content-Base, Content-Location and the URL of the request (RFC 2326,
    /// C.1.1). Unreadable ones are passed over.
    pub fn url(self, request: &Url, tolerances: &mut Tolerances) -> Url {
        let mut header = |text: Option<&str>| {
            let text = text?.trim();
            let tail = tail_of_reference(request, text, tolerances);
            if tail.is_none() {
                tolerances.record(Tolerance::UnreadableBase);
            } else if text.starts_with('/') {
                tolerances.record(Tolerance::RelativeBase);
            }
            Some(request.with_tail(tail?))
        };
        let base = header(self.content_base).or_else(|| header(self.content_location));
        let base = base.unwrap_or_else(|| request.clone());
        let control = self.control.map_or("", str::trim);
        if matches!(control, "" | "*") {
            return base;
        }
        if refuse_control_characters(control).is_err() {
            tolerances.record(Tolerance::UnreadableBase);
            return base;
        }
        match tail_of_reference(request, control, tolerances) {
            Some(tail) => request.with_tail(tail),
            None => track_url(&base, Some(control)).unwrap_or(base),
        }
    }
}

/// Records what is wrong with the control of a media, if it is absolute.
pub(crate) fn check_control(request: &Url, control: &str, tolerances: &mut Tolerances) {
    if let Some(absolute) = Absolute::read(control.trim()) {
        absolute.record(request, tolerances);
    }
}

/// Path and query of an absolute URL whose authority does not matter and may be anything.
pub(crate) fn absolute_tail(text: &str) -> Option<&str> {
    Absolute::read(text).map(|absolute| absolute.tail)
}

/// Path and query of an absolute URL, of one without scheme, or of a path.
fn tail_of_reference<'a>(request: &Url, text: &'a str, tolerances: &mut Tolerances) -> Option<&'a str> {
    refuse_control_characters(text).ok()?;
    if text.starts_with('/') {
        return Some(text);
    }
    let absolute = Absolute::read(text).or_else(|| Absolute::without_scheme(request, text))?;
    absolute.record(request, tolerances);
    Some(absolute.tail)
}

/// An absolute URL as a peer writes it.
struct Absolute<'a> {
    /// The scheme is one of RTSP's, and stands there once.
    has_scheme: bool,
    has_credentials: bool,
    authority: &'a str,
    tail: &'a str,
}

impl<'a> Absolute<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (mut has_scheme, mut rest) = split_scheme(text)?;
        while let Some((_, behind)) = split_scheme(rest) {
            has_scheme = false;
            rest = behind;
        }
        Some(Self::split(has_scheme, rest))
    }

    /// Anjvision and SV3C write `192.168.1.10:554/stream0/`.
    fn without_scheme(request: &Url, text: &'a str) -> Option<Self> {
        let this = Self::split(false, text);
        let (host, port) = this.authority.split_once(':').unwrap_or((this.authority, ""));
        let has_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let is_one = has_port
            || host.eq_ignore_ascii_case(request.host())
            || this.has_credentials
            || ip_of(this.authority).is_some();
        (is_one && text.contains('/')).then_some(this)
    }

    fn split(has_scheme: bool, rest: &'a str) -> Self {
        let (userinfo, rest) = split_credentials(rest);
        let authority = before_tail(rest);
        let tail = rest.get(authority.len()..).unwrap_or("");
        Self { has_scheme, has_credentials: userinfo.is_some(), authority, tail }
    }

    fn record(&self, request: &Url, tolerances: &mut Tolerances) {
        if !self.has_scheme {
            tolerances.record(Tolerance::UrlScheme);
        }
        if self.has_credentials {
            tolerances.record(Tolerance::UrlCredentials);
        }
        let leads_nowhere = |ip: IpAddr| ip.is_unspecified() || ip.to_canonical().is_loopback();
        let is_own = |ip: IpAddr| request.host().parse() == Ok(ip);
        let is_wrong = ip_of(self.authority).is_some_and(|ip| leads_nowhere(ip) && !is_own(ip));
        if is_wrong || !is_authority(self.authority) {
            tolerances.record(Tolerance::UrlHost);
        }
    }
}

/// Splits a scheme off; `true` if it is one of RTSP's.
fn split_scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_one = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let known = [UrlScheme::Rtsp.as_str(), UrlScheme::Rtsps.as_str(), "rtspu"];
    is_one.then(|| (known.iter().any(|known| known.eq_ignore_ascii_case(scheme)), rest))
}

/// The address of an authority, with or without brackets and port.
fn ip_of(authority: &str) -> Option<IpAddr> {
    if let Ok(ip) = authority.parse::<Ipv6Addr>() {
        return Some(ip.into());
    }
    match authority.strip_prefix('[').and_then(|behind| behind.split_once(']')) {
        Some((ip, _)) => ip.parse().ok(),
        None => authority.split(':').next()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests;
