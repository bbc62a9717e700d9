//! The control interface, as a program asks it, and as somebody asks it who means no good.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process;
use std::time::Instant;

use rtspan_std::{Client, Transports};
use serde_json::{Value, json};

use crate::program::{LIMIT, Program, RUNTIMES, on_each_runtime};

on_each_runtime![
    paths_are_made_changed_told_and_removed,
    what_is_wrong_is_said_and_changes_nothing,
    a_path_of_the_file_comes_back_with_it_and_one_of_a_program_stays,
    settings_are_shown_without_secrets,
    paths_that_are_added_at_once_are_all_there,
    a_reader_is_told_and_can_be_sent_away,
    the_file_is_read_again_when_that_is_asked_for,
    nobody_asks_without_the_token_and_no_page_of_a_browser_does,
];

const TOKEN: &str = "correct-horse-battery";

/// A file of this text, for a test of this name.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rtspan-{name}-{}.toml", process::id()));
    fs::write(&path, text).unwrap();
    path
}

/// Sends a request, and reads the status and the body of its answer.
fn exchange(at: &str, request: &str) -> (u16, Value) {
    let mut socket = TcpStream::connect(at).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).unwrap();
    let status = said.split(' ').nth(1).unwrap().parse().unwrap();
    let body = said.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)))
}

struct Api {
    _server: Program,
    url: String,
    at: String,
    file: PathBuf,
    token: Option<&'static str>,
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

impl Api {
    /// A server with a clip, whose control interface has this token.
    fn start(runtime: &str, name: &str, token: Option<&'static str>) -> Self {
        let secret = token.map_or_else(String::new, |token| format!("token = \"{token}\"\n"));
        let text = format!("demo = true\n[api]\nlisten = \"127.0.0.1:0\"\n{secret}[paths.open]\n");
        let api = Self::of(runtime, name, &text, token);
        let begun = Instant::now();
        while api.get("/v1/paths/demo")["ready"] != json!(true) {
            assert!(begun.elapsed() < LIMIT, "the clip is not there");
        }
        api
    }

    /// A server by this file.
    fn of(runtime: &str, name: &str, text: &str, token: Option<&'static str>) -> Self {
        let file = file(&format!("{name}-{runtime}"), text);
        let mut server = Program::rtspan(&format!(
            "serve --listen 127.0.0.1:0 --runtime {runtime} --config {}",
            file.display()
        ));
        let line = server.line("control interface at ");
        let at = line.split_once("http://").unwrap().1.trim_end_matches("/v1").to_owned();
        let url = server.url();
        Self { _server: server, url, at, file, token }
    }

    /// The status and the body of an answer.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let authorization =
            self.token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let length = body.len();
        self.say(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Content-Length: {length}\r\n\r\n{body}",
            self.at
        ))
    }

    fn say(&self, request: &str) -> (u16, Value) {
        exchange(&self.at, request)
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

fn paths_are_made_changed_told_and_removed(runtime: &str) {
    let api = Api::start(runtime, "api-paths", None);
    let names = |api: &Api| -> Vec<Value> {
        let paths = api.get("/v1/paths");
        paths["paths"].as_array().unwrap().iter().map(|path| path["name"].clone()).collect()
    };
    assert!(names(&api).contains(&json!("open")), "{:?}", names(&api));
    let camera = json!({ "source": "rtsp://admin:hunter2@127.0.0.1:1/x?token=hunter2", "on_demand": true })
        .to_string();
    let (status, made) = api.ask("PUT", "/v1/paths/cam%2F1", &camera);
    assert_eq!((status, &made["name"], &made["ready"]), (201, &json!("cam/1"), &json!(false)), "{made}");
    let (status, changed) = api.ask("PUT", "/v1/paths/cam/1", "{}");
    assert_eq!((status, &changed["source"]), (200, &json!("publisher")), "{changed}");
    assert!(names(&api).contains(&json!("cam/1")));
    assert!(
        !api.get("/v1/paths/cam/1").to_string().contains("hunter2") && !made.to_string().contains("hunter2")
    );
    assert_eq!(api.ask("DELETE", "/v1/paths/cam/1", "").0, 204);
    assert_eq!(api.ask("DELETE", "/v1/paths/cam/1", "").0, 404);
    assert!(!names(&api).contains(&json!("cam/1")));
}

fn what_is_wrong_is_said_and_changes_nothing(runtime: &str) {
    let api = Api::start(runtime, "api-faults", None);
    let before = api.get("/v1/paths");
    for (body, part) in [
        ("", "JSON"),
        ("{\"sauce\": \"x\"}", "sauce"),
        ("{\"source\": \"http://x\"}", "source"),
        ("[1", "JSON"),
    ] {
        let (status, said) = api.ask("PUT", "/v1/paths/cam", body);
        let sentence = said["message"].as_str().unwrap();
        assert!(status == 400 && sentence.contains(part), "{body}: {said}");
    }
    for name in ["..", "%2e%2e/x", "a/..%2fb", "a//b", "a%00b", "%ff", ""] {
        let (status, said) = api.ask("PUT", &format!("/v1/paths/{name}"), "{}");
        assert_eq!((status, &said["error"]), (400, &json!("name")), "{name}: {said}");
    }
    assert_eq!(api.get("/v1/paths"), before);
    assert_eq!(api.ask("GET", "/v1/paths/none", "").0, 404);
    assert_eq!(api.ask("GET", "/v2", "").0, 404);
    assert_eq!(api.ask("POST", "/v1/paths", "").0, 405);
    assert_eq!(api.ask("GET", "/v1/reload", "").0, 405);
    let (status, said) = api.ask("PUT", "/v1/paths/cam", &" ".repeat(100_000));
    assert_eq!((status, &said["error"]), (413, &json!("too_large")));
}

fn a_path_of_the_file_comes_back_with_it_and_one_of_a_program_stays(runtime: &str) {
    let api = Api::start(runtime, "api-stays", None);
    assert_eq!(api.ask("PUT", "/v1/paths/mine", "{}").0, 201);
    assert_eq!(api.ask("DELETE", "/v1/paths/open", "").0, 204);
    assert_eq!(api.ask("GET", "/v1/paths/open", "").0, 404);
    let (status, changes) = api.ask("POST", "/v1/reload", "");
    assert_eq!(
        (status, &changes["added"], &changes["removed"]),
        (200, &json!(["open"]), &json!([])),
        "{changes}"
    );
    api.get("/v1/paths/open");
    api.get("/v1/paths/mine");
    assert_eq!(api.ask("DELETE", "/v1/paths/mine", "").0, 204);
    assert_eq!(api.ask("POST", "/v1/reload", "").0, 200);
    assert_eq!(api.ask("GET", "/v1/paths/mine", "").0, 404);
}

fn settings_are_shown_without_secrets(runtime: &str) {
    let text = r#"
        dscp = "AF41"
        [multicast]
        interface = "eth0"
        [api]
        listen = "127.0.0.1:0"
        [[users]]
        name = "wall"
        password = "hunter2"
        read = ["*"]
        [paths.gate]
        source = "rtsp://admin:hunter2@127.0.0.1:1/x?token=hunter2"
        on_demand = true
        [[hooks]]
        on = ["read"]
        run = ["curl", "-u", "me:hunter2", "--header", "Authorization: Bearer hunter2"]
        [[hooks]]
        on = ["read"]
        shell = "TOKEN=hunter2 tell"
        [[hooks]]
        on = ["read"]
        url = "https://hooks.example/services/hunter2"
    "#;
    let api = Api::of(runtime, "api-config", text, None);
    let config = api.get("/v1/config");
    assert!(!config.to_string().contains("hunter2"), "{config}");
    assert_eq!(
        (&config["dscp"], &config["multicast"]["interface"]),
        (&json!("34"), &json!("eth0")),
        "{config}"
    );
    assert_eq!(config["hooks"][0]["run"][0], "curl");
}

fn paths_that_are_added_at_once_are_all_there(runtime: &str) {
    let api = Api::start(runtime, "api-at-once", None);
    std::thread::scope(|scope| {
        for number in 0..16 {
            let at = &api.at;
            let request =
                format!("PUT /v1/paths/cam{number} HTTP/1.1\r\nHost: {at}\r\nContent-Length: 2\r\n\r\n{{}}");
            scope.spawn(move || assert!(exchange(at, &request).0 < 300));
        }
    });
    for number in 0..16 {
        api.get(&format!("/v1/paths/cam{number}"));
    }
}

fn a_reader_is_told_and_can_be_sent_away(runtime: &str) {
    let api = Api::start(runtime, "api-sessions", None);
    let url = format!("{}/demo", api.url);
    let mut packets = Client::builder(&url).unwrap().transport(Transports::Tcp).play().unwrap();
    packets.next().unwrap().unwrap();
    let sessions = api.get("/v1/sessions");
    let session = &sessions["sessions"][0];
    assert_eq!((&session["path"], &session["action"]), (&json!("demo"), &json!("read")), "{sessions}");
    let at = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    assert!(api.get(&at)["sent"]["packets"].as_u64().unwrap() > 0);
    assert_eq!(api.get("/v1/stats")["readers"], 1);
    let demo = api.get("/v1/paths/demo");
    assert_eq!((&demo["ready"], &demo["readers"][0]), (&json!(true), &session["id"]), "{demo}");
    assert_eq!(api.ask("DELETE", &at, "").0, 204);
    assert!(packets.find(Result::is_err).is_some() || packets.next().is_none());
    let deadline = Instant::now() + LIMIT;
    while api.ask("DELETE", &at, "").0 != 404 {
        assert!(Instant::now() < deadline, "the session stays");
    }
    let (status, page) = api.ask("GET", "/metrics", "");
    assert!(status == 200 && page.as_str().unwrap().contains("rtspan_connections"), "{page}");
}

fn the_file_is_read_again_when_that_is_asked_for(runtime: &str) {
    let api = Api::start(runtime, "api-reload", Some(TOKEN));
    let text = fs::read_to_string(&api.file).unwrap();
    fs::write(&api.file, format!("{text}[paths.more]\n")).unwrap();
    let (status, changes) = api.ask("POST", "/v1/reload", "");
    assert_eq!((status, &changes["added"]), (200, &json!(["more"])), "{changes}");
    fs::write(&api.file, format!("{text}colour = 1\n")).unwrap();
    let (status, said) = api.ask("POST", "/v1/reload", "");
    assert!(status == 400 && said["message"].as_str().unwrap().contains("colour"), "{said}");
    let config = api.get("/v1/config");
    assert_eq!(config["api"]["token"], "***");
    assert!(config["paths"]["more"].is_object() && !config.to_string().contains(TOKEN), "{config}");
}

fn nobody_asks_without_the_token_and_no_page_of_a_browser_does(runtime: &str) {
    let api = Api::start(runtime, "api-token", Some(TOKEN));
    let says =
        |headers: &str| api.say(&format!("GET /v1/paths HTTP/1.1\r\nHost: h.example\r\n{headers}\r\n")).0;
    assert_eq!(says(""), 401);
    assert_eq!(says("Authorization: Bearer correct-horse-batterx\r\n"), 401);
    assert_eq!(says(&format!("Authorization: Bearer {TOKEN}\r\n")), 200);
    assert_eq!(says(&format!("Authorization: Bearer {TOKEN}\r\nOrigin: http://h.example\r\n")), 403);
    assert_eq!(api.say("GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n").0, 401);
    assert_eq!(api.say("GET /v1/health HTTP/1.1\r\nHost: h\r\n\r\n"), (200, json!({ "status": "ok" })));
    let open = Api::start(runtime, "api-open", None);
    assert_eq!(open.say("GET /v1/paths HTTP/1.1\r\nHost: rebound.example\r\n\r\n").0, 403);
}

#[test]
fn an_interface_that_others_could_reach_needs_a_token() {
    for (api, part) in [
        ("listen = \"0.0.0.0:9997\"", "a token is needed"),
        ("listen = \"nvr.example:9997\"", "a token is needed"),
        ("token = \"short\"", "too short"),
        ("token = { env = \"RTSPAN_NO_SUCH_VARIABLE\" }", "RTSPAN_NO_SUCH_VARIABLE"),
    ] {
        let file = file("api-refused", &format!("[api]\n{api}\n"));
        let ended = Program::rtspan(&format!("serve --check --config {}", file.display())).end();
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(ended.code != Some(0) && said.contains(part), "{said}");
        fs::remove_file(file).unwrap();
    }
}

#[test]
fn a_thousand_connections_keep_nobody_from_asking() {
    for runtime in RUNTIMES {
        let api = Api::start(runtime, "api-many", Some(TOKEN));
        let idle: Vec<_> = (0..1000).map(|_| TcpStream::connect(&api.at).unwrap()).collect();
        assert_eq!(api.get("/v1/stats")["readers"], 0);
        drop(idle);
    }
}
