//! Back channels: medias that the client sends while it plays.

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::limits::{DESCRIBE_DEADLINE, SEND_PACKETS_MAX};
use crate::rtp::rtcp::{self, Rtcp};
use crate::udp::Port;
use crate::{Tolerance, Tolerances};

/// A door station: its picture, and a loudspeaker.
const DOOR: &str = "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=door\r\nt=0 0\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\na=recvonly\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:trackID=1\r\na=sendonly\r\n";
const TAG: &str = " | Require: www.onvif.org/ver20/backchannel";

fn wants(transports: Transports) -> ClientConfig {
    ClientConfig::default().transports(transports).back_channel(true)
}

/// Sets up medias of the door station, and plays.
fn playing(config: ClientConfig, medias: &[usize]) -> Scenario {
    let transports = config.transports;
    let mut it = Scenario::with(URL, config).describe_as(DOOR);
    for media in medias {
        it.client.setup(it.now, *media).unwrap();
        it.expect_method("SETUP");
        let transport = match transports {
            Transports::Tcp => format!("RTP/AVP/TCP;unicast;interleaved={}-{}", 2 * media, 2 * media + 1),
            _ => format!("RTP/AVP;unicast;client_port=7000-7001;server_port=500{media}-600{media}"),
        };
        it.answer(&format!("200 OK | Session: 1;timeout=60 | Transport: {transport}"));
        assert!(matches!(it.done(), Reply::Setup(_)));
    }
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
    it
}

/// The packets that were sent: the channel or the port of each, and its bytes.
fn sent(it: &mut Scenario) -> Vec<(u16, Vec<u8>)> {
    it.pump();
    let frames = it.frames.drain(..).map(|frame| (frame.channel.into(), frame.payload.to_vec()));
    let datagrams = it.datagrams.drain(..).map(|(_, _, to, data)| (to.port(), data.to_vec()));
    frames.chain(datagrams).collect()
}

fn kinds(compound: &[u8]) -> Vec<&'static str> {
    let kind = |packet: Rtcp| match packet {
        Rtcp::SenderReport(_) => "SR",
        Rtcp::ReceiverReport(_) => "RR",
        Rtcp::SourceDescription(_) => "SDES",
        Rtcp::Goodbye(_) => "BYE",
        _ => "other",
    };
    rtcp::parse(compound, &mut Tolerances::default()).map(kind).collect()
}

/// The requests that are sent from DESCRIBE to TEARDOWN, each with `true` if it names the tag.
fn requires(config: ClientConfig) -> Vec<(String, bool)> {
    let mut it = playing(config, &[0, 1]);
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    it.client.teardown(it.now).unwrap();
    it.pump();
    let requests = it.log.iter().filter(|line| line.contains(" | CSeq: "));
    requests.map(|line| (line.split(' ').next().unwrap().to_owned(), line.contains(TAG))).collect()
}

#[test]
fn the_tag_is_required_of_all_that_concerns_a_back_channel_and_only_if_it_is_wanted() {
    let methods = ["OPTIONS", "DESCRIBE", "SETUP", "SETUP", "PLAY", "PAUSE", "TEARDOWN"];
    let expected = methods.map(str::to_owned).into_iter().zip([false, true, false, true, true, false, true]);
    assert_eq!(requires(wants(Transports::Tcp)), expected.collect::<Vec<_>>());
    let expected = methods.map(|method| (method.to_owned(), false));
    assert_eq!(requires(ClientConfig::default().transports(Transports::Tcp)), expected);
}

#[test]
fn a_back_channel_is_set_up_by_default_only_if_it_is_wanted() {
    let defaults = |config: ClientConfig, description: &str| {
        let it = Scenario::with(URL, config).describe_as(description);
        let medias: Vec<_> = it.client.default_medias().collect();
        (medias, it.client.back_channels().collect::<Vec<_>>())
    };
    let everything = DOOR.replace("recvonly", "sendonly");
    assert_eq!(defaults(ClientConfig::default(), DOOR), (vec![0], vec![]));
    assert_eq!(defaults(wants(Transports::Tcp), DOOR), (vec![0, 1], vec![1]));
    // An IDS uEye or D-Link marks all that it sends so.
    assert_eq!(defaults(ClientConfig::default(), &everything), (vec![0, 1], vec![]));
    assert_eq!(defaults(wants(Transports::Tcp), &everything), (vec![0, 1], vec![]));
}

#[test]
fn a_client_that_plays_sends_into_a_back_channel_with_reports_and_a_goodbye() {
    for (transports, rtp, rtcp, from) in [(Transports::Tcp, 2, 3, 1), (Transports::Udp, 5001, 6001, 6000)] {
        let mut it = playing(wants(transports), &[0, 1]);
        // No hole is punched for it: an empty packet would be heard.
        let punches = sent(&mut it);
        assert!(punches.iter().all(|(to, _)| ![rtp, rtcp].contains(to)), "{punches:?}");
        let voice = packet(0, 7, 0x51);
        it.client.send(it.now, 1, &voice).unwrap();
        let first = sent(&mut it);
        assert_eq!(first[0], (rtp, voice.as_bytes().to_vec()));
        assert_eq!((first[1].0, kinds(&first[1].1)), (rtcp, vec!["SR", "SDES"]));
        assert_eq!(first.len(), 2);
        match transports {
            Transports::Tcp => it.frame(0, video(1).as_bytes()),
            _ => {
                let id = it.udp[0];
                let from = "192.0.2.1:5000".parse().unwrap();
                it.client.handle_datagram(it.now, id, Port::Rtp, from, video(1).into_bytes());
            }
        }
        assert_eq!(it.packets(), [(0, 1, 0)]);
        it.advance(Duration::from_secs(11));
        let reports: Vec<_> = sent(&mut it).iter().map(|(to, data)| (*to, kinds(data)[0])).collect();
        assert!(reports.contains(&(rtcp, "SR")) && reports.contains(&(from, "RR")), "{reports:?}");
        assert!(!reports.contains(&(rtcp, "RR")), "{reports:?}");
        let stats = it.client.media_stats(it.now, 1).unwrap();
        assert_eq!((stats.sent_packets, stats.sent_octets, stats.packets), (1, 7, 0));
        it.client.teardown(it.now).unwrap();
        let goodbyes: Vec<_> = sent(&mut it).iter().map(|(to, data)| (*to, kinds(data))).collect();
        assert!(goodbyes.iter().any(|(to, kinds)| *to == rtcp && kinds.contains(&"BYE")), "{goodbyes:?}");
    }
}

#[test]
fn a_back_channel_is_sent_into_only_while_it_plays() {
    let voice = packet(0, 1, 0x51);
    let mut it = Scenario::with(URL, wants(Transports::Tcp)).describe_as(DOOR);
    assert_eq!(it.client.send(it.now, 1, &voice), Err(SendError::State(State::Initial)));
    it = playing(wants(Transports::Tcp), &[0, 1]);
    assert_eq!(it.client.send(it.now, 0, &voice), Err(SendError::NotSent(0)));
    assert_eq!(it.client.send(it.now, 2, &voice), Err(SendError::NotSetUp(2)));
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    assert_eq!(it.client.send(it.now, 1, &voice), Err(SendError::State(State::PrePlay)));
    // Nobody has asked for it, so that it is a media like any other.
    it = playing(ClientConfig::default().transports(Transports::Tcp), &[0, 1]);
    assert_eq!(it.client.send(it.now, 1, &voice), Err(SendError::NotSent(1)));
}

#[test]
fn one_packet_over_the_bound_is_refused_while_the_server_does_not_read() {
    let mut it = playing(wants(Transports::Tcp), &[0, 1]);
    let voice = packet(0, 1, 0x51);
    let taken = (0..).take_while(|_| it.client.send(it.now, 1, &voice).is_ok()).count();
    assert!((SEND_PACKETS_MAX - 1..=SEND_PACKETS_MAX).contains(&taken), "{taken}");
    assert_eq!(it.client.send(it.now, 1, &voice), Err(SendError::Full));
    it.pump();
    assert_eq!(it.client.send(it.now, 1, &voice), Ok(()));
}

#[test]
fn a_client_that_only_sends_is_kept_alive_by_requests() {
    for transports in [Transports::Tcp, Transports::Udp, Transports::UdpThenTcp] {
        let mut it = playing(wants(transports), &[1]);
        let mut keepalives = 0;
        for sequence in 0..600 {
            it.client.send(it.now, 1, &packet(0, sequence, 0x51)).unwrap();
            it.advance(Duration::from_secs(1));
            let asked = it.log.iter().filter(|line| line.starts_with("GET_PARAMETER")).count();
            if asked > keepalives {
                keepalives = asked;
                it.answer("200 OK");
            }
            sent(&mut it);
        }
        it.no_event();
        assert_eq!(it.client.state(), State::Play, "{transports:?}");
        assert!(keepalives >= 19, "{keepalives}");
        // A server that is gone is noticed all the same.
        it.advance(Duration::from_secs(180));
        assert_eq!(it.closed(), ClientCloseReason::Silence, "{transports:?}");
    }
}

/// DESCRIBE, and that it names the tag or not.
#[track_caller]
fn expect_describe(it: &mut Scenario, requires: bool) {
    let request = it.request();
    assert!(request.starts_with("DESCRIBE "), "{request}");
    assert_eq!(request.contains(TAG), requires, "{request}");
}

fn describing() -> Scenario {
    let mut it = Scenario::with(URL, wants(Transports::Tcp));
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    expect_describe(&mut it, true);
    it
}

/// The description comes without the tag, and how the server refused it is told first.
#[track_caller]
fn refused(it: &mut Scenario) -> CommandError {
    it.answer(&sdp(SDP));
    let error = match it.event() {
        ClientEvent::BackChannelRefused(error) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(it.done(), Reply::Described(_)));
    it.no_event();
    error
}

#[test]
fn a_server_that_refuses_the_tag_is_asked_without() {
    // Statuses of cameras that do not know it; 551 is the right one.
    for status in ["551 Option not supported", "400 Bad Request", "454 x", "500 x", "501 Not Implemented"] {
        let mut it = describing();
        it.answer(status);
        expect_describe(&mut it, false);
        let error = refused(&mut it);
        assert!(error.status().is_some_and(|code| status.starts_with(&code.as_u16().to_string())));
        let is_wrong = it.client.tolerances().contains(Tolerance::RequireMisunderstood);
        assert_eq!(is_wrong, !status.starts_with("551"), "{status}");
        it = it.play_tcp("1");
        assert!(it.log.iter().filter(|line| line.contains(TAG)).count() == 1);
    }
}

#[test]
fn a_server_that_does_not_answer_with_the_tag_is_asked_without_over_another_connection() {
    // Vikylin.
    let mut it = describing();
    it.advance(DESCRIBE_DEADLINE + Duration::from_secs(2));
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    expect_describe(&mut it, false);
    assert_eq!(refused(&mut it), CommandError::Timeout);
    assert!(it.client.tolerances().contains(Tolerance::RequireMisunderstood));
}

#[test]
fn a_server_that_closes_on_the_tag_is_asked_without() {
    let mut it = describing();
    it.close();
    expect_describe(&mut it, true);
    it.close();
    expect_describe(&mut it, false);
    assert_eq!(refused(&mut it), CommandError::ConnectionLost);
}

#[test]
fn what_is_refused_with_and_without_the_tag_is_refused_for_another_reason() {
    let mut it = describing();
    it.answer("404 Not Found");
    expect_describe(&mut it, false);
    it.answer("404 Not Found");
    assert!(it.failed().status().is_some_and(|status| status.as_u16() == 404));
    it.no_event();
}

#[test]
fn play_and_setup_go_on_without_a_tag_that_only_they_refuse() {
    let mut it = Scenario::with(URL, wants(Transports::Udp)).describe_as(DOOR);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("551 Option not supported");
    let setup = it.request();
    assert!(setup.starts_with("SETUP ") && !setup.contains(TAG), "{setup}");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7002-7003;server_port=5000-5001");
    assert!(matches!(it.done(), Reply::Setup(_)));
    assert!(it.log.contains(&format!("close {:?}", it.udp[0])), "{:?}", it.log);
    it.client.play(it.now, None).unwrap();
    let play = it.request();
    assert!(play.starts_with("PLAY ") && !play.contains(TAG), "{play}");
    it.answer("200 OK");
    assert!(matches!(it.event(), ClientEvent::BackChannelRefused(_)));
    assert!(matches!(it.done(), Reply::Playing(_)));
    it.client.send(it.now, 1, &packet(0, 1, 0x51)).unwrap();

    let mut it = Scenario::with(URL, wants(Transports::Tcp)).describe_as(DOOR);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
    it.done();
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("551 Option not supported");
    let play = it.request();
    assert!(play.starts_with("PLAY ") && !play.contains(TAG), "{play}");
    it.answer("200 OK");
    assert!(matches!(it.event(), ClientEvent::BackChannelRefused(_)));
    assert!(matches!(it.done(), Reply::Playing(_)));
}

#[test]
fn another_server_is_asked_for_back_channels_anew() {
    let mut it = describing();
    it.answer("551 Option not supported");
    expect_describe(&mut it, false);
    it.answer("302 x | Location: rtsp://192.0.2.9/cam");
    assert_eq!(it.redirected(), "rtsp://192.0.2.9/cam");
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    expect_describe(&mut it, true);
}

#[test]
fn a_back_channel_over_udp_needs_the_server_s_ports_whatever_is_learnt_elsewhere() {
    let config = wants(Transports::Udp).source(SourcePolicy::AnyPort);
    let mut it = Scenario::with(URL, config).describe_as(DOOR);
    for (media, is_taken) in [(0, true), (1, false)] {
        it.client.setup(it.now, media).unwrap();
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP;unicast;client_port=7000-7001");
        match it.event() {
            ClientEvent::Done(_, result) => assert_eq!(result.is_ok(), is_taken, "{result:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn words_behind_a_pause_are_not_taken_until_it_is_answered() {
    let mut it = playing(wants(Transports::Tcp), &[0, 1]);
    let word = |number| packet(0, number, 0xabcd);
    it.client.send(it.now, 1, &word(1)).unwrap();
    it.client.pause(it.now).unwrap();
    assert_eq!(it.client.send(it.now, 1, &word(2)), Err(SendError::Pausing));
    it.expect_method("PAUSE");
    it.answer("455 Method Not Valid in This State");
    it.failed();
    it.client.send(it.now, 1, &word(2)).unwrap();
    it.client.seek(it.now, None).unwrap();
    assert_eq!(it.client.send(it.now, 1, &word(3)), Err(SendError::Pausing));
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    it.client.send(it.now, 1, &word(3)).unwrap();
    it.client.pause(it.now).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.done();
    assert_eq!(it.client.send(it.now, 1, &word(4)), Err(SendError::State(State::PrePlay)));
}
