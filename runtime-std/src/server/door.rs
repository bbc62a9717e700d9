use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use rtspan_core::conn::{CloseReason, ConnCommand, Report, ServerConn};
use rtspan_core::limits::{CLOSE_LIMIT, REFUSALS_MAX};
use rtspan_core::server::{Event, Output, Refused, Server, ServerConfig, StatsOf};
use rtspan_core::udp::{UdpCommand, UdpMedia, UdpOpenError};
use rtspan_core::{ConnId, Instant, UdpId};

use super::conns::Conns;
use super::data::{Holder, Value};
use super::registry::Registry;
use super::told::Told;
use crate::clock::Clock;
use crate::mailbox::Mailbox;
use crate::trace::ServerTrace;
use crate::wake::{Waiters, Wake, lock};

const RUNNING: u8 = 0;
const CLOSING: u8 = 1;
const STOPPED: u8 = 2;

/// The one door to the control plane: each task that enters it hands out the outputs before leaving.
#[derive(Debug)]
pub(crate) struct Door {
    control: Mutex<Control>,
    /// Locked by itself or inside of the control plane, so that an application that takes events holds up no connection.
    told: Mutex<Told>,
    clock: Clock,
    registry: Registry,
    phase: AtomicU8,
    /// Tasks that hold sockets of the server itself.
    tenants: AtomicUsize,
    /// Connections that are told that there is no room for them.
    refusals: AtomicUsize,
    /// The task that keeps the time.
    keeper: Wake,
    acceptor: Wake,
    /// The task that wakes those who wait for an event.
    teller: Wake,
    /// Those who wait for an event, or for the end.
    waiters: Waiters,
}

#[derive(Debug)]
struct Control {
    server: Server,
    conns: Conns,
    udps: BTreeMap<UdpId, Arc<Mailbox<UdpCommand>>>,
    /// The pairs that the server has asked for: its own as it is made, those of groups when readers come.
    opening: Vec<Opening>,
    trace: ServerTrace,
    /// The number of reports of statistics when those who wait were last woken.
    stats_told: u64,
    /// The deadline that the keeper knows of.
    armed: Option<Instant>,
    /// When a server that is being closed stops waiting.
    limit: Option<Instant>,
}

/// A pair of UDP sockets that is to be opened.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) media: UdpMedia,
    pub(crate) mailbox: Arc<Mailbox<UdpCommand>>,
}

/// The door as a task holds it that has sockets of the server itself, until they are closed.
#[derive(Debug)]
pub(crate) struct Tenant(Arc<Door>);

impl Tenant {
    pub(crate) fn new(door: &Arc<Door>) -> Self {
        door.tenants.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(door))
    }
}

impl Deref for Tenant {
    type Target = Arc<Door>;

    fn deref(&self) -> &Arc<Door> {
        &self.0
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.0.tenants.fetch_sub(1, Ordering::AcqRel);
        self.0.waiters.wake_all();
    }
}

/// The place of a connection that is only answered that there is no room for it.
#[derive(Debug)]
pub(crate) struct Refusal(Arc<Door>);

impl Drop for Refusal {
    fn drop(&mut self) {
        self.0.refusals.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Door {
    pub(crate) fn new(config: ServerConfig, clock: Clock, seed: [u8; 32]) -> Self {
        let (config, trace) = ServerTrace::of(config);
        let door = Self {
            control: Mutex::new(Control {
                server: Server::new(config, seed),
                conns: Conns::default(),
                udps: BTreeMap::new(),
                opening: Vec::new(),
                trace,
                stats_told: 0,
                armed: None,
                limit: None,
            }),
            told: Mutex::default(),
            registry: Registry::new(clock.clone()),
            clock,
            phase: AtomicU8::new(RUNNING),
            tenants: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            keeper: Wake::default(),
            acceptor: Wake::default(),
            teller: Wake::default(),
            waiters: Waiters::default(),
        };
        door.enter(|_, _| ());
        door
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Does something with the control plane.
    pub(crate) fn enter<T>(&self, f: impl FnOnce(&mut Server, Instant) -> T) -> T {
        let mut control = lock(&self.control);
        let result = f(&mut control.server, self.clock.now());
        self.leave(control, None);
        result
    }

    /// Does something with the control plane in the task of a connection. `orders` then holds its orders: those that others
    /// have left for it, and behind them those that came of this.
    pub(crate) fn enter_for(&self, conn: ConnId, orders: &mut Vec<ConnCommand>, f: impl FnOnce(&mut Server)) {
        let mut control = lock(&self.control);
        f(&mut control.server);
        control.conns.take_orders(conn, orders);
        self.leave(control, Some((conn, orders)));
    }

    /// Takes on a connection, whose task is woken through `wake`.
    pub(crate) fn open_conn(
        &self,
        peer: SocketAddr,
        local: Option<SocketAddr>,
        wake: &Arc<Wake>,
    ) -> Result<ServerConn, Refused> {
        let mut control = lock(&self.control);
        let opened = control.server.open_conn(self.clock.now(), peer);
        if let Ok(conn) = &opened {
            if let Some(local) = local {
                control.server.set_local_addr(conn.id, local);
            }
            control.conns.insert(conn.id, Arc::clone(wake));
        }
        self.leave(control, None);
        opened
    }

    /// A place for a connection that is refused with an answer, if there is one left.
    pub(crate) fn refusal(self: &Arc<Self>) -> Option<Refusal> {
        if self.refusals.fetch_add(1, Ordering::AcqRel) < REFUSALS_MAX {
            return Some(Refusal(Arc::clone(self)));
        }
        self.refusals.fetch_sub(1, Ordering::AcqRel);
        None
    }

    /// Takes note that a connection is over, and of the last that it has counted.
    pub(crate) fn close_conn(&self, id: ConnId, stats: [Report; 2], reason: CloseReason) {
        let mut control = lock(&self.control);
        control.conns.remove(id);
        let now = self.clock.now();
        stats.into_iter().for_each(|report| control.server.handle_report(now, report));
        control.server.handle_conn_closed(now, id, reason);
        self.leave(control, None);
    }

    /// Says goodbye to everybody, and stops when they have heard it or after a limit.
    pub(crate) fn close(&self) {
        let mut control = lock(&self.control);
        if self.raise(CLOSING) {
            let now = self.clock.now();
            control.limit = Some(now + CLOSE_LIMIT);
            control.server.close(now);
        }
        // The keeper is woken for the limit.
        self.leave(control, None);
        self.acceptor.wake();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.phase.load(Ordering::Acquire) >= CLOSING
    }

    /// Returns `true` once all tasks are to end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase.load(Ordering::Acquire) == STOPPED
    }

    /// Ends all tasks, whatever they are doing.
    pub(crate) fn stop(&self) {
        self.stop_with(&lock(&self.control));
    }

    pub(crate) fn events_dropped(&self) -> u64 {
        lock(&self.told).events.dropped()
    }

    /// Puts a value on a connection or a session. Returns `true` if that is there.
    pub(crate) fn set_data(&self, holder: Holder, value: Value) -> bool {
        let control = lock(&self.control);
        let is_there = match holder {
            Holder::Conn(conn) => control.server.connection(conn).is_some(),
            Holder::Session(session) => control.server.session(session).is_some(),
        };
        let mut told = lock(&self.told);
        if is_there {
            told.data.set(holder, value);
        }
        drop(control);
        drop_unused(told);
        is_there
    }

    pub(crate) fn data(&self, holder: Holder) -> Option<Value> {
        lock(&self.told).data.get(holder)
    }

    pub(crate) fn clear_data(&self, holder: Holder) -> bool {
        let mut told = lock(&self.told);
        let was_there = told.data.clear(holder);
        drop_unused(told);
        was_there
    }

    fn take_event(&self) -> Option<Event> {
        let mut told = lock(&self.told);
        let event = told.take();
        drop_unused(told);
        event
    }

    /// The next event; nothing when the server has stopped.
    pub(crate) async fn event(&self) -> Option<Event> {
        let look = |_: &mut Context<'_>| {
            let event = self.take_event();
            match event {
                None if !self.is_stopped() => Poll::Pending,
                event => Poll::Ready(event),
            }
        };
        self.waiters.wait(look).await
    }

    /// Waits until the server has stopped and its sockets are free.
    pub(crate) async fn stopped(&self) {
        let look = |_: &mut Context<'_>| {
            let is_over = self.is_stopped() && self.tenants.load(Ordering::Acquire) == 0;
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        };
        self.waiters.wait(look).await;
    }

    /// Waits until there is no session, or the server has stopped.
    pub(crate) async fn drained(&self) {
        let look = |_: &mut Context<'_>| {
            let is_over = self.is_stopped() || lock(&self.control).server.session_count() == 0;
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        };
        self.waiters.wait(look).await;
    }

    /// Has statistics told, and waits until they are.
    pub(crate) async fn ask_for_stats(&self, of: StatsOf) {
        self.enter(|server, now| server.ask_for_stats(now, of));
        let look = |_: &mut Context<'_>| {
            let is_over = self.is_stopped() || !lock(&self.control).server.awaits_stats(of);
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        };
        self.waiters.wait(look).await;
    }

    pub(crate) fn acceptor(&self) -> &Wake {
        &self.acceptor
    }

    pub(crate) fn keeper(&self) -> &Wake {
        &self.keeper
    }

    pub(crate) fn teller(&self) -> &Wake {
        &self.teller
    }

    pub(crate) fn wake_waiters(&self) {
        self.waiters.wake_all();
    }

    /// Returns the time at which the keeper is to come back.
    pub(crate) fn arm(&self) -> Option<Instant> {
        let mut control = lock(&self.control);
        control.armed = control.next();
        let armed = control.armed;
        drop(control);
        drop_unused(lock(&self.told));
        armed
    }

    /// Returns the pairs of UDP sockets that are to be opened.
    pub(crate) fn take_openings(&self) -> Vec<Opening> {
        std::mem::take(&mut lock(&self.control).opening)
    }

    /// Takes note of the ports of a pair, or that it cannot be opened.
    pub(crate) fn udp_opened(&self, id: UdpId, opened: Result<(u16, u16), UdpOpenError>) {
        let mut control = lock(&self.control);
        if opened.is_err() {
            control.udps.remove(&id);
        }
        control.server.handle_udp_opened(self.clock.now(), id, opened, &self.registry);
        self.leave(control, None);
    }

    /// Lets time pass.
    pub(crate) fn handle_timeout(&self) {
        let mut control = lock(&self.control);
        let now = self.clock.now();
        control.server.handle_timeout(now, &self.registry);
        let is_over = control.limit.is_some_and(|limit| now >= limit);
        self.leave(control, None);
        if is_over {
            self.stop();
        }
    }

    /// Hands out what there is, and leaves the control plane. Only then is the application told: it may run at once, and want to
    /// come in.
    fn leave(&self, mut control: MutexGuard<'_, Control>, own: Option<(ConnId, &mut Vec<ConnCommand>)>) {
        let has_news = self.hand_out(&mut control, own);
        drop(control);
        if has_news {
            self.teller.wake();
        }
    }

    /// Gives everybody what there is for them; `own` is who waits for its own. Returns `true` if there is something for those
    /// outside of the tasks.
    fn hand_out(&self, control: &mut Control, mut own: Option<(ConnId, &mut Vec<ConnCommand>)>) -> bool {
        let (mut has_news, mut has_unused) = (false, false);
        while let Some(output) = control.server.poll_output() {
            match output {
                Output::Conn(id, command) => match &mut own {
                    Some((own, orders)) if *own == id => orders.push(command),
                    _ => control.conns.order(id, command),
                },
                Output::AddStream(id, log) => drop(self.registry.insert(id, log)),
                Output::LimitLog(id, limits) => self.registry.limit(id, limits),
                Output::SecureLog(id, order) => self.registry.secure(id, order),
                Output::Sent(id, number) => self.registry.tell_sent(id, number),
                Output::RemoveStream(id) => self.registry.remove(id),
                Output::OpenUdp(media) => {
                    let mailbox = Arc::new(Mailbox::new(Arc::default()));
                    control.udps.insert(media.id(), Arc::clone(&mailbox));
                    control.opening.push(Opening { media: *media, mailbox });
                    self.keeper.wake();
                }
                Output::Udp(id, command) => {
                    let is_last = command.is_last();
                    if let Some(mailbox) = control.udps.get(&id) {
                        mailbox.push(command);
                    }
                    if is_last {
                        control.udps.remove(&id);
                    }
                }
                Output::Event(event) if control.trace.tell(&event) => {
                    let mut told = lock(&self.told);
                    if let Some(missed) = told.add(event) {
                        control.trace.tell_dropped(&missed);
                    }
                    has_unused = told.data.has_unused();
                    has_news = true;
                }
                _ => {}
            }
        }
        let told = control.server.stats_told();
        has_news |= std::mem::replace(&mut control.stats_told, told) != told;
        let sooner = control.next().is_some_and(|next| control.armed.is_none_or(|armed| next < armed));
        if sooner || has_unused {
            self.keeper.wake();
        }
        if self.is_closing() && control.server.is_empty() {
            self.stop_with(control);
        }
        has_news
    }

    fn stop_with(&self, control: &Control) {
        if self.raise(STOPPED) {
            control.conns.wake_all();
            control.udps.values().for_each(|mailbox| mailbox.wake());
            self.keeper.wake();
            self.acceptor.wake();
            self.teller.wake();
            self.waiters.wake_all();
        }
    }

    /// Enters a later phase. Returns `true` if it was not there yet.
    fn raise(&self, phase: u8) -> bool {
        self.phase.fetch_max(phase, Ordering::AcqRel) < phase
    }
}

/// Drops the values of the application that are no longer used, outside of the lock.
fn drop_unused(mut told: MutexGuard<'_, Told>) {
    let unused = told.data.take_unused();
    drop(told);
    drop(unused);
}

impl Control {
    fn next(&self) -> Option<Instant> {
        self.server.poll_timeout().into_iter().chain(self.limit).min()
    }
}
