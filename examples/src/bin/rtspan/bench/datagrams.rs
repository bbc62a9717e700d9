use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdpSocket};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use quinn_udp::{RecvMeta, UdpSocketState};
use rtspan_core::limits::UDP_RECEIVE_BUFFER_BYTES;
use socket2::SockRef;

/// Bytes of one receive buffer: the system may put many datagrams into it.
const SLOT_BYTES: usize = 1 << 16;
/// Receive buffers filled in one call.
pub(super) const SLOTS: usize = 8;
/// How often a pair of neighbouring ports is looked for.
const TRIES: usize = 64;

/// The UDP sockets of one track.
#[derive(Debug)]
pub(super) struct Datagrams {
    rtp: UdpSocket,
    state: UdpSocketState,
    /// Open, so that reports do not bounce, and never read.
    _rtcp: StdUdpSocket,
    ports: (u16, u16),
}

impl Datagrams {
    /// Opens two sockets with neighbouring ports, the lower one even.
    pub(super) fn open(ip: IpAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let ([rtp, rtcp], ports) = bind_pair(ip)?;
        rtp.set_nonblocking(true)?;
        // The system may refuse a larger buffer, which is done without then.
        let _ = SockRef::from(&rtp).set_recv_buffer_size(UDP_RECEIVE_BUFFER_BYTES);
        let state = UdpSocketState::new((&rtp).into())?;
        let mut rtp = UdpSocket::from_std(rtp);
        registry.register(&mut rtp, token, Interest::READABLE)?;
        Ok(Self { rtp, state, _rtcp: rtcp, ports })
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Gives all datagrams that are there to `each`; `buffer` has room for [`SLOTS`] times 64 KiB.
    pub(super) fn receive(&self, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let mut metas = [RecvMeta::default(); SLOTS];
            let mut slots = buffer.chunks_exact_mut(SLOT_BYTES);
            let mut slices: [IoSliceMut<'_>; SLOTS] =
                std::array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
            let received = match self.state.recv((&self.rtp).into(), &mut slices, &mut metas) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // A port of the server that is not open yet, or no longer.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            for (meta, slice) in metas[..received].iter().zip(&slices) {
                slice[..meta.len].chunks(meta.stride.max(1)).for_each(&mut each);
            }
            if received < SLOTS.min(quinn_udp::BATCH_SIZE) && quinn_udp::BATCH_SIZE > 1 {
                return Ok(());
            }
        }
    }
}

fn bind_pair(ip: IpAddr) -> io::Result<([StdUdpSocket; 2], (u16, u16))> {
    let mut failure = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let first = StdUdpSocket::bind(SocketAddr::new(ip, 0))?;
        let port = first.local_addr()?.port();
        match StdUdpSocket::bind(SocketAddr::new(ip, port ^ 1)) {
            Ok(second) if port.is_multiple_of(2) => return Ok(([first, second], (port, port + 1))),
            Ok(second) => return Ok(([second, first], (port - 1, port))),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}
