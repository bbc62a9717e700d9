//! The way of packets and reports, in both directions.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::track::{Path, Track};
use super::{Client, ClientEvent, Received, State};
use crate::demux;
use crate::header::Lower;
use crate::timeline::{Timeline, TimelineStats};
use crate::udp::Port;
use crate::{Instant, Tolerance, UdpId};

impl Client {
    /// The next received packet.
    ///
    /// Packets of one media come in order; those of different medias in the order in which they came.
    #[must_use]
    pub fn poll_packet(&mut self) -> Option<Received> {
        self.inbox.pop(self.liveness.heard())
    }

    /// Moves the next received packets behind those in `batch`, so that a runtime need not come for each of them.
    ///
    /// At most an eighth of those that may wait are moved, and at least one if there is one. They no longer count as waiting.
    /// Packets that turn out not to be wanted go back with [`return_packets`](Self::return_packets).
    pub fn poll_packets(&mut self, batch: &mut VecDeque<Received>) {
        self.inbox.pop_batch(self.liveness.heard(), batch);
    }

    /// Returns `true` while less than half of the packets that may wait for the application do.
    ///
    /// A runtime that reads several times before it hands packets out reads on as long as there is room. Beyond that it would
    /// bring the oldest packets into danger, which the application has not been able to take yet.
    pub fn has_room(&self) -> bool {
        self.inbox.has_room()
    }

    /// Takes packets back that [`poll_packets`](Self::poll_packets) has given and nobody has used.
    pub fn return_packets(&mut self, batch: &mut VecDeque<Received>) {
        self.inbox.push_back(self.liveness.heard(), batch);
    }

    /// Returns `true` if received packets wait.
    pub fn has_packets(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Takes a datagram that came to one of the sockets; one from anywhere else than the server is dropped and counted.
    pub fn handle_datagram(&mut self, now: Instant, id: UdpId, port: Port, from: SocketAddr, data: Bytes) {
        let Some(index) = self.tracks.iter().position(|track| track.path.udp_id() == Some(id)) else {
            return;
        };
        if !self.takes_media() {
            return;
        }
        let Some(track) = self.tracks.get_mut(index) else { return };
        let Path::Udp { source, .. } = &track.path else { return };
        if !source.accepts(port, from) {
            // The other members of a group report there as well.
            if source.group().is_none() || port == Port::Rtp {
                track.count_foreign();
            }
            return;
        }
        let (kind, sharing) = if track.is_shared {
            (self.handle_shared_media(now, index, port, data), usize::MAX)
        } else {
            (self.handle_media(now, index, port, data), 1)
        };
        if kind.is_some() {
            let mut learnt = None;
            for track in self.tracks.iter_mut().skip(index).take(sharing) {
                let Path::Udp { id: own, source, .. } = &mut track.path else { continue };
                if *own == id && source.learn(port, from) {
                    learnt = learnt.or(Some(track.media));
                }
            }
            if let Some(media) = learnt {
                self.event(ClientEvent::SourceLearnt { media, port, source: from });
            }
        }
        self.liveness.handle_heard(now);
        if kind == Some(Port::Rtp) {
            self.liveness.handle_datagram();
        }
    }

    /// The time line of what is received, which goes on wherever the client plays.
    pub fn timeline(&self) -> &Timeline {
        &self.inbox.timeline
    }

    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub fn timeline_stats(&self) -> TimelineStats {
        self.inbox.timeline.stats()
    }

    /// Goes on with the time line of a client before this one, whose moments are those of the same clock.
    ///
    /// All sources begin anew, behind what that client has received by as much as has passed since then.
    pub fn continue_timeline(&mut self, timeline: Timeline) {
        self.inbox.timeline = timeline;
        self.inbox.timeline.begin_anew();
        if let Some((at, wall)) = self.wall {
            self.inbox.timeline.set_wall_clock(at, wall);
        }
    }

    #[inline]
    pub(super) fn handle_frame(&mut self, now: Instant, channel: u8, payload: Bytes) {
        let mut tracks = self.tracks.iter_mut().enumerate();
        let named =
            tracks.find_map(|(index, track)| Some((index, track.path.port_of_channel(channel)?, track)));
        let Some((index, port, track)) = named else {
            return self.tolerances.record(Tolerance::UnassignedChannel);
        };
        if self.state != State::Play || track.is_shared {
            return self.handle_other_frame(now, index, port, payload);
        }
        let media = track.media;
        if let (_, Some(change)) = track.handle(now, port, payload, &mut self.inbox, &mut self.tolerances) {
            self.tell(media, change);
        }
    }

    /// A frame that is not simply one of a track that plays.
    #[cold]
    fn handle_other_frame(&mut self, now: Instant, index: usize, port: Port, payload: Bytes) {
        match self.state {
            State::Play | State::Record => {}
            _ if self.awaits_play() => self.tolerances.record(Tolerance::MediaBeforePlay),
            _ => return,
        }
        if self.tracks.get(index).is_some_and(|track| track.is_shared) {
            self.handle_shared_media(now, index, port, payload);
        } else {
            self.handle_media(now, index, port, payload);
        }
    }

    pub(super) fn expire_media(&mut self, now: Instant) {
        for track in &mut self.tracks {
            track.expire(now, &mut self.inbox);
        }
        self.send_reports(now);
    }

    /// Returns `true` if packets belong to what is played or recorded. They do from PLAY on, since v4l2rtspserver sends before
    /// its answer, and until PAUSE is answered. Packets that are still under way then are dropped.
    fn takes_media(&self) -> bool {
        matches!(self.state, State::Play | State::Record) || self.awaits_play()
    }

    /// Hands a packet to the one of several tracks that its payload type belongs to, and RTCP to all of them; says which
    /// kind it was.
    #[cold]
    fn handle_shared_media(&mut self, now: Instant, first: usize, port: Port, data: Bytes) -> Option<Port> {
        let way = self.tracks.get(first)?.path.clone();
        let sharing = |track: &Track| track.path.is_same_way(&way);
        let owner = |payload_type: u8| {
            self.tracks.iter().position(|track| sharing(track) && track.announces(payload_type))
        };
        let owner = demux::payload_type(&data).and_then(owner);
        let port = demux::port_of(port, &data, owner.is_some(), &mut self.tolerances);
        let only = match port {
            Port::Rtp => Some(owner.unwrap_or(first)),
            Port::Rtcp => None,
        };
        let mut valid = None;
        for index in first..self.tracks.len() {
            let is_meant = only.is_none_or(|only| only == index);
            if is_meant && self.tracks.get(index).is_some_and(sharing) {
                valid = self.handle_media(now, index, port, data.clone()).or(valid);
            }
        }
        valid
    }

    /// Hands a packet to its track, and says which kind it was; `None` if it makes no sense there.
    fn handle_media(&mut self, now: Instant, index: usize, port: Port, data: Bytes) -> Option<Port> {
        let track = self.tracks.get_mut(index)?;
        let media = track.media;
        let (kind, change) = track.handle(now, port, data, &mut self.inbox, &mut self.tolerances);
        if let Some(change) = change {
            self.tell(media, change);
        }
        kind
    }

    /// The transport of media, once anything is set up.
    pub fn transport(&self) -> Option<Lower> {
        (!self.tracks.is_empty()).then_some(self.lower)
    }
}
