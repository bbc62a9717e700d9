//! Back channels: medias of a stream that its readers send (ONVIF Streaming Specification, section 5.3).
//!
//! The media that a session sends into them is a stream of its own, at no path and for the application alone.

use super::session::{Channels, Reading, Session, State};
use super::streams::Origin;
use super::{Event, Output, Server};
use crate::conn::{CloseReason, RxOrder};
use crate::description::{Description, Direction};
use crate::header::BACK_CHANNEL;
use crate::ingest::Intake;
use crate::stream::{Streams, TrackSet};
use crate::udp::UdpOrder;
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, StreamId};

impl Server {
    /// Returns `true` for a track that the readers of a stream send.
    pub(super) fn is_back_channel(&self, stream: StreamId, track: u8) -> bool {
        self.published.get(stream).is_some_and(|published| published.back_channels.contains(track))
    }

    /// Refuses a back channel that as many sessions have as may (453), and one whose packets could not be kept (503).
    pub(super) fn check_speaker(
        &mut self,
        now: Instant,
        conn: ConnId,
        stream: StreamId,
        session: Option<SessionId>,
    ) -> Result<(), Response> {
        let is_other = |id: &&SessionId| {
            Some(**id) != session && self.sessions.get(**id).is_some_and(Session::has_back_channel)
        };
        let readers = self.published.get(stream).into_iter().flat_map(|published| &published.readers);
        if readers.filter(is_other).count() >= self.config.speakers_max {
            return Err(Response::new(StatusCode::NOT_ENOUGH_BANDWIDTH));
        }
        let Some(peer) = self.conns.get(conn).map(|connection| connection.peer) else { return Ok(()) };
        self.check_stream(peer.ip()).map_err(|reason| {
            self.tell_refused(now, peer, Some(conn), reason);
            Response::new(StatusCode::SERVICE_UNAVAILABLE)
        })
    }

    /// Has the media plane take what a session says, before it is told that it may speak.
    ///
    /// The session keeps the stream for it while it pauses.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        id: SessionId,
        reading: Reading,
        streams: &dyn Streams,
    ) -> Reading {
        let Some(session) = self.sessions.get(id).filter(|session| session.has_back_channel()) else {
            return reading;
        };
        let spoken: Vec<(u8, Channels)> = session.spoken().collect();
        let published = self.published.get(reading.stream);
        let description = published.and_then(|published| Description::parse_written(&published.sdp));
        let Some(description) = description else { return reading };
        let intake =
            |index: u8| description.medias.get(usize::from(index)).map(|media| Intake::from(media).quiet());
        let tracks =
            spoken.into_iter().filter_map(|(index, channels)| Some((index, channels, intake(index)?)));
        let tracks: Vec<_> = tracks.collect();
        let back = match reading.back_channel {
            Some(back) => back,
            None => self.open_back_channel(now, id, description),
        };
        self.take_in(now, id, back, tracks, streams);
        Reading { back_channel: Some(back), ..reading }
    }

    fn open_back_channel(&mut self, now: Instant, id: SessionId, description: Description) -> StreamId {
        let path = self.sessions.get(id).map(|session| session.path.clone()).unwrap_or_default();
        let (stream, log) = self.enter_stream(now, &path, description, Origin::Speaker(id));
        self.outputs.push_back(Output::AddStream(stream, log));
        self.tell_of_session(id, |session| Event::BackChannelOpened {
            session: id,
            conn: session.conn,
            stream,
            path: path.into(),
        });
        stream
    }

    /// Takes no more of what a session says that plays; over TCP this goes with its reports.
    pub(super) fn stop_hearing(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(id) else { return };
        let State::Play(Reading { back_channel: Some(back), .. }) = session.state else { return };
        let peers: Vec<_> = session.spoken_udp_peers().collect();
        if !peers.is_empty() {
            self.publisher_drains(back);
            self.order_udp(id, UdpOrder::Unpublish(peers));
        }
    }

    /// The application wants to hear no more of a session, which plays on.
    pub(super) fn hang_up(&mut self, now: Instant, id: SessionId, back: StreamId, reason: CloseReason) {
        self.stop_hearing(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (conn, routes) = (session.conn, session.report_routes(id, &self.config));
        let plays = matches!(session.state, State::Play(_));
        if let State::PrePlay(reading) | State::Play(reading) = &mut session.state {
            reading.back_channel = None;
        }
        if let Some((carrier, routes)) = routes.filter(|_| plays) {
            self.order_rx(carrier, RxOrder::Unroute(id));
            self.order_rx(carrier, RxOrder::Route(routes));
            self.owe_stats(id, 1);
        }
        self.end_stream(now, back, Some((id, conn)), reason);
    }

    /// A session is over, and with it what it has said.
    pub(super) fn end_back_channel(
        &mut self,
        now: Instant,
        (id, session): (SessionId, &Session),
        reason: &CloseReason,
    ) {
        let (State::PrePlay(reading) | State::Play(reading)) = &session.state else { return };
        if let Some(back) = reading.back_channel {
            self.end_stream(now, back, Some((id, session.conn)), reason.clone());
        }
    }

    /// A session has torn down a track: while it plays it is heard on what is left to it, if that is anything.
    ///
    /// `is_unheard` says that nothing of it is heard any more, as [`stop_hearing`](Self::stop_hearing) and
    /// [`RxOrder::Unroute`](crate::conn::RxOrder::Unroute) have it.
    pub(super) fn hear_the_rest(
        &mut self,
        now: Instant,
        id: SessionId,
        is_unheard: bool,
        streams: &dyn Streams,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let (has_any, is_bound, conn) =
            (session.has_back_channel(), session.bound_to().is_some(), session.conn);
        match &mut session.state {
            State::Play(reading) if has_any && is_unheard => {
                let reading = *reading;
                self.hear(now, id, reading, streams);
                self.owe_stats(id, if is_bound { 0 } else { 1 });
            }
            State::PrePlay(reading) | State::Play(reading) if !has_any => {
                if let Some(back) = reading.back_channel.take() {
                    self.end_stream(now, back, Some((id, conn)), CloseReason::Teardown);
                }
            }
            _ => {}
        }
    }
}

impl Session {
    pub(super) fn has_back_channel(&self) -> bool {
        self.tracks.iter().any(|track| track.is_spoken)
    }

    /// The tracks that its peer sends though it reads.
    pub(super) fn spoken(&self) -> impl Iterator<Item = (u8, Channels)> + '_ {
        self.tracks.iter().filter(|track| track.is_spoken).map(|track| (track.index, track.channels))
    }

    fn spoken_udp_peers(&self) -> impl Iterator<Item = (std::net::SocketAddr, std::net::SocketAddr)> + '_ {
        self.spoken().filter_map(|(_, channels)| match channels {
            Channels::Udp { rtp, rtcp, .. } => Some((rtp, rtcp)),
            Channels::Frames { .. } | Channels::Group { .. } => None,
        })
    }
}

/// The tracks that the readers of a stream send.
pub(super) fn back_channels_of(description: &Description) -> TrackSet {
    let tracks = (0..).zip(&description.medias).map(|(track, _)| track);
    tracks.filter(|track| description.is_back_channel(usize::from(*track))).collect()
}

/// Says of each media who sends it, if there is a back channel among them.
pub(super) fn with_directions(mut description: Description) -> Description {
    if back_channels_of(&description) != TrackSet::NONE {
        for media in &mut description.medias {
            media.direction.get_or_insert(Direction::RecvOnly);
        }
    }
    description
}

/// The description without back channels, for those that do not ask for them; the others keep their controls.
pub(super) fn without_back_channels(sdp: &bytes::Bytes) -> Option<bytes::Bytes> {
    let mut description = Description::parse_written(sdp)?;
    let hidden = back_channels_of(&description);
    let mut tracks = 0..;
    description.medias.retain(|_| tracks.next().is_some_and(|track| !hidden.contains(track)));
    description.tidy_groups();
    Some(description.to_sdp().into())
}

/// Returns `true` for a request of a peer that knows of back channels.
pub(super) fn asks_for_back_channels(request: &Request) -> bool {
    required(request).any(|tag| tag == BACK_CHANNEL)
}

/// The feature tags that a peer requires (RFC 2326, section 12.32).
pub(super) fn required(request: &Request) -> impl Iterator<Item = &str> {
    let values = request.headers.get_all(name::REQUIRE);
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|tag| !tag.is_empty())
}
