//! Files that are read again: what a running server takes of them, and what counts from the next start on.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::api::file;
use crate::ports::own_port;
use crate::program::{Program, RUNTIMES, beside, on_each_runtime};

on_each_runtime![other_hooks_take_the_place_of_those_before,];

/// The status of the answer to a request of a control interface.
fn asked(at: &str, token: &str, request: &str) -> String {
    let mut socket = TcpStream::connect(at).unwrap();
    let authorization = format!("Authorization: Bearer {token}\r\nContent-Length: 0");
    write!(socket, "{request} HTTP/1.1\r\nHost: {at}\r\n{authorization}\r\n\r\n").unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn addresses_come_and_go_and_connections_stay() {
    beside(RUNTIMES, |runtime| {
        // Another program may have a free port meanwhile, so that it is tried again.
        let (ports, mut server, path) = (0..5)
            .find_map(|number| {
                let ports: [u16; 8] = std::array::from_fn(|_| own_port());
                let [first, second, _, api, _, metrics, web, _] = ports;
                let listen = format!("\"127.0.0.1:{first}\", \"127.0.0.1:{second}\"");
                let path = file(
                    &format!("places-{runtime}-{number}"),
                    &format!("demo = true\nlisten = [{listen}]\nmetrics = \"127.0.0.1:{metrics}\"\n[api]\nlisten = \"127.0.0.1:{api}\"\n[web]\nlisten = \"127.0.0.1:{web}\"\n"),
                );
                let mut server = Program::rtspan(&format!(
                    "serve --json --config {} --runtime {runtime}",
                    path.display()
                ));
                server.either_line(&format!("\"rtsp://127.0.0.1:{second}\""), "rtspan: ").ok()?;
                Some((ports, server, path))
            })
            .expect("ports are free");
        let [first, second, third, api, other_api, metrics, web, other_web] = ports;
        let stays = Program::rtspan(&format!("play rtsp://127.0.0.1:{first}/demo --transport tcp --json"));
        server.line("\"event\":\"playing\"");
        let text = format!(
            "demo = true\nstart = \"keyframe\"\nlisten = [\"127.0.0.1:{second}\", \"127.0.0.1:{third}\"]\n\
             [api]\nlisten = \"127.0.0.1:{other_api}\"\ntoken = \"correct-horse-battery\"\n[limits]\nsessions = 500\n\
             [web]\nlisten = \"127.0.0.1:{other_web}\"\n"
        );
        fs::write(&path, text).unwrap();
        let said = asked(&format!("127.0.0.1:{api}"), "none", "POST /v1/reload");
        server.line("\"event\":\"reloaded\"");
        let changes: Value = serde_json::from_str(said.split_once("\r\n\r\n").unwrap().1).unwrap();
        assert_eq!(
            changes["opened"],
            json!([
                format!("rtsp://127.0.0.1:{third}"),
                format!("http://127.0.0.1:{other_api}/v1"),
                format!("http://127.0.0.1:{other_web}/"),
            ]),
            "{changes}"
        );
        assert_eq!(
            changes["closed"],
            json!([
                format!("rtsp://127.0.0.1:{first}"),
                format!("http://127.0.0.1:{metrics}/metrics"),
                format!("http://127.0.0.1:{api}/v1"),
                format!("http://127.0.0.1:{web}/"),
            ]),
            "{changes}"
        );
        assert_eq!(changes["token"], json!(true), "{changes}");
        let at_next_start =
            json!([{ "setting": "start", "line": 2 }, { "setting": "limits.sessions", "line": 8 }]);
        assert_eq!(changes["at_next_start"], at_next_start, "{changes}");
        for port in [second, third] {
            Program::played(&format!("rtsp://127.0.0.1:{port}/demo --transport tcp")).well();
        }
        for port in [first, api, metrics, web] {
            let begun = std::time::Instant::now();
            while TcpStream::connect(("127.0.0.1", port)).is_ok() {
                assert!(begun.elapsed() < crate::program::LIMIT, "{port} is listened on still");
            }
        }
        let page = format!("127.0.0.1:{other_web}");
        assert!(asked(&page, "none", "GET /page.js").starts_with("HTTP/1.1 200 "));
        let at = format!("127.0.0.1:{other_api}");
        assert!(asked(&at, "none", "GET /v1/stats").starts_with("HTTP/1.1 401 "));
        assert!(asked(&at, "correct-horse-battery", "GET /v1/stats").starts_with("HTTP/1.1 200 "));

        // Another token at the same address, and no page any more.
        let text =
            fs::read_to_string(&path).unwrap().replace("correct-horse-battery", "staple-staple-staple");
        let text = text.split("[web]").next().unwrap().to_owned();
        fs::write(&path, text).unwrap();
        server.signal("HUP");
        let told: Value = serde_json::from_str(&server.line("\"event\":\"reloaded\"")).unwrap();
        assert_eq!((&told["token"], &told["opened"]), (&json!(true), &json!([])), "{told}");
        assert_eq!(told["closed"], json!([format!("http://127.0.0.1:{other_web}/")]), "{told}");
        assert_eq!(told["at_next_start"], at_next_start, "it is said until the next start: {told}");
        assert!(asked(&at, "correct-horse-battery", "GET /v1/stats").starts_with("HTTP/1.1 401 "));

        // An address that cannot be opened leaves all as it was.
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = format!("demo = true\nlisten = [\"{}\"]\n", taken.local_addr().unwrap());
        fs::write(&path, text).unwrap();
        server.signal("HUP");
        server.line("\"event\":\"reload_failed\"");
        assert!(asked(&at, "staple-staple-staple", "GET /v1/paths/demo").starts_with("HTTP/1.1 200 "));
        Program::played(&format!("rtsp://127.0.0.1:{second}/demo --transport tcp")).well();

        let played = stays.interrupt().json();
        assert!(
            played["tracks"][0]["packets"].as_u64() > Some(20) && played["tracks"][0]["lost"] == 0,
            "{played}"
        );
        server.interrupt().well();
        fs::remove_file(path).unwrap();
    });
}

fn other_hooks_take_the_place_of_those_before(runtime: &str) {
    let text = |word: &str| {
        format!("demo = true\n[[hooks]]\non = [\"read\"]\nshell = \"echo {word} $RTSPAN_PATH\"\n")
    };
    let path = file(&format!("reload-hooks-{runtime}"), &text("before"));
    let serve = format!("serve --listen 127.0.0.1:0 --runtime {runtime} --config {}", path.display());
    let mut server = Program::rtspan(&serve);
    let url = server.url();
    // It plays until it has been seen.
    let play = || Program::rtspan(&format!("play {url}/demo --transport tcp"));
    let player = play();
    server.line("hook shell: before demo");
    player.interrupt();
    fs::write(&path, text("after")).unwrap();
    server.signal("HUP");
    server.line("the settings were read again");
    let player = play();
    server.line("hook shell: after demo");
    player.interrupt();
    let said = server.interrupt().well();
    assert_eq!(said.matches("hook shell: before").count(), 1, "{said}");
    fs::remove_file(path).unwrap();
}
