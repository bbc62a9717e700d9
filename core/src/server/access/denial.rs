//! Answers to requests that may not go on.

use super::{Denial, Given, Need};
use crate::conn::CloseReason;
use crate::limits::AUTH_FAILURES_OF_CONN_MAX;
use crate::server::{Event, Server};
use crate::wire::{Response, StatusCode};
use crate::{ConnId, Instant, SessionId};

impl Server {
    /// The answer to a request that may not go on.
    pub(super) fn deny(
        &mut self,
        now: Instant,
        conn: ConnId,
        session: Option<SessionId>,
        need: &Need,
        given: &Given,
        denial: &Denial,
    ) -> Response {
        match denial {
            Denial::Ask { stale } => self.challenge(now, conn, *stale),
            Denial::Forbidden => Response::new(StatusCode::FORBIDDEN),
            Denial::Foreign => Response::new(StatusCode::SESSION_NOT_FOUND),
            Denial::Wrong => {
                self.auth_failed(now, (conn, session), given.user(), &need.path);
                self.challenge(now, conn, false)
            }
        }
    }

    /// A peer has sent wrong credentials: it, and all at its address, are slowed down, and it is closed in the end.
    fn auth_failed(
        &mut self,
        now: Instant,
        (conn, session): (ConnId, Option<SessionId>),
        user: Option<String>,
        path: &str,
    ) {
        let Some(connection) = self.conns.get_mut(conn) else { return };
        connection.access.failures = connection.access.failures.saturating_add(1);
        let (peer, failures) = (connection.peer, connection.access.failures);
        self.guesses.failed(now, peer.ip());
        if let Some(count) = self.guesses.tell(now) {
            self.emit(Event::AuthFailed { conn, session, peer, user, path: path.to_owned(), count });
        }
        if failures >= AUTH_FAILURES_OF_CONN_MAX {
            self.close_conn(now, conn, CloseReason::AuthFailed);
        }
    }

    /// When the credentials of a request are looked at; `None` if at once.
    ///
    /// All that come from an address whose guesses were wrong too often take their turns, one after the other.
    pub(super) fn turn(&mut self, now: Instant, conn: ConnId) -> Result<Option<Instant>, Response> {
        let Some(connection) = self.conns.get_mut(conn) else { return Ok(None) };
        if std::mem::take(&mut connection.access.has_waited) {
            return Ok(None);
        }
        let ip = connection.peer.ip();
        let turn = self.guesses.turn(now, ip);
        turn.map_err(|_| Response::new(StatusCode::SERVICE_UNAVAILABLE))
    }

    /// The turn of a request that had to wait has come.
    pub(in crate::server) fn turn_has_come(&mut self, conn: ConnId) {
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.access.has_waited = true;
        }
    }
}
