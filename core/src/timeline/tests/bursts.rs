//! Media that comes at once though it was not made at once, as from a recorder or from what a server has kept.

use super::*;
use crate::limits::TIMELINE_BURST_MAX;

/// A picture each 100 ms, of so many milliseconds, all of which come at `at`.
fn pictures(it: &mut It, at: u64, millis: std::ops::RangeInclusive<u32>) {
    for picture in millis.step_by(100) {
        it.video(at, picture * 90);
    }
}

#[test]
fn tracks_that_begin_in_a_burst_are_brought_together_however_far_apart_they_are() {
    let burst_max = u32::try_from(TIMELINE_BURST_MAX.as_millis()).unwrap();
    // The first sound was made with the last picture, and comes behind the first one over its own UDP port.
    for burst in [4000, 12_400, 60_000] {
        assert!(burst <= burst_max);
        let mut it = It::default();
        it.video(0, 0);
        assert_eq!(it.sound(0, 77), 0);
        pictures(&mut it, 0, 100..=burst);
        it.report(20, (0, 1), noon(0), 0);
        it.report(20, (1, 2), noon(burst.into()), 77);
        let sound = it.sound(1000, 77 + 48_000);
        assert_eq!(
            (it.video(1000, (burst + 1000) * 90), sound),
            (i64::from(burst) + 1000, i64::from(burst) + 1000)
        );
    }
}

#[test]
fn a_track_of_a_burst_begins_where_a_report_that_came_before_says() {
    let mut it = It::default();
    pictures(&mut it, 0, 0..=30_000);
    it.report(0, (0, 1), noon(0), 0);
    it.report(0, (1, 2), noon(2000), 77);
    assert_eq!(it.sound(0, 77), 2000, "and not by arrival, 28 s later");
}

#[test]
fn clocks_that_are_farther_apart_than_the_burst_was_long_bring_nothing_together() {
    for (burst, apart, is_believed) in
        [(0, 9900, true), (0, 10_100, false), (5000, 14_900, true), (5000, 15_100, false)]
    {
        let mut it = It::default();
        it.sound(0, 0);
        pictures(&mut it, 0, 0..=burst);
        it.report(0, (0, 1), noon(0), 0);
        it.report(0, (1, 2), noon(apart), 0);
        let moved = it.sound(40, 48 * 40) - 40;
        assert_eq!(moved == apart, is_believed, "{burst}, {apart}: {moved}");
    }
    // Another PLAY, and what came at once before counts no more.
    let mut it = It::default();
    pictures(&mut it, 0, 0..=8000);
    it.0.begin_anew();
    it.video(100, 0);
    it.sound(100, 0);
    it.report(100, (0, 1), noon(0), 0);
    it.report(100, (1, 2), noon(10_100), 0);
    assert_eq!(it.sound(140, 48 * 40) - it.video(140, 3600), 0);
}

#[test]
fn a_burst_counts_for_a_bounded_time() {
    let mut it = It::default();
    it.sound(0, 0);
    for from in (0..90).step_by(9) {
        pictures(&mut it, 0, from * 1000..=from * 1000 + 9000);
    }
    let reach = (TIMELINE_GAP_MAX + TIMELINE_BURST_MAX).as_millis() as i64;
    it.report(0, (0, 1), noon(0), 0);
    it.report(0, (1, 2), noon(reach + 100), 0);
    assert_eq!(it.sound(40, 48 * 40), 40);
}

/// The sound of a film begins late. Its `rtptime` is the start of the film, as RFC 2326 wants it.
#[test]
fn rtp_info_is_believed_that_is_far_from_the_first_packet_where_arrivals_say_the_same() {
    for (behind, came, expected, is_refused) in
        [(30_000, 30_050, 30_000, false), (30_000, 25_100, 30_000, false), (30_000, 24_900, 24_900, true)]
    {
        let mut it = It::default();
        let rtptime = 7_u32.wrapping_sub(behind * 48);
        it.0.set_start(None, [(0, 0), (1, rtptime)]);
        it.video(0, 0);
        assert_eq!(it.sound(came, 7), expected);
        assert_eq!(it.0.tolerances().contains(Tolerance::UnbelievableRtptime), is_refused);
        // The same where the answer to PLAY comes behind the packets.
        let mut it = It::default();
        it.video(0, 0);
        it.sound(came, 7);
        it.0.set_start(None, [(0, 0), (1, rtptime)]);
        assert_eq!(it.0.tolerances().contains(Tolerance::UnbelievableRtptime), is_refused);
    }
}
