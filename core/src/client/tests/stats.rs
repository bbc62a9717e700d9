//! Counts of a client: of its connections, its session, each media and each source.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::rtp::RtpPacket;
use crate::rtp::rtcp::{self, ReceiverReport, ReportBlock, Rtcp, SenderReport};
use crate::stats::Counted;
use crate::{NtpTime, Tolerances};

/// Sender reports that were sent on a channel since this was asked last, and all other RTCP.
fn reports(it: &mut Scenario) -> (Vec<SenderReport>, usize) {
    let (mut reports, mut others) = (Vec::new(), 0);
    for frame in it.frames.drain(..).filter(|frame| frame.channel == 1) {
        match rtcp::parse(&frame.payload, &mut Tolerances::default()).next() {
            Some(Rtcp::SenderReport(report)) => reports.push(report),
            _ => others += 1,
        }
    }
    (reports, others)
}

fn send(it: &mut Scenario, packet: &RtpPacket) {
    it.client.send(it.now, 0, packet).unwrap();
    it.pump();
}

#[test]
fn what_came_is_counted_by_connection_media_and_source() {
    let mut it = Scenario::playing_tcp();
    for sequence in [1, 2, 4] {
        it.frame(0, video(sequence).as_bytes());
    }
    it.frame(0, packet(96, 7, 99).as_bytes());
    it.frame(0, b"none");
    let report = SenderReport { ssrc: 99, ntp: NtpTime::from_bits(5 << 32), ..SenderReport::default() };
    let compound = rtcp::sender_report_compound(&report, "camera");
    it.frame(1, &compound);
    it.frame(1, b"none");
    it.advance(Duration::from_secs(3));
    let stats = it.client.stats(it.now);
    assert_eq!((stats.conn.bytes_received, stats.connections), (it.received as u64, 1));
    assert!(stats.conn.bytes_sent > 0 && stats.conn.bytes_waiting == 0);
    let [media] = &*stats.session.medias else { panic!("{:?}", stats.session) };
    assert_eq!((media.media, media.rtp_errors, media.rtcp_errors), (0, 1, 1));
    assert_eq!(media.rtcp_received, Counted { packets: 1, bytes: compound.len() as u64 });
    let sources = media.formats.iter().filter_map(|format| {
        let received = &format.received;
        Some((format.remote_ssrc?, format.last_sequence, received.packets, received.lost))
    });
    assert_eq!(sources.collect::<Vec<_>>(), [(0xabcd, Some(4), 3, 1), (99, Some(7), 1, 0)]);
    assert!(media.formats[1].last_ntp.is_some(), "its time was reported");
    assert_eq!(stats.session.received().rtp.packets, 4);
    let [track] = &*stats.tracks else { panic!("{:?}", stats.tracks) };
    assert_eq!(Some(*track), it.client.media_stats(it.now, 0));
    assert_eq!((track.packets, track.lost, track.invalid), (4, 1, 2));
    assert_eq!(track.idle, Some(Duration::from_secs(3)));
    assert_eq!(track.rtcp_received, media.rtcp_received);
}

#[test]
fn before_anything_came_nothing_is_counted_and_after_the_end_all_still_is() {
    let it = Scenario::new(Transports::Tcp);
    let stats = it.client.stats(it.now);
    assert_eq!((stats.connections, stats.conn.bytes_sent, stats.tracks.len()), (0, 0, 0));
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.close();
    assert!(matches!(it.closed(), ClientCloseReason::ConnectionLost(_)));
    let stats = it.client.stats(it.now);
    assert_eq!((stats.session.received().rtp.packets, stats.conn.bytes_received), (1, it.received as u64));
}

#[test]
fn another_connection_adds_to_the_bytes_of_the_first() {
    let config = ClientConfig::default().transports(Transports::UdpThenTcp);
    let mut it = Scenario::playing_udp(config);
    let before = it.client.stats(it.now).conn;
    it.advance(Duration::from_secs(4));
    assert_eq!(it.switched(), SwitchReason::NothingHeard);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    let stats = it.client.stats(it.now);
    assert_eq!((stats.connections, stats.switched), (2, Some(SwitchReason::NothingHeard)));
    assert!(stats.conn.bytes_sent > before.bytes_sent);
    assert_eq!(stats.conn.bytes_received, it.received as u64);
}

#[test]
fn what_the_server_reports_of_what_is_sent_is_counted_and_told_once_a_second() {
    let mut it = Scenario::recording(Transports::Tcp);
    send(&mut it, &video(1));
    send(&mut it, &video(2));
    let (sent, _) = reports(&mut it);
    let [report] = &*sent else { panic!("{sent:?}") };
    it.advance(Duration::from_millis(40));
    let block = |ssrc, fraction_lost| ReportBlock { ssrc, fraction_lost, lost: 3, ..ReportBlock::default() };
    let own = ReportBlock { last_sr: report.ntp.middle(), ..block(0xabcd, 64) };
    let of_server = ReceiverReport { ssrc: 5, reports: vec![block(4, 255), own] };
    it.frame(1, &rtcp::receiver_report_compound(&of_server, "server"));
    it.frame(1, &rtcp::receiver_report_compound(&of_server, "server"));
    match it.event() {
        ClientEvent::LossReported { media: 0, fraction_lost: 64, lost: 3 } => {}
        other => panic!("{other:?}"),
    }
    it.no_event();
    let stats = it.client.stats(it.now);
    assert_eq!(stats.session.round_trip(), Some(Duration::from_millis(40)));
    let media = &stats.session.medias[0];
    let own = &media.formats[0];
    assert_eq!((own.local_ssrc, own.last_sequence, own.payload_type), (Some(0xabcd), Some(2), Some(96)));
    assert_eq!(own.sent, Counted { packets: 2, bytes: 2 * video(1).as_bytes().len() as u64 });
    assert_eq!((own.reported.unwrap().lost, media.rtcp_sent.packets, media.rtcp_received.packets), (3, 1, 2));
    assert_eq!(stats.session.reported_lost(), 3);
    assert_eq!(stats.tracks[0].reported_lost, 3);
    it.advance(Duration::from_secs(1));
    it.frame(1, &rtcp::receiver_report_compound(&of_server, "server"));
    assert!(matches!(it.event(), ClientEvent::LossReported { .. }));
}

#[test]
fn sender_reports_can_be_switched_off() {
    for (wanted, expected) in [(true, 2), (false, 0)] {
        let config = ClientConfig::default().transports(Transports::Tcp).sender_reports(wanted);
        let mut it = Scenario::recording_with(config);
        send(&mut it, &video(1));
        it.advance(Duration::from_secs(6));
        let (sent, others) = reports(&mut it);
        assert_eq!((sent.len(), others), (expected, 0), "{wanted}");
        assert_eq!(it.client.stats(it.now).session.medias[0].rtcp_sent.packets, expected as u64);
    }
}

#[test]
fn packets_with_a_time_of_their_own_are_reported_by_that_clock() {
    let mut it = Scenario::recording(Transports::Tcp);
    let noon = NtpTime::from_unix(Duration::from_secs(1_366_024_517));
    it.client.send_with_ntp(it.now, 0, &video(1), noon).unwrap();
    it.pump();
    let (sent, _) = reports(&mut it);
    assert_eq!((sent.len(), sent[0].ntp, sent[0].rtp), (1, noon, video(1).timestamp()));
    it.advance(Duration::from_secs(1));
    it.client.send_with_ntp(it.now, 0, &video(2), NtpTime::default()).unwrap();
    it.advance(Duration::from_secs(5));
    let (sent, _) = reports(&mut it);
    let last = sent.last().unwrap();
    let passed = Duration::from_nanos((u64::from(last.rtp - video(1).timestamp())) * 1_000_000_000 / 90_000);
    assert_eq!(last.ntp, noon + passed, "a time of zero is none");
    let format = it.client.stats(it.now).session.medias[0].formats[0].clone();
    assert_eq!(format.last_ntp, Some(noon + Duration::from_nanos(1_000_000_000 / 30)));
}
