use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::iter;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use rtspan_core::conn::{CloseReason, ConnCommand, ConnRx, ConnTx, Inbound, Report, Room, ServerConn};
use rtspan_core::tls::TlsError;
use rtspan_core::tunnel::TunnelError;
use rtspan_core::{ConnId, Instant};

use super::door::Door;
use super::linger::linger;
use super::refuse::refuse_unsecured;
use super::registry::{Feeds, Subscriptions};
use crate::alarm::Alarm;
use crate::link::{HandedOver, Link, NotSecured, failed};
use crate::net::is_transient;
use crate::runtime::{Direction, Runtime};
use crate::trace;
use crate::wake::{Reasons, Wake};

/// How often a task goes round before it lets others run.
const ROUNDS: usize = 16;
/// Pieces of messages and frames that are handed to the system in one call.
const SLICES: usize = 64;

thread_local! {
    /// The room for bytes that wait to be written: per thread, so that only a connection whose socket is full holds any.
    static ROOM: Cell<Room> = Cell::default();
    /// The orders that a connection carries out at once.
    static ORDERS: Cell<Vec<ConnCommand>> = const { Cell::new(Vec::new()) };
    /// The buffer to read into, so that only a connection that a part of something has come over holds any.
    static BLOCK: Cell<BytesMut> = Cell::default();
}

/// Serves one connection until it is over.
///
/// The server is told of its end also when the future is dropped, even before it has run.
pub(crate) fn serve<R: Runtime>(
    runtime: &R,
    door: Arc<Door>,
    socket: Link<R::Tcp>,
    ServerConn { id, rx, tx }: ServerConn,
    wake: Arc<Wake>,
) -> impl Future<Output = ()> + Send + use<R> {
    // Executors move what they are given about before it runs.
    let mut task = Box::new(ConnTask::<R> {
        place: Place { id, door, is_left: false },
        rx,
        tx,
        subscriptions: Subscriptions::with_groups(Arc::clone(&wake)),
        wake,
        feeds: Feeds::default(),
        alarm: Alarm::new(runtime.timer()),
        failure: None,
        at_end: false,
        has_letter: false,
        has_news: true,
        is_settled: false,
        is_idle: false,
        wants_read: true,
        rx_deadline: None,
        blocked: false,
        socket,
    });
    async move {
        let reason = poll_fn(|cx| task.poll(cx)).await;
        let is_unsecured = reason == CloseReason::TlsRequired;
        // The layer that has failed has an answer on its way.
        let has_layer_failed = matches!(reason, CloseReason::Tls(_) | CloseReason::Tunnel(_));
        task.leave(reason);
        if is_unsecured {
            refuse_unsecured(&mut task.socket, &mut task.alarm, task.place.door.clock()).await;
        }
        // A peer that says no more has nothing on its way that would reset the last answer away.
        if (task.tx.is_finished() && !task.at_end) || has_layer_failed {
            linger(&mut task.socket, &mut task.alarm, task.place.door.clock()).await;
        }
    }
}

/// A connection's place with the server, which is given up however its task ends.
struct Place {
    door: Arc<Door>,
    id: ConnId,
    is_left: bool,
}

struct ConnTask<R: Runtime> {
    place: Place,
    rx: ConnRx,
    tx: ConnTx,
    /// Wakes this task for everything, the socket and the timer as well.
    wake: Arc<Wake>,
    subscriptions: Subscriptions,
    feeds: Feeds,
    socket: Link<R::Tcp>,
    alarm: Alarm<R::Timer>,
    /// Why nothing more is read; the rest is still written.
    failure: Option<CloseReason>,
    /// The peer says no more; its requests are still answered.
    at_end: bool,
    /// Others have ordered something.
    has_letter: bool,
    /// Something has come for the half that reads, or for both.
    has_news: bool,
    /// All was written that there was, and nothing has come since.
    is_settled: bool,
    /// The socket has nothing to read, and has not woken the task since.
    is_idle: bool,
    /// True if the half that reads wants more; the deadline is when it wants to know of the time.
    wants_read: bool,
    rx_deadline: Option<Instant>,
    /// The socket had no room for all; the system has not said since that it has.
    blocked: bool,
}

impl<R: Runtime> Drop for ConnTask<R> {
    fn drop(&mut self) {
        self.leave(CloseReason::ServerClosed);
    }
}

impl<R: Runtime> ConnTask<R> {
    /// Gives up the place, and tells what was counted.
    fn leave(&mut self, reason: CloseReason) {
        if !std::mem::replace(&mut self.place.is_left, true) {
            let now = self.place.door.clock().now();
            let stats = [self.rx.last_stats(now), self.tx.last_stats(now, &self.subscriptions)];
            self.place.door.close_conn(self.place.id, stats, reason);
            // It may still linger, but hears no calls.
            self.subscriptions.clear();
        }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<CloseReason> {
        let reasons = self.wake.lower();
        self.heed(reasons);
        if !self.tx.wants_write() {
            self.tx.lend(ROOM.take());
        }
        let polled = self.poll_rounds(cx);
        if let Some(room) = self.tx.take_room() {
            ROOM.set(room);
        }
        polled
    }

    fn poll_rounds(&mut self, cx: &Context<'_>) -> Poll<CloseReason> {
        let waker = Waker::from(Arc::clone(&self.wake));
        for _ in 0..ROUNDS {
            match self.round(&mut Context::from_waker(&waker)) {
                Ok(true) => {}
                Ok(false) => {
                    let reasons = self.wake.register(cx);
                    if reasons.is_empty() {
                        return Poll::Pending;
                    }
                    self.heed(reasons);
                }
                Err(reason) => return Poll::Ready(self.failure.take().unwrap_or(reason)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn heed(&mut self, reasons: Reasons) {
        if reasons.called() {
            self.subscriptions.wake_group();
        }
        self.has_letter |= reasons.letter();
        self.has_news |= reasons.letter();
        self.is_settled = false;
        self.is_idle &= !reasons.ready();
    }

    /// Does a bounded amount of everything. Returns `true` if there may be more to do at once.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.place.door.is_stopped() {
            return Err(CloseReason::ServerClosed);
        }
        // All that was read before has been carried out: nothing is read while requests wait.
        let readable = self.poll_readable(cx)?;
        if self.is_settled && !self.has_news && !readable {
            return Ok(false);
        }
        let now = self.place.door.clock().now();
        let read = readable && self.read(now)?;
        // Published media does not concern the half that reads, which is not touched for it.
        let news = std::mem::take(&mut self.has_news) || read;
        if news {
            self.take_letters(now);
            // The answers to what was read leave at once, and requests that were held may be next.
            let has_orders = self.take_input(now);
            self.has_news |= self.rx.has_input() || (has_orders && !self.rx.wants_read());
            self.wants_read = self.failure.is_none() && !self.at_end && self.rx.wants_read();
            self.rx_deadline = self.rx.poll_timeout();
            self.subscribe();
        }
        let more = self.write(cx, now)?;
        // News are requests that were held and come first.
        if self.tx.is_finished() && !self.has_news {
            let closing = self.place.door.is_closing();
            return Err(if closing { CloseReason::ServerClosed } else { CloseReason::Application });
        }
        self.tx.handle_timeout(now)?;
        let deadline = self.rx_deadline.into_iter().chain(self.tx.poll_timeout()).min();
        let due = self.alarm.is_due(cx, self.place.door.clock(), deadline);
        if due {
            self.rx.handle_timeout(self.place.door.clock().now());
            self.has_news = true;
        }
        self.is_settled = !more && !due;
        // With an order more may be read than before.
        Ok(news || more || due)
    }

    /// Returns `true` if the socket may have something to read that is wanted.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        if !self.wants_read || self.is_idle {
            return Ok(false);
        }
        match self.socket.poll_ready(cx, Direction::Read) {
            Poll::Pending => {
                self.is_idle = true;
                Ok(false)
            }
            Poll::Ready(ready) => ready.map(|()| true).map_err(broken),
        }
    }

    fn read(&mut self, now: Instant) -> Result<bool, CloseReason> {
        self.rx.lend(|| BLOCK.take());
        match self.rx.read_with(now, |into| self.socket.try_read_buf(into)) {
            Ok(n) => {
                trace::moved("read", n);
                self.at_end = n == 0;
            }
            Err(error) if is_transient(&error) => {}
            Err(error) => return Err(broken(error)),
        }
        self.rx.handle_beneath(now, self.socket.is_opening());
        if let Some(secured) = self.socket.take_secured() {
            self.place.door.enter(|server, _| server.set_secured(self.place.id, secured));
        }
        Ok(true)
    }

    /// Carries out what others have ordered.
    fn take_letters(&mut self, now: Instant) {
        if std::mem::take(&mut self.has_letter) {
            let mut orders = ORDERS.take();
            self.place.door.enter_for(self.place.id, &mut orders, |_| ());
            self.carry_out(now, orders);
        }
    }

    /// Hands on what was read, and carries out what is ordered for it. Returns `true` if that was anything.
    fn take_input(&mut self, now: Instant) -> bool {
        // Once it cannot be read any more only reports come, by orders.
        if self.failure.is_some() && !self.rx.has_input() {
            return false;
        }
        let mut orders = ORDERS.take();
        let (Place { door, id, .. }, rx, tx) = (&self.place, &mut self.rx, &mut self.tx);
        let pumped = self.feeds.pump(
            now,
            door.registry(),
            || rx.poll_input(now),
            |inbound| match inbound {
                Inbound::Message(message) => door.enter_for(*id, &mut orders, |server| {
                    server.handle_message(now, *id, message, door.registry());
                }),
                Inbound::Reply(frame) => tx.handle_reply(now, frame),
                Inbound::Report(report) => {
                    door.enter_for(*id, &mut orders, |server| server.handle_report(now, report));
                }
                _ => {}
            },
        );
        // After the last request that was read, which may still be held, comes the end.
        let is_over = self.at_end && rx.wants_read();
        let pumped = pumped.and(if is_over { Err(CloseReason::PeerClosed) } else { Ok(()) });
        if let (Err(reason), None) = (pumped, &self.failure) {
            door.enter_for(*id, &mut orders, |server| {
                server.handle_conn_error(now, *id, &reason, door.registry());
            });
            self.failure = Some(reason);
        }
        if let Some(block) = self.rx.take_memory() {
            BLOCK.set(block);
        }
        self.carry_out(now, orders)
    }

    fn carry_out(&mut self, now: Instant, mut orders: Vec<ConnCommand>) -> bool {
        let has_orders = !orders.is_empty();
        for order in orders.drain(..) {
            match order {
                ConnCommand::Rx(order) => self.rx.handle_command(now, order),
                ConnCommand::Tx(order) => self.tx.handle_command(now, order),
            }
        }
        ORDERS.set(orders);
        has_orders
    }

    /// Pulls and writes until there is nothing left or the socket has no room; `true` if others are to have their turn
    /// before that.
    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, CloseReason> {
        for _ in 0..ROUNDS {
            self.wake.set_patience(0);
            self.tx.pull(now, &self.subscriptions);
            if let Some(report) = self.tx.poll_report() {
                self.report(report);
            }
            if !self.tx.wants_write() {
                self.wake.set_patience(self.tx.patience());
                return self.flush(cx).map(|_| false);
            }
            if !self.flush(cx)? {
                return Ok(false);
            }
            if self.blocked {
                match self.socket.poll_ready(cx, Direction::Write) {
                    Poll::Pending => return Ok(false),
                    Poll::Ready(ready) => ready.map_err(broken)?,
                }
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.tx.io_slices(&mut slices);
            let offered = slices[..filled].iter().map(|slice| slice.len()).sum::<usize>();
            match self.socket.try_write_vectored(&slices[..filled]) {
                Ok(0) => return Err(CloseReason::Io(ErrorKind::WriteZero.into())),
                Ok(n) => {
                    trace::moved("written", n);
                    self.tx.handle_written(now, n);
                    self.blocked = n < offered;
                }
                Err(error) if is_transient(&error) => self.blocked = true,
                Err(error) => return Err(broken(error)),
            }
            // Media that is published from now on wakes this task.
            if !self.tx.wants_write() && !self.tx.has_more() {
                return self.flush(cx).map(|_| false);
            }
        }
        Ok(true)
    }

    /// Writes what a layer has taken and the socket has not. Returns `true` if that is all of it; else the socket wakes the task.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        match self.socket.poll_flush(cx) {
            Poll::Pending => Ok(false),
            Poll::Ready(flushed) => flushed.map(|()| true).map_err(broken),
        }
    }

    /// Hands on what comes of pulling, and leaves the streams that have ended.
    fn report(&mut self, report: Report) {
        let Place { door, .. } = &self.place;
        for report in iter::once(report).chain(iter::from_fn(|| self.tx.poll_report())) {
            door.enter(|server, now| server.handle_report(now, report));
        }
        self.subscribe();
    }

    fn subscribe(&mut self) {
        self.subscriptions.set(self.place.door.registry(), || self.tx.streams());
    }
}

fn broken(error: io::Error) -> CloseReason {
    match error.get_ref() {
        Some(inner) if inner.is::<NotSecured>() => CloseReason::TlsRequired,
        Some(inner) if inner.is::<HandedOver>() => CloseReason::Joined,
        Some(inner) if inner.is::<TlsError>() => CloseReason::Tls(failed(error)),
        Some(inner) => match inner.downcast_ref::<TunnelError>() {
            Some(error) => CloseReason::Tunnel(error.clone()),
            None => CloseReason::Io(error.into()),
        },
        _ => CloseReason::Io(error.into()),
    }
}
