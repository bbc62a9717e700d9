//! The time line of a client: it never goes back, however often the client plays, is cut off or is sent elsewhere, and it is
//! one for all tracks.

use std::collections::BTreeMap;
use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::client::Received;
use rtspan_core::timeline::MediaTime;

/// How long tracks may be apart that have been told their wall clock, in nanoseconds: until two more reports of each have come,
/// of which several may be lost over UDP.
const TOGETHER_WITHIN: i64 = 10_000_000_000;
const TOGETHER_WITHIN_UDP: i64 = 30_000_000_000;

/// The times of the packets that a client has handed out since it was made.
#[derive(Debug, Default)]
pub(super) struct Times {
    medias: BTreeMap<usize, Line>,
}

/// The times of a media.
#[derive(Debug, Default)]
struct Line {
    /// The highest timestamp and PTS, if there is one.
    reached: Option<(i64, i64)>,
    /// The last packet of each source.
    sources: BTreeMap<u32, MediaTime>,
    /// The last packet whose wall clock time was told: its PTS, and that of the moment at which the world began.
    told: Option<(i64, i64)>,
    /// By how much it is apart from another media, and since which PTS.
    apart: BTreeMap<usize, (i64, i64)>,
}

impl Times {
    /// Takes a packet in the order in which the application gets it.
    ///
    /// Where `has_dropped`, the first packet of a source may be missing, and others may have begun before the next one.
    pub(super) fn take(&mut self, received: &Received, has_dropped: bool) {
        let Received { media, packet, time, .. } = received;
        let line = self.medias.entry(*media).or_default();
        let former = line.sources.insert(packet.ssrc(), *time);
        if let Some(former) = former {
            let (order, of_pts) = (time.timestamp.cmp(&former.timestamp), time.pts.cmp(&former.pts));
            assert_eq!(order, of_pts, "{time:?} of {packet:?} is not in order behind {former:?}");
        }
        let is_above = |(timestamp, pts)| timestamp < time.timestamp && pts < time.pts;
        if (time.begins_anew || former.is_none()) && !has_dropped {
            assert!(line.reached.is_none_or(is_above), "{time:?} begins below {:?}", line.reached);
        }
        let (timestamp, pts) = line.reached.unwrap_or((time.timestamp, time.pts));
        line.reached = Some((timestamp.max(time.timestamp), pts.max(time.pts)));
    }

    /// Takes a packet that was made at a moment. Packets of one moment have one PTS, once sender reports tell the wall clock
    /// time of both; they are up to `error` from the truth.
    ///
    /// Returns true if it was compared with another media.
    pub(super) fn compare(
        &mut self,
        received: &Received,
        made: Instant,
        error: Duration,
        is_tcp: bool,
    ) -> bool {
        let within = if is_tcp { TOGETHER_WITHIN } else { TOGETHER_WITHIN_UDP };
        let Received { media, time, .. } = received;
        let line = self.medias.entry(*media).or_default();
        line.told = None;
        if time.reported_ntp().is_none() {
            line.apart.clear();
            return false;
        }
        let zero = time.pts - made.as_nanos() as i64;
        let mut apart = std::mem::take(&mut line.apart);
        let others = self.medias.iter().filter_map(|(other, line)| Some((*other, line.told?)));
        let mut has_compared = false;
        for (other, (pts, others_zero)) in others {
            has_compared = true;
            let ahead = zero - others_zero;
            let is_within = |ahead: i64| u128::from(ahead.unsigned_abs()) <= 2 * error.as_nanos();
            if is_within(ahead) {
                apart.remove(&other);
                continue;
            }
            let (former, since) = apart.entry(other).or_insert((ahead, time.pts));
            if !is_within(ahead - *former) {
                // Apart anew: such as where the first packet of a source waited for long until the second proved it.
                (*former, *since) = (ahead, time.pts);
            }
            let is_late = time.pts > *since + within && pts > *since + within / 2;
            assert!(!is_late, "media {media} is {ahead} ns ahead of {other}: {time:?}");
        }
        let line = self.medias.entry(*media).or_default();
        (line.told, line.apart) = (Some((time.pts, zero)), apart);
        has_compared
    }
}
