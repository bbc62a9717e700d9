use std::future::Future;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener};
use std::task::{Context, Poll};

use bytes::BytesMut;
use rtspan_std::runtime::{Direction, Listener, Runtime, Socket, TcpSocket, Timer, UdpSocket};
use rtspan_std::threads::{ThreadListener, ThreadTcp, ThreadTimer, ThreadUdp, Threads};
use rtspan_std::{Dscp, Instant, SocketRef};

use crate::runtime::{Smol, SmolListener, Tcp, Udp};
use crate::timer::SmolTimer;

/// Where a server runs: on threads that wait for their sockets themselves, unless the application has given it an executor.
///
/// async-io has one reactor for all threads, so that mostly one thread hears of a socket and wakes another one. Nobody but the
/// server's own tasks waits for its sockets, so each is left to the thread of its task.
#[derive(Clone, Debug)]
pub enum Serving {
    /// On threads of their own.
    Threads(Threads),
    /// On an executor, with async-io.
    Executor(Smol),
}

impl Default for Serving {
    fn default() -> Self {
        Self::Threads(Threads)
    }
}

/// The same of both.
macro_rules! either {
    ($either:expr, $one:ident => $done:expr) => {
        match $either {
            Either::Threads($one) => $done,
            Either::Executor($one) => $done,
        }
    };
}

/// A socket or timer of a server.
#[derive(Debug)]
pub enum Either<T, E> {
    /// It belongs to the thread of its task.
    Threads(T),
    /// It waits with async-io.
    Executor(E),
}

impl Runtime for Serving {
    type Tcp = Either<ThreadTcp, Tcp>;
    type Listener = Either<ThreadListener, SmolListener>;
    type Udp = Either<ThreadUdp, Udp>;
    type Timer = Either<ThreadTimer, SmolTimer>;
    type Serving = Self;

    fn serving(&self) -> Self {
        self.clone()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        match self {
            Self::Threads(threads) => threads.spawn(task),
            Self::Executor(smol) => smol.spawn(task),
        }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Tcp> {
        match self {
            Self::Threads(threads) => threads.connect(to).await.map(Either::Threads),
            Self::Executor(smol) => smol.connect(to).await.map(Either::Executor),
        }
    }

    fn listen(&self, at: SocketAddr) -> io::Result<Self::Listener> {
        match self {
            Self::Threads(threads) => threads.listen(at).map(Either::Threads),
            Self::Executor(smol) => smol.listen(at).map(Either::Executor),
        }
    }

    fn adopt(&self, listener: TcpListener) -> io::Result<Self::Listener> {
        match self {
            Self::Threads(threads) => threads.adopt(listener).map(Either::Threads),
            Self::Executor(smol) => smol.adopt(listener).map(Either::Executor),
        }
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<Self::Udp> {
        match self {
            Self::Threads(threads) => threads.bind_udp(at).map(Either::Threads),
            Self::Executor(smol) => smol.bind_udp(at).map(Either::Executor),
        }
    }

    fn timer(&self) -> Self::Timer {
        match self {
            Self::Threads(threads) => Either::Threads(threads.timer()),
            Self::Executor(smol) => Either::Executor(smol.timer()),
        }
    }
}

impl<T: Socket, E: Socket> Socket for Either<T, E> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        either!(self, socket => socket.poll_ready(cx, direction))
    }
}

impl<T: TcpSocket, E: TcpSocket> TcpSocket for Either<T, E> {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        either!(self, socket => socket.try_read(into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        either!(self, socket => socket.try_read_buf(into))
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, socket => socket.try_write_vectored(from))
    }

    fn shutdown(&self) -> io::Result<()> {
        either!(self, socket => socket.shutdown())
    }

    fn detach(&mut self) {
        either!(self, socket => socket.detach());
    }

    fn leave_to_others(&mut self, is_left: bool) -> bool {
        either!(self, socket => socket.leave_to_others(is_left))
    }

    fn set_nodelay(&self) -> io::Result<()> {
        either!(self, socket => socket.set_nodelay())
    }

    fn set_keepalive(&self) -> io::Result<()> {
        either!(self, socket => socket.set_keepalive())
    }

    fn set_dscp(&self, dscp: Dscp) -> io::Result<()> {
        either!(self, socket => socket.set_dscp(dscp))
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.peer_addr())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.local_addr())
    }
}

impl<T: Listener, E: Listener> Listener for Either<T, E> {
    type Tcp = Either<T::Tcp, E::Tcp>;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(self, listener => listener.local_addr())
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Tcp, SocketAddr)>> {
        match self {
            Self::Threads(listener) => {
                listener.poll_accept(cx).map_ok(|(socket, peer)| (Either::Threads(socket), peer))
            }
            Self::Executor(listener) => {
                listener.poll_accept(cx).map_ok(|(socket, peer)| (Either::Executor(socket), peer))
            }
        }
    }
}

impl<T: UdpSocket, E: UdpSocket> UdpSocket for Either<T, E> {
    fn try_io<O>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<O>,
    ) -> io::Result<O> {
        either!(self, socket => socket.try_io(direction, operation))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        either!(self, socket => socket.local_addr())
    }

    fn socket(&self) -> SocketRef<'_> {
        either!(self, socket => socket.socket())
    }
}

impl<T: Timer, E: Timer> Timer for Either<T, E> {
    fn reset(&mut self, deadline: Option<Instant>) {
        either!(self, timer => timer.reset(deadline));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        either!(self, timer => timer.poll(cx))
    }
}
