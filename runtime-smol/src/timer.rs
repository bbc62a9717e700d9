use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use rtspan_std::runtime::Timer;

/// All timers of the process share one of async-io's: setting one of those costs several calls to the system.
static TIMERS: LazyLock<Arc<Timers>> = LazyLock::new(Arc::default);

/// A timer that shares one of async-io's with the others.
#[derive(Debug, Default)]
pub struct SmolTimer {
    deadline: Option<Instant>,
    place: Option<Place>,
}

impl Timer for SmolTimer {
    fn reset(&mut self, deadline: Option<rtspan_std::Instant>) {
        self.deadline = deadline.and_then(rtspan_std::to_std);
        self.place = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        if deadline <= Instant::now() {
            self.place = None;
            return Poll::Ready(());
        }
        if !self.place.as_ref().is_some_and(|place| place.waker.will_wake(cx.waker())) {
            self.place = Some(Place::new(deadline, cx.waker()));
        }
        Poll::Pending
    }
}

/// A place in the list of timers.
#[derive(Debug)]
struct Place {
    key: (Instant, u64),
    waker: Waker,
}

impl Place {
    fn new(deadline: Instant, waker: &Waker) -> Self {
        let mut queue = TIMERS.lock();
        queue.last += 1;
        let key = (deadline, queue.last);
        queue.wakers.insert(key, waker.clone());
        let due = queue.advance(&TIMERS);
        drop(queue);
        due.into_iter().for_each(Waker::wake);
        Self { key, waker: waker.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Dropping the waker may drop its task, which may have timers too: it is dropped behind the lock.
        let _waker = TIMERS.lock().wakers.remove(&self.key);
    }
}

#[derive(Debug, Default)]
struct Timers(Mutex<Queue>);

impl Timers {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reactor wakes those whose time has come.
impl Wake for Timers {
    fn wake(self: Arc<Self>) {
        let due = self.lock().advance(&self);
        due.into_iter().for_each(Waker::wake);
    }
}

/// The wakers by their time, and the timer that is set to the first of these times or to an earlier one.
#[derive(Debug)]
struct Queue {
    wakers: BTreeMap<(Instant, u64), Waker>,
    last: u64,
    timer: async_io::Timer,
    armed: Option<Instant>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { wakers: BTreeMap::new(), last: 0, timer: async_io::Timer::never(), armed: None }
    }
}

impl Queue {
    /// Takes out those whose time has come, and sets the timer for the next one.
    fn advance(&mut self, timers: &Arc<Timers>) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(first) = self.wakers.first_entry() {
            let (deadline, _) = *first.key();
            if deadline <= Instant::now() {
                due.push(first.remove());
                continue;
            }
            if self.armed.is_some_and(|armed| Instant::now() < armed && armed <= deadline) {
                break;
            }
            self.timer.set_at(deadline);
            self.armed = Some(deadline);
            let waker = Waker::from(Arc::clone(timers));
            if Pin::new(&mut self.timer).poll(&mut Context::from_waker(&waker)).is_pending() {
                break;
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    async fn wait(timer: &mut SmolTimer, deadline: rtspan_std::Instant) {
        timer.reset(Some(deadline));
        poll_fn(|cx| timer.poll(cx)).await;
        assert!(rtspan_std::now() >= deadline, "woken before its time");
    }

    #[test]
    fn each_of_many_timers_fires_at_its_time_in_whatever_order_they_were_set() {
        let start = rtspan_std::now();
        let threads = [30, 10, 50, 20, 40].map(|millis| {
            std::thread::spawn(move || {
                let mut timer = SmolTimer::default();
                async_io::block_on(wait(&mut timer, start + Duration::from_millis(millis)));
                async_io::block_on(wait(&mut timer, start + Duration::from_millis(2 * millis)));
            })
        });
        threads.into_iter().for_each(|thread| thread.join().expect("it has fired twice"));
    }

    /// Asks a timer before its deadline. A machine that was busy until then tells nothing.
    #[track_caller]
    fn is_pending_until(timer: &mut SmolTimer, deadline: rtspan_std::Instant) {
        let is_pending = timer.poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(is_pending || rtspan_std::now() >= deadline);
    }

    #[test]
    fn one_that_is_given_up_holds_up_nobody() {
        let start = rtspan_std::now();
        let mut early = SmolTimer::default();
        early.reset(Some(start + Duration::from_millis(10)));
        is_pending_until(&mut early, start + Duration::from_millis(10));
        drop(early);
        async_io::block_on(wait(&mut SmolTimer::default(), start + Duration::from_millis(30)));
    }

    #[test]
    fn one_that_is_set_anew_fires_at_the_later_time() {
        let start = rtspan_std::now();
        let mut timer = SmolTimer::default();
        timer.reset(Some(start + Duration::from_millis(5)));
        is_pending_until(&mut timer, start + Duration::from_millis(5));
        async_io::block_on(wait(&mut timer, start + Duration::from_millis(20)));
    }
}
