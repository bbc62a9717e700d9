use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rtspan_examples::{Synthetic, say};

use crate::request::{header, item};

/// Bytes of the memory that is read into, and of the room that is left in it at least.
const BLOCK: usize = 1 << 18;
const ROOM: usize = 1 << 16;
/// Bytes that wait for a reader at most; it misses those that come beside.
const UNSENT_MAX: usize = 4 << 20;
const EVENTS: usize = 1024;
const LISTENER: Token = Token(usize::MAX);

/// Relays until it is killed. The last `kept` bytes of each publisher stay in memory, as those of a server do that has readers
/// begin at a keyframe; without any all are read into the same memory.
pub(crate) fn serve(addr: SocketAddr, kept: usize) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind(addr)?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    say(format_args!("listening on rtsp://{}", listener.local_addr()?));
    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = Block { bytes: vec![0; BLOCK], used: 0 };
    let mut relay = Relay { kept, ..Relay::default() };
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            if event.token() == LISTENER {
                relay.accept(&listener, &poll)?;
            } else if relay.handle(event, &mut buffer).is_err() {
                relay.leave(event.token().0);
            }
        }
    }
}

#[derive(Default)]
struct Relay {
    kept: usize,
    peers: Vec<Option<Peer>>,
    /// Places in `peers` that are free.
    free: Vec<usize>,
    /// The place of each path in `readers`.
    paths: HashMap<String, usize>,
    /// The places of the playing readers of each path.
    readers: Vec<Vec<usize>>,
}

struct Peer {
    socket: TcpStream,
    /// The part of a request or frame that has come.
    input: Vec<u8>,
    /// Bytes that the socket had no room for.
    unsent: Vec<u8>,
    /// The path that it has named.
    path: Option<usize>,
    publishes: bool,
    /// The memory with its last bytes, if they are kept.
    kept: VecDeque<Block>,
}

/// Memory that is read into.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    used: usize,
}

impl Relay {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                accepted => accepted?.0,
            };
            socket.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or(self.peers.len());
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(place), interest)?;
            let peer = Some(Peer {
                socket,
                input: Vec::new(),
                unsent: Vec::new(),
                path: None,
                publishes: false,
                kept: VecDeque::new(),
            });
            match self.peers.get_mut(place) {
                Some(free) => *free = peer,
                None => self.peers.push(peer),
            }
        }
    }

    fn leave(&mut self, place: usize) {
        let path = self.peers[place].take().and_then(|peer| peer.path);
        if let Some(path) = path {
            self.readers[path].retain(|reader| *reader != place);
        }
        self.free.push(place);
    }

    fn handle(&mut self, event: &Event, buffer: &mut Block) -> io::Result<()> {
        let place = event.token().0;
        if event.is_writable()
            && let Some(Some(peer)) = self.peers.get_mut(place)
        {
            peer.flush()?;
        }
        while event.is_readable() {
            let Some(Some(peer)) = self.peers.get_mut(place) else { return Ok(()) };
            // Only what comes of a publisher is kept.
            let mut own = if peer.publishes { peer.block(self.kept) } else { None };
            let block = own.as_mut().unwrap_or(buffer);
            let start = block.used;
            let held = start + peer.input.len();
            block.bytes[start..held].copy_from_slice(&peer.input);
            let n = match peer.socket.read(&mut block.bytes[held..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                read => read?,
            };
            let (end, is_empty) = (held + n, held + n < block.bytes.len());
            let done = if n > 0 { start + self.take(place, &block.bytes[start..end])? } else { start };
            let Some(Some(peer)) = self.peers.get_mut(place) else { return Ok(()) };
            if n > 0 {
                peer.input.clear();
                peer.input.extend_from_slice(&block.bytes[done..end]);
            }
            if let Some(mut own) = own {
                own.used = done;
                peer.kept.push_back(own);
            }
            // Less than there is room for is all that there was.
            if is_empty {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes whole requests and frames, and says how many bytes they have.
    fn take(&mut self, place: usize, bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            let rest = &bytes[done..];
            if rest[0] == b'$' {
                let mut frames = 0;
                while let Some((b'$', len)) = rest[frames..].first().zip(item(&rest[frames..])) {
                    frames += len;
                }
                if frames == 0 {
                    break;
                }
                self.forward(place, &rest[..frames])?;
                done += frames;
            } else {
                let Some(len) = item(rest) else { break };
                self.answer(place, &String::from_utf8_lossy(&rest[..len]))?;
                done += len;
            }
        }
        Ok(done)
    }

    /// Writes the frames of a publisher to its readers; those of a reader are reports.
    fn forward(&mut self, place: usize, frames: &[u8]) -> io::Result<()> {
        let Some(Some(Peer { path: Some(path), publishes: true, .. })) = self.peers.get(place) else {
            return Ok(());
        };
        for reader in &self.readers[*path] {
            if let Some(Some(reader)) = self.peers.get_mut(*reader) {
                // A reader that has gone is told by its own event.
                let _ = reader.write(frames);
            }
        }
        Ok(())
    }

    fn answer(&mut self, place: usize, request: &str) -> io::Result<()> {
        let mut words = request.split(' ');
        let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let Some(Some(peer)) = self.peers.get_mut(place) else { return Ok(()) };
        let cseq = header(request, "CSeq:").unwrap_or("0");
        let mut answer = format!("RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nSession: 1\r\n");
        match method {
            "OPTIONS" => answer += "Public: ANNOUNCE, DESCRIBE, SETUP, PLAY, RECORD, TEARDOWN\r\n\r\n",
            "ANNOUNCE" | "DESCRIBE" => {
                let next = self.readers.len();
                let path = *self.paths.entry(url.to_owned()).or_insert(next);
                self.readers.resize_with(self.readers.len().max(path + 1), Vec::new);
                peer.path = Some(path);
                peer.publishes = method == "ANNOUNCE";
                if method == "DESCRIBE" {
                    let body = Synthetic::description().with_track_controls().to_sdp();
                    answer += &format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len());
                    answer += &format!("\r\n{body}");
                } else {
                    answer += "\r\n";
                }
            }
            "SETUP" => answer += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
            "PLAY" => {
                self.readers[peer.path.ok_or(ErrorKind::InvalidInput)?].push(place);
                answer += "\r\n";
            }
            "TEARDOWN" => {
                if let Some(path) = peer.path {
                    self.readers[path].retain(|reader| *reader != place);
                }
                answer += "\r\n";
            }
            _ => answer += "\r\n",
        }
        peer.write(answer.as_bytes())
    }
}

impl Peer {
    /// The memory to read into if `kept` bytes are to stay: the last one, as long as it has room, or else the oldest.
    fn block(&mut self, kept: usize) -> Option<Block> {
        if kept == 0 {
            return None;
        }
        let last = self.kept.pop_back();
        match last {
            Some(last) if last.bytes.len() - last.used >= ROOM + self.input.len() => return Some(last),
            last => self.kept.extend(last),
        }
        let is_full = self.kept.len() * BLOCK >= kept;
        let oldest = if is_full { self.kept.pop_front() } else { None };
        let bytes = oldest.map_or_else(|| vec![0; BLOCK], |oldest| oldest.bytes);
        Some(Block { bytes, used: 0 })
    }

    /// Writes what there is room for, and keeps the rest.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.unsent.len() > UNSENT_MAX {
            return Ok(());
        }
        let mut written = 0;
        while self.unsent.is_empty() && written < bytes.len() {
            match self.socket.write(&bytes[written..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.unsent.len() {
            match self.socket.write(&self.unsent[written..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..written);
        Ok(())
    }
}
