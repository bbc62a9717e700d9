//! Recordings that are played without rate control: when their packets come tells nothing.

use super::*;
use crate::rtp::onvif_tests::{extension, packet_with};

const HOUR: i64 = 3_600_000;

/// When packets come that are read as fast as it goes, one at a time by somebody who looks at each, and in bursts.
const PACES: [fn(u64) -> u64; 3] =
    [|number| number / 100, |number| number * 600_000, |number| number / 10 * 60_000];

/// A time line at the reader's pace.
fn replayed(scale: f32) -> It {
    let mut it = It::default();
    it.0.set_rates(scale, 1.0);
    it.0.set_rate_control(false);
    it
}

impl It {
    /// A frame that comes at `millis`, was recorded at `recorded`, and has this timestamp.
    fn replay(&mut self, millis: u64, recorded: i64, rtp: u32, flags: u8) -> MediaTime {
        let header = RtpHeader { ssrc: 1, timestamp: rtp, ..RtpHeader::default() };
        let packet = packet_with(header, 0, &extension(noon(recorded), flags, 7));
        let time = self.0.time_of(Self::at(millis), 0, &packet, VIDEO);
        assert_eq!(time.wall(), Some(WallTime { ntp: noon(recorded), source: WallSource::OnvifExtension }));
        time
    }
}

/// The timestamp of a time of the recording.
fn rtp(recorded: i64) -> u32 {
    (recorded * 90) as u32
}

#[test]
fn frames_are_as_far_apart_as_they_were_recorded_however_fast_they_are_read() {
    for pace in PACES {
        let mut it = replayed(1.0);
        for number in 0..100 {
            let recorded = 40 * number as i64;
            let time = it.replay(pace(number), recorded, rtp(recorded), 0);
            assert_eq!((time.pts, time.begins_anew), (recorded * MILLI, false));
        }
        assert_eq!(it.0.stats(), TimelineStats::default());
    }
}

#[test]
fn a_gap_of_the_recording_is_as_long_as_it_was_where_timestamps_tell_it() {
    // The time of the recording that is missing, whether timestamps leap over it, and so the PTS behind it.
    for (gap, leaps, expected, begins_anew) in [
        (3 * HOUR, true, 3 * HOUR, false),
        (3 * HOUR, false, 40, false),
        // More than half of what timestamps can count.
        (7 * HOUR, true, 7 * HOUR, true),
        (7 * HOUR, false, 40, false),
    ] {
        for pace in PACES {
            let mut it = replayed(1.0);
            assert_eq!(it.replay(0, 0, 0, 0).pts, 0);
            let behind = it.replay(pace(1), gap, rtp(if leaps { gap } else { 40 }), 0);
            assert_eq!((behind.pts, behind.begins_anew), (expected * MILLI, begins_anew), "{gap} {leaps}");
            let next = it.replay(pace(2), gap + 40, rtp(if leaps { gap + 40 } else { 80 }), 0);
            assert_eq!(next.pts, (expected + 40) * MILLI);
        }
    }
}

#[test]
fn groups_that_are_played_backwards_follow_each_other_and_only_their_beginnings_begin_anew() {
    for (pictures, pace) in [1, 2, 25].into_iter().flat_map(|pictures| PACES.map(|pace| (pictures, pace))) {
        let mut it = replayed(-1.0);
        for number in 0..6 * pictures {
            let (group, picture) = (5 - number / pictures, number % pictures);
            let recorded = 40 * (group * pictures + picture);
            let flags = if picture == 0 { 0xa0 } else { 0 };
            let time = it.replay(pace(number as u64), recorded, rtp(recorded), flags);
            let expected = (40 * number * MILLI, number > 0 && picture == 0);
            assert_eq!((time.pts, time.begins_anew), expected, "{pictures} {number}");
        }
    }
}

#[test]
fn every_packet_of_a_frame_tells_what_its_first_says() {
    let mut it = replayed(1.0);
    let header = RtpHeader { ssrc: 1, timestamp: 3600, ..RtpHeader::default() };
    let expected = OnvifExtension::of_parts(noon(8), 0xd0, 7);
    assert_eq!(it.replay(0, 8, 3600, 0xd0).replay(), Some(expected));
    let second = it.0.time_of(It::at(1), 0, &RtpPacket::build(header, b"second"), VIDEO);
    assert_eq!(second.replay(), Some(expected));
    // A further frame of a packet is no discontinuity.
    let next = it.replay(2, 48, 7200, 0xf0).shifted(1);
    assert!(next.replay().is_some_and(|next| !next.is_discontinuous && next.is_clean_point));
    assert_eq!(it.packet(3, (0, 1), 10_800, VIDEO).replay(), None, "one without says nothing");
    // A recorder that does not know when it was.
    let packet = packet_with(header, 0, &extension(NtpTime::default(), 0x80, 9));
    let time = Timeline::new().time_of(It::at(0), 0, &packet, VIDEO);
    assert_eq!(
        (time.wall(), time.replay()),
        (None, Some(OnvifExtension::of_parts(NtpTime::default(), 0x80, 9)))
    );
}

#[test]
fn sender_reports_of_zero_leave_the_time_line_alone() {
    let mut it = replayed(1.0);
    for number in 0..10 {
        let recorded = 40 * number as i64;
        it.report(number, (0, 1), NtpTime::default(), 0);
        let time = it.replay(number, recorded, rtp(recorded), 0);
        assert_eq!((time.pts, time.begins_anew), (recorded * MILLI, false));
    }
    assert_eq!(it.0.stats(), TimelineStats { reports_without_time: 10, ..TimelineStats::default() });
}
