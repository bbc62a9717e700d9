use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use mio::{Events, Token};

use super::registration::Sockets;

/// Events taken from the system in one call.
const EVENTS: usize = 256;
/// The token by which other threads interrupt the wait.
const WAKE: Token = Token(0);

/// The thread is running, and polls its future again before it waits.
const AWAKE: u8 = 0;
/// The thread waits, or is about to.
const ASLEEP: u8 = 1;
/// The future is to be polled again.
const NOTIFIED: u8 = 2;

thread_local! {
    static REACTOR: Rc<Reactor> = Rc::new(Reactor::new());
}

/// Runs a future on this thread, which waits for sockets and timers itself.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let reactor = REACTOR.with(Rc::clone);
    let waker = Waker::from(Arc::clone(&reactor.parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        reactor.parker.state.swap(AWAKE, Ordering::AcqRel);
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            // A future that this thread was already running may have been woken meanwhile.
            reactor.parker.state.store(NOTIFIED, Ordering::Release);
            return output;
        }
        reactor.turn();
    }
}

/// Where one thread waits. Threads without sockets are parked and cost no file descriptor.
struct Reactor {
    parker: Arc<Parker>,
    poll: RefCell<Option<(mio::Poll, Events)>>,
    /// Set with `poll`.
    sockets: OnceCell<Arc<Sockets>>,
    timers: RefCell<Timers>,
}

#[derive(Default)]
struct Timers {
    by_deadline: BTreeMap<(Instant, u64), Waker>,
    last: u64,
}

struct Parker {
    state: AtomicU8,
    thread: Thread,
    interrupt: OnceLock<mio::Waker>,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP {
            match self.interrupt.get() {
                // It fails only when the thread is gone, and then nobody waits.
                Some(interrupt) => drop(interrupt.wake()),
                None => self.thread.unpark(),
            }
        }
    }
}

impl Parker {
    /// Goes from one state to another. Returns `true` if it was in the former.
    fn exchange(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Reactor {
    fn new() -> Self {
        Self {
            parker: Arc::new(Parker {
                state: AtomicU8::new(AWAKE),
                thread: thread::current(),
                interrupt: OnceLock::new(),
            }),
            poll: RefCell::new(None),
            sockets: OnceCell::new(),
            timers: RefCell::default(),
        }
    }

    fn sockets(&self) -> io::Result<Arc<Sockets>> {
        if let Some(sockets) = self.sockets.get() {
            return Ok(Arc::clone(sockets));
        }
        let poll = mio::Poll::new()?;
        let interrupt = mio::Waker::new(poll.registry(), WAKE)?;
        let sockets = Arc::new(Sockets::new(poll.registry().try_clone()?));
        // They are empty: only here are they set.
        drop(self.parker.interrupt.set(interrupt));
        self.poll.replace(Some((poll, Events::with_capacity(EVENTS))));
        Ok(Arc::clone(self.sockets.get_or_init(|| sockets)))
    }

    /// Waits until something happens, or takes what has happened if the future is to be polled again anyway.
    fn turn(&self) {
        // Only a thread that sleeps has to be interrupted.
        let timeout = if self.parker.exchange(AWAKE, ASLEEP) {
            self.timers.borrow().until_next()
        } else {
            Some(Duration::ZERO)
        };
        match &mut *self.poll.borrow_mut() {
            Some((poll, events)) => {
                // An interrupted wait brings no events and is begun again by the caller.
                let polled = poll.poll(events, timeout);
                self.parker.exchange(ASLEEP, AWAKE);
                if let (Ok(()), Some(sockets)) = (polled, self.sockets.get()) {
                    sockets.raise(events);
                }
            }
            None => {
                match timeout {
                    Some(timeout) => thread::park_timeout(timeout),
                    None => thread::park(),
                }
                self.parker.exchange(ASLEEP, AWAKE);
            }
        }
        let due = self.timers.borrow_mut().take_due();
        due.into_iter().for_each(Waker::wake);
    }
}

impl Timers {
    fn until_next(&self) -> Option<Duration> {
        let (deadline, _) = self.by_deadline.keys().next()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    fn take_due(&mut self) -> Vec<Waker> {
        if self.by_deadline.is_empty() {
            return Vec::new();
        }
        let later = self.by_deadline.split_off(&(Instant::now(), u64::MAX));
        std::mem::replace(&mut self.by_deadline, later).into_values().collect()
    }
}

/// The sockets of this thread's reactor, which begins to wait for sockets with the first of them.
///
/// # Errors
///
/// The system has no room for it.
pub(super) fn sockets() -> io::Result<Arc<Sockets>> {
    REACTOR.with(|reactor| reactor.sockets())
}

/// Returns `true` if these are the sockets of this thread's reactor.
pub(super) fn is_own(sockets: &Arc<Sockets>) -> bool {
    let is_own = |reactor: &Rc<Reactor>| reactor.sockets.get().is_some_and(|own| Arc::ptr_eq(own, sockets));
    REACTOR.with(is_own)
}

/// A place in the list of timers of the thread that waits for it.
#[derive(Debug)]
pub(super) struct Alarm {
    deadline: Instant,
    id: u64,
    waker: Waker,
}

impl Alarm {
    pub(super) fn new(deadline: Instant, waker: &Waker) -> Self {
        REACTOR.with(|reactor| {
            let mut timers = reactor.timers.borrow_mut();
            timers.last += 1;
            let id = timers.last;
            timers.by_deadline.insert((deadline, id), waker.clone());
            Self { deadline, id, waker: waker.clone() }
        })
    }

    /// Returns `true` if `waker` is still the one to be woken.
    pub(super) fn wakes(&self, waker: &Waker) -> bool {
        self.waker.will_wake(waker)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // The thread may be ending, or be another one: then the waker is woken once for nothing.
        let _ = REACTOR.try_with(|reactor| {
            reactor.timers.borrow_mut().by_deadline.remove(&(self.deadline, self.id));
        });
    }
}
