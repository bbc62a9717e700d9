//! One connection: a request, and its answer.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::TcpStream;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use futures_lite::future::or;
use futures_lite::{AsyncRead, AsyncWrite};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use smol::channel::Receiver;
use smol::{Async, Timer};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::body::Lease;
use super::tls::TlsSocket;
use super::{BODY_BYTES_MAX, Certificate, HEAD_BYTES_MAX, HEAD_PATIENCE, Origin, OverTls, Response, error};

/// Bytes behind those of a body that is too long that are read, so that its client comes to read the answer.
const OVERRUN_BYTES_MAX: usize = 1 << 20;

/// The first byte of a peer that speaks TLS: a record of its handshake.
const TLS_HANDSHAKE: u8 = 22;

/// Serves one connection. One that breaks off, or takes too long, is closed without a word.
pub(super) async fn serve<F>(
    (socket, origin): (Async<TcpStream>, Origin),
    tls: Option<&Certificate>,
    answer: Rc<F>,
    has_asked: Rc<Cell<bool>>,
    stopped: Receiver<()>,
) where
    F: AsyncFn(Request<Bytes>) -> Response,
{
    let lease = Rc::new(Lease::new(stopped));
    let served = async {
        let mut first = [0];
        let is_tls =
            tls.is_some() && matches!(socket.peek(&mut first).await, Ok(1)) && first == [TLS_HANDSHAKE];
        match tls.filter(|_| is_tls) {
            None => speak(socket, (origin, false), answer, has_asked, &lease).await,
            Some(tls) => {
                if let Ok(socket) = TlsSocket::new(socket, tls()) {
                    speak(socket, (origin, true), answer, has_asked, &lease).await;
                }
            }
        }
    };
    let too_long = async {
        while let Some(left) = lease.deadline.get().checked_duration_since(Instant::now()) {
            Timer::after(left).await;
        }
    };
    or(served, too_long).await;
}

/// Speaks HTTP over a connection.
async fn speak<F>(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    (origin, is_tls): (Origin, bool),
    answer: Rc<F>,
    has_asked: Rc<Cell<bool>>,
    lease: &Rc<Lease>,
) where
    F: AsyncFn(Request<Bytes>) -> Response,
{
    let service = service_fn(|request| {
        has_asked.set(true);
        let answer = Rc::clone(&answer);
        async move {
            let mut answered = match whole(request).await {
                Ok(mut request) => {
                    request.extensions_mut().insert(origin);
                    if is_tls {
                        request.extensions_mut().insert(OverTls);
                    }
                    answer(request).await
                }
                Err(refusal) => refusal,
            };
            answered.body_mut().extends(lease);
            Ok::<_, Infallible>(answered)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(SmolTimer::new()).header_read_timeout(HEAD_PATIENCE);
    http.max_header_size(HEAD_BYTES_MAX).max_buf_size(2 * HEAD_BYTES_MAX).keep_alive(false);
    let _ = http.serve_connection(FuturesIo::new(socket), service).await;
}

/// The request with its whole body.
async fn whole(request: Request<Incoming>) -> Result<Request<Bytes>, Response> {
    let (head, mut body) = request.into_parts();
    match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
        Ok(body) => Ok(Request::from_parts(head, body.to_bytes())),
        Err(failed) if failed.is::<LengthLimitError>() => {
            let mut rest = Limited::new(body, OVERRUN_BYTES_MAX);
            while let Some(Ok(_)) = rest.frame().await {}
            let sentence = format!("A body may have {BODY_BYTES_MAX} bytes.");
            Err(error(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence))
        }
        Err(_) => {
            let sentence = "The body ended early, or is not one of HTTP: send it again.";
            Err(error(StatusCode::BAD_REQUEST, "broken", sentence))
        }
    }
}
