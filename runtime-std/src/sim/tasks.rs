use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use super::chance::Chance;
use crate::wake::lock;

/// One turn in so many, a task is polled with a new waker.
const NEW_WAKER: usize = 8;

pub(super) type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks of all hosts.
#[derive(Default)]
pub(super) struct Tasks {
    all: BTreeMap<u64, Task>,
    last: u64,
    ready: Arc<Mutex<Vec<u64>>>,
    /// Those that were woken while their host was stopped.
    parked: Vec<u64>,
}

struct Task {
    host: usize,
    future: Place,
    waker: Arc<TaskWaker>,
}

/// A task that is to run.
pub(super) struct Turn {
    pub(super) id: u64,
    pub(super) host: usize,
    /// `None` for one that somebody else has.
    pub(super) future: Option<TaskFuture>,
    pub(super) waker: Waker,
}

/// Where the future of a task is.
enum Place {
    Here(TaskFuture),
    /// It runs.
    Out,
    /// The caller that runs the world has it.
    Elsewhere,
}

struct TaskWaker {
    id: u64,
    is_queued: AtomicBool,
    /// The task has been polled with another since, and only that counts.
    is_stale: AtomicBool,
    ready: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_stale.load(Ordering::Acquire) && !self.is_queued.swap(true, Ordering::AcqRel) {
            lock(&self.ready).push(self.id);
        }
    }
}

impl TaskWaker {
    fn new(id: u64, is_queued: bool, ready: &Arc<Mutex<Vec<u64>>>) -> Arc<Self> {
        Arc::new(Self {
            id,
            is_queued: AtomicBool::new(is_queued),
            is_stale: AtomicBool::new(false),
            ready: Arc::clone(ready),
        })
    }
}

impl Tasks {
    /// Adds a task, which is ready; one without a future is run by the caller.
    pub(super) fn add(&mut self, host: usize, future: Option<TaskFuture>) -> u64 {
        let future = future.map_or(Place::Elsewhere, Place::Here);
        self.last += 1;
        let id = self.last;
        let waker = TaskWaker::new(id, true, &self.ready);
        self.all.insert(id, Task { host, future, waker });
        lock(&self.ready).push(id);
        id
    }

    /// One of those that are ready, by chance; tasks of stopped hosts wait.
    ///
    /// A rough world has some of them polled with a waker that is new, and does not heed those before any more.
    pub(super) fn next(
        &mut self,
        chance: &mut Chance,
        is_rough: bool,
        is_stopped: impl Fn(usize) -> bool,
    ) -> Option<Turn> {
        loop {
            let id = {
                let mut ready = lock(&self.ready);
                let place = chance.below(ready.len());
                if ready.is_empty() {
                    return None;
                }
                ready.swap_remove(place)
            };
            let Some(task) = self.all.get_mut(&id) else { continue };
            if is_stopped(task.host) {
                self.parked.push(id);
                continue;
            }
            // Lowered before it runs: a wake from here on queues it again.
            task.waker.is_queued.store(false, Ordering::Release);
            if is_rough && chance.one_in(NEW_WAKER) {
                task.waker.is_stale.store(true, Ordering::Release);
                task.waker = TaskWaker::new(id, false, &self.ready);
            }
            let future = match &mut task.future {
                Place::Elsewhere => None,
                Place::Out => continue,
                here @ Place::Here(_) => match std::mem::replace(here, Place::Out) {
                    Place::Here(future) => Some(future),
                    _ => continue,
                },
            };
            return Some(Turn { id, host: task.host, future, waker: Waker::from(Arc::clone(&task.waker)) });
        }
    }

    /// Takes a task back that has more to do; gives it back if it is not to go on.
    pub(super) fn put_back(&mut self, id: u64, future: TaskFuture) -> Option<TaskFuture> {
        match self.all.get_mut(&id) {
            Some(task) => {
                task.future = Place::Here(future);
                None
            }
            None => Some(future),
        }
    }

    /// Tasks of a host.
    pub(super) fn count(&self, host: usize) -> usize {
        self.all.values().filter(|task| task.host == host).count()
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.all.remove(&id);
    }

    /// Has those run that have waited for their host.
    pub(super) fn unpark(&mut self) {
        lock(&self.ready).append(&mut self.parked);
    }

    /// Takes the tasks of one host out, or all; they are to be dropped where nothing is locked.
    pub(super) fn take(&mut self, of: Option<usize>) -> Vec<TaskFuture> {
        let mut taken = Vec::new();
        self.all.retain(|_, task| {
            if of.is_some_and(|host| host != task.host) {
                return true;
            }
            if let Place::Here(future) = std::mem::replace(&mut task.future, Place::Out) {
                taken.push(future);
            }
            false
        });
        taken
    }

    /// Wakes one task that nobody has woken, as runtimes may.
    pub(super) fn wake_any(&self, chance: &mut Chance) {
        let place = chance.below(self.all.len());
        if let Some(task) = self.all.values().nth(place) {
            task.waker.wake_by_ref();
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("count", &self.all.len()).finish_non_exhaustive()
    }
}
