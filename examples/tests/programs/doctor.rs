//! `rtspan probe` finds what is wrong with a server, and says what to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rtspan_std::{Server, is_printable};
use serde_json::Value;

use crate::program::{Ended, Program, beside};
use crate::refusing::Refusing;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";

/// The parts of an answer: status, headers, body.
type Answer = (&'static str, String, &'static str);

/// A camera that is asked by one request after the other, and sends packets of some of its medias over TCP.
struct Camera {
    /// Answers a request that is to be answered otherwise than a sound camera does.
    answers: fn(&str) -> Option<Answer>,
    /// The headers of each answer.
    headers: &'static str,
    /// The medias that send something.
    flow: &'static [u8],
}

impl Default for Camera {
    fn default() -> Self {
        Self { answers: |_| None, headers: "", flow: &[0, 1] }
    }
}

impl Camera {
    /// Lets it wait for clients until the test ends; its URL.
    fn start(self) -> String {
        accepting(move |socket| self.serve(socket))
    }

    fn serve(&self, mut socket: TcpStream) {
        let mut is_over_tcp = false;
        while let Some(request) = read_request(&mut socket) {
            let (status, headers, body) = (self.answers)(&request).unwrap_or_else(|| sound(&request));
            is_over_tcp |= headers.contains("interleaved");
            let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
            let (more, length) = (self.headers, body.len());
            let answer = format!(
                "RTSP/1.0 {status}\r\n{cseq}\r\n{more}{headers}Content-Length: {length}\r\n\r\n{body}"
            );
            let mut bytes = answer.into_bytes();
            if request.starts_with("PLAY") && is_over_tcp {
                for media in self.flow {
                    let payload_type = if *media == 0 { 96 } else { 0 };
                    bytes.extend([b'$', 2 * media, 0, 14, 0x80, payload_type, 0, 1]);
                    bytes.extend([0, 0, 0, 0, 0, 0, 0, 1 + media, 0x41, 0x9a]);
                }
            }
            if socket.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// The answer of a sound camera.
fn sound(request: &str) -> Answer {
    let transport = request.lines().find_map(|line| line.strip_prefix("Transport: "));
    match request.split(' ').next().unwrap() {
        "DESCRIBE" => ("200 OK", "Content-Type: application/sdp\r\n".to_owned(), SDP),
        "SETUP" => {
            let transport = transport.unwrap();
            let server_ports = if transport.contains("interleaved") { "" } else { ";server_port=9-10" };
            ("200 OK", format!("Session: 1\r\nTransport: {transport}{server_ports}\r\n"), "")
        }
        _ => ("200 OK", String::new(), ""),
    }
}

/// Waits for connections on a free port until the test ends; the URL.
fn accepting(mut serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/cam", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(|socket| serve(socket.unwrap())));
    url
}

/// A request without a body; `None` at the end of the connection.
fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        // Reports of the client.
        if bytes.is_empty() && byte[0] == b'$' {
            let mut header = [0; 3];
            socket.read_exact(&mut header).ok()?;
            let len = u16::from_be_bytes([header[1], header[2]]);
            socket.read_exact(&mut vec![0; usize::from(len)]).ok()?;
            continue;
        }
        bytes.push(byte[0]);
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The report of an examination, and how it ended.
fn examine(url: &str, args: &str) -> (Value, Ended) {
    let ended = Program::rtspan(&format!("probe {url} --json {args}")).end();
    let report: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!(report["sound"], ended.code == Some(0), "{ended:?}");
    assert!(ended.stdout.chars().all(|c| c == '\n' || is_printable(c)), "{ended:?}");
    (report, ended)
}

/// The only finding of an examination, and the report.
#[track_caller]
fn only_finding(url: &str, args: &str) -> (Value, Value) {
    let (report, ended) = examine(url, args);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{report}");
    let finding = findings[0].clone();
    let is_fault = finding["severity"] == "fault";
    assert_eq!(ended.code == Some(0), !is_fault, "{ended:?}");
    (finding, report)
}

#[test]
fn a_sound_server_has_no_finding() {
    let (_server, url) = Program::serve("smol");
    let (report, _) = examine(&format!("{url}/demo"), "");
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report}");
    for media in report["medias"].as_array().unwrap() {
        assert_eq!((&media["transport"], &media["lost"]), (&"udp".into(), &0.into()), "{report}");
        assert!(media["packets"].as_u64() > Some(0), "{report}");
    }
    let text = Program::rtspan(&format!("probe {url}/demo --transport tcp")).end().well();
    assert!(text.ends_with("sound    all that was asked for plays\n"), "{text}");
}

#[test]
fn a_password_that_is_missing_or_wrong_is_told_with_that_which_the_server_takes() {
    let args = "serve --listen 127.0.0.1:0 --user wall:horse:read --auth sha256,basic --realm roof";
    let mut server = Program::rtspan(args);
    let url = format!("{}/demo", server.url());
    let (finding, report) = only_finding(&url, "");
    assert_eq!(finding["id"], "password_needed", "{finding}");
    assert_eq!(report["authentication"]["offered"], serde_json::json!(["Digest SHA-256", "Basic"]));
    assert_eq!(report["authentication"]["realm"], "roof");
    let (finding, report) = only_finding(&url.replace("rtsp://", "rtsp://wall:donkey@"), "");
    assert_eq!(finding["id"], "password_wrong", "{finding}");
    assert!(!report.to_string().contains("donkey"), "{report}");
    let (report, _) = examine(&url.replace("rtsp://", "rtsp://wall:horse@"), "");
    assert_eq!(report["findings"], Value::Array(Vec::new()), "{report}");
}

#[test]
fn a_password_that_goes_over_the_network_as_it_is_is_warned_of() {
    let mut server = Program::rtspan("serve --listen 127.0.0.1:0 --user wall:horse:read --auth basic");
    let url = format!("{}/demo", server.url()).replace("rtsp://", "rtsp://wall:horse@");
    assert_eq!(only_finding(&url, "").0["id"], "password_readable");
}

#[test]
fn a_closed_port_is_told() {
    let refusing = Refusing::new();
    let gone = refusing.addr();
    let (finding, report) = only_finding(&format!("rtsp://{gone}/x"), "");
    assert_eq!((&finding["id"], &report["failed_step"]), (&"refused".into(), &"connect".into()));
    let text = Program::rtspan(&format!("probe rtsp://{gone}/x")).end().stdout;
    assert!(text.contains("fault    the host is there, and its port is closed (127.0.0.1:"), "{text}");
    assert!(text.contains("         to do: see whether RTSP is switched on"), "{text}");
}

#[test]
fn a_wrong_path_is_told_with_the_servers_own_list() {
    let answers: fn(&str) -> Option<Answer> = |request| {
        let headers = "Content-Type: text/plain\r\n".to_owned();
        let list = "Try one of\n/roof\n/ya\u{1b}rd\n";
        request.starts_with("DESCRIBE").then_some(("404 No Such Camera", headers, list))
    };
    let url = Camera { answers, ..Camera::default() }.start();
    let (finding, _) = only_finding(&url, "");
    assert_eq!(finding["id"], "not_found");
    assert!(finding["what"].as_str().unwrap().contains("404 No Such Camera"), "{finding}");
    assert_eq!(finding["advice"], "the server lists: /roof, /ya\u{1b}rd");
    let text = Program::rtspan(&format!("probe {url}")).end().stdout;
    assert!(text.contains("/ya\\u{1b}rd"), "{text}");
}

#[test]
fn what_is_not_rtsp_is_named() {
    for (bytes, name) in [
        (&b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..], "HTTP"),
        (&[21, 3, 1, 0, 2, 2, 70], "TLS"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
    ] {
        let url = accepting(move |mut socket| {
            let _ = socket.write_all(bytes);
            let _ = socket.read(&mut [0; 1024]);
        });
        let (finding, _) = only_finding(&url, "");
        assert_eq!(finding["id"], "not_rtsp", "{finding}");
        assert!(finding["what"].as_str().unwrap().contains(&format!("speaks {name} ")), "{finding}");
    }
}

#[test]
fn a_peer_that_closes_or_says_nothing_is_told() {
    let closing = accepting(|mut socket| drop(socket.read(&mut [0; 1024])));
    assert_eq!(only_finding(&closing, "").0["id"], "closed");
    let mut kept = Vec::new();
    let silent = accepting(move |socket| kept.push(socket));
    assert_eq!(only_finding(&silent, "").0["id"], "silent");
}

#[test]
fn a_firewall_that_holds_udp_back_is_told_if_tcp_helps() {
    let helps = || {
        let (finding, report) = only_finding(&Camera::default().start(), "");
        assert_eq!((&finding["id"], &finding["severity"]), (&"udp_blocked".into(), &"warning".into()));
        let medias = &report["medias"];
        assert_eq!((&medias[0]["transport"], &medias[1]["packets"]), (&"tcp".into(), &1.into()));
    };
    let is_not_allowed = || {
        let (finding, _) = only_finding(&Camera::default().start(), "--transport udp --seconds 1");
        assert_eq!(finding["id"], "nothing_arrives", "{finding}");
        assert!(finding["advice"].as_str().unwrap().contains("firewall"), "{finding}");
    };
    beside::<&(dyn Fn() + Sync)>(&[&helps, &is_not_allowed], |check| check());
}

#[test]
fn a_media_that_sends_nothing_is_told() {
    let url = Camera { flow: &[0], ..Camera::default() }.start();
    let (finding, _) = only_finding(&url, "--transport tcp --seconds 1");
    assert_eq!(finding["id"], "media_silent", "{finding}");
    assert!(finding["what"].as_str().unwrap().starts_with("media 1 (audio)"), "{finding}");
    let url = Camera { flow: &[], ..Camera::default() }.start();
    let (finding, _) = only_finding(&url, "--transport tcp --seconds 1");
    assert_eq!(finding["id"], "nothing_arrives", "{finding}");
}

#[test]
fn a_media_that_is_refused_is_told() {
    let answers: fn(&str) -> Option<Answer> = |request| {
        let refused = request.starts_with("SETUP") && request.contains("trackID=1");
        refused.then_some(("453 Not Enough Bandwidth", String::new(), ""))
    };
    let url = Camera { answers, flow: &[0], ..Camera::default() }.start();
    let (finding, report) = only_finding(&url, "--transport tcp");
    assert_eq!(finding["id"], "media_refused", "{finding}");
    assert_eq!(report["medias"][1]["refused"], "server answered 453 Not Enough Bandwidth");
}

#[test]
fn a_clock_that_is_off_is_told() {
    let url = Camera { headers: "Date: Sun, Nov 06 1994 08:49:37 GMT\r\n", ..Camera::default() }.start();
    let (finding, report) = only_finding(&url, "--transport tcp");
    assert_eq!((&finding["id"], &finding["severity"]), (&"clock_off".into(), &"warning".into()));
    assert!(report["clock"]["date_ahead"].as_f64().unwrap() < -1e9, "{report}");
}

#[test]
fn what_is_put_up_with_is_told_in_words() {
    let answers: fn(&str) -> Option<Answer> =
        |request| request.starts_with("OPTIONS").then_some(("200", String::new(), ""));
    let url = Camera { answers, ..Camera::default() }.start();
    let (finding, report) = only_finding(&url, "--transport tcp");
    assert_eq!((&finding["id"], &finding["severity"]), (&"deviation".into(), &"note".into()));
    assert_eq!(finding["what"], "a status line has no reason phrase");
    assert_eq!(report["tolerances"][0], finding["what"]);
}

#[test]
fn a_description_that_cannot_be_used_is_told() {
    let answers: fn(&str) -> Option<Answer> = |request| {
        let sdp = (
            "200 OK",
            "Content-Type: application/sdp\r\n".to_owned(),
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n",
        );
        request.starts_with("DESCRIBE").then_some(sdp)
    };
    let url = Camera { answers, ..Camera::default() }.start();
    assert_eq!(only_finding(&url, "").0["id"], "description_unreadable");
}

#[test]
fn a_server_that_does_not_know_the_transport_is_told() {
    let server = Server::builder().bind("127.0.0.1:0").unwrap();
    let clip = rtspan_examples::Clip::demo();
    let _stream = server.publish("/silent", clip.description()).unwrap();
    let url = format!("rtsp://{}/silent", server.local_addr());
    assert_eq!(only_finding(&url, "--transport udp").0["id"], "no_transport");
    let (report, _) = examine(&url, "--seconds 1");
    let ids: Vec<_> = report["findings"].as_array().unwrap().iter().map(|found| &found["id"]).collect();
    assert_eq!(ids, ["nothing_arrives", "udp_refused"], "{report}");
}
