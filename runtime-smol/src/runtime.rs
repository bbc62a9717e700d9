use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket as StdUdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use async_io::Async;
use bytes::BytesMut;
use rtspan_std::SocketRef;
use rtspan_std::runtime::{Direction, Listener, Pool, Runtime, Socket, TcpSocket, UdpSocket};
use smol::Executor;

use crate::serving::Serving;
use crate::timer::SmolTimer;

/// The threads of the process that run tasks for smol.
static POOL: Pool = Pool::new("rtspan-smol", async_io::block_on);

/// Where tasks run that wait for async-io's reactor.
///
/// By default these are threads of their own, one for each core at most, which start when they are first used. Those of servers wait
/// for the sockets of their own tasks, because a reactor that all threads share costs a busy server more.
///
/// ```
/// use rtspan_smol::{Server, Smol};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// smol::block_on(async {
///     let server = Server::builder().runtime(Smol::global()).bind("127.0.0.1:0").await?;
///     println!("rtsp://{}", server.local_addr());
///     # Ok(())
/// })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Smol(Place);

#[derive(Clone, Debug, Default)]
enum Place {
    #[default]
    Pool,
    Global,
    On(Arc<Executor<'static>>),
}

impl Smol {
    /// Runs everything on smol's global executor, as `smol::spawn` does.
    ///
    /// It has one thread, or as many as the environment variable `SMOL_THREADS` says.
    pub fn global() -> Self {
        Self(Place::Global)
    }

    /// Runs everything on `executor`, which the application drives.
    pub fn on(executor: Arc<Executor<'static>>) -> Self {
        Self(Place::On(executor))
    }
}

impl Runtime for Smol {
    type Tcp = Tcp;
    type Listener = SmolListener;
    type Udp = Udp;
    type Timer = SmolTimer;
    type Serving = Serving;

    fn serving(&self) -> Serving {
        match &self.0 {
            Place::Pool => Serving::default(),
            Place::Global | Place::On(_) => Serving::Executor(self.clone()),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        match &self.0 {
            Place::Pool => POOL.spawn(task)?,
            Place::Global => smol::spawn(task).detach(),
            Place::On(executor) => executor.spawn(task).detach(),
        }
        Ok(())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Tcp> {
        Async::<TcpStream>::connect(to).await.map(|io| Tcp(Tried::new(io)))
    }

    fn listen(&self, at: SocketAddr) -> io::Result<SmolListener> {
        self.adopt(rtspan_std::listen(at)?)
    }

    fn adopt(&self, listener: TcpListener) -> io::Result<SmolListener> {
        Async::new_nonblocking(listener).map(SmolListener)
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<Udp> {
        Async::new_nonblocking(rtspan_std::bind_udp(at)?).map(|io| Udp(Tried::new(io)))
    }

    fn timer(&self) -> SmolTimer {
        SmolTimer::default()
    }
}

/// A socket of async-io that is tried before it is waited for.
///
/// The reactor tells of each readiness once, and asking it for the next one costs two calls to the system and often a
/// switch to its thread; so a socket counts as ready until an operation on it has found the end of what there is.
#[derive(Debug)]
struct Tried<T> {
    io: Async<T>,
    is_drained: AtomicBool,
    is_full: AtomicBool,
}

impl<T> Tried<T> {
    fn new(io: Async<T>) -> Self {
        Self { io, is_drained: AtomicBool::new(false), is_full: AtomicBool::new(false) }
    }

    fn blocked(&self, direction: Direction) -> &AtomicBool {
        match direction {
            Direction::Read => &self.is_drained,
            Direction::Write => &self.is_full,
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        if !self.blocked(direction).load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        ready!(match direction {
            Direction::Read => self.io.poll_readable(cx),
            Direction::Write => self.io.poll_writable(cx),
        })?;
        self.blocked(direction).store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn try_io<R>(&self, direction: Direction, operation: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.try_until(direction, operation, |_| false)
    }

    /// Tries an operation. It has found the end of what there is if it would have blocked, or if its outcome says so.
    fn try_until<R>(
        &self,
        direction: Direction,
        operation: impl FnOnce(&T) -> io::Result<R>,
        is_last: impl FnOnce(&R) -> bool,
    ) -> io::Result<R> {
        let result = operation(self.io.get_ref());
        let is_spent = match &result {
            Ok(output) => is_last(output),
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if is_spent {
            self.blocked(direction).store(true, Ordering::Relaxed);
        }
        result
    }
}

/// A TCP socket of async-io.
#[derive(Debug)]
pub struct Tcp(Tried<TcpStream>);

impl Tcp {
    /// A read that leaves room has found all there was. What comes later, be it the end, the reactor tells when it is asked.
    fn read_once(
        &self,
        room: usize,
        read: impl FnOnce(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.0.try_until(Direction::Read, read, |read| 0 < *read && *read < room)
    }
}

impl Socket for Tcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl TcpSocket for Tcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.read_once(into.len(), |mut io| io.read(into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.read_once(into.capacity() - into.len(), |io| rtspan_std::read_buf(io, into))
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_io(Direction::Write, |mut io| match from {
            [all] => io.write(all),
            _ => io.write_vectored(from),
        })
    }

    fn shutdown(&self) -> io::Result<()> {
        self.0.io.get_ref().shutdown(Shutdown::Write)
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.io.get_ref().set_nodelay(true)
    }

    fn set_keepalive(&self) -> io::Result<()> {
        rtspan_std::set_keepalive(self.0.io.get_ref())
    }

    fn set_dscp(&self, dscp: rtspan_std::Dscp) -> io::Result<()> {
        rtspan_std::set_dscp(self.0.io.get_ref(), dscp)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.get_ref().peer_addr()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.get_ref().local_addr()
    }
}

/// A listening socket of async-io.
#[derive(Debug)]
pub struct SmolListener(Async<TcpListener>);

impl Listener for SmolListener {
    type Tcp = Tcp;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, SocketAddr)>> {
        loop {
            match rtspan_std::accept(self.0.get_ref()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                accepted => {
                    let (stream, peer) = accepted?;
                    let stream = Async::new_nonblocking(stream);
                    return Poll::Ready(stream.map(|stream| (Tcp(Tried::new(stream)), peer)));
                }
            }
        }
    }
}

/// A UDP socket of async-io.
#[derive(Debug)]
pub struct Udp(Tried<StdUdpSocket>);

impl Socket for Udp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx, direction)
    }
}

impl UdpSocket for Udp {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        self.0.try_io(direction, |io| operation(SocketRef::new(io)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.io.get_ref().local_addr()
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::new(self.0.io.get_ref())
    }
}
