//! Playing from somewhere, some of it, at another pace.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::program::{Program, RUNTIMES};

/// The headers of a camera's answer, and its body.
fn answer(method: &str) -> (&'static str, &'static str) {
    match method {
        "DESCRIBE" => (
            "Content-Type: application/sdp\r\n",
            "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:a\r\n\
             m=audio 0 RTP/AVP 0\r\na=control:b\r\n",
        ),
        "SETUP" => ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
        "PLAY" => ("Range: npt=59.5-120\r\nScale: 2\r\nSpeed: 1\r\n", ""),
        _ => ("", ""),
    }
}

/// A camera with a recording that serves one client; the requests that it has had.
fn camera() -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/cam", listener.local_addr().unwrap());
    let camera = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut dialogue = String::new();
        loop {
            let request = read_request(&mut socket);
            dialogue += &request;
            let cseq = request.lines().find_map(|line| line.strip_prefix("CSeq: ")).unwrap();
            let (head, body) = answer(request.split(' ').next().unwrap());
            let length = body.len();
            let message =
                format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\n{head}Content-Length: {length}\r\n\r\n{body}");
            socket.write_all(message.as_bytes()).unwrap();
            if request.starts_with("PLAY") {
                for sequence in 100..150_u8 {
                    let packet =
                        [b'$', 0, 0, 16, 0x80, 0, 0, sequence, 0, 0, sequence, 0, 0, 0, 0, 7, 1, 2, 3, 4];
                    socket.write_all(&packet).unwrap();
                }
            }
            if request.starts_with("TEARDOWN") {
                return dialogue;
            }
        }
    });
    (url, camera)
}

fn read_request(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        // Reports are frames: a sign, a channel, a length.
        if text.is_empty() && byte == *b"$" {
            let mut header = [0; 3];
            socket.read_exact(&mut header).unwrap();
            let mut payload = vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))];
            socket.read_exact(&mut payload).unwrap();
            continue;
        }
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn a_recording_is_played_from_a_place_at_a_pace_and_in_part_on_every_runtime() {
    for runtime in RUNTIMES {
        let (url, camera) = camera();
        let play = format!(
            "play {url} --transport tcp --seek 60 --scale 4 --speed 2 --media audio --user-agent me --header X-Site:roof \
             --seconds 1 --json --runtime {runtime}"
        );
        let ended = Program::rtspan(&play).end();
        assert!(ended.stderr.contains("plays npt=59.5-120, scale 2, speed 1"), "{ended:?}");
        let report = ended.json();
        assert_eq!((&report["scale"], &report["range"]), (&2.0.into(), &"npt=59.5-120".into()), "{report}");
        assert_eq!(report["tracks"].as_array().unwrap().len(), 1, "{report}");
        let dialogue = camera.join().unwrap();
        for part in ["/b RTSP/1.0", "Range: npt=60-\r\nScale: 4\r\nSpeed: 2\r\n"] {
            assert!(dialogue.contains(part), "{part}: {dialogue}");
        }
        assert!(!dialogue.contains("/a RTSP/1.0"), "{dialogue}");
        let requests = dialogue.matches("CSeq: ").count();
        for part in ["User-Agent: me\r\n", "X-Site: roof\r\n"] {
            assert_eq!(dialogue.matches(part).count(), requests, "{dialogue}");
        }
    }
}

#[test]
fn a_media_that_is_not_there_cannot_be_played() {
    let (server, url) = Program::serve("smol");
    let reason = Program::rtspan(&format!("play {url}/demo --media application")).end().reason();
    assert!(reason.contains("no media that can be played"), "{reason}");
    server.interrupt().well();
}

#[test]
fn the_ports_that_media_comes_from_are_said_where_they_are_learnt() {
    let (server, url) = Program::serve("smol");
    let ended = Program::rtspan(&format!("play {url}/demo --transport udp --any-port --seconds 1")).end();
    assert!(ended.stderr.contains("packets of media 0 come from 127.0.0.1:"), "{ended:?}");
    ended.well();
    server.interrupt().well();
}
