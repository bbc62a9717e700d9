use std::net::SocketAddr;

use crate::conn::ProxyHeader;
use crate::limits::HTTP_HEAD_BYTES_MAX;
use crate::wire::Protocol;
use crate::wire::start::{Start, at_beginning};

/// The protocol that a peer speaks, by the first bytes that it sends.
///
/// ```
/// use rtspan_core::tunnel::Greeting;
///
/// assert_eq!(Greeting::of(b"GET /cam HT"), None);
/// assert_eq!(Greeting::of(b"GET /cam HTTP/1.0\r\n"), Some(Greeting::Http));
/// assert_eq!(Greeting::of(b"OPTIONS rtsp://camera/cam RTSP/1.0\r\n"), Some(Greeting::Rtsp));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Greeting {
    /// RTSP, or what only its parser can tell to be none.
    Rtsp,
    /// A record of TLS.
    Tls,
    /// A request of HTTP: [`http::Request`](super::http::Request) reads it.
    Http,
}

impl Greeting {
    /// Tells what these bytes, the first of a connection or the first inside of TLS, begin; `None` before enough have come.
    ///
    /// RTSP and HTTP share methods (`OPTIONS`) and beginnings (`GET_PARAMETER`), so it is the version at the end of a request
    /// line that counts. A line beyond [`HTTP_HEAD_BYTES_MAX`] is left to the parser of RTSP, which refuses it.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let stray = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
        let bytes = bytes.get(stray..).unwrap_or_default();
        match at_beginning(bytes) {
            Start::Open => None,
            Start::Foreign(Protocol::Tls) => Some(Self::Tls),
            Start::Foreign(Protocol::Http) => Some(Self::Http),
            Start::Message(_) => Self::of_start_line(bytes),
            Start::Frame | Start::Foreign(_) | Start::Garbage => Some(Self::Rtsp),
        }
    }

    /// The bytes of the header of a proxy that is trusted, in front of all else, and the address that the connection comes from
    /// if it names one; `None` before it is whole.
    ///
    /// Without a header there are no bytes, and the connection is one of RTSP, which refuses it.
    pub fn header_of_proxy(bytes: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
        match ProxyHeader::parse(bytes) {
            Ok(header) => header.map(|header| (header.len, header.source)),
            Err(_) => Some((0, None)),
        }
    }

    fn of_start_line(bytes: &[u8]) -> Option<Self> {
        let within = bytes.get(..HTTP_HEAD_BYTES_MAX).unwrap_or(bytes);
        let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
            return (within.len() >= HTTP_HEAD_BYTES_MAX).then_some(Self::Rtsp);
        };
        let line = within.get(..end).unwrap_or_default().trim_ascii_end();
        let version = line.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
        Some(if version.starts_with(b"HTTP/") { Self::Http } else { Self::Rtsp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_protocol_wherever_they_are_cut() {
        use Greeting::{Http, Rtsp, Tls};
        let long = [b"GET /", &[b'x'; HTTP_HEAD_BYTES_MAX][..], b" HTTP/1.1\r\n\r\n"].concat();
        for (bytes, greeting) in [
            (&b"OPTIONS rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"[..], Rtsp),
            (b"OPTIONS * RTSP/1.0\r\n", Rtsp),
            (b"OPTIONS * HTTP/1.1\r\n", Http),
            (b"GET_PARAMETER rtsp://h/cam RTSP/1.0\r\n", Rtsp),
            (b"GET /cam?a=b HTTP/1.1\r\n", Http),
            (b"GET /cam HTTP/1.0\n", Http),
            (b"GET /cam with blanks HTTP/1.0\r\n", Http),
            (b"\r\nGET /cam HTTP/1.0\r\n", Http),
            (b"GET /cam RTSP/1.0\r\n", Rtsp),
            (b"GET /\r\n", Rtsp),
            (b"POST /cam HTTP/1.0\r\n", Http),
            (b"PRI * HTTP/2.0\r\n", Http),
            (b"CONNECT ", Http),
            (b"HTTP/1.1 200 OK\r\n", Http),
            (b"RTSP/1.0 200 OK\r\n", Rtsp),
            (b"\x16\x03", Tls),
            (b"\x16\x04", Rtsp),
            (b"$", Rtsp),
            (b"SSH-", Rtsp),
            (b"PROXY ", Rtsp),
            (b"\xde", Rtsp),
            (&long, Rtsp),
        ] {
            let name = bytes[..bytes.len().min(50)].escape_ascii().to_string();
            let told: Vec<_> = (0..=bytes.len()).map(|cut| Greeting::of(&bytes[..cut])).collect();
            assert!(told.contains(&None), "{name}");
            assert!(told.iter().flatten().all(|told| *told == greeting), "{name}");
            assert_eq!(told.last(), Some(&Some(greeting)), "{name}");
        }
        assert_eq!(Greeting::of(b""), None);
    }

    #[test]
    fn a_trusted_proxy_goes_first() {
        let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 40000 554\r\n";
        let bytes = [&header[..], b"\x16\x03"].concat();
        (0..header.len()).for_each(|cut| assert_eq!(Greeting::header_of_proxy(&bytes[..cut]), None, "{cut}"));
        let told = Some((header.len(), Some(SocketAddr::from(([192, 0, 2, 7], 40_000)))));
        assert_eq!(Greeting::header_of_proxy(header), told);
        assert_eq!(Greeting::header_of_proxy(&bytes), told);
        assert_eq!(Greeting::header_of_proxy(b"GET / HTTP/1.0\r\n"), Some((0, None)));
    }
}
