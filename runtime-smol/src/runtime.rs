use std::future::{Future, pending};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket as StdUdpSocket};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Instant;

use async_executor::Executor;
use async_io::Async;
use rtspan_std::SocketRef;
use rtspan_std::runtime::{Direction, Listener, Runtime, Socket, TcpSocket, Timer, UdpSocket};

/// An executor of smol, with async-io's reactor.
///
/// The default is one executor for the whole process, with a thread per core, started when it is first used.
#[derive(Clone, Debug)]
pub struct Smol(Arc<Executor<'static>>);

impl Smol {
    /// Runs everything on `executor`, which somebody else drives.
    pub fn on(executor: Arc<Executor<'static>>) -> Self {
        Self(executor)
    }
}

impl Default for Smol {
    fn default() -> Self {
        static GLOBAL: OnceLock<Arc<Executor<'static>>> = OnceLock::new();
        Self(Arc::clone(GLOBAL.get_or_init(|| {
            let executor = Arc::new(Executor::new());
            for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
                let executor = Arc::clone(&executor);
                // Without any thread, those that could be started or the caller's do the work.
                let _ = thread::Builder::new()
                    .name("rtspan-smol".to_owned())
                    .spawn(move || async_io::block_on(executor.run(pending::<()>())));
            }
            executor
        })))
    }
}

impl Runtime for Smol {
    type Tcp = Tcp;
    type Listener = SmolListener;
    type Udp = Udp;
    type Timer = SmolTimer;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        self.0.spawn(task).detach();
        Ok(())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Tcp> {
        Async::<TcpStream>::connect(to).await.map(Tcp)
    }

    fn listener(&self, socket: TcpListener) -> io::Result<SmolListener> {
        Async::new_nonblocking(socket).map(SmolListener)
    }

    fn udp(&self, socket: StdUdpSocket) -> io::Result<Udp> {
        Async::new_nonblocking(socket).map(Udp)
    }

    fn timer(&self) -> SmolTimer {
        SmolTimer(async_io::Timer::never())
    }
}

fn poll_ready<T>(io: &Async<T>, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
    match direction {
        Direction::Read => io.poll_readable(cx),
        Direction::Write => io.poll_writable(cx),
    }
}

/// A TCP socket of async-io.
#[derive(Debug)]
pub struct Tcp(Async<TcpStream>);

impl Socket for Tcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        poll_ready(&self.0, cx, direction)
    }
}

impl TcpSocket for Tcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.get_ref().read(into)
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.get_ref().write_vectored(from)
    }

    fn shutdown(&self) -> io::Result<()> {
        self.0.get_ref().shutdown(Shutdown::Write)
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.get_ref().set_nodelay(true)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().local_addr()
    }
}

/// A listening socket of async-io.
#[derive(Debug)]
pub struct SmolListener(Async<TcpListener>);

impl Listener for SmolListener {
    type Tcp = Tcp;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, SocketAddr)>> {
        loop {
            match self.0.get_ref().accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready!(self.0.poll_readable(cx))?,
                accepted => {
                    let (stream, peer) = accepted?;
                    return Poll::Ready(Async::new(stream).map(|stream| (Tcp(stream), peer)));
                }
            }
        }
    }
}

/// A UDP socket of async-io.
#[derive(Debug)]
pub struct Udp(Async<StdUdpSocket>);

impl Socket for Udp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        poll_ready(&self.0, cx, direction)
    }
}

impl UdpSocket for Udp {
    fn try_io<T>(
        &self,
        _: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        operation(self.socket())
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::new(self.0.get_ref())
    }
}

/// A timer of async-io.
#[derive(Debug)]
pub struct SmolTimer(async_io::Timer);

impl Timer for SmolTimer {
    fn reset(&mut self, deadline: Option<Instant>) {
        match deadline {
            Some(deadline) => self.0.set_at(deadline),
            None => self.0 = async_io::Timer::never(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}
