//! Whole dialogues, word for word; each comes out the same however the server's bytes are cut.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::rtp::rtcp::{self, Rtcp};
use crate::udp::Port;
use crate::{NtpTime, Tolerances};

/// Runs a dialogue with whole answers, with answers that come in small pieces, and with one cut at every place, and
/// compares all that happens.
fn in_any_pieces(config: &ClientConfig, dialogue: impl Fn(&mut Scenario)) {
    let run = |mut scenario: Scenario| {
        dialogue(&mut scenario);
        scenario.no_event();
        scenario.expect_nothing_sent();
        (scenario.log, scenario.received)
    };
    let fresh = || Scenario::with(URL, config.clone());
    let whole = run(fresh());
    for chunk in [1, 2, 3, 7, 64] {
        assert_eq!(run(fresh().in_chunks(chunk)), whole, "{chunk} bytes at a time");
    }
    for cut in 1..whole.1 {
        assert_eq!(run(fresh().cut_at(cut)), whole, "cut at {cut}");
    }
}

fn over(transports: Transports) -> ClientConfig {
    ClientConfig::default().transports(transports)
}

fn expect_described(it: &mut Scenario) {
    it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 | User-Agent: test");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect("DESCRIBE rtsp://192.0.2.1/cam?q=1 | CSeq: 2 | Accept: application/sdp | User-Agent: test");
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(description) if description.medias.len() == 2));
}

#[test]
fn two_medias_are_played_over_tcp() {
    in_any_pieces(&over(Transports::Tcp), |it| {
        let now = it.now;
        it.client.describe(now).unwrap();
        it.client.setup(now, 0).unwrap();
        it.client.setup(now, 1).unwrap();
        it.client.play(now, None).unwrap();
        expect_described(it);
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 3 | \
             Transport: RTP/AVP/TCP;unicast;interleaved=0-1 | User-Agent: test",
        );
        it.answer(
            "200 OK | Session: c7ede268;timeout=55 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=2C9D4622",
        );
        let Reply::Setup(info) = it.done() else { panic!() };
        assert_eq!(info.transport, TrackTransport::Tcp { channels: (0, 1) });
        assert_eq!((info.media, info.ssrc), (0, Some(0x2c9d_4622)));
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=1 | CSeq: 4 | \
             Transport: RTP/AVP/TCP;unicast;interleaved=2-3 | User-Agent: test | Session: c7ede268",
        );
        it.answer("200 OK | Session: c7ede268;timeout=55 | Transport: RTP/AVP/TCP;unicast;interleaved=2-3");
        assert!(matches!(it.done(), Reply::Setup(_)));
        assert_eq!(it.client.session_id(), Some("c7ede268"));
        it.expect(
            "PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | Range: npt=0.000- | User-Agent: test | Session: c7ede268",
        );
        it.answer(
            "200 OK | Session: c7ede268;timeout=55 | Range: npt=0.000- | RTP-Info: \
             url=rtsp://192.0.2.1/cam?q=1/trackID=0;seq=100;rtptime=81116,\
             url=rtsp://192.0.2.1/cam?q=1/trackID=1;seq=7;rtptime=160",
        );
        let Reply::Playing(playing) = it.done() else { panic!() };
        assert!(playing.range.is_some());
        assert_eq!(
            playing.tracks,
            [
                TrackStart { media: 0, sequence: Some(100), timestamp: Some(81116) },
                TrackStart { media: 1, sequence: Some(7), timestamp: Some(160) },
            ]
        );
        assert_eq!(it.client.state(), State::Play);

        it.frame(0, video(100).as_bytes());
        it.frame(2, packet(0, 7, 1).as_bytes());
        it.frame(0, video(102).as_bytes());
        assert_eq!(it.packets(), [(0, 100, 0), (1, 7, 0), (0, 102, 1)]);

        it.client.pause(it.now).unwrap();
        it.expect("PAUSE rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | User-Agent: test | Session: c7ede268");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Paused);
        it.frame(0, video(103).as_bytes());
        assert_eq!(it.packets(), []);

        it.client.play(it.now, None).unwrap();
        it.expect("PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 7 | User-Agent: test | Session: c7ede268");
        it.answer("200 OK");
        assert!(matches!(it.done(), Reply::Playing(_)));
        it.frame(0, video(500).as_bytes());
        assert_eq!(it.packets(), [(0, 500, 0)]);

        it.client.teardown(it.now).unwrap();
        it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 8 | User-Agent: test | Session: c7ede268");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
        assert_eq!(it.closed(), ClientCloseReason::TornDown);
        assert_eq!(it.client.tolerances(), Tolerances::NONE);
    });
}

#[test]
fn a_media_is_played_over_udp_with_reports() {
    in_any_pieces(&over(Transports::Udp), |it| {
        let now = it.now;
        it.client.describe(now).unwrap();
        it.client.setup(now, 0).unwrap();
        it.client.play(now, None).unwrap();
        expect_described(it);
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 3 | \
             Transport: RTP/AVP;unicast;client_port=7000-7001 | User-Agent: test",
        );
        it.answer(
            "200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
        );
        let Reply::Setup(info) = it.done() else { panic!() };
        let at = |text: &str| Some(text.parse().unwrap());
        let (rtp, rtcp) = (at("192.0.2.1:5000"), at("192.0.2.1:5001"));
        assert_eq!(info.transport, TrackTransport::Udp { client_ports: (7000, 7001), rtp, rtcp });
        it.expect(
            "PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 4 | Range: npt=0.000- | User-Agent: test | Session: 1",
        );
        let punches: Vec<_> =
            it.datagrams.drain(..).map(|(_, port, to, data)| (port, to, data.to_vec())).collect();
        assert_eq!(
            punches,
            [
                (Port::Rtp, rtp.unwrap(), b"\x80\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
                (Port::Rtcp, rtcp.unwrap(), b"\x80\xc9\0\x01\0\0\0\0".to_vec()),
            ]
        );
        it.answer("200 OK");
        assert!(matches!(it.done(), Reply::Playing(_)));

        for sequence in [10, 12, 11, 13] {
            it.datagram(Port::Rtp, "192.0.2.1:5000", video(sequence).into_bytes());
        }
        assert_eq!(it.packets(), [(0, 10, 0), (0, 11, 0), (0, 12, 0), (0, 13, 0)]);

        it.advance(Duration::from_secs(5));
        let (_, port, to, report) = it.datagrams.pop_front().unwrap();
        assert_eq!((port, Some(to)), (Port::Rtcp, rtcp));
        let mut tolerances = Tolerances::NONE;
        let Some(Rtcp::ReceiverReport(report)) = rtcp::parse(&report, &mut tolerances).next() else {
            panic!()
        };
        assert_eq!(report.reports[0].highest_sequence, 13);

        it.client.teardown(it.now).unwrap();
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
        assert_eq!(it.closed(), ClientCloseReason::TornDown);
        assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
    });
}

#[test]
fn a_stream_is_recorded_over_tcp() {
    in_any_pieces(&over(Transports::Tcp), |it| {
        let now = it.now;
        it.client.announce(now, published()).unwrap();
        it.client.setup(now, 0).unwrap();
        it.client.record(now).unwrap();
        it.expect_method("OPTIONS");
        it.answer("200 OK | Public: ANNOUNCE, SETUP, RECORD");
        let announce = it.request();
        let (head, body) = announce.split_once(" || ").unwrap();
        assert_eq!(
            head,
            format!(
                "ANNOUNCE rtsp://192.0.2.1/cam?q=1 | CSeq: 2 | Content-Type: application/sdp | User-Agent: test | \
                 Content-Length: {}",
                body.len()
            )
        );
        assert!(
            body.contains("a=control:trackID=0\r\n") && body.contains("a=control:trackID=1\r\n"),
            "{body}"
        );
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Announced);
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 3 | \
             Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record | User-Agent: test",
        );
        it.answer("200 OK | Session: 5 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
        assert!(matches!(it.done(), Reply::Setup(_)));
        it.expect("RECORD rtsp://192.0.2.1/cam?q=1 | CSeq: 4 | User-Agent: test | Session: 5");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Recording);

        it.client.send(it.now, 0, &video(1)).unwrap();
        it.client.send(it.now, 0, &video(2)).unwrap();
        it.pump();
        let frames: Vec<_> = it.frames.drain(..).collect();
        assert_eq!(frames.iter().map(|frame| frame.channel).collect::<Vec<_>>(), [0, 1, 0]);
        assert_eq!(frames[0].payload, video(1).into_bytes());
        let mut tolerances = Tolerances::NONE;
        let report: Vec<_> = rtcp::parse(&frames[1].payload, &mut tolerances).collect();
        let [Rtcp::SenderReport(report), Rtcp::SourceDescription(_)] = &report[..] else {
            panic!("{report:?}")
        };
        assert_eq!((report.ssrc, report.packets, report.octets, report.rtp), (0xabcd, 1, 7, 3000));
        assert_eq!(report.ntp, NtpTime::from_unix(Duration::from_secs(1_000_000_000)));

        it.advance(Duration::from_secs(5));
        assert_eq!(it.frames.drain(..).map(|frame| frame.channel).collect::<Vec<_>>(), [1]);

        it.client.teardown(it.now).unwrap();
        it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1 | CSeq: 5 | User-Agent: test | Session: 5");
        let goodbye = it.frames.pop_front().unwrap();
        assert!(
            rtcp::parse(&goodbye.payload, &mut tolerances).any(|packet| matches!(packet, Rtcp::Goodbye(_)))
        );
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
        assert_eq!(it.closed(), ClientCloseReason::TornDown);
    });
}

#[test]
fn a_stream_is_recorded_over_udp() {
    in_any_pieces(&over(Transports::Udp), |it| {
        let now = it.now;
        it.client.announce(now, published()).unwrap();
        it.client.setup(now, 1).unwrap();
        it.client.record(now).unwrap();
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("ANNOUNCE");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Announced);
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=1 | CSeq: 3 | \
             Transport: RTP/AVP;unicast;client_port=7000-7001;mode=record | User-Agent: test",
        );
        it.answer(
            "200 OK | Session: 5 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001",
        );
        assert!(matches!(it.done(), Reply::Setup(_)));
        it.expect_method("RECORD");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Recording);

        let sent = packet(0, 9, 3);
        it.client.send(it.now, 1, &sent).unwrap();
        it.pump();
        let to: Vec<_> = it.datagrams.iter().map(|(_, port, to, _)| (*port, to.port())).collect();
        assert_eq!(to, [(Port::Rtp, 5000), (Port::Rtcp, 5001)]);
        assert_eq!(it.datagrams[0].3, sent.into_bytes());
        it.datagrams.clear();

        it.client.teardown(it.now).unwrap();
        it.expect_method("TEARDOWN");
        let (_, port, _, goodbye) = it.datagrams.pop_front().unwrap();
        let mut tolerances = Tolerances::NONE;
        assert!(rtcp::parse(&goodbye, &mut tolerances).any(|packet| matches!(packet, Rtcp::Goodbye(_))));
        assert_eq!(port, Port::Rtcp);
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
        assert_eq!(it.closed(), ClientCloseReason::TornDown);
    });
}

#[test]
fn udp_that_is_refused_is_followed_by_tcp_on_the_same_connection() {
    in_any_pieces(&over(Transports::UdpThenTcp), |it| {
        it.client.describe(it.now).unwrap();
        it.client.setup(it.now, 0).unwrap();
        expect_described(it);
        it.expect_method("SETUP");
        it.answer("461 Unsupported Transport");
        assert_eq!(it.switched(), SwitchReason::Refused);
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 4 | \
             Transport: RTP/AVP/TCP;unicast;interleaved=0-1 | User-Agent: test",
        );
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        assert!(matches!(it.done(), Reply::Setup(_)));
        assert_eq!(it.log.iter().filter(|line| line.starts_with("connect")).count(), 1);
        assert!(it.log.contains(&format!("close {:?}", it.udp[0])));
    });
}

#[test]
fn udp_that_is_answered_with_tcp_is_followed_by_tcp_on_another_connection() {
    in_any_pieces(&over(Transports::UdpThenTcp), |it| {
        it.client.describe(it.now).unwrap();
        it.client.setup(it.now, 0).unwrap();
        it.client.play(it.now, None).unwrap();
        expect_described(it);
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        assert_eq!(it.switched(), SwitchReason::Answered);
        it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 4 | User-Agent: test | Session: 1");
        it.answer("200 OK | Session: 1");
        it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 1 | User-Agent: test");
        it.answer("200 OK");
        it.expect_method("DESCRIBE");
        it.answer(&sdp(SDP));
        it.expect(
            "SETUP rtsp://192.0.2.1/cam?q=1/trackID=0 | CSeq: 3 | \
             Transport: RTP/AVP/TCP;unicast;interleaved=0-1 | User-Agent: test",
        );
        it.answer("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        assert!(matches!(it.done(), Reply::Setup(_)));
        it.expect_method("PLAY");
        it.answer("200 OK");
        assert!(matches!(it.done(), Reply::Playing(_)));
        let connections: Vec<_> = it.log.iter().filter(|line| line.contains("connect")).collect();
        assert_eq!(connections, ["connect 192.0.2.1:554 false", "disconnect", "connect 192.0.2.1:554 false"]);
    });
}

#[test]
fn udp_over_which_nothing_comes_is_followed_by_tcp_on_another_connection() {
    in_any_pieces(&over(Transports::UdpThenTcp), |it| {
        it.client.describe(it.now).unwrap();
        expect_described(it);
        for media in [0, 1] {
            it.client.setup(it.now, media).unwrap();
            it.expect_method("SETUP");
            let port = 5000 + 2 * media;
            it.answer(&format!(
                "200 OK | Session: 1 | Transport: RTP/AVP;unicast;server_port={port}-{}",
                port + 1
            ));
            assert!(matches!(it.done(), Reply::Setup(_)));
        }
        it.client.play(it.now, None).unwrap();
        it.expect_method("PLAY");
        it.answer("200 OK");
        assert!(matches!(it.done(), Reply::Playing(_)));
        it.advance(Duration::from_millis(2999));
        it.no_event();
        it.advance(Duration::from_millis(1));
        assert_eq!(it.switched(), SwitchReason::NothingHeard);
        it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 6 | User-Agent: test | Session: 1");
        it.answer("200 OK");
        expect_again(it);
        it.frame(0, video(1).as_bytes());
        assert_eq!(it.packets(), [(0, 1, 0)]);
        let closed = it.log.iter().filter(|line| line.starts_with("close ")).count();
        assert_eq!((closed, it.client.state()), (2, State::Play));
    });
}

/// The second time around, which the application does not see.
fn expect_again(it: &mut Scenario) {
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    for (track, channels) in [(0, "0-1"), (1, "2-3")] {
        let request = it.request();
        assert!(
            request.starts_with(&format!("SETUP rtsp://192.0.2.1/cam?q=1/trackID={track} ")),
            "{request}"
        );
        assert!(request.contains(&format!("RTP/AVP/TCP;unicast;interleaved={channels} ")), "{request}");
        it.answer(&format!("200 OK | Session: 2 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
    }
    it.expect("PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | Range: npt=0.000- | User-Agent: test | Session: 2");
    it.answer("200 OK");
    it.no_event();
}

#[test]
fn a_recording_whose_udp_is_answered_with_tcp_is_announced_again() {
    in_any_pieces(&over(Transports::UdpThenTcp), |it| {
        it.client.announce(it.now, published()).unwrap();
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("ANNOUNCE");
        it.answer("200 OK");
        assert_eq!(it.done(), Reply::Announced);
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
        assert_eq!(it.switched(), SwitchReason::Answered);
        it.expect_method("TEARDOWN");
        it.answer("200 OK");
        it.expect_method("OPTIONS");
        it.answer("200 OK");
        it.expect_method("ANNOUNCE");
        it.answer("200 OK");
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record");
        assert!(matches!(it.done(), Reply::Setup(_)));
        assert_eq!(it.client.state(), State::PreRecord);
    });
}
