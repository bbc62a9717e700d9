use super::connection::Incoming;
use super::request::{Outcome, Pending};
use super::timers::Timer;
use super::{Server, StreamLog};
use crate::conn::{CloseReason, RxOrder, TxOrder};
use crate::few::Few;
use crate::limits::GOODBYE_DELAY;
use crate::random::HexId;
use crate::stream::Streams;
use crate::wire::{Method, Request, Response, StatusCode};
use crate::{ConnId, Instant, StreamId};

/// The last session of a connection has ended, and its peer, which is told, may still have something to say.
#[derive(Debug)]
pub(super) struct Farewell {
    /// When the connection is closed if no other session comes.
    pub(super) at: Instant,
    pub(super) reason: CloseReason,
    /// The session that has ended.
    pub(super) key: HexId,
}

/// No stream is found on a connection that is being closed.
struct Nowhere;

impl Streams for Nowhere {
    fn read(&self, _stream: StreamId, _f: &mut dyn FnMut(&StreamLog)) -> bool {
        false
    }
}

impl Server {
    /// Has a connection closed, once every request that was read of it is answered and all is written.
    pub(super) fn close_conn(&mut self, now: Instant, conn: ConnId, reason: CloseReason) {
        let open = self.conns.get_mut(conn).filter(|connection| connection.closing.is_none());
        let Some(connection) = open else { return };
        connection.closing = Some(reason);
        if !connection.is_answering {
            self.finish_conn(now, conn);
        }
    }

    /// Closes those of a session's connections that have no other session, `kept` excepted.
    pub(super) fn close_unused(
        &mut self,
        now: Instant,
        conns: &Few<ConnId>,
        kept: Option<ConnId>,
        reason: &CloseReason,
    ) {
        for conn in conns.iter().filter(|conn| Some(*conn) != kept) {
            if self.conns.get(conn).is_some_and(|connection| connection.sessions.is_empty()) {
                self.close_conn(now, conn, reason.clone());
            }
        }
    }

    /// Has the connections of a session that has ended, and that have no other, closed a little later.
    ///
    /// The end of a connection must not overtake the last packets over UDP: GStreamer drops them then. And what a reader
    /// asks when its stream ends, mostly TEARDOWN, is answered.
    pub(super) fn bid_farewell(
        &mut self,
        now: Instant,
        conns: &Few<ConnId>,
        key: HexId,
        reason: &CloseReason,
    ) {
        let at = now + GOODBYE_DELAY;
        for conn in conns.iter() {
            if let Some(connection) = self.conns.get_mut(conn).filter(|own| own.sessions.is_empty()) {
                connection.farewell = Some(Box::new(Farewell { at, reason: reason.clone(), key }));
                self.timers.arm(at, Timer::Conn(conn));
            }
        }
    }

    /// The request was answered, and may have ended what the connection was for.
    pub(super) fn stop_answering(&mut self, now: Instant, conn: ConnId) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.is_answering = false;
        if connection.closing.is_some() {
            self.finish_conn(now, conn);
        }
    }

    fn finish_conn(&mut self, now: Instant, conn: ConnId) {
        if let Some(Pending { request, .. }) = self.take_question(conn) {
            self.respond(conn, &request, self.unavailable(conn));
        }
        while let Some(next) = self.conns.get_mut(conn).and_then(|connection| connection.queue.pop_front()) {
            match next {
                Incoming::Request(request) => self.answer_last(now, conn, &request),
                Incoming::Failure(reason) => self.answer_failure(conn, &reason),
            }
        }
        self.order_rx(conn, RxOrder::Finish);
        self.order_tx(conn, TxOrder::Close);
    }

    /// Answers a request of a connection that is being closed: nothing begins there any more.
    pub(super) fn answer_last(&mut self, now: Instant, conn: ConnId, request: &Request) {
        let outcome = match request.method {
            Method::Announce | Method::Setup | Method::Play | Method::Record => {
                self.find_session(now, conn, request).and_then(|_| Err(self.unavailable(conn)))
            }
            _ => self.dispatch(now, conn, request, &Nowhere),
        };
        let response = match outcome {
            Ok(Outcome::Done(response, _)) | Err(response) => response,
            Ok(Outcome::Ask(..) | Outcome::Later(_) | Outcome::Open(..)) => self.unavailable(conn),
        };
        self.respond(conn, request, response);
    }

    /// The refusal of what a connection that is being closed has asked.
    fn unavailable(&self, conn: ConnId) -> Response {
        let closing = self.conns.get(conn).and_then(|connection| connection.closing.as_ref());
        closing.map_or_else(|| Response::new(StatusCode::SERVICE_UNAVAILABLE), CloseReason::response)
    }
}
