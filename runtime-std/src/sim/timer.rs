use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rtspan_core::Instant;

use super::Shared;
use super::world::{Happening, World};
use crate::runtime::Timer;

/// How late a timer may fire.
const LATENESS: Duration = Duration::from_micros(500);
/// The time that a name server takes at most.
const LOOKUP: Duration = Duration::from_millis(20);

/// A timer that was set.
#[derive(Debug)]
pub(super) struct Timed {
    /// The number of the event that was queued for it last: earlier ones are out of date.
    setting: u64,
    waker: Option<Waker>,
    has_fired: bool,
}

impl World {
    fn set_timer(&mut self, id: u64, at: Instant, cx: &Context<'_>) {
        let (setting, lateness) = (self.id(), self.chance.up_to(LATENESS));
        let timed = self.timers.entry(id).or_insert(Timed { setting: 0, waker: None, has_fired: false });
        (timed.setting, timed.has_fired) = (setting, false);
        Self::register(&mut timed.waker, &mut self.to_drop, cx);
        self.schedule(at + lateness, Happening::Timer(id, setting));
    }

    pub(super) fn timer_fires(&mut self, id: u64, setting: u64) {
        let Some(timed) = self.timers.get_mut(&id) else { return };
        if timed.setting == setting {
            timed.has_fired = true;
            self.to_wake.extend(timed.waker.take());
        }
    }

    fn clear_timer(&mut self, id: u64) {
        if let Some(timed) = self.timers.remove(&id) {
            self.to_drop.extend(timed.waker);
        }
    }
}

/// A timer of a simulated world, up to half a millisecond late.
#[derive(Debug)]
pub struct SimTimer {
    shared: Arc<Shared>,
    id: u64,
    deadline: Option<Instant>,
    /// The waker that the world has for the deadline.
    waker: Option<Waker>,
}

impl SimTimer {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let id = shared.enter(World::id);
        Self { shared: Arc::clone(shared), id, deadline: None, waker: None }
    }
}

impl Timer for SimTimer {
    fn reset(&mut self, deadline: Option<Instant>) {
        if self.waker.take().is_some() {
            self.shared.enter(|world| world.clear_timer(self.id));
        }
        self.deadline = deadline;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let is_known = self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        let is_due = self.shared.enter(|world| {
            if deadline <= world.now {
                world.clear_timer(self.id);
                return true;
            }
            if !is_known {
                world.set_timer(self.id, deadline, cx);
            }
            false
        });
        self.waker = (!is_due).then(|| cx.waker().clone());
        if is_due { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for SimTimer {
    fn drop(&mut self) {
        self.reset(None);
    }
}

/// The addresses of a name, which are found out after a while.
pub(super) struct Lookup {
    shared: Arc<Shared>,
    id: u64,
    host: String,
    port: u16,
    is_begun: bool,
}

impl Lookup {
    pub(super) fn new(shared: &Arc<Shared>, host: String, port: u16) -> Self {
        let id = shared.enter(World::id);
        Self { shared: Arc::clone(shared), id, host, port, is_begun: false }
    }
}

impl Future for Lookup {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { shared, id, host, port, is_begun } = &mut *self;
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Poll::Ready(Ok(vec![SocketAddr::new(ip, *port)]));
        }
        shared.enter(|world| {
            if !std::mem::replace(is_begun, true) {
                let at = world.now + world.chance.up_to(LOOKUP);
                world.timers.insert(*id, Timed { setting: 0, waker: None, has_fired: false });
                world.schedule(at, Happening::Name(*id));
            }
            if let Some(timed) = world.timers.get_mut(id).filter(|timed| !timed.has_fired) {
                World::register(&mut timed.waker, &mut world.to_drop, cx);
                return Poll::Pending;
            }
            Poll::Ready(match world.names.get(host.as_str()) {
                Some(ips) => Ok(ips.iter().map(|ip| SocketAddr::new(*ip, *port)).collect()),
                None => Err(ErrorKind::NotFound.into()),
            })
        })
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        self.shared.enter(|world| world.clear_timer(self.id));
    }
}
