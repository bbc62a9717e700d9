//! `rtspan serve` says what happens, in text and in JSON.

use std::io::{Read, Write};
use std::net::TcpStream;

use rtspan_std::is_printable;
use serde_json::Value;

use crate::program::{Program, RUNTIMES};

/// Starts `rtspan serve` with these options and gives its URL, which JSON tells as an object.
fn serve(options: &str) -> (Program, String) {
    let mut server = Program::rtspan(&format!("serve --listen 127.0.0.1:0 {options}"));
    if !options.contains("json") {
        let url = server.url();
        return (server, url);
    }
    let listening = event(&mut server, "listening");
    let url = listening["url"].as_str().unwrap().to_owned();
    (server, url)
}

/// Waits for an event of this name.
fn event(server: &mut Program, name: &str) -> Value {
    let line = server.line(&format!("\"event\":\"{name}\""));
    serde_json::from_str(&line).unwrap()
}

/// Sends requests and reads their answers until the server closes.
fn asks(url: &str, requests: &str) -> String {
    let mut socket = TcpStream::connect(url.trim_start_matches("rtsp://")).unwrap();
    socket.write_all(requests.as_bytes()).unwrap();
    socket.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answers = Vec::new();
    socket.read_to_end(&mut answers).unwrap();
    String::from_utf8_lossy(&answers).into_owned()
}

#[test]
fn every_event_is_an_object_with_its_name_and_its_time_on_every_runtime() {
    for runtime in RUNTIMES {
        let (mut server, url) = serve(&format!("--events json --runtime {runtime}"));
        let mut publisher = Program::rtspan(&format!("publish {url}/live --seconds 30 --runtime {runtime}"));
        let opened = event(&mut server, "session_opened");
        assert_eq!((&opened["path"], &opened["action"]), (&"/live".into(), &"publish".into()), "{opened}");
        assert!(opened["time"].as_f64() > Some(1e9), "{opened}");
        let published = event(&mut server, "published");
        let recording = event(&mut server, "recording");
        for told in [&published, &recording] {
            assert_eq!((&told["session"], &told["conn"]), (&opened["session"], &opened["conn"]), "{told}");
            assert_eq!(told["stream"], published["stream"]);
        }
        publisher.line("publishing at");
        publisher.interrupt().well();
        let gone = event(&mut server, "unpublished");
        assert_eq!((&gone["session"], &gone["stream"]), (&opened["session"], &published["stream"]), "{gone}");
        assert_eq!(event(&mut server, "session_closed")["session"], opened["session"]);
        for line in server.interrupt().well().lines() {
            let told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(told["event"].is_string() && told["event"] != "other", "{line}");
        }
    }
}

#[test]
fn what_peers_say_is_escaped_in_json_and_secrets_are_in_no_event() {
    let user = "--user wall:horse:read --trace --auth basic";
    let odd = "/a\u{9b}31m\u{202e}\u{85}";
    let authorization = "Authorization: Basic d2FsbDpob3JzZQ==";
    let requests = format!(
        "DESCRIBE rtsp://wall:horse@h{odd}?token=horse RTSP/1.0\r\nCSeq: 1\r\n{authorization}\r\n\r\n\
         OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n{authorization}\r\nX-Odd: {odd}\r\n\r\n\
         DESCRIBE rtsp://h{odd} RTSP/1.0\r\nCSeq: 3\r\nAuthorization: Basic d2FsbDpkb25rZXk=\r\n\r\n"
    );
    for format in ["json", "text"] {
        let (mut server, url) = serve(&format!("{user} --events {format}"));
        let answers = asks(&url, &requests);
        assert!(answers.contains("CSeq: 3"), "{answers}");
        match format {
            "json" => {
                let message = event(&mut server, "message_received")["message"].as_str().unwrap().to_owned();
                assert!(message.contains(odd) && message.contains("Authorization: ***"), "{message}");
                let failed = event(&mut server, "auth_failed");
                assert_eq!(failed["user"], "wall", "{failed}");
                event(&mut server, "conn_closed");
            }
            _ => {
                server.line("< OPTIONS * RTSP/1.0");
                server.line("> RTSP/1.0 200 OK");
                server.line("has gone");
            }
        }
        let said = server.interrupt().well();
        assert!(said.lines().all(|line| line.chars().all(is_printable)), "{said:?}");
        for secret in ["horse", "d2FsbDpob3JzZQ", "d2FsbDpkb25rZXk"] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

#[test]
fn a_stream_waits_for_its_publisher_if_it_is_told_to() {
    let (mut server, url) = serve("--resume 60");
    let publisher = Program::rtspan(&format!("publish {url}/live"));
    server.line("has opened a session to publish /live");
    server.line("publishes /live over tcp");
    // Dropped, it is killed, and says no goodbye.
    drop(publisher);
    server.line("the publisher of /live has gone, and is waited for");
    let _again = Program::rtspan(&format!("publish {url}/live"));
    server.line("/live has another publisher");
    server.interrupt().well();
}
