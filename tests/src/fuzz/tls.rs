//! TLS whose bytes somebody between client and server holds back, cuts up, changes, adds to and takes away: what is received
//! is what was sent, or the connection ends; and the server goes on.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Poll;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rtspan_std::client::Client;
use rtspan_std::runtime::{Direction, Listener, Runtime, Socket, TcpSocket};
use rtspan_std::server::{Server, ServerStream};
use rtspan_std::sim::{Sim, SimRuntime, SimTcp};
use rtspan_std::tls::{ClientTls, ServerTls};
use rtspan_std::{Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Transports};

/// The server's host, and that of whoever is between.
const SERVER: &str = "10.0.0.1";
const BETWEEN: &str = "10.0.0.2";
/// Packets that a client takes.
const PACKETS: u16 = 30;

/// Plays through somebody whose doings the bytes are.
pub fn run(data: &[u8]) {
    let sim = Sim::new(1);
    let (server, between) = (sim.host(SERVER), sim.host(BETWEEN));
    let doings = Arc::new(Mutex::new(Doings { bytes: data.iter().copied().collect(), has_changed: false }));
    let relay = Relay { to: OnceLock::new(), doings: Arc::clone(&doings) };
    let relay = Arc::new(relay);
    let runtime = between.runtime();
    let mut listener =
        runtime.listen(SocketAddr::new(BETWEEN.parse().expect("an address"), 322)).expect("a port");
    let accepting = Arc::clone(&relay);
    between.spawn(async move {
        while let Ok((socket, _)) = poll_fn(|cx| listener.poll_accept(cx)).await {
            let relay = Arc::clone(&accepting);
            runtime.spawn(async move { relay.carry(socket).await }).expect("a task");
        }
    });
    let dialogue = async {
        let tls = certificate();
        let pin = tls.fingerprint().expect("one certificate");
        let server =
            Server::<SimRuntime>::builder().tls(tls).bind(&format!("{SERVER}:0")).await.expect("a server");
        relay.to.set(server.local_addr()).expect("once");
        let media = Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)]);
        let stream = server.publish("/cam", Description::new(vec![media])).expect("a stream");
        let played = play(&stream, BETWEEN, 322, &ClientTls::pinned(pin)).await;
        let has_changed = lock(&doings).has_changed;
        assert!(played || has_changed, "nobody has changed a byte");
        let address = server.local_addr();
        assert!(play(&stream, SERVER, address.port(), &ClientTls::pinned(pin)).await, "the server goes on");
    };
    sim.run(&server, Duration::from_secs(600), dialogue).expect("an end");
}

/// Plays some packets, which have to be what was written; `false` if the connection has ended before.
async fn play(stream: &ServerStream, host: &str, port: u16, tls: &ClientTls) -> bool {
    let builder = Client::<SimRuntime>::builder(&format!("rtsps://{host}:{port}/cam")).expect("a URL");
    let Ok(mut packets) = builder.transport(Transports::Tcp).tls(tls.clone()).play().await else {
        return false;
    };
    for sequence in 0..PACKETS {
        let header = RtpHeader { payload_type: 96, sequence, ..RtpHeader::default() };
        let sent = RtpPacket::build(header, &[sequence as u8; 700]);
        stream.write(0, sent.clone()).expect("a stream");
        match packets.next().await {
            Some(Ok(received)) => assert_eq!(received.packet.as_bytes()[12..], sent.as_bytes()[12..]),
            _ => return false,
        }
    }
    true
}

fn certificate() -> ServerTls {
    static MADE: OnceLock<CertifiedKey<rcgen::KeyPair>> = OnceLock::new();
    let made = MADE.get_or_init(|| generate_simple_self_signed([SERVER.to_owned()]).expect("a certificate"));
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("a certificate and its key")
}

/// Somebody between a client and a server.
#[derive(Debug)]
struct Relay {
    to: OnceLock<SocketAddr>,
    doings: Arc<Mutex<Doings>>,
}

impl Relay {
    /// Carries what comes over a connection to the server, and what it answers back.
    async fn carry(&self, client: SimTcp) {
        let Some(to) = self.to.get() else { return };
        let Ok(server) = SimRuntime::default().connect(*to).await else { return };
        let mut sides = [Side::new(client), Side::new(server)];
        poll_fn(|cx| {
            for at in 0..2 {
                let mut into = [0; 1500];
                while sides[at].socket.poll_ready(cx, Direction::Read)?.is_ready() {
                    let read = match sides[at].socket.try_read(&mut into) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                        read => read?,
                    };
                    let is_over = read == 0 || !lock(&self.doings).pass(&into[..read], &mut sides[1 - at]);
                    if is_over {
                        return Poll::Ready(io::Result::Ok(()));
                    }
                }
            }
            for side in &mut sides {
                while let Some(front) = side.pieces.front_mut() {
                    if side.socket.poll_ready(cx, Direction::Write)?.is_pending() {
                        break;
                    }
                    match side.socket.try_write_vectored(&[IoSlice::new(front)]) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                        Err(error) => return Poll::Ready(Err(error)),
                        Ok(written) => drop(front.drain(..written)),
                    }
                    if front.is_empty() {
                        side.pieces.pop_front();
                    }
                }
            }
            Poll::Pending
        })
        .await
        // An end of one side is that of both.
        .unwrap_or_default();
    }
}

/// One side of a connection, and what is on its way there.
#[derive(Debug)]
struct Side {
    socket: SimTcp,
    pieces: VecDeque<Vec<u8>>,
}

impl Side {
    fn new(socket: SimTcp) -> Self {
        Self { socket, pieces: VecDeque::new() }
    }
}

/// The bytes of the fuzzer, each of which says what is done; when they are used up everything passes.
#[derive(Debug)]
struct Doings {
    bytes: VecDeque<u8>,
    has_changed: bool,
}

impl Doings {
    fn next(&mut self) -> usize {
        self.bytes.pop_front().unwrap_or_default().into()
    }

    /// Passes something on; `false` if the connection is cut.
    fn pass(&mut self, bytes: &[u8], to: &mut Side) -> bool {
        let mut bytes = bytes.to_vec();
        let doing = self.next() % 7;
        self.has_changed |= doing > 1;
        let at = if doing == 0 { 0 } else { (self.next() << 8 | self.next()) % bytes.len() };
        match doing {
            0 => to.pieces.push_back(bytes),
            1 => to.pieces.extend(bytes.chunks(at + 1).map(<[u8]>::to_vec)),
            2 => {
                bytes[at] ^= 1 << (self.next() % 8);
                to.pieces.push_back(bytes);
            }
            3 => {
                bytes.truncate(at);
                to.pieces.push_back(bytes);
            }
            4 => {
                let count = self.next();
                let added: Vec<_> = (0..count).map(|_| self.next() as u8).collect();
                bytes.splice(at..at, added);
                to.pieces.push_back(bytes);
            }
            5 => to.pieces.extend([bytes.clone(), bytes]),
            _ => return false,
        }
        to.pieces.retain(|piece| !piece.is_empty());
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
