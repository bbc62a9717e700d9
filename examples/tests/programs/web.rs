//! The page of `rtspan serve --web`, as programs see it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::api::file;
use crate::program::{LIMIT, Program};

const EVENTS: &str = "text/event-stream";
/// As `following.rs` has it.
const FOLLOWERS_MAX: usize = 32;

/// Asks for the list; the head of the answer, and where the rest of it comes.
fn ask(at: &str, accept: &str) -> (String, BufReader<TcpStream>) {
    let mut socket = TcpStream::connect(at).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    write!(socket, "GET /streams HTTP/1.1\r\nHost: {at}\r\nAccept: {accept}\r\n\r\n").unwrap();
    let mut answer = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(answer.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (head.to_ascii_lowercase(), answer)
}

/// The next list.
fn event(answer: &mut impl BufRead) -> String {
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert_ne!(answer.read_line(&mut line).unwrap(), 0, "it has ended");
    }
    line
}

fn follows(head: &str) -> bool {
    head.starts_with("http/1.1 200 ") && head.contains("content-type: text/event-stream\r\n")
}

#[test]
fn the_list_is_followed_by_so_many_until_the_page_is_closed_and_others_are_told() {
    let path = file("web", "demo = true\nlisten = [\"127.0.0.1:0\"]\n[web]\nlisten = \"127.0.0.1:0\"\n");
    let mut server = Program::rtspan(&format!("serve --config {}", path.display()));
    let page = server.line("page at ").split_once("http://").unwrap().1.to_owned();
    let at = page.trim_end_matches('/');
    let (head, mut first) = ask(at, EVENTS);
    assert!(follows(&head), "{head}");
    // The page listens before the first picture of the demo is there.
    let begun = Instant::now();
    let mut list = event(&mut first);
    while !list.contains(r#""path":"demo""#) {
        assert!(begun.elapsed() < LIMIT, "{list}");
        list = event(&mut first);
    }
    assert!(list.contains(r#""bitrate":"#), "{list}");
    assert_ne!(event(&mut first), list, "it comes again once it is another one");

    let others: Vec<_> = (1..FOLLOWERS_MAX).map(|_| ask(at, EVENTS)).collect();
    assert!(others.iter().all(|(head, _)| follows(head)));
    let (head, _) = ask(at, EVENTS);
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    let (head, mut once) = ask(at, "text/event-stream, application/json");
    assert!(
        head.starts_with("http/1.1 200 ") && head.contains("content-type: application/json\r\n"),
        "{head}"
    );
    let mut list = String::new();
    once.read_to_string(&mut list).unwrap();
    assert!(list.contains(r#""path":"demo""#), "{list}");
    drop(others);
    let begun = Instant::now();
    while !follows(&ask(at, EVENTS).0) {
        assert!(begun.elapsed() < LIMIT, "there is no room for others once some have gone");
    }

    fs::write(&path, "demo = true\nlisten = [\"127.0.0.1:0\"]\n").unwrap();
    server.signal("HUP");
    server.line(&format!("no longer listening on http://{page}"));
    let mut rest = String::new();
    first.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "the list ends as a whole: {rest:?}");
    assert!(TcpStream::connect(at).is_err());
    server.interrupt().well();
    fs::remove_file(path).unwrap();
}
