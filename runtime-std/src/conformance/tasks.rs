use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::{Checked, ensure, failed, soon};
use crate::runtime::Runtime;
use crate::wake::{Waiters, lock};

pub(super) async fn run<R: Runtime>(runtime: &R) -> Checked {
    const TASKS: usize = 50;
    let shared = Arc::new((AtomicUsize::new(0), Waiters::default()));
    for _ in 0..TASKS {
        let shared = Arc::clone(&shared);
        let task = async move {
            shared.0.fetch_add(1, Ordering::SeqCst);
            shared.1.wake_all();
        };
        runtime.spawn(task).map_err(failed("spawn"))?;
    }
    let all = |_: &mut std::task::Context<'_>| {
        if shared.0.load(Ordering::SeqCst) == TASKS { Poll::Ready(()) } else { Poll::Pending }
    };
    let ran = soon(runtime, "the end of each of 50 tasks", shared.1.wait(all)).await;
    ran.map_err(|error| format!("{error}; {} came", shared.0.load(Ordering::SeqCst)))
}

/// Two tasks wake each other in turn.
pub(super) async fn woken<R: Runtime>(runtime: &R) -> Checked {
    const ROUNDS: usize = 1000;
    let ball = Arc::new(Mutex::new((0_usize, [None::<Waker>, None])));
    let play = |ball: Arc<Mutex<(usize, [Option<Waker>; 2])>>, own: usize| {
        poll_fn(move |cx| {
            let (round, wakers) = &mut *lock(&ball);
            if *round % 2 == own {
                *round += 1;
            }
            wakers[own] = Some(cx.waker().clone());
            wakers[1 - own].iter().for_each(Waker::wake_by_ref);
            if *round >= ROUNDS { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    runtime.spawn(play(Arc::clone(&ball), 1)).map_err(failed("spawn"))?;
    soon(runtime, "the end of a game of two tasks", play(ball, 0)).await
}

pub(super) async fn wakes_itself<R: Runtime>(runtime: &R) -> Checked {
    let shared = Arc::new((AtomicUsize::new(0), Waiters::default()));
    let own = Arc::clone(&shared);
    let task = poll_fn(move |cx| {
        cx.waker().wake_by_ref();
        if own.0.fetch_add(1, Ordering::SeqCst) < 100 {
            return Poll::Pending;
        }
        own.1.wake_all();
        Poll::Ready(())
    });
    runtime.spawn(task).map_err(failed("spawn"))?;
    let all = |_: &mut std::task::Context<'_>| {
        if shared.0.load(Ordering::SeqCst) > 100 { Poll::Ready(()) } else { Poll::Pending }
    };
    soon(runtime, "the hundredth turn of a task that wakes itself", shared.1.wait(all)).await
}

pub(super) async fn parallelism<R: Runtime>(runtime: &R) -> Checked {
    ensure(runtime.parallelism() > 0, || "there are none".to_owned())
}

pub(super) async fn seeds<R: Runtime>(runtime: &R) -> Checked {
    let [one, other] = [runtime.seed(), runtime.seed()];
    ensure(one.map_err(failed("seed"))? != other.map_err(failed("seed"))?, || "two are the same".to_owned())
}
