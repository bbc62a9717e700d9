use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::{Checked, ensure};
use crate::runtime::{Runtime, Timer};

const SHORT: Duration = Duration::from_millis(50);
/// The lateness that a busy machine may cause.
pub(super) const LATE: Duration = Duration::from_secs(8);

/// A waker that counts.
#[derive(Default)]
pub(super) struct Count(AtomicUsize);

impl Count {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub(super) async fn clock<R: Runtime>(runtime: &R) -> Checked {
    let clock = runtime.clock();
    let mut last = clock.now();
    for _ in 0..1000 {
        let now = clock.now();
        ensure(now >= last, || format!("{now:?} comes behind {last:?}"))?;
        last = now;
    }
    Ok(())
}

pub(super) async fn punctual<R: Runtime>(runtime: &R) -> Checked {
    let clock = runtime.clock();
    for wait in [Duration::ZERO, Duration::from_millis(1), SHORT] {
        let at = clock.now() + wait;
        let mut timer = runtime.timer();
        timer.reset(Some(at));
        poll_fn(|cx| timer.poll(cx)).await;
        let fired = clock.now();
        ensure(fired >= at, || format!("one for {at:?} has fired at {fired:?}"))?;
        ensure(fired.since(at) < LATE, || format!("one for {at:?} has fired at {fired:?}"))?;
    }
    Ok(())
}

pub(super) async fn set_anew<R: Runtime>(runtime: &R) -> Checked {
    let clock = runtime.clock();
    for (first, then) in [(SHORT * 100, SHORT), (SHORT, SHORT * 3)] {
        let begun = clock.now();
        let mut timer = runtime.timer();
        timer.reset(Some(begun + first));
        let mut is_set_anew = false;
        let mut early = None;
        poll_fn(|cx| {
            let fired = timer.poll(cx);
            if !is_set_anew {
                is_set_anew = true;
                timer.reset(Some(begun + then));
                return timer.poll(cx);
            }
            if fired.is_ready() && clock.now() < begun + then {
                early = Some(clock.now());
            }
            fired
        })
        .await;
        let took = clock.now().since(begun);
        ensure(early.is_none() && took >= then, || format!("one for {then:?} has fired after {took:?}"))?;
        ensure(took < then + LATE, || format!("one for {then:?} has fired after {took:?}"))?;
    }
    Ok(())
}

pub(super) async fn set_to_nothing<R: Runtime>(runtime: &R) -> Checked {
    let mut timer = runtime.timer();
    let never = |timer: &mut R::Timer, when: &str| {
        let polled = timer.poll(&mut Context::from_waker(Waker::noop()));
        ensure(polled.is_pending(), || format!("one that is {when} fires"))
    };
    never(&mut timer, "not set")?;
    let later = runtime.clock().now() + SHORT;
    timer.reset(Some(later));
    let early = never(&mut timer, "set to a later time");
    // A machine that was busy for so long tells nothing.
    if runtime.clock().now() < later {
        early?;
    }
    timer.reset(None);
    runtime.sleep(SHORT * 2).await;
    never(&mut timer, "set to nothing")
}

pub(super) async fn last_asker<R: Runtime>(runtime: &R) -> Checked {
    let mut timer = runtime.timer();
    timer.reset(Some(runtime.clock().now() + SHORT));
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        if let Poll::Ready(()) = timer.poll(&mut Context::from_waker(&waker)) {
            // A machine that was busy for so long tells nothing.
            return Ok(());
        }
    }
    let begun = runtime.clock().now();
    while counts[1].get() == 0 {
        ensure(runtime.clock().now().since(begun) < LATE, || "it is not woken".to_owned())?;
        runtime.sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
