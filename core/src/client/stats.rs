//! Statistics of a client: its connections, its session and each media.

use std::time::Duration;

use super::track::Track;
use super::{Client, SwitchReason};
use crate::stats::{ConnStats, Counted, SessionStats};
use crate::timeline::{ClockStats, TimelineStats};
use crate::{Instant, Tolerances};

/// Counts of a client.
///
/// Those of the session begin anew when the client begins to play, and when it begins anew by itself: over another transport,
/// at another server, or because it has lost the session. Those of the tracks go on then, unless the application has played anew.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientStats {
    /// The bytes of all connections so far.
    pub conn: ConnStats,
    /// The number of connections that came about.
    pub connections: u64,
    /// How often the client has had a session or a connection again after it was lost.
    pub reconnects: u64,
    /// The packets of the session, by media and format, as a server counts them.
    pub session: SessionStats,
    /// The medias that are set up, each with what only a client knows of it.
    pub tracks: Vec<TrackStats>,
    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub timeline: TimelineStats,
    /// The deviations from the standard that were found at the server, and in the URL.
    pub tolerances: Tolerances,
    /// The reason for which media goes over TCP and not over UDP, if that was changed.
    pub switched: Option<SwitchReason>,
}

/// Counts of a media since the application has set it up, or last played it: the sums over its
/// sources, and some that only a client knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrackStats {
    /// Index of the media in the description.
    pub media: usize,
    /// RTP packets received.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// RTP packets missing.
    pub lost: u64,
    /// RTP packets received twice.
    pub duplicates: u64,
    /// RTP packets that came after they were given up for lost.
    pub late: u64,
    /// RTP packets put back into order.
    pub reordered: u64,
    /// RTP packets over UDP far from the sequence or of another SSRC, held until another proves that a source has begun.
    pub strays: u64,
    /// How often a source began anew: with another SSRC, or far away in the sequence.
    pub restarts: u64,
    /// Sender reports left out, because they contradict those before.
    pub reports_refused: u64,
    /// The largest jitter of the media's sources.
    pub jitter: Duration,
    /// The time since the last RTP packet came; `None` before the first.
    pub idle: Option<Duration>,
    /// How the clocks of the server go, of the source heard last.
    pub clock: ClockStats,
    /// RTP packets dropped because the application did not keep up.
    pub dropped: u64,
    /// Pictures are being dropped, because one before them was, until decoding can begin again.
    pub awaits_access_point: bool,
    /// Packets that could not be read, or have a payload type that the description does not name.
    pub invalid: u64,
    /// Datagrams from elsewhere.
    pub foreign: u64,
    /// Encrypted packets, and compounds of RTCP, that were left out: their tag is not right, or they came before (SRTP).
    pub unauthentic: u64,
    /// RTP packets sent.
    pub sent_packets: u64,
    /// Payload bytes sent.
    pub sent_octets: u64,
    /// Packets that the server says it has not received.
    pub reported_lost: i32,
    /// RTCP received, each compound of packets as one.
    pub rtcp_received: Counted,
    /// RTCP sent, each compound of packets as one.
    pub rtcp_sent: Counted,
}

impl Client {
    /// All that was counted, also when the client has closed.
    pub fn stats(&self, now: Instant) -> ClientStats {
        let wall = self.wall_clock(now);
        let medias = self.tracks.iter().map(|track| track.stats(now, wall)).collect();
        let mut session =
            SessionStats { at: Some(now), medias, rounds: self.rounds, ..SessionStats::default() };
        session.resolve();
        ClientStats {
            conn: ConnStats { bytes_waiting: self.link.waiting() as u64, ..self.moved },
            connections: self.connections,
            reconnects: self.reconnects(),
            session,
            tracks: self.counted_medias().filter_map(|media| self.media_stats(now, media)).collect(),
            timeline: self.timeline_stats(),
            tolerances: self.tolerances(),
            switched: self.switched,
        }
    }

    /// The counts of the media of this index, also when the client has closed; `None` if it is not set up.
    pub fn media_stats(&self, now: Instant, media: usize) -> Option<TrackStats> {
        let track = self.tracks.iter().find(|track| track.media == media);
        self.with_former(media, track.map(|track| self.track_stats(now, track)))
    }

    /// The reason for which media goes over TCP and not over UDP, if that was changed.
    pub fn switched(&self) -> Option<SwitchReason> {
        self.switched
    }

    pub(super) fn track_stats(&self, now: Instant, track: &Track) -> TrackStats {
        let (media, received, sent) = (track.media, track.received_stats(), track.sent_stats());
        let (rtcp_received, rtcp_sent) = track.rtcp();
        TrackStats {
            media,
            packets: received.packets,
            bytes: received.bytes,
            lost: received.lost,
            duplicates: received.duplicates,
            late: received.late,
            reordered: received.reordered,
            strays: received.strays,
            restarts: received.restarts,
            reports_refused: received.reports_refused,
            jitter: received.jitter,
            idle: track.heard().map(|heard| now.since(heard)),
            clock: self.inbox.timeline.clock(media),
            dropped: self.inbox.dropped(media),
            awaits_access_point: self.inbox.awaits_access_point(media),
            invalid: track.invalid(),
            foreign: track.foreign(),
            unauthentic: track.unauthentic(),
            sent_packets: sent.packets,
            sent_octets: sent.octets,
            reported_lost: track.reported_lost(),
            rtcp_received,
            rtcp_sent,
        }
    }
}
