use bytes::Bytes;

use super::retreat::Retreat;
use super::{Packet, StreamLog, TrackSet};

/// Where a reader starts.
///
/// ```
/// use rtspan_core::server::ServerConfig;
/// use rtspan_core::stream::StartAt;
///
/// // Readers see a picture at once, and are behind by as much as the keyframe is old.
/// let config = ServerConfig::default().start(StartAt::Keyframe);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum StartAt {
    /// At the newest picture (the default): the reader sees the present.
    #[default]
    Live,
    /// At the newest keyframe, or other access point, that is kept: a picture at once, as old as that is.
    ///
    /// If none is kept, its pictures wait for the next one, as those of [`LagPolicy::SkipToKeyframe`] do.
    Keyframe,
    /// At the oldest packet that is kept: nothing is missed of what has just begun, such as what is said into a back channel.
    Oldest,
}

/// The treatment of a reader that the log's tail has passed.
///
/// ```
/// use rtspan_core::server::ServerConfig;
/// use rtspan_core::stream::LagPolicy;
///
/// let config = ServerConfig::default().lag(LagPolicy::Disconnect);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum LagPolicy {
    /// It goes on at the newest keyframe, or other access point (the default).
    ///
    /// If none is kept, its pictures wait for the next one, and its sound goes on. They wait no longer than
    /// [`ACCESS_POINT_WAIT`](crate::limits::ACCESS_POINT_WAIT) since the last one; then they go on with any picture.
    #[default]
    SkipToKeyframe,
    /// It goes on at the newest picture.
    SkipToLive,
    /// It is closed.
    Disconnect,
}

/// The log's tail has passed a reader whose policy is to be closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the reader is too slow: {missed} packets are gone")]
pub struct Overtaken {
    /// Packets that left the log before the reader came to them.
    pub missed: u64,
}

/// One reader's place in one log: a number.
#[derive(Clone, Debug)]
pub struct Cursor {
    next: u64,
    tracks: TrackSet,
    /// Those of them that wait for an access point, since the reader has missed something, or begins where there is none.
    waits: TrackSet,
    lag: LagPolicy,
    dropped: u64,
    /// The compound of the application's that it comes to next.
    rtcp: u64,
}

impl Cursor {
    /// A reader of `tracks`, from `start` on.
    pub fn new(log: &StreamLog, start: StartAt, lag: LagPolicy, tracks: TrackSet) -> Self {
        let mut waits = TrackSet::NONE;
        let next = match start {
            StartAt::Live => log.newest(),
            StartAt::Keyframe => log.access_point(tracks).unwrap_or_else(|| {
                waits = log.videos(tracks);
                log.newest()
            }),
            StartAt::Oldest => log.tail(),
        };
        Self { next, tracks, waits, lag, dropped: 0, rtcp: log.first_rtcp(next) }
    }

    /// A reader of `tracks`, from the packet of this number on.
    pub(crate) fn at(log: &StreamLog, next: u64, lag: LagPolicy, tracks: TrackSet) -> Self {
        Self { next, tracks, waits: TrackSet::NONE, lag, dropped: 0, rtcp: log.first_rtcp(next) }
    }

    /// The next packet for this reader.
    ///
    /// # Errors
    ///
    /// [`Overtaken`] under [`LagPolicy::Disconnect`].
    pub fn pull<'a>(&mut self, log: &'a StreamLog) -> Result<Option<&'a Packet>, Overtaken> {
        self.catch_up(log)?;
        for packet in log.packets_from(self.next) {
            if self.take(packet) {
                return Ok(Some(packet));
            }
        }
        Ok(None)
    }

    /// Moves on, by the policy, if the log's tail has passed this reader.
    ///
    /// # Errors
    ///
    /// [`Overtaken`] under [`LagPolicy::Disconnect`].
    pub(crate) fn catch_up(&mut self, log: &StreamLog) -> Result<(), Overtaken> {
        let missed = log.tail().saturating_sub(self.next);
        if missed == 0 {
            return Ok(());
        }
        let to = match self.lag {
            LagPolicy::Disconnect => return Err(Overtaken { missed }),
            LagPolicy::SkipToKeyframe => {
                self.waits = log.videos(self.tracks);
                log.access_point(self.tracks).unwrap_or_else(|| log.newest())
            }
            LagPolicy::SkipToLive => log.newest(),
        };
        self.dropped = self.dropped.saturating_add(to.saturating_sub(self.next));
        self.next = to;
        Ok(())
    }

    /// Passes over all that the log holds, and goes on from there as one that was overtaken.
    pub(crate) fn pass_over(&mut self, log: &StreamLog) {
        let missed = log.head().saturating_sub(self.next);
        if missed > 0 {
            self.dropped = self.dropped.saturating_add(missed);
            self.next = log.head();
            self.wait_for_pictures(log);
        }
    }

    /// The way back over what was taken last, of which only `tracks` were sent.
    pub(crate) fn retreat(&self, tracks: impl Iterator<Item = u8>) -> Retreat {
        let tracks = tracks.filter(|track| self.tracks.contains(*track)).collect();
        Retreat::new(self.next, self.rtcp, tracks)
    }

    /// Takes again what was gone back over. Packets that cannot be taken again count as missed, and go by the policy.
    pub(crate) fn put_back(&mut self, log: &StreamLog, retreat: &Retreat) {
        (self.next, self.rtcp) = (retreat.next, retreat.rtcp);
        if !retreat.has_gap {
            // As far in front of the log as there is lost.
            self.next = self.next.saturating_sub(retreat.lost);
        } else if retreat.lost > 0 {
            self.dropped = self.dropped.saturating_add(retreat.lost);
            self.wait_for_pictures(log);
        }
    }

    /// The reader has missed something.
    fn wait_for_pictures(&mut self, log: &StreamLog) {
        if self.lag == LagPolicy::SkipToKeyframe {
            self.waits = log.videos(self.tracks);
        }
    }

    /// Takes nothing of a track any more.
    pub(crate) fn drop_track(&mut self, track: u8) {
        self.tracks.remove(track);
        self.waits.remove(track);
    }

    /// Returns `true` if this reader is to get the packet that stands at [`next`](Self::next).
    #[inline]
    pub(crate) fn wants(&self, packet: &Packet) -> bool {
        let is_free = self.waits.is_empty() || packet.access_point || !self.waits.contains(packet.track);
        is_free && self.tracks.contains(packet.track)
    }

    /// Moves past the packet that stands at [`next`](Self::next). Returns `true` if this reader is to get it.
    #[inline]
    pub(crate) fn take(&mut self, packet: &Packet) -> bool {
        let wanted = self.wants(packet);
        self.pass(packet);
        wanted
    }

    /// Moves past the packet that stands at [`next`](Self::next).
    #[inline]
    pub(crate) fn pass(&mut self, packet: &Packet) {
        // A stream of 2^64 packets takes longer than anything lasts.
        self.next = self.next.wrapping_add(1);
        if !self.waits.is_empty() {
            self.take_while_waiting(packet);
        }
    }

    /// Moves past packets of one track, of which the first stands at [`next`](Self::next).
    #[inline]
    pub(crate) fn pass_all(&mut self, packets: &[Packet]) {
        if self.waits.is_empty() {
            self.next = self.next.wrapping_add(packets.len() as u64);
        } else {
            packets.iter().for_each(|packet| self.pass(packet));
        }
    }

    /// Returns `true` while pictures of a track wait for an access point.
    #[inline]
    pub(crate) fn waits(&self) -> bool {
        !self.waits.is_empty()
    }

    /// Returns `true` while pictures of this track wait for an access point.
    pub(crate) fn track_waits(&self, track: u8) -> bool {
        self.waits.contains(track)
    }

    #[cold]
    fn take_while_waiting(&mut self, packet: &Packet) {
        if packet.access_point {
            self.waits.remove(packet.track);
        } else if self.waits.contains(packet.track) {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Hands those compounds of the application to `send` that stand before the next packet, until it says that it takes
    /// no more; the number of the packet that comes first behind the next compound.
    #[inline]
    pub(crate) fn take_rtcp(&mut self, log: &StreamLog, send: impl FnMut(u8, &Bytes) -> bool) -> u64 {
        if self.rtcp == log.rtcp_head() { u64::MAX } else { self.pass_rtcp(log, send) }
    }

    #[cold]
    fn pass_rtcp(&mut self, log: &StreamLog, mut send: impl FnMut(u8, &Bytes) -> bool) -> u64 {
        while let Some((number, compound)) = log.rtcp(self.rtcp) {
            let is_wanted = self.tracks.contains(compound.track);
            if compound.before > self.next || (is_wanted && !send(compound.track, &compound.bytes)) {
                return compound.before;
            }
            self.rtcp = number.saturating_add(1);
        }
        u64::MAX
    }

    /// The number of the packet that it comes to next.
    #[inline]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// As [`take_dropped`](Self::take_dropped), which they are left for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Packets that this reader has missed since it was last asked: those that it was skipped over, of any track of the
    /// stream, and pictures that were left out while it waited.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
