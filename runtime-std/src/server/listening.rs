//! The addresses that a server listens on, which can change while it runs.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::runtime::Runtime;

/// A socket that listens, and where.
pub(super) type Listening<R> = (<R as Runtime>::Listener, SocketAddr);

/// The addresses of a server. The task that accepts has the sockets, and finds here what is to be changed.
pub(super) struct Addresses<R: Runtime> {
    pub(super) runtime: R,
    state: Mutex<State<R>>,
}

struct State<R: Runtime> {
    /// All of them, in the order in which they came.
    all: Vec<SocketAddr>,
    /// Those that the task does not have yet.
    added: Vec<Listening<R>>,
    /// Those that it still has.
    removed: Vec<SocketAddr>,
    /// Nothing is accepted any more.
    is_over: bool,
}

/// The changes for the task that accepts: sockets that come, and addresses whose sockets go.
pub(super) type Changes<R> = (Vec<Listening<R>>, Vec<SocketAddr>);

impl<R: Runtime> Addresses<R> {
    pub(super) fn new(runtime: R, listeners: Vec<Listening<R>>) -> Self {
        let all = listeners.iter().map(|(_, at)| *at).collect();
        let state = State { all, added: listeners, removed: Vec::new(), is_over: false };
        Self { runtime, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn all(&self) -> Vec<SocketAddr> {
        self.state().all.clone()
    }

    pub(super) fn first(&self) -> Option<SocketAddr> {
        self.state().all.first().copied()
    }

    /// Adds sockets; `None` if nothing is accepted any more.
    pub(super) fn add(&self, listeners: Vec<Listening<R>>) -> Option<Vec<SocketAddr>> {
        let mut state = self.state();
        if state.is_over {
            return None;
        }
        let addrs: Vec<_> = listeners.iter().map(|(_, at)| *at).collect();
        state.all.extend(&addrs);
        state.added.extend(listeners);
        Some(addrs)
    }

    /// Removes an address; `false` if it is none of these.
    pub(super) fn remove(&self, at: SocketAddr) -> bool {
        let mut state = self.state();
        let Some(place) = state.all.iter().position(|own| *own == at) else { return false };
        state.all.remove(place);
        let waiting = state.added.len();
        state.added.retain(|(_, own)| *own != at);
        if state.added.len() == waiting {
            state.removed.push(at);
        }
        true
    }

    pub(super) fn take_changes(&self) -> Changes<R> {
        let mut state = self.state();
        (std::mem::take(&mut state.added), std::mem::take(&mut state.removed))
    }

    /// Nothing is accepted from here on. The addresses can still be asked for.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.added.clear();
    }
}
