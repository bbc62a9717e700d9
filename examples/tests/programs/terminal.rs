//! Peers that put what a terminal obeys into every text that they can: nothing of it comes out of the programs.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rtspan_std::auth::Authorization;
use rtspan_std::{RtpHeader, RtpPacket, is_printable};
use serde_json::Value;

use crate::program::{LIMIT, beside, example, rtspan};

/// Each character that is not printable, between letters; `fits` says which may stand where it is to be.
fn text(fits: impl Fn(char) -> bool) -> String {
    let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
    let marks =
        ['\u{ad}', '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{e0041}'];
    let bidi = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    let all = controls.chain(marks).chain(bidi).filter(|c| fits(*c));
    all.fold("a".to_owned(), |text, c| text + &c.to_string() + "a")
}

/// For a header or a line of a description.
fn in_line() -> String {
    text(|c| !matches!(c, '\r' | '\n' | '\0'))
}

/// For a word of one.
fn in_word() -> String {
    text(|c| !c.is_whitespace() && c != '\0')
}

/// For a URL, in which control characters of ASCII are refused.
fn in_url() -> String {
    text(|c| !c.is_whitespace() && !c.is_ascii())
}

fn sdp() -> String {
    let (line, word) = (in_line(), in_word());
    format!(
        "v=0\r\no={word} 0 0 IN IP4 {word}\r\ns={line}\r\ni={line}\r\nu={line}\r\ne={line}\r\nb={word}:5\r\nt=0 0\r\n\
         a=tool:{line}\r\na=range:npt={line}\r\na={word}:{line}\r\n\
         m={word} 0 RTP/AVP 96\r\ni={line}\r\na=rtpmap:96 {word}/90000\r\na=fmtp:96 {line}\r\na=mid:{line}\r\n\
         a=control:streamid=0\r\na={word}:{line}\r\n"
    )
}

/// The answer of a scripted server to DESCRIBE.
#[derive(Clone, Copy)]
enum Script {
    Plays,
    /// With this status.
    Refuses(u16),
    /// With a body of another type.
    IsStrange,
    /// With something that is no RTSP.
    IsGarbled,
}

/// A server on a port of its own: the URL at which it is. It ends with the test.
fn scripted(script: Script) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/cam", listener.local_addr().unwrap());
    let redirect = url.replace("/cam", &format!("/{}", in_url()));
    thread::spawn(move || {
        // A client that was redirected comes a second time, and is redirected until it has enough.
        for stream in listener.incoming() {
            let redirect = redirect.clone();
            thread::spawn(move || answer_all(stream.unwrap(), script, &redirect));
        }
    });
    url
}

/// Answers until the client goes.
fn answer_all(mut stream: TcpStream, script: Script, redirect: &str) {
    let (line, word) = (in_line(), in_word());
    let headers = format!(
        "Server: {line}\r\nPublic: OPTIONS, {word}\r\nRetry-After: {line}\r\nX-{word}: {line}\r\n\
         WWW-Authenticate: Digest realm=\"{line}\", nonce=\"{line}\"\r\nLocation: {redirect}\r\n"
    );
    let mut requests = BufReader::new(stream.try_clone().unwrap());
    while let Some((method, cseq)) = read_request(&mut requests) {
        let mut respond = |status: u16, more: &str, body: &str| {
            let length = body.len();
            let head = format!("RTSP/1.0 {status} {line}\r\nCSeq: {cseq}\r\n{headers}{more}");
            let response = format!("{head}Content-Length: {length}\r\n\r\n{body}");
            // The client may have had enough.
            let _ = stream.write_all(response.as_bytes());
        };
        match (&*method, script) {
            ("DESCRIBE", Script::Plays) => respond(200, "Content-Type: application/sdp\r\n", &sdp()),
            ("DESCRIBE", Script::Refuses(status)) => respond(status, "", ""),
            ("DESCRIBE", Script::IsStrange) => respond(200, &format!("Content-Type: {line}\r\n"), "x"),
            ("DESCRIBE", Script::IsGarbled) => respond(999, "", ""),
            ("SETUP", _) => {
                let transport = format!("RTP/AVP/TCP;unicast;source={word};{word}={word};interleaved=0-1");
                respond(200, &format!("Session: {word};timeout=60\r\nTransport: {transport}\r\n"), "");
            }
            ("PLAY", _) => {
                respond(200, &format!("Range: npt={line}\r\nRTP-Info: url={word};seq={line}\r\n"), "");
                let _ = stream.write_all(&media());
            }
            _ => respond(200, "", ""),
        }
    }
}

/// A few packets, and the end of their source with a reason.
fn media() -> Vec<u8> {
    let frame = |channel: u8, packet: &[u8]| {
        let [high, low] = u16::try_from(packet.len()).unwrap().to_be_bytes();
        [&[b'$', channel, high, low], packet].concat()
    };
    let mut bytes = Vec::new();
    for sequence in 0..10 {
        let timestamp = u32::from(sequence) * 3000;
        let header = RtpHeader { payload_type: 96, marker: true, sequence, timestamp, ssrc: 7 };
        bytes.extend(frame(0, RtpPacket::build(header, b"payload").as_bytes()));
    }
    // RFC 3550, 6.5.1 and 6.6: each text has 255 bytes at most.
    let said: Vec<u8> = in_word().into_bytes().into_iter().take(255).collect();
    let said = [&[u8::try_from(said.len()).unwrap()], &*said].concat();
    let packet = |kind: u8, body: &[u8]| {
        let mut packet = [&[0x81, kind, 0, 0, 0, 0, 0, 7], body].concat();
        packet.resize(packet.len().next_multiple_of(4), 0);
        let words = u16::try_from(packet.len() / 4 - 1).unwrap();
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        packet
    };
    let empty_report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let name = packet(202, &[&[1], &*said, &[0]].concat());
    let bye = packet(203, &said);
    bytes.extend(frame(1, &[&empty_report[..], &name, &bye].concat()));
    bytes
}

/// Method and CSeq of the next request.
fn read_request(requests: &mut impl BufRead) -> Option<(String, String)> {
    let lines = requests.by_ref().lines().map_while(Result::ok);
    let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let method = head.first()?.split(' ').next()?.to_owned();
    let cseq = head.iter().find_map(|line| line.strip_prefix("CSeq: "))?;
    Some((method, cseq.to_owned()))
}

/// Checks that a terminal gets nothing but text, and gives that.
#[track_caller]
fn printable(bytes: Vec<u8>, of: &str) -> String {
    let text = String::from_utf8(bytes).unwrap();
    let obeyed = text.chars().find(|c| *c != '\n' && !is_printable(*c));
    assert_eq!(obeyed, None, "{of}: {text:?}");
    text
}

/// The output of the tool, on standard output and standard error.
#[track_caller]
fn said(args: &str) -> (String, String) {
    let output = Command::new(rtspan()).args(args.split(' ')).output().unwrap();
    (printable(output.stdout, args), printable(output.stderr, args))
}

/// How a text is shown.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if is_printable(c) { c.to_string() } else { c.escape_unicode().to_string() })
        .collect()
}

#[test]
fn nothing_that_a_server_says_reaches_the_terminal_as_it_came() {
    let url = scripted(Script::Plays);
    let checks: [&(dyn Fn() + Sync); 6] = [
        &|| {
            let (text, _) = said(&format!("probe {url}"));
            for part in [format!("title    {}", shown(&in_line())), format!("OPTIONS, {}", shown(&in_word()))]
            {
                assert!(text.contains(&part), "{part} in {text}");
            }
            assert!(text.contains(&format!("96 {}/90000", shown(&in_word()))), "{text}");
        },
        &|| {
            let (json, _) = said(&format!("probe {url} --json"));
            let json: Value = serde_json::from_str(&json).unwrap();
            assert_eq!((&json["title"], &json["medias"][0]["kind"]), (&in_line().into(), &in_word().into()));
        },
        &|| {
            let (text, live) = said(&format!("play {url} --transport tcp --seconds 3"));
            let media = format!("tcp  {}  {}  ", shown(&in_word()), shown(&in_word()));
            assert!(text.contains(&media) && text.contains(" 10 packets"), "{text}");
            assert!(live.contains(&format!("s: tcp {} ", shown(&in_word()))), "{live}");
        },
        &|| {
            let (json, _) = said(&format!("play {url} --transport tcp --seconds 3 --json"));
            let json: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(json["tracks"][0]["format"], in_word(), "{json}");
        },
        &|| drop(said(&format!("play {url} --seconds 1 --out /nowhere/file.h264"))),
        &|| drop(said(&format!("publish {url} --seconds 1"))),
    ];
    beside(&checks, |check| check());
}

#[test]
fn no_refusal_of_a_server_reaches_the_terminal_as_it_came() {
    beside(&[301, 302, 400, 401, 403, 404, 407, 453, 454, 461, 500, 503, 551, 599], |&status| {
        let url = scripted(Script::Refuses(status));
        for command in ["probe", "play", "bench read --seconds 1", "bench churn --seconds 1"] {
            let (_, reason) = said(&format!("{command} {url}"));
            assert!(reason.starts_with("rtspan: "), "{command}, {status}: {reason}");
        }
    });
    let (_, reason) = said(&format!("probe {}", scripted(Script::IsStrange)));
    assert!(reason.contains("\\u{1b}") && reason.contains("and not application/sdp"), "{reason}");
    let (_, reason) = said(&format!("probe {}", scripted(Script::IsGarbled)));
    assert!(reason.contains("status code"), "{reason}");
}

/// A server that runs, and what it says.
struct Serving {
    child: Child,
    lines: Receiver<Vec<u8>>,
    said: Vec<u8>,
}

impl Serving {
    /// Starts it, and gives its address too.
    fn start(mut command: Command) -> (Self, String) {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || stdout.split(b'\n').map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut serving = Self { child, lines, said: Vec::new() };
        let line = serving.line("listening on rtsp://");
        let addr = line.rsplit('/').next().unwrap().to_owned();
        (serving, addr)
    }

    /// Waits for a line with `part` in it.
    fn line(&mut self, part: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else {
                panic!("nothing more is said: {}", String::from_utf8_lossy(&self.said));
            };
            self.said.extend(&line);
            self.said.push(b'\n');
            let line = String::from_utf8_lossy(&line);
            if line.contains(part) {
                return line.into_owned();
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request with a text in every header that can have one; the status and the session of the answer.
fn ask(stream: &mut TcpStream, request: &str, headers: &str, body: &str) -> (String, String) {
    let line = in_line();
    let common = format!("User-Agent: {line}\r\nReferer: {line}\r\nX-{line}: {line}\r\n");
    let length = body.len();
    let head = format!("{request} RTSP/1.0\r\nCSeq: 1\r\n{common}{headers}Content-Length: {length}\r\n\r\n");
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let responses = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<_> = responses.take_while(|line| !line.is_empty()).collect();
    let status = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let session = head.iter().find_map(|line| line.strip_prefix("Session: ")).unwrap_or_default();
    (status.to_owned(), format!("Session: {}\r\n", session.split(';').next().unwrap()))
}

/// Sends requests that are refused, or are no RTSP at all.
fn misbehave(addr: &str) {
    let line = in_line();
    let headers =
        [String::new(), format!("Require: {line}\r\n"), format!("Session: {line}\r\nRange: npt={line}\r\n")];
    for url in [format!("rtsp://{addr}/{}", in_url()), format!("rtsp://{addr}/{}", in_word()), "*".to_owned()]
    {
        for method in ["DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "ANNOUNCE", "X", &in_word()] {
            for headers in &headers {
                let mut stream = TcpStream::connect(addr).unwrap();
                let (status, _) = ask(&mut stream, &format!("{method} {url}"), headers, &line);
                assert_ne!(status, "200", "{method} {url}");
            }
        }
    }
}

/// Publishes and plays, until the publisher goes.
fn publish(addr: &str) {
    let url = format!("rtsp://{addr}/{}", in_url());
    let [mut publisher, mut reader] = [(); 2].map(|()| TcpStream::connect(addr).unwrap());
    let described = "Content-Type: application/sdp\r\n";
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let recording = transport.replace("\r", ";mode=record\r");
    let (status, _) = ask(&mut publisher, &format!("ANNOUNCE {url}"), described, &sdp());
    assert_eq!(status, "200");
    let (_, session) = ask(&mut publisher, &format!("SETUP {url}/streamid=0"), &recording, "");
    let (status, _) = ask(&mut publisher, &format!("RECORD {url}"), &session, "");
    assert_eq!(status, "200");
    let (_, session) = ask(&mut reader, &format!("SETUP {url}"), transport, "");
    let (status, _) = ask(&mut reader, &format!("PLAY {url}"), &session, "");
    assert_eq!(status, "200");
    publisher.write_all(&media()).unwrap();
}

#[test]
fn nothing_that_a_client_says_reaches_the_terminal_as_it_came() {
    let mut tool = Command::new(rtspan());
    tool.args(["serve", "--listen", "127.0.0.1:0"]);
    let mut relay = Command::new(example("event_loop"));
    relay.arg("127.0.0.1:0");
    for (name, command, gone) in
        [("serve", tool, "is no longer published"), ("event_loop", relay, "Unpublished")]
    {
        let (mut serving, addr) = Serving::start(command);
        misbehave(&addr);
        publish(&addr);
        let line = serving.line(gone);
        assert!(line.contains(&shown(&in_url())), "{name}: {line}");
        printable(std::mem::take(&mut serving.said), name);
    }
}

#[test]
fn no_name_of_a_user_reaches_the_terminal_as_it_came() {
    let mut tool = Command::new(rtspan());
    tool.args(["serve", "--listen", "127.0.0.1:0", "--user", "user:secret", "--auth", "basic"]);
    let (mut serving, addr) = Serving::start(tool);
    let user = text(|_| true);
    let headers = format!("Authorization: {}\r\n", Authorization::basic(&user, "x").to_header_value());
    let mut stream = TcpStream::connect(&addr).unwrap();
    let (status, _) = ask(&mut stream, &format!("DESCRIBE rtsp://{addr}/demo"), &headers, "");
    assert_eq!(status, "401");
    let line = serving.line("has sent wrong credentials");
    assert!(line.contains(&shown(&user)), "{line}");
    printable(std::mem::take(&mut serving.said), "serve");
}
