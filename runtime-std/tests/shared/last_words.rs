//! Programs that end while they play: the server has to hear a TEARDOWN all the same.

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

/// Says to this program which of its ends it is to come to, and where it is to play before.
const CHILD: &str = "RTSPAN_LAST_WORDS";
const SDP: &str = "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n";
/// Packets that nobody reads when the program ends.
const PACKETS: usize = 100;

/// The name of a way for a program to end, and what plays from a URL and ends so.
pub(crate) type End = (&'static str, fn(&str));

/// Starts a program for each end and each transport, and listens to its last words; or is such a program itself.
pub(crate) fn main(ends: &[End]) {
    if let Ok(child) = env::var(CHILD) {
        let (name, url) = child.split_once(' ').unwrap();
        let (_, end) = ends.iter().find(|(own, _)| *own == name).unwrap();
        return end(url);
    }
    for (name, _) in ends {
        for transport in ["tcp", "udp"] {
            check(name, transport);
            println!("{name} over {transport}: ok");
        }
    }
}

fn check(name: &str, transport: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://{}/{transport}", listener.local_addr().unwrap());
    let mut child =
        Command::new(env::current_exe().unwrap()).env(CHILD, format!("{name} {url}")).spawn().unwrap();
    let heard = serve(listener.accept().unwrap().0);
    assert!(child.wait().unwrap().success(), "{name} over {transport}");
    assert_eq!(heard.last().map(String::as_str), Some("TEARDOWN"), "{name} over {transport}: {heard:?}");
}

/// A camera that answers until its client goes, and the methods that it was asked with.
fn serve(mut socket: TcpStream) -> Vec<String> {
    let mut heard = Vec::new();
    while let Some(request) = next_request(&mut socket) {
        let method = request.split(' ').next().unwrap().to_owned();
        let header = |name: &str| request.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let is_tcp = request.contains("interleaved");
        let (headers, body) = match &method[..] {
            "DESCRIBE" => ("Content-Type: application/sdp\r\n".to_owned(), SDP),
            "SETUP" => {
                let ports = if is_tcp { "" } else { ";server_port=9-10" };
                (format!("Session: 1\r\nTransport:{}{ports}\r\n", header("Transport:")), "")
            }
            _ => (String::new(), ""),
        };
        let mut answer = format!(
            "RTSP/1.0 200 OK\r\nCSeq:{}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            header("CSeq:"),
            body.len()
        )
        .into_bytes();
        if method == "PLAY" && request.contains("/tcp") {
            let packet = [&[b'$', 0, 3, 232, 0x80, 96][..], &[0; 998]].concat();
            answer.extend(packet.repeat(PACKETS));
        }
        heard.push(method);
        if socket.write_all(&answer).is_err() {
            break;
        }
    }
    heard
}

/// The next request, without the frames before it; `None` when the client is gone.
fn next_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        if bytes.is_empty() && byte[0] == b'$' {
            let mut header = [0; 3];
            socket.read_exact(&mut header).ok()?;
            socket.read_exact(&mut vec![0; usize::from(u16::from_be_bytes([header[1], header[2]]))]).ok()?;
        } else {
            bytes.push(byte[0]);
        }
    }
    Some(String::from_utf8(bytes).unwrap())
}
