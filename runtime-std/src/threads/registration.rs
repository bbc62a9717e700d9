use std::collections::HashMap;
use std::io;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use mio::event::Source;
use mio::{Events, Interest, Registry, Token};
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::event::epoll::{self, EventData, EventFlags};

use super::reactor;
use super::readiness::{Readiness, Told};
use crate::runtime::Direction;
use crate::wake::lock;

/// A socket that can be registered.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) trait Pollable: Source + AsFd {}
#[cfg(any(target_os = "linux", target_os = "android"))]
impl<S: Source + AsFd> Pollable for S {}

/// A socket that can be registered.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) trait Pollable: Source {}
#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl<S: Source> Pollable for S {}

/// The sockets in the reactor of one thread.
#[derive(Debug)]
pub(super) struct Sockets {
    registry: Registry,
    sources: Mutex<Sources>,
}

#[derive(Debug, Default)]
struct Sources {
    by_token: HashMap<usize, Arc<Readiness>>,
    last: usize,
}

impl Sockets {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry, sources: Mutex::default() }
    }

    /// Tells those who wait of what the system has said.
    pub(super) fn raise(&self, events: &Events) {
        let sources = lock(&self.sources);
        for event in events {
            if let Some(readiness) = sources.by_token.get(&event.token().0) {
                readiness.raise(event);
            }
        }
    }
}

/// A place among the sockets of a thread.
#[derive(Debug)]
struct Entry {
    token: usize,
    sockets: Arc<Sockets>,
}

impl Entry {
    fn new(sockets: Arc<Sockets>, readiness: &Arc<Readiness>) -> Self {
        let mut sources = lock(&sockets.sources);
        sources.last += 1;
        let token = sources.last;
        sources.by_token.insert(token, Arc::clone(readiness));
        drop(sources);
        Self { token, sockets }
    }

    /// Returns `true` if it is one of the calling thread.
    fn is_here(&self) -> bool {
        reactor::is_own(&self.sockets)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.sockets.sources).by_token.remove(&self.token);
    }
}

/// A socket in the reactor of the thread that waited for it first, and perhaps in that of another one.
///
/// The other one is a guest: whenever it waits in its reactor, the system wakes it for what comes, and the first thread sleeps
/// on. So the socket is read where it is waited for, and never waits for a thread that does something else.
#[derive(Debug)]
pub(super) struct Registration {
    home: Entry,
    guest: Option<Entry>,
    /// There is a guest, or was one. The system then does not tell that the peer has ended, but that there is something to read.
    is_shared: bool,
    /// The first thread is not woken for what there is to read.
    is_left: bool,
    readiness: Arc<Readiness>,
}

impl Registration {
    /// Registers `source` with the reactor of this thread.
    pub(super) fn new(source: &mut impl Pollable) -> io::Result<Self> {
        let readiness = Arc::<Readiness>::default();
        // From here on, failing removes it again.
        let home = Entry::new(reactor::sockets()?, &readiness);
        let interests = Interest::READABLE | Interest::WRITABLE;
        home.sockets.registry.register(source, Token(home.token), interests)?;
        Ok(Self { home, guest: None, is_shared: false, is_left: false, readiness })
    }

    pub(super) fn poll_ready(
        &mut self,
        source: &mut impl Pollable,
        cx: &Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<()>> {
        if !self.home.is_here() && !self.guest.as_ref().is_some_and(Entry::is_here) {
            self.invite(source)?;
        }
        let side = self.readiness.side(direction);
        side.register(cx);
        if side.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Has nobody's reactor tell anything more of the source.
    pub(super) fn end(self, source: &mut impl Pollable) {
        // It fails only where it is not there.
        if self.is_shared {
            self.withdraw(source);
        } else {
            let _ = self.home.sockets.registry.deregister(source);
        }
    }

    /// Returns `true` if a read that leaves room has found all that there was, and what is to be told behind it is told.
    pub(super) fn short_reads_empty(&self) -> bool {
        !self.is_shared
    }

    /// To be asked before an operation that may block.
    pub(super) fn told(&self, direction: Direction) -> Told {
        self.readiness.side(direction).told()
    }

    /// It is not ready before the system says so, or has said so since `before`.
    pub(super) fn clear(&self, direction: Direction, before: Told) {
        self.readiness.side(direction).clear(before);
    }
}

/// With epoll, which wakes one of several threads.
#[cfg(any(target_os = "linux", target_os = "android"))]
impl Registration {
    /// Has this thread wait as well, as the guest.
    ///
    /// The system wakes the first thread in its queue that waits: the guest, since the other one registers anew behind it.
    fn invite(&mut self, source: &mut impl Pollable) -> io::Result<()> {
        // Without room for another reactor it is the first thread that is woken, and wakes this one.
        let Ok(sockets) = reactor::sockets() else { return Ok(()) };
        let guest = Entry::new(sockets, &self.readiness);
        if let Some(former) = self.guest.take() {
            let _ = epoll::delete(&former.sockets.registry, &*source);
        }
        if add(&guest, source, EventFlags::IN).is_err() {
            return Ok(());
        }
        if std::mem::replace(&mut self.is_shared, true) {
            epoll::delete(&self.home.sockets.registry, &*source)?;
        } else {
            self.home.sockets.registry.deregister(source)?;
        }
        add(&self.home, source, EventFlags::IN | EventFlags::OUT)?;
        (self.guest, self.is_left) = (Some(guest), false);
        Ok(())
    }

    /// Has only the guest woken for what there is to read, or the first thread as well while the guest does not wait. Returns
    /// `true` if it is the guest only.
    pub(super) fn leave_to_guest(&mut self, source: &impl Pollable, is_left: bool) -> bool {
        let is_left = is_left && self.guest.is_some();
        if is_left != self.is_left && self.is_shared {
            let interests = if is_left { EventFlags::OUT } else { EventFlags::IN | EventFlags::OUT };
            let _ = epoll::delete(&self.home.sockets.registry, source);
            // Without room for it nobody would be told any more.
            self.is_left = add(&self.home, source, interests).is_ok() && is_left;
        }
        self.is_left
    }

    fn withdraw(&self, source: &impl Pollable) {
        for entry in [Some(&self.home), self.guest.as_ref()].into_iter().flatten() {
            let _ = epoll::delete(&entry.sockets.registry, source);
        }
    }
}

/// Registers `source` so that one thread is woken for what comes.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn add(entry: &Entry, source: &impl Pollable, interests: EventFlags) -> io::Result<()> {
    let data = EventData::new_u64(entry.token as u64);
    let flags = interests | EventFlags::ET | EventFlags::EXCLUSIVE;
    Ok(epoll::add(&entry.sockets.registry, source, data, flags)?)
}

/// Elsewhere all threads would be woken: there is no guest.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Registration {
    fn invite(&mut self, _: &mut impl Pollable) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn leave_to_guest(&mut self, _: &impl Pollable, _: bool) -> bool {
        self.is_left
    }

    fn withdraw(&self, _: &impl Pollable) {}
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests;
