use bytes::Bytes;

use super::config::Asks;
use super::credit::Credit;
use super::describe::path_of;
use super::paths::Taken;
use super::request::{Outcome, Step};
use super::session::{Publishing, Session, State};
use super::{Event, Place, Server};
use crate::description::Description;
use crate::few::Few;
use crate::header::content_type_is;
use crate::limits::MEDIAS_MAX;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerances};

impl Server {
    /// ANNOUNCE (RFC 2326, section 10.3): a publisher says what it will record.
    pub(super) fn announce(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        self.check_state(session, &Method::Announce)?;
        let is_sdp = |value| content_type_is(value, "application/sdp");
        if !request.headers.get(name::CONTENT_TYPE).is_none_or(is_sdp) {
            return Err(Response::new(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let place = path_of(request)?;
        self.check_free(place.0)?;
        let is_asked = self.config.asks.contains(Asks::ANNOUNCE);
        if !is_asked && !self.config.publishers {
            return Err(Response::new(StatusCode::FORBIDDEN));
        }
        // What is refused anyway is not worth the time to read it.
        self.check_room(conn)?;
        let mut tolerances = Tolerances::NONE;
        let description = Description::parse(&request.body, &mut tolerances)
            .ok()
            .filter(|description| (1..=MEDIAS_MAX).contains(&description.medias.len()))
            .ok_or_else(|| Response::new(StatusCode::BAD_REQUEST))?;
        self.tolerate(conn, tolerances);
        if is_asked {
            let description = Box::new(description);
            let question = self.question(conn, place, Some(description.clone()), Bytes::new())?;
            return Ok(Outcome::ask(Step::Announce(description), Event::Announce(question)));
        }
        self.announce_accepted(now, conn, request, description)
    }

    /// The path is the publisher's from here on, but nothing can be read there before RECORD.
    ///
    /// The answer carries no session id: cameras exist that then do not expect one in the answer to SETUP.
    pub(super) fn announce_accepted(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        description: Description,
    ) -> Result<Outcome, Response> {
        let (path, _) = path_of(request)?;
        self.check_free(path)?;
        let publishing = Publishing { announce_uri: request.uri.clone(), description, stream: None };
        let session = self.open_session(now, conn, path.into(), State::PreRecord(publishing))?;
        self.paths.insert(path, Place::Announced(session));
        Ok(StatusCode::OK.into())
    }

    fn check_free(&self, path: &str) -> Result<(), Response> {
        self.paths.check_free(path).map_err(|taken| {
            let mut refusal = Response::new(StatusCode::FORBIDDEN);
            refusal.reason = match taken {
                Taken::By(_) => "Path Is In Use".into(),
                Taken::Track => "Path Is That Of A Track".into(),
            };
            refusal
        })
    }

    /// Whether a connection may have another session (503 if not).
    fn check_room(&self, conn: ConnId) -> Result<(), Response> {
        let sessions_of_conn = self.conns.get(conn).map(|connection| connection.sessions.len());
        let has_room = !self.closing
            && self.sessions.len() < self.config.sessions_max
            && sessions_of_conn.is_some_and(|sessions| sessions < self.config.sessions_per_conn_max);
        if has_room { Ok(()) } else { Err(Response::new(StatusCode::SERVICE_UNAVAILABLE)) }
    }

    /// A new session of a connection, within the limits (503 beyond them).
    pub(super) fn open_session(
        &mut self,
        now: Instant,
        conn: ConnId,
        path: Box<str>,
        state: State,
    ) -> Result<SessionId, Response> {
        self.check_room(conn)?;
        let connection =
            self.conns.get_mut(conn).ok_or_else(|| Response::new(StatusCode::SERVICE_UNAVAILABLE))?;
        let key = self.random.hex_id();
        let mut conns = Few::new();
        conns.insert(conn);
        let session = Session {
            key,
            peer: connection.peer,
            path,
            conns,
            alive: now,
            credit: Credit::default(),
            has_begun: false,
            tracks: Vec::new(),
            state,
        };
        let id = self.sessions.insert_with(|_| session);
        connection.sessions.insert(id);
        self.session_keys.insert(key, id);
        self.timers.arm(now + self.config.session_timeout, super::Timer::Session(id));
        Ok(id)
    }
}
