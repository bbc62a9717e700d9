//! The runtime that needs none: every task is a thread that waits for its own sockets.

mod reactor;
mod sockets;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::thread;

pub use reactor::block_on;
pub use sockets::{ThreadListener, ThreadTcp, ThreadTimer, ThreadUdp};

use crate::runtime::{Runtime, lookup};

/// Blocking threads: one per connection, one per pair of UDP sockets, each with its own reactor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Threads;

impl Runtime for Threads {
    type Tcp = ThreadTcp;
    type Listener = ThreadListener;
    type Udp = ThreadUdp;
    type Timer = ThreadTimer;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name("rtspan".to_owned()).spawn(move || block_on(task))?;
        Ok(())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<ThreadTcp> {
        ThreadTcp::connect(to).await
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        lookup(&host, port)
    }

    fn listener(&self, socket: StdTcpListener) -> io::Result<ThreadListener> {
        Ok(ThreadListener::new(socket))
    }

    fn udp(&self, socket: StdUdpSocket) -> io::Result<ThreadUdp> {
        Ok(ThreadUdp::new(socket))
    }

    fn timer(&self) -> ThreadTimer {
        ThreadTimer::default()
    }
}
