use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use rtspan_core::NtpTime;

use super::link::Link;
use super::runtime::SimRuntime;
use super::world::Happening;
use super::{World, address};
use crate::wake::lock;

/// A computer of a simulated world. A clone is the same computer.
#[derive(Clone, Debug)]
pub struct Host(pub(super) SimRuntime);

impl Host {
    /// The runtime of its tasks.
    pub fn runtime(&self) -> SimRuntime {
        self.0.clone()
    }

    /// Starts a task. Everything that it makes without naming a runtime belongs to this host.
    ///
    /// A host whose power is cut starts nothing, and so does one that has as many tasks as it may have.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.shared.spawn(self.0.host, Box::pin(task));
    }

    /// Gives it another IP address.
    ///
    /// # Panics
    ///
    /// The text is no IP address.
    pub fn and(self, ip: &str) -> Self {
        let ip = address(ip);
        self.enter(|world, host| world.add_ip(host, ip));
        self
    }

    /// Puts a link between this host and another, in both directions; without one there is a cable.
    ///
    /// # Panics
    ///
    /// The text is no IP address.
    pub fn link_to(self, other: &str, link: Link) -> Self {
        self.with_paths(other, |world, from, to| world.path(from, to).link = link);
        self
    }

    /// Cuts the way between this host and another: nothing comes through, and nobody is told.
    ///
    /// # Panics
    ///
    /// The text is no IP address.
    pub fn cut_from(&self, other: &str) {
        self.with_paths(other, |world, from, to| world.path(from, to).is_cut = true);
    }

    /// Mends the way that was [cut](Self::cut_from).
    ///
    /// # Panics
    ///
    /// The text is no IP address.
    pub fn reconnect_to(&self, other: &str) {
        self.with_paths(other, |world, from, to| world.path(from, to).is_cut = false);
    }

    /// Ends all that runs on it, as when its program is killed: its sockets are closed.
    pub fn kill(&self) {
        self.0.within(|| self.0.shared.end_tasks(Some(self.0.host)));
    }

    /// Ends all that runs on it, and its peers are not told. [`restore_power`](Self::restore_power) has it begin anew.
    pub fn cut_power(&self) {
        self.enter(|world, host| {
            world.lose_connections(host);
            world.hosts[host].has_power = false;
        });
        self.kill();
    }

    /// Lets tasks be started on it again.
    pub fn restore_power(&self) {
        self.enter(|world, host| world.hosts[host].has_power = true);
    }

    /// Stops all that runs on it for a while, as a debugger does, or a virtual machine that moves. Arrivals wait meanwhile.
    pub fn stop_for(&self, time: Duration) {
        self.enter(|world, host| {
            world.hosts[host].is_stopped = true;
            world.schedule(world.now + time, Happening::Continue(host));
        });
    }

    /// Sockets that it may have at once; as many as it likes by default.
    pub fn set_sockets_max(&self, sockets: usize) {
        self.enter(|world, host| world.hosts[host].sockets_max = sockets);
    }

    /// Tasks that it may have at once; as many as it likes by default. More are not started.
    pub fn set_tasks_max(&self, tasks: usize) {
        self.enter(|world, host| world.hosts[host].tasks_max = tasks);
    }

    /// Sockets that it has open: a test can find out that none is left behind.
    pub fn sockets(&self) -> usize {
        self.enter(|world, host| world.hosts[host].sockets)
    }

    /// Tasks that are not done: a test can find out that none is left behind.
    pub fn tasks(&self) -> usize {
        lock(&self.0.shared.tasks).count(self.0.host)
    }

    /// Its wall clock.
    pub fn wall(&self) -> NtpTime {
        self.enter(|world, host| world.wall(host))
    }

    /// Sets its wall clock ahead, or back.
    pub fn set_wall_ahead(&self, ahead: bool, by: Duration) {
        let by = i128::try_from(by.as_nanos()).unwrap_or(i128::MAX);
        self.enter(|world, host| world.hosts[host].wall_ahead += if ahead { by } else { -by });
    }

    fn with_paths(&self, other: &str, change: impl Fn(&mut World, usize, usize)) {
        let other: IpAddr = address(other);
        self.enter(|world, host| {
            let other = world.host(other);
            change(world, host, other);
            change(world, other, host);
        });
    }

    fn enter<T>(&self, f: impl FnOnce(&mut World, usize) -> T) -> T {
        self.0.shared.enter(|world| f(world, self.0.host))
    }
}
