use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;

use crate::channel::Channel;
use crate::feed::{Feed, Place};
use crate::request::{header, item};

/// Pieces of frames that are handed to the system in one call.
const SLICES: usize = 64;

/// A connection, and what is read over it.
pub(crate) struct Reader {
    socket: Channel,
    peer: SocketAddr,
    /// The part of a request that has come.
    input: Vec<u8>,
    over: Over,
    /// Where it is and where it began, while it plays.
    playing: Option<(Place, Place)>,
    /// Packets that were made while it played before.
    played: u64,
}

#[derive(Clone, Copy)]
enum Over {
    Tcp,
    Udp(SocketAddr),
}

/// The contents of the answers to readers.
pub(crate) struct Answers {
    pub(crate) description: String,
    pub(crate) port: u16,
}

impl Reader {
    pub(crate) fn new(socket: Channel, peer: SocketAddr) -> Self {
        Self { socket, peer, input: Vec::new(), over: Over::Tcp, playing: None, played: 0 }
    }

    /// Where datagrams go to, if it plays over UDP.
    pub(crate) fn datagrams(&self) -> Option<SocketAddr> {
        match (self.over, self.playing) {
            (Over::Udp(to), Some(_)) => Some(to),
            _ => None,
        }
    }

    /// Packets that were made while it played.
    pub(crate) fn packets(&self, feed: &Feed) -> u64 {
        self.played + self.playing.map_or(0, |(_, began)| feed.since(began))
    }

    /// Answers what is asked.
    pub(crate) fn read(&mut self, buffer: &mut [u8], answers: &Answers, feed: &Feed) -> io::Result<()> {
        let n = match self.socket.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            read => read?,
        };
        self.input.extend_from_slice(&buffer[..n]);
        let mut input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Some(len) = item(rest) {
            if rest[0] != b'$' {
                self.answer(&String::from_utf8_lossy(&rest[..len]), answers, feed)?;
            }
            rest = &rest[len..];
        }
        if !rest.is_empty() {
            let done = input.len() - rest.len();
            input.drain(..done);
            self.input = input;
        }
        Ok(())
    }

    fn answer(&mut self, request: &str, answers: &Answers, feed: &Feed) -> io::Result<()> {
        let cseq = header(request, "CSeq:").unwrap_or("0");
        let mut answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n");
        match request.split(' ').next() {
            Some("DESCRIBE") => {
                let body = &answers.description;
                answer +=
                    &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            }
            Some("SETUP") => {
                let transport = header(request, "Transport:").unwrap_or_default();
                let port = transport
                    .split("client_port=")
                    .nth(1)
                    .and_then(|ports| ports.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u16>().ok());
                let chosen = match port {
                    Some(port) => {
                        self.over = Over::Udp(SocketAddr::new(self.peer.ip(), port));
                        let server = answers.port;
                        format!("client_port={port}-{};server_port={server}-{}", port + 1, server + 1)
                    }
                    None => "interleaved=0-1".to_owned(),
                };
                let profile = if port.is_some() { "RTP/AVP" } else { "RTP/AVP/TCP" };
                answer += &format!("Transport: {profile};unicast;{chosen}\r\n\r\n");
            }
            method => {
                match method {
                    Some("PLAY") => self.playing = Some((feed.end(), feed.end())),
                    Some("TEARDOWN") => (self.played, self.playing) = (self.packets(feed), None),
                    Some("OPTIONS") => answer += "Public: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
                    _ => {}
                }
                answer += "\r\n";
            }
        }
        // An answer is short: if it has no room, nobody reads.
        self.socket.write_all(answer.as_bytes())
    }

    /// Writes what there is until it is all written or there is no room.
    pub(crate) fn write(&mut self, feed: &Feed) -> io::Result<()> {
        let (Over::Tcp, Some((place, _))) = (self.over, &mut self.playing) else { return Ok(()) };
        let header = feed.header();
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = feed.slices(*place, &header, &mut slices).ok_or(ErrorKind::TimedOut)?;
            if filled == 0 {
                return Ok(());
            }
            match self.socket.write_vectored(&slices[..filled]) {
                Ok(n) => *place = feed.forward(*place, n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
