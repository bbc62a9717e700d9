use std::array;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use rtspan_core::udp::{DatagramSink, Port};

use super::batch::{Batch, Offload, Room};
use super::copies::Copies;
use super::socket::State;
use super::{SocketOptions, SocketRef};
use crate::runtime::{Direction, UdpSocket};

/// Bytes of one receive buffer: the system may put many datagrams into it.
const SLOT_BYTES: usize = 1 << 16;
/// Receive buffers filled in one call.
const SLOTS: usize = 16;

thread_local! {
    /// The buffers of a burst, to receive and to send: per thread, so that an idle socket holds nothing.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

#[derive(Default)]
struct Scratch {
    receive: Vec<u8>,
    send: Room,
    copies: Copies,
}

/// The two UDP sockets of a session or of a server.
#[derive(Debug)]
pub(crate) struct UdpPair<U> {
    rtp: Half<U>,
    rtcp: Half<U>,
    batch: Batch,
}

#[derive(Debug)]
struct Half<U> {
    socket: U,
    state: State,
    offload: Offload,
    is_ipv6: bool,
    /// It is bound to all addresses of the host, so that each datagram can name its own.
    is_anywhere: bool,
}

impl<U: UdpSocket> UdpPair<U> {
    /// Takes over two bound sockets.
    pub(crate) fn new([rtp, rtcp]: [U; 2], options: SocketOptions) -> io::Result<Self> {
        let half = |socket| Half::new(socket, options);
        Ok(Self { rtp: half(rtp)?, rtcp: half(rtcp)?, batch: Batch::new() })
    }

    /// Receives what is there, `bursts` system calls at most; pending when both sockets are empty.
    pub(crate) fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        bursts: usize,
        mut each: impl FnMut(Port, SocketAddr, Bytes),
    ) -> Poll<()> {
        let rtp = self.rtp.poll_receive(cx, bursts, &mut |from, datagram| each(Port::Rtp, from, datagram));
        let rtcp = self.rtcp.poll_receive(cx, bursts, &mut |from, datagram| each(Port::Rtcp, from, datagram));
        if rtp.is_ready() || rtcp.is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Receives what has come, `bursts` system calls at most, whether the system has told of it yet or not.
    pub(crate) fn drain(&self, bursts: usize, mut each: impl FnMut(Port, SocketAddr, Bytes)) {
        self.rtp.drain(bursts, &mut |from, datagram| each(Port::Rtp, from, datagram));
        self.rtcp.drain(bursts, &mut |from, datagram| each(Port::Rtcp, from, datagram));
    }

    /// Sends what `fill` puts into the sink; pending while a socket has no room.
    ///
    /// `fill` says `true` when the sink had no room for all.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        mut fill: impl FnMut(&mut Self) -> bool,
    ) -> Poll<()> {
        let sent = loop {
            let blocked = fill(self);
            if self.flush() && !blocked {
                break Poll::Ready(());
            }
            let port = self.batch.port();
            // Ready after a call that would have blocked: there is room again.
            match self.half(port).socket.poll_ready(cx, Direction::Write) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => break Poll::Ready(()),
                Poll::Pending => break Poll::Pending,
            }
        };
        if let Some(room) = self.batch.take_room() {
            SCRATCH.with_borrow_mut(|scratch| scratch.send = room);
        }
        sent
    }

    /// Sends what waits; `false` if a socket would block before the end.
    pub(crate) fn flush(&mut self) -> bool {
        let Half { socket, state, offload, .. } = match self.batch.port() {
            Port::Rtp => &mut self.rtp,
            Port::Rtcp => &mut self.rtcp,
        };
        let from = self.batch.from();
        self.batch.flush(offload, |bytes, messages, segment| {
            socket.try_io(Direction::Write, |socket| state.send(socket, from, bytes, messages, segment))
        })
    }

    /// The datagrams that were too big for their paths since it was last asked: where they went, and their bytes.
    pub(crate) fn take_too_big(&mut self) -> impl Iterator<Item = (SocketAddr, usize)> {
        self.batch
            .take_too_big()
            .map(|(to, bytes)| (SocketAddr::new(to.ip().to_canonical(), to.port()), bytes))
    }

    fn half(&mut self, port: Port) -> &mut Half<U> {
        match port {
            Port::Rtp => &mut self.rtp,
            Port::Rtcp => &mut self.rtcp,
        }
    }
}

impl<U: UdpSocket> DatagramSink for UdpPair<U> {
    fn send(&mut self, port: Port, from: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        self.batch.lend(|| SCRATCH.with_borrow_mut(|scratch| std::mem::take(&mut scratch.send)));
        let half = self.half(port);
        let (to, segments_max) = (half.reachable(to), half.offload.segments_max());
        let from = from.filter(|_| half.is_anywhere);
        while !self.batch.add((port, from), to, datagram, segments_max) {
            if !self.flush() {
                return false;
            }
        }
        true
    }
}

impl<U: UdpSocket> Half<U> {
    fn new(socket: U, options: SocketOptions) -> io::Result<Self> {
        let local = socket.local_addr()?;
        let (is_ipv6, is_anywhere) = (local.is_ipv6(), local.ip().is_unspecified());
        let state = State::new(socket.socket(), is_ipv6, options.forbids_fragments)?;
        if let Some(dscp) = options.dscp {
            socket.socket().set_dscp(dscp)?;
        }
        let offload = Offload::new(state.segments_max());
        Ok(Self { socket, state, offload, is_ipv6, is_anywhere })
    }

    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        bursts: usize,
        each: &mut dyn FnMut(SocketAddr, Bytes),
    ) -> Poll<()> {
        for _ in 0..bursts {
            match self.socket.poll_ready(cx, Direction::Read) {
                Poll::Ready(Ok(())) => {
                    self.receive(each, |receive| self.socket.try_io(Direction::Read, receive));
                }
                Poll::Ready(Err(_)) | Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }

    fn drain(&self, bursts: usize, each: &mut dyn FnMut(SocketAddr, Bytes)) {
        for _ in 0..bursts {
            if self.receive(each, |receive| receive(self.socket.socket())) == 0 {
                return;
            }
        }
    }

    /// Receives with one call, which `with` makes. Returns how many buffers it filled.
    fn receive(
        &self,
        each: &mut dyn FnMut(SocketAddr, Bytes),
        with: impl FnOnce(&mut dyn FnMut(SocketRef<'_>) -> io::Result<()>) -> io::Result<()>,
    ) -> usize {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.receive.resize(SLOTS * SLOT_BYTES, 0);
            let mut metas = [RecvMeta::default(); SLOTS];
            let mut slots = scratch.receive.chunks_exact_mut(SLOT_BYTES);
            let mut slices: [IoSliceMut<'_>; SLOTS] =
                array::from_fn(|_| IoSliceMut::new(slots.next().unwrap_or_default()));
            let mut received = 0;
            // An error is that of a datagram sent before, which some systems tell here: the next one may be whole.
            let _ = with(&mut |socket| {
                received = self.state.receive(socket, &mut slices, &mut metas)?;
                // They were all there are: the socket is not ready again before the system says so.
                if received < SLOTS.min(BATCH_SIZE) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            let Scratch { receive, copies, .. } = scratch;
            for (slot, meta) in receive.chunks_exact(SLOT_BYTES).zip(&metas).take(received) {
                let mut from = meta.addr;
                from.set_ip(from.ip().to_canonical());
                for datagram in slot[..meta.len.min(SLOT_BYTES)].chunks(meta.stride.max(1)) {
                    copies.push(from, datagram, each);
                }
            }
            copies.hand_out(each);
            received
        })
    }

    /// `to` as an address of the socket's family.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.is_ipv6 => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
            to => to,
        }
    }
}

#[cfg(test)]
mod tests;
