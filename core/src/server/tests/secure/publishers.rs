use std::time::Duration;

use super::*;
use crate::limits::RECEIVER_REPORT_PERIOD;
use crate::rtp::RtpPacket;
use crate::server::Event;

/// A description of one media.
fn picture() -> Description {
    let mut description = description();
    description.medias.truncate(1);
    description
}

/// A description that announces keys, of its first media or of all.
fn announced(key: &OwnKey, for_all: bool) -> String {
    let mut description = picture();
    let message = key.tell(&mut Random::new([98; 32]), NtpTime::from_bits(1 << 60), [(0xabc, 0)]);
    let attribute = crate::description::Attribute::new("key-mgmt", message.to_attribute());
    for media in &mut description.medias {
        media.profile = Profile::Savp;
    }
    let attributes =
        if for_all { &mut description.attributes } else { &mut description.medias[0].attributes };
    attributes.push(attribute);
    description.with_track_controls().to_sdp()
}

fn announce(scenario: &mut Scenario, conn: ConnId, path: &str, sdp: &str) {
    scenario.post(conn, &format!("ANNOUNCE rtsps://h{path}|Content-Type: application/sdp"), sdp);
    assert_eq!(status(&scenario.response(conn)), 200);
}

/// A publisher of the first media; the answer to SETUP.
fn publisher(scenario: &mut Scenario, conn: ConnId, sdp: &str, transport: &str, headers: &str) -> Response {
    announce(scenario, conn, "/door", sdp);
    let transport = format!("Transport: {transport};mode=record");
    scenario.request(conn, &format!("SETUP rtsps://h/door/trackID=0|{transport}|{headers}"))
}

fn record(scenario: &mut Scenario, conn: ConnId, setup: &Response) -> StreamId {
    let session = session_of(setup);
    assert_eq!(status(&scenario.request(conn, &format!("RECORD rtsps://h/door|Session: {session}"))), 200);
    scenario.server.stream_at("/door").unwrap()
}

fn send(scenario: &mut Scenario, conn: ConnId, transport: &str, packet: &RtpPacket) {
    let bytes = packet.as_bytes();
    match transport {
        UDP => scenario.datagram(Port::Rtp, peer(5000), bytes.clone()),
        _ => scenario.send(conn, &[&[b'$', 0, 0, bytes.len() as u8], &bytes[..]].concat()),
    }
}

fn logged(scenario: &Scenario, stream: StreamId) -> Vec<Bytes> {
    let logs = scenario.logs.0.borrow();
    let log = &logs[&stream];
    log.packets_from(log.tail()).map(|packet| packet.rtp.as_bytes().clone()).collect()
}

#[test]
fn packets_of_a_publisher_are_decrypted_wherever_its_keys_are_told_and_its_reports_are_protected() {
    for transport in [TCP, UDP] {
        for suite in Suite::ALL {
            for place in ["header", "media", "session"] {
                let (mut scenario, conn, _) = over_tls_with_udp(|config| config);
                let (key, other) = (own_key(suite, 1), own_key(Suite::AesCm128HmacSha1_32, 2));
                let (sdp, headers) = match place {
                    // The header goes before the description.
                    "header" => (announced(&other, false), header(&key)),
                    "media" => (announced(&key, false), String::new()),
                    _ => (announced(&key, true), String::new()),
                };
                let setup = publisher(&mut scenario, conn, &sdp, transport, &headers);
                let mut opener = opener(&told(&setup));
                let stream = record(&mut scenario, conn, &setup);
                let mut sealer = Sealer::new(&key, &BuiltIn);
                for sequence in [0xffff, 0, 1] {
                    send(&mut scenario, conn, transport, &sealer.rtp(&video(sequence, b"secret")).unwrap());
                }
                let clear: Vec<_> = [0xffff, 0, 1].map(|at| video(at, b"secret").as_bytes().clone()).into();
                assert_eq!(logged(&scenario, stream), clear, "{suite} {place}");
                scenario.datagrams.sent.clear();
                scenario.advance(RECEIVER_REPORT_PERIOD);
                let reports = match transport {
                    UDP => datagrams(&mut scenario, 5001),
                    _ => frames(&mut scenario, conn).1,
                };
                assert_eq!(kinds(&opener.rtcp(reports[0].clone()).unwrap()), ["receiver report"]);
            }
        }
    }
}

#[test]
fn what_a_publisher_has_announced_is_described_in_the_clear_and_without_its_keys() {
    let (mut scenario, conn, _) = over_tls(ServerConfig::default());
    let setup = publisher(&mut scenario, conn, &announced(&own_key(Suite::AeadAes128Gcm, 1), true), TCP, "");
    record(&mut scenario, conn, &setup);
    let reader = scenario.connect_from(peer(40_005));
    let response = scenario.request(reader, "DESCRIBE rtsp://h/door");
    let text = std::str::from_utf8(&response.body).unwrap();
    assert!(!text.contains("SAVP") && !text.contains("key-mgmt"), "{text}");
}

#[test]
fn a_publisher_without_keys_or_with_bad_ones_is_refused() {
    let (mut scenario, conn, _) = over_tls(ServerConfig::default());
    let plain = picture().with_track_controls().to_sdp();
    let setup = publisher(&mut scenario, conn, &plain, TCP, "");
    assert_eq!(status(&setup), 463);
    let bad = format!("{plain}a=key-mgmt:mikey AQAF\r\n");
    let conn = tls(&mut scenario, 40_001);
    announce(&mut scenario, conn, "/other", &bad);
    let transport = format!("Transport: {TCP};mode=record");
    let setup = scenario.request(conn, &format!("SETUP rtsps://h/other/trackID=0|{transport}"));
    assert_eq!(status(&setup), 463);
    // Over TLS only.
    let conn = scenario.connect_from(peer(40_002));
    announce(&mut scenario, conn, "/third", &announced(&own_key(Suite::AeadAes128Gcm, 1), true));
    let setup = scenario.request(conn, &format!("SETUP rtsps://h/third/trackID=0|{transport}"));
    assert_eq!(status(&setup), 461);
    // It may go on without.
    let transport = "Transport: RTP/AVP/TCP;interleaved=0-1;mode=record";
    let setup = scenario.request(conn, &format!("SETUP rtsps://h/third/trackID=0|{transport}"));
    assert_eq!((status(&setup), setup.headers.get("KeyMgmt")), (200, None));
}

#[test]
fn what_is_not_authentic_or_came_before_is_counted_told_and_left_out() {
    for transport in [TCP, UDP] {
        let (mut scenario, conn, _) = over_tls_with_udp(|config| config);
        let key = own_key(Suite::AeadAes128Gcm, 1);
        let setup = publisher(&mut scenario, conn, &announced(&key, true), transport, "");
        let stream = record(&mut scenario, conn, &setup);
        let mut sealer = Sealer::new(&key, &BuiltIn);
        let first = sealer.rtp(&video(1, b"one")).unwrap();
        send(&mut scenario, conn, transport, &first);
        send(&mut scenario, conn, transport, &first);
        send(&mut scenario, conn, transport, &video(2, b"in the clear"));
        send(&mut scenario, conn, transport, &sealer.rtp(&video(2, b"two")).unwrap());
        assert_eq!(logged(&scenario, stream), [video(1, b"one"), video(2, b"two")].map(|p| p.into_bytes()));
        scenario.advance(Duration::from_secs(2));
        send(&mut scenario, conn, transport, &first);
        let told = scenario.events.iter().filter_map(|event| match event {
            Event::PacketsUnreadable { malformed: 0, unannounced: 0, unauthentic, .. } => Some(*unauthentic),
            _ => None,
        });
        assert_eq!(told.sum::<u64>(), 3);
    }
}

#[test]
fn a_publisher_renews_its_keys_in_either_form_and_the_rollover_counter_goes_on() {
    for in_body in [false, true] {
        let (mut scenario, conn, _) = over_tls(ServerConfig::default());
        let key = own_key(Suite::AesCm128HmacSha1_80, 1);
        let setup = publisher(&mut scenario, conn, &announced(&key, true), TCP, "");
        let stream = record(&mut scenario, conn, &setup);
        let mut sealer = Sealer::new(&key, &BuiltIn);
        for sequence in [0xffff, 0] {
            send(&mut scenario, conn, TCP, &sealer.rtp(&video(sequence, b"old")).unwrap());
        }
        let next = own_key(Suite::AesCm128HmacSha1_80, 2);
        let session = session_of(&setup);
        let header = header(&next);
        let (headers, body) = match in_body {
            true => ("Content-Type: text/parameters", &*header),
            false => (&*header, ""),
        };
        let renew = format!("SET_PARAMETER rtsps://h/door|Session: {session}|{headers}");
        scenario.post(conn, &renew, &body.replace("/cam/", "/door/"));
        assert_eq!(status(&scenario.response(conn)), 200);
        sealer.rekey(&next);
        send(&mut scenario, conn, TCP, &sealer.rtp(&video(1, b"new")).unwrap());
        let last = logged(&scenario, stream).pop().unwrap();
        assert_eq!(last, video(1, b"new").into_bytes());
        // Keys of another suite, or that are none, and parameters of another kind.
        let wrong = super::header(&own_key(Suite::AeadAes256Gcm, 3));
        let renew = format!("SET_PARAMETER rtsps://h/door|Session: {session}");
        assert_eq!(status(&scenario.request(conn, &format!("{renew}|{wrong}"))), 463);
        assert_eq!(status(&scenario.request(conn, &format!("{renew}|KeyMgmt: prot=mikey"))), 463);
        scenario.post(conn, &renew, "volume: 3\r\n");
        assert_eq!(status(&scenario.response(conn)), 451);
    }
}

#[test]
fn a_publisher_that_comes_back_with_other_keys_has_its_stream_again() {
    let config = ServerConfig::default().resume(Duration::from_secs(30));
    let (mut scenario, conn, _) = over_tls(config);
    let setup = publisher(&mut scenario, conn, &announced(&own_key(Suite::AeadAes128Gcm, 1), true), TCP, "");
    let stream = record(&mut scenario, conn, &setup);
    scenario.hang_up(conn);
    let conn = tls(&mut scenario, 40_001);
    let key = own_key(Suite::AeadAes128Gcm, 2);
    let setup = publisher(&mut scenario, conn, &announced(&key, true), TCP, "");
    assert_eq!(record(&mut scenario, conn, &setup), stream);
    let mut sealer = Sealer::new(&key, &BuiltIn);
    send(&mut scenario, conn, TCP, &sealer.rtp(&video(1, b"again")).unwrap());
    assert_eq!(logged(&scenario, stream), [video(1, b"again").into_bytes()]);
}

#[test]
fn what_a_reader_says_into_a_back_channel_is_decrypted() {
    let (mut scenario, conn, _) = over_tls(ServerConfig::default());
    let door = super::super::back_channel::door();
    let (stream, log) = scenario.server.add_stream(scenario.now, "/door", door).unwrap();
    scenario.logs.0.borrow_mut().insert(stream, log);
    let key = own_key(Suite::AesCm128HmacSha1_80, 1);
    let tag = "Require: www.onvif.org/ver20/backchannel";
    let setup = format!("SETUP rtsps://h/door/trackID=1|{tag}|Transport: {TCP}|{}", header(&key));
    let setup = scenario.request(conn, &setup);
    let mut opener = opener(&told(&setup));
    let session = session_of(&setup);
    let play = scenario.request(conn, &format!("PLAY rtsps://h/door|{tag}|Session: {session}"));
    assert_eq!(status(&play), 200);
    let back = scenario.events.iter().find_map(|event| match event {
        Event::BackChannelOpened { stream, .. } => Some(*stream),
        _ => None,
    });
    let header = crate::rtp::RtpHeader { payload_type: 0, sequence: 5, ssrc: 3, ..Default::default() };
    let voice = RtpPacket::build(header, b"hello");
    let mut sealer = Sealer::new(&key, &BuiltIn);
    send(&mut scenario, conn, TCP, &sealer.rtp(&voice).unwrap());
    assert_eq!(logged(&scenario, back.unwrap()), [voice.into_bytes()]);
    scenario.advance(RECEIVER_REPORT_PERIOD);
    let (_, reports) = frames(&mut scenario, conn);
    assert_eq!(kinds(&opener.rtcp(reports[0].clone()).unwrap()), ["receiver report"]);
}
