//! The pair of UDP sockets: datagrams in and out.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use bytes::Bytes;
use rtspan_core::Instant;
use rtspan_core::conn::Inbound;
use rtspan_core::udp::{Port, UdpOpenError, UdpSpec};

use crate::application::{Application, Sockets};

const DATAGRAM_BYTES_MAX: usize = 65_535;
/// How often a pair of neighbouring ports is looked for.
const ATTEMPTS: usize = 64;

impl Application<'_> {
    /// Opens the pair that the server asks for, and tells it the ports.
    pub(crate) fn open_udp(&mut self, now: Instant, sockets: &mut impl Sockets) -> io::Result<()> {
        let Some(media) = self.to_open.take() else { return Ok(()) };
        let id = media.id();
        let opened = match bind_pair(media.spec()) {
            Ok((pair, ports)) => {
                sockets.take_udp(pair)?;
                self.udp = Some(media);
                Ok(ports)
            }
            Err(error) => Err(UdpOpenError::Io(error.into())),
        };
        self.server.handle_udp_opened(now, id, opened, &self.logs);
        self.hand_out(now);
        Ok(())
    }

    /// Receives until there is no more, and hands on what came.
    pub(crate) fn receive_datagrams(&mut self, now: Instant, sockets: &mut impl Sockets) {
        let Some(media) = &mut self.udp else { return };
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        for port in [Port::Rtp, Port::Rtcp] {
            loop {
                match sockets.receive_from(port, &mut datagram) {
                    Ok((n, from)) => {
                        media.handle_datagram(now, port, from, Bytes::copy_from_slice(&datagram[..n]));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // It tells that an earlier datagram was refused; there may be more to read.
                    Err(_) => {}
                }
            }
        }
        media.handle_timeout(now);
        self.take_inbound(now);
    }

    /// Sends what there is, as far as the sockets have room.
    pub(crate) fn send_datagrams(&mut self, now: Instant, sockets: &mut impl Sockets) {
        if let Some(media) = &mut self.udp {
            media.flush(now, &self.logs, sockets);
        }
        self.take_inbound(now);
    }

    fn take_inbound(&mut self, now: Instant) {
        let Some(media) = &mut self.udp else { return };
        while let Some(inbound) = media.poll_input(now) {
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
        self.hand_out(now);
    }
}

/// Where the socket of a port stands in a pair.
pub(crate) fn place(port: Port) -> usize {
    usize::from(port == Port::Rtcp)
}

/// Returns `false` if the socket is full; otherwise the datagram has left, or is lost as others are on their way.
pub(crate) fn has_left(sent: io::Result<usize>) -> bool {
    !sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// A free even port and the one above it.
fn bind_pair(spec: &UdpSpec) -> io::Result<([UdpSocket; 2], (u16, u16))> {
    for _ in 0..ATTEMPTS {
        let rtp = UdpSocket::bind(SocketAddr::new(spec.ip, 0))?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 1 {
            continue;
        }
        if let Ok(rtcp) = UdpSocket::bind(SocketAddr::new(spec.ip, port + 1)) {
            rtp.set_nonblocking(true)?;
            rtcp.set_nonblocking(true)?;
            return Ok(([rtp, rtcp], (port, port + 1)));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
