//! Sessions are sent elsewhere: one of them, or all of a server that is to be stopped.

use std::time::Duration;

use super::Server;
use super::session::{Session, State};
use super::timers::Timer;
use super::trace::Way;
use crate::conn::{CloseReason, TxOrder};
use crate::url::Url;
use crate::url::track::resolve_setup;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, SessionId};

/// A server takes on no session any more, and waits for those that there are.
#[derive(Debug)]
pub(super) struct Drain {
    /// The server that takes them on.
    to: Option<Url>,
}

impl Server {
    /// Asks the peer of a session to go on elsewhere (REDIRECT, RFC 2326, section 10.10).
    ///
    /// The peer chooses if and when it goes: players that do not know REDIRECT stay. The session ends by the TEARDOWN of its
    /// peer. Returns `false` if there is no such session, or no connection to ask it over.
    pub fn redirect_session(&mut self, session: SessionId, location: &Url) -> bool {
        let Some(asked) = self.sessions.get(session) else { return false };
        let Some(conn) = asked.bound_to().or_else(|| asked.conns.iter().last()) else { return false };
        let open = self.conns.get_mut(conn).filter(|connection| connection.closing.is_none());
        let Some(connection) = open else { return false };
        connection.asked = connection.asked.wrapping_add(1);
        let mut request = Request::new(Method::Redirect, asked.aggregate_uri());
        request.headers.set(name::CSEQ, connection.asked);
        request.headers.set(name::SESSION, &*asked.key);
        request.headers.set(name::LOCATION, location.as_request_uri());
        self.trace_request(conn, Way::Out, &request);
        self.order_tx(conn, TxOrder::Send(request.to_bytes()));
        true
    }

    /// Accepts no new session, and ends the present ones after `limit`.
    ///
    /// With the URL of another server (its path is ignored), readers and publishers are asked to continue there, and new peers
    /// are redirected (302). Without a URL, new peers are refused (503). Connections, and answers to OPTIONS, stay.
    pub fn drain(&mut self, now: Instant, to: Option<Url>, limit: Duration) {
        let place = |(id, session): (SessionId, &Session)| {
            Some((id, to.as_ref()?.with_path(&session.path, session.query.as_deref())))
        };
        let places: Vec<(SessionId, Url)> = self.sessions.iter().filter_map(place).collect();
        for (session, location) in places {
            self.redirect_session(session, &location);
        }
        self.drain = Some(Drain { to });
        self.timers.arm(now + limit, Timer::Drain);
    }

    /// The time of those that have not gone is up.
    pub(super) fn drained(&mut self, now: Instant) {
        let sessions: Vec<SessionId> = self.sessions.iter().map(|(id, _)| id).collect();
        sessions.into_iter().for_each(|session| self.end_session(now, session, CloseReason::ServerClosed));
    }

    /// Sends those elsewhere that want to begin something on a server that drains.
    pub(super) fn check_drain(&self, request: &Request, session: Option<SessionId>) -> Result<(), Response> {
        let begins = matches!(request.method, Method::Describe | Method::Announce | Method::Setup);
        let Some(drain) = self.drain.as_ref().filter(|_| begins && session.is_none()) else { return Ok(()) };
        let place = resolve_setup(&request.uri).ok();
        let location = drain.to.as_ref().zip(place).map(|(to, place)| to.with_path(place.path, place.query));
        Err(match location {
            Some(location) => {
                Response::new(StatusCode::FOUND).with_header(name::LOCATION, location.as_request_uri())
            }
            None => Response::new(StatusCode::SERVICE_UNAVAILABLE),
        })
    }
}

impl Session {
    /// The URL of all that is set up, made of that of a track; `*` if that is a path only.
    fn aggregate_uri(&self) -> String {
        let announced = match &self.state {
            State::PreRecord(publishing) | State::Record(publishing) => Some(&publishing.announce_uri),
            State::PrePlay(_) | State::Play(_) => None,
        };
        let uri = announced.or_else(|| self.tracks.first().map(|track| &track.uri));
        let url = uri.and_then(|uri| Url::parse(uri).ok());
        let aggregate = url.map(|url| url.with_path(&self.path, self.query.as_deref()));
        aggregate.map_or_else(|| "*".to_owned(), |url| url.as_request_uri().to_owned())
    }
}
