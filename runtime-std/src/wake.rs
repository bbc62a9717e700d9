use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::{Context, Poll, Waker};

use atomic_waker::AtomicWaker;

/// How everything that concerns a task wakes it: one flag, one waker, no allocation.
///
/// The task registers, lowers the flag and then looks. Others put something there for it and then raise the flag.
/// Either the task sees it or it is woken. A task that registers last, before it waits, is not woken for news that come
/// while it runs, be they from itself: it is told of those when it registers.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    raised: AtomicU8,
    /// Where a stream has to be for its packets to concern the task.
    patience: AtomicU64,
    waker: AtomicWaker,
}

/// There is something new.
const NEWS: u8 = 1;
/// There is a letter for the task.
const LETTER: u8 = 1 << 1;
/// A socket is ready, or a timer has fired.
const READY: u8 = 1 << 2;
/// Others wait to be woken by the task.
const CALL: u8 = 1 << 3;

/// The reasons that a task was woken for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Reasons(u8);

impl Reasons {
    /// Nothing has come.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// A letter has come.
    pub(crate) fn letter(self) -> bool {
        self.0 & LETTER != 0
    }

    /// A socket or timer that was given the waker made of the [`Wake`] has something to say.
    pub(crate) fn ready(self) -> bool {
        self.0 & READY != 0
    }

    /// The task is to wake the others of its group.
    pub(crate) fn called(self) -> bool {
        self.0 & CALL != 0
    }
}

impl Wake {
    pub(crate) fn wake(&self) {
        self.raise(NEWS);
    }

    /// Wakes the task for packets of a stream that has had so many.
    pub(crate) fn wake_for_packets(&self, head: u64) {
        if head >= self.patience.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// As [`wake_for_packets`](Self::wake_for_packets), and the task is to wake the others of its group. Returns `false` if the
    /// packets do not concern it.
    pub(crate) fn call(&self, head: u64) -> bool {
        let concerns = head >= self.patience.load(Ordering::Relaxed);
        if concerns {
            self.raise(NEWS | CALL);
        }
        concerns
    }

    /// Returns `true` if the task was called and has not heard it yet.
    pub(crate) fn is_called(&self) -> bool {
        self.raised.load(Ordering::Acquire) & CALL != 0
    }

    /// Has the task woken for packets only when a stream has had so many, 0 for all.
    ///
    /// A task that becomes impatient does so before it looks at the log: the lock of that tells the others.
    pub(crate) fn set_patience(&self, head: u64) {
        if self.patience.load(Ordering::Relaxed) != head {
            self.patience.store(head, Ordering::Relaxed);
        }
    }

    /// Wakes the task for a socket that has something to say.
    pub(crate) fn raise_ready(&self) {
        self.raise(READY);
    }

    /// Wakes the task for a letter.
    pub(crate) fn wake_for_letter(&self) {
        self.raise(LETTER);
    }

    /// To be called by the task before it looks at anything. Returns what there is to look at since it last was.
    pub(crate) fn register(&self, cx: &Context<'_>) -> Reasons {
        self.waker.register(cx.waker());
        self.lower()
    }

    /// Returns what there is to look at, for a task that registers only before it waits.
    pub(crate) fn lower(&self) -> Reasons {
        Reasons(self.raised.swap(0, Ordering::AcqRel))
    }

    /// To be called by the task before it takes its letters: it is not told of those any more.
    pub(crate) fn lower_letter(&self) {
        self.raised.fetch_and(!LETTER, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(crate) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Acquire) != 0
    }

    fn raise(&self, flag: u8) {
        if self.raised.fetch_or(flag, Ordering::AcqRel) == 0 {
            self.waker.wake();
        }
    }
}

/// For sockets and timers, so that the task knows that it was one of them.
impl std::task::Wake for Wake {
    fn wake(self: Arc<Self>) {
        self.raise(READY);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise(READY);
    }
}

/// Those outside of the tasks who wait for something to happen; few and rarely.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    taken: Vec<(u64, Waker)>,
    last: u64,
}

impl Waiters {
    /// Waits until `look` is ready, which is asked again whenever something has happened.
    pub(crate) async fn wait<T>(&self, mut look: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
        let place = self.place();
        poll_fn(|cx| {
            place.register(cx);
            look(cx)
        })
        .await
    }

    /// A place for one who waits.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { waiters: self, id: self.place_number() }
    }

    /// The number of a place that is kept from one wait to the next.
    pub(crate) fn place_number(&self) -> u64 {
        let mut places = lock(&self.0);
        places.last += 1;
        places.last
    }

    /// Has the one at this place woken when something has happened; to be called before looking whether it has.
    pub(crate) fn register(&self, place: u64, cx: &Context<'_>) {
        let mut places = lock(&self.0);
        match places.taken.iter_mut().find(|(id, _)| *id == place) {
            // Wakers do not always know that they wake the same.
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => places.taken.push((place, cx.waker().clone())),
        }
    }

    /// Has nobody at this place woken any more.
    pub(crate) fn forget(&self, place: u64) {
        lock(&self.0).taken.retain(|(id, _)| *id != place);
    }

    /// Wakes all, outside of the lock: one that is woken may run at once, and take it.
    pub(crate) fn wake_all(&self) {
        let woken = std::mem::take(&mut lock(&self.0).taken);
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// The place of one who waits: there is one waker in it, however often it is asked for.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    waiters: &'a Waiters,
    id: u64,
}

impl Place<'_> {
    /// To be called before looking whether it has happened.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.waiters.register(self.id, cx);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiters.forget(self.id);
    }
}

/// Locks, also after a panic elsewhere: no value here is left half changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wake_between_looking_and_waiting_is_not_lost_and_two_count_as_one() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        let wake = Wake::default();
        wake.register(&cx);
        wake.wake();
        wake.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        wake.register(&cx);
        wake.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    type Step = fn(&Arc<Wake>);

    #[test]
    fn a_task_is_told_once_what_it_was_woken_for() {
        let waker = Waker::from(Arc::new(Count::default()));
        let cx = Context::from_waker(&waker);
        let wake = Arc::new(Wake::default());
        let reasons = |steps: &[Step]| {
            steps.iter().for_each(|step| step(&wake));
            let reasons = wake.register(&cx);
            (reasons.letter(), reasons.ready())
        };
        let (news, letter): (Step, Step) = (|wake| wake.wake(), |wake| wake.wake_for_letter());
        let ready: Step = |wake| Waker::from(Arc::clone(wake)).wake();
        assert_eq!(reasons(&[letter, news]), (true, false));
        assert_eq!(reasons(&[news]), (false, false));
        assert_eq!(reasons(&[news, letter]), (true, false), "also behind other news");
        assert_eq!(reasons(&[news, ready]), (false, true));
    }

    #[test]
    fn a_task_is_not_woken_for_what_comes_while_it_runs_but_told_before_it_waits() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        let wake = Wake::default();
        assert!(wake.register(&cx).is_empty());
        wake.wake();
        assert!(!wake.lower().is_empty());
        wake.wake_for_letter();
        wake.wake();
        assert!(wake.register(&cx).letter());
        wake.lower();
        wake.wake_for_letter();
        wake.lower_letter();
        assert!(wake.register(&cx).is_empty(), "the letter was taken");
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_wake_before_the_first_look_is_answered_by_that_look() {
        let wake = Wake::default();
        wake.wake();
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        wake.register(&Context::from_waker(&waker));
        wake.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_patient_task_is_woken_for_packets_when_there_are_enough_and_for_all_else_at_once() {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let wake = Wake::default();
        let woken = |head: Option<u64>| {
            wake.register(&Context::from_waker(&waker));
            let before = count.0.load(Ordering::Relaxed);
            head.map_or_else(|| wake.wake(), |head| wake.wake_for_packets(head));
            count.0.load(Ordering::Relaxed) > before
        };
        assert!(woken(Some(1)));
        wake.set_patience(10);
        assert_eq!([Some(9), Some(10), Some(11), None].map(woken), [false, true, true, true]);
        wake.set_patience(0);
        assert!(woken(Some(12)));
    }

    #[test]
    fn who_waits_has_one_place_and_leaves_it_behind_empty() {
        let waiters = Waiters::default();
        let counts: Vec<_> = std::iter::repeat_with(|| Arc::new(Count::default())).take(1000).collect();
        let place = waiters.place();
        for count in &counts {
            // As by an executor that makes another waker each time.
            place.register(&Context::from_waker(&Waker::from(Arc::clone(count))));
        }
        assert_eq!(lock(&waiters.0).taken.len(), 1);
        waiters.wake_all();
        let woken = counts.iter().map(|count| count.0.load(Ordering::Relaxed));
        assert_eq!(woken.collect::<Vec<_>>(), [vec![0; 999], vec![1]].concat());

        place.register(&Context::from_waker(Waker::noop()));
        drop(place);
        assert!(lock(&waiters.0).taken.is_empty());
    }
}
