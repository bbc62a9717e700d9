use std::time::Duration;

use super::*;
use crate::description::Format;
use crate::rtp::RtpHeader;

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn packet(payload_type: u8, ssrc: u32, sequence: u16) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type, ssrc, sequence, ..RtpHeader::default() }, &[0; 10])
}

fn receivers(delivery: Delivery) -> Receivers {
    Receivers::new(ClockRates::new(&[Format::h264(96, b"", b""), Format::pcmu()]), delivery, 99)
}

/// Takes a packet as the users of receivers do, and returns the packets that come out.
fn take(receivers: &mut Receivers, now: Instant, packet: RtpPacket) -> Vec<(u32, u16, u16)> {
    if let Some(lost) = receivers.newest().and_then(|newest| newest.pass(now, &packet)) {
        return vec![(packet.ssrc(), packet.sequence(), lost)];
    }
    receivers.handle_packet(now, packet);
    drain(receivers)
}

fn drain(receivers: &mut Receivers) -> Vec<(u32, u16, u16)> {
    std::iter::from_fn(|| receivers.poll_packet())
        .map(|(received, _)| (received.packet.ssrc(), received.packet.sequence(), received.lost))
        .collect()
}

fn report(ssrc: u32, ntp: Duration, rtp: u32) -> SenderReport {
    SenderReport { ssrc, ntp: NtpTime::from_unix(ntp), rtp, ..SenderReport::default() }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A source of 30 packets a second for a minute, with forged packets three times a second: no good packet is missing or late,
/// and so many of the forged ones come through.
fn attack(forged: impl Fn(u16, u16) -> Vec<RtpPacket>) -> (usize, ReceiverStats) {
    let mut receivers = receivers(Delivery::Unordered);
    let mut out = Vec::new();
    for step in 0..1800_u16 {
        let (now, sequence) = (at(u64::from(step) * 33), 60_000_u16.wrapping_add(step));
        out.extend(take(&mut receivers, now, packet(96, 1, sequence)));
        if step % 10 == 0 {
            for packet in forged(step / 10, sequence) {
                out.extend(take(&mut receivers, now, packet));
            }
        }
        receivers.handle_timeout(now);
        out.extend(drain(&mut receivers));
    }
    // The last may wait for one more to prove that the source is back.
    for step in 1800..1802_u16 {
        out.extend(take(&mut receivers, at(60_000), packet(96, 1, 60_000_u16.wrapping_add(step))));
    }
    let is_good = |(ssrc, sequence, _): &&(u32, u16, u16)| *ssrc == 1 && sequence.wrapping_sub(60_000) < 1802;
    let good: Vec<u16> = out.iter().filter(is_good).map(|(_, sequence, _)| *sequence).collect();
    assert_eq!(good, (0..1802).map(|step| 60_000_u16.wrapping_add(step)).collect::<Vec<_>>());
    (out.len() - good.len(), receivers.stats())
}

#[test]
fn a_forger_of_single_packets_displaces_none_of_the_good_ones() {
    let far = |sequence: u16| sequence.wrapping_add(20_000);
    let (through, stats) = attack(|_, sequence| vec![packet(96, 1, far(sequence))]);
    assert_eq!((through, stats.lost, stats.restarts, stats.strays), (0, 0, 0, 180), "far away");
    let (through, stats) = attack(|turn, _| vec![packet(96, 1, 10_000 + turn)]);
    assert_eq!((through, stats.lost, stats.restarts), (0, 0, 0), "in sequence among themselves");
    let (through, stats) = attack(|_, sequence| vec![packet(96, 1, sequence.wrapping_add(1000))]);
    assert_eq!((through, stats.lost, stats.restarts), (0, 0, 0), "a little ahead");
    let (through, stats) = attack(|turn, _| vec![packet(96, 1000 + u32::from(turn), turn)]);
    assert_eq!((through, stats.lost, stats.restarts, stats.strays), (0, 0, 0, 180), "always another SSRC");
    // One more source is there, and takes nothing away.
    let (_, stats) = attack(|turn, _| vec![packet(96, 2, turn)]);
    assert_eq!((stats.lost, stats.restarts), (0, 1), "one other SSRC, in sequence");
}

#[test]
fn a_forger_of_pairs_displaces_none_of_the_good_ones_and_wins_once_in_a_period_at_most() {
    let pair = |ssrc, first: u16| vec![packet(96, ssrc, first), packet(96, ssrc, first + 1)];
    let (through, stats) = attack(|turn, _| pair(1, 10_000 + 100 * turn));
    assert!(through <= 2 * 61, "{through} came through");
    assert!(stats.restarts <= 2 * 61, "{stats:?}");
    let (through, stats) = attack(|turn, _| pair(1000 + u32::from(turn), 7));
    // One for the format that has none yet, and then one in each period.
    assert!(through <= 2 * 62, "{through} came through");
    assert!(stats.restarts <= 62, "{stats:?}");
}

/// The sequence numbers that a forger sends behind the packet of this number.
type Forger<'a> = &'a dyn Fn(u16) -> Vec<u16>;

/// How many of a source's packets come through, 25 a second for a minute, when a forger that knows its SSRC sends these
/// behind each of them.
fn through(forged: Forger<'_>) -> usize {
    let mut receivers = receivers(Delivery::Unordered);
    let mut out = Vec::new();
    for step in 0..1500_u16 {
        let now = at(u64::from(step) * 40);
        receivers.handle_timeout(now);
        out.extend(take(&mut receivers, now, packet(96, 1, step)));
        for forged in forged(step) {
            out.extend(take(&mut receivers, now, packet(96, 1, forged)));
        }
    }
    out.iter().filter(|(_, sequence, _)| *sequence < 1500).count()
}

#[test]
fn a_forger_that_is_faster_than_the_source_wins_once_in_a_period_at_most() {
    // Each time it takes three packets until the source is back, and one until it is known to be.
    let least = 1500 - 60 * 4;
    let cases: [(&str, Forger<'_>); 4] = [
        ("pairs far away", &|step| vec![20_000 + step * 10, 20_001 + step * 10]),
        ("pairs a little ahead", &|step| vec![step + 1600, step + 1601]),
        ("a sequence that goes on", &|step| vec![30_000 + 2 * step, 30_001 + 2 * step]),
        ("a sequence at the pace of the source", &|step| {
            vec![if step == 10 { 29_999 } else { 30_000 + step }]
        }),
    ];
    for (what, forged) in cases {
        let through = through(forged);
        assert!(through >= least, "{what}: {through} came through");
    }
}

#[test]
fn a_source_that_begins_anew_is_followed_and_loses_nothing() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        for (ssrc, first) in [(1, 30_000), (2, 30_000), (2, 101)] {
            let mut receivers = receivers(delivery);
            let mut out = take(&mut receivers, at(0), packet(96, 1, 100));
            for step in 0..4 {
                out.extend(take(&mut receivers, at(10), packet(96, ssrc, first + step)));
            }
            let expected: Vec<_> =
                std::iter::once((1, 100, 0)).chain((0..4).map(|step| (ssrc, first + step, 0))).collect();
            assert_eq!(out, expected, "{delivery:?} {ssrc} {first}");
            assert_eq!(receivers.stats().restarts, 1);
        }
    }
}

#[test]
fn another_ssrc_needs_no_proof_over_tcp_or_when_no_source_lives() {
    let mut tcp = receivers(Delivery::Ordered);
    for sequence in 0..10 {
        let ssrc = u32::from(sequence) % 2;
        assert_eq!(take(&mut tcp, at(0), packet(96, ssrc, sequence / 2)), [(ssrc, sequence / 2, 0)]);
    }
    assert_eq!(tcp.stats().restarts, 1);

    for (after, out) in [(Duration::from_nanos(1), 0), (Duration::ZERO, 1)] {
        let mut udp = receivers(Delivery::Unordered);
        take(&mut udp, at(0), packet(96, 1, 1));
        let now = Instant::ZERO + (SOURCE_LIVES - after);
        assert_eq!(take(&mut udp, now, packet(96, 2, 50)).len(), out);
    }
}

#[test]
fn formats_with_ssrcs_of_their_own_are_received_side_by_side() {
    for delivery in [Delivery::Ordered, Delivery::Unordered] {
        let mut receivers = receivers(delivery);
        let mut out = Vec::new();
        for step in 0..50 {
            out.extend(take(&mut receivers, at(0), packet(96, 1, 1000 + step)));
            out.extend(take(&mut receivers, at(0), packet(0, 2, 9000 + step)));
        }
        for (ssrc, first) in [(1, 1000), (2, 9000)] {
            let own: Vec<u16> = out.iter().filter(|it| it.0 == ssrc).map(|it| it.1).collect();
            assert_eq!(own, (first..first + 50).collect::<Vec<_>>());
        }
        let stats = receivers.stats();
        assert_eq!((stats.packets, stats.lost, stats.restarts), (100, 0, 1));
        receivers.handle_sender_report(at(0), report(1, secs(1000), 0));
        receivers.handle_sender_report(at(0), report(2, secs(1000), 0));
        let header = RtpHeader { payload_type: 0, ssrc: 2, sequence: 9050, timestamp: 8000, marker: false };
        receivers.handle_packet(at(0), RtpPacket::build(header, &[]));
        let (_, clock_rate) = receivers.poll_packet().unwrap();
        let ntp = receivers.newest().unwrap().ntp_of(8000);
        assert_eq!((clock_rate, ntp), (8000, Some(NtpTime::from_unix(secs(1001)))), "of its own format");
        let bytes = receivers.report(at(0), "me").unwrap();
        let mut tolerances = crate::Tolerances::NONE;
        let Some(rtcp::Rtcp::ReceiverReport(told)) = rtcp::parse(&bytes, &mut tolerances).next() else {
            panic!("no receiver report")
        };
        assert_eq!(told.reports.iter().map(|block| block.ssrc).collect::<Vec<_>>(), [1, 2]);
    }
}

#[test]
fn two_formats_may_share_an_ssrc_and_its_sequence() {
    let mut receivers = receivers(Delivery::Unordered);
    for sequence in 0..10 {
        let payload_type = if sequence % 2 == 0 { 96 } else { 0 };
        assert_eq!(take(&mut receivers, at(0), packet(payload_type, 1, sequence)), [(1, sequence, 0)]);
    }
}

#[test]
fn one_source_over_the_bound_pushes_out_the_quietest() {
    let mut receivers = receivers(Delivery::Ordered);
    for ssrc in 0..SOURCES_MAX as u32 {
        take(&mut receivers, at(u64::from(ssrc)), packet(96, ssrc, 0));
    }
    take(&mut receivers, at(100), packet(96, 0, 1));
    take(&mut receivers, at(101), packet(96, 99, 0));
    let kept: Vec<u32> = receivers.ssrcs().collect();
    assert_eq!(kept.len(), SOURCES_MAX);
    assert!(kept.contains(&0) && kept.contains(&99) && !kept.contains(&1));
    assert_eq!(receivers.stats().packets, SOURCES_MAX as u64 + 2);
}

#[test]
fn a_forger_of_sources_pushes_out_its_own_and_not_a_quiet_one() {
    let mut receivers = receivers(Delivery::Unordered);
    // The media has two formats, and each of them a source.
    for ssrc in 1..=2 {
        take(&mut receivers, at(0), packet(96, ssrc, 1));
        take(&mut receivers, at(0), packet(96, ssrc, 2));
    }
    let forged = 100..100 + 2 * SOURCES_MAX as u32;
    for ssrc in forged.clone() {
        let now = at(0) + SOURCE_RESTART_PERIOD * (ssrc - 99);
        take(&mut receivers, now, packet(96, ssrc, 1));
        assert_eq!(take(&mut receivers, now, packet(96, ssrc, 2)), [(ssrc, 1, 0), (ssrc, 2, 0)]);
    }
    let kept: Vec<u32> = receivers.ssrcs().collect();
    assert_eq!(kept.len(), SOURCES_MAX);
    assert!((1..=2).chain(forged.end - 14..forged.end).eq(kept));
    let now = at(0) + SOURCE_RESTART_PERIOD * (forged.len() as u32 + 1);
    assert_eq!(take(&mut receivers, now, packet(96, 1, 3)), [(1, 3, 0)]);
}

#[test]
fn one_ssrc_over_the_bound_of_those_that_prove_themselves_pushes_out_the_oldest() {
    let both = vec![(2, 1, 0), (2, 2, 0)];
    for (others, out) in [
        (PACKETS_UNPROVEN_MAX - 1, both),
        (PACKETS_UNPROVEN_MAX, vec![(2, 2, 0)]),
        (SOURCES_UNPROVEN_MAX - 1, vec![(2, 2, 0)]),
        (SOURCES_UNPROVEN_MAX, vec![]),
    ] {
        let mut receivers = receivers(Delivery::Unordered);
        take(&mut receivers, at(0), packet(96, 1, 1));
        take(&mut receivers, at(0), packet(96, 2, 1));
        for ssrc in 0..others as u32 {
            take(&mut receivers, at(0), packet(96, 100 + ssrc, 1));
        }
        assert_eq!(take(&mut receivers, at(0), packet(96, 2, 2)), out, "behind {others} others");
        let held = receivers.unproven.iter().filter(|unproven| unproven.packet.is_some()).count();
        assert!(held <= PACKETS_UNPROVEN_MAX && receivers.unproven.len() <= SOURCES_UNPROVEN_MAX);
    }
}

#[test]
fn strays_between_all_packets_of_a_new_ssrc_do_not_keep_it_from_proving_itself() {
    let mut receivers = receivers(Delivery::Unordered);
    take(&mut receivers, at(0), packet(0, 1, 1));
    let mut out = Vec::new();
    for step in 0..10_u16 {
        let now = at(u64::from(step) * 40);
        take(&mut receivers, now, packet(0, 1, 2 + step));
        out.extend(take(&mut receivers, now, packet(96, 2, 700 + step)));
        for stray in 0..50 {
            take(&mut receivers, now, packet(96, 1000 + u32::from(step) * 50 + stray, 7));
        }
    }
    assert_eq!(out, (701..710).map(|sequence| (2, sequence, 0)).collect::<Vec<_>>());
}

#[test]
fn a_report_that_comes_before_the_first_packet_of_its_source_counts_from_that_on() {
    let mut receivers = receivers(Delivery::Unordered);
    receivers.handle_sender_report(at(0), report(1, secs(1000), 0));
    assert_eq!(receivers.poll_clock(), None);
    receivers.handle_packet(at(0), packet(96, 1, 1));
    let (received, _) = receivers.poll_packet().unwrap();
    let ntp = receivers.newest().unwrap().ntp_of(received.packet.timestamp());
    assert_eq!(ntp, Some(NtpTime::from_unix(secs(1000))));
    assert_eq!(receivers.poll_clock().map(|report| report.ssrc), Some(1));
    receivers.handle_sender_report(at(0), report(0x9999, secs(1000), 5_000_000));
    assert_eq!(receivers.poll_clock(), None);
    for ssrc in 0..=REPORTS_EARLY_MAX as u32 {
        receivers.handle_sender_report(at(0), report(500 + ssrc, secs(1000), 0));
    }
    let mut tcp = Receivers { delivery: Delivery::Ordered, ..receivers };
    tcp.handle_packet(at(0), packet(96, 500, 0));
    assert_eq!(tcp.poll_clock(), None, "one over the bound pushes out the oldest");
    tcp.handle_packet(at(0), packet(96, 501, 0));
    assert_eq!(tcp.poll_clock().map(|report| report.ssrc), Some(501));
}

#[test]
fn a_report_that_has_waited_for_its_first_packet_is_told_as_of_then() {
    let mut receivers = receivers(Delivery::Unordered);
    receivers.handle_sender_report(at(0), report(1, secs(1000), 5));
    receivers.handle_sender_report(at(0), SenderReport { ssrc: 2, rtp: 5, ..SenderReport::default() });
    receivers.handle_packet(at(1500), packet(96, 1, 1));
    let told = receivers.poll_clock().map(|told| (told.ntp, told.rtp));
    assert_eq!(told, Some((NtpTime::from_unix(Duration::from_millis(1_001_500)), 135_005)));
    for sequence in [1, 2] {
        receivers.handle_packet(at(1500), packet(96, 2, sequence));
    }
    let told = receivers.poll_clock().map(|told| (told.ntp, told.rtp));
    assert_eq!(told, Some((NtpTime::default(), 5)), "one without a wall clock stays as it is");
}

#[test]
fn a_report_that_contradicts_is_left_out_unless_it_persists() {
    let mut receivers = receivers(Delivery::Ordered);
    receivers.handle_packet(at(0), packet(96, 1, 1));
    let mut believed = |now: u64, ntp: u64, rtp: u32| {
        receivers.handle_sender_report(at(now * 1000), report(1, secs(ntp), rtp));
        (receivers.poll_clock().is_some(), receivers.stats().reports_refused)
    };
    assert_eq!(believed(0, 1000, 0), (true, 0));
    // Off by a second and no more: a clock that drifts or is corrected.
    assert_eq!(believed(5, 1005, 450_000 + 90_000), (true, 0));
    assert_eq!(believed(10, 1010, 900_000 - 1), (false, 1), "one unit over the bound");
    assert_eq!(believed(10, 1010, 900_000 + 90_000), (true, 1));
    // A forger, whatever often, does not outlast the true reports.
    for period in 2..10 {
        for forged in 0..4 {
            assert!(!believed(5 * period + forged, 5_000 + 5 * period + forged, 5_000_000).0);
        }
        let (now, rtp) = (5 * period + 4, 450_000 * period as u32 + 360_000);
        assert!(believed(now, 1000 + now, rtp).0, "at {now}");
    }
    // The clock is set: the second report by it is believed, at the usual distance.
    let refused = believed(49 + 5, 9_000, 4_860_000).1;
    assert_eq!(believed(49 + 10, 9_005, 4_860_000 + 450_000), (true, refused));
    assert_eq!(believed(49 + 15, 9_010, 4_860_000 + 900_000), (true, refused));
}
