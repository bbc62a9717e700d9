//! The promises of a [`Runtime`], each with a check, for people who bring a runtime of their own.
//!
//! ```
//! use rtspan_std::conformance;
//! use rtspan_std::threads::{Threads, block_on};
//!
//! block_on(conformance::check(&Threads)).expect("the runtime keeps its promises");
//! ```
//!
//! The checks use loopback addresses and take a few seconds. One whose wake-up does not come is given up after ten
//! seconds by the runtime's own timer, so those of timers come first; a runtime whose timers never fire has the caller wait
//! for ever. A test should have a limit of its own.

mod directions;
mod sockets;
mod tasks;
mod timers;

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::runtime::Runtime;

/// The time after which something that does not happen is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A promise that a runtime does not keep.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{promise}: {what}")]
#[non_exhaustive]
pub struct Breach {
    /// The promise.
    pub promise: &'static str,
    /// The observation that breaks it.
    pub what: String,
}

/// The outcome of a check: the observation that breaks its promise, if there is one.
type Checked = Result<(), String>;

type Check<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// Checks all promises, and tells the first that is not kept.
///
/// # Errors
///
/// One of the promises is not kept.
pub async fn check<R: Runtime>(runtime: &R) -> Result<(), Breach> {
    for (promise, check) in checks(runtime) {
        check.await.map_err(|what| Breach { promise, what })?;
    }
    Ok(())
}

/// Every promise with its check, in the order in which they build on each other.
fn checks<R: Runtime>(runtime: &R) -> Vec<(&'static str, Check<'_>)> {
    vec![
        ("the clock does not go back", Box::pin(timers::clock(runtime))),
        ("a timer is not early, and not much too late", Box::pin(timers::punctual(runtime))),
        ("a timer that is set anew fires at the new time only", Box::pin(timers::set_anew(runtime))),
        ("a timer that is set to nothing does not fire", Box::pin(timers::set_to_nothing(runtime))),
        ("a timer wakes the task that has asked last", Box::pin(timers::last_asker(runtime))),
        ("a task that is spawned runs to its end", Box::pin(tasks::run(runtime))),
        ("a task that is woken runs again", Box::pin(tasks::woken(runtime))),
        ("a task may wake itself", Box::pin(tasks::wakes_itself(runtime))),
        ("there is at least one task at a time", Box::pin(tasks::parallelism(runtime))),
        ("no two seeds are the same", Box::pin(tasks::seeds(runtime))),
        ("an address is found as itself", Box::pin(sockets::resolve(runtime))),
        ("both ends of a connection have the same addresses", Box::pin(sockets::addresses(runtime))),
        ("a connection that nobody listens for is refused", Box::pin(sockets::refused(runtime))),
        ("every connection is accepted once", Box::pin(sockets::accepted(runtime))),
        ("a listener that is dropped frees its address", Box::pin(sockets::freed(runtime))),
        ("a socket tells when there is something to read", Box::pin(sockets::readable(runtime))),
        ("a socket wakes the task that has asked last", Box::pin(sockets::last_asker(runtime))),
        ("a full socket tells when there is room again", Box::pin(sockets::writable(runtime))),
        ("bytes arrive as they were written", Box::pin(sockets::intact(runtime))),
        ("a socket is waited for in both directions at the same time", Box::pin(directions::apart(runtime))),
        ("an end that says no more still hears", Box::pin(sockets::half_closed(runtime))),
        ("a socket that is dropped ends its connection", Box::pin(sockets::dropped(runtime))),
        ("a UDP socket has the address that it is bound to", Box::pin(sockets::bound(runtime))),
        ("datagrams arrive whole, from their sender", Box::pin(sockets::datagrams(runtime))),
        ("a UDP socket tells when a datagram comes", Box::pin(sockets::datagram_comes(runtime))),
    ]
}

/// The output of a future, unless it takes too long.
async fn soon<R: Runtime, T>(runtime: &R, what: &str, future: impl Future<Output = T>) -> Result<T, String> {
    let (mut future, mut limit) = (pin!(future), pin!(runtime.sleep(PATIENCE)));
    poll_fn(|cx| {
        // First, since the timer may be what has woken a future that nothing else would have.
        if limit.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(format!("{what} does not come")));
        }
        future.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// Both outputs, of futures that run at the same time.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none() {
            if let Poll::Ready(output) = one.as_mut().poll(cx) {
                first = Some(output);
            }
        }
        if second.is_none() {
            if let Poll::Ready(output) = other.as_mut().poll(cx) {
                second = Some(output);
            }
        }
        if first.is_none() || second.is_none() {
            return Poll::Pending;
        }
        first.take().zip(second.take()).map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// An observation unless something is so.
fn ensure(is_so: bool, what: impl FnOnce() -> String) -> Checked {
    if is_so { Ok(()) } else { Err(what()) }
}

/// An operation that has failed, as an observation.
fn failed(operation: &'static str) -> impl Fn(io::Error) -> String {
    move |error| format!("{operation} fails: {error}")
}

/// Something that was to be another thing.
fn differs(what: &str, is: impl fmt::Debug, expected: impl fmt::Debug) -> String {
    format!("{what} is {is:?} and not {expected:?}")
}

/// Any port of loopback.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
