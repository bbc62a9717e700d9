use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use atomic_waker::AtomicWaker;
use rtspan_core::Instant;
use rtspan_core::client::{
    Client, ClientCloseReason, ClientEvent, CommandError, CommandId, Misuse, Received, Reply,
};
use rtspan_core::wire::Method;

use super::Error;
use super::events::Events;
use super::sockets::{Look, Receive};
use crate::clock::Clock;
use crate::trace::ClientTrace;
use crate::wake::{Waiters, Wake, lock};

/// How often a task that waits for packets reads before it leaves the rest to the driver, which may be on another thread.
const READS: usize = 8;

/// State that the handles of a client and its driver share; locked from the top down.
pub(crate) struct Shared<S: ?Sized = dyn Receive> {
    /// The task that the sockets wake.
    pub(crate) baton: Arc<Baton>,
    pub(crate) clock: Clock,
    waker: Waker,
    /// Those who wait for packets may have the baton.
    readers_read: bool,
    /// Those who wait for an answer, a packet or room.
    pub(crate) waiters: Waiters,
    state: Mutex<State>,
    pub(super) sockets: Mutex<S>,
}

/// The task that looks at the sockets when something has come: one that waits for packets, which then need not change
/// tasks, or the driver while there is none.
#[derive(Debug, Default)]
pub(crate) struct Baton {
    reader: AtomicWaker,
    pub(crate) driver: Wake,
    /// How often a task has begun to wait for packets.
    turns: AtomicU64,
}

impl Baton {
    /// How often a task has begun to wait for packets.
    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// Leaves the sockets to the driver. Returns `true` if the task was woken for them.
    pub(super) fn give_back(&self) -> bool {
        self.reader.take().is_none()
    }
}

impl std::task::Wake for Baton {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.reader.take() {
            Some(reader) => reader.wake(),
            None => self.driver.wake(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) core: Client,
    pub(super) trace: ClientTrace,
    /// Commands that are waited for, with their results as they come.
    awaited: Vec<(CommandId, Option<Result<Reply, CommandError>>)>,
    /// Medias that are set up to be received, and those of them that have ended.
    set_up: BTreeSet<usize>,
    ended: BTreeSet<usize>,
    /// Medias that send nothing, though the server is there.
    silent: BTreeSet<usize>,
    /// Medias that are left out of what plays, and why.
    refused: BTreeMap<usize, CommandError>,
    /// Events that the application has not been told yet.
    events: Events,
    pub(crate) closed: Option<ClientCloseReason>,
    /// How many [`Packets`](super::Packets) there are.
    pub(super) readers: usize,
    /// The reader of the packets has been told of the end.
    told: bool,
    /// Somebody waits for room to send.
    pub(crate) starved: bool,
    /// When the driver lets time pass, unless it is told of an earlier deadline.
    pub(super) alarm: Option<Instant>,
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
        self.0.say_goodbye();
        self.0.baton.driver.wake();
    }
}

impl<S: Receive + ?Sized> Shared<S> {
    /// Tears the client down that nobody holds or drives any more. TEARDOWN is written here, if that goes at once, since the
    /// process may end, or the runtime have ended, before the driver comes to it.
    pub(super) fn say_goodbye(&self) {
        let (mut state, now) = (self.state(), self.clock.now());
        if state.core.teardown(now).is_ok() {
            lock(&self.sockets).send_last(&mut state.core, now);
        }
    }
}

impl<S> Shared<S> {
    pub(crate) fn new(
        core: Client,
        trace: ClientTrace,
        sockets: S,
        readers_read: bool,
        clock: Clock,
    ) -> Self {
        let baton = Arc::new(Baton::default());
        Self {
            waker: Waker::from(Arc::clone(&baton)),
            baton,
            readers_read,
            clock,
            waiters: Waiters::default(),
            state: Mutex::new(State {
                core,
                trace,
                awaited: Vec::new(),
                set_up: BTreeSet::new(),
                ended: BTreeSet::new(),
                silent: BTreeSet::new(),
                refused: BTreeMap::new(),
                events: Events::default(),
                closed: None,
                readers: 0,
                told: false,
                starved: false,
                alarm: None,
                abandoned: false,
                gone: false,
            }),
            sockets: Mutex::new(sockets),
        }
    }
}

impl<S: ?Sized> Shared<S> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Ends all waiting: nobody drives the client any more.
    pub(crate) fn leave(&self) {
        self.state().gone = true;
        self.waiters.wake_all();
    }

    /// For looking at the sockets, which wake the task that has the baton.
    pub(super) fn socket_context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

impl Shared {
    /// Gives a command and waits until it is done.
    pub(crate) async fn command(
        self: &Arc<Self>,
        method: Method,
        give: impl FnOnce(&mut Client, Instant) -> Result<CommandId, Misuse>,
    ) -> Result<Reply, Error> {
        let id = {
            let mut state = self.state();
            let id = give(&mut state.core, self.clock.now()).map_err(|misuse| state.misused(misuse))?;
            state.awaited.push((id, None));
            id
        };
        let awaited = Awaited { shared: self, id, method };
        // The task that has the baton may not look for packets as long as this takes, and the answer is to be read.
        self.baton.give_back();
        self.baton.driver.wake();
        self.waiters.wait(|_| awaited.poll()).await
    }

    /// Moves packets into `batch`, and has a server that was held up read again.
    pub(super) fn take_packets(&self, state: &mut State, batch: &mut VecDeque<Received>) {
        let was_held_up = !state.core.wants_read();
        state.take_packets(batch);
        if was_held_up && state.core.wants_read() {
            self.baton.driver.wake();
        }
    }

    /// Has a task that waits for packets woken the next time that something comes, if such tasks read themselves.
    pub(super) fn take_baton(&self, cx: &Context<'_>) -> bool {
        if self.readers_read {
            self.baton.turns.fetch_add(1, Ordering::Relaxed);
            self.baton.reader.register(cx.waker());
        }
        self.readers_read
    }

    /// Reads what has come, for one who waits for packets; the driver is told of what else there is to do.
    pub(super) fn receive(&self, state: &mut State) {
        if !self.readers_read {
            return;
        }
        let mut sockets = lock(&self.sockets);
        let mut look = Look::Again;
        for _ in 0..READS {
            look = sockets.receive(&mut self.socket_context(), &mut state.core, self.clock.now());
            if look != Look::Again || !state.core.has_room() {
                break;
            }
        }
        drop(sockets);
        if look != Look::Done || state.is_driver_wanted() {
            self.baton.driver.wake();
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl State {
    /// Returns `true` if there is anything to do but to read.
    fn is_driver_wanted(&self) -> bool {
        let core = &self.core;
        core.has_outputs()
            || core.wants_write()
            || core.wants_flush()
            || core.poll_timeout().is_some_and(|deadline| self.alarm.is_none_or(|alarm| deadline < alarm))
    }

    /// Returns `true` if the answer to a command is waited for.
    pub(super) fn awaits_answer(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Moves packets into `batch`: if others want them as well one into an empty batch, else as many as may be.
    fn take_packets(&mut self, batch: &mut VecDeque<Received>) {
        if self.readers <= 1 {
            self.core.poll_packets(batch);
        } else if batch.is_empty() {
            batch.extend(self.core.poll_packet());
        }
    }

    /// Ready once no packet is to be waited for: with an error first if there is one, and with nothing at the end.
    pub(super) fn poll_end(&mut self) -> Poll<Option<Result<Received, Error>>> {
        if self.told || self.is_at_end() {
            return Poll::Ready(None);
        }
        if self.is_over() {
            self.told = true;
            return Poll::Ready(Some(Err(self.closed_error())));
        }
        Poll::Pending
    }

    /// Takes note of what the core tells the application.
    pub(crate) fn handle_event(&mut self, event: ClientEvent) {
        if self.trace.tell(&self.core, &event) && !matches!(event, ClientEvent::Done(..)) {
            self.events.push(event.clone());
        }
        match event {
            ClientEvent::Done(id, result) => {
                match &result {
                    Ok(Reply::Setup(info)) => {
                        if !info.is_sent {
                            self.set_up.insert(info.media);
                        }
                        self.refused.remove(&info.media);
                    }
                    Ok(Reply::Playing(_)) => self.begin_anew(),
                    _ => {}
                }
                if let Some((_, done)) = self.awaited.iter_mut().find(|(awaited, _)| *awaited == id) {
                    *done = Some(result);
                }
            }
            ClientEvent::TransportSwitched(_)
            | ClientEvent::Redirected(_)
            | ClientEvent::Reconnecting { .. } => self.begin_anew(),
            ClientEvent::MediaRefused(media, error) => {
                self.set_up.remove(&media);
                self.refused.insert(media, error);
            }
            ClientEvent::Ended(media) => {
                self.ended.insert(media);
                self.silent.remove(&media);
            }
            ClientEvent::Restarted(media) => drop(self.ended.remove(&media)),
            ClientEvent::MediaSilent(media) => drop(self.silent.insert(media)),
            ClientEvent::MediaResumed(media) => drop(self.silent.remove(&media)),
            ClientEvent::Closed(reason) => self.closed = Some(reason),
            _ => {}
        }
    }

    /// The next event for the application, if one waits.
    pub(super) fn take_event(&mut self) -> Option<ClientEvent> {
        self.events.pop()
    }

    /// Ready with the next event for the application, and with none once the client is closed.
    pub(super) fn poll_event(&mut self) -> Poll<Option<ClientEvent>> {
        match self.take_event() {
            None if self.is_over() => Poll::Ready(None),
            None => Poll::Pending,
            event => Poll::Ready(event),
        }
    }

    /// Another session plays from now on: its medias have neither ended nor are they silent.
    fn begin_anew(&mut self) {
        self.ended.clear();
        self.silent.clear();
    }

    /// The error of a command that was not taken: once the client is over, the reason of that.
    pub(crate) fn misused(&self, misuse: Misuse) -> Error {
        match misuse {
            Misuse::Closed if self.is_over() => self.closed_error(),
            misuse => Error::Misuse(misuse),
        }
    }

    /// Returns true once the client is closed, or nobody drives it any more.
    pub(crate) fn is_over(&self) -> bool {
        self.closed.is_some() || self.gone
    }

    pub(crate) fn closed_error(&self) -> Error {
        self.closed.clone().map_or(Error::Stopped, Error::Closed)
    }

    /// Returns `true` if a media sends nothing, though the server is there.
    pub(crate) fn is_silent(&self, media: usize) -> bool {
        self.silent.contains(&media)
    }

    /// The medias that are left out of what plays, and why.
    pub(crate) fn refused(&self) -> Vec<(usize, CommandError)> {
        self.refused.iter().map(|(media, error)| (*media, error.clone())).collect()
    }

    /// Returns `true` if nothing more is to come, and that is as it should be.
    fn is_at_end(&self) -> bool {
        let all_ended = !self.set_up.is_empty() && self.ended.is_superset(&self.set_up);
        all_ended || matches!(self.closed, Some(ClientCloseReason::TornDown))
    }
}

/// A command that is waited for, until nobody does any more.
struct Awaited<'a> {
    shared: &'a Arc<Shared>,
    id: CommandId,
    method: Method,
}

impl Awaited<'_> {
    fn poll(&self) -> Poll<Result<Reply, Error>> {
        let mut state = self.shared.state();
        let done = state.awaited.iter_mut().find(|(id, _)| *id == self.id).and_then(|(_, done)| done.take());
        match done {
            Some(Ok(reply)) => Poll::Ready(Ok(reply)),
            Some(Err(CommandError::Closed)) => Poll::Ready(Err(state.closed_error())),
            Some(Err(error)) => {
                let url = Box::new(state.core.url().clone());
                Poll::Ready(Err(Error::Command { method: self.method.clone(), url, error }))
            }
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

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;

    use rtspan_core::client::ClientConfig;
    use rtspan_core::url::Url;

    use super::*;

    struct Nowhere;

    impl Receive for Nowhere {
        fn send_last(&mut self, _: &mut Client, _: Instant) {}

        fn receive(&mut self, _: &mut Context<'_>, _: &mut Client, _: Instant) -> Look {
            Look::Done
        }
    }

    #[test]
    fn nothing_is_kept_for_commands_that_nobody_waits_for_any_more() {
        let url = Url::parse("rtsp://h/").unwrap();
        let (config, trace) = ClientTrace::of(ClientConfig::default(), &url);
        let core = Client::new(url, config, [0; 32]);
        let shared: Arc<Shared> = Arc::new(Shared::new(core, trace, Nowhere, true, Clock::system()));
        for _ in 0..10 {
            let command = pin!(shared.command(Method::Options, Client::options));
            assert!(command.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert!(shared.state().awaited.is_empty());
    }
}
