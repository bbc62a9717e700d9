use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use mio::event::Event;
use mio::net::UdpSocket;
use mio::{Interest, Token};
use rtspan_core::Instant;
use rtspan_core::conn::Inbound;
use rtspan_core::udp::{DatagramSink, Port, UdpMedia, UdpOpenError, UdpSpec};

use super::EventLoop;

const TOKENS: [(Port, Token); 2] = [(Port::Rtp, Token(usize::MAX - 1)), (Port::Rtcp, Token(usize::MAX - 2))];
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How often a pair of neighbouring ports is looked for.
const ATTEMPTS: usize = 64;

/// A pair of sockets and what goes through it.
pub(super) struct Pair {
    pub(super) media: UdpMedia,
    sockets: Sockets,
    readable: [bool; 2],
    /// A socket was full; it has not said since that it has room.
    is_blocked: bool,
}

/// For packets and for reports.
struct Sockets([UdpSocket; 2]);

pub(super) fn is_udp(token: Token) -> bool {
    TOKENS.iter().any(|(_, own)| *own == token)
}

impl EventLoop {
    /// Opens the pair that the server asks for, and tells it the ports.
    pub(super) fn open_udp(&mut self, now: Instant, media: UdpMedia) -> io::Result<()> {
        let id = media.id();
        let opened = match bind_pair(media.spec()) {
            Ok((mut sockets, ports)) => {
                for ((_, token), socket) in TOKENS.into_iter().zip(&mut sockets.0) {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    self.poll.registry().register(socket, token, both)?;
                }
                self.udp = Some(Pair { media, sockets, readable: [true; 2], is_blocked: false });
                Ok(ports)
            }
            Err(error) => Err(UdpOpenError::Io(error.kind())),
        };
        self.server.handle_udp_opened(now, id, opened);
        Ok(())
    }

    /// Receives until there is no more, and hands on what came.
    pub(super) fn receive_datagrams(&mut self, now: Instant) -> io::Result<()> {
        if let Some(pair) = &mut self.udp {
            pair.receive(now);
            pair.media.handle_timeout(now);
        }
        self.take_inbound(now)
    }

    /// Sends what there is, as far as the sockets have room.
    pub(super) fn send_datagrams(&mut self, now: Instant) -> io::Result<()> {
        if let Some(Pair { media, sockets, is_blocked, .. }) = &mut self.udp {
            *is_blocked = *is_blocked || media.flush(now, &self.logs, sockets);
        }
        self.take_inbound(now)
    }

    fn take_inbound(&mut self, now: Instant) -> io::Result<()> {
        let Some(pair) = &mut self.udp else { return Ok(()) };
        while let Some(inbound) = pair.media.poll_input(now) {
            match inbound {
                Inbound::Media(stream, media) => {
                    if let Some(log) = self.logs.0.get_mut(&stream) {
                        log.handle_media(now, media);
                    }
                }
                Inbound::Report(report) => self.server.handle_report(now, report),
                _ => {}
            }
        }
        self.hand_out(now)
    }
}

impl Pair {
    pub(super) fn note_readiness(&mut self, event: &Event) {
        for ((_, token), readable) in TOKENS.iter().zip(&mut self.readable) {
            *readable |= *token == event.token() && event.is_readable();
        }
        self.is_blocked &= !event.is_writable();
    }

    fn receive(&mut self, now: Instant) {
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        for (((port, _), socket), readable) in TOKENS.iter().zip(&self.sockets.0).zip(&mut self.readable) {
            while *readable {
                match socket.recv_from(&mut datagram) {
                    Ok((n, from)) => {
                        let data = Bytes::copy_from_slice(&datagram[..n]);
                        self.media.handle_datagram(now, *port, from, data);
                    }
                    // Other errors tell that an earlier datagram was refused; there may be more to read.
                    Err(error) => *readable = error.kind() != io::ErrorKind::WouldBlock,
                }
            }
        }
    }
}

impl DatagramSink for Sockets {
    fn send(&mut self, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        let [rtp, rtcp] = &self.0;
        let socket = if port == Port::Rtp { rtp } else { rtcp };
        // A datagram that is refused for another reason is lost, as others are on their way.
        !socket.send_to(datagram, to).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// A free even port and the one above it.
fn bind_pair(spec: &UdpSpec) -> io::Result<(Sockets, (u16, u16))> {
    for _ in 0..ATTEMPTS {
        let rtp = UdpSocket::bind(SocketAddr::new(spec.ip, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 {
            continue;
        }
        if let Ok(rtcp) = UdpSocket::bind(SocketAddr::new(spec.ip, port + 1)) {
            return Ok((Sockets([rtp, rtcp]), (port, port + 1)));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
