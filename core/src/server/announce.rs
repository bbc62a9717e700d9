use bytes::Bytes;

use super::asks::Asks;
use super::connection::Connection;
use super::credit::Credit;
use super::describe::path_of;
use super::request::{Outcome, Step};
use super::session::{Publishing, Session, State};
use super::shares::Held;
use super::stats::Tally;
use super::{Event, Place, Question, Server, TakeoverPolicy};
use crate::auth::Action;
use crate::description::Description;
use crate::few::Few;
use crate::header::content_type_is;
use crate::limits::MEDIAS_MAX;
use crate::stream::Streams;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

impl Server {
    /// ANNOUNCE (RFC 2326, section 10.3): a publisher says what it will record.
    pub(super) fn announce(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        self.check_state(session, &Method::Announce)?;
        let is_sdp = |value: &str| content_type_is(value, "application/sdp");
        match request.headers.get(name::CONTENT_TYPE) {
            Some(content_type) if !is_sdp(content_type) => {
                return Err(Response::new(StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
            Some(_) => {}
            None => self.tolerate_one(conn, Tolerance::NoContentType),
        }
        let place = path_of(request)?;
        let asks = self.config.asks_about(Asks::ANNOUNCE, place.0);
        let replaces = match self.publisher_at(conn, place.0) {
            // The application may leave the stream that it has there.
            Err(_) if asks && self.is_own_path(place.0) => None,
            there => there?,
        };
        if let Some(publisher) = replaces {
            self.check_takeover(now, conn, publisher, streams)?;
        }
        let asks_takeover = replaces.is_some() && self.config.takeover == TakeoverPolicy::Ask;
        let is_asked = asks_takeover || asks;
        if !is_asked && !self.config.publishers {
            return Err(Response::new(StatusCode::FORBIDDEN));
        }
        // A request that is refused anyway is not worth the time to read it.
        self.check_room(now, conn, replaces.is_some())?;
        let has_stream = replaces.is_some() || self.awaited_at(conn, place.0).is_some();
        self.check_memory(now, conn, request.body.len(), has_stream)?;
        let mut tolerances = Tolerances::NONE;
        let description = Description::parse(&request.body, &mut tolerances)
            .ok()
            .filter(|description| (1..=MEDIAS_MAX).contains(&description.medias.len()))
            .ok_or_else(|| Response::new(StatusCode::BAD_REQUEST))?;
        self.tolerate(conn, tolerances);
        if is_asked {
            let question = self.question(conn, request, session, place)?;
            let question = Question { description: Some(Box::new(description)), replaces, ..question };
            return Ok(Outcome::ask(Step::Announce(replaces), Event::Announce(question)));
        }
        self.announce_accepted(now, conn, request, replaces)
    }

    /// The path is the publisher's from here on, but nothing can be read there before RECORD.
    ///
    /// The answer carries no session id: cameras exist that then do not expect one in the answer to SETUP.
    pub(super) fn announce_accepted(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        replaces: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        // It may drain since the application was asked.
        self.check_drain(request, None)?;
        let (path, query) = path_of(request)?;
        let former = self.publisher_at(conn, path)?;
        if former.is_some() && former != replaces {
            return Err(path_refused(IN_USE));
        }
        self.check_room(now, conn, former.is_some())?;
        let has_stream = former.is_some() || self.awaited_at(conn, path).is_some();
        self.check_memory(now, conn, request.body.len(), has_stream)?;
        let taken = match former {
            Some(former) => {
                self.take_over(now, former, conn, &request.body).map(|stream| (stream, Some(former)))
            }
            None => self.resume(now, conn, path, &request.body),
        };
        // A copy holds no block that it was read into.
        let text = Bytes::copy_from_slice(&request.body);
        let publishing = Publishing {
            announce_uri: request.uri.clone(),
            text,
            intakes: Box::default(),
            described: 0,
            stream: taken.map(|(stream, _)| stream),
        };
        let session = self.open_session(now, conn, (path, query), State::PreRecord(publishing))?;
        self.hold_description(session, request.body.len());
        match taken {
            Some((stream, former)) => self.hand_over(stream, former, session),
            None => self.paths.insert(path, Place::Announced(session)),
        }
        Ok(StatusCode::OK.into())
    }

    /// Checks that a connection may have another session, which may take the place of one (503 if not).
    fn check_room(&mut self, now: Instant, conn: ConnId, replaces: bool) -> Result<(), Response> {
        let full = || Response::new(StatusCode::SERVICE_UNAVAILABLE);
        let open = self.conns.get(conn).filter(|connection| connection.closing.is_none());
        let Connection { peer, sessions, .. } = open.ok_or_else(full)?;
        let (peer, on_conn) = (*peer, sessions.len());
        self.check_session(peer.ip(), on_conn, replaces.into()).map_err(|reason| {
            self.tell_refused(now, peer, Some(conn), reason);
            full()
        })
    }

    /// Checks that a publisher's description and stream may be held (503 if not).
    fn check_memory(
        &mut self,
        now: Instant,
        conn: ConnId,
        bytes: usize,
        has_stream: bool,
    ) -> Result<(), Response> {
        let full = || Response::new(StatusCode::SERVICE_UNAVAILABLE);
        let peer = self.conns.get(conn).ok_or_else(full)?.peer;
        let stream = if has_stream { Ok(()) } else { self.check_stream(peer.ip()) };
        stream.and_then(|()| self.check_description(peer.ip(), bytes)).map_err(|reason| {
            self.tell_refused(now, peer, Some(conn), reason);
            full()
        })
    }

    /// A new session of a connection, within the limits (503 beyond them).
    pub(super) fn open_session(
        &mut self,
        now: Instant,
        conn: ConnId,
        (path, query): (&str, Option<&str>),
        state: State,
    ) -> Result<SessionId, Response> {
        self.check_room(now, conn, false)?;
        let action = if matches!(state, State::PreRecord(_)) { Action::Publish } else { Action::Read };
        let owner = self.owner_of_new(conn, action, path);
        let connection =
            self.conns.get_mut(conn).ok_or_else(|| Response::new(StatusCode::SERVICE_UNAVAILABLE))?;
        let key = self.random.hex_id();
        let mut conns = Few::new();
        conns.insert(conn);
        let session = Session {
            key,
            peer: connection.peer,
            local: connection.media_source(),
            owner: owner.map(Box::new),
            path: path.into(),
            query: query.map(Into::into),
            conn,
            conns,
            since: now,
            alive: now,
            credit: Credit::default(),
            has_begun: false,
            tracks: Vec::new(),
            secure_log: None,
            tally: Tally::default(),
            state,
        };
        let id = self.sessions.insert_with(|_| session);
        connection.sessions.insert(id);
        connection.farewell = None;
        self.shares.take(connection.peer.ip(), Held { sessions: 1, ..Held::default() });
        self.session_keys.insert(key, id);
        let look = self.config.session_timeout.min(self.config.setup_timeout);
        self.timers.arm(now + look, super::Timer::Session(id));
        self.tell_of_session(id, |session| Event::SessionOpened {
            session: id,
            conn,
            peer: session.peer,
            user: session.owner.as_ref().map(|owner| owner.user.to_string()),
            path: session.path.to_string(),
            action,
        });
        Ok(id)
    }
}

/// Another stream, or a publisher that stays, is at the path.
pub(super) const IN_USE: &str = "Path Is In Use";
/// A stream has tracks there, or would have.
pub(super) const TRACK_PATH: &str = "Path Is That Of A Track";

pub(super) fn path_refused(reason: &'static str) -> Response {
    let mut refusal = Response::new(StatusCode::FORBIDDEN);
    refusal.reason = reason.into();
    refusal
}
