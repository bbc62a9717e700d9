use super::*;
use crate::limits::{SOURCES_MAX, TIMELINE_BACK_MAX};
use crate::rtp::RtpHeader;

mod bursts;
mod orders;
mod random;
mod replay;
mod sources;

/// A second of the clock of video, and of sound.
const VIDEO: u32 = 90_000;
const SOUND: u32 = 48_000;
const MILLI: i64 = 1_000_000;

/// The wall clock of the sender, so many milliseconds after its start.
fn noon(millis: i64) -> NtpTime {
    NtpTime::from_unix(Duration::from_secs(1_800_000_000)).plus_nanos(millis * MILLI)
}

/// A time line whose packets come at a given millisecond.
#[derive(Default)]
struct It(Timeline);

impl It {
    fn at(millis: u64) -> Instant {
        Instant::from_nanos(1_000_000_000 + millis * 1_000_000)
    }

    fn packet(&mut self, millis: u64, (track, ssrc): (usize, u32), rtp: u32, rate: u32) -> MediaTime {
        let header = RtpHeader { ssrc, timestamp: rtp, ..RtpHeader::default() };
        self.0.time_of(Self::at(millis), track, &RtpPacket::build(header, b""), rate)
    }

    /// A packet of track 0, and its PTS in milliseconds.
    fn video(&mut self, millis: u64, rtp: u32) -> i64 {
        self.packet(millis, (0, 1), rtp, VIDEO).pts.div_euclid(MILLI)
    }

    /// A packet of track 1, and its PTS in milliseconds.
    fn sound(&mut self, millis: u64, rtp: u32) -> i64 {
        self.packet(millis, (1, 2), rtp, SOUND).pts.div_euclid(MILLI)
    }

    fn report(&mut self, millis: u64, (track, ssrc): (usize, u32), ntp: NtpTime, rtp: u32) {
        self.0.set_reference(Self::at(millis), track, ssrc, ntp, rtp);
    }
}

#[test]
fn a_track_that_begins_later_begins_where_time_has_come_to() {
    let mut it = It::default();
    assert_eq!(it.packet(0, (0, 1), 22_500, VIDEO).pts_in_units(), 0);
    assert_eq!(it.packet(1000, (0, 1), 112_500, VIDEO).pts_in_units(), 90_000);
    assert_eq!(it.packet(5000, (1, 2), 7, SOUND).pts_in_units(), 240_000);
    assert_eq!(it.packet(5000, (0, 1), 472_500, VIDEO).pts_in_units(), 450_000);
}

#[test]
fn the_time_goes_on_over_the_wrap_of_the_timestamp() {
    let mut it = It::default();
    let first = u32::MAX - 90_000;
    // Two wraps of 13 hours each.
    for second in (0..27 * 3600_u32).step_by(10) {
        let rtp = first.wrapping_add(second.wrapping_mul(VIDEO));
        let time = it.packet(u64::from(second) * 1000, (0, 1), rtp, VIDEO);
        assert_eq!(time.timestamp, i64::from(first) + i64::from(second) * 90_000);
        assert_eq!((time.timestamp as u32, time.pts), (rtp, i64::from(second) * 1000 * MILLI));
        assert!(!time.begins_anew);
    }
}

#[test]
fn b_frames_keep_their_distance_and_those_before_the_first_packet_are_before_zero() {
    let mut it = It::default();
    // The order of decoding; 3600 units are 40 ms.
    let pictures = [(0, 100), (0, 99), (40, 103), (80, 101), (120, 102), (160, 106), (200, 104)];
    let pts = pictures.map(|(millis, picture)| it.video(millis, picture * 3600));
    assert_eq!(pts, [0, -40, 120, 40, 80, 240, 160]);
    assert_eq!(it.0.stats(), TimelineStats::default());
}

#[test]
fn all_packets_of_a_frame_have_the_time_of_the_first() {
    let mut it = It::default();
    it.0.set_wall_clock(It::at(0), noon(0));
    let first = it.packet(0, (0, 1), 3600, VIDEO);
    it.report(10, (0, 1), noon(7000), 3600);
    assert_eq!(it.packet(30, (0, 1), 3600, VIDEO), first);
    assert_eq!(it.packet(40, (0, 1), 7200, VIDEO).reported_ntp(), Some(noon(7040)));
}

#[test]
fn sender_reports_bring_tracks_together_and_none_goes_back() {
    // Sound comes 150 ms before the picture of the same instant, or behind it.
    for (video_late, sound_late) in [(150, 0), (0, 150)] {
        let mut it = It::default();
        let (mut video, mut sound) = (Vec::new(), Vec::new());
        let rtp = |instant: u64, rate: u32| u32::try_from(instant * u64::from(rate) / 1000).unwrap();
        for instant in (0..4000).step_by(40) {
            video.push((instant, it.video(instant + video_late, rtp(instant, VIDEO))));
            sound.push((instant, it.sound(instant + sound_late, rtp(instant, SOUND))));
            match instant {
                1000 => it.report(instant + 150, (0, 1), noon(900), rtp(900, VIDEO)),
                2000 => it.report(instant + 150, (1, 2), noon(1900), rtp(1900, SOUND)),
                _ => {}
            }
        }
        for ((instant, video), (_, sound)) in video.iter().zip(&sound) {
            let apart = (video - sound).abs();
            assert!(
                if *instant > 2000 { apart == 0 } else { apart == 150 || apart == 0 },
                "{instant}: {apart}"
            );
        }
        for track in [video, sound] {
            assert!(track.windows(2).all(|pair| pair[0].1 < pair[1].1), "{track:?}");
        }
    }
}

#[test]
fn a_correction_begins_behind_the_highest_timestamp() {
    let mut it = It::default();
    it.video(0, 0);
    it.sound(1000, 0);
    it.video(1000, 100 * 900);
    // Video is a second behind. The frame between is a B-frame.
    it.report(1001, (1, 2), noon(0), 0);
    it.report(1001, (0, 1), noon(0), 0);
    assert_eq!(it.video(1002, 98 * 900), 980);
    assert_eq!(it.video(1003, 104 * 900), 2040);
    assert_eq!(it.video(1004, 99 * 900), 990);
    assert_eq!(it.video(1005, 101 * 900), 2010);
    assert_eq!(it.0.stats().corrections, 1);
}

#[test]
fn a_track_ahead_by_little_goes_slower_until_the_others_have_caught_up() {
    let mut it = It::default();
    let play = |it: &mut It, millis: u64| {
        (it.video(millis, millis as u32 * 90), it.sound(millis, millis as u32 * 48))
    };
    play(&mut it, 0);
    it.report(0, (0, 1), noon(0), 0);
    it.report(0, (1, 2), noon(0), 0);
    play(&mut it, 3000);
    // By the sender's clock sound is ahead by 20 ms, of which half is believed.
    it.report(3000, (1, 2), noon(2980), 3000 * 48);
    let times: Vec<_> = (1..=5).map(|step| play(&mut it, 3000 + 20 * step)).collect();
    assert_eq!(times, [(3020, 3017), (3040, 3035), (3060, 3052), (3080, 3070), (3100, 3090)]);
}

#[test]
fn a_track_alone_is_not_moved_by_its_reports() {
    let mut it = It::default();
    for second in 0..60_u32 {
        assert_eq!(it.video(u64::from(second) * 1000, second * VIDEO), i64::from(second) * 1000);
        let noise = if second % 2 == 0 { 30 } else { -30 };
        it.report(u64::from(second) * 1000, (0, 1), noon(i64::from(second) * 1000 + noise), second * VIDEO);
    }
    assert_eq!(it.0.stats(), TimelineStats::default());
}

#[test]
fn a_clock_that_is_set_moves_no_pts_and_is_counted() {
    for jump in [3_600_000, -3_600_000, 3000] {
        let mut it = It::default();
        let mut before = (-1, -1);
        for step in 0..20_u32 {
            let millis = step * 1000;
            let time = (it.video(millis.into(), millis * 90), it.sound(millis.into(), millis * 48));
            assert_eq!(time, (i64::from(millis), i64::from(millis)), "{jump}");
            assert!(time > before);
            before = time;
            let shown = i64::from(millis) + if step >= 10 { jump } else { 0 };
            it.report(millis.into(), (0, 1), noon(shown), millis * 90);
            it.report(millis.into(), (1, 2), noon(shown), millis * 48);
        }
        assert_eq!((it.0.stats().clock_jumps, it.0.stats().corrections), (2, 0));
        let wall = it.packet(20_000, (0, 1), 20_000 * 90, VIDEO).reported_ntp();
        assert_eq!(wall, Some(noon(20_000 + jump)), "the wall clock follows");
    }
}

#[test]
fn reports_without_a_time_or_far_from_the_packets_are_left_out_and_counted() {
    let mut it = It::default();
    it.video(0, 0);
    it.report(0, (0, 1), NtpTime::default(), 0);
    it.report(0, (0, 1), noon(0), 11 * VIDEO);
    it.report(0, (1, 2), noon(0), 11 * SOUND);
    assert_eq!(it.packet(40, (0, 1), 3600, VIDEO).wall(), None);
    assert_eq!(it.packet(40, (1, 2), 0, SOUND).wall(), None, "one that came before the first packet");
    let stats = it.0.stats();
    assert_eq!((stats.reports_without_time, stats.reports_astray), (1, 2));
    it.report(40, (0, 1), noon(0), 3600 + 10 * VIDEO);
    assert_eq!(it.packet(80, (0, 1), 7200, VIDEO).reported_ntp(), Some(noon(-9960)));
    // Ten minutes old, by its timestamp, and a unit more.
    let old = 7200_u32.wrapping_sub(600 * VIDEO);
    it.report(80, (0, 1), noon(0), old - 1);
    assert_eq!(it.packet(120, (0, 1), 10_800, VIDEO).reported_ntp(), Some(noon(-9920)));
    it.report(80, (0, 1), noon(0), old);
    assert_eq!(it.packet(160, (0, 1), 14_400, VIDEO).reported_ntp(), Some(noon(600_080)));
    assert_eq!(it.0.stats().reports_astray, 3);
}

#[test]
fn packets_that_tell_when_they_were_recorded_need_no_reports() {
    use crate::rtp::onvif_tests::{extension, packet_with};

    let mut it = It::default();
    let mut frame = |track: usize, millis: u64, recorded: i64, rtp: u32, rate: u32| {
        let header = RtpHeader { ssrc: track as u32, timestamp: rtp, ..RtpHeader::default() };
        let packet = packet_with(header, 0, &extension(noon(recorded), 0, 0));
        let time = it.0.time_of(It::at(millis), track, &packet, rate);
        // The report of a server that replays: when it sends.
        it.0.set_reference(It::at(millis), track, track as u32, noon(7_000_000 + millis as i64), rtp);
        (time.pts / MILLI, time.wall().unwrap())
    };
    let wall = |recorded: i64| WallTime { ntp: noon(recorded), source: WallSource::OnvifExtension };
    assert_eq!(frame(0, 0, 150, 0, VIDEO), (0, wall(150)));
    assert_eq!(frame(1, 10, 0, 0, SOUND), (-150, wall(0)), "it was recorded before the first picture");
    assert_eq!(frame(0, 40, 190, 3600, VIDEO), (40, wall(190)));
    // Behind a gap in the recording the timestamps go on.
    assert_eq!(frame(0, 80, 900_000, 7200, VIDEO), (80, wall(900_000)));
    assert_eq!((it.0.stats().clock_jumps, it.0.stats().corrections), (1, 0));
    it.0.set_wall_clock(It::at(0), noon(0));
    assert_eq!(it.0.clock(0), ClockStats::default(), "the time of a recording is that of no clock");
    let plain = it.packet(120, (0, 0), 10_800, VIDEO);
    assert_eq!(plain.wall(), Some(wall(900_040)), "one without goes on from there");
}

#[test]
fn an_error_is_corrected_by_half_and_in_full_once_a_second_report_tells_it() {
    // As a server's first report is that goes by the arrival of what it relays, and those behind it that go by its publisher's.
    let mut it = It::default();
    let mut told = Vec::new();
    for second in 0..40_u32 {
        let millis = u64::from(second) * 1000;
        it.video(millis, second * VIDEO);
        told.push(it.sound(millis, second * SOUND) - i64::from(second) * 1000);
        if second % 10 == 0 {
            it.report(millis, (0, 1), noon(millis as i64), second * VIDEO);
            it.report(millis, (1, 2), noon(millis as i64 + if second == 0 { 0 } else { 80 }), second * SOUND);
        }
    }
    assert_eq!([told[10], told[11], told[20], told[21], told[39]], [0, 40, 40, 80, 80]);
}

#[test]
fn groups_of_pictures_that_are_played_backwards_each_begin_anew() {
    use crate::rtp::onvif_tests::{extension, packet_with};

    // Two pictures a second, with the timestamps of the recording (`Rate-Control: no`).
    for pictures in [1, 2, 6] {
        let mut it = It::default();
        it.0.set_rates(-1.0, 1.0);
        for number in 0..4 * pictures {
            let (group, picture) = (3 - number / pictures, number % pictures);
            let recorded = 500 * (group * pictures + picture);
            let flags = if picture == 0 { 0x20 } else { 0 };
            let header = RtpHeader { ssrc: 1, timestamp: recorded as u32 * 90, ..RtpHeader::default() };
            let packet = packet_with(header, 0, &extension(noon(recorded), flags, 0));
            let time = it.0.time_of(It::at(500 * number as u64), 0, &packet, VIDEO);
            assert_eq!((time.pts, time.begins_anew), (500 * number * MILLI, number > 0 && picture == 0));
            assert_eq!(time.wall().unwrap().ntp, noon(recorded));
        }
    }
}

#[test]
fn the_clocks_of_the_sender_are_told_by_ours() {
    let mut it = It::default();
    it.0.set_wall_clock(It::at(0), noon(0));
    assert_eq!(it.0.clock(0), ClockStats::default());
    for second in 0..=180_u32 {
        let millis = u64::from(second) * 1000;
        it.video(millis, second * (VIDEO + 9));
        it.report(millis, (0, 1), noon(3_600_000 + i64::from(second) * 1001), second * (VIDEO + 9));
    }
    let ClockStats { rtp_drift_ppb, wall_drift_ppb, wall_ahead } = it.0.clock(0);
    assert_eq!((rtp_drift_ppb, wall_ahead), (Some(100_000), Some(3_600_180 * MILLI)));
    assert!(wall_drift_ppb.unwrap().abs_diff(1_000_000) < 10, "{wall_drift_ppb:?}");
}

#[test]
fn a_report_that_comes_again_tells_nothing_new() {
    let mut it = It::default();
    it.video(0, 0);
    it.sound(0, 0);
    for _ in 0..3 {
        it.report(0, (0, 1), noon(0), 0);
        it.report(0, (1, 2), noon(0), 0);
    }
    it.report(1000, (1, 2), noon(1010), 48_000);
    it.report(1000, (1, 2), noon(1010), 48_000);
    assert_eq!(it.0.stats().corrections, 1);
    // The same is true when the timestamps have begun anew.
    it.sound(1000, 1_000_000_000);
    it.report(1000, (1, 2), noon(1010), 48_000);
    assert_eq!((it.0.stats().corrections, it.0.stats().reports_astray), (1, 0));
}

#[test]
fn clocks_that_have_nothing_to_do_with_each_other_bring_nothing_together() {
    let mut it = It::default();
    it.video(0, 0);
    it.sound(30, 0);
    it.report(40, (0, 1), noon(0), 0);
    // The sound tells the time since the camera was switched on.
    it.report(40, (1, 2), NtpTime::from_bits(1 << 40), 0);
    assert_eq!((it.video(40, 3600), it.sound(50, 20 * 48)), (40, 50));
    assert_eq!(it.0.stats(), TimelineStats::default());
}

#[test]
fn rtp_info_tells_how_tracks_begin_where_it_can_be_believed() {
    // Sound was recorded 150 ms before the picture that it comes with. Each track says by how many milliseconds the
    // picture is behind the start.
    for (video, sound, expected, refused) in [
        (Some(0), Some(0), -150, false),
        (Some(100), Some(100), -150, false),
        (Some(5000), Some(5000), -150, false),
        (Some(5001), Some(5001), 0, true),
        (Some(0), Some(-4851), 0, true),
        (Some(0), Some(20_000_000), 0, true),
        (Some(0), None, 0, false),
        (None, Some(0), 0, false),
        (None, None, 0, false),
    ] {
        let base = 900_000_u32;
        let rtptime = |millis: i64, rate: u32| base.wrapping_sub((millis * i64::from(rate) / 1000) as u32);
        let mut it = It::default();
        let video_start = video.map(|behind| (0, rtptime(behind, VIDEO)));
        let sound_start = sound.map(|behind| (1, rtptime(behind - 150, SOUND)));
        it.0.set_start(None, video_start.into_iter().chain(sound_start));
        let times = (it.video(0, base), it.sound(0, base));
        assert_eq!(times, (0, expected), "{video:?}, {sound:?}");
        let is_refused = it.0.tolerances().contains(Tolerance::UnbelievableRtptime);
        assert_eq!(is_refused, refused, "{video:?}, {sound:?}");
    }
}

#[test]
fn rtp_info_that_comes_behind_the_first_packets_brings_them_together_ahead() {
    for (sound, expected) in [(48 * 150, (40, 190)), (u32::MAX - 48 * 150 + 1, (190, 40))] {
        let mut it = It::default();
        assert_eq!((it.video(0, 0), it.sound(0, sound)), (0, 0));
        it.0.set_start(None, [(0, 0), (1, 0)]);
        assert_eq!((it.video(40, 3600), it.sound(40, sound.wrapping_add(48 * 40))), expected);
    }
}

#[test]
fn a_wall_clock_time_says_by_what_it_is_known() {
    let mut it = It::default();
    let wall = |time: MediaTime| {
        // To the nearest millisecond.
        time.wall().map(|wall| (wall.source, (wall.ntp.nanos_since(noon(0)) + MILLI / 2).div_euclid(MILLI)))
    };
    assert_eq!(wall(it.packet(0, (0, 1), 0, VIDEO)), None);
    it.0.set_wall_clock(It::at(0), noon(1000));
    assert_eq!(wall(it.packet(50, (0, 1), 3600, VIDEO)), Some((WallSource::Arrival, 1050)));
    it.0.set_start(Some(noon(-60_000)), [(0, 0)]);
    assert_eq!(wall(it.packet(90, (0, 1), 7200, VIDEO)), Some((WallSource::RtpInfo, -59_920)));
    it.report(90, (0, 1), noon(20), 7200);
    let last = it.packet(130, (0, 1), 10_800, VIDEO);
    assert_eq!(wall(last), Some((WallSource::SenderReport, 60)));
    assert!(WallSource::SenderReport > WallSource::RtpInfo && WallSource::RtpInfo > WallSource::Arrival);
}

#[test]
fn the_time_line_goes_on_behind_a_pause_and_behind_a_seek() {
    let mut it = It::default();
    it.0.set_start(None, [(0, 0), (1, 0)]);
    it.video(0, 0);
    it.sound(0, 0);
    it.video(1000, VIDEO);
    // The pause takes 9 s; afterwards it plays from elsewhere, and sound begins 100 ms earlier than the picture.
    it.0.begin_anew();
    it.0.set_start(None, [(0, 77 * VIDEO), (1, 5)]);
    let video = it.packet(10_000, (0, 1), 77 * VIDEO, VIDEO);
    assert_eq!((video.pts, video.begins_anew), (10_000 * MILLI, true));
    let sound = it.packet(10_000, (1, 2), 5_u32.wrapping_sub(4800), SOUND);
    assert_eq!((sound.pts, sound.begins_anew), (9900 * MILLI, true));
    assert!(!it.packet(10_040, (0, 1), 77 * VIDEO + 3600, VIDEO).begins_anew);
    assert_eq!(it.0.stats().restarts, 2);
    // One that lasts no time, back to the start.
    it.0.begin_anew();
    assert_eq!(it.video(10_040, 0), 10_041);
}

#[test]
fn a_timestamp_that_jumps_or_stands_still_begins_anew_by_arrival() {
    let back = u32::try_from(TIMELINE_BACK_MAX.as_millis()).unwrap() * 90;
    let gap = u32::try_from(TIMELINE_GAP_MAX.as_millis()).unwrap() * 90;
    let first = 1_000_000;
    for (after, rtp, expected) in [
        (40, first - back, -2000),
        (40, first - back - 90, 40),
        (40, first + 3600 + gap, 10_040),
        (40, first + 3600 + gap + 90, 40),
        (12_000, first + 2000 * 90, 2000),
        (12_000, first + 1999 * 90, 12_000),
        // An outage of a day, over which the timestamp has wrapped more than once.
        (86_400_000, first + 7, 86_400_000),
    ] {
        let mut it = It::default();
        it.video(0, first);
        it.report(0, (0, 1), noon(0), first);
        let time = it.packet(after, (0, 1), rtp, VIDEO);
        let is_by_arrival = u64::try_from(expected) == Ok(after);
        assert_eq!((time.pts, time.begins_anew), (expected * MILLI, is_by_arrival), "{after}, {rtp}");
        assert_eq!(time.wall().is_none(), is_by_arrival, "what reports said is of other timestamps");
        assert_eq!(time.timestamp as u32, rtp);
    }
}

#[test]
fn a_track_that_sends_seldom_goes_by_where_the_session_is() {
    let mut it = It::default();
    it.packet(0, (2, 3), 0, 1000);
    // Twenty minutes are sent in a second.
    for second in 0..1200 {
        it.video(second, second as u32 * VIDEO);
    }
    let seldom = it.packet(1200, (2, 3), 1_195_000, 1000);
    assert_eq!((seldom.pts, seldom.begins_anew), (1_195_000 * MILLI, false));
}

#[test]
fn without_a_clock_rate_the_pts_is_that_of_the_arrival() {
    let mut it = It::default();
    for millis in [0, 40, 100_000] {
        let time = it.packet(millis, (0, 1), 7 * millis as u32, 0);
        assert_eq!((time.pts, time.pts_in_units()), (millis as i64 * MILLI, 0));
    }
    assert_eq!(it.0.stats().restarts, 0);
}

#[test]
fn one_source_or_one_track_too_many_costs_no_memory() {
    let mut it = It::default();
    for ssrc in 0..=SOURCES_MAX as u32 {
        it.packet(u64::from(ssrc), (0, ssrc), 0, VIDEO);
    }
    let ssrcs: Vec<u32> = it.0.tracks[0].sources.iter().map(|source| source.ssrc).collect();
    assert_eq!(ssrcs, (1..=SOURCES_MAX as u32).collect::<Vec<_>>(), "the oldest is forgotten");
    it.packet(0, (MEDIAS_MAX - 1, 1), 0, VIDEO);
    assert_eq!(it.packet(0, (MEDIAS_MAX, 1), 9, VIDEO), MediaTime::default());
    it.report(0, (MEDIAS_MAX, 1), noon(0), 9);
    it.0.set_start(None, [(MEDIAS_MAX, 9)]);
    assert_eq!(it.0.tracks.len(), MEDIAS_MAX);
}

#[test]
fn what_is_sent_faster_than_it_plays_goes_by_its_timestamps_and_not_by_sender_reports() {
    let mut it = It::default();
    it.0.set_rates(1.0, 2.0);
    it.0.set_start(None, [(0, 0), (1, 0)]);
    for tick in 0..500_u32 {
        let (millis, played) = (u64::from(tick) * 20, tick * 40);
        assert_eq!(it.video(millis, played * 90), i64::from(played));
        assert_eq!(it.sound(millis, played * 48), i64::from(played));
        if tick % 100 == 0 {
            // Of the clock that it is sent by.
            it.report(millis, (0, 1), noon(millis as i64), played * 90);
            it.report(millis + 10, (1, 2), noon(millis as i64 + 10), played * 48);
        }
    }
    assert_eq!(it.0.stats(), TimelineStats::default());
    it.0.begin_anew();
    it.report(10_000, (0, 1), noon(10_000), 0);
    assert_eq!(it.packet(10_000, (0, 1), 0, VIDEO).wall().unwrap().source, WallSource::SenderReport);
}
