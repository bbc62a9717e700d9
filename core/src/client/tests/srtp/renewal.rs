//! Keys that take the place of others.

use super::*;
use crate::base64;
use crate::limits::RESPONSE_DEADLINE;

fn playing(first: &OwnKey) -> Server {
    let it = Scenario::with(SECURE, tcp()).describe_as(&description("", &attribute(first, 0)));
    Server::set_up(it, first.key(), TCP).play()
}

/// Has the server send SET_PARAMETER, and returns the status of the answer.
fn set_parameter(it: &mut Scenario, headers: &str, body: &str) -> String {
    let text = format!(
        "SET_PARAMETER rtsps://192.0.2.1/cam RTSP/1.0\r\nCSeq: 9\r\n{headers}Content-Type: text/parameters\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    it.receive(text.as_bytes());
    let answer = it.request();
    answer.split(" | ").next().unwrap().to_owned()
}

#[test]
fn the_server_replaces_its_key_in_every_form_and_rollover_counters_go_on() {
    let first = key(Suite::AeadAes128Gcm);
    let second = {
        let mut second = first.clone();
        second.renew(&mut Random::new([99; 32]));
        second
    };
    let data = base64::encode(&told(&second, 1).data);
    let uri = "rtsps://192.0.2.1/cam?q=1/trackID=0";
    let message = told(&second, 1).with_uri(uri);
    for (headers, body) in [
        (String::new(), format!("KeyMgmt: {message}\r\n")),
        (String::new(), format!("mikey: {data}\r\n")),
        (format!("KeyMgmt: {message}\r\n"), String::new()),
    ] {
        let mut server = playing(&first);
        server.send(&video(65_535));
        server.send(&video(0));
        assert_eq!(set_parameter(&mut server.it, &headers, &body), "RTSP/1.0 200 OK");
        // One that was on its way.
        server.send(&video(1));
        server.sender.rekey(second.key());
        server.send(&video(2));
        let sequences = server.it.packets().into_iter().map(|(_, sequence, _)| sequence);
        assert_eq!(sequences.collect::<Vec<_>>(), [65_535, 0, 1, 2]);
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_and_change_nothing() {
    let first = key(Suite::AeadAes128Gcm);
    let mut server = playing(&first);
    for body in ["mikey: ~\r\n", "KeyMgmt: prot=mikey;data=AAAA\r\n", "KeyMgmt: prot=other;data=AAAA\r\n"] {
        let status = set_parameter(&mut server.it, "", body);
        assert_eq!(status, "RTSP/1.0 463 Key management Failure", "{body}");
    }
    assert_eq!(set_parameter(&mut server.it, "", "volume: 3\r\n"), "RTSP/1.0 501 Not Implemented");
    let foreign = format!("mikey: {}\r\n", base64::encode(&told(&key(Suite::AeadAes256Gcm), 0).data));
    assert_eq!(set_parameter(&mut server.it, "Session: 77\r\n", &foreign), "RTSP/1.0 454 Session Not Found");
    server.send(&video(1));
    assert_eq!(server.it.packets(), [(0, 1, 0)]);
}

#[test]
fn keys_are_for_the_media_that_they_name_or_whose_number_they_have() {
    let firsts = [key(Suite::AeadAes128Gcm), key(Suite::AeadAes256Gcm)];
    let both = description("", &attribute(&firsts[0], 0))
        + &format!("m=audio 0 RTP/SAVP 0\r\na=control:trackID=1\r\n{}", attribute(&firsts[1], 0));
    for is_named in [true, false] {
        let it = Scenario::with(SECURE, tcp()).describe_as(&both);
        let mut server = Server::set_up(it, firsts[0].key(), TCP);
        server.it.done();
        server.it.client.setup(server.it.now, 1).unwrap();
        server.it.expect_method("SETUP");
        server.it.answer("200 OK | Session: 1 | Transport: RTP/SAVP/TCP;unicast;interleaved=2-3");
        let mut server = server.play();
        let mut second = if is_named { key(Suite::AesCm128HmacSha1_80) } else { firsts[1].clone() };
        second.renew(&mut Random::new([98; 32]));
        let mut message = told(&second, 0);
        if is_named {
            message = message.with_uri("rtsps://192.0.2.1/cam?q=1/trackID=1");
        }
        let body = format!("KeyMgmt: {message}\r\n");
        assert_eq!(set_parameter(&mut server.it, "", &body), "RTSP/1.0 200 OK");
        server.send(&video(1));
        let sent = SendContext::new(second.key()).protect(&packet(0, 2, 5)).unwrap();
        server.it.frame(2, sent.as_bytes());
        assert_eq!(server.it.packets(), [(0, 1, 0), (1, 2, 0)]);
        let unknown =
            format!("mikey: {}\r\n", base64::encode(&told(&key(Suite::AesCm128HmacSha1_32), 0).data));
        assert_eq!(set_parameter(&mut server.it, "", &unknown), "RTSP/1.0 463 Key management Failure");
    }
}

/// Records with a key for 160 packets.
fn recording() -> (Scenario, PeerKeys) {
    let policy = ClientSrtp::default().publish(Suite::AesCm128HmacSha1_80).key_packets(160);
    let mut it = Scenario::with(SECURE, tcp().srtp(policy).sender_reports(false));
    it.client.announce(it.now, published()).unwrap();
    it.client.setup(it.now, 0).unwrap();
    it.client.record(it.now).unwrap();
    let mut keys = None;
    for _ in 0..4 {
        let request = it.request();
        if request.starts_with("SETUP") {
            keys = Some(keys_of(&request));
        }
        it.answer(&format!("200 OK | Session: 1 | {TCP};mode=record"));
    }
    (0..3).for_each(|_| _ = it.done());
    (it, keys.expect("a key was told"))
}

/// Sends packets with these numbers, and says how many of them the server can open.
fn send(it: &mut Scenario, opener: &mut Opener, sequences: std::ops::Range<u16>) -> usize {
    sequences.for_each(|sequence| it.client.send(it.now, 0, &video(sequence)).unwrap());
    it.pump();
    it.frames.drain(..).filter_map(|frame| opener.rtp(frame.payload)).count()
}

#[test]
fn the_client_replaces_its_key_before_it_is_used_up() {
    let (mut it, keys) = recording();
    let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
    assert_eq!(send(&mut it, &mut opener, 0..149), 149);
    it.expect_nothing_sent();
    assert_eq!(send(&mut it, &mut opener, 149..152), 3);
    let request = it.request();
    let (head, body) = request.split_once(" || ").unwrap();
    assert!(head.starts_with("SET_PARAMETER rtsps://192.0.2.1/cam "), "{head}");
    let next = PeerKeys::of_parameters(body.as_bytes(), None, &mut Tolerances::default()).unwrap().unwrap();
    assert_eq!((next.csb_id(), next.uri()), (keys.csb_id(), Some("rtsps://192.0.2.1/cam/trackID=0")));
    assert_ne!(next.keys(), keys.keys());
    // Until it is answered the former one is used.
    assert_eq!(send(&mut it, &mut opener, 152..155), 3);
    opener.rekey(&next);
    it.answer("200 OK");
    assert_eq!(send(&mut it, &mut opener, 155..200), 45);
    it.no_event();
    let mut only_next = Opener::new(&next, &BuiltIn).unwrap();
    assert_eq!(send(&mut it, &mut only_next, 200..202), 2);
}

#[test]
fn a_server_that_refuses_another_key_is_asked_once_and_packets_end_with_the_key() {
    for answer in ["451 Parameter Not Understood", ""] {
        let (mut it, keys) = recording();
        let mut opener = Opener::new(&keys, &BuiltIn).unwrap();
        assert_eq!(send(&mut it, &mut opener, 0..151), 151);
        it.expect_method("SET_PARAMETER");
        if answer.is_empty() {
            it.advance(RESPONSE_DEADLINE);
        } else {
            it.answer(answer);
        }
        assert_eq!(send(&mut it, &mut opener, 151..160), 9);
        let error = it.client.send(it.now, 0, &video(160));
        assert_eq!(error, Err(SendError::Protect(crate::srtp::ProtectError::KeyExhausted)));
        assert_eq!(it.client.state(), State::Record);
        it.no_event();
    }
}

#[test]
fn a_key_that_the_server_uses_as_well_is_replaced_for_both() {
    let policy = ClientSrtp::default().key_packets(160);
    let mut it = Scenario::with(SECURE, tcp().srtp(policy)).describe_as(&description("", ""));
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer("463 Key management failure");
    let client = keys_of(&it.request());
    it.answer(&format!("200 OK | Session: 1 | {TCP}"));
    let opener = Opener::new(&client, &BuiltIn).unwrap();
    let sender = SendContext::new(&client.keys()[0]);
    let mut server = Server { it, sender, opener, client }.play();
    (0..151).for_each(|sequence| server.send(&video(sequence)));
    server.it.advance(Duration::from_secs(6));
    let request = server.it.request();
    let (_, body) = request.split_once(" || ").unwrap();
    let next = PeerKeys::of_parameters(body.as_bytes(), None, &mut Tolerances::default()).unwrap().unwrap();
    assert_ne!(next.keys()[0].mki(), server.client.keys()[0].mki());
    server.sender.rekey(&next.keys()[0]);
    server.send(&video(151));
    server.it.answer("200 OK");
    assert_eq!(server.it.packets().len(), 152);
    server.opener.rekey(&next);
    server.it.advance(Duration::from_secs(6));
    assert!(!server.reports().is_empty());
}
