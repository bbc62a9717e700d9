use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use rtspan_core::{Instant, NtpTime};

use super::Shared;
use super::sockets::{SimListener, SimTcp, SimUdp};
use super::timer::{Lookup, SimTimer};
use crate::runtime::{Clock, Runtime, TimeSource};

thread_local! {
    /// The host whose task runs on this thread.
    static CURRENT: RefCell<Option<SimRuntime>> = const { RefCell::new(None) };
}

/// A host of a simulated world, as what runs on it sees it.
///
/// [`Default`] is the host of the task that asks.
///
/// # Panics
///
/// `SimRuntime::default()` panics outside of the tasks of a simulated world; [`Host::runtime`](super::Host::runtime) does not.
#[derive(Clone)]
pub struct SimRuntime {
    pub(super) shared: Arc<Shared>,
    pub(super) host: usize,
}

impl SimRuntime {
    /// Does something as the host.
    pub(super) fn within<T>(&self, f: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let leave = Leave(before);
        let result = f();
        drop(leave);
        result
    }
}

/// Has the host before be the current one again, also when something panics.
struct Leave(Option<SimRuntime>);

impl Drop for Leave {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

impl Default for SimRuntime {
    fn default() -> Self {
        let current = CURRENT.with_borrow(Clone::clone);
        current.expect("a task of a simulated world asks; elsewhere name the host: `Host::runtime`")
    }
}

impl fmt::Debug for SimRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimRuntime").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Runtime for SimRuntime {
    type Tcp = SimTcp;
    type Listener = SimListener;
    type Udp = SimUdp;
    type Timer = SimTimer;
    type Serving = Self;

    fn serving(&self) -> Self {
        self.clone()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        match self.shared.spawn(self.host, Box::pin(task)) {
            true => Ok(()),
            false => Err(ErrorKind::HostUnreachable.into()),
        }
    }

    fn parallelism(&self) -> usize {
        1
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<SimTcp> {
        SimTcp::connect(&self.shared, self.host, to).await
    }

    fn resolve(&self, host: String, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        Lookup::new(&self.shared, host, port)
    }

    fn listen(&self, at: SocketAddr) -> io::Result<SimListener> {
        SimListener::new(&self.shared, self.host, at)
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<SimUdp> {
        SimUdp::new(&self.shared, self.host, at)
    }

    fn timer(&self) -> SimTimer {
        SimTimer::new(&self.shared)
    }

    fn clock(&self) -> Clock {
        Clock::new(Arc::new(SimClock { shared: Arc::downgrade(&self.shared), host: self.host }))
    }

    fn seed(&self) -> io::Result<[u8; 32]> {
        let mut seed = [0; 32];
        self.shared.enter(|world| {
            for bytes in seed.chunks_exact_mut(8) {
                bytes.copy_from_slice(&world.chance.next().to_le_bytes());
            }
        });
        Ok(seed)
    }
}

/// The clock of a host. It does not keep the world.
struct SimClock {
    shared: Weak<Shared>,
    host: usize,
}

impl fmt::Debug for SimClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimClock").field("host", &self.host).finish_non_exhaustive()
    }
}

impl TimeSource for SimClock {
    fn now(&self) -> Instant {
        self.shared.upgrade().map_or(Instant::ZERO, |shared| shared.enter(|world| world.now))
    }

    fn wall(&self) -> NtpTime {
        self.shared
            .upgrade()
            .map_or_else(NtpTime::default, |shared| shared.enter(|world| world.wall(self.host)))
    }
}
