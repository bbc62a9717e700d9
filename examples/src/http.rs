//! A small HTTP server for what a program tells of itself and lets be done to it: statistics, a control interface.
//!
//! It takes one request from each connection, and everything that a client can make grow or last has a bound.

mod connection;
mod guard;

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, StatusCode};
use serde_json::Value;
use smol::{Async, LocalExecutor, Task, Timer};

pub use guard::{Guard, Refusal, TOKEN_BYTES_MIN};

/// How long a client may take to send the head of its request.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(5);
/// How long a client may take with everything: to ask, to be answered, and to read the answer.
pub const PATIENCE: Duration = Duration::from_secs(15);
/// Bytes of the head of a request.
pub const HEAD_BYTES_MAX: usize = 8 << 10;
/// Bytes of the body of a request.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Connections at a time. When another one comes, the oldest that has asked for nothing yet makes room.
pub const CONNECTIONS_MAX: usize = 64;

/// An answer with its whole body.
pub type Response = hyper::Response<Full<Bytes>>;

/// Answers requests on a thread of its own for as long as the program runs.
///
/// # Errors
///
/// The system has no thread for it, or the socket cannot be waited for.
pub fn serve<F>(listener: TcpListener, answer: F) -> io::Result<()>
where
    F: AsyncFn(Request<Bytes>) -> Response + Send + 'static,
{
    let listener = Async::new(listener)?;
    let serve = move || {
        let executor = LocalExecutor::new();
        async_io::block_on(executor.run(accept(&executor, &listener, Rc::new(answer))));
    };
    thread::Builder::new().name("http".to_owned()).spawn(serve).map(drop)
}

async fn accept<'a, F>(executor: &LocalExecutor<'a>, listener: &Async<TcpListener>, answer: Rc<F>)
where
    F: AsyncFn(Request<Bytes>) -> Response + 'a,
{
    let mut connections = Connections::default();
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let has_asked = Rc::new(Cell::new(false));
                let serve = connection::serve(socket, Rc::clone(&answer), Rc::clone(&has_asked));
                connections.make_room();
                connections.0.push_back((has_asked, executor.spawn(serve)));
            }
            // Such as no file descriptor being free.
            Err(_) => drop(Timer::after(Duration::from_millis(100)).await),
        }
    }
}

/// The connections that there are, the oldest first, and whether they have asked for something. A task that is dropped ends.
#[derive(Default)]
struct Connections(VecDeque<(Rc<Cell<bool>>, Task<()>)>);

impl Connections {
    fn make_room(&mut self) {
        self.0.retain(|(_, task)| !task.is_finished());
        if self.0.len() >= CONNECTIONS_MAX {
            let idle = self.0.iter().position(|(has_asked, _)| !has_asked.get());
            self.0.remove(idle.unwrap_or_default());
        }
    }
}

/// An answer of plain text, or of another type.
pub fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Full::from(body));
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
