//! How long a busy machine has kept programs and threads from running. A test takes that off the time which it measures, so that the
//! bounds of the product stay as they are promised.
//!
//! A thread that only sleeps tells when the whole machine stood still, and the system tells for how long each thread has waited for a
//! processor. A program that waits for anything else, such as an answer or a lock, is not kept by the machine.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// The thread sleeps for so long.
const TICK: Duration = Duration::from_millis(20);
/// It looks at the programs each so many times.
const LOOK: usize = 5;

thread_local! {
    static METER: Meter = Meter::start();
}

/// The meter of the test that runs in this thread.
pub(crate) fn meter() -> Meter {
    METER.with(Meter::clone)
}

#[derive(Clone)]
pub(crate) struct Meter(Arc<Mutex<Marks>>);

struct Marks {
    /// When the thread should have woken, and when it did.
    late: Vec<(Instant, Instant)>,
    /// When it should wake next.
    due: Instant,
    watched: Vec<Watched>,
}

/// Something that is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize);

struct Watched {
    /// The threads of a program, or one thread.
    place: PathBuf,
    is_program: bool,
    is_shared: bool,
    /// For how long each of them has waited for a processor in nanoseconds.
    waited: HashMap<PathBuf, u64>,
    looked: Instant,
    /// From a moment to another, one of them has waited for so long.
    waits: Vec<(Instant, Instant, Duration)>,
}

impl Meter {
    fn start() -> Self {
        let marks = Marks { late: Vec::new(), due: Instant::now() + TICK, watched: Vec::new() };
        let marks = Arc::new(Mutex::new(marks));
        let tick = Arc::downgrade(&marks);
        thread::spawn(move || ticks(&tick));
        Self(marks)
    }

    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.0.lock().unwrap()
    }

    /// Watches a program from now on. All that the test measures depends on it, or only some.
    pub(crate) fn watch(&self, process: u32, is_shared: bool) -> Mark {
        self.add(format!("/proc/{process}/task").into(), true, is_shared)
    }

    /// Watches the thread that calls this, as `watch` does a program.
    pub(crate) fn watch_this_thread(&self, is_shared: bool) -> Mark {
        let own = fs::read_link("/proc/thread-self").unwrap_or_default();
        self.add(Path::new("/proc").join(own), false, is_shared)
    }

    fn add(&self, place: PathBuf, is_program: bool, is_shared: bool) -> Mark {
        let (waited, looked) = (HashMap::new(), Instant::now());
        let mut watched = Watched { place, is_program, is_shared, waited, looked, waits: Vec::new() };
        watched.look();
        // Waits from before are not measured.
        watched.waits.clear();
        let mut marks = self.marks();
        marks.watched.push(watched);
        Mark(marks.watched.len() - 1)
    }

    /// For how long the machine has kept all this from running between two moments: the test, what is shared, and some more.
    pub(crate) fn between(&self, from: Instant, to: Instant, own: &[Mark]) -> Duration {
        let mut marks = self.marks();
        marks.watched.iter_mut().for_each(Watched::look);
        let now = (marks.due, Instant::now());
        let late = marks.late.iter().chain([&now]);
        let late = late.map(|(due, came)| (*came).min(to).saturating_duration_since((*due).max(from)));
        let counts = |number: usize| own.iter().any(|mark| mark.0 == number);
        let all = marks.watched.iter().enumerate();
        let all = all.filter(|(number, watched)| watched.is_shared || counts(*number));
        late.sum::<Duration>() + all.map(|(_, watched)| watched.between(from, to)).sum::<Duration>()
    }

    /// The same from a moment until now.
    pub(crate) fn since(&self, from: Instant) -> Duration {
        self.between(from, Instant::now(), &[])
    }
}

fn ticks(marks: &Weak<Mutex<Marks>>) {
    for number in 1.. {
        let Some(due) = marks.upgrade().map(|marks| marks.lock().unwrap().due) else { return };
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let came = Instant::now();
        let Some(marks) = marks.upgrade() else { return };
        let mut marks = marks.lock().unwrap();
        marks.late.push((due, came));
        if number % LOOK == 0 {
            marks.watched.iter_mut().for_each(Watched::look);
        }
        marks.due = Instant::now() + TICK;
    }
}

impl Watched {
    fn look(&mut self) {
        let threads = if self.is_program {
            let threads = fs::read_dir(&self.place).into_iter().flatten().flatten();
            threads.map(|thread| thread.path()).collect()
        } else {
            vec![self.place.clone()]
        };
        let mut most = 0;
        for thread in threads {
            let Some(waited) = waited(&thread) else { continue };
            let before = self.waited.insert(thread, waited).unwrap_or(0);
            most = waited.saturating_sub(before).max(most);
        }
        let from = std::mem::replace(&mut self.looked, Instant::now());
        if most > 0 {
            self.waits.push((from, self.looked, Duration::from_nanos(most)));
        }
    }

    fn between(&self, from: Instant, to: Instant) -> Duration {
        let waits = self.waits.iter().filter(|(begun, ended, _)| *begun < to && *ended > from);
        // The wait may have begun before it was last looked at.
        let waits = waits.map(|(_, ended, wait)| (*wait).min(*ended - from));
        waits.sum::<Duration>().min(to.saturating_duration_since(from))
    }
}

/// For how long a thread has waited for a processor since it began.
fn waited(thread: &Path) -> Option<u64> {
    fs::read_to_string(thread.join("schedstat")).ok()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_for_a_processor_is_kept_by_the_machine_and_what_stands_still_is_not() {
    use crate::program::{LIMIT, Program};

    let (program, _) = Program::serve("smol");
    let (meter, begun) = (meter(), Instant::now());
    let mark = meter.watch(program.pid(), false);
    let time = Duration::from_millis(500);
    let stands_still = || {
        let from = Instant::now();
        program.signal("STOP");
        thread::sleep(time);
        program.signal("CONT");
        meter.between(from, Instant::now(), &[mark])
    };
    // A busy machine keeps this test from running now and then.
    while stands_still() > time / 2 {
        assert!(begun.elapsed() < LIMIT, "it is taken for kept");
    }

    // More threads than there are processors.
    let count = 4 * thread::available_parallelism().unwrap().get();
    let from = Instant::now();
    let marks: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|_| {
                let meter = meter.clone();
                scope.spawn(move || {
                    let mark = meter.watch_this_thread(false);
                    while from.elapsed() < time {}
                    meter.marks().watched[mark.0].look();
                    mark
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let kept = |mark| meter.between(from, Instant::now(), &[mark]);
    assert!(marks.iter().any(|mark| kept(*mark) > time / 4), "none of them has waited");
}
