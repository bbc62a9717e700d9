//! RTCP: each report is written as a compound that a strict parser takes, and that reads the same.

use bytes::Bytes;
use rtspan_core::Tolerances;
use rtspan_core::rtp::rtcp::{
    Rtcp, goodbye_compound, parse, receiver_report_compound, sender_report_compound,
};

/// Reads the bytes as a compound.
pub fn run(data: &[u8]) {
    let mut tolerances = Tolerances::NONE;
    let packets: Vec<Rtcp> = parse(data, &mut tolerances).collect();
    assert!(packets.len() <= data.len() / 4);
    let cname = packets.iter().find_map(|packet| match packet {
        Rtcp::SourceDescription(description) => description.sources.first()?.cname.clone(),
        _ => None,
    });
    let cname = cname.unwrap_or_default();
    for packet in packets {
        let (written, count) = match &packet {
            Rtcp::SenderReport(report) => {
                assert!(report.reports.len() <= 31);
                (sender_report_compound(report, &cname), 2)
            }
            Rtcp::ReceiverReport(report) => {
                assert!(report.reports.len() <= 31);
                (receiver_report_compound(report, &cname), 2)
            }
            Rtcp::Goodbye(goodbye) => {
                let (Some(ssrc), Some(reason)) = (goodbye.sources.first(), &goodbye.reason) else { continue };
                let written = goodbye_compound(*ssrc, &cname, reason);
                check(&written, 3);
                continue;
            }
            _ => continue,
        };
        assert_eq!(check(&written, count).first(), Some(&packet));
    }
}

fn check(written: &Bytes, packets: usize) -> Vec<Rtcp> {
    let strict = rtcp_types::Compound::parse(written).expect("a compound of our own");
    assert_eq!(strict.filter(Result::is_ok).count(), packets);
    let mut tolerances = Tolerances::NONE;
    let read: Vec<Rtcp> = parse(written, &mut tolerances).collect();
    assert_eq!(read.len(), packets);
    assert!(tolerances.is_empty(), "{tolerances:?}");
    read
}
