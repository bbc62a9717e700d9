//! A track whose sender begins anew, or has another SSRC.

use super::*;

#[test]
fn a_source_that_begins_anew_with_the_timestamp_that_it_ended_with_is_another_moment() {
    let mut it = It::default();
    let before = it.packet(0, (0, 1), 5000, VIDEO);
    it.0.begin_anew();
    let after = it.packet(0, (0, 1), 5000, VIDEO);
    assert!(after.begins_anew && before.pts < after.pts, "{before:?} {after:?}");
    assert_eq!(after.timestamp, before.timestamp + (1 << 32), "timestamps are in the order of PTS");
}

#[test]
fn another_ssrc_begins_above_all_before_and_where_its_report_says() {
    for (is_reported, expected) in [(false, 1200), (true, 1100)] {
        let mut it = It::default();
        it.video(0, 0);
        it.sound(0, 0);
        it.report(0, (0, 1), noon(0), 0);
        it.report(0, (1, 2), noon(0), 0);
        let before = it.packet(1000, (0, 1), VIDEO, VIDEO);
        if is_reported {
            it.report(1200, (0, 9), noon(1100), 5);
        }
        let next = it.packet(1200, (0, 9), 5, VIDEO);
        assert_eq!((next.pts, next.begins_anew), (expected * MILLI, true));
        assert_eq!((next.timestamp, before.timestamp), ((1 << 32) + 5, 90_000));
    }
}

#[test]
fn another_track_is_brought_together_with_the_source_that_sends_and_not_with_one_before() {
    let mut it = It::default();
    it.video(0, 0);
    it.report(1, (0, 1), noon(0), 0);
    let another = (0, 3);
    it.packet(1000, another, 7_000_000, VIDEO);
    it.report(1001, another, noon(1000), 7_000_000);
    // The sound was made 700 ms before it came here.
    it.sound(1300, 0);
    // Reports of both sources of the picture have small errors, and none of the sound has come.
    it.report(2000, (0, 1), noon(2000).plus_nanos(-9_000), 2000 * 90);
    it.report(2000, another, noon(2000).plus_nanos(4_000), 7_000_000 + 1000 * 90);
    it.report(2000, (1, 2), noon(600), 0);
    it.report(2500, another, noon(2500), 7_000_000 + 1500 * 90);
    let picture = it.packet(3000, another, 7_000_000 + 2000 * 90, VIDEO).pts;
    let sound = it.packet(3000, (1, 2), 48 * 2400, SOUND).pts;
    assert!((picture - sound).abs() < MILLI, "{picture}, {sound}");
}
