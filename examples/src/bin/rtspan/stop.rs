//! When to stop: after some time, or when the user says so.

use std::future::poll_fn;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use atomic_waker::AtomicWaker;
use futures_lite::future::or;
use rtspan_std::runtime::Runtime;

use crate::{Failure, output};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// The task that waits: there is only the main one.
static WAITER: AtomicWaker = AtomicWaker::new();

/// SIGHUP has come, and the one task that waits for it.
static HUNG_UP: AtomicBool = AtomicBool::new(false);
static RELOADER: AtomicWaker = AtomicWaker::new();

/// The status that a shell reports of a program that Ctrl-C has ended.
const KILLED: i32 = 130;

/// Listens to Ctrl-C and to the system's request to terminate; the second one ends the process at once. SIGHUP is such a request
/// as well, unless `hangs_up`: then it is told by [`hung_up`].
pub(crate) fn listen(hangs_up: bool) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

        let mut signals =
            signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(Failure::Signals)?;
        std::thread::spawn(move || {
            for signal in signals.forever() {
                if signal == SIGHUP && hangs_up {
                    HUNG_UP.store(true, Ordering::SeqCst);
                    RELOADER.wake();
                } else {
                    interrupt();
                }
            }
        });
    }
    #[cfg(not(unix))]
    {
        let _ = hangs_up;
        ctrlc::set_handler(interrupt).map_err(|error| Failure::Signals(std::io::Error::other(error)))?;
    }
    Ok(())
}

fn interrupt() {
    if INTERRUPTED.swap(true, Ordering::SeqCst) {
        output::clear();
        process::exit(KILLED);
    }
    WAITER.wake();
    output::hurry();
}

/// Waits for the next SIGHUP.
pub(crate) async fn hung_up() {
    poll_fn(|cx| {
        RELOADER.register(cx.waker());
        if HUNG_UP.swap(false, Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Waits until the user wants to stop.
pub(crate) async fn interrupted() {
    poll_fn(|cx| {
        WAITER.register(cx.waker());
        if is_interrupted() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Returns `true` once the user wants to stop.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Waits for `seconds`, if they are given, and no longer than the user wants.
pub(crate) async fn stop<R: Runtime>(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => or(sleep::<R>(Duration::from_secs(seconds)), interrupted()).await,
        None => interrupted().await,
    }
}

/// Does something, unless the user has enough of it before.
pub(crate) async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let interrupted = async {
        interrupted().await;
        Err(Failure::Interrupted)
    };
    or(work, interrupted).await
}

pub(crate) async fn sleep<R: Runtime>(time: Duration) {
    R::default().sleep(time).await;
}

pub(crate) async fn sleep_until<R: Runtime>(at: Instant) {
    sleep::<R>(at.saturating_duration_since(Instant::now())).await;
}
