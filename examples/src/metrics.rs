//! The statistics of a server for Prometheus: a page of text, which is handed out over HTTP.

mod families;

use std::io;
use std::net::TcpListener;

use bytes::Bytes;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, StatusCode};
use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::registry::Registry;
use rtspan_std::ServerStats;

use crate::http::{self, Response, Serving};
use families::Snapshot;

/// The statistics in the text format of Prometheus.
pub fn page(stats: ServerStats) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(stats)));
    let mut page = String::new();
    encode(&mut page, &registry).expect("a string takes all that is written");
    page
}

/// The answer that carries them.
pub fn answer(stats: ServerStats) -> Response {
    http::text(StatusCode::OK, CONTENT_TYPE, page(stats))
}

/// Answers `GET /metrics` with what `stats` tells then, on a thread of its own.
///
/// # Errors
///
/// The system has no thread for it, or the socket cannot be waited for.
pub fn serve(listener: TcpListener, stats: impl Fn() -> ServerStats + Send + 'static) -> io::Result<Serving> {
    http::serve(listener, async move |request: Request<Bytes>| {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => answer(stats()),
            (&Method::GET, _) => refusal(StatusCode::NOT_FOUND, "The statistics are at /metrics.\n"),
            _ => refusal(StatusCode::METHOD_NOT_ALLOWED, "Only GET is answered.\n"),
        }
    })
}

fn refusal(status: StatusCode, sentence: &str) -> Response {
    let mut response = http::text(status, "text/plain", sentence.to_owned());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    /// The answers of the server to these bytes.
    fn said(request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = rtspan_std::Server::builder().bind("127.0.0.1:0").unwrap();
        serve(listener, move || server.stats()).unwrap().forever();
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(request).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        said
    }

    #[test]
    fn the_page_is_at_its_path_and_nothing_else_is_anywhere() {
        let page = said(b"GET /metrics?all HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
        assert!(page.contains("\nrtspan_connections 0"), "{page}");
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(said(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(said(b"POST /metrics HTTP/1.1\r\nHost: h\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }
}
