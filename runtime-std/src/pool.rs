use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::wake::{Wake, lock};

/// Tasks that run before the sockets are looked at again.
const TASKS_AT_ONCE: usize = 64;

/// Threads for tasks, one for each core at most, started as they are needed and there until the process ends.
///
/// A task stays on the thread that it was given to: its data stays in the caches of one core, and to be woken
/// costs it no more than a place in a list. It must not block the thread.
#[derive(Debug)]
pub struct Pool {
    name: &'static str,
    run: fn(Work),
    workers: Mutex<Vec<Arc<Worker>>>,
}

impl Pool {
    /// A pool without threads yet, whose threads will bear `name` and wait for sockets and timers with `run`.
    ///
    /// `run` is called once on each thread, and is to run its future to the end, which does not come.
    pub const fn new(name: &'static str, run: fn(Work)) -> Self {
        Self { name, run, workers: Mutex::new(Vec::new()) }
    }

    /// Runs `task` on one of the threads until it is done.
    ///
    /// # Errors
    ///
    /// The system has no room for the first thread; the task is dropped.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let worker = self.least_loaded()?;
        worker.load.fetch_add(1, Ordering::Relaxed);
        let task = Task {
            worker: Arc::clone(&worker),
            is_queued: AtomicBool::new(true),
            future: Mutex::new(Some(Box::pin(task))),
        };
        worker.push(Arc::new(task));
        Ok(())
    }

    /// The thread with the fewest tasks; a new one, if all have some and there is a core for it.
    fn least_loaded(&self) -> io::Result<Arc<Worker>> {
        let mut workers = lock(&self.workers);
        let load = |worker: &Arc<Worker>| worker.load.load(Ordering::Relaxed);
        let least = workers.iter().min_by_key(|worker| load(worker));
        if let Some(worker) = least.filter(|worker| load(worker) == 0 || workers.len() >= cores()) {
            return Ok(Arc::clone(worker));
        }
        match self.start() {
            Ok(worker) => {
                workers.push(Arc::clone(&worker));
                Ok(worker)
            }
            // Those that could be started do the work.
            Err(error) => least.map(Arc::clone).ok_or(error),
        }
    }

    fn start(&self) -> io::Result<Arc<Worker>> {
        let worker = Arc::new(Worker::default());
        let work = Work { worker: Arc::clone(&worker), ready: VecDeque::new() };
        let run = self.run;
        thread::Builder::new().name(self.name.to_owned()).spawn(move || run(work))?;
        Ok(worker)
    }
}

/// The work of one thread of a [`Pool`]: a future that is never done.
#[derive(Debug)]
pub struct Work {
    worker: Arc<Worker>,
    ready: VecDeque<Arc<Task>>,
}

impl Future for Work {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { worker, ready } = &mut *self;
        worker.wake.register(cx);
        ready.extend(lock(&worker.ready).drain(..));
        for _ in 0..TASKS_AT_ONCE {
            let Some(task) = ready.pop_front() else { return Poll::Pending };
            if task.run() {
                worker.load.fetch_sub(1, Ordering::Relaxed);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Asked once: the system reads files for it.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// One thread, and the tasks that are ready to run on it.
#[derive(Debug, Default)]
struct Worker {
    ready: Mutex<Vec<Arc<Task>>>,
    wake: Wake,
    load: AtomicUsize,
}

impl Worker {
    fn push(&self, task: Arc<Task>) {
        lock(&self.ready).push(task);
        self.wake.wake();
    }
}

/// A future that belongs to one thread.
struct Task {
    worker: Arc<Worker>,
    is_queued: AtomicBool,
    /// Locked by its thread only; taken out when it is done.
    future: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").field("is_queued", &self.is_queued).finish_non_exhaustive()
    }
}

impl std::task::Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            Arc::clone(&self.worker).push(self);
        }
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.worker.push(Arc::clone(self));
        }
    }
}

impl Task {
    /// Runs it as far as it goes. Returns `true` if it has just ended. A task that panics ends, and no other with it.
    fn run(self: Arc<Self>) -> bool {
        // Lowered before looking: a wake from here on queues it again.
        self.is_queued.swap(false, Ordering::AcqRel);
        let waker = Waker::from(Arc::clone(&self));
        let mut slot = lock(&self.future);
        let Some(future) = slot.as_mut() else { return false };
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();
        if catch_unwind(AssertUnwindSafe(poll)).unwrap_or(false) {
            return false;
        }
        // Others may hold on to the task by its waker; its future is given up now.
        let _ = catch_unwind(AssertUnwindSafe(|| *slot = None));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc;

    use super::*;
    use crate::threads::block_on;

    static POOL: Pool = Pool::new("test", block_on);

    #[test]
    fn a_task_that_panics_ends_and_the_others_go_on() {
        let (sender, receiver) = mpsc::channel();
        for number in 0..100 {
            let sender = sender.clone();
            POOL.spawn(async move {
                assert!(number % 10 != 0, "one of the tasks that fail");
                sender.send(number).unwrap();
            })
            .unwrap();
        }
        drop(sender);
        let mut numbers: Vec<_> = receiver.iter().collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).filter(|number| number % 10 != 0).collect::<Vec<_>>());
    }

    #[test]
    fn a_task_stays_on_its_thread_and_there_are_no_more_threads_than_cores() {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..50 {
            let sender = sender.clone();
            POOL.spawn(async move {
                let first = thread::current().id();
                for _ in 0..10 {
                    yield_now().await;
                    assert_eq!(thread::current().id(), first);
                }
                sender.send(first).unwrap();
            })
            .unwrap();
        }
        drop(sender);
        let threads: Vec<_> = receiver.iter().collect();
        assert_eq!(threads.len(), 50);
        let different: std::collections::HashSet<_> = threads.into_iter().collect();
        assert!(different.len() <= cores());
    }

    #[test]
    fn a_task_that_is_always_ready_keeps_nobody_from_running() {
        let (sender, receiver) = mpsc::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..=cores() {
            let is_over = Arc::clone(&is_over);
            POOL.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    yield_now().await;
                }
            })
            .unwrap();
        }
        POOL.spawn(async move { sender.send(()).unwrap() }).unwrap();
        receiver.recv().unwrap();
        is_over.store(true, Ordering::Relaxed);
    }

    async fn yield_now() {
        let mut yielded = false;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
