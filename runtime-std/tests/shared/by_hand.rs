//! RTSP spoken without the library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rtspan_std::Description;

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

/// Publishes this over TCP, each media on the channels of its index, and leaves the writing of packets to the caller.
pub(super) fn publish_by_hand(server: SocketAddr, path: &str, description: &Description) -> TcpStream {
    let mut socket = TcpStream::connect(server).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let mut session = String::new();
    let mut ask = |method: &str, control: &str, headers: &str, body: &str| {
        let head =
            format!("{method} rtsp://{server}{path}{control} RTSP/1.0\r\nCSeq: 1\r\n{session}{headers}");
        socket.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let response = read_message(&mut socket);
        assert!(response.starts_with("RTSP/1.0 200"), "{response}");
        if let Some(named) = header(&response, "Session") {
            session = format!("Session: {}\r\n", named.split(';').next().unwrap());
        }
    };
    let sdp = description.clone().with_track_controls().to_sdp();
    let content = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", sdp.len());
    ask("ANNOUNCE", "", &content, &sdp);
    for media in 0..description.medias.len() {
        let channels = format!("{}-{}", 2 * media, 2 * media + 1);
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels};mode=record\r\n");
        ask("SETUP", &format!("/trackID={media}"), &transport, "");
    }
    ask("RECORD", "", "", "");
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
