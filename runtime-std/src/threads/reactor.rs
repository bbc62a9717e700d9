use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use mio::event::Source;
use mio::{Events, Interest, Token};

use crate::runtime::Direction;
use crate::wake::lock;

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
    sources: Arc<Mutex<Sources>>,
    timers: RefCell<Timers>,
}

#[derive(Debug, Default)]
struct Sources {
    by_token: HashMap<usize, Arc<Readiness>>,
    last: usize,
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
            sources: Arc::default(),
            timers: RefCell::default(),
        }
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
                if polled.is_ok() {
                    let sources = lock(&self.sources);
                    for event in &*events {
                        if let Some(readiness) = sources.by_token.get(&event.token().0) {
                            readiness.raise(event);
                        }
                    }
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

/// The state of a registered socket.
#[derive(Debug, Default)]
struct Readiness {
    read: Side,
    write: Side,
}

#[derive(Debug, Default)]
struct Side {
    ready: AtomicBool,
    /// Nothing more will come of it, which the system tells once.
    closed: AtomicBool,
    waker: AtomicWaker,
}

impl Readiness {
    fn raise(&self, event: &mio::event::Event) {
        let is_read_closed = event.is_read_closed() || event.is_error();
        if event.is_readable() || is_read_closed {
            self.read.raise(is_read_closed);
        }
        let is_write_closed = event.is_write_closed() || event.is_error();
        if event.is_writable() || is_write_closed {
            self.write.raise(is_write_closed);
        }
    }

    fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }
}

impl Side {
    fn raise(&self, is_closed: bool) {
        self.closed.fetch_or(is_closed, Ordering::Release);
        self.ready.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire)
    }
}

/// A socket in the reactor of the thread that waited for it first.
#[derive(Debug)]
pub(super) struct Registration {
    token: usize,
    readiness: Arc<Readiness>,
    sources: Arc<Mutex<Sources>>,
}

impl Registration {
    /// Registers `source` with the reactor of this thread.
    pub(super) fn new(source: &mut impl Source) -> io::Result<Self> {
        REACTOR.with(|reactor| {
            let mut poll = reactor.poll.borrow_mut();
            let (poll, _) = match &mut *poll {
                Some(poll) => poll,
                none => {
                    let created = mio::Poll::new()?;
                    let interrupt = mio::Waker::new(created.registry(), WAKE)?;
                    // It is empty: only here is it set, and `poll` is set right after.
                    drop(reactor.parker.interrupt.set(interrupt));
                    none.insert((created, Events::with_capacity(EVENTS)))
                }
            };
            let readiness = Arc::<Readiness>::default();
            let token = {
                let mut sources = lock(&reactor.sources);
                sources.last += 1;
                let token = sources.last;
                sources.by_token.insert(token, Arc::clone(&readiness));
                token
            };
            // From here on, failing removes it again.
            let registration = Self { token, readiness, sources: Arc::clone(&reactor.sources) };
            poll.registry().register(source, Token(token), Interest::READABLE | Interest::WRITABLE)?;
            Ok(registration)
        })
    }

    pub(super) fn poll_ready(&self, cx: &Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let side = self.readiness.side(direction);
        side.waker.register(cx.waker());
        if side.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Has this thread's reactor, in which it is, tell nothing more of the source.
    pub(super) fn end(self, source: &mut impl Source) {
        REACTOR.with(|reactor| {
            if let Some((poll, _)) = &*reactor.poll.borrow() {
                // It fails only where it is not there.
                let _ = poll.registry().deregister(source);
            }
        });
    }

    pub(super) fn clear(&self, direction: Direction) {
        self.readiness.side(direction).ready.store(false, Ordering::Release);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.sources).by_token.remove(&self.token);
    }
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
