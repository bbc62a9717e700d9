//! One connection: a request, and its answer.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::TcpStream;
use std::rc::Rc;

use bytes::Bytes;
use futures_lite::future::or;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use smol::{Async, Timer};
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HEAD_PATIENCE, PATIENCE, Response, error};

/// Bytes behind those of a body that is too long that are read, so that its client comes to read the answer.
const OVERRUN_BYTES_MAX: usize = 1 << 20;

/// Serves one connection. One that breaks off, or takes too long, is closed without a word.
pub(super) async fn serve<F>(socket: Async<TcpStream>, answer: Rc<F>, has_asked: Rc<Cell<bool>>)
where
    F: AsyncFn(Request<Bytes>) -> Response,
{
    let service = service_fn(|request| {
        has_asked.set(true);
        let answer = Rc::clone(&answer);
        async move {
            let answered = match whole(request).await {
                Ok(request) => answer(request).await,
                Err(refusal) => refusal,
            };
            Ok::<_, Infallible>(answered)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(SmolTimer::new()).header_read_timeout(HEAD_PATIENCE);
    http.max_header_size(HEAD_BYTES_MAX).max_buf_size(2 * HEAD_BYTES_MAX).keep_alive(false);
    let served = async {
        let _ = http.serve_connection(FuturesIo::new(socket), service).await;
    };
    let too_long = async {
        Timer::after(PATIENCE).await;
    };
    or(served, too_long).await;
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
