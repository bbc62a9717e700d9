use std::time::Duration;

use super::*;
use crate::Tolerances;
use crate::rtp::RtpHeader;
use crate::rtp::rtcp::Rtcp;

const WALL: NtpTime = NtpTime::from_bits(15_354_565_283_395_798_332);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn packet(sequence: u16, timestamp: u32) -> RtpPacket {
    RtpPacket::build(RtpHeader { sequence, timestamp, ssrc: 1, ..RtpHeader::default() }, &[0; 10])
}

fn report_of(sender: &Sender, now: Instant, wall: NtpTime) -> SenderReport {
    let bytes = sender.report(now, wall, "me").unwrap();
    let mut tolerances = Tolerances::default();
    match rtcp::parse(&bytes, &mut tolerances).next() {
        Some(Rtcp::SenderReport(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nothing_is_reported_before_the_first_packet() {
    let mut sender = Sender::new(90_000, 1);
    assert_eq!(sender.report(at(0), WALL, "me"), None);
    sender.set_reference(WALL, 5);
    assert_eq!(sender.report(at(0), WALL, "me"), None);
}

#[test]
fn packets_and_payload_bytes_are_counted() {
    let mut sender = Sender::new(90_000, 7);
    for sequence in 0..3 {
        sender.handle_sent(at(0), &packet(sequence, 900));
    }
    let report = report_of(&sender, at(0), WALL);
    assert_eq!((report.ssrc, report.ntp, report.rtp), (7, WALL, 900));
    assert_eq!((report.packets, report.octets), (3, 30));
    let stats = sender.stats();
    assert_eq!((stats.packets, stats.octets), (3, 30));
    assert_eq!((stats.last_sequence, stats.last_timestamp), (Some(2), Some(900)));
}

#[test]
fn media_time_goes_on_from_the_newest_timestamp_over_the_wrap() {
    let mut sender = Sender::new(90_000, 1);
    sender.handle_sent(at(0), &packet(0, u32::MAX - 2_999));
    assert_eq!(report_of(&sender, at(1000), WALL).rtp, 87_000);
    sender.handle_sent(at(2000), &packet(1, 177_000));
    assert_eq!(report_of(&sender, at(2010), WALL).rtp, 177_900);
}

#[test]
fn the_clock_of_a_source_that_drifts_is_followed() {
    let mut sender = Sender::new(90_000, 1);
    for second in 0..=100 {
        // One percent too fast.
        sender.handle_sent(at(second * 1000), &packet(second as u16, second as u32 * 90_900));
    }
    assert_eq!(report_of(&sender, at(100_500), WALL).rtp, 100 * 90_900 + 45_000);
}

#[test]
fn an_encoder_that_begins_anew_with_earlier_timestamps_moves_the_clock() {
    let mut sender = Sender::new(90_000, 1);
    let newest = 90_000 * 3600;
    sender.handle_sent(at(0), &packet(0, newest));
    let back_max = 90_000 * TIMESTAMP_BACK_MAX.as_secs() as u32;
    sender.handle_sent(at(1000), &packet(1, newest - back_max));
    assert_eq!(report_of(&sender, at(1000), WALL).rtp, newest + 90_000, "it may be a B-frame");
    sender.handle_sent(at(2000), &packet(2, newest - back_max - 1));
    assert_eq!(report_of(&sender, at(3000), WALL).rtp, newest - back_max - 1 + 90_000);
}

#[test]
fn later_packets_of_a_picture_and_pictures_out_of_order_do_not_move_the_clock() {
    let mut sender = Sender::new(90_000, 1);
    sender.handle_sent(at(0), &packet(0, 9_000));
    sender.handle_sent(at(30), &packet(1, 9_000));
    sender.handle_sent(at(40), &packet(2, 3_000));
    assert_eq!(report_of(&sender, at(100), WALL).rtp, 18_000);
}

#[test]
fn a_reference_decides_the_media_time_before_and_after_it() {
    let mut sender = Sender::new(90_000, 1);
    sender.handle_sent(at(0), &packet(0, 1));
    sender.set_reference(WALL, 1000);
    sender.handle_sent(at(0), &packet(1, 50_000));
    assert_eq!(report_of(&sender, at(0), WALL).rtp, 1000);
    assert_eq!(report_of(&sender, at(0), WALL + Duration::from_secs(2)).rtp, 181_000);
    let before = report_of(&sender, at(0), WALL - Duration::from_secs(1)).rtp;
    assert_eq!(before, 1000_u32.wrapping_sub(90_000));
}

#[test]
fn a_clock_rate_of_zero_and_a_clock_that_goes_back_are_survived() {
    let mut sender = Sender::new(0, 1);
    sender.handle_sent(at(1000), &packet(0, 42));
    assert_eq!(report_of(&sender, at(5000), WALL).rtp, 42);
    assert_eq!(report_of(&sender, at(0), WALL).rtp, 42);
    sender.set_reference(WALL, 43);
    assert_eq!(report_of(&sender, at(0), NtpTime::default()).rtp, 43);
}

#[test]
fn leaving_is_said_with_a_reason() {
    let bytes = Sender::new(8000, 6).goodbye("me", "bye");
    assert_eq!(bytes, rtcp::goodbye_compound(6, "me", "bye"));
}

/// The pictures of an encoder in the order in which it sends them, one each 40 ms: their numbers in the order of presentation,
/// and `true` for keyframes. Each group has another pattern of B-frames.
const PICTURES: [(u64, bool); 13] = [
    (0, true),
    (3, false),
    (1, false),
    (2, false),
    (4, false),
    (5, false),
    (6, true),
    (8, false),
    (7, false),
    (12, false),
    (10, false),
    (9, false),
    (11, false),
];

#[test]
fn the_clock_of_pictures_out_of_order_is_that_of_the_keyframes() {
    let mut sender = Sender::new(90_000, 1);
    for (place, (number, is_keyframe)) in (0..).zip(PICTURES) {
        let packet = packet(place as u16, (number * 3600) as u32);
        match is_keyframe {
            true => sender.handle_access_point(at(place * 40), &packet),
            false => sender.handle_sent(at(place * 40), &packet),
        }
        // Before the first B-frame there is no way to know.
        if place >= 2 {
            let due = (place * 3600) as u32;
            assert_eq!(report_of(&sender, at(place * 40), WALL).rtp, due, "{place}");
        }
    }
}

#[test]
fn pictures_out_of_order_without_a_keyframe_for_long_keep_the_clock_from_drifting() {
    let mut sender = Sender::new(90_000, 1);
    let age = SENDER_ANCHOR_AGE_MAX.as_millis() as u64;
    sender.handle_access_point(at(0), &packet(0, 0));
    sender.handle_sent(at(40), &packet(1, 7200));
    sender.handle_sent(at(80), &packet(2, 3600));
    assert_eq!(report_of(&sender, at(80), WALL).rtp, 7200);
    // Each is sent 10 ms before it is due, or later.
    for second in 1..=age / 1000 {
        sender.handle_sent(at(second * 1000), &packet(3, (second * 90_000) as u32 + 900));
        assert_eq!(report_of(&sender, at(second * 1000), WALL).rtp, (second * 90_000) as u32);
    }
    let late = (age * 90) as u32 + 1000;
    sender.handle_sent(at(age + 1), &packet(4, late));
    assert_eq!(report_of(&sender, at(age + 1), WALL).rtp, late);
    // One that has begun anew is in order until it shows otherwise.
    sender.handle_sent(at(age + 2), &packet(5, 1_000_000_000));
    assert_eq!(report_of(&sender, at(age + 2), WALL).rtp, 1_000_000_000);
}
