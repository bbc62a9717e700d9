use std::future::Future;
use std::io;
use std::net::SocketAddr;

use rtspan_std::runtime::{Clock, Runtime};
use rtspan_std::sim::{SimListener, SimRuntime, SimTcp, SimTimer, SimUdp};

/// A simulated host on which the driver of a client reads its sockets, and not those who wait for packets.
#[derive(Clone, Debug, Default)]
pub(super) struct Apart(SimRuntime);

impl Runtime for Apart {
    type Tcp = SimTcp;
    type Listener = SimListener;
    type Udp = SimUdp;
    type Timer = SimTimer;
    type Serving = Self;

    const READERS_READ: bool = false;

    fn serving(&self) -> Self {
        self.clone()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        self.0.spawn(task)
    }

    fn parallelism(&self) -> usize {
        self.0.parallelism()
    }

    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<SimTcp>> + Send {
        self.0.connect(to)
    }

    fn resolve(&self, host: String, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        self.0.resolve(host, port)
    }

    fn listen(&self, at: SocketAddr) -> io::Result<SimListener> {
        self.0.listen(at)
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<SimUdp> {
        self.0.bind_udp(at)
    }

    fn timer(&self) -> SimTimer {
        self.0.timer()
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        self.0.seed()
    }
}
