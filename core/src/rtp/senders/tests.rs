use super::*;
use crate::Tolerances;
use crate::description::Format;
use crate::rtp::RtpHeader;
use crate::rtp::rtcp::{self, Rtcp, SenderReport};

const WALL: NtpTime = NtpTime::from_bits(15_354_565_283_395_798_332);

fn at(millis: u64) -> Instant {
    Instant::from_nanos(millis * 1_000_000)
}

fn packet(payload_type: u8, ssrc: u32, timestamp: u32) -> RtpPacket {
    RtpPacket::build(RtpHeader { payload_type, ssrc, timestamp, ..RtpHeader::default() }, &[0; 10])
}

fn senders() -> Senders {
    Senders::new(ClockRates::new(&[Format::h264(96, b"", b""), Format::pcmu()]))
}

fn report(senders: &Senders, ssrc: u32, now: Instant) -> Option<SenderReport> {
    let bytes = senders.report(ssrc, now, WALL, "me")?;
    match rtcp::parse(&bytes, &mut Tolerances::default()).next() {
        Some(Rtcp::SenderReport(report)) => Some(report),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_source_is_reported_with_its_own_counts_by_the_clock_of_its_own_format() {
    let mut senders = senders();
    for step in 0..3 {
        assert_eq!(senders.handle_sent(at(0), &packet(96, 1, 90_000), false), step == 0);
        assert_eq!(senders.handle_sent(at(0), &packet(0, 2, 8_000), false), step == 0);
    }
    senders.handle_sent(at(0), &packet(96, 1, 90_000), false);
    let [video, sound] = [1, 2].map(|ssrc| report(&senders, ssrc, at(1000)).unwrap());
    assert_eq!((video.ssrc, video.packets, video.rtp), (1, 4, 180_000));
    assert_eq!((sound.ssrc, sound.packets, sound.rtp), (2, 3, 16_000));
    assert_eq!((senders.stats().packets, senders.stats().octets, senders.newest()), (7, 70, Some(1)));
}

#[test]
fn a_reference_counts_for_its_own_source_only() {
    let mut senders = senders();
    senders.handle_sent(at(0), &packet(96, 1, 90_000), false);
    senders.handle_sent(at(0), &packet(96, 2, 90_000), false);
    assert!(!senders.set_reference(3, WALL, 5_000_000));
    assert!(senders.set_reference(2, WALL, 5_000_000));
    assert_eq!(report(&senders, 1, at(0)).unwrap().rtp, 90_000);
    assert_eq!(report(&senders, 2, at(0)).unwrap().rtp, 5_000_000);
}

#[test]
fn a_source_that_has_been_silent_for_two_periods_is_reported_only_if_no_other_sends() {
    let mut senders = senders();
    senders.handle_sent(at(0), &packet(96, 1, 0), false);
    assert!(report(&senders, 1, at(3_600_000)).is_some());
    senders.handle_sent(at(1), &packet(96, 2, 0), false);
    assert!(report(&senders, 1, at(9_999)).is_some());
    assert_eq!(report(&senders, 1, at(10_000)), None);
    assert!(report(&senders, 2, at(10_000)).is_some());
}

#[test]
fn one_source_over_the_bound_pushes_out_the_one_that_sent_nothing_for_longest() {
    let mut senders = senders();
    for ssrc in 0..SOURCES_MAX as u32 {
        senders.handle_sent(at(u64::from(ssrc)), &packet(96, ssrc, 0), false);
    }
    senders.handle_sent(at(100), &packet(96, 0, 0), false);
    assert!(senders.handle_sent(at(101), &packet(96, 99, 0), false));
    let kept: Vec<u32> = senders.ssrcs().collect();
    assert_eq!(kept.len(), SOURCES_MAX);
    assert!(kept.contains(&0) && kept.contains(&99) && !kept.contains(&1));
    assert!(senders.handle_sent(at(102), &packet(96, 1, 0), false), "it is a new one again");
    assert_eq!(senders.stats().packets, SOURCES_MAX as u64 + 3);
}

#[test]
fn what_peers_have_not_received_is_added_up_over_the_sources() {
    let mut senders = senders();
    senders.handle_sent(at(0), &packet(96, 1, 0), false);
    senders.handle_sent(at(0), &packet(0, 2, 0), false);
    let block = |ssrc, lost| ReportBlock { ssrc, lost, ..ReportBlock::default() };
    senders.handle_report_blocks(at(0), &[block(1, 3), block(2, 4), block(9, 100)]);
    senders.handle_report_blocks(at(1), &[block(1, 5)]);
    assert_eq!(senders.reported_lost(), 9);
}
