//! How the tool fails: the exit status by the kind, one object of JSON, and a sentence for people.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use rtspan_examples::Clip;
use rtspan_std::Server;
use rtspan_std::auth::{Secret, User, Users};
use rtspan_std::{Action, ServerConfig};
use serde_json::Value;

use crate::program::{Program, beside};
use crate::refusing::Refusing;

/// The object of JSON is all that is on standard output; the failure in it, and the sentence.
#[track_caller]
fn failed(command: &str) -> (i32, Value, String) {
    let ended = Program::rtspan(&format!("{command} --json")).end();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{command}: {ended:?}"));
    assert_eq!(told["event"], "failed", "{command}: {told}");
    let status = ended.code.unwrap();
    assert_eq!(told["error"]["status"], status, "{command}: {told}");
    (status, told["error"].clone(), ended.stderr)
}

#[test]
fn each_kind_of_failure_has_its_status_and_is_told_as_json_and_as_a_sentence() {
    let refusing = Refusing::new();
    let closed = refusing.addr();
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let web_addr = web.local_addr().unwrap();
    thread::spawn(move || {
        use std::io::Write as _;
        for stream in web.incoming() {
            let _ = stream.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        }
    });
    let user = User::new("me", Secret::password("secret")).may(Action::Read, "/demo");
    let config = ServerConfig::default().users(Users::default().with(user));
    let server = Server::builder().config(config).bind("127.0.0.1:0").unwrap();
    let _stream = server.publish("/demo", Clip::demo().description()).unwrap();
    let open = Server::builder().bind("127.0.0.1:0").unwrap();
    let _silent = open.publish("/silent", Clip::demo().description()).unwrap();
    let (locked, open) = (server.local_addr(), open.local_addr());
    let cases = [
        ("play rtsp://nowhere.invalid/x".to_owned(), 3, "unresolved", "is its name right?"),
        (format!("play {closed}/x"), 3, "refused", "is a server running there?"),
        (format!("publish {closed}/x"), 3, "refused", "is a server running there?"),
        (format!("snapshot {closed}/x x.png"), 3, "refused", "is a server running there?"),
        (format!("play {web_addr}/x"), 3, "not_rtsp", "this is its web page"),
        (format!("play {locked}/demo"), 4, "password_needed", "rtsp://user:password@host/"),
        (format!("play me:wrong@{locked}/demo"), 4, "password_wrong", "are both right?"),
        (format!("play me:secret@{locked}/other"), 4, "forbidden", "see what the user may do"),
        (format!("play {open}/x"), 5, "not_found", "is the path right?"),
        (
            format!("play {open}/silent --seconds 1 --backchannel {}/Cargo.toml", env!("CARGO_MANIFEST_DIR")),
            5,
            "no_media",
            "rtspan probe",
        ),
        (format!("play {open}/silent --transport multicast"), 6, "no_transport", "another --transport"),
        (
            format!("play {open}/silent --transport tcp --seconds 1"),
            7,
            "nothing_arrives",
            "somebody publishing",
        ),
        (format!("play {open}/silent --seconds 1 --out x.doc"), 8, "unknown_file", "let it end in .mp4"),
        (format!("publish {open}/x --file /nowhere.mp4"), 8, "file", ""),
        (format!("serve --listen {open}"), 8, "port_in_use", "choose another address"),
        ("serve --listen 192.0.2.1:0".to_owned(), 8, "cannot_listen", ":8554 for all"),
        ("serve --listen 127.0.0.1:0 --require-tls".to_owned(), 2, "configuration", ""),
        ("play rtsp://a/ --transport pigeon".to_owned(), 2, "usage", "--help"),
        ("play http://camera/".to_owned(), 2, "usage", "--help"),
        (format!("bench read {closed}/x --seconds 1"), 3, "refused", "is switched on"),
        ("bench churn rtsp://nowhere.invalid/x --seconds 1".to_owned(), 3, "unresolved", "spelt right"),
        (format!("bench read {web_addr}/x --seconds 1"), 3, "not_rtsp", ""),
        (format!("bench read {locked}/demo --seconds 1"), 4, "password_needed", "a path that asks for none"),
        (format!("bench churn {open}/x --seconds 1"), 5, "not_found", "manual"),
        (format!("bench publish {closed}/x --seconds 1"), 3, "refused", "is a server running there?"),
    ];
    beside(&cases, |(command, status, kind, help)| {
        let (code, error, said) = failed(command);
        assert_eq!((code, &error["kind"]), (*status, &Value::from(*kind)), "{command}: {error}");
        if !help.is_empty() {
            assert!(error["help"].as_str().is_some_and(|told| told.contains(help)), "{command}: {error}");
        }
        let message = error["message"].as_str().unwrap();
        assert!(said.contains(message), "{command}: {message} in {said}");
        assert!(!format!("{error}{said}").contains("secret"), "{command}: {error}");
    });
    for command in [&cases[1].0, &cases[6].0] {
        let (_, error, _) = failed(command);
        assert!(error["url"].as_str().is_some_and(|url| url.contains("127.0.0.1:")), "{error}");
        assert!(error["causes"].as_array().is_some_and(|causes| !causes.is_empty()), "{error}");
    }
}

#[test]
fn a_failure_behind_a_result_is_told_in_the_same_object() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let _silent = server.publish("/silent", Clip::demo().description()).unwrap();
    let play = format!("play {}/silent --transport tcp --seconds 1 --json", server.local_addr());
    let ended = Program::rtspan(&play).end();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["event"], &told["transport"]), (&"failed".into(), &"tcp".into()), "{told}");
    assert_eq!(told["tracks"].as_array().map(Vec::len), Some(2), "{told}");
    let probe = Program::rtspan(&format!("probe {}/x --json", server.local_addr())).end();
    let told: Value = serde_json::from_str(&probe.stdout).unwrap();
    assert_eq!(
        (probe.code, &told["error"]["kind"], &told["sound"]),
        (Some(5), &"not_found".into(), &false.into())
    );
}

#[test]
fn what_is_interrupted_before_it_has_a_result_says_so() {
    // Nobody answers there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let player = Program::rtspan(&format!("play {}/x --json", silent.local_addr().unwrap()));
    // It is connected.
    let (_conn, _) = silent.accept().unwrap();
    let ended = player.interrupt();
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((ended.code, &told["error"]["kind"]), (Some(130), &"interrupted".into()), "{told}");
}

#[test]
fn a_snapshot_tells_its_size_and_goes_to_standard_output_too() {
    let (_server, url) = Program::serve("smol");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("told.png");
    let told = Program::rtspan(&format!("snapshot {url}/demo {} --json", file.display())).end().json();
    assert_eq!(told["format"], "png", "{told}");
    let header = fs::read(&file).unwrap();
    let width = u32::from_be_bytes(header[16..20].try_into().unwrap());
    assert_eq!(told["width"], width, "{told}");
    let script = format!("{} snapshot {url}/demo - | head -c 8", crate::program::rtspan().display());
    let piped = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(piped.stdout, b"\x89PNG\r\n\x1a\n");
}
