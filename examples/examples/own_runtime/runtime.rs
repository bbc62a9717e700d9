//! The runtime: tasks on the threads of `futures`, sockets and timers of the reactor.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;

use futures_executor::ThreadPool;
use rtspan_std::runtime::{Direction, Runtime};
use socket2::{Domain, Protocol, Socket, Type};

use crate::reactor::{OwnTimer, Registered};
use crate::sockets::{OwnListener, OwnTcp, OwnUdp};

/// The runtime. All of it is of the process, so a value says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own;

impl Runtime for Own {
    type Tcp = OwnTcp;
    type Listener = OwnListener;
    type Udp = OwnUdp;
    type Timer = OwnTimer;
    type Serving = Self;

    fn serving(&self) -> Self {
        *self
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        pool()?.spawn_ok(task);
        Ok(())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<OwnTcp> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.connect(&to.into()).or_else(|error| if is_underway(&error) { Ok(()) } else { Err(error) })?;
        let socket = Registered::new(socket, false)?;
        loop {
            poll_fn(|cx| socket.poll_ready(cx, Direction::Write)).await?;
            if let Some(error) = socket.socket().take_error()? {
                return Err(error);
            }
            // To be told of may be spurious.
            match socket.try_io(Direction::Write, |socket| match socket.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                peer => peer,
            }) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peer => return peer.map(|_| OwnTcp(socket)),
            }
        }
    }

    fn listen(&self, at: SocketAddr) -> io::Result<OwnListener> {
        self.adopt(rtspan_std::listen(at)?)
    }

    fn adopt(&self, listener: TcpListener) -> io::Result<OwnListener> {
        Ok(OwnListener(Registered::new(listener.into(), true)?))
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<OwnUdp> {
        Ok(OwnUdp(Registered::new(rtspan_std::bind_udp(at)?.into(), true)?))
    }

    fn timer(&self) -> OwnTimer {
        OwnTimer::default()
    }
}

/// Returns `true` if a connection is being made, which the system tells as an error.
fn is_underway(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error());
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::WouldBlock;
}

/// The threads of the process, which start when there is something to do.
fn pool() -> io::Result<&'static ThreadPool> {
    static POOL: OnceLock<ThreadPool> = OnceLock::new();
    if let Some(pool) = POOL.get() {
        return Ok(pool);
    }
    // If two are made at the same time, one of them ends at once.
    let pool = ThreadPool::new()?;
    Ok(POOL.get_or_init(|| pool))
}
