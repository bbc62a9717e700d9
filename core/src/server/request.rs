use super::access::{Given, Need};
use super::answer::Extra;
use super::back_channel::required;
use super::describe::described;
use super::groups::{GroupSetup, Key};
use super::table::{SUPPORTED, StateKind, Transition, transition};
use super::ticket::{Answer, Question, RawTicket, Ticket};
use super::timers::Timer;
use super::{Event, Output, Server, Stale};
use crate::auth::Action;
use crate::header::{BACK_CHANNEL, Methods, SessionHeader};
use crate::limits::{CONNS_PER_SESSION_MAX, URI_BYTES_MAX};
use crate::random::HexId;
use crate::stream::Streams;
use crate::url::track::tolerances_of_uri;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

/// A request whose answer the application is asked for, and how it goes on from there.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) number: u64,
    pub(super) request: Request,
    pub(super) step: Step,
    /// Additions by an answer to an earlier question about it.
    pub(super) extra: Option<Box<Extra>>,
}

/// How a request goes on when the application says yes.
#[derive(Debug)]
pub(super) enum Step {
    /// Nobody is asked: it waits for the turn of its credentials.
    Turn,
    Authenticate(Need, Given),
    Describe,
    /// In the place of this publisher, if there was one.
    Announce(Option<SessionId>),
    /// SETUP of this session, or of a new one; `true` if it was about a back channel.
    Setup(Option<SessionId>, bool),
    /// The same, once the sockets of its group are open.
    Group(Key, GroupSetup),
    /// From this packet of its stream on, if the stream is for the session alone.
    Play(SessionId, Option<u64>),
    Pause(SessionId),
    Record(SessionId),
    GetParameter,
    SetParameter,
}

/// The outcome of a request.
pub(super) enum Outcome {
    /// It is answered; the orders to the media plane follow once the answer has left.
    Done(Response, Vec<Output>),
    /// The application is asked.
    Ask(Step, Box<Event>),
    /// It is worked on later.
    Later(Instant),
    /// It is worked on once the sockets of a group are open.
    Open(Key, GroupSetup),
}

impl Outcome {
    pub(super) fn ask(step: Step, event: Event) -> Self {
        Self::Ask(step, Box::new(event))
    }
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self::Done(response, Vec::new())
    }
}

impl From<StatusCode> for Outcome {
    fn from(status: StatusCode) -> Self {
        Response::new(status).into()
    }
}

impl Server {
    /// Works on one request, the next of its connection.
    pub(super) fn process(&mut self, now: Instant, conn: ConnId, request: Request, streams: &dyn Streams) {
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.is_answering = true;
        }
        let outcome = self.dispatch(now, conn, &request, streams).unwrap_or_else(Outcome::from);
        self.conclude(now, conn, request, outcome, None);
        self.stop_answering(now, conn);
    }

    /// The application has answered, or its time is up.
    pub(super) fn answer_ticket(
        &mut self,
        now: Instant,
        ticket: RawTicket,
        (answer, extra): (Answer, Option<Box<Extra>>),
        streams: &dyn Streams,
    ) -> Result<(), Stale> {
        let connection = self.conns.get_mut(ticket.conn).ok_or(Stale)?;
        let asked = connection.pending.take_if(|pending| pending.number == ticket.number);
        let Pending { request, step, extra: earlier, .. } = *asked.ok_or(Stale)?;
        let mut extra = match extra {
            Some(extra) => Some(extra.behind(earlier)),
            None => earlier,
        };
        connection.is_answering = true;
        self.timers.disarm(Timer::Ticket(ticket.conn));
        let conn = ticket.conn;
        let outcome = match (answer, step) {
            (Answer::No(refusal), _) => Ok(refusal.into_response().into()),
            (Answer::Authority(authority), Step::Authenticate(need, given)) => self
                .authority_told(now, conn, &request, (need, given), authority)
                .and_then(|question| match question {
                    Some(question) => Ok(question),
                    None => self
                        .find_session(now, conn, &request)
                        .and_then(|session| self.route(now, conn, &request, session, streams)),
                }),
            (_, Step::Describe) => match extra.as_mut().and_then(|extra| extra.body.take()) {
                Some((_, sdp)) => Ok(described(&request, sdp)),
                None => self.describe_published(now, conn, &request, streams),
            },
            (_, Step::Announce(replaces)) => self.announce_accepted(now, conn, &request, replaces),
            (_, Step::Setup(session, is_spoken)) => {
                let stream = extra.as_ref().and_then(|extra| extra.stream);
                self.setup_accepted(now, conn, &request, (session, stream, is_spoken), streams)
            }
            (_, Step::Group(_, GroupSetup { session, given })) => {
                self.setup_accepted(now, conn, &request, (session, given, false), streams)
            }
            (_, Step::Play(session, from)) => {
                self.play_accepted(now, session, from, extra.as_deref(), streams)
            }
            (_, Step::Pause(session)) => self.pause_accepted(session, extra.as_deref()),
            (_, Step::Record(session)) => self.record_accepted(now, session, streams),
            (Answer::Body(body), _) => {
                Ok(Response::new(StatusCode::OK).with_body("text/parameters", body).into())
            }
            (_, Step::SetParameter) => {
                let body = extra.as_mut().and_then(|extra| extra.body.take());
                Ok(match body {
                    Some((content_type, body)) => {
                        Response::new(StatusCode::OK).with_body(&content_type, body).into()
                    }
                    None => StatusCode::OK.into(),
                })
            }
            (_, Step::GetParameter | Step::Authenticate(..) | Step::Turn) => Ok(StatusCode::OK.into()),
        };
        self.conclude(now, conn, request, outcome.unwrap_or_else(Outcome::from), extra);
        self.stop_answering(now, conn);
        self.run(now, conn, streams);
        Ok(())
    }

    /// The turn of a request whose credentials had to wait has come.
    pub(super) fn turn_comes(&mut self, now: Instant, conn: ConnId, streams: &dyn Streams) {
        let Some(Pending { request, .. }) = self.take_question(conn) else { return };
        self.turn_has_come(conn);
        self.process(now, conn, request, streams);
        self.run(now, conn, streams);
    }

    /// Nobody waits any more for the answer to what the application is asked.
    pub(super) fn take_question(&mut self, conn: ConnId) -> Option<Pending> {
        let pending = self.conns.get_mut(conn)?.pending.take()?;
        self.timers.disarm(Timer::Ticket(conn));
        Some(*pending)
    }

    fn conclude(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: Request,
        outcome: Outcome,
        extra: Option<Box<Extra>>,
    ) {
        match outcome {
            Outcome::Done(mut response, after) => {
                extra.into_iter().for_each(|extra| extra.dress(&mut response));
                self.respond(conn, &request, response);
                self.outputs.extend(after);
            }
            Outcome::Ask(step, event) => {
                self.wait(conn, now + self.config.ticket_deadline, (request, step, extra));
                self.emit(*event);
            }
            Outcome::Later(at) => self.wait(conn, at, (request, Step::Turn, extra)),
            Outcome::Open(key, setup) => {
                self.wait(conn, now + self.config.ticket_deadline, (request, Step::Group(key, setup), extra));
            }
        }
    }

    fn wait(
        &mut self,
        conn: ConnId,
        until: Instant,
        (request, step, extra): (Request, Step, Option<Box<Extra>>),
    ) {
        if let Some(connection) = self.conns.get_mut(conn) {
            let pending = Pending { number: self.questions, request, step, extra };
            connection.pending = Some(Box::new(pending));
            self.questions = self.questions.wrapping_add(1);
            self.timers.arm(until, Timer::Ticket(conn));
        }
    }

    /// A refusal may come from any step: `Err` is the response to it.
    pub(super) fn dispatch(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        if request.cseq().is_none() {
            return Err(Response::new(StatusCode::BAD_REQUEST));
        }
        if request.uri.len() > URI_BYTES_MAX {
            return Err(Response::new(StatusCode::REQUEST_URI_TOO_LARGE));
        }
        if !SUPPORTED.contains(&request.method) {
            self.hear_of_session(now, conn, request);
            return Err(with_methods(StatusCode::NOT_IMPLEMENTED, name::PUBLIC, SUPPORTED.iter().cloned()));
        }
        if let Err(refusal) = self.check_required(request) {
            self.hear_of_session(now, conn, request);
            return Err(refusal);
        }
        let mut tolerances = tolerances_of_uri(&request.uri);
        if request.headers.repeats() {
            tolerances.record(Tolerance::RepeatedHeader);
        }
        if &*request.uri == "*" && is_of_session(&request.method) {
            tolerances.record(Tolerance::AsteriskUri);
        }
        self.tolerate(conn, tolerances);
        if request.method == Method::Teardown && self.has_just_ended(conn, request) {
            return Ok(self.teardown_of_ended(now, conn));
        }
        let session = self.find_session(now, conn, request)?;
        match self.authorize(now, conn, request, session)? {
            Some(outcome) => Ok(outcome),
            None => self.route(now, conn, request, session, streams),
        }
    }

    /// Hands a request that may go on, and its session, to the step of its method.
    fn route(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        if let Some(session) = session {
            self.use_session(now, conn, session)?;
        }
        self.check_drain(request, session)?;
        match request.method {
            Method::Options => Ok(self.options(request)),
            Method::Describe => self.describe(now, conn, request, streams),
            Method::Announce => self.announce(now, conn, request, session, streams),
            Method::Setup => self.setup(now, conn, request, session, streams),
            Method::Play => self.play(now, conn, request, session, streams),
            Method::Pause => self.pause(conn, request, session),
            Method::Record => self.record(now, conn, request, session, streams),
            Method::Teardown => self.teardown(now, conn, request, session, streams),
            Method::GetParameter => self.get_parameter(conn, request, session),
            _ => self.set_parameter(conn, request, session),
        }
    }

    /// A connection is used for a session from here on.
    fn use_session(&mut self, now: Instant, conn: ConnId, id: SessionId) -> Result<(), Response> {
        let Some((connection, session)) = self.conns.get_mut(conn).zip(self.sessions.get_mut(id)) else {
            return Ok(());
        };
        let is_known = connection.sessions.contains(id);
        let has_room = connection.sessions.len() < self.config.sessions_per_conn_max
            && session.conns.len() < CONNS_PER_SESSION_MAX;
        if !is_known && !has_room {
            return Err(Response::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        session.conn = conn;
        session.conns.insert(conn);
        connection.sessions.insert(id);
        self.session_asked(now, id);
        Ok(())
    }

    /// Looks for the session that a request names.
    ///
    /// A session belongs to the address that made it, and to the connection if its media is interleaved there. To all
    /// others it does not exist, whether they guess its id or not.
    pub(super) fn find_session(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
    ) -> Result<Option<SessionId>, Response> {
        let Some(header) = request.headers.get(name::SESSION) else {
            return Ok(self.session_not_named(conn, request));
        };
        let mut tolerances = Tolerances::NONE;
        let found = self.session_named(conn, header, &mut tolerances);
        self.tolerate(conn, tolerances);
        match found {
            None if !self.may_know_sessions(conn, request) => Err(self.challenge(now, conn, false)),
            None => Err(Response::new(StatusCode::SESSION_NOT_FOUND)),
            found => Ok(found),
        }
    }

    pub(super) fn session_named(
        &self,
        conn: ConnId,
        header: &str,
        tolerances: &mut Tolerances,
    ) -> Option<SessionId> {
        // Nearly always the header is the identifier and nothing else.
        let parsed = |tolerances| HexId::read(&SessionHeader::parse(header, tolerances).ok()?.id);
        let key = HexId::read(header).or_else(|| parsed(tolerances))?;
        let id = *self.session_keys.get(&key)?;
        let (connection, session) = self.conns.get(conn).zip(self.sessions.get(id))?;
        let is_foreign = !session.is_of(connection.peer) || session.bound_to().is_some_and(|own| own != conn);
        (!is_foreign).then_some(id)
    }

    /// A request that is refused whatever it is about is a sign of life all the same, where its connection has used the session
    /// before (ONVIF Streaming Specification, section 5.2.2.2).
    fn hear_of_session(&mut self, now: Instant, conn: ConnId, request: &Request) {
        let Some(header) = request.headers.get(name::SESSION) else { return };
        // Deviations of the header are told once a request is accepted.
        let mut tolerances = Tolerances::NONE;
        let named = self.session_named(conn, header, &mut tolerances);
        let own = self.conns.get(conn).map(|connection| &connection.sessions);
        if let Some(id) = named.filter(|id| own.is_some_and(|own| own.contains(*id))) {
            self.session_asked(now, id);
        }
    }

    /// A request for a session is a sign of life, and of somebody who wants what it plays.
    fn session_asked(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.alive = now;
        self.ask_again(now, id);
    }

    /// Some clients leave the Session header out; a connection's only session is meant then.
    fn session_not_named(&mut self, conn: ConnId, request: &Request) -> Option<SessionId> {
        let needs_one = request.method == Method::Setup || is_of_session(&request.method);
        let sessions = &self.conns.get(conn)?.sessions;
        let only = sessions.first().filter(|_| sessions.len() == 1 && needs_one)?;
        let state = self.sessions.get(only)?.kind();
        // The answer to ANNOUNCE carries no id, so that the SETUP after it cannot either.
        if !(request.method == Method::Setup && state == StateKind::PreRecord) {
            self.tolerate_one(conn, Tolerance::SessionNotNamed);
        }
        Some(only)
    }

    /// Refuses a request that the transition table does not have (455).
    pub(super) fn check_state(&self, session: Option<SessionId>, method: &Method) -> Result<(), Response> {
        let session = session.and_then(|id| self.sessions.get(id));
        let state = session.map_or(StateKind::Initial, |session| session.kind());
        match transition(state, method) {
            Transition::Invalid => Err(self.not_valid_in(state)),
            Transition::To(_) | Transition::End => Ok(()),
        }
    }

    /// Makes the question for the application.
    pub(super) fn question<A>(
        &self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        (path, query): (&str, Option<&str>),
    ) -> Result<Question<A>, Response> {
        let connection =
            self.conns.get(conn).ok_or_else(|| Response::new(StatusCode::SERVICE_UNAVAILABLE))?;
        let own = session.and_then(|id| self.sessions.get(id));
        let publishes = own.map_or(request.method == Method::Announce, |own| own.read_stream().is_none());
        let action = if publishes { Action::Publish } else { Action::Read };
        let proved = || self.owner_of_new(conn, action, path).map(|identity| identity.user);
        let user = own.map_or_else(proved, |own| own.owner.as_ref().map(|owner| owner.user.clone()));
        Ok(Question {
            ticket: Ticket::new(RawTicket { conn, number: self.questions }),
            conn,
            peer: connection.peer,
            secured: connection.secured.as_deref().cloned(),
            session,
            action,
            user: user.map(String::from),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            request: Box::new(request.clone()),
            takes_token: false,
            transports: Vec::new(),
            media: None,
            description: None,
            replaces: None,
        })
    }
}

/// Returns `true` if a method is done to a session that is there.
fn is_of_session(method: &Method) -> bool {
    matches!(method, Method::Play | Method::Pause | Method::Record | Method::Teardown)
}

impl Server {
    /// Refuses a request that requires what the server does not have, and names that in the answer (RFC 2326, section 12.32).
    fn check_required(&self, request: &Request) -> Result<(), Response> {
        let is_known =
            |tag: &str| tag == BACK_CHANNEL || self.config.features.iter().any(|own| **own == *tag);
        let unknown = required(request).filter(|tag| !is_known(tag));
        let mut required = unknown.chain(request.headers.get_all(name::PROXY_REQUIRE));
        match required.next() {
            None => Ok(()),
            Some(tag) => {
                let unsupported = required.fold(tag.to_owned(), |tags, tag| tags + ", " + tag);
                let refusal = Response::new(StatusCode::OPTION_NOT_SUPPORTED);
                Err(refusal.with_header(name::UNSUPPORTED, unsupported))
            }
        }
    }
}

pub(super) fn with_methods(
    status: StatusCode,
    header: &'static str,
    methods: impl Iterator<Item = Method>,
) -> Response {
    Response::new(status).with_header(header, methods.collect::<Methods>())
}
