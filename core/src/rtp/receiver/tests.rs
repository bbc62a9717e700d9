use super::*;
use crate::Tolerances;
use crate::limits::{READY_PACKETS_MAX, REORDER_PACKETS, SEQUENCE_JUMP_MAX};
use crate::rtp::RtpHeader;
use crate::rtp::rtcp::Rtcp;

const RATE: u32 = 90_000;
const LOCAL: u32 = 99;
const SSRC: u32 = 1;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn packet_of(ssrc: u32, sequence: u16, timestamp: u32) -> RtpPacket {
    RtpPacket::build(RtpHeader { sequence, timestamp, ssrc, ..RtpHeader::default() }, &[0; 10])
}

fn packet(sequence: u16) -> RtpPacket {
    packet_of(SSRC, sequence, 0)
}

fn drain(receiver: &mut Receiver) -> Vec<(u16, u16)> {
    std::iter::from_fn(|| receiver.poll_packet())
        .map(|received| (received.packet.sequence(), received.lost))
        .collect()
}

/// The packets that come out when these come in at once, each with the number lost before it.
fn order(delivery: Delivery, sequences: &[u16]) -> (Vec<(u16, u16)>, Receiver) {
    let mut receiver = Receiver::new(RATE, delivery, LOCAL);
    let mut out = Vec::new();
    for sequence in sequences {
        receiver.handle_packet(at(0), packet(*sequence));
        out.extend(drain(&mut receiver));
    }
    (out, receiver)
}

fn report_of(receiver: &mut Receiver, now: Instant) -> ReportBlock {
    let bytes = receiver.report(now, "me").unwrap();
    let mut tolerances = Tolerances::default();
    match rtcp::parse(&bytes, &mut tolerances).next() {
        Some(Rtcp::ReceiverReport(report)) => {
            assert_eq!(report.ssrc, LOCAL);
            report.reports[0]
        }
        other => panic!("{other:?}"),
    }
}

fn sender_report(ssrc: u32, ntp: u64, rtp: u32) -> SenderReport {
    SenderReport { ssrc, ntp: NtpTime::from_bits(ntp), rtp, ..SenderReport::default() }
}

#[test]
fn packets_in_order_come_out_at_once_over_the_wrap() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let sequences: Vec<u16> = (65_500..=65_535).chain(0..100).collect();
        let (out, receiver) = order(delivery, &sequences);
        assert_eq!(out, sequences.iter().map(|sequence| (*sequence, 0)).collect::<Vec<_>>());
        let stats = receiver.stats();
        assert_eq!((stats.packets, stats.lost, stats.duplicates, stats.reordered), (136, 0, 0, 0));
        assert_eq!((stats.bytes, stats.last_sequence, stats.ssrc), (136 * 22, Some(99), Some(SSRC)));
    }
}

#[test]
fn every_permutation_behind_the_first_packet_is_put_into_order() {
    fn permute(from: usize, packets: &mut [u16; 6], base: u16) {
        if from == packets.len() {
            let sequences: Vec<u16> =
                std::iter::once(0).chain(*packets).map(|ahead| base.wrapping_add(ahead)).collect();
            let (out, receiver) = order(Delivery::Unordered, &sequences);
            let expected: Vec<_> = (0..=6).map(|ahead| (base.wrapping_add(ahead), 0)).collect();
            assert_eq!(out, expected, "{packets:?} from {base}");
            assert_eq!((receiver.stats().packets, receiver.stats().lost), (7, 0));
            assert_eq!(receiver.poll_timeout(), None);
            return;
        }
        for at in from..packets.len() {
            packets.swap(from, at);
            permute(from + 1, packets, base);
            packets.swap(from, at);
        }
    }
    for base in [0, 100, 65_533] {
        permute(0, &mut [1, 2, 3, 4, 5, 6], base);
    }
}

#[test]
fn a_missing_packet_is_waited_for_100_milliseconds() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_packet(at(0), packet(10));
    receiver.handle_packet(at(5), packet(12));
    receiver.handle_packet(at(50), packet(15));
    assert_eq!(drain(&mut receiver), [(10, 0)]);
    assert_eq!(receiver.poll_timeout(), Some(at(105)));
    receiver.handle_timeout(at(104));
    assert_eq!(drain(&mut receiver), []);
    receiver.handle_timeout(at(105));
    assert_eq!(drain(&mut receiver), [(12, 1)]);
    assert_eq!(receiver.poll_timeout(), Some(at(150)));
    receiver.handle_packet(at(150), packet(16));
    assert_eq!(drain(&mut receiver), [(15, 2), (16, 0)]);
    assert_eq!(receiver.poll_timeout(), None);
    assert_eq!(receiver.stats().lost, 3);
}

#[test]
fn filling_the_first_gap_lets_the_wait_for_the_second_count_from_its_own_beginning() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_packet(at(0), packet(1));
    receiver.handle_packet(at(10), packet(3));
    receiver.handle_packet(at(40), packet(5));
    receiver.handle_packet(at(60), packet(2));
    assert_eq!(drain(&mut receiver), [(1, 0), (2, 0), (3, 0)]);
    assert_eq!(receiver.poll_timeout(), Some(at(140)));
    assert_eq!(receiver.stats().reordered, 1);
}

#[test]
fn no_more_than_64_packets_wait() {
    for base in [0_u16, 65_520] {
        let at = |ahead: u16| base.wrapping_add(ahead);
        // Packet 1 is missing; 2 to 64 fit behind it, 65 does not.
        let sequences: Vec<u16> = (0..=64).filter(|ahead| *ahead != 1).map(at).collect();
        let (out, mut receiver) = order(Delivery::Unordered, &sequences);
        assert_eq!(out, [(at(0), 0)]);
        receiver.handle_packet(Instant::ZERO, packet(at(65)));
        let expected: Vec<_> = (2..=65).map(|ahead| (at(ahead), u16::from(ahead == 2))).collect();
        assert_eq!(drain(&mut receiver), expected);
        assert_eq!(receiver.stats().lost, 1);
        assert_eq!(receiver.poll_timeout(), None);
    }
}

#[test]
fn a_jump_within_the_sequence_counts_what_it_skips() {
    let (out, mut receiver) = order(Delivery::Unordered, &[0, 2, 1000, 1001]);
    assert_eq!(out, [(0, 0), (2, 1), (1000, 997), (1001, 0)]);
    receiver.handle_timeout(at(100));
    assert_eq!(drain(&mut receiver), []);
    assert_eq!(receiver.stats().lost, 998);

    let (out, receiver) = order(Delivery::Ordered, &[0, 2, 1000]);
    assert_eq!(out, [(0, 0), (2, 1), (1000, 997)]);
    assert_eq!(receiver.stats().lost, 998);
}

#[test]
fn a_jump_behind_a_run_that_reaches_past_the_window_loses_no_packet_that_came() {
    let (mut out, mut receiver) = order(Delivery::Unordered, &[0, 2, 3, 4, 5, 6, 7, 8, 68]);
    receiver.handle_timeout(at(100));
    out.extend(drain(&mut receiver));
    let came: Vec<u16> = out.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(came, [0, 2, 3, 4, 5, 6, 7, 8, 68]);
    assert_eq!(out.last(), Some(&(68, 59)));
    assert_eq!(receiver.stats().lost, 60);
}

#[test]
fn duplicates_are_dropped_and_never_counted_as_losses() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let (out, receiver) = order(delivery, &[65_535, 65_535, 0, 0, 65_535, 1]);
        assert_eq!(out, [(65_535, 0), (0, 0), (1, 0)]);
        let stats = receiver.stats();
        assert_eq!((stats.packets, stats.duplicates, stats.lost, stats.late), (3, 3, 0, 0));
    }
    let (out, receiver) = order(Delivery::Unordered, &[0, 5, 5, 5]);
    assert_eq!(out, [(0, 0)]);
    assert_eq!(receiver.stats().duplicates, 2);
}

#[test]
fn a_packet_that_was_given_up_is_late_and_makes_up_for_the_loss_in_reports() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_packet(at(0), packet(1));
    receiver.handle_packet(at(0), packet(3));
    receiver.handle_timeout(at(100));
    receiver.handle_packet(at(101), packet(2));
    assert_eq!(drain(&mut receiver), [(1, 0), (3, 1)]);
    let stats = receiver.stats();
    assert_eq!((stats.lost, stats.late, stats.duplicates), (1, 1, 0));
    assert_eq!(report_of(&mut receiver, at(101)).lost, 0);
}

#[test]
fn a_sequence_that_begins_anew_is_followed() {
    let (out, receiver) = order(Delivery::Unordered, &[40_000, 40_001, 7, 8, 9]);
    assert_eq!(out, [(40_000, 0), (40_001, 0), (7, 0), (8, 0), (9, 0)]);
    let stats = receiver.stats();
    assert_eq!((stats.packets, stats.bytes, stats.restarts, stats.lost), (5, 110, 1, 0));

    let (out, receiver) = order(Delivery::Ordered, &[40_000, 7, 8]);
    assert_eq!(out, [(40_000, 0), (7, 0), (8, 0)]);
    assert_eq!((receiver.stats().restarts, receiver.stats().lost), (1, 0));
}

#[test]
fn a_single_packet_from_far_away_does_not_end_the_sequence() {
    let (out, receiver) = order(Delivery::Unordered, &[100, 40_000, 101, 50_000, 102, 20_000]);
    assert_eq!(out, [(100, 0), (101, 0), (102, 0)]);
    assert_eq!((receiver.stats().strays, receiver.stats().restarts), (3, 0));
}

#[test]
fn a_jump_of_one_over_the_bound_begins_another_sequence() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        for (jump, lost, restarts) in
            [(SEQUENCE_JUMP_MAX, SEQUENCE_JUMP_MAX, 0), (SEQUENCE_JUMP_MAX + 1, 0, 1)]
        {
            let (out, receiver) = order(delivery, &[0, 1 + jump, 2 + jump]);
            assert_eq!(out, [(0, 0), (1 + jump, lost), (2 + jump, 0)], "{delivery:?}");
            assert_eq!((receiver.stats().lost, receiver.stats().restarts), (lost.into(), restarts));
        }
    }
}

#[test]
fn over_udp_a_packet_of_the_sequence_between_two_from_far_away_keeps_it() {
    let (out, receiver) = order(Delivery::Unordered, &[100, 40_000, 101, 40_001, 102, 40_002, 103]);
    assert_eq!(out, [(100, 0), (101, 0), (102, 0), (103, 0)]);
    assert_eq!((receiver.stats().strays, receiver.stats().restarts), (3, 0));
}

#[test]
fn a_sequence_begins_anew_once_in_a_period_and_comes_back_at_any_time() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    let mut take = |millis, sequences: &[u16]| {
        sequences.iter().for_each(|sequence| receiver.handle_packet(at(millis), packet(*sequence)));
        drain(&mut receiver).len()
    };
    assert_eq!(take(0, &[100]), 1);
    assert_eq!(take(0, &[40_000, 40_001]), 2);
    assert_eq!(take(10, &[101, 102, 103]), 3, "it comes back");
    assert_eq!(take(1009, &[50_000, 50_001]), 0, "too soon");
    assert_eq!(take(1009, &[104]), 1);
    assert_eq!(take(1010, &[50_000, 50_001]), 2);
}

#[test]
fn packets_of_another_source_are_left_out() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let mut receiver = Receiver::new(RATE, delivery, LOCAL);
        receiver.handle_packet(at(0), packet_of(1, 10, 0));
        receiver.handle_packet(at(0), packet_of(2, 500, 0));
        receiver.handle_packet(at(0), packet_of(2, 501, 0));
        receiver.handle_packet(at(0), packet_of(1, 11, 0));
        assert_eq!(drain(&mut receiver), [(10, 0), (11, 0)]);
        assert_eq!((receiver.stats().ssrc, receiver.stats().strays), (Some(1), 2));
    }
}

#[test]
fn only_the_next_packet_of_the_source_is_passed_and_counted() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    assert_eq!(receiver.pass(at(0), &packet(5)), None, "the first begins the source");
    receiver.handle_packet(at(0), packet(5));
    assert_eq!(receiver.pass(at(0), &packet(6)), None, "one is to be polled before it");
    assert_eq!(drain(&mut receiver), [(5, 0)]);
    assert_eq!(receiver.pass(at(0), &packet(7)), None, "one is missing before it");
    assert_eq!(receiver.pass(at(0), &packet_of(SSRC + 1, 6, 0)), None, "another source");
    assert_eq!(receiver.pass(at(0), &packet(6)), Some(0));
    assert_eq!(receiver.pass(at(0), &packet(6)), None, "it came already");
    receiver.handle_packet(at(0), packet(8));
    assert_eq!(receiver.pass(at(0), &packet(7)), None, "one waits behind it");
    let stats = receiver.stats();
    assert_eq!((stats.packets, stats.bytes, stats.last_sequence), (3, 66, Some(8)));
}

#[test]
fn packets_that_nobody_polls_push_out_the_oldest() {
    let mut receiver = Receiver::new(RATE, Delivery::Ordered, LOCAL);
    for sequence in 0..=READY_PACKETS_MAX as u16 {
        receiver.handle_packet(at(0), packet(sequence));
    }
    let out = drain(&mut receiver);
    assert_eq!((out.len(), out[0], out[1]), (READY_PACKETS_MAX, (1, 1), (2, 0)));
    assert_eq!(receiver.stats().lost, 1);
}

#[test]
fn no_order_of_packets_gives_one_twice_or_out_of_order() {
    // A fixed linear congruential generator is chance enough here.
    let mut state = 1_u64;
    let mut chance = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let mut receiver = Receiver::new(RATE, delivery, LOCAL);
        let (mut sequence, mut now) = (65_000_u16, 0);
        let mut last: Option<u16> = None;
        for _ in 0..200_000 {
            now += chance(3);
            sequence = sequence.wrapping_add(chance(4) as u16);
            let sent = sequence.wrapping_sub(chance(60) as u16);
            receiver.handle_packet(at(now), packet(sent));
            receiver.handle_timeout(at(now));
            assert!(receiver.poll_timeout().is_none_or(|deadline| deadline > at(now)));
            while let Some(received) = receiver.poll_packet() {
                let sequence = received.packet.sequence();
                if let Some(last) = last {
                    assert_eq!(sequence.wrapping_sub(last).wrapping_sub(1), received.lost);
                }
                last = Some(sequence);
            }
        }
        assert_eq!(receiver.stats().restarts, 0);
        assert!(receiver.stats().packets > 10_000);
    }
}

#[test]
fn a_flood_of_wild_packets_holds_no_more_than_the_bounds() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    for step in 0..10_000_u32 {
        let wild = step.wrapping_mul(2_654_435_761);
        receiver.handle_packet(at(u64::from(step)), packet_of(wild >> 30, (wild >> 8) as u16, wild));
    }
    assert!(drain(&mut receiver).len() <= READY_PACKETS_MAX);
    assert!(receiver.report(at(10_000), "me").is_some());
    assert_eq!(REORDER_PACKETS, 64);
}

#[test]
fn jitter_is_zero_for_even_packets_over_the_timestamp_wrap() {
    let mut receiver = Receiver::new(RATE, Delivery::Ordered, LOCAL);
    let mut timestamp = u32::MAX - 20 * 900;
    for step in 0..100 {
        receiver.handle_packet(at(u64::from(step) * 10), packet_of(SSRC, step, timestamp));
        timestamp = timestamp.wrapping_add(900);
    }
    assert_eq!(receiver.stats().jitter, Duration::ZERO);
    assert_eq!(report_of(&mut receiver, at(1000)).jitter, 0);
}

#[test]
fn jitter_follows_the_formula_of_appendix_a_8() {
    let mut receiver = Receiver::new(8000, Delivery::Ordered, LOCAL);
    let (mut expected, mut before) = (0.0_f64, None::<f64>);
    for step in 0..200_u16 {
        let came = u64::from(step) * 20 + u64::from(step * 7 % 11);
        let timestamp = u32::from(step) * 160;
        receiver.handle_packet(at(came), packet_of(SSRC, step, timestamp));
        let transit = came as f64 * 8.0 - f64::from(timestamp);
        if let Some(before) = before.replace(transit) {
            expected += ((transit - before).abs() - expected) / 16.0;
        }
    }
    let jitter = f64::from(report_of(&mut receiver, at(0)).jitter);
    assert!((jitter - expected).abs() <= 1.5, "{jitter} is not {expected}");
    assert_eq!(receiver.stats().jitter, Duration::from_micros(jitter as u64 * 125));
}

#[test]
fn timestamps_that_jump_and_a_clock_rate_of_zero_are_survived() {
    for rate in [0, 1, RATE, u32::MAX] {
        let mut receiver = Receiver::new(rate, Delivery::Ordered, LOCAL);
        for (step, timestamp) in [0, 1 << 31, 0, u32::MAX, 1 << 31, 5].into_iter().enumerate() {
            let now = Instant::from_nanos((step as u64).wrapping_mul(u64::MAX / 3));
            receiver.handle_packet(now, packet_of(SSRC, step as u16, timestamp));
        }
        receiver.handle_sender_report(at(0), &sender_report(SSRC, 1 << 40, 0));
        receiver.report(Instant::from_nanos(u64::MAX), "me").unwrap();
        receiver.stats();
        assert_eq!(receiver.ntp_of(5).is_none(), rate == 0);
    }
}

#[test]
fn reports_count_losses_between_reports_and_since_the_beginning() {
    let mut receiver = Receiver::new(RATE, Delivery::Ordered, LOCAL);
    assert_eq!(receiver.report(at(0), "me"), None);
    for sequence in [65_534, 65_535, 2, 3] {
        receiver.handle_packet(at(0), packet(sequence));
    }
    let block = report_of(&mut receiver, at(0));
    assert_eq!((block.ssrc, block.lost, block.fraction_lost), (SSRC, 2, 85));
    assert_eq!(block.highest_sequence, 0x1_0003);
    let block = report_of(&mut receiver, at(0));
    assert_eq!((block.lost, block.fraction_lost), (2, 0));
    for sequence in 4..8 {
        receiver.handle_packet(at(0), packet(sequence));
    }
    let block = report_of(&mut receiver, at(0));
    assert_eq!((block.lost, block.fraction_lost, block.highest_sequence), (2, 0, 0x1_0007));
}

#[test]
fn reports_echo_the_last_sender_report_and_its_age() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_packet(at(0), packet(0));
    let block = report_of(&mut receiver, at(0));
    assert_eq!((block.last_sr, block.delay), (0, 0));
    receiver.handle_sender_report(at(1000), &sender_report(SSRC, 0x1234_5678_90ab_cdef, 0));
    receiver.handle_sender_report(at(2000), &sender_report(SSRC + 1, u64::MAX, 0));
    let block = report_of(&mut receiver, at(1500));
    assert_eq!((block.last_sr, block.delay), (0x5678_90ab, 1 << 15));
}

#[test]
fn a_timestamp_is_mapped_to_the_wall_clock_of_the_last_sender_report() {
    let ntp = NtpTime::from_bits(15_354_565_283_395_798_332);
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_packet(at(0), packet(0));
    assert_eq!(receiver.ntp_of(0), None);
    receiver.handle_sender_report(at(0), &sender_report(SSRC, ntp.to_bits(), u32::MAX));
    assert_eq!(receiver.ntp_of(u32::MAX), Some(ntp));
    assert_eq!(receiver.ntp_of(89_999), Some(ntp + Duration::from_secs(1)));
    assert_eq!(receiver.ntp_of(u32::MAX - 45_000), Some(ntp - Duration::from_millis(500)));
}

#[test]
fn a_sender_without_a_wall_clock_or_of_another_source_tells_no_time() {
    let mut receiver = Receiver::new(RATE, Delivery::Unordered, LOCAL);
    receiver.handle_sender_report(at(0), &sender_report(SSRC + 1, 1 << 40, 0));
    receiver.handle_packet(at(0), packet(0));
    assert_eq!(receiver.ntp_of(0), None);
    receiver.handle_sender_report(at(0), &sender_report(SSRC, 0, 0));
    assert_eq!(receiver.ntp_of(0), None);
    receiver.handle_sender_report(at(0), &sender_report(SSRC, 1 << 40, 0));
    assert_eq!(receiver.ntp_of(0), Some(NtpTime::from_bits(1 << 40)));
    // The times of a source that has begun anew are not known.
    for sequence in [30_000, 30_001] {
        receiver.handle_packet(at(0), packet(sequence));
    }
    assert_eq!(receiver.ntp_of(0), None);
}

#[test]
fn what_is_handed_out_at_once_is_what_comes_out_in_two_steps() {
    // (SSRC, sequence, timestamp, when), or a report; with gaps, the wrap, packets late, twice, and begun anew.
    let near = |sequence: u16| {
        [3, 1, 2, 2, 5, 6, 90, 91, 4000, 4001, 30_000, 1, 30_001, 30_002]
            .map(|ahead| sequence.wrapping_add(ahead))
    };
    let sequences = [65_520, 65_532, 7, 20, 20_000].into_iter().flat_map(near);
    let packets = sequences.zip(0..).map(|(sequence, number): (u16, u64)| {
        let ssrc = if number % 17 == 16 { SSRC + 1 } else { SSRC };
        (packet_of(ssrc, sequence, number as u32 / 3 * 3000), at(number / 2 * 2000))
    });
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let [mut one, mut other] = [(); 2].map(|()| Receiver::new(RATE, delivery, LOCAL));
        for ((packet, now), number) in packets.clone().zip(0..) {
            if number % 10 == 1 {
                let report = sender_report(packet.ssrc(), number << 32, packet.timestamp());
                one.handle_sender_report(now, &report);
                other.handle_sender_report(now, &report);
            }
            one.handle_packet(now, packet.clone());
            let expected: Vec<_> = std::iter::from_fn(|| one.poll_packet()).collect();
            let came: Vec<_> = match other.pass(now, &packet) {
                Some(lost) => vec![Received { packet, lost }],
                None => {
                    other.handle_packet(now, packet);
                    std::iter::from_fn(|| other.poll_packet()).collect()
                }
            };
            assert_eq!(came, expected);
            for received in expected {
                let timestamp = received.packet.timestamp();
                assert_eq!(other.ntp_of(timestamp), one.ntp_of(timestamp));
            }
            assert_eq!((one.stats(), one.poll_timeout()), (other.stats(), other.poll_timeout()));
        }
        assert!(one.stats().packets > 30 && one.stats().restarts > 3, "{:?}", one.stats());
    }
}
