//! Both sides of TLS over a cable in memory, which cuts and changes what passes.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::task::{Context, Poll};

use super::*;
use crate::runtime::{Direction, Socket};
use crate::tls::{ClientTls, ServerTls};
use crate::wake::lock;

/// The end of a cable: bytes that have come, and bytes that are on their way. Each call takes some at most.
#[derive(Default)]
struct End {
    came: Mutex<VecDeque<u8>>,
    sent: Mutex<Vec<u8>>,
    at_once: Mutex<usize>,
    /// The room that the system has for what is sent.
    room: Mutex<usize>,
}

impl Socket for End {
    fn poll_ready(&mut self, _: &mut Context<'_>, _: Direction) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl TcpSocket for End {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let (mut came, at_once) = (lock(&self.came), *lock(&self.at_once));
        let n = into.len().min(came.len()).min(at_once);
        if n == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        into.iter_mut().zip(came.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(n)
    }

    fn try_read_buf(&self, _: &mut BytesMut) -> io::Result<usize> {
        Err(ErrorKind::Unsupported.into())
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let (mut sent, mut room) = (lock(&self.sent), lock(&self.room));
        let before = sent.len();
        for slice in from {
            let n = slice.len().min(*room);
            sent.extend_from_slice(&slice[..n]);
            *room -= n;
        }
        if sent.len() == before { Err(ErrorKind::WouldBlock.into()) } else { Ok(sent.len() - before) }
    }

    fn shutdown(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_nodelay(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_keepalive(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_dscp(&self, _: crate::net::Dscp) -> io::Result<()> {
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Err(ErrorKind::Unsupported.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Err(ErrorKind::Unsupported.into())
    }
}

/// Numbers that look like chance, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

struct Pair {
    sessions: [Session; 2],
    ends: [End; 2],
    read: [BytesMut; 2],
    chance: Chance,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let server = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let client = ClientTls::pinned(server.fingerprint().unwrap());
        Self {
            sessions: [client.connect("localhost").unwrap(), server.accept().unwrap()],
            ends: Default::default(),
            read: Default::default(),
            chance: Chance(seed),
        }
    }

    /// Lets one side write and the other read, in pieces of chance; `change` may change what passes.
    fn step(&mut self, from: usize, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let to = 1 - from;
        *lock(&self.ends[from].room) = self.chance.below(5_000);
        *lock(&self.ends[to].at_once) = 1 + self.chance.below(20_000);
        match self.sessions[from].write(&self.ends[from]) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let mut passing = mem::take(&mut *lock(&self.ends[from].sent));
        change(&mut passing);
        lock(&self.ends[to].came).extend(passing);
        let room = 1 + self.chance.below(3_000);
        self.read[to].reserve(room);
        let mut into = BytesMut::with_capacity(room);
        match self.sessions[to].read(&self.ends[to], &mut into) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => {
                assert!(into.len() <= into.capacity());
                self.read[to].extend_from_slice(&into);
                Ok(())
            }
        }
    }

    /// Takes slices of chance of a text, as far as the session does.
    fn take(&mut self, side: usize, text: &mut &[u8]) {
        let mut slices = Vec::new();
        let mut rest = *text;
        for _ in 0..self.chance.below(64) {
            let (slice, behind) = rest.split_at(rest.len().min(self.chance.below(2_000)));
            slices.push(IoSlice::new(slice));
            rest = behind;
        }
        if let Ok(taken) = self.sessions[side].take(&slices) {
            *text = &text[taken..];
        }
    }
}

#[test]
fn what_one_side_takes_the_other_reads_wherever_it_is_cut() {
    for seed in 0..20 {
        let mut pair = Pair::new(seed);
        let texts: [Vec<u8>; 2] = [0, 1].map(|side| (0..200_000_u32).map(|n| (n * 7 + side) as u8).collect());
        let mut rest = [&texts[0][..], &texts[1][..]];
        for round in 0.. {
            for side in [0, 1] {
                if !pair.sessions[side].is_handshaking() {
                    pair.take(side, &mut rest[side]);
                }
                pair.step(side, |_| ()).unwrap();
            }
            if [0, 1].iter().all(|side| pair.read[1 - side].len() == texts[*side].len()) {
                break;
            }
            assert!(round < 100_000, "seed {seed} comes to no end");
        }
        assert!(pair.read[0] == texts[1] && pair.read[1] == texts[0], "seed {seed}");
        let told = pair.sessions[1].take_secured().unwrap();
        assert_eq!((told.server_name.as_deref(), told.certificate), (Some("localhost"), None));
        // The last word of one side ends the other.
        pair.sessions[0].close();
        let ended = (0..1_000).any(|_| {
            pair.step(0, |_| ()).unwrap();
            pair.sessions[1].read(&pair.ends[1], &mut BytesMut::new()).is_ok_and(|n| n == 0)
        });
        assert!(ended, "seed {seed}");
    }
}

#[test]
fn bytes_that_were_changed_on_their_way_end_the_connection_and_are_never_handed_on() {
    let mut failed = 0;
    for seed in 0..300 {
        let mut pair = Pair::new(seed);
        let text = vec![0x41; 50_000];
        let mut rest = &text[..];
        let at = pair.chance.below(60);
        for step in 0..80 {
            let side = step % 2;
            if !pair.sessions[0].is_handshaking() {
                pair.take(0, &mut rest);
            }
            let (place, bit) = (pair.chance.below(usize::MAX), pair.chance.below(8));
            let change = |bytes: &mut Vec<u8>| {
                if step >= at && !bytes.is_empty() {
                    let place = place % bytes.len();
                    bytes[place] ^= 1 << bit;
                }
            };
            if let Err(error) = pair.step(side, change) {
                assert!(error.get_ref().is_some_and(|inner| inner.is::<TlsError>()), "seed {seed}: {error}");
                failed += 1;
                break;
            }
        }
        assert!(pair.read[1].iter().all(|byte| *byte == 0x41), "seed {seed}");
    }
    assert!(failed > 200, "{failed}");
}
