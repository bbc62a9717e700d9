//! RTSP URLs as cameras print them and people type them.

mod authority;
pub mod base;
mod percent;
pub mod track;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

pub(crate) use authority::split_credentials;
use authority::{Parts, host_and_port, refuse_control_characters};
pub(crate) use percent::{canonical, decoded, hex_pair, same};

use crate::trace::without_secrets;
use crate::tunnel::Tunnel;
use crate::{Printable, Tolerance, Tolerances};

/// An absolute URL of RTSP (RFC 2326, section 3.2).
///
/// Its scheme is `rtsp` or `rtsps`, or says what carries RTSP as well: `rtsp+http`, `rtsp+https`, `rtsp+ws` or `rtsp+wss`. Those
/// of MediaMTX, `rtsps+http` and `rtsps+ws`, are read as well.
///
/// No byte of host, port, path or query is ever rewritten, because a server compares them, and hashes them into
/// digest responses, as it printed them. RTSP has no fragments: a `#` belongs to the path or query.
///
/// [`Display`](fmt::Display) and [`Debug`] hide the password, and escape what is not [printable](crate::is_printable).
///
/// ```
/// use rtspan_core::Url;
///
/// let url = Url::parse("rtsp://viewer:s3cret@camera:8554/main?channel=1")?;
/// assert_eq!((url.host(), url.port(), url.path(), url.query()), ("camera", 8554, "/main", Some("channel=1")));
/// assert_eq!(url.to_string(), "rtsp://viewer:***@camera:8554/main?channel=1");
/// assert!(Url::parse("rtsp+https://camera/main")?.is_secure());
/// # Ok::<(), rtspan_core::UrlError>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Url {
    scheme: UrlScheme,
    tunnel: Tunnel,
    userinfo: Option<Box<str>>,
    host: Box<str>,
    port: Option<u16>,
    /// Everything but the userinfo and the tunnel.
    text: Box<str>,
    /// Where path and query start in `text`.
    tail_at: usize,
}

/// How the connection of a URL is made.
///
/// ```
/// use rtspan_core::{Url, UrlScheme};
///
/// assert_eq!(Url::parse("rtsps://camera/main")?.scheme(), UrlScheme::Rtsps);
/// assert_eq!(UrlScheme::Rtsps.default_port(), 322);
/// # Ok::<(), rtspan_core::UrlError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum UrlScheme {
    /// Plain TCP.
    Rtsp,
    /// TLS over TCP.
    Rtsps,
}

/// The schemes of URLs; of those that mean the same, the first is written.
const SCHEMES: [(&str, UrlScheme, Tunnel); 8] = [
    ("rtsp", UrlScheme::Rtsp, Tunnel::None),
    ("rtsps", UrlScheme::Rtsps, Tunnel::None),
    ("rtsp+http", UrlScheme::Rtsp, Tunnel::Http),
    ("rtsp+https", UrlScheme::Rtsps, Tunnel::Http),
    ("rtsp+ws", UrlScheme::Rtsp, Tunnel::WebSocket),
    ("rtsp+wss", UrlScheme::Rtsps, Tunnel::WebSocket),
    ("rtsps+http", UrlScheme::Rtsps, Tunnel::Http),
    ("rtsps+ws", UrlScheme::Rtsps, Tunnel::WebSocket),
];

/// A user name and a password, without any encoding.
///
/// ```
/// use rtspan_core::{Credentials, Url};
///
/// let url = Url::parse("rtsp://viewer:p%40ss@camera/main")?;
/// assert_eq!(url.credentials(), Some(Credentials::new("viewer", "p@ss")));
/// # Ok::<(), rtspan_core::UrlError>(())
/// ```
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
    /// The text does not start with `rtsp://`, `rtsps://`, or the scheme of a tunnel, such as `rtsp+http://`.
    #[error("url does not start with rtsp:// or rtsps://, or as in rtsp+http:// with what carries it")]
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
    #[error("url is *, which names no stream")]
    Asterisk,
}

impl Url {
    /// Reads a URL with a scheme in any case.
    ///
    /// The credentials end at the last `@` of the authority, so a password may hold `@`, `#`, `?`, `/` and `%` as they are,
    /// which [`tolerances`](Self::tolerances) tells. The authority ends at the first `/` in front of which it has a usable
    /// host: `u:p/ss@host/cam` has credentials, `host/a@b` and `host:554/a@b` have none. So a password whose part before a
    /// slash is a port (`u:12/34@host`) has to be written with `%2F`. IPv6 hosts stand in brackets and may have a zone.
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
            tunnel: parts.tunnel,
            userinfo: parts.userinfo.filter(|userinfo| !userinfo.is_empty()).map(Box::from),
            host,
            port,
            tail_at: text.len().saturating_sub(parts.tail.len()),
            text: text.into(),
        })
    }

    /// The scheme, without what carries it.
    pub fn scheme(&self) -> UrlScheme {
        self.scheme
    }

    /// The tunnel that carries RTSP.
    ///
    /// ```
    /// use rtspan_core::Url;
    /// use rtspan_core::tunnel::Tunnel;
    ///
    /// let url = Url::parse("rtsp+https://camera/cam")?;
    /// assert_eq!((url.tunnel(), url.is_secure(), url.port()), (Tunnel::Http, true, 443));
    /// assert_eq!(url.as_request_uri(), "rtsps://camera/cam");
    /// # Ok::<(), rtspan_core::UrlError>(())
    /// ```
    pub fn tunnel(&self) -> Tunnel {
        self.tunnel
    }

    /// Returns `true` if TLS is below everything else.
    pub fn is_secure(&self) -> bool {
        self.scheme == UrlScheme::Rtsps
    }

    /// The scheme as it is written in front of the URL.
    fn written_scheme(&self) -> &'static str {
        let is_own =
            |(_, scheme, tunnel): &&(_, UrlScheme, Tunnel)| (*scheme, *tunnel) == (self.scheme, self.tunnel);
        SCHEMES.iter().find(is_own).map_or(self.scheme.as_str(), |(written, ..)| written)
    }

    /// The host name or address, without brackets; an IPv6 zone follows a `%`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port to connect to: if the URL has none, 554 for `rtsp` and 322 for `rtsps`, and in tunnels those of the web, 80 and 443
    /// over TLS.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or_else(|| match (self.tunnel, self.scheme) {
            (Tunnel::None, scheme) => scheme.default_port(),
            (Tunnel::Http | Tunnel::WebSocket, UrlScheme::Rtsp) => 80,
            (Tunnel::Http | Tunnel::WebSocket, UrlScheme::Rtsps) => 443,
        })
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

    /// The part behind the first `?`.
    pub fn query(&self) -> Option<&str> {
        split_query(self.tail()).1
    }

    /// The credentials, percent-decoded; a `%` that starts no code stands for itself.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = split_userinfo(self.userinfo.as_deref()?);
        let credentials = Credentials::new(decoded(user), decoded(password.unwrap_or("")));
        (!credentials.user.is_empty() || !credentials.password.is_empty()).then_some(credentials)
    }

    /// How the URL deviates from RFC 3986: [`Tolerance::RawCredentials`], or not at all.
    pub fn tolerances(&self) -> Tolerances {
        let mut tolerances = Tolerances::NONE;
        if self.userinfo.as_deref().is_some_and(is_raw) {
            tolerances.record(Tolerance::RawCredentials);
        }
        tolerances
    }

    /// Path and query, as they are written; `/` if the URL has neither.
    pub fn target(&self) -> String {
        let root = if self.tail().starts_with('/') { "" } else { "/" };
        format!("{root}{}", self.tail())
    }

    /// The URL as it goes on a request line: without credentials, and with the scheme `rtsp` or `rtsps`, whatever carries it.
    pub fn as_request_uri(&self) -> &str {
        &self.text
    }

    /// The URL that `reference` means where this one was asked for (RFC 3986, section 5.2): an absolute URL, or one without
    /// scheme, without host, or without the folder.
    ///
    /// # Errors
    ///
    /// If that makes no RTSP URL.
    pub(crate) fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let reference = reference.trim();
        refuse_control_characters(reference)?;
        if let Some(network_path) = reference.strip_prefix("//") {
            return Self::parse(&format!("{}://{network_path}", self.written_scheme()));
        }
        // Only a scheme has a colon before the first slash.
        let first = reference.split(['/', '?']).next().unwrap_or("");
        if reference.is_empty() || first.contains(':') {
            return Self::parse(reference);
        }
        Ok(self.join_relative(reference))
    }

    /// The same server with the path and query that a relative reference leads to (RFC 3986, section 5.2.2).
    fn join_relative(&self, reference: &str) -> Self {
        if reference.starts_with('?') {
            return self.with_tail(&format!("{}{reference}", self.path()));
        }
        let (path, query) = split_query(reference);
        let path = if path.starts_with('/') {
            without_dots(path)
        } else {
            let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            without_dots(&format!("{folder}/{path}"))
        };
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        self.with_tail(&format!("{path}{query}"))
    }

    /// The same path and query, with scheme, host, port and credentials of `other`.
    #[must_use]
    pub fn with_authority_of(&self, other: &Self) -> Self {
        other.with_tail(self.tail())
    }

    /// The same server with another path, which begins with a slash, and query.
    pub(crate) fn with_path(&self, path: &str, query: Option<&str>) -> Self {
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        self.with_tail(&format!("{path}{query}"))
    }

    /// Returns `true` if scheme, host and port lead to the same server, so that credentials may go along, in a tunnel or not.
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
        // Behind a colon without port, an `@` in the path would turn the host into a user name.
        let origin = self.text.get(..self.tail_at).unwrap_or("").trim_end_matches(':');
        // Directly behind a host, an `@` would turn that host into a user name.
        let ambiguous =
            tail.starts_with('?') && tail.split('/').next().is_some_and(|first| first.contains('@'));
        let slash = if ambiguous { "/" } else { "" };
        let text = format!("{origin}{slash}{tail}").into();
        Self { text, tail_at: origin.len(), ..self.clone() }
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
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        write!(f, "{}://", self.written_scheme())?;
        if let Some(userinfo) = self.userinfo.as_deref() {
            let (user, password) = split_userinfo(userinfo);
            let hidden = if password.is_some() { ":***" } else { "" };
            write!(f, "{}{hidden}@", Printable(user))?;
        }
        Printable(without_secrets(rest)).fmt(f)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

impl UrlScheme {
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

impl fmt::Display for UrlScheme {
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

/// The form in which a server compares paths. Use it as a key if you keep something for each path.
///
/// Percent codes are decoded once, and slashes in front become one. Codes that would become structure stay: `%2F`, `%3F`, `%25`, control
/// characters, bytes that are not UTF-8, and the dots of `%2E%2E`. The form is not a URL: characters in it may have to be encoded.
///
/// ```
/// use rtspan_core::url::canonical_path;
///
/// assert_eq!(canonical_path("/caf%C3%A9"), "/café");
/// assert_eq!(canonical_path("//g%61te"), canonical_path("/gate"));
/// assert_ne!(canonical_path("/a%2Fb"), canonical_path("/a/b"));
/// ```
pub fn canonical_path(path: &str) -> Cow<'_, str> {
    canonical(path)
}

/// A path without the segments that name its own folder or the one above (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut segments = Vec::new();
    let mut is_folder = false;
    for segment in path.split('/').skip(1) {
        is_folder = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let slash = if is_folder && !segments.is_empty() { "/" } else { "" };
    format!("/{}{slash}", segments.join("/"))
}

/// Returns `true` if credentials have characters that have to be percent-encoded there.
fn is_raw(userinfo: &str) -> bool {
    userinfo.contains(['/', '?', '#', '@'])
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

#[cfg(test)]
mod tests;
