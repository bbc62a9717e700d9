use bytes::Bytes;

use super::{PROTOCOLS, accept_of};
use crate::base64;
use crate::tunnel::http::{Head, refusal};
use crate::{Printable, without_secrets};

/// The handshake that a client asks for (RFC 6455, section 4.2.1).
///
/// ```
/// use rtspan_core::tunnel::http::{Request, RequestKind};
/// use rtspan_core::tunnel::websocket::Origins;
///
/// let bytes = b"GET /cam HTTP/1.1\r\nHost: camera\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
///     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
///     Sec-WebSocket-Protocol: rtsp.onvif.org\r\n\r\n";
/// let (request, _) = Request::parse(bytes)?.expect("all of it has come");
/// let RequestKind::WebSocket(upgrade) = request.kind() else { unreachable!() };
/// let accepted = upgrade.accept(&Origins::default())?;
/// assert!(accepted.answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
/// assert_eq!(accepted.protocol.as_deref(), Some("rtsp.onvif.org"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade {
    is_http_1_1: bool,
    connection_says_so: bool,
    version: Option<String>,
    key: Option<String>,
    protocols: Vec<String>,
    origin: Option<String>,
    host: Option<String>,
}

/// The pages that may open a WebSocket here.
///
/// A browser lets any page on the web connect to any address that its user can reach, such as a camera behind the user's
/// firewall, and says in `Origin` which page it is. Programs that are no browsers send none, and are always let in.
///
/// A runtime takes it by `ServerBuilder::websocket`.
///
/// ```
/// use rtspan_core::tunnel::websocket::Origins;
///
/// let wall = Origins::Only(vec!["https://wall.example".to_owned()]);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origins {
    /// All pages. Streams that need no password are then open to every page that a person behind the firewall looks at.
    Any,
    /// Pages from the same host, from whichever port.
    #[default]
    SameHost,
    /// These alone, each as browsers write it: `https://wall.example` or `http://10.0.0.5:8080`, without a slash behind.
    Only(Vec<String>),
}

/// A WebSocket that is accepted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Accepted {
    /// The bytes to be written; behind it a [`WebSocket`](super::WebSocket) begins.
    pub answer: Bytes,
    /// The subprotocol, if the client has offered any.
    pub protocol: Option<String>,
}

/// Why a WebSocket is not accepted; the peer is at fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request is of HTTP/1.0, as that of a proxy whose configuration does not forward WebSockets.
    #[error("a websocket needs HTTP/1.1; does a proxy in between forward websockets?")]
    HttpVersion,
    /// `Connection: Upgrade` is missing, which a proxy takes away if its configuration does not forward WebSockets.
    #[error("the header Connection does not say Upgrade; does a proxy in between forward websockets?")]
    Connection,
    /// The version of the protocol is not 13.
    #[error("the version of the websocket is not 13")]
    Version,
    /// The key is missing, or not 16 bytes in base64.
    #[error("the Sec-WebSocket-Key is not 16 bytes in base64")]
    Key,
    /// The client offers subprotocols, and none of them is RTSP.
    #[error("none of the subprotocols on offer is rtsp.onvif.org or binary")]
    Protocol,
    /// The page is not among those that may.
    #[error("the page of origin {} may not open a websocket here", Printable(without_secrets(.origin)))]
    Origin {
        /// The origin of the page.
        origin: String,
    },
}

impl Upgrade {
    pub(in crate::tunnel) fn is_asked_for(head: &Head<'_>) -> bool {
        head.has_element("Upgrade", "websocket")
    }

    pub(in crate::tunnel) fn of(head: &Head<'_>, is_http_1_1: bool) -> Self {
        let text = |name| head.get(name).map(str::to_owned);
        Self {
            is_http_1_1,
            connection_says_so: head.has_element("Connection", "Upgrade"),
            version: text("Sec-WebSocket-Version"),
            key: text("Sec-WebSocket-Key"),
            protocols: head.elements("Sec-WebSocket-Protocol").map(str::to_owned).collect(),
            origin: text("Origin"),
            host: text("Host"),
        }
    }

    /// The subprotocols that the client offers, in the order in which it likes them.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.iter().map(String::as_str)
    }

    /// The origin of the page that asks, if it is a page.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Accepts the WebSocket, with the first subprotocol of the client's that is RTSP: `rtsp.onvif.org` or `binary`, or none if
    /// it offers none. Extensions, such as compression, are never agreed on.
    ///
    /// # Errors
    ///
    /// When it cannot be; [`UpgradeError::answer`] is what the peer is told, and then the connection closes.
    pub fn accept(&self, origins: &Origins) -> Result<Accepted, UpgradeError> {
        if !self.is_http_1_1 {
            return Err(UpgradeError::HttpVersion);
        }
        if !self.connection_says_so {
            return Err(UpgradeError::Connection);
        }
        if self.version.as_deref() != Some("13") {
            return Err(UpgradeError::Version);
        }
        let is_key = |key: &&str| base64::decode(key).is_some_and(|bytes| bytes.len() == 16);
        let key = self.key.as_deref().filter(is_key).ok_or(UpgradeError::Key)?;
        if let Some(origin) = self.origin.as_deref() {
            if !origins.allow(origin, self.host.as_deref()) {
                return Err(UpgradeError::Origin { origin: origin.to_owned() });
            }
        }
        let is_known = |offered: &&String| PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(offered));
        let protocol = self.protocols.iter().find(is_known).cloned();
        if protocol.is_none() && !self.protocols.is_empty() {
            return Err(UpgradeError::Protocol);
        }
        let chosen =
            protocol.iter().map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n")).collect::<String>();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n{chosen}\r\n",
            accept_of(key)
        );
        Ok(Accepted { answer: answer.into(), protocol })
    }
}

impl Origins {
    fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::SameHost => {
                let of_page = origin.split_once("://").map(|(_, authority)| without_port(authority));
                let own = host.map(without_port).filter(|host| !host.is_empty());
                of_page.zip(own).is_some_and(|(page, own)| page.eq_ignore_ascii_case(own))
            }
            Self::Only(origins) => origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)),
        }
    }
}

/// The host of an authority, with the brackets of an IPv6 address.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl UpgradeError {
    /// The answer of HTTP that says so; the connection closes behind it.
    pub fn answer(&self) -> Bytes {
        let (status, headers) = match self {
            Self::HttpVersion | Self::Connection | Self::Key | Self::Protocol => ("400 Bad Request", ""),
            Self::Origin { .. } => ("403 Forbidden", ""),
            Self::Version => ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        };
        refusal(status, headers, &format!("This port speaks RTSP: {self}."))
    }
}

#[cfg(test)]
mod tests;
