//! RTSP spoken by hand through any layer: TLS, two requests of HTTP, a WebSocket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::tls::rustls::{self, ClientConfig, ClientConnection, RootCertStore};

use super::by_hand::Peer;
use super::tls::HOST;

/// The bytes of a connection, over TLS or without.
#[derive(Debug)]
pub(super) struct Line<R: Runtime> {
    peer: Peer<R>,
    tls: Option<ClientConnection>,
}

impl<R: Runtime> Line<R> {
    pub(super) async fn connect(to: SocketAddr, roots: Option<RootCertStore>) -> io::Result<Self> {
        let tls = roots.map(begin_tls);
        let mut line = Self { peer: Peer::connect(to).await, tls };
        while line.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            line.flush().await?;
            if line.tls.as_ref().is_some_and(|tls| tls.wants_read()) {
                line.receive().await?;
            }
        }
        line.flush().await?;
        Ok(line)
    }

    pub(super) async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return self.peer.write_all(bytes).await };
        tls.writer().write_all(bytes)?;
        self.flush().await
    }

    /// Reads what is there, and waits until something is; 0 at the end.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else { return self.peer.read(into).await };
            match tls.reader().read(into) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.receive().await?,
                read => return read,
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            tls.write_tls(&mut bytes)?;
        }
        self.peer.write_all(&bytes).await
    }

    async fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let read = self.peer.read(&mut bytes).await?;
        let Some(tls) = &mut self.tls else { return Ok(()) };
        let mut rest = &bytes[..read];
        loop {
            tls.read_tls(&mut rest)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }
}

fn begin_tls(roots: RootCertStore) -> ClientConnection {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    ClientConnection::new(Arc::new(config), HOST.try_into().unwrap()).unwrap()
}

/// The first bytes of TLS.
pub(super) fn client_hello(roots: RootCertStore) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin_tls(roots).write_tls(&mut bytes).unwrap();
    bytes
}

/// The layer between TLS, or TCP, and RTSP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tunnel {
    None,
    Http,
    WebSocket,
}

/// A way to speak: in which tunnel, and over TLS or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) tunnel: Tunnel,
    pub(super) is_secure: bool,
}

/// All of them.
pub(super) fn ways() -> impl Iterator<Item = Way> {
    let tunnels = [Tunnel::None, Tunnel::Http, Tunnel::WebSocket];
    tunnels.into_iter().flat_map(|tunnel| [false, true].map(|is_secure| Way { tunnel, is_secure }))
}

pub(super) const GET: &str =
    "GET /cam HTTP/1.0\r\nx-sessioncookie: {}\r\nAccept: application/x-rtsp-tunnelled\r\n\r\n";
pub(super) const POST: &str = "POST /cam HTTP/1.0\r\nx-sessioncookie: {}\r\nContent-Length: 32767\r\n\r\n";
pub(super) const UPGRADE: &str = "GET /cam HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A peer that speaks in one of the ways.
#[derive(Debug)]
pub(super) struct Speaker<R: Runtime> {
    tunnel: Tunnel,
    /// Brings what the server says, and takes what is said unless the second does.
    line: Line<R>,
    /// The POST.
    second: Option<Line<R>>,
    /// Bytes that have come and were not heard yet.
    raw: Vec<u8>,
    heard: Vec<u8>,
}

impl<R: Runtime> Speaker<R> {
    /// Connects; `cookie` names an HTTP tunnel.
    pub(super) async fn connect(
        to: SocketAddr,
        way: Way,
        roots: &RootCertStore,
        cookie: &str,
    ) -> io::Result<Self> {
        let roots = || way.is_secure.then(|| roots.clone());
        let mut line = Line::connect(to, roots()).await?;
        let (begin, status) = match way.tunnel {
            Tunnel::None => (String::new(), ""),
            Tunnel::Http => (GET.replace("{}", cookie), "HTTP/1.0 200"),
            Tunnel::WebSocket => (UPGRADE.to_owned(), "HTTP/1.1 101"),
        };
        line.write_all(begin.as_bytes()).await?;
        let raw = Vec::new();
        let mut speaker = Self { tunnel: Tunnel::None, line, second: None, raw, heard: Vec::new() };
        if !begin.is_empty() {
            let answer = speaker.next_message().await?;
            if !answer.starts_with(status) {
                return Err(io::Error::other(answer));
            }
        }
        if way.tunnel == Tunnel::Http {
            let mut post = Line::connect(to, roots()).await?;
            post.write_all(POST.replace("{}", cookie).as_bytes()).await?;
            speaker.second = Some(post);
        }
        speaker.tunnel = way.tunnel;
        Ok(speaker)
    }

    /// Says this, in one piece.
    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.tunnel {
            Tunnel::None => self.line.write_all(bytes).await,
            Tunnel::Http => {
                let post = self.second.as_mut().ok_or(ErrorKind::NotConnected)?;
                post.write_all(base64(bytes).as_bytes()).await
            }
            Tunnel::WebSocket => self.line.write_all(&masked(bytes)).await,
        }
    }

    /// Sends a request and gives the head of the answer.
    pub(super) async fn ask(&mut self, request: &str) -> io::Result<String> {
        self.say(request.as_bytes()).await?;
        self.next_message().await
    }

    /// The next message, which has no body.
    pub(super) async fn next_message(&mut self) -> io::Result<String> {
        loop {
            let end = self.heard.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let message: Vec<_> = self.heard.drain(..end + 4).collect();
                return Ok(String::from_utf8_lossy(&message).into_owned());
            }
            self.hear().await?;
        }
    }

    /// The body of the message that was heard last, of so many bytes.
    pub(super) async fn body(&mut self, length: usize) -> io::Result<String> {
        while self.heard.len() < length {
            self.hear().await?;
        }
        let body: Vec<_> = self.heard.drain(..length).collect();
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Hears until the server has said its last.
    pub(super) async fn hear_out(&mut self) {
        while self.hear().await.is_ok() {}
    }

    async fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        match self.line.read(&mut bytes).await? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            read if self.tunnel == Tunnel::WebSocket => self.raw.extend(&bytes[..read]),
            read => self.heard.extend(&bytes[..read]),
        }
        while let Some((head, length)) = frame(&self.raw) {
            self.heard.extend(&self.raw[head..head + length]);
            self.raw.drain(..head + length);
        }
        Ok(())
    }
}

/// Where the payload of the first frame of a server begins, and its length; `None` if the frame is not whole.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (head, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, short.into()),
    };
    (bytes.len() >= head + length).then_some((head, length))
}

/// A binary frame of a client. Its mask is zero.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match u16::try_from(bytes.len()) {
        Ok(short @ 0..126) => frame.push(0x80 | short as u8),
        Ok(length) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        Err(_) => {
            frame.push(0x80 | 127);
            frame.extend((bytes.len() as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(bytes);
    frame
}

const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes of whole groups of base64, with padding at the end of any.
pub(super) fn from_base64(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for four in text.chunks_exact(4) {
        let symbols = four.iter().map(|symbol| SYMBOLS.iter().position(|known| known == symbol));
        let group = symbols.fold(0, |group, place| group << 6 | place.unwrap_or(0) as u32);
        let count = 3 - four.iter().filter(|symbol| **symbol == b'=').count();
        bytes.extend(&group.to_be_bytes()[1..=count]);
    }
    bytes
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let group = (0..3).fold(0, |group, at| group << 8 | usize::from(*three.get(at).unwrap_or(&0)));
        for place in 0..4 {
            let symbol = SYMBOLS[group >> (18 - 6 * place) & 63];
            text.push(if place <= three.len() { symbol.into() } else { '=' });
        }
    }
    text
}
