//! The page of `rtspan serve --web`, as programs see it.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;
#[cfg(target_os = "linux")]
use std::{net::SocketAddr, time::Duration};

#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use crate::api::file;
use crate::ports::own_port;
use crate::program::{LIMIT, Program};

const EVENTS: &str = "text/event-stream";
/// As `following.rs` has it.
const FOLLOWERS_MAX: usize = 32;
/// The time that a wrong password costs, and the length of a turn.
#[cfg(target_os = "linux")]
const WRONG_WAIT: Duration = Duration::from_secs(1);

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
    let path = file(
        "web",
        &format!("demo = true\nlisten = [\"127.0.0.1:0\"]\n[web]\nlisten = \"127.0.0.1:{}\"\n", own_port()),
    );
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

/// Asks for the list from an address of this host; the head of the answer if all of it comes, and how long it took.
#[cfg(target_os = "linux")]
fn ask_from(host: [u8; 4], at: &str, password: &str) -> (Option<String>, Duration) {
    let begun = Instant::now();
    let mut answer = BufReader::new(say_from(host, at, password, "application/json"));
    let mut said = String::new();
    let whole = answer.read_to_string(&mut said).is_ok_and(|bytes| bytes > 0);
    (whole.then_some(said), begun.elapsed())
}

/// Sends a request for the list from an address of this host.
#[cfg(target_os = "linux")]
fn say_from(host: [u8; 4], at: &str, password: &str, accept: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((host, 0)).into()).unwrap();
    socket.connect(&at.parse::<SocketAddr>().unwrap().into()).unwrap();
    let mut socket = TcpStream::from(socket);
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let authorization = format!("Authorization: Rtspan viewer:{password}");
    write!(socket, "GET /streams HTTP/1.1\r\nHost: {at}\r\nAccept: {accept}\r\n{authorization}\r\n\r\n")
        .unwrap();
    socket
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_guesses_waits_its_turn_and_pushes_out_nobody_else() {
    let mut server =
        Program::rtspan("serve --listen 127.0.0.1:0 --web 127.0.0.1:0 --user viewer:horse:read:/demo");
    let page = server.line("page at ").split_once("http://").unwrap().1.to_owned();
    let at = page.trim_end_matches('/');
    let (guesser, other) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let is = |answer: &Option<String>, status: &str| {
        answer.as_ref().is_some_and(|said| said.starts_with(&format!("HTTP/1.1 {status} ")))
    };
    let (answer, took) = ask_from(other, at, "wrong");
    assert!(is(&answer, "403") && took >= WRONG_WAIT, "{answer:?} {took:?}");
    let mut follower = BufReader::new(say_from(other, at, "horse", EVENTS));
    event(&mut follower);

    // Those that are answered at once have been too many.
    let guesses: Vec<_> = (0..200).map(|_| say_from(guesser, at, "wrong", "application/json")).collect();
    let begun = Instant::now();
    while !is(&ask_from(guesser, at, "wrong").0, "503") {
        assert!(begun.elapsed() < LIMIT, "guesses have no bound");
    }
    let (answer, took) = ask_from(other, at, "horse");
    assert!(is(&answer, "200") && took < WRONG_WAIT, "{answer:?} {took:?}");
    event(&mut follower);
    event(&mut follower);
    drop(guesses);
    let begun = Instant::now();
    let (answer, took) = loop {
        let (answer, took) = ask_from(guesser, at, "horse");
        if !is(&answer, "503") {
            break (answer, took);
        }
        assert!(begun.elapsed() < LIMIT, "its turn does not come");
    };
    assert!(is(&answer, "200") && took >= WRONG_WAIT, "{answer:?} {took:?}");
}
