//! The runtime that needs none: a thread for each core, which waits for the sockets of its tasks itself.

mod reactor;
mod readiness;
mod registration;
mod sockets;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

pub use reactor::block_on;
pub use sockets::{ThreadListener, ThreadTcp, ThreadTimer, ThreadUdp};

use crate::clock::now;
use crate::net::{bind_udp, listen};
use crate::pool::Pool;
use crate::runtime::{Runtime, Timer as _};

/// Runs a future on this thread as [`block_on`] does, but for so long at most; `None` if it is not done by then.
pub fn block_on_for<F: Future>(future: F, patience: Duration) -> Option<F::Output> {
    let mut timer = ThreadTimer::default();
    timer.reset(Some(now() + patience));
    let mut future = pin!(future);
    block_on(poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.poll(cx).map(|()| None),
    }))
}

static POOL: Pool = Pool::new("rtspan", block_on);

/// Threads of the process, one for each core at most, each with its own reactor.
///
/// They are started when there is something for them to do, and are there until the process ends. A task stays on the
/// thread that it was given to, and must not block it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Runtime for Threads {
    type Tcp = ThreadTcp;
    type Listener = ThreadListener;
    type Udp = ThreadUdp;
    type Timer = ThreadTimer;
    type Serving = Self;

    /// The system has to wake a thread that waits for packets and not the client's own.
    const READERS_READ: bool = cfg!(any(target_os = "linux", target_os = "android"));

    fn serving(&self) -> Self {
        *self
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        POOL.spawn(task)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<ThreadTcp> {
        ThreadTcp::connect(to).await
    }

    fn listen(&self, at: SocketAddr) -> io::Result<ThreadListener> {
        self.adopt(listen(at)?)
    }

    fn adopt(&self, listener: TcpListener) -> io::Result<ThreadListener> {
        Ok(ThreadListener::new(listener))
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<ThreadUdp> {
        bind_udp(at).map(ThreadUdp::new)
    }

    fn timer(&self) -> ThreadTimer {
        ThreadTimer::default()
    }
}
