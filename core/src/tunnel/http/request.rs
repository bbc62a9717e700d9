use std::fmt;

use bytes::Bytes;

use super::refusal;
use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEADERS_MAX, SESSION_COOKIE_BYTES_MAX};
use crate::tunnel::websocket::Upgrade;
use crate::wire::Protocol;

/// A request of HTTP that begins a tunnel.
///
/// ```
/// use rtspan_core::tunnel::http::{Request, RequestKind};
///
/// let bytes = b"GET /cam?a=b HTTP/1.0\r\nx-sessioncookie: aqccwsnhonyqjgisasgeiw\r\n\r\n";
/// let (request, len) = Request::parse(bytes)?.expect("all of it has come");
/// assert_eq!((request.target(), len), ("/cam?a=b", bytes.len()));
/// assert!(matches!(request.kind(), RequestKind::Get(_)));
/// # Ok::<(), rtspan_core::tunnel::http::RequestError>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    target: String,
    kind: RequestKind,
}

debug_without_secrets!(Request { target; kind });

/// The part that a request plays in a tunnel.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestKind {
    /// The half of a tunnel that the server writes to, as behind any answer to GET.
    Get(SessionCookie),
    /// The half that the client writes to, in base64.
    ///
    /// Its `Content-Length` says nothing: clients write more than that, and read no answer.
    Post(SessionCookie),
    /// The handshake of a WebSocket.
    WebSocket(Upgrade),
}

/// The name that both halves of a tunnel have in common (`x-sessioncookie`), made up by the client.
///
/// A peer that knows it can speak for the client, so [`Debug`] hides it.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct SessionCookie(Box<str>);

/// Why a request of HTTP begins no tunnel; the peer is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The head is no request of HTTP.
    #[error("the head is no request of HTTP")]
    Malformed,
    /// The head does not end in time.
    #[error("the head is longer than {limit} bytes")]
    HeadTooLong {
        /// The bytes allowed.
        limit: usize,
    },
    /// The head has too many headers.
    #[error("the head has more than {limit} headers")]
    TooManyHeaders {
        /// The headers allowed.
        limit: usize,
    },
    /// The version is neither HTTP/1.0 nor HTTP/1.1.
    #[error("the version is neither HTTP/1.0 nor HTTP/1.1")]
    Version,
    /// The method is neither GET nor POST.
    #[error("the method is neither GET nor POST")]
    Method,
    /// The request has nothing to do with a tunnel: somebody has opened the port in a browser, or with a scanner.
    #[error("the request asks for no tunnel")]
    NoTunnel,
    /// The request is for a tunnel and has no `x-sessioncookie`.
    #[error("the tunnel has no x-sessioncookie that would pair its two requests")]
    NoCookie,
    /// The `x-sessioncookie` is empty, too long, or given twice.
    #[error("the x-sessioncookie is not one text of 1 to {limit} characters")]
    BadCookie {
        /// The characters allowed.
        limit: usize,
    },
    /// The body is in a transfer coding (`chunked`), which a proxy may have made of it.
    #[error("the body of the POST is in a transfer coding")]
    TransferCoding,
}

impl Request {
    /// Reads the request in front of `bytes`, and how many of them it takes; `None` before all of it has come.
    ///
    /// The headers of proxies and browsers around it do not matter.
    ///
    /// # Errors
    ///
    /// When no tunnel can come of it; [`RequestError::answer`] is what the peer is told, and then the connection closes.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, RequestError> {
        let limit = HTTP_HEAD_BYTES_MAX;
        let within = bytes.get(..limit).unwrap_or(bytes);
        let mut headers = [httparse::EMPTY_HEADER; HTTP_HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(within) {
            Ok(httparse::Status::Complete(len)) => Ok(Some((Self::of(&parsed)?, len))),
            Ok(httparse::Status::Partial) if within.len() < limit => Ok(None),
            Ok(httparse::Status::Partial) => Err(RequestError::HeadTooLong { limit }),
            Err(httparse::Error::TooManyHeaders) => {
                Err(RequestError::TooManyHeaders { limit: HTTP_HEADERS_MAX })
            }
            Err(httparse::Error::Version) => Err(RequestError::Version),
            Err(_) => Err(RequestError::Malformed),
        }
    }

    /// Path and query, as they are written: those of the stream, or of the server's own choice for WebSockets.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The part that the request plays.
    pub fn kind(&self) -> &RequestKind {
        &self.kind
    }

    fn of(parsed: &httparse::Request<'_, '_>) -> Result<Self, RequestError> {
        let head = Head(parsed.headers);
        let kind = match parsed.method {
            Some("GET") if Upgrade::is_asked_for(&head) => {
                RequestKind::WebSocket(Upgrade::of(&head, parsed.version == Some(1)))
            }
            Some("GET") => RequestKind::Get(SessionCookie::of(&head)?),
            Some("POST") if head.get("Transfer-Encoding").is_some() => {
                return Err(RequestError::TransferCoding);
            }
            Some("POST") => RequestKind::Post(SessionCookie::of(&head)?),
            _ => return Err(RequestError::Method),
        };
        let target = path_of(parsed.path.unwrap_or_default()).ok_or(RequestError::Malformed)?;
        Ok(Self { target: target.to_owned(), kind })
    }
}

/// Path and query of a request's target, which proxies may be given as a whole URL.
fn path_of(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return Some(target);
    }
    let (_, rest) = target.split_once("://")?;
    Some(rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"))
}

impl SessionCookie {
    const NAME: &'static str = "x-sessioncookie";
    const MEDIA_TYPE: &'static str = "application/x-rtsp-tunnelled";

    /// As it goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(head: &Head<'_>) -> Result<Self, RequestError> {
        let Some(value) = head.get(Self::NAME) else {
            let is_tunnel = head.has_element("Accept", Self::MEDIA_TYPE)
                || head.has_element("Content-Type", Self::MEDIA_TYPE);
            return Err(if is_tunnel { RequestError::NoCookie } else { RequestError::NoTunnel });
        };
        let is_one = head.all(Self::NAME).all(|other| other == value);
        if !is_one || value.is_empty() || value.len() > SESSION_COOKIE_BYTES_MAX {
            return Err(RequestError::BadCookie { limit: SESSION_COOKIE_BYTES_MAX });
        }
        Ok(Self(value.into()))
    }
}

impl fmt::Debug for SessionCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCookie(..)")
    }
}

impl RequestError {
    /// The answer of HTTP that says so; the connection closes behind it.
    pub fn answer(&self) -> Bytes {
        let (status, headers) = match self {
            Self::NoTunnel | Self::Malformed | Self::NoCookie | Self::BadCookie { .. } => {
                ("400 Bad Request", "")
            }
            Self::HeadTooLong { .. } | Self::TooManyHeaders { .. } => {
                ("431 Request Header Fields Too Large", "")
            }
            Self::Method => ("405 Method Not Allowed", "Allow: GET, POST\r\n"),
            Self::TransferCoding => ("501 Not Implemented", ""),
            Self::Version => ("505 HTTP Version Not Supported", ""),
        };
        refusal(status, headers, &format!("This port speaks RTSP: {self}."))
    }
}

impl Protocol {
    /// Tells the purpose of an HTTP request by its head.
    pub(crate) fn of_http(head: &[u8]) -> Self {
        match Request::parse(head) {
            Ok(Some((Request { kind: RequestKind::WebSocket(_), .. }, _))) => Self::WebSocket,
            Ok(Some(_)) | Err(RequestError::NoCookie | RequestError::BadCookie { .. }) => Self::HttpTunnel,
            Ok(None) | Err(_) => Self::Http,
        }
    }
}

/// The headers of a request or an answer.
pub(in crate::tunnel) struct Head<'a>(pub(in crate::tunnel) &'a [httparse::Header<'a>]);

impl<'a> Head<'a> {
    /// The first value of a header, if it is text.
    pub(in crate::tunnel) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of a header that are text.
    pub(in crate::tunnel) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        named.filter_map(|header| std::str::from_utf8(header.value).ok()).map(str::trim)
    }

    /// The elements of a list, which may be divided among several headers.
    pub(in crate::tunnel) fn elements(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
    }

    /// Returns `true` if an element of a list is this one, in any case and whatever its parameters.
    pub(in crate::tunnel) fn has_element(&self, name: &str, wanted: &str) -> bool {
        self.elements(name).any(|element| {
            element.split(';').next().is_some_and(|element| element.trim_end().eq_ignore_ascii_case(wanted))
        })
    }
}

#[cfg(test)]
mod tests;
