//! RTSP URLs as cameras print them and people type them.

pub mod track;

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use crate::wire::scan::{self, split_once};

/// An absolute `rtsp` or `rtsps` URL (RFC 2326, section 3.2).
///
/// No byte of host, port, path or query is ever rewritten, because a server compares them, and hashes them into
/// digest responses, as it printed them. RTSP has no fragments: a `#` belongs to the path or query.
///
/// [`Display`](fmt::Display) and [`Debug`] hide the password.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Url {
    scheme: Scheme,
    userinfo: Option<Box<str>>,
    host: Box<str>,
    port: Option<u16>,
    /// Everything but the userinfo.
    text: Box<str>,
    /// Where path and query start in `text`.
    tail_at: usize,
}

/// How the connection of a URL is made.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// Plain TCP.
    Rtsp,
    /// TLS over TCP.
    Rtsps,
}

/// A user name and a password, without any encoding.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password; empty if none was given.
    pub password: String,
}

/// Why a text is not an RTSP URL that can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The text does not start with `rtsp://` or `rtsps://`.
    #[error("url does not start with rtsp:// or rtsps://")]
    Scheme,
    /// There is no host, or it cannot be one.
    #[error("url has no usable host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("url has a port that is not a number from 1 to 65535")]
    Port,
    /// There is a control character, which could split a request.
    #[error("url has a control character at byte {at}")]
    ControlCharacter {
        /// Its place, in bytes.
        at: usize,
    },
    /// The URI is `*`, which names the whole server and no stream.
    #[error("url names no stream")]
    Asterisk,
}

impl Url {
    /// Reads a URL with a scheme in any case.
    ///
    /// Credentials reach to the last `@` before the first `/`, so a password may hold `@`, `#`, `?` and `%` as
    /// they are; only `/` has to be written `%2F`. IPv6 hosts stand in brackets and may have a zone.
    ///
    /// # Errors
    ///
    /// If the scheme is another one, host or port cannot be used, or there is a control character.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let parts = Parts::split(text)?;
        let (host, port) = host_and_port(parts.authority)?;
        let scheme = parts.scheme;
        let text = [scheme.as_str(), "://", parts.authority, parts.tail].concat();
        Ok(Self {
            scheme,
            userinfo: parts.userinfo.filter(|userinfo| !userinfo.is_empty()).map(Box::from),
            host,
            port,
            tail_at: text.len().saturating_sub(parts.tail.len()),
            text: text.into(),
        })
    }

    /// The scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host name or address, without brackets; an IPv6 zone follows a `%`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: 554 for `rtsp` and 322 for `rtsps` if the URL has none.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| self.scheme.default_port())
    }

    /// The port that the URL has.
    pub fn explicit_port(&self) -> Option<u16> {
        self.port
    }

    /// The path with its leading slash; `/` if the URL has none.
    pub fn path(&self) -> &str {
        match split_query(self.tail()).0 {
            "" => "/",
            path => path,
        }
    }

    /// What follows the first `?`.
    pub fn query(&self) -> Option<&str> {
        split_query(self.tail()).1
    }

    /// The credentials, percent-decoded; a `%` that starts no code stands for itself.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = split_userinfo(self.userinfo.as_deref()?);
        let credentials = Credentials::new(percent_decoded(user), percent_decoded(password.unwrap_or("")));
        (!credentials.user.is_empty() || !credentials.password.is_empty()).then_some(credentials)
    }

    /// The URL as it goes on a request line: without credentials, and with the scheme in lower case.
    pub fn as_request_uri(&self) -> &str {
        &self.text
    }

    /// The same path and query, with scheme, host, port and credentials of `other`.
    #[must_use]
    pub fn with_authority_of(&self, other: &Self) -> Self {
        other.with_tail(self.tail())
    }

    /// Whether scheme, host and port lead to the same server, so that credentials may go along.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port() == other.port()
            && self.host.eq_ignore_ascii_case(&other.host)
    }

    /// Path and query as they are written, possibly empty.
    pub(crate) fn tail(&self) -> &str {
        self.text.get(self.tail_at..).unwrap_or("")
    }

    /// The same server with another path and query; `tail` is empty or starts with `/` or `?`.
    fn with_tail(&self, tail: &str) -> Self {
        let origin = self.text.get(..self.tail_at).unwrap_or("");
        // Directly behind a host, an `@` would turn that host into a user name.
        let ambiguous =
            tail.starts_with('?') && tail.split('/').next().is_some_and(|first| first.contains('@'));
        let slash = if ambiguous { "/" } else { "" };
        Self { text: format!("{origin}{slash}{tail}").into(), ..self.clone() }
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(userinfo) = self.userinfo.as_deref() else { return f.write_str(&self.text) };
        let (user, password) = split_userinfo(userinfo);
        let hidden = if password.is_some() { ":***" } else { "" };
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        write!(f, "{}://{user}{hidden}@{rest}", self.scheme)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

impl Scheme {
    /// The scheme as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
        }
    }

    /// The port of URLs without one.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Rtsps => 322,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Credentials {
    /// The credentials of `user`.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"***").finish()
    }
}

/// The pieces of an absolute URL, unchecked but for scheme and control characters.
struct Parts<'a> {
    scheme: Scheme,
    userinfo: Option<&'a str>,
    authority: &'a str,
    tail: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, UrlError> {
        refuse_control_characters(text)?;
        let (scheme, rest) = split_once(text, b':').ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Scheme)?;
        let scheme = [Scheme::Rtsp, Scheme::Rtsps]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(scheme))
            .ok_or(UrlError::Scheme)?;
        let before_path = split_once(rest, b'/').map_or(rest, |(before_path, _)| before_path);
        let userinfo = before_path.rsplit_once('@').map(|(userinfo, _)| userinfo);
        let rest =
            userinfo.and_then(|userinfo| rest.strip_prefix(userinfo)?.strip_prefix('@')).unwrap_or(rest);
        let (authority, tail) =
            rest.split_at(scan::find(rest.as_bytes(), [b'/', b'?']).unwrap_or(rest.len()));
        Ok(Self { scheme, userinfo, authority, tail })
    }
}

fn refuse_control_characters(text: &str) -> Result<(), UrlError> {
    match scan::find_control(text.as_bytes()) {
        Some(at) => Err(UrlError::ControlCharacter { at }),
        None => Ok(()),
    }
}

fn host_and_port(authority: &str) -> Result<(Box<str>, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or(UrlError::Host)?;
            let port = if rest.is_empty() { "" } else { rest.strip_prefix(':').ok_or(UrlError::Host)? };
            (ipv6_host(host)?, port)
        }
        None => {
            let (host, port) = split_once(authority, b':').unwrap_or((authority, ""));
            // A registered name (RFC 3986, 3.2.2), in the letters of any language.
            let foreign = |c: char| {
                !c.is_alphanumeric()
                    && !matches!(c, '-' | '.' | '_' | '~' | '%' | '!' | '$' | '&'..=',' | ';' | '=')
            };
            if host.is_empty() || host.contains(foreign) || port.contains(':') {
                return Err(UrlError::Host);
            }
            (host.into(), port)
        }
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(UrlError::Port),
        Ok(port) => Ok((host, Some(port))),
    }
}

/// An IPv6 address with its zone behind a bare `%`, as resolvers take it.
///
/// RFC 6874 writes that `%` as `%25`; people and cameras write `%`.
fn ipv6_host(text: &str) -> Result<Box<str>, UrlError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(UrlError::Host);
    }
    match zone {
        None => Ok(address.into()),
        Some("") => Err(UrlError::Host),
        Some(zone) => {
            let decoded = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
            Ok(format!("{address}%{decoded}").into())
        }
    }
}

fn split_query(tail: &str) -> (&str, Option<&str>) {
    match tail.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (tail, None),
    }
}

fn split_userinfo(userinfo: &str) -> (&str, Option<&str>) {
    match userinfo.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (userinfo, None),
    }
}

/// Decodes `%XX` and leaves any other `%` alone; bytes that are not UTF-8 are read as Latin-1.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match after {
            [high, low, after @ ..] if *first == b'%' => hex_pair(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from((digit(high)? << 4) | digit(low)?).ok()
}

#[cfg(test)]
mod tests;
