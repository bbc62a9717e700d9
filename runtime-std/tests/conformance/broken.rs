//! A runtime that breaks one of its promises.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rtspan_std::runtime::{
    Clock, Direction, Listener, Runtime, Socket, TcpSocket, TimeSource, Timer, UdpSocket,
};
use rtspan_std::sim::{SimListener, SimRuntime, SimTcp, SimTimer, SimUdp};
use rtspan_std::{Datagrams, Dscp, Instant, NtpTime, SocketRef};

/// The promise that is broken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Promise {
    ClockGoesOn,
    TimersAreNotEarly,
    TimersCanBeSetAnew,
    TimersCanBeStopped,
    TimersWake,
    TasksRun,
    SeedsDiffer,
    AddressesAreThemselves,
    PeersAreNamed,
    EmptySocketsWait,
    ReadersAreWoken,
    WritersAreWoken,
    /// Also where reading is waited for since.
    WritersAreKept,
    /// Also where writing is waited for since.
    ReadersAreKept,
    BytesAreAllRead,
    HalfCloses,
    DatagramsAreWhole,
    ListenersAreWoken,
}

/// A simulated runtime but for that.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) runtime: SimRuntime,
    pub(crate) promise: Promise,
}

/// A part of such a runtime.
#[derive(Debug)]
pub(crate) struct Part<T> {
    part: T,
    promise: Promise,
    is_set: bool,
}

impl Default for Broken {
    fn default() -> Self {
        Self { runtime: SimRuntime::default(), promise: Promise::ClockGoesOn }
    }
}

impl Broken {
    fn part<T>(&self, part: T) -> Part<T> {
        Part { part, promise: self.promise, is_set: false }
    }
}

impl Runtime for Broken {
    type Tcp = Part<SimTcp>;
    type Listener = Part<SimListener>;
    type Udp = Part<SimUdp>;
    type Timer = Part<SimTimer>;
    type Serving = Self;

    fn serving(&self) -> Self {
        self.clone()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        if self.promise == Promise::TasksRun { Ok(()) } else { self.runtime.spawn(task) }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Tcp> {
        Ok(self.part(self.runtime.connect(to).await?))
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        let wrong = u16::from(self.promise == Promise::AddressesAreThemselves);
        self.runtime.resolve(host, port + wrong).await
    }

    fn listen(&self, at: SocketAddr) -> io::Result<Self::Listener> {
        self.runtime.listen(at).map(|listener| self.part(listener))
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<Self::Udp> {
        self.runtime.bind_udp(at).map(|udp| self.part(udp))
    }

    fn timer(&self) -> Self::Timer {
        self.part(self.runtime.timer())
    }

    fn clock(&self) -> Clock {
        match self.promise {
            Promise::ClockGoesOn => {
                Clock::new(Arc::new(Wavering { clock: self.runtime.clock(), asked: AtomicU64::new(0) }))
            }
            _ => self.runtime.clock(),
        }
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        if self.promise == Promise::SeedsDiffer { Ok([7; 32]) } else { self.runtime.seed() }
    }
}

/// A clock that goes back a little now and then.
#[derive(Debug)]
struct Wavering {
    clock: Clock,
    asked: AtomicU64,
}

impl TimeSource for Wavering {
    fn now(&self) -> Instant {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.clock.now() + Duration::from_micros(1000 - asked % 100)
    }

    fn wall(&self) -> NtpTime {
        self.clock.wall()
    }
}

impl Timer for Part<SimTimer> {
    fn reset(&mut self, deadline: Option<Instant>) {
        let was_set = std::mem::replace(&mut self.is_set, true);
        match (self.promise, deadline) {
            (Promise::TimersCanBeSetAnew, Some(_)) if was_set => {}
            (Promise::TimersCanBeStopped, None) => {}
            (Promise::TimersAreNotEarly, Some(deadline)) => {
                let early = Duration::from_nanos(deadline.as_nanos().saturating_sub(5_000_000));
                self.part.reset(Some(Instant::ZERO + early));
            }
            (_, deadline) => self.part.reset(deadline),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.promise {
            Promise::TimersWake => self.part.poll(&mut Context::from_waker(Waker::noop())),
            _ => self.part.poll(cx),
        }
    }
}

impl Socket for Part<SimTcp> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match (self.promise, direction) {
            (Promise::EmptySocketsWait, Direction::Read) => Poll::Ready(Ok(())),
            (Promise::ReadersAreWoken, Direction::Read) | (Promise::WritersAreWoken, Direction::Write) => {
                self.part.poll_ready(&mut Context::from_waker(Waker::noop()), direction)
            }
            (Promise::WritersAreKept, Direction::Read) => self.poll_only(cx, direction, Direction::Write),
            (Promise::ReadersAreKept, Direction::Write) => self.poll_only(cx, direction, Direction::Read),
            _ => self.part.poll_ready(cx, direction),
        }
    }
}

impl Part<SimTcp> {
    /// Forgets who waits for the other direction where this one has to be waited for.
    fn poll_only(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        other: Direction,
    ) -> Poll<io::Result<()>> {
        let polled = self.part.poll_ready(cx, direction);
        if polled.is_pending() {
            let _ = self.part.poll_ready(&mut Context::from_waker(Waker::noop()), other);
        }
        polled
    }
}

impl TcpSocket for Part<SimTcp> {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.part.try_read(into)?;
        // The last byte of a large block is lost.
        let lost = usize::from(self.promise == Promise::BytesAreAllRead && read > 1000);
        Ok(read - lost)
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.part.try_read_buf(into)
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.part.try_write_vectored(from)
    }

    fn shutdown(&self) -> io::Result<()> {
        if self.promise == Promise::HalfCloses { Ok(()) } else { self.part.shutdown() }
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.part.set_nodelay()
    }

    fn set_keepalive(&self) -> io::Result<()> {
        self.part.set_keepalive()
    }

    fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        self.part.set_dscp(dscp)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        if self.promise == Promise::PeersAreNamed { self.part.local_addr() } else { self.part.peer_addr() }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.part.local_addr()
    }
}

impl Listener for Part<SimListener> {
    type Tcp = Part<SimTcp>;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.part.local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Part<SimTcp>, SocketAddr)>> {
        let promise = self.promise;
        self.part.poll_accept(cx).map_ok(|(part, peer)| (Part { part, promise, is_set: false }, peer))
    }
}

impl Socket for Part<SimUdp> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match self.promise {
            Promise::ListenersAreWoken => {
                self.part.poll_ready(&mut Context::from_waker(Waker::noop()), direction)
            }
            _ => self.part.poll_ready(cx, direction),
        }
    }
}

impl UdpSocket for Part<SimUdp> {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.part.try_io(direction, |_| operation(SocketRef::of(self)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        UdpSocket::local_addr(&self.part)
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::of(self)
    }
}

impl Datagrams for Part<SimUdp> {
    fn try_recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, from) = self.part.try_recv_from(into)?;
        let most = if self.promise == Promise::DatagramsAreWhole { 1000 } else { count };
        Ok((count.min(most), from))
    }

    fn try_send_to(&self, datagram: &[u8], from: Option<IpAddr>, to: SocketAddr) -> io::Result<()> {
        self.part.try_send_to(datagram, from, to)
    }
}
