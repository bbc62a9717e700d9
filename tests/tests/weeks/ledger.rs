//! Promises about the packets that the application gets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::client::Received;

use super::PACKET_PERIOD;

/// How far a gap of the time line may be from the truth, beside what a clock drifts by.
const GAP_ERROR: Duration = Duration::from_millis(100);
/// How many nanoseconds picture and sound of one moment may be apart.
const TRACKS_ERROR: u64 = 1_000_000;
/// Gaps of up to this are told so exactly that the packets in them can be counted.
const COUNTED_GAP_MAX: Duration = Duration::from_secs(4 * 3600);
/// More than any of the clocks is wrong by, in millionths.
const DRIFT_MAX: u128 = 250;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    last: BTreeMap<usize, Last>,
    pub(super) packets: u64,
    pub(super) gaps: u64,
    pub(super) lost: u64,
    /// When a packet of the first media was taken last.
    pub(super) came: Instant,
    /// How many nanoseconds picture and sound of the same moment were apart at most.
    pub(super) apart: u64,
    /// How often it has begun to play.
    begun: u64,
    /// Gaps of each media that are of the same source.
    resumed: BTreeMap<usize, u64>,
    /// Medias whose next packet is the first since it has begun to play.
    fresh: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    pts: i64,
    timestamp: i64,
    number: u64,
    made: u64,
    ssrc: u32,
}

impl Ledger {
    /// It is told that packets come anew from here on; `is_read` if all from before have been read.
    pub(super) fn begin(&mut self, is_read: bool) {
        self.begun += 1;
        if is_read {
            self.fresh = self.last.keys().copied().collect();
        }
    }

    /// It is told that they do not.
    pub(super) fn end(&mut self) {
        self.fresh.clear();
    }

    pub(super) fn take(&mut self, now: Instant, received: &Received) {
        let payload = received.packet.payload();
        let word = |at: usize| u64::from_be_bytes(payload[at..at + 8].try_into().expect("eight bytes"));
        let (number, made) = (word(0), word(8));
        let time = received.time;
        let newest =
            Last { pts: time.pts, timestamp: time.timestamp, number, made, ssrc: received.packet.ssrc() };
        self.packets += 1;
        self.lost += u64::from(received.lost);
        if received.media == 0 {
            self.came = now;
        }
        self.compare(received.media, newest);
        let is_fresh = self.fresh.remove(&received.media);
        assert!(time.begins_anew || !is_fresh, "it is not told that {newest:?} is the first");
        let Some(last) = self.last.insert(received.media, newest) else { return };
        assert!(last.number < number, "{newest:?} behind {last:?}");
        assert!(last.pts < time.pts, "the time line goes back: {newest:?} behind {last:?}");
        assert!(last.timestamp < time.timestamp, "{newest:?} behind {last:?}");
        let (passed, told) = (u128::from(made - last.made), (time.pts - last.pts).unsigned_abs().into());
        let error = GAP_ERROR.as_nanos() + passed * DRIFT_MAX / 1_000_000;
        assert!(
            passed.abs_diff(told) <= error,
            "{told} ns are told, and {passed} ns have passed: {newest:?} {last:?}"
        );
        if time.begins_anew {
            self.gaps += 1;
            if last.ssrc == newest.ssrc {
                let resumed = self.resumed.entry(received.media).or_default();
                *resumed += 1;
                assert!(*resumed <= self.begun, "{newest:?} is told to be behind a gap for no cause");
            }
            if passed <= COUNTED_GAP_MAX.as_nanos() {
                let period = PACKET_PERIOD.as_nanos();
                let packets = (told + period / 2) / period;
                assert_eq!(packets, (number - last.number).into(), "{newest:?} behind {last:?}");
            }
        } else {
            assert_eq!(last.ssrc, newest.ssrc, "another source is not told");
            assert_eq!(number - last.number - 1, received.lost.into(), "{newest:?} behind {last:?}");
        }
    }

    /// Packets of one moment have one PTS.
    fn compare(&mut self, media: usize, newest: Last) {
        let others = self.last.iter().filter(|(own, other)| **own != media && other.made == newest.made);
        let apart = others.map(|(_, other)| other.pts.abs_diff(newest.pts)).max().unwrap_or_default();
        assert!(apart <= TRACKS_ERROR, "{apart} ns apart: {newest:?} {:?}", self.last);
        self.apart = self.apart.max(apart);
    }
}
