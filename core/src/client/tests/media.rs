use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::limits::{RESTART_WAIT, SEND_BYTES_MAX, SEND_PACKETS_MAX};
use crate::rtp::rtcp::{self, ReceiverReport, ReportBlock, Rtcp, SenderReport};
use crate::rtp::{RtpHeader, RtpPacket};
use crate::udp::Port;
use crate::url::Url;
use crate::{NtpTime, Tolerances};

fn udp() -> Scenario {
    Scenario::playing_udp(ClientConfig::default().transports(Transports::Udp))
}

#[test]
fn datagrams_from_elsewhere_are_dropped_and_counted() {
    let mut it = udp();
    it.datagram(Port::Rtp, "192.0.2.2:5000", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:5001", video(2).into_bytes());
    it.datagram(Port::Rtcp, "192.0.2.1:5000", video(3).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(4).into_bytes());
    assert_eq!(it.packets(), [(0, 4, 0)]);
    let stats = it.client.media_stats(it.now, 0).unwrap();
    assert_eq!((stats.packets, stats.foreign, stats.invalid), (1, 3, 0));
}

#[test]
fn what_is_no_packet_of_the_media_is_dropped_and_counted() {
    let mut it = Scenario::playing_tcp();
    for payload in [&b""[..], b"$", b"\x40\x60\0\0\0\0\0\0\0\0\0\0", packet(77, 1, 1).as_bytes(), &[0x80; 11]]
    {
        it.frame(0, payload);
    }
    it.frame(1, b"neither");
    assert_eq!(it.packets(), []);
    let stats = it.client.media_stats(it.now, 0).unwrap();
    assert_eq!((stats.packets, stats.invalid), (0, 6));
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_packet_that_is_missing_over_udp_is_given_up_after_a_while() {
    let mut it = udp();
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(1).into_bytes());
    it.datagram(Port::Rtp, "192.0.2.1:5000", video(3).into_bytes());
    assert_eq!(it.packets(), [(0, 1, 0)]);
    it.advance(Duration::from_millis(100));
    assert_eq!(it.packets(), [(0, 3, 1)]);
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().lost, 1);
}

#[test]
fn an_application_that_does_not_keep_up_loses_the_oldest_packets_and_is_told() {
    let config = ClientConfig::default().transports(Transports::Tcp).received_packets_max(2);
    let mut it = Scenario::with(URL, config).describe().play_tcp("1");
    let picture = |sequence: u16, payload: &[u8]| {
        let timestamp = u32::from(sequence) * 3000;
        let header = RtpHeader { payload_type: 96, sequence, timestamp, ssrc: 0xabcd, marker: true };
        RtpPacket::build(header, payload)
    };
    let (keyframe, other) = ([0x65, 0x88], [0x41, 0x9a]);
    for sequence in 1..=5 {
        it.frame(0, picture(sequence, if sequence == 4 { &keyframe } else { &other }).as_bytes());
    }
    assert_eq!(it.packets(), [(0, 4, 3), (0, 5, 0)]);
    let stats = it.client.media_stats(it.now, 0).unwrap();
    assert_eq!((stats.packets, stats.dropped, stats.lost), (5, 3, 0));
    for sequence in 6..=8 {
        it.frame(0, picture(sequence, &other).as_bytes());
    }
    assert_eq!(it.packets(), [], "nothing can be shown before the next keyframe");
    assert!(it.client.media_stats(it.now, 0).unwrap().awaits_access_point);
    it.frame(0, picture(9, &keyframe).as_bytes());
    assert_eq!(it.packets(), [(0, 9, 3)]);
    assert!(!it.client.media_stats(it.now, 0).unwrap().awaits_access_point);
}

#[test]
fn there_is_room_until_half_of_what_may_wait_does() {
    for (config, count) in [
        (ClientConfig::default().received_packets_max(6), 3),
        (ClientConfig::default().received_bytes_max(10 * 16), 5),
    ] {
        let mut it = Scenario::with(URL, config.transports(Transports::Tcp)).describe().play_tcp("1");
        for sequence in 1..=count {
            assert!(it.client.has_room(), "{} packets wait", sequence - 1);
            let header = RtpHeader { payload_type: 96, sequence, ssrc: 0xabcd, ..RtpHeader::default() };
            it.frame(0, RtpPacket::build(header, &[0x41, 0x9a, 1, 2]).as_bytes());
        }
        assert!(!it.client.has_room());
        assert_eq!(it.packets().len(), usize::from(count));
        assert!(it.client.has_room());
    }
}

#[test]
fn packets_have_a_wall_clock_time_once_a_sender_report_came() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    let noon = NtpTime::from_unix(Duration::from_secs(1_366_024_517));
    let report = SenderReport { ssrc: 0xabcd, ntp: noon, rtp: 3000, ..SenderReport::default() };
    it.frame(1, &rtcp::sender_report_compound(&report, "camera"));
    it.frame(0, video(31).as_bytes());
    let times: Vec<_> =
        std::iter::from_fn(|| it.client.poll_packet()).map(|received| received.time.reported_ntp()).collect();
    assert_eq!(times, [None, Some(noon + Duration::from_secs(1))]);
}

#[test]
fn receiver_reports_go_over_tcp_too() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(0, video(3).as_bytes());
    it.advance(Duration::from_millis(4_999));
    assert_eq!(it.frames.len(), 0);
    it.advance(Duration::from_millis(1));
    let report = it.frames.pop_front().unwrap();
    assert_eq!(report.channel, 1);
    let mut tolerances = Tolerances::NONE;
    let packets: Vec<_> = rtcp::parse(&report.payload, &mut tolerances).collect();
    let [Rtcp::ReceiverReport(report), Rtcp::SourceDescription(names)] = &packets[..] else {
        panic!("{packets:?}")
    };
    assert_eq!((report.reports[0].ssrc, report.reports[0].lost), (0xabcd, 1));
    assert_eq!(names.sources[0].cname.as_ref().map(|cname| cname.len()), Some(32));
}

#[test]
fn a_goodbye_of_another_source_ends_nothing() {
    let mut it = Scenario::playing_tcp();
    it.frame(1, &rtcp::goodbye_compound(0xabcd, "server", ""));
    it.frame(0, video(1).as_bytes());
    it.frame(1, &rtcp::goodbye_compound(0x1234, "server", ""));
    it.advance(RESTART_WAIT);
    it.no_event();
    it.frame(1, &rtcp::goodbye_compound(0xabcd, "server", ""));
    it.advance(RESTART_WAIT - Duration::from_millis(1));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    it.frame(1, &rtcp::goodbye_compound(0xabcd, "server", ""));
    it.advance(RESTART_WAIT);
    it.no_event();
}

#[test]
fn playing_again_begins_to_count_anew() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.frame(0, video(2).as_bytes());
    it.answer("200 OK");
    it.frame(0, video(3).as_bytes());
    it.done();
    assert_eq!(it.packets(), [(0, 1, 0), (0, 2, 0)]);
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    it.frame(0, video(1000).as_bytes());
    assert_eq!(it.packets(), [(0, 1000, 0)]);
    assert_eq!(it.client.media_stats(it.now, 0).unwrap().packets, 1);
}

#[test]
fn a_recording_client_takes_reports_and_no_packets() {
    let mut it = Scenario::recording(Transports::Tcp);
    it.client.send(it.now, 0, &video(1)).unwrap();
    it.frame(0, video(9).as_bytes());
    let block = ReportBlock { ssrc: 0xabcd, lost: 17, ..ReportBlock::default() };
    it.frame(1, &rtcp::receiver_report_compound(&ReceiverReport { ssrc: 5, reports: vec![block] }, "server"));
    assert_eq!(it.packets(), []);
    let stats = it.client.media_stats(it.now, 0).unwrap();
    assert_eq!((stats.sent_packets, stats.sent_octets, stats.reported_lost), (1, 7, 17));
    assert_eq!((stats.packets, stats.invalid), (0, 0));
}

#[test]
fn packets_are_sent_only_where_they_can_be() {
    let mut it = Scenario::playing_tcp();
    assert_eq!(it.client.send(it.now, 0, &video(1)), Err(SendError::NotSent(0)));
    let mut it = Scenario::recording(Transports::Tcp);
    assert_eq!(it.client.send(it.now, 1, &video(1)), Err(SendError::NotSetUp(1)));
    let long = RtpPacket::build(RtpHeader::default(), &vec![0; 65_524]);
    assert_eq!(it.client.send(it.now, 0, &long), Err(SendError::TooLong(65_536)));
    let mut it = Scenario::recording(Transports::Udp);
    assert_eq!(it.client.send(it.now, 0, &long), Err(SendError::TooLong(65_536)));
    it.client.teardown(it.now).unwrap();
    assert_eq!(it.client.send(it.now, 0, &video(1)), Err(SendError::State(State::Initial)));
}

#[test]
fn a_server_that_does_not_keep_up_fills_a_bounded_queue() {
    for transports in [Transports::Tcp, Transports::Udp] {
        for payload in [vec![0; 100], vec![0; 60_000]] {
            let mut it = Scenario::recording(transports);
            let packet = RtpPacket::build(RtpHeader::default(), &payload);
            let taken = (0..).take_while(|_| it.client.send(it.now, 0, &packet).is_ok()).count();
            assert_eq!(it.client.send(it.now, 0, &packet), Err(SendError::Full));
            assert_eq!(it.client.media_stats(it.now, 0).unwrap().sent_packets, taken as u64);
            assert!(
                taken > 100 && taken <= SEND_PACKETS_MAX && taken * payload.len() <= SEND_BYTES_MAX,
                "{taken}"
            );
            it.pump();
            assert!(it.client.send(it.now, 0, &packet).is_ok());
        }
    }
}

#[test]
fn without_a_wall_clock_there_are_no_sender_reports() {
    let mut it = Scenario::recording(Transports::Tcp);
    let mut other = Client::new(Url::parse(URL).unwrap(), ClientConfig::default(), [7; 32]);
    std::mem::swap(&mut it.client.wall, &mut other.wall);
    it.client.send(it.now, 0, &video(1)).unwrap();
    it.advance(Duration::from_secs(20));
    assert_eq!(it.frames.len(), 1);
}

#[test]
fn each_ssrc_that_is_sent_is_reported_from_its_first_packet_on() {
    let mut it = Scenario::recording(Transports::Tcp);
    it.client.send(it.now, 0, &packet(96, 1, 1)).unwrap();
    it.client.send(it.now, 0, &packet(96, 2, 2)).unwrap();
    it.pump();
    let mut tolerances = Tolerances::NONE;
    let mut sources = Vec::new();
    for frame in it.frames.iter().filter(|frame| frame.channel == 1) {
        for packet in rtcp::parse(&frame.payload, &mut tolerances) {
            let Rtcp::SenderReport(report) = packet else { continue };
            sources.push((report.ssrc, report.packets));
        }
    }
    assert_eq!(sources, [(1, 1), (2, 1)]);
}

#[test]
fn the_silence_of_a_media_counts_from_the_answer_to_play() {
    let config = ClientConfig::default().transports(Transports::Tcp).media_silence(Duration::from_secs(5));
    let mut it = Scenario::with(URL, config).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    assert!(matches!(it.done(), Reply::Setup(_)));
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.advance(Duration::from_secs(8));
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
    assert!(it.client.poll_timeout().is_some_and(|at| at > it.now), "nothing is due at once");
    it.advance(Duration::from_secs(5));
    it.no_event();
    it.advance(Duration::from_secs(1));
    assert!(matches!(it.event(), ClientEvent::MediaSilent(0)));
}
