//! A small HTTP server for what a program tells of itself and lets be done to it: statistics, a control interface.
//!
//! It takes one request from each connection, and everything that a client can make grow or last has a bound.

mod body;
mod connection;
mod connections;
mod guard;
mod tls;

use std::cell::Cell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures_lite::future::or;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use rustls::ServerConfig;
use serde_json::Value;
use smol::channel::{Receiver, Sender, bounded};
use smol::{Async, LocalExecutor, Timer};

pub use body::Body;
pub use connections::Origin;
use connections::{Connection, Connections};
pub use guard::{Guard, Refusal, TOKEN_BYTES_MIN, bearer, check_token, is_by_address};

/// How long a client may take to send the head of its request.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take with everything: to ask, to be answered, and to read the answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of the head of a request.
pub const HEAD_BYTES_MAX: usize = 8 << 10;
/// Bytes of the body of a request.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Connections at a time. When another one comes, one of the address that has the most makes room: the oldest that has asked for
/// nothing yet, if there is one.
pub const CONNECTIONS_MAX: usize = 64;

/// An answer.
pub type Response = hyper::Response<Body>;

/// Gives the certificate that a connection over TLS is shown; it may become another one.
pub type Certificate = Box<dyn Fn() -> Arc<ServerConfig> + Send>;

/// An extension of requests that have come over TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// A server that listens until this is dropped. Who is connected then is answered still.
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Serving {
    _listens: Sender<()>,
}

impl Serving {
    /// Has it listen for as long as the program runs.
    pub fn forever(self) {
        std::mem::forget(self);
    }
}

/// Answers requests on a thread of its own.
///
/// # Errors
///
/// The system has no thread for it, or the socket cannot be waited for.
pub fn serve<F>(listener: TcpListener, answer: F) -> io::Result<Serving>
where
    F: AsyncFn(Request<Bytes>) -> Response + Send + 'static,
{
    serve_securely(listener, None, answer)
}

/// The same; clients may come over TLS if there is a certificate, to the same port.
///
/// # Errors
///
/// As [`serve`].
pub fn serve_securely<F>(
    listener: TcpListener,
    certificate: Option<Certificate>,
    answer: F,
) -> io::Result<Serving>
where
    F: AsyncFn(Request<Bytes>) -> Response + Send + 'static,
{
    let listener = Async::new(listener)?;
    // Nothing is sent: it closes when the other end is dropped.
    let (serving, stopped) = bounded(1);
    let serve = move || {
        let executor = LocalExecutor::new();
        let accept = accept(&executor, listener, certificate.as_ref(), Rc::new(answer), &stopped);
        async_io::block_on(executor.run(accept));
    };
    thread::Builder::new().name("http".to_owned()).spawn(serve)?;
    Ok(Serving { _listens: serving })
}

async fn accept<'a, F>(
    executor: &LocalExecutor<'a>,
    listener: Async<TcpListener>,
    certificate: Option<&'a Certificate>,
    answer: Rc<F>,
    stopped: &Receiver<()>,
) where
    F: AsyncFn(Request<Bytes>) -> Response + 'a,
{
    let mut connections = Connections::default();
    let stop = async || {
        let _ = stopped.recv().await;
        None
    };
    while let Some(accepted) = or(stop(), async { Some(listener.accept().await) }).await {
        match accepted {
            Ok((socket, peer)) => {
                let origin = Origin::from(peer.ip());
                let has_asked = Rc::new(Cell::new(false));
                let serve = connection::serve(
                    (socket, origin),
                    certificate,
                    Rc::clone(&answer),
                    Rc::clone(&has_asked),
                    stopped.clone(),
                );
                let task = executor.spawn(serve);
                connections.add(Connection { origin, has_asked, task });
            }
            // Such as no file descriptor being free.
            Err(_) => drop(Timer::after(Duration::from_millis(100)).await),
        }
    }
    drop(listener);
    connections.end().await;
}

/// An answer of plain text, or of another type.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type.parse().expect("a type of content"));
    response
}

/// An answer of JSON, with a line feed behind it.
pub fn json(status: StatusCode, body: &Value) -> Response {
    text(status, "application/json", format!("{body}\n"))
}

/// An error, and a sentence that says what to do.
pub fn error(status: StatusCode, kind: &str, message: impl Into<String>) -> Response {
    json(status, &serde_json::json!({ "error": kind, "message": message.into() }))
}

#[cfg(test)]
mod tests;
