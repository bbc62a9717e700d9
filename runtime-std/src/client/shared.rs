use std::collections::{BTreeSet, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use rtspan_core::Instant;
use rtspan_core::client::{
    Client, ClientCloseReason, ClientEvent, CommandError, CommandId, Misuse, Received, Reply, SwitchReason,
};

use super::Error;
use crate::clock;
use crate::wake::{Waiters, Wake, lock};

/// What the handles of a client and its driver share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Wakes the driver.
    pub(crate) driver: Wake,
    /// Those who wait for an answer, a packet or room.
    pub(crate) waiters: Waiters,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) core: Client,
    /// Commands that are waited for, with their results as they come.
    awaited: Vec<(CommandId, Option<Result<Reply, CommandError>>)>,
    /// Medias that are set up, and those of them that have ended.
    set_up: BTreeSet<usize>,
    ended: BTreeSet<usize>,
    pub(crate) switched: Option<SwitchReason>,
    pub(crate) closed: Option<ClientCloseReason>,
    /// How many [`Packets`](super::Packets) there are.
    pub(super) readers: usize,
    /// The reader of the packets has been told of the end.
    told: bool,
    /// Somebody waits for room to send.
    pub(crate) starved: bool,
    /// The last handle is gone.
    pub(crate) abandoned: bool,
    /// The driver is gone.
    gone: bool,
}

/// The handles of a client, which is torn down with the last of them.
#[derive(Debug)]
pub(crate) struct Owner(pub(crate) Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.state().abandoned = true;
        self.0.driver.wake();
    }
}

impl Shared {
    pub(crate) fn new(core: Client) -> Self {
        Self {
            state: Mutex::new(State {
                core,
                awaited: Vec::new(),
                set_up: BTreeSet::new(),
                ended: BTreeSet::new(),
                switched: None,
                closed: None,
                readers: 0,
                told: false,
                starved: false,
                abandoned: false,
                gone: false,
            }),
            driver: Wake::default(),
            waiters: Waiters::default(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Gives a command and waits until it is done.
    pub(crate) async fn command(
        self: &Arc<Self>,
        give: impl FnOnce(&mut Client, Instant) -> Result<CommandId, Misuse>,
    ) -> Result<Reply, Error> {
        let id = {
            let mut state = self.state();
            let id = give(&mut state.core, clock::now()).map_err(|misuse| state.misused(misuse))?;
            state.awaited.push((id, None));
            id
        };
        let awaited = Awaited { shared: self, id };
        self.driver.wake();
        poll_fn(|cx| awaited.poll(cx)).await
    }

    /// Ends all waiting: nobody drives the client any more.
    pub(crate) fn leave(&self) {
        self.state().gone = true;
        self.waiters.wake_all();
    }
}

impl State {
    /// Moves packets into `batch`: one if others want them as well, else as many as may be.
    pub(super) fn take_packets(&mut self, batch: &mut VecDeque<Received>) {
        if self.readers > 1 {
            batch.extend(self.core.poll_packet());
        } else {
            self.core.poll_packets(batch);
        }
    }

    /// Whether no packet is to be waited for: ready with nothing at the end, which an error may precede.
    pub(super) fn poll_end(&mut self) -> Poll<Option<Result<Received, Error>>> {
        if self.told || self.is_at_end() {
            return Poll::Ready(None);
        }
        if self.closed.is_some() || self.gone {
            self.told = true;
            return Poll::Ready(Some(Err(self.closed_error())));
        }
        Poll::Pending
    }

    /// Takes note of what the core tells the application.
    pub(crate) fn handle_event(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Done(id, result) => {
                match &result {
                    Ok(Reply::Setup(info)) => drop(self.set_up.insert(info.media)),
                    Ok(Reply::Playing(_)) => self.ended.clear(),
                    _ => {}
                }
                if let Some((_, done)) = self.awaited.iter_mut().find(|(awaited, _)| *awaited == id) {
                    *done = Some(result);
                }
            }
            ClientEvent::TransportSwitched(reason) => self.switched = Some(reason),
            ClientEvent::Ended(media) => drop(self.ended.insert(media)),
            ClientEvent::Closed(reason) => self.closed = Some(reason),
            _ => {}
        }
    }

    /// What a command that was not taken comes to: one for a client that has closed fails for the reason of that.
    pub(crate) fn misused(&self, misuse: Misuse) -> Error {
        match (misuse, &self.closed) {
            (Misuse::Closed, Some(_)) => self.closed_error(),
            (misuse, _) => Error::Misuse(misuse),
        }
    }

    pub(crate) fn closed_error(&self) -> Error {
        self.closed.clone().map_or(Error::Stopped, Error::Closed)
    }

    /// Whether nothing more is to come, and that is as it should be.
    fn is_at_end(&self) -> bool {
        let all_ended = !self.set_up.is_empty() && self.ended.is_superset(&self.set_up);
        all_ended || matches!(self.closed, Some(ClientCloseReason::TornDown))
    }
}

/// A command that is waited for, until nobody does any more.
struct Awaited<'a> {
    shared: &'a Arc<Shared>,
    id: CommandId,
}

impl Awaited<'_> {
    fn poll(&self, cx: &Context<'_>) -> Poll<Result<Reply, Error>> {
        self.shared.waiters.register(cx);
        let mut state = self.shared.state();
        let done = state.awaited.iter_mut().find(|(id, _)| *id == self.id).and_then(|(_, done)| done.take());
        match done {
            Some(Ok(reply)) => Poll::Ready(Ok(reply)),
            Some(Err(CommandError::Closed)) => Poll::Ready(Err(state.closed_error())),
            Some(Err(error)) => Poll::Ready(Err(Error::Command(error))),
            None if state.gone => Poll::Ready(Err(state.closed_error())),
            None => Poll::Pending,
        }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.shared.state().awaited.retain(|(id, _)| *id != self.id);
    }
}
