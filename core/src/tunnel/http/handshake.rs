use bytes::Bytes;

use super::{ResponseError, parse_response, request_line};
use crate::random::Random;

/// The two requests of a client that begin a tunnel.
///
/// The first is written to one connection. Once its answer has come, what follows that is RTSP; then the second is written to
/// another connection, and everything that the client says follows it, as [`encode_base64`](super::encode_base64) has it.
/// Servers do not answer the second, or late, and whatever they answer means nothing. Both are without credentials: a client
/// logs in by the requests of RTSP in the tunnel.
///
/// ```
/// use rtspan_core::tunnel::http::Handshake;
///
/// let seed = [7; 32]; // of chance
/// let handshake = Handshake::new("camera", "/cam?a=b", seed);
/// assert!(handshake.get().starts_with(b"GET /cam?a=b HTTP/1.0\r\nHost: camera\r\nx-sessioncookie: "));
/// let answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n";
/// assert_eq!(handshake.check(answer), Ok(Some(answer.len())));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    get: Bytes,
    post: Bytes,
}

/// Characters of a cookie: as many as QuickTime's, since servers cut off what is longer than 23.
const COOKIE_CHARACTERS: usize = 22;

impl Handshake {
    /// The requests for a stream of this path and query. `host` is as in a URL, with its port if that is not the default. The
    /// seed has to be random: a peer that guesses the cookie made from it can speak for the client.
    ///
    /// Both are of HTTP/1.0, in which servers and proxies leave what follows as it is.
    pub fn new(host: &str, target: &str, seed: [u8; 32]) -> Self {
        let cookie = cookie(seed);
        let head = |method| {
            format!(
                "{}x-sessioncookie: {cookie}\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n",
                request_line(method, target, "HTTP/1.0", host)
            )
        };
        let get = format!("{}Accept: application/x-rtsp-tunnelled\r\n\r\n", head("GET"));
        let post = format!(
            "{}Content-Type: application/x-rtsp-tunnelled\r\nContent-Length: 32767\r\n\
             Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n",
            head("POST")
        );
        Self { get: get.into(), post: post.into() }
    }

    /// The request of the connection that is read.
    pub fn get(&self) -> Bytes {
        self.get.clone()
    }

    /// The request of the connection that is written to. Its length is the one that QuickTime named; more may follow.
    pub fn post(&self) -> Bytes {
        self.post.clone()
    }

    /// Reads the answer to GET in front of `bytes` and gives its length; `None` before all of it has come.
    ///
    /// # Errors
    ///
    /// When no tunnel can come of it.
    pub fn check(&self, bytes: &[u8]) -> Result<Option<usize>, ResponseError> {
        let read = parse_response(bytes, 200, |_| Ok::<_, ResponseError>(()))?;
        Ok(read.map(|((), len)| len))
    }
}

fn cookie(seed: [u8; 32]) -> String {
    const LETTERS: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let mut random = Random::new(seed);
    // Five bits each.
    let mut letter = || LETTERS.get((random.next_u32() >> 27) as usize).copied().map_or('a', char::from);
    (0..COOKIE_CHARACTERS).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tunnel::http::{ANSWER_TO_GET, Request, RequestKind, SessionCookie};

    fn handshake() -> Handshake {
        Handshake::new("camera:8080", "/cam?a=b", [7; 32])
    }

    #[test]
    fn a_server_pairs_both_requests_by_a_cookie_that_none_cuts() {
        let cookie = |request: &[u8]| -> SessionCookie {
            let (parsed, len) = Request::parse(request).unwrap().unwrap();
            assert_eq!((parsed.target(), len), ("/cam?a=b", request.len()));
            match (parsed.kind().clone(), request.starts_with(b"GET ")) {
                (RequestKind::Get(cookie), true) | (RequestKind::Post(cookie), false) => cookie,
                other => panic!("{other:?}"),
            }
        };
        let (get, post) = (cookie(&handshake().get()), cookie(&handshake().post()));
        assert_eq!((&get, get.as_str().len()), (&post, 22));
        assert_ne!(Handshake::new("h", "/", [8; 32]).get(), handshake().get());
    }

    #[test]
    fn the_answers_of_servers_are_read_wherever_they_are_cut() {
        for answer in [
            ANSWER_TO_GET,
            // gst-rtsp-server 1.22.
            b"HTTP/1.0 200 OK\r\nServer: GStreamer RTSP Server\r\nConnection: close\r\nCache-Control: no-store\r\n\
              Pragma: no-cache\r\nX-Server-IP-Address: 127.0.0.1\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
              Date: Sun, 29 Nov 2026 17:34:36 GMT\r\n\r\n",
            // A proxy's version.
            b"HTTP/1.1 200 OK\r\nVia: 1.0 p\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n",
        ] {
            let bytes = [answer, b"RTSP/1.0 200 OK\r\n"].concat();
            (0..answer.len()).for_each(|cut| assert_eq!(handshake().check(&bytes[..cut]), Ok(None), "{cut}"));
            assert_eq!(handshake().check(&bytes), Ok(Some(answer.len())));
        }
    }

    #[test]
    fn an_answer_without_a_tunnel_is_told() {
        use ResponseError::{Malformed, Redirect, Status, TransferCoding, Unauthorized};
        for (answer, error) in [
            ("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n", Unauthorized),
            ("HTTP/1.1 404 Not Found\r\n", Status { status: 404, reason: "Not Found".to_owned() }),
            (
                "HTTP/1.1 404 no /cam?key=horse\r\n",
                Status { status: 404, reason: "no /cam?key=***".to_owned() },
            ),
            ("HTTP/1.1 304 Not Modified\r\n", Status { status: 304, reason: "Not Modified".to_owned() }),
            (
                "HTTP/1.1 301 Moved\r\nLocation: http://wall:horse@other/cam\r\n",
                Redirect { status: 301, location: "http://***@other/cam".to_owned() },
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", TransferCoding),
            ("RTSP/1.0 405 Method Not Allowed\r\n", Malformed),
        ] {
            assert_eq!(handshake().check(format!("{answer}\r\n").as_bytes()), Err(error), "{answer}");
        }
    }
}
