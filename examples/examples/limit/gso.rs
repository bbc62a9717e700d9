use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

use bytes::Bytes;
use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

/// Segments of one datagram (Linux, `UDP_MAX_SEGMENTS`), and bytes below what one datagram may carry.
const SEGMENTS_MAX: usize = 64;
const BYTES_MAX: usize = 65_000;
/// Destinations of one system call.
const MESSAGES: usize = 64;

/// A socket of which every datagram is cut into packets of one size.
pub(crate) struct Gso {
    socket: UdpSocket,
    size: usize,
}

impl Gso {
    pub(crate) fn bind(addr: SocketAddr, size: u16) -> io::Result<Self> {
        let socket = UdpSocket::bind(addr)?;
        setsockopt(&socket, sockopt::UdpGsoSegment, &i32::from(size))?;
        Ok(Self { socket, size: size.into() })
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Sends a burst to all readers.
    pub(crate) fn send(&self, packets: &[Bytes], readers: &[SocketAddrAny]) {
        let together = SEGMENTS_MAX.min(BYTES_MAX / self.size);
        for packets in packets.chunks(together) {
            let slices: Vec<_> = packets.iter().map(|packet| IoSlice::new(packet)).collect();
            for readers in readers.chunks(MESSAGES) {
                let mut none: Vec<_> = readers.iter().map(|_| SendAncillaryBuffer::default()).collect();
                let messages = readers.iter().zip(&mut none);
                let mut messages: Vec<_> =
                    messages.map(|(to, none)| MMsgHdr::new_with_addr(to, &slices, none)).collect();
                let mut rest = &mut messages[..];
                while !rest.is_empty() {
                    // A reader that has gone costs an error once.
                    let sent = sendmmsg(&self.socket, rest, SendFlags::empty()).unwrap_or(1);
                    rest = &mut rest[sent..];
                }
            }
        }
    }
}
