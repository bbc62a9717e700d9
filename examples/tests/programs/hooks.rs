//! Hooks of a server, as commands see what happens.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use rtspan_std::{Client, Transports};
use serde_json::Value;

use crate::api::file;
use crate::program::{LIMIT, Program, RUNTIMES, beside, on_each_runtime};

on_each_runtime![commands_and_addresses_are_told_who_reads_and_a_hook_that_fails_is_said,];

fn commands_and_addresses_are_told_who_reads_and_a_hook_that_fails_is_said(runtime: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (posted, bodies) = channel();
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let (mut request, mut block) = (Vec::new(), [0; 4096]);
        while !request.ends_with(b"}") {
            let read = socket.read(&mut block).unwrap();
            request.extend_from_slice(&block[..read]);
        }
        socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
        posted.send(String::from_utf8(request).unwrap()).unwrap();
    });
    let text = format!(
        r#"
        demo = true
        [[hooks]]
        on = ["ready", "read", "unread"]
        shell = 'echo "$RTSPAN_EVENT $RTSPAN_PATH for ${{RTSPAN_TRANSPORT:-all}}"'
        [[hooks]]
        on = ["read"]
        paths = "de*"
        url = "http://{at}/told"
        [[hooks]]
        on = ["read"]
        run = ["/nowhere/rtspan-hook"]
        [[hooks]]
        on = ["read"]
        paths = "other"
        shell = "echo never"
        "#
    );
    let file = file(&format!("hooks-{runtime}"), &text);
    let serve = format!("serve --listen 127.0.0.1:0 --runtime {runtime} --config {}", file.display());
    let mut server = Program::rtspan(&serve);
    let url = server.url();
    server.line("hook shell: ready demo for all");
    let mut packets =
        Client::builder(&format!("{url}/demo")).unwrap().transport(Transports::Tcp).play().unwrap();
    packets.next().unwrap().unwrap();
    let request = bodies.recv_timeout(LIMIT).unwrap();
    assert!(request.starts_with("POST /told HTTP/1.1\r\n"), "{request}");
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((body["event"].as_str(), body["path"].as_str()), (Some("read"), Some("demo")));
    assert!(
        body["peer"].as_str().unwrap().starts_with("127.0.0.1:") && body["session"].is_string(),
        "{body}"
    );
    drop(packets);
    server.line("hook shell: unread demo for tcp");
    let ended = server.interrupt();
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert_eq!(ended.code, Some(0), "{said}");
    assert!(said.contains("hook shell: read demo for tcp"), "{said}");
    assert!(said.contains("hook /nowhere/rtspan-hook failed for demo: cannot be run: "), "{said}");
    assert!(!said.contains("never"), "{said}");
    fs::remove_file(file).unwrap();
}

#[test]
fn hooks_are_told_of_the_ends_of_all_before_the_server_ends() {
    beside(RUNTIMES, |runtime| {
        let text = r#"
            demo = true
            [[hooks]]
            on = ["unread", "unpublish", "gone"]
            shell = 'sleep 0.1; echo "$RTSPAN_EVENT $RTSPAN_PATH: $RTSPAN_REASON"'
            [[hooks]]
            on = ["gone"]
            run = ["sleep", "1000"]
            timeout = "1s"
            "#;
        let file = file(&format!("hooks-end-{runtime}"), text);
        let serve = format!("serve --listen 127.0.0.1:0 --config {} --runtime {runtime}", file.display());
        let mut server = Program::rtspan(&serve);
        let url = server.url();
        let publisher = Program::rtspan(&format!("publish {url}/live"));
        server.line("publishes /live");
        let player = Program::rtspan(&format!("play {url}/demo --no-reconnect"));
        server.line("plays /demo");
        server.signal("TERM");
        let ended = server.end();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(0), "{said}");
        let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part} in {said}"));
        at("hook shell: unpublish live: ");
        assert!(at("hook shell: unread demo: ") < at("hook shell: gone demo: "), "{said}");
        at("hook shell: gone live: ");
        assert!(said.contains("hook sleep failed for demo: ended after 1 s"), "{said}");
        drop((publisher, player));
        fs::remove_file(file).unwrap();
    });
}

#[test]
fn what_is_wrong_with_a_hook_is_said() {
    for (hook, part) in [
        ("on = [\"never\"]\nshell = \"x\"", "expected ready, gone"),
        ("shell = \"x\"", "on is missing"),
        ("on = [\"ready\"]", "one of run, shell and url"),
        ("on = [\"ready\"]\nrun = [\"x\"]\nurl = \"http://x\"", "one of run, shell and url"),
        ("on = [\"ready\"]\nrun = []", "a program and its arguments"),
        ("on = [\"ready\"]\nurl = \"ftp://x\"", "http:// or https://"),
    ] {
        let file = file("hooks-refused", &format!("[[hooks]]\n{hook}\n"));
        let ended = Program::rtspan(&format!("serve --check --config {}", file.display())).end();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code != Some(0) && said.contains(part), "{hook}: {said}");
        fs::remove_file(file).unwrap();
    }
}
