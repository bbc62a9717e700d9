//! The statistics of a server for Prometheus: a page of text, and the smallest HTTP server that hands it out.

mod families;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use prometheus_client::encoding::prometheus_text::{CONTENT_TYPE, encode};
use prometheus_client::registry::Registry;
use rtspan_std::ServerStats;

use families::Snapshot;

/// How long a client may take to ask, and to read its answer: others wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of a request; more is not read.
const REQUEST_BYTES_MAX: usize = 8 << 10;

/// The statistics in the text format of Prometheus.
pub fn page(stats: ServerStats) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Snapshot(stats)));
    let mut page = String::new();
    encode(&mut page, &registry).expect("a string takes all that is written");
    page
}

/// Answers `GET /metrics` with what `stats` tells then, one client after the other, on a thread of its own for as long as
/// the program runs.
///
/// # Errors
///
/// The system has no thread for it.
pub fn serve(listener: TcpListener, stats: impl Fn() -> ServerStats + Send + 'static) -> io::Result<()> {
    let answer_all = move || {
        for client in listener.incoming() {
            match client {
                // A client that has gone, or is too slow, has no answer.
                Ok(client) => drop(answer(&client, &stats)),
                // Such as no file descriptor being free.
                Err(_) => thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    thread::Builder::new().name("metrics".to_owned()).spawn(answer_all).map(drop)
}

fn answer(mut client: &TcpStream, stats: impl Fn() -> ServerStats) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    let request = read_head(client)?;
    let line = request.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (words.next(), words.next().unwrap_or_default());
    let path = target.split('?').next();
    let (status, body) = match (method, path) {
        (Some("GET"), Some("/metrics")) => ("200 OK", page(stats())),
        (Some("GET"), _) => ("404 Not Found", "The statistics are at /metrics.\n".to_owned()),
        _ => ("405 Method Not Allowed", "Only GET is answered.\n".to_owned()),
    };
    let length = body.len();
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\nAllow: GET\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

/// Reads up to the empty line behind the headers, or as much as is read at most.
fn read_head(mut client: &TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut block = [0; 1024];
    while head.len() < REQUEST_BYTES_MAX && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match client.read(&mut block)? {
            0 => break,
            n => head.extend_from_slice(&block[..n]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers of the server to these bytes.
    fn said(request: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = rtspan_std::Server::builder().bind("127.0.0.1:0").unwrap();
        serve(listener, move || server.stats()).unwrap();
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(request).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        said
    }

    #[test]
    fn the_page_is_at_its_path_and_nothing_else_is_anywhere() {
        let page = said(b"GET /metrics?all HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"), "{page}");
        assert!(page.contains("\nrtspan_connections 0"), "{page}");
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert!(said(b"GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(said(b"POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn a_request_without_end_is_read_up_to_its_bound() {
        let endless = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; REQUEST_BYTES_MAX]].concat();
        assert!(said(&endless[..REQUEST_BYTES_MAX]).starts_with("HTTP/1.1 200 "));
    }
}
