//! RTSP spoken without the library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::LIMIT;

/// Plays over TCP, and leaves the rest of the reading to the caller.
pub(super) fn play_by_hand(server: SocketAddr, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let setup = format!("SETUP rtsp://{server}{path}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n");
    socket.write_all(setup.as_bytes()).unwrap();
    let session = header(&read_message(&mut socket), "Session").unwrap();
    let session = session.split(';').next().unwrap().to_owned();
    let play = format!("PLAY rtsp://{server}{path} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    socket.write_all(play.as_bytes()).unwrap();
    assert!(read_message(&mut socket).starts_with("RTSP/1.0 200"));
    socket
}

/// Reads one message, with its body, and nothing behind it.
pub(super) fn read_message(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = header(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    socket.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

pub(super) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}
