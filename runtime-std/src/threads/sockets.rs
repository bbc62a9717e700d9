use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BytesMut;
use mio::net::{TcpListener, TcpStream, UdpSocket as MioUdpSocket};

use super::reactor::Alarm;
use super::registration::{Pollable, Registration};
use crate::clock::to_std;
use crate::net::{Dscp, SocketRef, read_buf, set_dscp, set_keepalive};
use crate::runtime::{Direction, Listener, SHORT_READS_EMPTY, Socket, TcpSocket, Timer, UdpSocket};

/// A socket that belongs to the thread that waits for it first, and is lent to another one that waits for it.
#[derive(Debug)]
struct Registered<S> {
    io: S,
    registration: Option<Registration>,
}

impl<S: Pollable> Registered<S> {
    fn new(io: S) -> Self {
        Self { io, registration: None }
    }

    fn poll_ready(&mut self, cx: &Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let registration = match &mut self.registration {
            Some(registration) => registration,
            none => none.insert(Registration::new(&mut self.io)?),
        };
        registration.poll_ready(&mut self.io, cx, direction)
    }

    fn try_io<T>(&self, direction: Direction, operation: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        self.try_until(direction, operation, |_| false)
    }

    /// Tries an operation. It has found the end of what there is if it would have blocked, or if its outcome says so.
    fn try_until<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<T>,
        is_last: impl FnOnce(&T) -> bool,
    ) -> io::Result<T> {
        let before = self.registration.as_ref().map(|registration| registration.told(direction));
        let result = loop {
            match operation(&self.io) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let is_spent = match &result {
            Ok(output) => is_last(output),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if let (true, Some(registration), Some(before)) = (is_spent, &self.registration, before) {
            // It is not ready before the system says so, or has said so meanwhile.
            registration.clear(direction, before);
        }
        result
    }

    /// Leaves the thread that it belongs to, which is this one, for the next that waits for it.
    fn detach(&mut self) {
        if let Some(registration) = self.registration.take() {
            registration.end(&mut self.io);
        }
    }
}

/// A TCP socket of the [`Threads`](super::Threads) runtime.
#[derive(Debug)]
pub struct ThreadTcp(Registered<TcpStream>);

impl ThreadTcp {
    pub(super) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let mut socket = Self(Registered::new(TcpStream::connect(to)?));
        loop {
            poll_fn(|cx| socket.poll_ready(cx, Direction::Write)).await?;
            if let Some(error) = socket.0.io.take_error()? {
                return Err(error);
            }
            match socket.0.try_io(Direction::Write, |io| match io.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => Err(ErrorKind::WouldBlock.into()),
                peer => peer,
            }) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                peer => return peer.map(|_| socket),
            }
        }
    }
}

impl ThreadTcp {
    fn read_once(&self, room: usize, read: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        let is_told = self.0.registration.as_ref().is_some_and(Registration::short_reads_empty);
        let is_last = |read: &usize| SHORT_READS_EMPTY && is_told && 0 < *read && *read < room;
        self.0.try_until(Direction::Read, read, is_last)
    }
}

impl Socket for ThreadTcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl TcpSocket for ThreadTcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.read_once(into.len(), |mut io| io.read(into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.read_once(into.capacity() - into.len(), |io| io.try_io(|| read_buf(io, into)))
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_io(Direction::Write, |mut io| match from {
            [all] => io.write(all),
            _ => io.write_vectored(from),
        })
    }

    fn shutdown(&self) -> io::Result<()> {
        self.0.io.shutdown(Shutdown::Write)
    }

    fn detach(&mut self) {
        self.0.detach();
    }

    fn leave_to_others(&mut self, is_left: bool) -> bool {
        let Registered { io, registration } = &mut self.0;
        registration.as_mut().is_some_and(|registration| registration.leave_to_guest(io, is_left))
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.io.set_nodelay(true)
    }

    fn set_keepalive(&self) -> io::Result<()> {
        set_keepalive(&self.0.io)
    }

    fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        set_dscp(&self.0.io, dscp)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.peer_addr()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.local_addr()
    }
}

/// A listening socket of the [`Threads`](super::Threads) runtime.
#[derive(Debug)]
pub struct ThreadListener(Registered<TcpListener>);

impl ThreadListener {
    pub(super) fn new(socket: StdTcpListener) -> Self {
        Self(Registered::new(TcpListener::from_std(socket)))
    }
}

impl Listener for ThreadListener {
    type Tcp = ThreadTcp;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(ThreadTcp, SocketAddr)>> {
        loop {
            ready!(self.0.poll_ready(cx, Direction::Read))?;
            match self.0.try_io(Direction::Read, TcpListener::accept) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                accepted => {
                    return Poll::Ready(accepted.map(|(io, peer)| (ThreadTcp(Registered::new(io)), peer)));
                }
            }
        }
    }
}

/// A UDP socket of the [`Threads`](super::Threads) runtime.
#[derive(Debug)]
pub struct ThreadUdp(Registered<MioUdpSocket>);

impl ThreadUdp {
    pub(crate) fn new(socket: StdUdpSocket) -> Self {
        Self(Registered::new(MioUdpSocket::from_std(socket)))
    }
}

impl Socket for ThreadUdp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl UdpSocket for ThreadUdp {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut operation = Some(operation);
        self.0.try_io(direction, |io| match operation.take() {
            Some(operation) => io.try_io(|| operation(SocketRef::new(io))),
            // Interrupted before it did anything; the caller comes again, since the socket is still ready.
            None => Err(ErrorKind::TimedOut.into()),
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.local_addr()
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::new(&self.0.io)
    }
}

/// A timer of the [`Threads`](super::Threads) runtime.
#[derive(Debug, Default)]
pub struct ThreadTimer {
    deadline: Option<Instant>,
    alarm: Option<Alarm>,
}

impl Timer for ThreadTimer {
    fn reset(&mut self, deadline: Option<rtspan_core::Instant>) {
        self.deadline = deadline.and_then(to_std);
        self.alarm = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if deadline <= Instant::now() {
            self.alarm = None;
            return Poll::Ready(());
        }
        if !self.alarm.as_ref().is_some_and(|alarm| alarm.wakes(cx.waker())) {
            self.alarm = Some(Alarm::new(deadline, cx.waker()));
        }
        Poll::Pending
    }
}
