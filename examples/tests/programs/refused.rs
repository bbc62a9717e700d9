use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::program::Program;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\n";

/// A server that refuses its sound to each client, and plays one picture.
fn without_sound() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(|socket| serve(socket.unwrap())));
    addr
}

fn serve(mut socket: TcpStream) {
    while let Some(request) = read_request(&mut socket) {
        let (status, headers, body) = match request.split(' ').next().unwrap() {
            "DESCRIBE" => ("200 OK", "Content-Type: application/sdp\r\n", SDP),
            "SETUP" if request.contains("trackID=1") => ("453 Not Enough Bandwidth", "", ""),
            "SETUP" => ("200 OK", "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", ""),
            _ => ("200 OK", "", ""),
        };
        let cseq = request.lines().find(|line| line.starts_with("CSeq")).unwrap();
        let length = body.len();
        let answer =
            format!("RTSP/1.0 {status}\r\n{cseq}\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        socket.write_all(answer.as_bytes()).unwrap();
        if request.starts_with("PLAY") {
            let packet = b"$\0\0\x0e\x80\x60\0\x01\0\0\0\0\0\0\0\x01\x41\x9a";
            socket.write_all(packet).unwrap();
        }
    }
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

#[test]
fn a_media_that_the_server_refuses_is_told_and_is_a_failure_if_nothing_may_be_missing() {
    let addr = without_sound();
    let play = format!("play rtsp://{addr}/cam --transport tcp --seconds 1");
    let said = "media 1 (audio) does not play: server answered 453 Not Enough Bandwidth";
    let lenient = Program::rtspan(&play).end();
    assert!(lenient.stderr.contains(said), "{lenient:?}");
    assert!(lenient.well().contains("video"));
    let strict = Program::rtspan(&format!("{play} --strict")).end();
    assert!(strict.stdout.contains("video"), "{strict:?}");
    let reason = strict.reason();
    assert!(reason.contains("has refused a part of the stream") && reason.contains(said), "{reason}");
    let json = Program::rtspan(&format!("{play} --json")).end().json();
    assert_eq!(json["refused"][0]["media"], 1, "{json}");
    assert_eq!(json["refused"][0]["reason"], "server answered 453 Not Enough Bandwidth", "{json}");
}
