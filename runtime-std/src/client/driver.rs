use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::client::{Client, ClientOutput};
use rtspan_core::limits::TEARDOWN_DEADLINE;

use super::connect::Connecting;
use super::layers::Layers;
use super::shared::{Shared, State};
use super::sockets::{Look, Receive, Sockets};
use crate::alarm::Alarm;
use crate::link::Opening;
use crate::net::SocketOptions;
use crate::runtime::{Runtime, TcpSocket as _};
use crate::wake::lock;

/// How often the driver goes round before it lets others run.
const ROUNDS: usize = 16;

/// How long the connection is left to a task that waits for packets before the driver looks whether it still does.
const LEFT_FOR: Duration = Duration::from_millis(10);

/// Drives a client until it is closed, or torn down because its last handle is gone.
pub(super) fn drive<R: Runtime>(
    runtime: R,
    shared: Arc<Shared<Sockets<R>>>,
    layers: Layers,
) -> impl Future<Output = ()> + Send + use<R> {
    let mut driver = Driver {
        alarm: Alarm::new(runtime.timer()),
        runtime,
        layers,
        shared: Leave(shared),
        connecting: None,
        limit: None,
        turns: (0, Instant::ZERO),
        left_until: None,
    };
    async move { poll_fn(|cx| driver.poll(cx)).await }
}

/// Says goodbye, closes the sockets and tells the handles when the driver is gone, however that comes.
struct Leave<R: Runtime>(Arc<Shared<Sockets<R>>>);

impl<R: Runtime> Drop for Leave<R> {
    fn drop(&mut self) {
        // A runtime that is shut down drops its tasks.
        self.0.say_goodbye();
        *lock(&self.0.sockets) = Sockets::new(SocketOptions::default(), None);
        self.0.leave();
    }
}

struct Driver<R: Runtime> {
    runtime: R,
    layers: Layers,
    shared: Leave<R>,
    connecting: Option<Connecting<R>>,
    alarm: Alarm<R::Timer>,
    /// When a client that nobody holds stops waiting for the answer to its TEARDOWN.
    limit: Option<Instant>,
    /// How often a task had begun to wait for packets when that was last looked at.
    turns: (u64, Instant),
    /// Until when the connection is left to that task.
    left_until: Option<Instant>,
}

/// The outcome of a round.
#[derive(Default)]
struct Round {
    /// There may be more to do at once.
    again: bool,
    /// Something has changed for those who wait.
    news: bool,
    /// Something has been sent.
    room: bool,
    done: bool,
}

impl<R: Runtime> Driver<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.shared.0);
        shared.baton.driver.register(cx);
        for _ in 0..ROUNDS {
            let round = self.round(cx, &mut shared.state(), &mut lock(&shared.sockets));
            if round.news {
                shared.waiters.wake_all();
            }
            if round.done {
                return Poll::Ready(());
            }
            if !round.again {
                return Poll::Pending;
            }
            if round.news {
                // Those who wait are to take what has come while it is in the cache, and make room to read again.
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does a bounded amount of everything.
    fn round(&mut self, cx: &mut Context<'_>, state: &mut State, sockets: &mut Sockets<R>) -> Round {
        let mut round = Round::default();
        let now = self.shared.0.clock.now();
        if state.abandoned && self.limit.is_none() {
            self.limit = Some(now + TEARDOWN_DEADLINE);
        }
        self.poll_connecting(cx, state, sockets, &mut round);
        self.receive(&mut state.core, sockets, now, &mut round);
        self.take_outputs(cx, state, sockets, now, &mut round);
        // Datagrams first: servers forget what comes after TEARDOWN.
        send(cx, &mut state.core, sockets, now, &mut round);
        round.news |= state.core.has_packets() || (round.room && std::mem::take(&mut state.starved));
        if state.closed.is_some() || self.limit.is_some_and(|limit| now >= limit) {
            return Round { done: true, ..round };
        }
        let connecting = self.connecting.as_ref().map(Connecting::deadline);
        let left = self.leave_to_reader(state, sockets, now);
        state.alarm =
            state.core.poll_timeout().into_iter().chain(self.limit).chain(connecting).chain(left).min();
        if self.alarm.is_due(cx, &self.shared.0.clock, state.alarm) {
            self.handle_timeout(&mut state.core, self.shared.0.clock.now());
            round.again = true;
        }
        round
    }

    fn poll_connecting(
        &mut self,
        cx: &mut Context<'_>,
        State { core, trace, .. }: &mut State,
        sockets: &mut Sockets<R>,
        round: &mut Round,
    ) {
        let Some(connecting) = &mut self.connecting else { return };
        let Poll::Ready(connected) = connecting.poll(cx) else { return };
        self.connecting = None;
        let connected = connected.map(|(mut link, peer)| {
            trace.tell_connected(peer);
            core.handle_tunnel(link.tolerances());
            let local = link.socket().and_then(|socket| socket.local_addr().ok());
            local.into_iter().for_each(|local| core.set_local_addr(local));
            sockets.connect(link);
            peer
        });
        core.handle_connected(self.shared.0.clock.now(), connected);
        round.again = true;
    }

    fn handle_timeout(&mut self, core: &mut Client, now: Instant) {
        // The attempts know better than the client what there was no time for.
        if let Some(error) = self.connecting.as_mut().and_then(|connecting| connecting.give_up(now)) {
            self.connecting = None;
            core.handle_connected(now, Err(error));
        }
        core.set_wall_clock(now, self.shared.0.clock.wall());
        core.handle_timeout(now);
    }

    fn receive(&self, core: &mut Client, sockets: &mut Sockets<R>, now: Instant, round: &mut Round) {
        let look = sockets.receive(&mut self.shared.0.socket_context(), core, now);
        if look == Look::End {
            sockets.end(core, now);
        }
        round.again |= look != Look::Done;
    }

    /// Leaves the connection to a task that waits for packets again and again: it comes back in a moment, and this task need not be
    /// woken for what comes until then. Returns when to look whether it still comes back.
    fn leave_to_reader(&mut self, state: &State, sockets: &mut Sockets<R>, now: Instant) -> Option<Instant> {
        let turns = self.shared.0.baton.turns();
        let (before, at) = self.turns;
        if self.left_until.is_some_and(|until| now < until) && !state.awaits_answer() {
            return self.left_until;
        }
        let is_brisk = turns != before && (self.left_until.is_some() || now < at + LEFT_FOR);
        self.turns = (turns, now);
        let is_left = is_brisk && !state.awaits_answer();
        if is_left || self.left_until.is_some() {
            self.left_until = sockets.leave_to_others(is_left).then(|| now + LEFT_FOR);
        }
        self.left_until
    }

    fn take_outputs(
        &mut self,
        cx: &mut Context<'_>,
        state: &mut State,
        sockets: &mut Sockets<R>,
        now: Instant,
        round: &mut Round,
    ) {
        while let Some(output) = state.core.poll_output() {
            round.again = true;
            match output {
                ClientOutput::Connect { host, port, secure, tunnel, target, deadline } => {
                    let tls = secure.then(|| self.layers.tls.clone());
                    let media_on_get = self.layers.media_on_get;
                    let opening = Opening { tls, tunnel, host, port, target, media_on_get };
                    self.connecting = Some(Connecting::new(self.runtime.clone(), deadline, opening));
                }
                ClientOutput::Disconnect => {
                    send(cx, &mut state.core, sockets, now, round);
                    self.connecting = None;
                    sockets.disconnect();
                }
                ClientOutput::OpenUdp(id, spec) => {
                    let opened = sockets.open_udp(&self.runtime, id, &spec);
                    state.core.handle_udp_opened(now, id, opened);
                }
                ClientOutput::JoinGroup(id, spec) => {
                    let joined = sockets.join_group(&self.runtime, id, &spec);
                    state.core.handle_udp_opened(now, id, joined);
                }
                ClientOutput::CloseUdp(id) => {
                    send(cx, &mut state.core, sockets, now, round);
                    sockets.close_udp(id);
                }
                ClientOutput::Event(event) => {
                    state.handle_event(event);
                    round.news = true;
                }
                _ => {}
            }
        }
    }
}

/// Sends what there is: datagrams first, since servers forget what comes after TEARDOWN.
fn send<R: Runtime>(
    cx: &mut Context<'_>,
    core: &mut Client,
    sockets: &mut Sockets<R>,
    now: Instant,
    round: &mut Round,
) {
    let (sent, again) = sockets.send(cx, core, now);
    let written = sockets.write(cx, core, now);
    round.room |= sent || written;
    round.again |= again || written;
}
