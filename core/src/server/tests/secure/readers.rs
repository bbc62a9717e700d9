use std::time::Duration;

use super::*;
use crate::limits::{LOG_BYTES, LOG_COST, READERS_OF_KEYS_MAX, SENDER_REPORT_PERIOD};
use crate::rtp::rtcp::{ReceiverReport, ReportBlock, receiver_report_compound};
use crate::stream::Streams;

/// How many logs of encrypted packets a stream has.
fn secure_logs(scenario: &Scenario, stream: StreamId) -> usize {
    let keys = scenario.server.published.get(stream).unwrap().keys.iter();
    let numbers: Vec<u32> = keys.filter_map(|keys| keys.log()).collect();
    let mut there = 0;
    scenario.logs.read(stream, &mut |log| {
        there = numbers.iter().filter(|number| log.secure(**number).is_some()).count();
    });
    assert_eq!(there, numbers.len());
    there
}

#[test]
fn a_reader_over_tls_that_asks_for_it_gets_encrypted_packets_and_reports_over_tcp() {
    for suite in Suite::ALL {
        let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
        let key = own_key(suite, 1);
        let setup = set_up(&mut scenario, conn, TCP, &header(&key));
        let keys = told(&setup);
        assert_eq!((keys.suite(), keys.uri()), (suite, Some("rtsps://h/cam/trackID=0")));
        assert_eq!(setup.headers.get("Transport"), Some("RTP/SAVP/TCP;unicast;interleaved=0-1"));
        assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
        let mut opener = opener(&keys);
        for sequence in 0xfffe..0x1_0002_u32 {
            let packet = video(sequence as u16, b"picture");
            scenario.push(stream, 0, packet.clone());
            scenario.advance(Duration::from_millis(1));
            let (rtp, rtcp) = frames(&mut scenario, conn);
            assert_eq!(rtp.len(), 1);
            assert_ne!(&rtp[0][12..], b"picture");
            assert_eq!(opener.rtp(rtp[0].clone()).as_ref(), Some(packet.as_bytes()));
            // One sender report, behind the first packet.
            assert_eq!(rtcp.len(), usize::from(sequence == 0xfffe));
            for report in rtcp {
                assert_eq!(kinds(&opener.rtcp(report).unwrap()), ["sender report"]);
            }
        }
        scenario.server.remove_stream(scenario.now, stream);
        let (_, rtcp) = frames(&mut scenario, conn);
        assert_eq!(kinds(&opener.rtcp(rtcp[0].clone()).unwrap()), ["receiver report", "goodbye"]);
        assert_eq!(opener.refused(), 0);
    }
}

#[test]
fn readers_over_udp_get_the_same_encrypted_packets_and_reports_of_their_own_and_others_the_clear_ones() {
    let (mut scenario, conn, stream) = over_tls_with_udp(|config| config);
    let key = own_key(Suite::AesCm128HmacSha1_80, 1);
    let setup = set_up(&mut scenario, conn, UDP, &header(&key));
    let keys = told(&setup);
    let other = tls(&mut scenario, 40_001);
    let second = set_up(&mut scenario, other, &UDP.replace("500", "600"), "");
    assert_eq!(told(&second).keys(), keys.keys(), "the suite that is offered, and its keys");
    let plain = scenario.connect_from(peer(40_002));
    let third = set_up(&mut scenario, plain, "RTP/AVP;unicast;client_port=7000-7001", "");
    assert_eq!((status(&third), third.headers.get("KeyMgmt")), (200, None));
    for (conn, setup) in [(conn, &setup), (other, &second), (plain, &third)] {
        assert_eq!(act(&mut scenario, conn, "PLAY", setup), 200);
    }
    let packet = video(1, b"picture");
    scenario.push(stream, 0, packet.clone());
    let sent = [5000, 6000].map(|port| datagrams(&mut scenario, port));
    assert_eq!((&sent[0], sent[0].len()), (&sent[1], 1), "encrypted once");
    assert_eq!(sent[0][0].as_ptr(), sent[1][0].as_ptr(), "and not copied");
    assert_eq!(opener(&keys).rtp(sent[0][0].clone()).as_ref(), Some(packet.as_bytes()));
    assert_eq!(datagrams(&mut scenario, 7000), [packet.as_bytes().clone()]);
    let secure: Vec<bool> = scenario.server.sessions().map(|own| own.tracks[0].is_secure).collect();
    assert_eq!(secure, [true, true, false]);
    scenario.advance(SENDER_REPORT_PERIOD);
    // No index of a key is used twice, as one receiver of both sees.
    let mut receiver = opener(&keys);
    for port in [5001, 6001] {
        let reports = datagrams(&mut scenario, port);
        assert!(reports.len() > 1);
        for report in reports {
            assert_eq!(kinds(&receiver.rtcp(report).unwrap()), ["sender report"]);
        }
    }
    assert_eq!(secure_logs(&scenario, stream), 1);
}

#[test]
fn the_log_of_encrypted_packets_comes_with_the_first_reader_and_goes_with_the_last() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
    scenario.push(stream, 0, video(1, b"before"));
    assert_eq!(secure_logs(&scenario, stream), 0);
    let bytes = |scenario: &Scenario| scenario.server.logs.bytes_of(stream.into());
    assert_eq!(bytes(&scenario), LOG_BYTES);
    let first = set_up(&mut scenario, conn, TCP, "");
    let other = tls(&mut scenario, 40_001);
    let second = set_up(&mut scenario, other, TCP, "");
    assert_eq!(told(&first).keys(), told(&second).keys());
    assert_eq!(secure_logs(&scenario, stream), 1);
    assert_eq!(act(&mut scenario, conn, "TEARDOWN", &first), 200);
    assert_eq!(secure_logs(&scenario, stream), 1);
    scenario.hang_up(other);
    assert_eq!(secure_logs(&scenario, stream), 0);
    let third = tls(&mut scenario, 40_003);
    let third = set_up(&mut scenario, third, TCP, "");
    assert_ne!(told(&third).keys(), told(&first).keys(), "no key is used again");
}

#[test]
fn a_log_of_encrypted_packets_counts_against_the_memory() {
    // Three quarters of it are for the application's own logs, and that is one and a half of them.
    let memory = (LOG_BYTES + LOG_COST) * 2 * 8 / 7 + 8;
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default().memory(memory));
    let bytes = |scenario: &Scenario| scenario.server.logs.bytes_of(stream.into());
    assert_eq!(bytes(&scenario), LOG_BYTES);
    let setup = set_up(&mut scenario, conn, TCP, "");
    assert_eq!(bytes(&scenario), LOG_BYTES / 2);
    assert_eq!(act(&mut scenario, conn, "TEARDOWN", &setup), 200);
    assert_eq!(bytes(&scenario), LOG_BYTES);
}

#[test]
fn a_reader_begins_at_what_is_kept_and_is_told_the_rollover_counter_when_it_comes_late() {
    let config = ServerConfig::default().start(crate::stream::StartAt::Oldest);
    let (mut scenario, conn, stream) = over_tls(config);
    scenario.push(stream, 0, video(0xffff, b"kept"));
    let first = set_up(&mut scenario, conn, TCP, "");
    scenario.push(stream, 0, video(0, b"picture"));
    assert_eq!(act(&mut scenario, conn, "PLAY", &first), 200);
    let mut opened = opener(&told(&first));
    let (rtp, _) = frames(&mut scenario, conn);
    let bytes: Vec<_> = rtp.into_iter().map(|sealed| opened.rtp(sealed).unwrap().slice(12..)).collect();
    assert_eq!(bytes, [&b"kept"[..], b"picture"]);
    // Without the counter, which has rolled over, the next one would not be authentic.
    let late = tls(&mut scenario, 40_001);
    let second = set_up(&mut scenario, late, TCP, "");
    assert_eq!(act(&mut scenario, late, "PLAY", &second), 200);
    let mut opened = opener(&told(&second));
    scenario.push(stream, 0, video(1, b"next"));
    let (rtp, _) = frames(&mut scenario, late);
    assert_eq!(opened.rtp(rtp.last().unwrap().clone()).unwrap().slice(12..), b"next"[..]);
}

#[test]
fn srtp_is_for_tls_only_unless_that_is_asked_for() {
    let tcp_or_clear = format!("{TCP},RTP/AVP/TCP;unicast;interleaved=0-1");
    for (policy, over_tls, is_taken, is_offered) in [
        (SrtpPolicy::Off, true, false, false),
        (SrtpPolicy::Accept, true, true, false),
        (SrtpPolicy::Accept, false, false, false),
        (SrtpPolicy::Offer, true, true, true),
        (SrtpPolicy::Offer, false, false, false),
        (SrtpPolicy::OfferWithoutTls, true, true, true),
        (SrtpPolicy::OfferWithoutTls, false, true, true),
    ] {
        let (mut scenario, conn, _) = Scenario::with_stream(ServerConfig::default().srtp(policy));
        if over_tls {
            scenario.server.set_secured(conn, Secured::default());
        }
        let description = describe(&mut scenario, conn);
        let profile = if is_offered { Profile::Savp } else { Profile::Avp };
        assert!(description.medias.iter().all(|media| media.profile == profile), "{policy:?}");
        assert!(description.medias.iter().all(|media| media.key_mgmt().count() == usize::from(is_offered)));
        let expected = if is_taken { 200 } else { 461 };
        assert_eq!(status(&set_up(&mut scenario, conn, TCP, "")), expected, "{policy:?} {over_tls}");
        let other = scenario.connect_from(peer(40_009));
        if over_tls {
            scenario.server.set_secured(other, Secured::default());
        }
        let setup = set_up(&mut scenario, other, &tcp_or_clear, "");
        assert_eq!(setup.headers.get("Transport").unwrap().contains("SAVP"), is_taken);
        assert_eq!(setup.headers.get("KeyMgmt").is_some(), is_taken);
    }
}

#[test]
fn what_is_offered_may_be_read_in_the_clear_and_its_keys_are_those_of_the_answer() {
    let config = ServerConfig::default().srtp(SrtpPolicy::Offer);
    let gcm = config.clone().srtp_offer(Suite::AeadAes128Gcm);
    let (mut scenario, conn, _) = over_tls(gcm);
    assert_eq!(described(&describe(&mut scenario, conn), 0).suite(), Suite::AeadAes128Gcm);
    let (mut scenario, conn, stream) = over_tls(config);
    scenario.push(stream, 0, video(7, b"picture"));
    let description = describe(&mut scenario, conn);
    let keys = described(&description, 0);
    assert_eq!(keys.suite(), Suite::AesCm128HmacSha1_80);
    assert_ne!(keys.keys(), described(&description, 1).keys(), "each media has a key of its own");
    assert_eq!(described(&describe(&mut scenario, conn), 0).keys(), keys.keys());
    // As FFmpeg does.
    let plain = tls(&mut scenario, 40_001);
    let setup = set_up(&mut scenario, plain, "RTP/AVP/TCP;unicast;interleaved=0-1", "");
    assert_eq!((status(&setup), secure_logs(&scenario, stream)), (200, 0));
    assert_eq!(told(&set_up(&mut scenario, conn, TCP, "")).keys(), keys.keys());
    // One that wants another suite.
    let other = tls(&mut scenario, 40_002);
    let key = own_key(Suite::AeadAes256Gcm, 1);
    let setup = set_up(&mut scenario, other, TCP, &header(&key));
    assert_eq!(told(&setup).suite(), Suite::AeadAes256Gcm);
    assert_eq!(secure_logs(&scenario, stream), 2);
}

#[test]
fn keys_that_cannot_be_used_are_refused() {
    let config = ServerConfig::default().srtp_suites([Suite::AeadAes256Gcm, Suite::AesCm128HmacSha1_32]);
    let (mut scenario, conn, stream) = over_tls(config);
    let other_suite = header(&own_key(Suite::AeadAes128Gcm, 1));
    for headers in ["KeyMgmt: prot=other;data=\"AQAF\"", "KeyMgmt: prot=mikey", &*other_suite] {
        assert_eq!(status(&set_up(&mut scenario, conn, TCP, headers)), 463, "{headers}");
    }
    assert_eq!(scenario.server.session_count(), 0);
    let setup = set_up(&mut scenario, conn, TCP, "");
    assert_eq!(told(&setup).suite(), Suite::AeadAes256Gcm);
    // The other track has the same suite, and is as secure.
    let session = session_of(&setup);
    let second = |scenario: &mut Scenario, profile: &str, headers: &str| {
        let transport = format!("Transport: {profile}/TCP;unicast;interleaved=2-3");
        let uri = "SETUP rtsps://h/cam/trackID=1";
        status(&scenario.request(conn, &format!("{uri}|Session: {session}|{transport}|{headers}")))
    };
    assert_eq!(second(&mut scenario, "RTP/AVP", ""), 461);
    let wrong = header(&own_key(Suite::AesCm128HmacSha1_32, 1));
    assert_eq!(second(&mut scenario, "RTP/SAVP", &wrong), 463);
    assert_eq!(second(&mut scenario, "RTP/SAVP", ""), 200);
    assert_eq!(secure_logs(&scenario, stream), 1);
    let none = ServerConfig::default().srtp_suites([]);
    let (mut scenario, conn, _) = over_tls(none);
    assert_eq!(status(&set_up(&mut scenario, conn, TCP, "")), 461);
}

/// A report of a reader, and the number of its losses.
pub(super) fn report(sealer: &mut Sealer, lost: i32) -> Bytes {
    let block = ReportBlock { ssrc: 0xabc, fraction_lost: 1, lost, ..ReportBlock::default() };
    let report = receiver_report_compound(&ReceiverReport { ssrc: 9, reports: vec![block] }, "reader");
    sealer.rtcp(&report).unwrap()
}

#[test]
fn reports_of_readers_are_decrypted_and_those_of_others_are_counted_and_left_out() {
    for transport in [TCP, UDP] {
        let (mut scenario, conn, stream) = over_tls_with_udp(|config| config);
        let key = own_key(Suite::AesCm128HmacSha1_80, 1);
        let setup = set_up(&mut scenario, conn, transport, &header(&key));
        assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
        scenario.push(stream, 0, video(1, b"picture"));
        let send = |scenario: &mut Scenario, report: &Bytes| match transport {
            UDP => scenario.datagram(Port::Rtcp, peer(5001), report.clone()),
            _ => scenario.send(conn, &[&[b'$', 1, 0, report.len() as u8], &report[..]].concat()),
        };
        let told = |scenario: &mut Scenario| {
            scenario.advance(Duration::from_secs(2));
            scenario.frames(conn);
            let id = scenario.server.sessions().next().unwrap().session;
            let stats = stats_of(scenario, id);
            let lost = stats.formats.iter().find_map(|format| Some(format.block?.1.lost));
            (lost, stats.unauthentic)
        };
        let mut sealer = Sealer::new(&key, &BuiltIn);
        let first = report(&mut sealer, 5);
        send(&mut scenario, &first);
        assert_eq!(told(&mut scenario), (Some(5), 0));
        send(&mut scenario, &first);
        let forged = report(&mut Sealer::new(&own_key(Suite::AesCm128HmacSha1_80, 3), &BuiltIn), 6);
        send(&mut scenario, &forged);
        assert_eq!(told(&mut scenario), (Some(5), 2));
        // The reader renews its key.
        let next = own_key(Suite::AesCm128HmacSha1_80, 2);
        let session = session_of(&setup);
        let renew = format!("SET_PARAMETER rtsps://h/cam|Session: {session}|{}", header(&next));
        assert_eq!(status(&scenario.request(conn, &renew)), 200);
        sealer.rekey(&next);
        send(&mut scenario, &report(&mut sealer, 7));
        assert_eq!(told(&mut scenario), (Some(7), 2));
    }
}

pub(super) fn stats_of(scenario: &mut Scenario, session: crate::SessionId) -> crate::stats::MediaStats {
    let of = crate::server::StatsOf::Session(session);
    scenario.server.ask_for_stats(scenario.now, of);
    scenario.drain();
    let stats = scenario.server.session_stats(session).unwrap();
    stats.medias.iter().find(|media| media.media == 0).cloned().unwrap_or_default()
}

#[test]
fn a_reader_that_pauses_goes_on_with_indices_that_were_not_used() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
    let setup = set_up(&mut scenario, conn, TCP, "");
    let mut opener = opener(&told(&setup));
    for sequence in 0..3 {
        assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
        scenario.push(stream, 0, video(sequence, b"picture"));
        let (rtp, rtcp) = frames(&mut scenario, conn);
        // The newest picture comes again, under the number that it had.
        assert_eq!((rtp.len(), rtcp.len()), (if sequence == 0 { 1 } else { 2 }, 1));
        assert!(opener.rtp(rtp.last().unwrap().clone()).is_some());
        assert_eq!(kinds(&opener.rtcp(rtcp[0].clone()).unwrap()), ["sender report"]);
        assert_eq!(act(&mut scenario, conn, "PAUSE", &setup), 200);
    }
}

#[test]
fn one_reader_more_than_there_are_shares_of_indices_has_other_keys() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
    let first = told(&set_up(&mut scenario, conn, TCP, ""));
    scenario.server.published.get_mut(stream).unwrap().keys[0].shares = READERS_OF_KEYS_MAX - 1;
    let mut next = |port| {
        let conn = tls(&mut scenario, port);
        let setup = set_up(&mut scenario, conn, TCP, "");
        assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
        told(&setup)
    };
    assert_eq!(next(40_001).keys(), first.keys());
    assert_ne!(next(40_002).keys(), first.keys());
}

#[test]
fn readers_may_have_keys_of_their_own() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default().srtp_key_per_reader(true));
    let first = told(&set_up(&mut scenario, conn, TCP, ""));
    let other = tls(&mut scenario, 40_001);
    let second = set_up(&mut scenario, other, TCP, "");
    assert_ne!(told(&second).keys(), first.keys());
    assert_eq!(secure_logs(&scenario, stream), 2);
    assert_eq!(act(&mut scenario, other, "PLAY", &second), 200);
    scenario.push(stream, 0, video(1, b"picture"));
    let (rtp, _) = frames(&mut scenario, other);
    assert!(opener(&first).rtp(rtp[0].clone()).is_none());
    assert!(opener(&told(&second)).rtp(rtp[0].clone()).is_some());
}

#[test]
fn two_medias_of_one_source_are_both_sent() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
    let setup = set_up(&mut scenario, conn, TCP, "");
    let transport = "RTP/SAVP/TCP;unicast;interleaved=2-3";
    let session = session_of(&setup);
    let uri = "SETUP rtsps://h/cam/trackID=1";
    let second = scenario.request(conn, &format!("{uri}|Session: {session}|Transport: {transport}"));
    let mut openers = [opener(&told(&setup)), opener(&told(&second))];
    assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
    for track in [0, 1] {
        scenario.push(stream, track, video(1, b"same"));
    }
    let frames = scenario.frames(conn).into_iter().filter(|(channel, _)| channel % 2 == 0);
    let opened = frames.filter_map(|(channel, sealed)| openers[usize::from(channel / 2)].rtp(sealed));
    assert_eq!(opened.count(), 2);
}

#[test]
fn a_packet_under_a_number_that_was_used_is_not_sent_and_keeps_its_place() {
    let (mut scenario, conn, stream) = over_tls(ServerConfig::default());
    let setup = set_up(&mut scenario, conn, TCP, "");
    assert_eq!(act(&mut scenario, conn, "PLAY", &setup), 200);
    let mut opener = opener(&told(&setup));
    for (sequence, payload) in [(1, b"one"), (1, b"bad"), (2, b"two")] {
        scenario.push(stream, 0, video(sequence, payload));
    }
    let (rtp, _) = frames(&mut scenario, conn);
    let opened: Vec<_> = rtp.into_iter().map(|sealed| opener.rtp(sealed).unwrap().slice(12..)).collect();
    assert_eq!(opened, [&b"one"[..], b"two"]);
    scenario.logs.read(stream, &mut |log| assert_eq!(log.secure(0).unwrap().head(), log.head()));
    // It is told of as missed.
    scenario.push(stream, 0, video(3, b"next"));
    let missed = scenario.events.iter().filter_map(|event| match event {
        crate::server::Event::ReaderLagged { dropped, .. } => Some(*dropped),
        _ => None,
    });
    assert_eq!(missed.sum::<u64>(), 1);
    let id = scenario.server.sessions().next().unwrap().session;
    scenario.server.ask_for_stats(scenario.now, crate::server::StatsOf::Session(id));
    scenario.drain();
    assert_eq!(scenario.server.session_stats(id).unwrap().skips.packets, 1);
}
