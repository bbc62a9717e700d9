use super::asks::Asks;
use super::groups::GroupSetup;
use super::request::{Outcome, Step};
use super::session::{Channels, Reading, Session, State, Track};
use super::shares::Held;
use super::transport::{Purpose, SetupPlan, offered};
use super::{Event, Question, Server};
use crate::auth::Action;
use crate::stream::Streams;
use crate::udp::UdpOrder;
use crate::url::same;
use crate::url::track::{TrackPath, resolve_setup};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, StreamId, Tolerance};

impl Server {
    /// SETUP (RFC 2326, section 10.4): one track, and what carries it.
    pub(super) fn setup(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        if let Some(asked) = self.ask_where_nothing_is(conn, request, session)? {
            return Ok(asked);
        }
        let plan = self.plan_setup(now, conn, request, (session, None))?;
        let event = if plan.is_spoken && self.is_asked(Asks::SPEAK, request, session)? {
            let question = self.setup_question(conn, request, session, plan.track)?;
            Event::Speak(Question { action: Action::Speak, ..question })
        } else if self.is_asked(Asks::SETUP, request, session)? {
            Event::Setup(self.setup_question(conn, request, session, plan.track)?)
        } else {
            return self.carry_out(now, conn, plan, None, streams);
        };
        Ok(Outcome::ask(Step::Setup(session, plan.is_spoken), event))
    }

    /// Returns `true` if the application takes a decision about a SETUP. Its URI is read for that only if it may matter.
    fn is_asked(&self, asks: Asks, request: &Request, session: Option<SessionId>) -> Result<bool, Response> {
        if !self.config.asks_anywhere(asks) {
            return Ok(false);
        }
        let (path, _) = self.place_of(request, session)?;
        Ok(self.config.asks_about(asks, path))
    }

    /// The path and query of a SETUP: those of its session, if there is one.
    fn place_of<'a>(
        &'a self,
        request: &'a Request,
        session: Option<SessionId>,
    ) -> Result<(&'a str, Option<&'a str>), Response> {
        match session.and_then(|id| self.sessions.get(id)) {
            Some(session) => Ok((&session.path, session.query.as_deref())),
            None => track_path(request).map(|TrackPath { path, query, .. }| (path, query)),
        }
    }

    fn setup_question<A>(
        &self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        track: u8,
    ) -> Result<Question<A>, Response> {
        let place = self.place_of(request, session)?;
        Ok(Question {
            transports: offered(request),
            media: Some(track.into()),
            ..self.question(conn, request, session, place)?
        })
    }

    /// The application has agreed. All is looked at again, because others may have taken what was free when it was asked.
    pub(super) fn setup_accepted(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        (session, given, is_spoken): (Option<SessionId>, Option<StreamId>, bool),
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        if session.is_some() {
            self.existing(session)?;
        }
        let plan = self.plan_setup(now, conn, request, (session, given))?;
        let is_asked = plan.is_spoken && self.is_asked(Asks::SPEAK, request, session)?;
        if plan.is_spoken && !is_spoken && (is_asked || self.config.is_guarded()) {
            // It has become a back channel since the application was asked, and nobody has said who may speak.
            return Err(Response::new(StatusCode::SERVICE_UNAVAILABLE));
        }
        self.carry_out(now, conn, plan, given, streams)
    }

    /// The first SETUP of a path where nothing is published: the application, if it is asked, may have a stream for it.
    fn ask_where_nothing_is(
        &self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Option<Outcome>, Response> {
        if session.is_some() || !self.is_asked(Asks::SETUP, request, session)? {
            return Ok(None);
        }
        let named = track_path(request)?;
        if self.stream_at(named.path).is_some() {
            return Ok(None);
        }
        let question = Question {
            transports: offered(request),
            media: named.index(),
            ..self.question(conn, request, None, (named.path, named.query))?
        };
        Ok(Some(Outcome::ask(Step::Setup(None, false), Event::Setup(question))))
    }

    fn plan_setup(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        (session, given): (Option<SessionId>, Option<StreamId>),
    ) -> Result<SetupPlan, Response> {
        // It may drain since the application was asked.
        self.check_drain(request, session)?;
        self.check_state(session, &Method::Setup)?;
        let (purpose, track) =
            match session.and_then(|id| self.sessions.get(id)).map(|session| (&session.state, session)) {
                Some((State::PreRecord(publishing), session)) => {
                    let announced = publishing.track_of(&request.uri);
                    let track = announced.or_else(|| session.track_at(&request.uri));
                    (Purpose::Publish, track.ok_or_else(|| Response::new(StatusCode::NOT_FOUND))?)
                }
                _ => self.readable_track(conn, request, (session, given))?,
            };
        let tracks = session.and_then(|id| self.sessions.get(id)).map(|session| &*session.tracks);
        if tracks.unwrap_or_default().iter().any(|own| own.index == track) {
            // It would change the transport, which a server may refuse.
            return Err(Response::new(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE));
        }
        let spoken_to = match purpose {
            Purpose::Read(stream) => Some(stream).filter(|stream| self.is_back_channel(*stream, track)),
            Purpose::Publish => None,
        };
        if let Some(stream) = spoken_to {
            self.check_speaker(now, conn, stream, session)?;
        }
        let is_spoken = spoken_to.is_some();
        let group_of = match purpose {
            Purpose::Read(stream) if !is_spoken => Some((stream, track)),
            Purpose::Read(_) | Purpose::Publish => None,
        };
        let (transport, channels) =
            self.choose_transport(now, conn, request, (session, purpose, group_of))?;
        let keys = match transport.profile.is_secure() {
            true => self.keys_told(conn, request, session, track)?,
            false => None,
        };
        if let (Purpose::Read(stream), true) = (purpose, transport.profile.is_secure()) {
            self.check_keys(session, stream, keys.as_ref())?;
        }
        let uri = request.uri.clone();
        Ok(SetupPlan { session, purpose, track, is_spoken, uri, transport, channels, keys })
    }

    fn carry_out(
        &mut self,
        now: Instant,
        conn: ConnId,
        plan: SetupPlan,
        given: Option<StreamId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let group = plan.group();
        let SetupPlan { session, purpose, track, is_spoken, uri, transport, channels, keys } = plan;
        if let Some(key) = group.filter(|key| !self.is_group_open(*key)) {
            self.open_group(key);
            return Ok(Outcome::Open(key, GroupSetup { session, given }));
        }
        let id = match (session, purpose) {
            (Some(id), _) => id,
            (None, Purpose::Read(stream)) => {
                let published = self.published.get(stream).filter(|published| !published.has_ended());
                let path = published.ok_or_else(|| Response::new(StatusCode::NOT_FOUND))?.path.clone();
                let named = resolve_setup(&uri).ok();
                let query = named.and_then(|named| named.query);
                // A stream that was given is told by the path that was asked for.
                let asked = named.map(|named| named.path).filter(|own| self.stream_at(own) != Some(stream));
                let place = (asked.unwrap_or(&path), query);
                let reading = Reading::new(stream);
                self.open_session(now, conn, place, State::PrePlay(reading))?
            }
            (None, Purpose::Publish) => return Err(Response::new(StatusCode::SESSION_NOT_FOUND)),
        };
        let agreed = match (purpose, keys) {
            _ if !transport.profile.is_secure() => None,
            (Purpose::Read(stream), keys) => self.agree_with_reader(now, (id, stream, track), keys, streams),
            (Purpose::Publish, keys) => keys.map(|keys| self.agree_with_publisher(now, keys)),
        };
        let (keys, message) = agreed.unzip();
        let unknown = || Response::new(StatusCode::SESSION_NOT_FOUND);
        let message = message.map(|message| message.with_uri(uri.clone()));
        let session = self.sessions.get_mut(id).ok_or_else(unknown)?;
        let is_first = session.tracks.is_empty();
        // Mostly it stays the only one, or is one of two.
        session.tracks.reserve_exact(1);
        let keys = keys.map(Box::new);
        session.tracks.push(Track { index: track, uri, channels, is_spoken, keys });
        let mut ssrc = None;
        if let Purpose::Read(stream) = purpose {
            if let Some(published) = self.published.get_mut(stream) {
                published.readers.insert(id);
            }
            streams.read(stream, &mut |log| ssrc = log.ssrc(track));
        }
        if let Channels::Udp { pair, rtp, rtcp } = channels {
            if is_first {
                self.udp_pairs.enter(pair);
            }
            self.udp_peers.extend([(rtp, id), (rtcp, id)]);
            self.shares.take(rtp.ip(), Held { ports: 2, ..Held::default() });
            // Spoken packets may overtake the order to hear them, and are kept a moment if nobody else is there.
            if let (Purpose::Read(stream), false) = (purpose, is_spoken) {
                self.order_udp(id, UdpOrder::Expect(stream, id, vec![(rtp, rtcp)]));
            }
        }
        group.into_iter().for_each(|key| self.enter_group(key, id));
        let (_, session) = self.existing(Some(id))?;
        let response = Response::new(StatusCode::OK)
            .with_header(name::SESSION, self.session_header(session))
            .with_header(name::TRANSPORT, self.granted(&transport, channels, ssrc));
        Ok(match message {
            None => response,
            Some(message) => response.with_header(name::KEY_MGMT, message),
        }
        .into())
    }

    /// The stream and the track that a reader's SETUP names.
    fn readable_track(
        &mut self,
        conn: ConnId,
        request: &Request,
        (session, given): (Option<SessionId>, Option<StreamId>),
    ) -> Result<(Purpose, u8), Response> {
        let not_found = || Response::new(StatusCode::NOT_FOUND);
        let named = track_path(request)?;
        let own = session.and_then(|id| self.sessions.get(id));
        let read = own.and_then(Session::read_stream);
        let of_session = read.filter(|_| own.is_some_and(|own| same(named.path, &own.path)));
        let stream = given.or(of_session).or_else(|| self.stream_at(named.path)).ok_or_else(not_found)?;
        if self.is_of_another(stream, session) || self.is_of_speaker(stream) {
            return Err(not_found());
        }
        if read.is_some_and(|read| read != stream) {
            // RFC 2326, section 10.4: a track that cannot be bundled into the session is refused with 459.
            return Err(Response::new(StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED));
        }
        let medias = self.published.get(stream).map_or(0, |published| published.medias);
        let index = match (named.control, named.index()) {
            (_, Some(index)) => index,
            (Some(_), None) => return Err(not_found()),
            // Readers of a stream with a single media leave the track out.
            (None, None) if medias == 1 => 0,
            (None, None) if session.is_none() => {
                self.tolerate_one(conn, Tolerance::AggregateSetup);
                0
            }
            (None, None) => return Err(Response::new(StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED)),
        };
        let track = u8::try_from(index).ok().filter(|_| index < medias);
        Ok((Purpose::Read(stream), track.ok_or_else(not_found)?))
    }
}

fn track_path(request: &Request) -> Result<TrackPath<'_>, Response> {
    resolve_setup(&request.uri).map_err(|_| Response::new(StatusCode::BAD_REQUEST))
}
