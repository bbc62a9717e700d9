use super::groups::Key;
use super::play::check_aggregate;
use super::request::Outcome;
use super::session::{Channels, State};
use super::shares::Held;
use super::{Event, Server};
use crate::conn::{CloseReason, RxOrder, TxOrder};
use crate::header::SessionHeader;
use crate::random::HexId;
use crate::stream::Streams;
use crate::udp::UdpOrder;
use crate::url::same;
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

impl Server {
    /// TEARDOWN (RFC 2326, section 10.7). The connection stays.
    ///
    /// One of several tracks may be torn down by itself, unless it is being recorded (460).
    pub(super) fn teardown(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        streams: &dyn Streams,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        let conns = session.conns.clone();
        match check_aggregate(request, session) {
            Err(refusal) if refusal.status == StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED => {
                return self.teardown_track(now, id, request, streams).ok_or(refusal);
            }
            Err(_) => self.tolerate_one(conn, Tolerance::ForeignTeardownUrl),
            Ok(()) => {}
        }
        self.close_session_quietly(now, id, CloseReason::Teardown);
        if self.closing {
            self.close_unused(now, &conns, None, &CloseReason::ServerClosed);
        }
        Ok(StatusCode::OK.into())
    }

    /// Takes one track out of a session that has others; `None` while it is recorded.
    fn teardown_track(
        &mut self,
        now: Instant,
        id: SessionId,
        request: &Request,
        streams: &dyn Streams,
    ) -> Option<Outcome> {
        let session = self.sessions.get(id).filter(|session| !matches!(session.state, State::Record(_)))?;
        let place = session.tracks.iter().position(|track| same(&track.uri, &request.uri))?;
        let (track, channels) = session.tracks.get(place).map(|track| (track.index, track.channels))?;
        let playing = session.read_stream().filter(|_| matches!(session.state, State::Play(_)));
        let read = session.read_stream();
        let is_spoken = session.tracks.get(place).is_some_and(|track| track.is_spoken);
        let is_unheard = is_spoken || matches!(channels, Channels::Frames { .. });
        if is_spoken {
            self.stop_hearing(id);
        }
        match channels {
            Channels::Frames { .. } if is_spoken => {}
            Channels::Frames { conn, .. } if playing.is_some() => {
                self.order_tx(conn, TxOrder::DropTrack(id, track));
            }
            Channels::Frames { .. } => {}
            Channels::Group { rtp, secure, .. } => {
                if let Some(stream) = read {
                    self.give_up_group(now, Key { stream, track, is_ipv6: rtp.is_ipv6(), secure }, id);
                }
            }
            Channels::Udp { rtp, rtcp, .. } => {
                if let Some(stream) = playing {
                    self.order_udp(id, UdpOrder::DropTrack(stream, id, track));
                }
                if read.is_some() {
                    self.order_udp(id, UdpOrder::Forget(vec![(rtp, rtcp)]));
                }
                self.udp_peers.remove(&rtp);
                self.udp_peers.remove(&rtcp);
                let ip = self.sessions.get(id)?.peer.ip();
                self.shares.give_back(ip, Held { ports: 2, ..Held::default() });
            }
        }
        self.sessions.get_mut(id)?.tracks.remove(place);
        let routes = self.sessions.get(id)?.report_routes(id, &self.config);
        if let (Some(_), Some((conn, routes))) = (playing, routes) {
            self.order_rx(conn, RxOrder::Unroute(id));
            self.order_rx(conn, RxOrder::Route(routes));
            self.owe_stats(id, 1);
        }
        self.hear_the_rest(now, id, is_unheard, streams);
        self.tell_of_session(id, |session| Event::TrackClosed {
            session: id,
            conn: session.conn,
            media: track.into(),
        });
        let header = self.session_header(self.sessions.get(id)?);
        Some(Response::new(StatusCode::OK).with_header(name::SESSION, header).into())
    }

    /// Returns `true` if a TEARDOWN is for the session that has ended last on its connection.
    ///
    /// A reader that is told of the end of its stream tears its session down, which is over by then. GStreamer takes any
    /// other answer than 200 for an error of the stream.
    pub(super) fn has_just_ended(&self, conn: ConnId, request: &Request) -> bool {
        let Some(connection) = self.conns.get(conn) else { return false };
        let Some(farewell) = &connection.farewell else { return false };
        match request.headers.get(name::SESSION) {
            None => connection.sessions.is_empty(),
            Some(header) => {
                let named = SessionHeader::parse(header, &mut Tolerances::default());
                named.is_ok_and(|named| HexId::read(&named.id) == Some(farewell.key))
            }
        }
    }

    /// The answer to such a TEARDOWN. The connection stays until its farewell; for a server that closes this was it.
    pub(super) fn teardown_of_ended(&mut self, now: Instant, conn: ConnId) -> Outcome {
        self.tolerate_one(conn, Tolerance::LateTeardown);
        if self.closing {
            self.close_conn(now, conn, CloseReason::ServerClosed);
        }
        StatusCode::OK.into()
    }
}
