use super::asks::Asks;
use super::play::check_aggregate;
use super::request::{Outcome, Step};
use super::session::{Channels, State, Track};
use super::{Event, Output, Question, Server};
use crate::conn::{Routes, RxOrder};
use crate::ingest::{Ingest, Intake, Shield};
use crate::rtp::Delivery;
use crate::stream::Streams;
use crate::tap::Tap;
use crate::udp::UdpOrder;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, StreamId};

impl Server {
    /// RECORD (RFC 2326, section 10.11), once every announced media is set up.
    pub(super) fn record(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        self.check_state(Some(id), &Method::Record)?;
        check_aggregate(request, session)?;
        self.check_range(conn, request, None)?;
        let (id, session) = self.existing(Some(id))?;
        let State::PreRecord(publishing) = &session.state else {
            let header = self.session_header(session);
            return Ok(Response::new(StatusCode::OK).with_header(name::SESSION, header).into());
        };
        // One that goes on is not read again: publishers may pause as often as they like.
        let medias = match publishing.intakes.len() {
            0 => publishing.announced(&self.published).map(|announced| announced.medias.len()),
            medias => Some(medias),
        };
        if medias.is_none_or(|medias| session.tracks.len() < medias) {
            return Err(Response::new(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE));
        }
        if self.config.asks_about(Asks::RECORD, &session.path) {
            let description = publishing.announced(&self.published).map(Box::new);
            let place = (&*session.path, session.query.as_deref());
            let question = Question { description, ..self.question(conn, request, Some(id), place)? };
            return Ok(Outcome::ask(Step::Record(id), Event::Record(question)));
        }
        self.record_accepted(now, id, streams)
    }

    pub(super) fn record_accepted(
        &mut self,
        now: Instant,
        id: SessionId,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (_, session) = self.existing(Some(id))?;
        let invalid = || Response::new(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE);
        let State::PreRecord(publishing) = &session.state else { return Err(invalid()) };
        let stream = match publishing.stream {
            Some(stream) => stream,
            None => {
                let (peer, conn) = (session.peer, session.conn);
                self.check_stream(peer.ip()).map_err(|reason| {
                    self.tell_refused(now, peer, Some(conn), reason);
                    Response::new(StatusCode::SERVICE_UNAVAILABLE)
                })?;
                let (_, session) = self.existing(Some(id))?;
                let State::PreRecord(publishing) = &session.state else { return Err(invalid()) };
                let (path, description) = (session.path.clone(), publishing.announced(&self.published));
                let description = description.ok_or_else(invalid)?;
                self.publish_announced(now, id, &path, description).ok_or_else(invalid)?
            }
        };
        self.receive(now, id, stream, streams);
        self.owe_stats(id, 1);
        if let Some(session) = self.sessions.get_mut(id) {
            session.record(true, Some(stream));
            session.alive = now;
        }
        let (_, session) = self.existing(Some(id))?;
        let recording = session.transport().map(|transport| Event::Recording {
            session: id,
            conn: session.conn,
            stream,
            peer: session.peer,
            path: session.path.to_string(),
            transport,
        });
        let response = Response::new(StatusCode::OK).with_header(name::SESSION, self.session_header(session));
        Ok(Outcome::Done(response, recording.map(Output::Event).into_iter().collect()))
    }

    /// Has the media plane take the publisher's packets, before it is told that it may send.
    ///
    /// One that comes back, or has paused, goes on behind what the stream has had of it.
    fn receive(&mut self, now: Instant, id: SessionId, stream: StreamId, streams: &dyn Streams) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let State::PreRecord(publishing) = &mut session.state else { return };
        if publishing.intakes.is_empty() {
            let Some(announced) = publishing.announced(&self.published) else { return };
            publishing.intakes = announced.medias.iter().map(Intake::from).collect();
        }
        let intake = |track: &Track| {
            let intake = publishing.intakes.get(usize::from(track.index))?;
            Some((track.index, track.channels, intake.clone()))
        };
        let tracks = session.tracks.iter().filter_map(intake).collect();
        self.take_in(now, id, stream, tracks, streams);
    }

    /// Has the media plane put what a session sends on these tracks into a stream.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        id: SessionId,
        stream: StreamId,
        tracks: Vec<(u8, Channels, Intake)>,
        streams: &dyn Streams,
    ) {
        let tap = Tap::new(self.config.rtcp_events);
        let silence = self.config.media_silence;
        let shields: Vec<_> = tracks.iter().map(|(index, ..)| self.shield_of(id, *index)).collect();
        let (random, cname) = (&mut self.random, &self.cname);
        let mut ingest = |index: u8, media: Intake, delivery: Delivery, shield: Option<Box<Shield>>| {
            let mut past = Vec::new();
            streams.read(stream, &mut |log| past = log.past(index));
            let media = media.behind(past);
            let source = (random.next_u32(), &**cname);
            Ingest::new(now, id, stream, (index, media), delivery, source, silence)
                .with_tap(tap)
                .behind_shield(shield)
        };
        let mut frames = Vec::new();
        let mut datagrams = Vec::new();
        for ((index, channels, media), shield) in tracks.into_iter().zip(shields) {
            match channels {
                Channels::Frames { rtp, rtcp, .. } => {
                    frames.push((rtp, rtcp, ingest(index, media, Delivery::Ordered, shield)));
                }
                Channels::Udp { rtp, rtcp, .. } => {
                    datagrams.push((rtp, rtcp, ingest(index, media, Delivery::Unordered, shield)));
                }
                // Nobody publishes to a group.
                Channels::Group { .. } => {}
            }
        }
        let Some(session) = self.sessions.get(id) else { return };
        let (is_resumed, local) = (session.has_begun, session.local);
        match session.bound_to() {
            Some(conn) => self.order_rx(conn, RxOrder::Route(Routes::Publisher(frames))),
            None if is_resumed => self.order_udp(id, UdpOrder::Resume(local, datagrams)),
            None => self.order_udp(id, UdpOrder::Publish(local, datagrams)),
        }
    }

    /// Takes no more packets of a publisher.
    pub(super) fn stop_receiving(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        match session.bound_to() {
            // Its frames came before the request that ends it.
            Some(conn) => self.order_rx(conn, RxOrder::Unroute(id)),
            None => {
                let (peers, stream) = (session.udp_peers().collect(), session.recorded_stream());
                stream.into_iter().for_each(|stream| self.publisher_drains(stream));
                self.order_udp(id, UdpOrder::Unpublish(peers));
            }
        }
    }

    /// Tells of a publisher's media by the path of its stream, as long as the session is its publisher.
    pub(super) fn media_heard(
        &mut self,
        session: SessionId,
        stream: StreamId,
        event: impl FnOnce(ConnId, String) -> Event,
    ) {
        let own = self.published.get(stream).filter(|published| published.publisher == Some(session));
        if let Some(path) = own.map(|published| published.path.to_string()) {
            self.tell_of_session(session, |session| event(session.conn, path));
        }
    }

    /// A publisher pauses: its stream stays, and its readers wait.
    pub(super) fn pause_publisher(&mut self, id: SessionId) {
        self.stop_receiving(id);
        if let Some(session) = self.sessions.get_mut(id) {
            session.record(false, None);
        }
        self.tell_of_session(id, |session| Event::Paused { session: id, conn: session.conn });
    }
}
