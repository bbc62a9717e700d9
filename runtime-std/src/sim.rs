//! A runtime that is simulated: the same [`Server`] and [`Client`], and the tasks of a test, run on one thread in virtual time,
//! over a network that is made up.
//!
//! A world begins with a seed, from which all chance comes: the same seed does the same again. Hours pass in seconds, since
//! nothing waits. Hosts have addresses, sockets and a wall clock; the links between them have a latency and a bandwidth, lose
//! and reorder packets, and can be cut. Tasks run in an order of chance, are woken for nothing now and then, and read and write less
//! than there is, as real runtimes do.
//!
//! # Examples
//!
//! A camera behind a bad radio link is played for an hour:
//!
//! ```
//! use std::time::Duration;
//! use rtspan_std::sim::{Client, Link, Server, Sim, sleep};
//! use rtspan_std::{Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Transports};
//!
//! # fn main() -> Result<(), rtspan_std::sim::SimError> {
//! let sim = Sim::new(7);
//! sim.host("10.0.0.1").spawn(async {
//!     let server = Server::builder().bind("10.0.0.1:554").await.unwrap();
//!     let format = Format::new(96, "H264", 90_000);
//!     let description = Description::new(vec![Media::new(MediaKind::Video, vec![format])]);
//!     let stream = server.publish("/cam", description).unwrap();
//!     for number in 0_u32.. {
//!         let header = RtpHeader { payload_type: 96, marker: true, ssrc: 1, sequence: number as u16, timestamp: number * 90_000 };
//!         stream.write(0, RtpPacket::build(header, &[0x65; 1000])).unwrap();
//!         sleep(Duration::from_secs(1)).await;
//!     }
//! });
//! let link = Link::lossy(0.02).latency(Duration::from_millis(30));
//! let recorder = sim.host("10.0.0.2").link_to("10.0.0.1", link);
//! let packets = sim.run(&recorder, Duration::from_secs(3700), async {
//!     sleep(Duration::from_secs(1)).await;
//!     let builder = Client::builder("rtsp://10.0.0.1/cam").unwrap().transport(Transports::Tcp);
//!     let mut packets = builder.play().await.unwrap();
//!     let mut count = 0;
//!     while count < 3600 {
//!         let received = packets.next().await.expect("the camera goes on").unwrap();
//!         assert_eq!(received.lost, 0, "TCP loses nothing");
//!         count += 1;
//!     }
//!     count
//! })?;
//! assert_eq!(packets, 3600);
//! # Ok(())
//! # }
//! ```

mod chance;
mod error;
mod groups;
mod host;
mod link;
mod runtime;
mod sockets;
mod tasks;
mod tcp;
mod timer;
mod udp;
mod world;

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use rtspan_core::Instant;

pub use error::SimError;
pub use host::Host;
pub use link::Link;
pub use runtime::SimRuntime;
pub use sockets::{SimListener, SimTcp, SimUdp};
pub use timer::SimTimer;

use crate::runtime::Runtime;
use crate::wake::lock;
use tasks::{TaskFuture, Tasks};
use world::World;

/// An RTSP client of a simulated host.
pub type Client = crate::client::Client<SimRuntime>;
/// How a client of a simulated host is set up.
pub type ClientBuilder = crate::client::ClientBuilder<SimRuntime>;
/// The packets that a client of a simulated host receives.
pub type Packets = crate::client::Packets<SimRuntime>;
/// Sends the packets of a client of a simulated host that publishes.
pub type Publisher = crate::client::Publisher<SimRuntime>;
/// An RTSP server of a simulated host.
pub type Server = crate::server::Server<SimRuntime>;
/// How a server of a simulated host is set up.
pub type ServerBuilder = crate::server::ServerBuilder<SimRuntime>;

/// The time that a task takes whenever it runs, at most.
const TURN: Duration = Duration::from_micros(4);
/// Turns in a row behind which nothing else has happened.
const TURNS_MAX: u32 = 1_000_000;
/// One turn in so many wakes a task that nobody has woken.
const SPURIOUS: usize = 64;

/// Waits for so long, in the time of the world.
///
/// # Panics
///
/// Outside of the tasks of a simulated world.
pub async fn sleep(time: Duration) {
    SimRuntime::default().sleep(time).await;
}

/// A simulated world: hosts, the links between them, and their tasks, on the thread that [runs](Self::run_for) it.
pub struct Sim {
    shared: Arc<Shared>,
    seed: u64,
}

/// State that the handles of a world share. The tasks are locked before the world.
#[derive(Debug)]
pub(crate) struct Shared {
    tasks: Mutex<Tasks>,
    world: Mutex<World>,
}

impl Shared {
    /// Does something with the world, then wakes whom that concerns.
    fn enter<T>(&self, f: impl FnOnce(&mut World) -> T) -> T {
        let (result, to_wake, to_drop) = {
            let mut world = lock(&self.world);
            let result = f(&mut world);
            (result, std::mem::take(&mut world.to_wake), std::mem::take(&mut world.to_drop))
        };
        to_wake.into_iter().for_each(std::task::Waker::wake);
        drop(to_drop);
        result
    }

    /// Starts a task, unless its host has no power, or as many as it may have.
    fn spawn(&self, host: usize, task: TaskFuture) -> bool {
        let mut tasks = lock(&self.tasks);
        let has_room = |own: &world::Host| own.has_power && tasks.count(host) < own.tasks_max;
        let is_taken = self.enter(|world| world.hosts.get(host).is_some_and(has_room));
        if is_taken {
            tasks.add(host, Some(task));
        }
        is_taken
    }

    /// Ends the tasks of one host, or all. Their futures are dropped where nothing is locked, and may start others.
    fn end_tasks(&self, of: Option<usize>) {
        loop {
            let taken = lock(&self.tasks).take(of);
            if taken.is_empty() {
                return;
            }
            drop(taken);
        }
    }
}

impl Sim {
    /// A world without hosts, whose chance comes from a seed.
    pub fn new(seed: u64) -> Self {
        let shared = Shared { tasks: Mutex::default(), world: Mutex::new(World::new(seed)) };
        Self { shared: Arc::new(shared), seed }
    }

    /// The seed that it was made with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The host with an IP address, which is made if there is none.
    ///
    /// # Panics
    ///
    /// The text is no IP address.
    pub fn host(&self, ip: &str) -> Host {
        let ip = address(ip);
        let id = self.shared.enter(|world| world.host(ip));
        Host(SimRuntime { shared: Arc::clone(&self.shared), host: id })
    }

    /// Has a name lead to IP addresses, for all hosts; it leads nowhere if there is none.
    ///
    /// # Panics
    ///
    /// One of them is no IP address.
    pub fn name(&self, name: &str, ips: &[&str]) {
        let ips: Vec<IpAddr> = ips.iter().map(|ip| address(ip)).collect();
        self.shared.enter(|world| world.names.insert(name.to_owned(), ips));
    }

    /// Sets whether, now and then, tasks are woken for nothing or polled with another waker, and sockets read and write less
    /// than there is. They do by default.
    pub fn set_rough(&self, is_rough: bool) {
        self.shared.enter(|world| world.is_rough = is_rough);
    }

    /// The time that has passed in the world.
    pub fn now(&self) -> Instant {
        self.shared.enter(|world| world.now)
    }

    /// A number of all that has happened until now: the same for the same seed, and hardly ever for another.
    pub fn trace(&self) -> u64 {
        self.shared.enter(|world| world.trace.0)
    }

    /// How often tasks have run: a test can find out that they do not run for nothing.
    pub fn turns(&self) -> u64 {
        self.shared.enter(|world| world.turns)
    }

    /// Lets so much time pass.
    ///
    /// # Errors
    ///
    /// A task has panicked, or keeps waking itself.
    pub fn run_for(&self, time: Duration) -> Result<(), SimError> {
        self.run_with(time, None)
    }

    /// Runs a task on a host until it is done, and everything else with it; for so long at most.
    ///
    /// # Errors
    ///
    /// It is not done by then, a task has panicked, or one keeps waking itself.
    pub fn run<T>(&self, host: &Host, limit: Duration, task: impl Future<Output = T>) -> Result<T, SimError> {
        let output = Cell::new(None);
        let task = pin!(async { output.set(Some(task.await)) });
        let id = lock(&self.shared.tasks).add(host.0.host, None);
        let ran = self.run_with(limit, Some(Main { id, future: task, is_done: false }));
        lock(&self.shared.tasks).remove(id);
        ran?;
        output.take().ok_or_else(|| SimError::TimedOut { at: self.now(), seed: self.seed })
    }

    /// Runs for so long, or until the given future is done.
    fn run_with(&self, time: Duration, mut main: Option<Main<'_>>) -> Result<(), SimError> {
        let end = self.now() + time;
        let mut turns = 0;
        while main.as_ref().is_none_or(|main| !main.is_done) {
            if self.shared.enter(World::let_happen) {
                lock(&self.shared.tasks).unpark();
                turns = 0;
            }
            if let Some(host) = self.take_turn(main.as_mut())? {
                turns += 1;
                if turns > TURNS_MAX {
                    return Err(SimError::Spinning {
                        host: self.name_of(host),
                        at: self.now(),
                        seed: self.seed,
                    });
                }
                if self.now() >= end {
                    return Ok(());
                }
                continue;
            }
            let has_next = self.shared.enter(|world| {
                let next = world.next_at().filter(|at| *at <= end);
                world.now = next.unwrap_or(end).max(world.now);
                next.is_some()
            });
            if !has_next {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Runs one of the tasks that are ready. Returns its host.
    fn take_turn(&self, main: Option<&mut Main<'_>>) -> Result<Option<usize>, SimError> {
        let turn = {
            let mut tasks = lock(&self.shared.tasks);
            self.shared.enter(|world| {
                let World { chance, hosts, is_rough, .. } = world;
                tasks.next(chance, *is_rough, |host| hosts.get(host).is_none_or(|host| host.is_stopped))
            })
        };
        let Some(mut turn) = turn else { return Ok(None) };
        let runtime = SimRuntime { shared: Arc::clone(&self.shared), host: turn.host };
        let polled = runtime.within(|| {
            let cx = &mut Context::from_waker(&turn.waker);
            catch_unwind(AssertUnwindSafe(|| match (&mut turn.future, main) {
                (Some(future), _) => future.as_mut().poll(cx),
                (None, Some(main)) if main.id == turn.id => main.poll(cx),
                _ => Poll::Ready(()),
            }))
        });
        let is_spurious = self.shared.enter(|world| {
            let cost = world.chance.up_to(TURN) + Duration::from_micros(1);
            world.now = world.now + cost;
            world.trace.note(world.now, 0, turn.id);
            world.turns += 1;
            world.is_rough && world.chance.one_in(SPURIOUS)
        });
        match polled {
            Ok(Poll::Pending) => {
                if let Some(future) = turn.future {
                    let ended = lock(&self.shared.tasks).put_back(turn.id, future);
                    runtime.within(|| drop(ended));
                }
            }
            Ok(Poll::Ready(())) => {
                lock(&self.shared.tasks).remove(turn.id);
                runtime.within(|| drop(turn.future));
            }
            Err(panic) => {
                lock(&self.shared.tasks).remove(turn.id);
                let host = self.name_of(turn.host);
                return Err(SimError::Panicked {
                    host,
                    at: self.now(),
                    seed: self.seed,
                    message: message(&*panic),
                });
            }
        }
        if is_spurious {
            let tasks = lock(&self.shared.tasks);
            self.shared.enter(|world| tasks.wake_any(&mut world.chance));
        }
        Ok(Some(turn.host))
    }

    fn name_of(&self, host: usize) -> String {
        self.shared.enter(|world| {
            world
                .hosts
                .get(host)
                .and_then(|host| host.ips.first())
                .map_or_else(String::new, IpAddr::to_string)
        })
    }
}

/// The future that a world is run for.
struct Main<'a> {
    id: u64,
    future: Pin<&'a mut dyn Future<Output = ()>>,
    is_done: bool,
}

impl Main<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.future.as_mut().poll(cx);
        self.is_done = polled.is_ready();
        polled
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.shared.end_tasks(None);
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("seed", &self.seed).finish_non_exhaustive()
    }
}

fn address(ip: &str) -> IpAddr {
    ip.parse().unwrap_or_else(|_| panic!("{ip:?} is no IP address"))
}

/// The text of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
