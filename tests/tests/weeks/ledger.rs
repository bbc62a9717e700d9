//! What has to hold of the packets that the application gets.

use std::collections::BTreeMap;
use std::time::Duration;

use rtspan_core::Instant;
use rtspan_core::client::Received;

/// How far a gap of the time line may be from the truth, beside what a clock drifts by.
const GAP_ERROR: Duration = Duration::from_secs(2);
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
        } else {
            assert_eq!(last.ssrc, newest.ssrc, "another source is not told");
            assert_eq!(number - last.number - 1, received.lost.into(), "{newest:?} behind {last:?}");
        }
    }
}
