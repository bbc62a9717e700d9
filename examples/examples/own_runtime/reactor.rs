//! One thread that waits for all sockets and timers, and wakes who waits for them.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use polling::{Event, Events, Poller};
use rtspan_std::runtime::{Direction, Timer};
use socket2::Socket;

/// The sockets and timers that the thread waits for.
pub(crate) struct Reactor {
    poller: Poller,
    sources: Mutex<Sources>,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Sources {
    by_key: HashMap<usize, Arc<Source>>,
    last: usize,
}

#[derive(Default)]
struct Timers {
    by_deadline: BTreeMap<(Instant, u64), Waker>,
    last: u64,
}

/// The reactor of the process, whose thread starts when it is first asked for.
pub(crate) fn reactor() -> io::Result<&'static Reactor> {
    static REACTOR: OnceLock<Reactor> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = lock(&STARTING);
    if let Some(reactor) = REACTOR.get() {
        return Ok(reactor);
    }
    let poller = Poller::new()?;
    let reactor =
        REACTOR.get_or_init(|| Reactor { poller, sources: Mutex::default(), timers: Mutex::default() });
    thread::Builder::new().name("own-reactor".to_owned()).spawn(|| reactor.run())?;
    Ok(reactor)
}

impl Reactor {
    fn run(&self) {
        let mut events = Events::new();
        loop {
            let first = lock(&self.timers).by_deadline.keys().next().map(|(deadline, _)| *deadline);
            events.clear();
            // A wait that is interrupted brings no events, and is begun again.
            let _ = match first {
                Some(deadline) => self.poller.wait_deadline(&mut events, deadline),
                None => self.poller.wait(&mut events, None),
            };
            let mut due = lock(&self.timers).take_due();
            let sources = lock(&self.sources);
            for event in events.iter() {
                if let Some(source) = sources.by_key.get(&event.key) {
                    source.raise(event, &self.poller, &mut due);
                }
            }
            // A task that is woken may drop sockets and timers at once: no lock is held any more.
            drop(sources);
            due.into_iter().for_each(Waker::wake);
        }
    }
}

impl Timers {
    fn take_due(&mut self) -> Vec<Waker> {
        let later = self.by_deadline.split_off(&(Instant::now(), u64::MAX));
        std::mem::replace(&mut self.by_deadline, later).into_values().collect()
    }
}

/// A socket that the reactor waits for.
pub(crate) struct Registered(Arc<Source>);

struct Source {
    key: usize,
    socket: Socket,
    sides: Mutex<[Side; 2]>,
}

/// The state of one direction, and the task that waits for it.
struct Side {
    /// It has not been tried, or the system has told of it since it would have blocked.
    is_ready: bool,
    waker: Option<Waker>,
}

impl Registered {
    /// A socket that does not block; one that is worth trying at once is ready.
    pub(crate) fn new(socket: Socket, is_ready: bool) -> io::Result<Self> {
        let reactor = reactor()?;
        let mut sources = lock(&reactor.sources);
        sources.last += 1;
        let key = sources.last;
        let sides = [(); 2].map(|()| Side { is_ready, waker: None });
        let source = Arc::new(Source { key, socket, sides: Mutex::new(sides) });
        // SAFETY: `Drop` takes it out of the poller before the socket is closed.
        #[allow(unsafe_code)]
        unsafe {
            reactor.poller.add(&source.socket, Event::none(key))?;
        }
        sources.by_key.insert(key, Arc::clone(&source));
        Ok(Self(source))
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.0.socket
    }

    /// Ready until an operation would have blocked, then pending until the system says otherwise.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let mut sides = lock(&self.0.sides);
        let side = &mut sides[direction as usize];
        if side.is_ready {
            return Poll::Ready(Ok(()));
        }
        side.waker = Some(cx.waker().clone());
        // The poller looks at the socket anew: news since it would have blocked are told at once.
        self.0.await_events(&sides, &reactor()?.poller)?;
        Poll::Pending
    }

    /// Tries an operation, and remembers if it would have blocked.
    pub(crate) fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(&Socket) -> io::Result<T>,
    ) -> io::Result<T> {
        let result = operation(&self.0.socket);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            lock(&self.0.sides)[direction as usize].is_ready = false;
        }
        result
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if let Ok(reactor) = reactor() {
            // It fails for a socket that the system has forgotten, which is as good.
            let _ = reactor.poller.delete(&self.0.socket);
            // The last other reference: the socket is closed right after, on this thread.
            let _source = lock(&reactor.sources).by_key.remove(&self.0.key);
        }
    }
}

impl Source {
    /// Asks the poller for the directions that somebody waits for; it tells of them once.
    fn await_events(&self, sides: &[Side; 2], poller: &Poller) -> io::Result<()> {
        let [readable, writable] = [0, 1].map(|side: usize| sides[side].waker.is_some());
        poller.modify(&self.socket, Event::new(self.key, readable, writable))
    }

    /// Notes what the system tells, and takes along whom to wake.
    fn raise(&self, event: Event, poller: &Poller, due: &mut Vec<Waker>) {
        let mut sides = lock(&self.sides);
        for (side, is_told) in sides.iter_mut().zip([event.readable, event.writable]) {
            if is_told {
                side.is_ready = true;
                due.extend(side.waker.take());
            }
        }
        // The poller has forgotten who waits for the other direction.
        if self.await_events(&sides, poller).is_err() {
            for side in &mut *sides {
                side.is_ready = true;
                due.extend(side.waker.take());
            }
        }
    }
}

/// A timer of the reactor.
#[derive(Default)]
pub(crate) struct OwnTimer {
    deadline: Option<Instant>,
    /// Its place in the list of timers, and whom it wakes.
    place: Option<((Instant, u64), Waker)>,
}

impl OwnTimer {
    fn leave(&mut self) {
        if let (Some((key, _)), Ok(reactor)) = (self.place.take(), reactor()) {
            let _waker = lock(&reactor.timers).by_deadline.remove(&key);
        }
    }

    fn enter(&mut self, deadline: Instant, waker: &Waker) -> io::Result<()> {
        let reactor = reactor()?;
        let mut timers = lock(&reactor.timers);
        timers.last += 1;
        let key = (deadline, timers.last);
        timers.by_deadline.insert(key, waker.clone());
        let is_first = timers.by_deadline.keys().next() == Some(&key);
        drop(timers);
        self.place = Some((key, waker.clone()));
        // The thread waits until a later time.
        if is_first { reactor.poller.notify() } else { Ok(()) }
    }
}

impl Timer for OwnTimer {
    fn reset(&mut self, deadline: Option<rtspan_std::Instant>) {
        self.leave();
        self.deadline = deadline.and_then(rtspan_std::to_std);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if deadline <= Instant::now() {
            self.leave();
            return Poll::Ready(());
        }
        if !self.place.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker())) {
            self.leave();
            // Without a reactor nobody else would wake the task.
            if self.enter(deadline, cx.waker()).is_err() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl Drop for OwnTimer {
    fn drop(&mut self) {
        self.leave();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
