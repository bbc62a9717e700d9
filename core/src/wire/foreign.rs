use std::fmt;

use bytes::Bytes;

use crate::tunnel::http::refusal;

/// A protocol that is not RTSP.
///
/// Ports of RTSP are found by browsers, scanners, health checks and misconfigured programs. Each is told by its first
/// bytes, so that it can be given an answer that it understands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP (RFC 9112).
    Http,
    /// RTSP in a tunnel of two HTTP requests, as QuickTime made it.
    HttpTunnel,
    /// The handshake of a WebSocket (RFC 6455).
    WebSocket,
    /// TLS (RFC 8446).
    Tls,
    /// The header of a proxy: PROXY protocol, version 1 or 2.
    Proxy,
    /// SSH (RFC 4253).
    Ssh,
    /// SIP (RFC 3261).
    Sip,
    /// None that is known.
    Unknown,
}

/// An alert in a record of its own (RFC 8446, sections 5.1 and 6): fatal, handshake failure.
const TLS_ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

impl Protocol {
    /// Protocols whose first bytes cannot begin an RTSP item.
    pub(super) const BEGINNINGS: &[(&[u8], Self)] = &[
        // A record of type 22, a handshake, or 21, an alert, of any version from SSL 3.0 on.
        (&[22, 3], Self::Tls),
        (&[21, 3], Self::Tls),
        (b"CONNECT ", Self::Http),
        (b"PROXY ", Self::Proxy),
        // Version 2 has line ends and a NUL in front, which are skipped as stray ones are.
        (b"QUIT\n", Self::Proxy),
        (b"SSH-", Self::Ssh),
        (b"SIP/", Self::Sip),
    ];

    /// The answer of a server that does not speak the protocol, in that protocol; `None` if that has no such answer.
    ///
    /// The answer to all others is RTSP's own 400.
    pub fn refusal(self) -> Option<Bytes> {
        match self {
            Self::Http | Self::HttpTunnel | Self::WebSocket => {
                Some(refusal("400 Bad Request", "", "This port speaks RTSP."))
            }
            Self::Tls => Some(Bytes::from_static(TLS_ALERT)),
            Self::Proxy | Self::Ssh | Self::Sip | Self::Unknown => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::HttpTunnel => "RTSP tunnelled over HTTP",
            Self::WebSocket => "a WebSocket",
            Self::Tls => "TLS",
            Self::Proxy => "the PROXY protocol",
            Self::Ssh => "SSH",
            Self::Sip => "SIP",
            Self::Unknown => "no protocol that is known",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_request_is_told_by_its_headers() {
        for (headers, kind) in [
            ("Host: h", Protocol::Http),
            ("Upgrade: h2c", Protocol::Http),
            ("Host: h\r\nUpgrade: WebSocket\r\nConnection: Upgrade", Protocol::WebSocket),
            ("x-sessioncookie: abc", Protocol::HttpTunnel),
            ("Accept: application/x-rtsp-tunnelled", Protocol::HttpTunnel),
            ("Content-Type:application/x-rtsp-tunnelled", Protocol::HttpTunnel),
        ] {
            assert_eq!(
                Protocol::of_http(format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()),
                kind,
                "{headers}"
            );
        }
    }
}
