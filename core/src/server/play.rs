use std::time::Duration;

use super::answer::Extra;
use super::asks::Asks;
use super::output::MediaTransport;
use super::request::{Outcome, Step};
use super::session::{Channels, Reading, Session, State, Track};
use super::{Event, Output, Server};
use crate::conn::{ConnCommand, FrameReader, RxCommand, RxOrder, TxCommand, TxOrder};
use crate::header::{HeaderError, Range, RtpInfo, RtpInfoEntry, UtcTime};
use crate::heard::Heard;
use crate::limits::{GOODBYE_WAIT, MEDIAS_MAX};
use crate::stream::{Cursor, LagPolicy, StreamLog, Streams, TrackSet};
use crate::subscription::Subscription;
use crate::udp::{DatagramReader, Members, Trust, UdpCommand, UdpOrder};
use crate::url::same;
use crate::url::track::{resolve_aggregate, resolve_setup};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, NtpTime, SessionId, Tolerances};

/// The range of a stream that has no end and no other place to play from than now, where the wall clock is not known.
const LIVE: &str = "npt=0.000-";

impl Server {
    /// PLAY (RFC 2326, section 10.5). A live stream has no other place to play from than now, so that a Range that makes
    /// sense is not obeyed.
    pub(super) fn play(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        self.check_state(Some(id), &Method::Play)?;
        check_aggregate(request, session)?;
        self.check_range(conn, request, Some(id))?;
        self.check_replay(request)?;
        let (id, session) = self.existing(Some(id))?;
        let private = self.private_stream_of(session);
        let plays = matches!(session.state, State::Play(_));
        if self.config.asks_about(Asks::PLAY, &session.path) && (!plays || private.is_some()) {
            let question =
                self.question(conn, request, Some(id), (&session.path, session.query.as_deref()))?;
            let mut from = None;
            if let Some(stream) = private {
                streams.read(stream, &mut |log| from = Some(log.head()));
            }
            return Ok(Outcome::ask(Step::Play(id, from), Event::Play(question)));
        }
        self.play_accepted(now, id, None, None, streams)
    }

    /// PLAY of a session that plays: it goes on, and is told the range and what comes of it next.
    fn play_on(
        &self,
        id: SessionId,
        from: Option<u64>,
        extra: Option<&Extra>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (_, session) = self.existing(Some(id))?;
        let mut response =
            Response::new(StatusCode::OK).with_header(name::SESSION, self.session_header(session));
        if let Some((from, stream)) = from.zip(session.read_stream()) {
            let mut info = RtpInfo::default();
            streams.read(stream, &mut |log| info = info_of_own(session, log, from));
            response = response.with_header(name::RTP_INFO, info);
        }
        Ok(Extra::tell_play(extra, response, LIVE).into())
    }

    /// Media is attached behind the answer, so that no packet overtakes it.
    pub(super) fn play_accepted(
        &mut self,
        now: Instant,
        id: SessionId,
        from: Option<u64>,
        extra: Option<&Extra>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (_, session) = self.existing(Some(id))?;
        self.check_state(Some(id), &Method::Play)?;
        let reading = match session.state {
            State::PrePlay(reading) => reading,
            State::Play(_) => return self.play_on(id, from, extra, streams),
            State::PreRecord(_) | State::Record(_) => {
                return Err(Response::new(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE));
            }
        };
        let mut started = None;
        streams.read(reading.stream, &mut |log| started = Some(self.start(now, session, log, from)));
        let (cursor, info, wall) = started.ok_or_else(|| Response::new(StatusCode::NOT_FOUND))?;
        let reading = self.hear(now, id, reading, streams);
        let trust = self.trust(now, id);
        let protection = self.protection_of(id);
        let (_, session) = self.existing(Some(id))?;
        let response = Response::new(StatusCode::OK)
            .with_header(name::SESSION, self.session_header(session))
            .with_header(name::RTP_INFO, info);
        let range = wall.and_then(since).map_or_else(|| LIVE.to_owned(), |range| range.to_string());
        let response = Extra::tell_play(extra, response, &range);
        let is_bound = session.bound_to().is_some();
        let groups = session.groups().count();
        let goodbye_wait = if is_bound { Duration::ZERO } else { GOODBYE_WAIT };
        let subscription = Subscription::new(id, reading.stream, cursor, self.cname, goodbye_wait)
            .gathering(self.config.gather)
            .protected(protection);
        let playing = session.transport().map(|transport| Event::Playing {
            session: id,
            conn: session.conn,
            peer: session.peer,
            path: session.path.to_string(),
            transport,
        });
        let mut after = Vec::with_capacity(3);
        self.attach(session, subscription, trust, &mut after);
        after.extend(playing.map(Output::Event));
        self.enter(id, State::Play(reading));
        // Over UDP those that speak are heard by another part than the one that sends.
        let own = if is_bound || reading.back_channel.is_some() { 2 } else { 1 };
        self.owe_stats(id, if groups > 0 { u32::try_from(groups).unwrap_or(u32::MAX) } else { own });
        Ok(Outcome::Done(response, after))
    }

    /// Refuses a range in an unknown unit (501), and one that cannot be read or runs backwards (457), for nothing is
    /// played backwards (RFC 2326, section 12.29), unless the reader has a stream of its own.
    pub(super) fn check_range(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<(), Response> {
        let Some(value) = request.headers.get(name::RANGE) else { return Ok(()) };
        let session = session.and_then(|id| self.sessions.get(id));
        let may_run_back = session.is_some_and(|session| self.private_stream_of(session).is_some());
        let mut tolerances = Tolerances::NONE;
        match Range::parse(value, &mut tolerances) {
            Ok(range) if may_run_back || !range.is_reversed() => {
                self.tolerate(conn, tolerances);
                Ok(())
            }
            Err(HeaderError::Missing { .. }) => Err(Response::new(StatusCode::NOT_IMPLEMENTED)),
            _ => Err(Response::new(StatusCode::INVALID_RANGE)),
        }
    }

    /// Where a reader starts, what RTP-Info says of it, and the wall clock time of that: `from` a packet of a stream that is its
    /// own, whose sequence need not go on as it did.
    fn start(
        &self,
        now: Instant,
        session: &Session,
        log: &StreamLog,
        from: Option<u64>,
    ) -> (Cursor, RtpInfo, Option<NtpTime>) {
        let tracks: TrackSet = session.read_tracks().map(|track| track.index).collect();
        let lag = match session.transport() {
            // Nobody is closed because of a group, which is as slow as the server.
            Some(MediaTransport::Multicast) if self.config.lag == LagPolicy::Disconnect => {
                LagPolicy::default()
            }
            _ => self.config.lag,
        };
        if let Some(from) = from {
            let cursor = Cursor::at(log, from, lag, tracks);
            return (cursor, info_of_own(session, log, from), None);
        }
        let cursor = match self.joins_others(session) {
            // Those who are there have had what there was.
            true => Cursor::at(log, log.head(), lag, tracks),
            false => Cursor::new(log, self.config.start, lag, tracks),
        };
        // Nobody knows yet where the others begin.
        let known =
            session.read_tracks().map(|track| track.index).filter(|track| !cursor.track_waits(*track));
        let start = log.start_of(now, known.collect(), cursor.position());
        let of = |track| start.tracks.iter().find(|(own, ..)| *own == track);
        let info =
            rtp_info(session, |track| of(track).map(|(_, sequence, timestamp)| (*sequence, *timestamp)));
        (cursor, info, start.wall)
    }

    fn attach(&self, session: &Session, subscription: Subscription, trust: Trust, outputs: &mut Vec<Output>) {
        if session.transport() == Some(MediaTransport::Multicast) {
            return self.join_groups(session, subscription, outputs);
        }
        let Some(conn) = session.bound_to() else {
            let places = session.read_tracks().map(|track| usize::from(track.index).saturating_add(1)).max();
            let mut peers = vec![None; places.unwrap_or(0)];
            let mut heard: Vec<Heard> = Vec::new();
            heard.resize_with(peers.len(), Heard::default);
            for track in session.read_tracks() {
                let place = usize::from(track.index);
                if let (Some((peer, heard)), Channels::Udp { rtp, rtcp, .. }) =
                    (peers.get_mut(place).zip(heard.get_mut(place)), track.channels)
                {
                    (*peer, *heard) = (Some((rtp, rtcp)), track.heard(&self.config));
                }
            }
            let order = UdpOrder::Attach(Box::new(DatagramReader::new(
                subscription,
                session.local,
                peers,
                trust,
                heard,
            )));
            outputs.extend(session.udp_pair().map(|pair| Output::Udp(pair, UdpCommand(order))));
            return;
        };
        let mut channels = [None; MEDIAS_MAX];
        for track in session.read_tracks() {
            if let (Some(place), Channels::Frames { rtp, rtcp, .. }) =
                (channels.get_mut(usize::from(track.index)), track.channels)
            {
                *place = Some((rtp, rtcp));
            }
        }
        let routes = session.report_routes(subscription.session(), &self.config);
        outputs
            .extend(routes.map(|(conn, routes)| {
                Output::Conn(conn, ConnCommand::Rx(RxCommand(RxOrder::Route(routes))))
            }));
        let reader = TxOrder::Attach(Box::new(FrameReader { subscription, channels }));
        outputs.push(Output::Conn(conn, ConnCommand::Tx(TxCommand(reader))));
    }

    /// Has a reader listen to the groups of its tracks, each of which begins with the first.
    fn join_groups(&self, session: &Session, mut all: Subscription, outputs: &mut Vec<Output>) {
        for (key, track) in session.groups() {
            let Channels::Group { rtp, rtcp, .. } = track.channels else { continue };
            let mut own = all.of_track(key.track);
            let others = session.read_tracks().map(|other| other.index).filter(|other| *other != key.track);
            others.for_each(|other| own.drop_track(other));
            let source = self.config.multicast.as_ref().and_then(|own| own.source_of(key.is_ipv6));
            let reader = (all.session(), session.peer.ip(), track.heard(&self.config));
            let members = Members::of(key.track, reader);
            let reader = DatagramReader::of_group(own, source, (key.track, rtp, rtcp), members);
            let order = UdpOrder::Join(Box::new(reader));
            outputs.extend(self.group_pair(key).map(|pair| Output::Udp(pair, UdpCommand(order))));
        }
    }

    /// Takes a reader's media away: the next answer is the last that it gets.
    pub(super) fn detach(&mut self, id: SessionId) {
        self.stop_hearing(id);
        let Some(session) = self.sessions.get(id) else { return };
        match session.bound_to() {
            Some(conn) => {
                self.order_tx(conn, TxOrder::Detach(id));
                self.order_rx(conn, RxOrder::Unroute(id));
            }
            None => {
                if let Some(stream) = session.read_stream() {
                    self.order_reader(id, || UdpOrder::Detach(stream, id));
                }
            }
        }
    }

    /// Takes a reader's media away, and tells it in BYE why (RFC 3550, section 6.6).
    pub(super) fn dismiss(&mut self, id: SessionId, goodbye: &str) {
        self.stop_hearing(id);
        let Some(session) = self.sessions.get(id) else { return };
        match session.bound_to() {
            Some(conn) => {
                self.order_tx(conn, TxOrder::Dismiss(id, goodbye.into()));
                self.order_rx(conn, RxOrder::Unroute(id));
            }
            None => {
                if let Some(stream) = session.read_stream() {
                    self.order_reader(id, || UdpOrder::Dismiss(stream, id, goodbye.into()));
                }
            }
        }
    }

    pub(super) fn enter(&mut self, id: SessionId, state: State) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.has_begun |= matches!(state, State::Play(_));
            session.state = state;
        }
    }

    /// A reader pauses: it keeps its tracks.
    pub(super) fn pause_reader(&mut self, id: SessionId, reading: Reading) {
        self.detach(id);
        self.enter(id, State::PrePlay(reading));
        self.stop_awaiting(reading.stream, id);
        self.tell_of_session(id, |session| Event::Paused { session: id, conn: session.conn });
    }
}

/// From a wall clock time on, to the microsecond.
fn since(wall: NtpTime) -> Option<Range> {
    let micros = u64::try_from(wall.to_unix()?.as_micros()).ok()?;
    Some(Range::Clock { start: Some(UtcTime::from_unix(Duration::from_micros(micros))), end: None })
}

/// RTP-Info of a reader that has a stream of its own, and plays from the packet `from` on.
fn info_of_own(session: &Session, log: &StreamLog, from: u64) -> RtpInfo {
    let start = log.start_of_own(session.read_tracks().map(|track| track.index).collect(), from);
    rtp_info(session, |track| {
        let own = start.iter().find(|(own, ..)| *own == track);
        own.map(|(_, sequence, timestamp)| (*sequence, *timestamp))
    })
}

/// RTP-Info of where each track begins.
fn rtp_info(session: &Session, position: impl Fn(u8) -> Option<(u16, u32)>) -> RtpInfo {
    let entry = |track: &Track| {
        let position = position(track.index);
        RtpInfoEntry {
            url: track.uri.clone(),
            seq: position.map(|(sequence, _)| sequence),
            rtptime: position.map(|(_, timestamp)| timestamp),
        }
    };
    RtpInfo(session.read_tracks().map(entry).collect())
}

/// PLAY, PAUSE and RECORD are for all tracks of a session: a single track of several is refused (460).
pub(super) fn check_aggregate(request: &Request, session: &Session) -> Result<(), Response> {
    if &*request.uri == "*" {
        return Ok(());
    }
    let own = |path: &str| same(path, &session.path);
    // The whole stream comes first: a track may have been set up by its URL.
    if resolve_aggregate(&request.uri).is_ok_and(|(path, _)| own(path)) {
        return Ok(());
    }
    let names_track = session.tracks.iter().any(|track| same(&track.uri, &request.uri));
    if names_track && session.tracks.len() > 1 {
        return Err(Response::new(StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED));
    }
    let is_own = names_track || resolve_setup(&request.uri).is_ok_and(|named| own(named.path));
    if is_own { Ok(()) } else { Err(Response::new(StatusCode::NOT_FOUND)) }
}
