//! Medias that are encrypted: the keys that both sides tell, and packets under them.

mod publishing;
mod renewal;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::reconnect;
use super::scenario::*;
use crate::client::*;
use crate::header::KeyMgmt;
use crate::keying::{KeyingError, Opener, OwnKey, PeerKeys};
use crate::mikey::MikeyError;
use crate::random::Random;
use crate::rtp::RtpPacket;
use crate::rtp::rtcp::{self, Rtcp};
use crate::srtp::{BuiltIn, MasterKey, SendContext, Suite};
use crate::udp::Port;
use crate::wire::StatusCode;
use crate::{NtpTime, Profile, Tolerance, Tolerances, WithCauses};

const SECURE: &str = "rtsps://192.0.2.1/cam";
/// The source of the server's packets, as [`video`] has it.
const SSRC: u32 = 0xabcd;
const TCP: &str = "Transport: RTP/SAVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "Transport: RTP/SAVP;unicast;client_port=7000-7001;server_port=5000-5001";
const TRACK: &str = "rtsp://192.0.2.1/cam?q=1/trackID=0";
/// A sender report of the server's.
const REPORT: &[u8] =
    &[0x80, 200, 0, 6, 0, 0, 0xab, 0xcd, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn key(suite: Suite) -> OwnKey {
    OwnKey::draw(suite, &mut Random::new([suite as u8; 32]))
}

fn told(key: &OwnKey, roc: u32) -> KeyMgmt {
    key.tell(&mut Random::new([1; 32]), NtpTime::from_bits(1), [(SSRC, roc)])
}

/// The description of a video, with further lines for all medias and for that one.
fn description(session: &str, media: &str) -> String {
    format!(
        "v=0\r\no=- 0 0 IN IP4 192.0.2.1\r\ns=cam\r\n{session}t=0 0\r\nm=video 0 RTP/SAVP 96\r\n\
         a=rtpmap:96 H264/90000\r\na=control:trackID=0\r\n{media}"
    )
}

fn attribute(key: &OwnKey, roc: u32) -> String {
    format!("a=key-mgmt:{}\r\n", told(key, roc).to_attribute())
}

fn tcp() -> ClientConfig {
    ClientConfig::default().transports(Transports::Tcp)
}

/// The keys that the client tells in a request.
#[track_caller]
fn keys_of(request: &str) -> PeerKeys {
    let header = request.split(" | ").find_map(|line| line.strip_prefix("KeyMgmt: "));
    let messages = KeyMgmt::parse(header.expect("keys are told"), &mut Tolerances::default()).unwrap();
    PeerKeys::read(messages, None, &mut Tolerances::default()).unwrap().expect("a message of MIKEY")
}

/// A server with its side of the keys.
struct Server {
    it: Scenario,
    sender: SendContext,
    /// Opens what the client sends.
    opener: Opener,
    client: PeerKeys,
}

impl Server {
    /// Sets the video up, where the server answers SETUP with further headers.
    #[track_caller]
    fn set_up(mut it: Scenario, key: &MasterKey, answer: &str) -> Self {
        it.client.setup(it.now, 0).unwrap();
        let request = it.request();
        let client = keys_of(&request);
        it.answer(&format!("200 OK | Session: 1;timeout=60 | {answer}"));
        let opener = Opener::new(&client, &BuiltIn).unwrap();
        Self { it, sender: SendContext::new(key), opener, client }
    }

    #[track_caller]
    fn play(mut self) -> Self {
        assert!(matches!(self.it.done(), Reply::Setup(TrackInfo { profile: Profile::Savp, .. })));
        self.it.client.play(self.it.now, None).unwrap();
        self.it.expect_method("PLAY");
        self.it.answer("200 OK");
        assert!(matches!(self.it.done(), Reply::Playing(_)));
        self
    }

    fn send(&mut self, packet: &RtpPacket) {
        let sent = self.sender.protect(packet).unwrap();
        self.it.frame(0, sent.as_bytes());
    }

    fn report(&mut self, compound: &[u8]) {
        let mut sent = BytesMut::new();
        self.sender.protect_rtcp_into(compound, &mut sent).unwrap();
        self.it.frame(1, &sent);
    }

    /// The reports that the client has sent, as they are read.
    fn reports(&mut self) -> Vec<Bytes> {
        self.it.pump();
        let sent = self.it.frames.drain(..).filter(|frame| frame.channel == 1);
        sent.map(|frame| self.opener.rtcp(frame.payload).expect("it is protected by the key")).collect()
    }

    fn pause_and_play(&mut self) {
        self.it.client.pause(self.it.now).unwrap();
        self.it.expect_method("PAUSE");
        self.it.answer("200 OK");
        self.it.done();
        self.it.client.play(self.it.now, None).unwrap();
        self.it.expect_method("PLAY");
        self.it.answer("200 OK");
        self.it.done();
    }

    fn unauthentic(&self) -> u64 {
        self.it.client.media_stats(self.it.now, 0).unwrap().unauthentic
    }
}

#[test]
fn what_is_encrypted_is_played_with_the_keys_of_the_description_or_of_the_answer() {
    let (right, wrong) = (key(Suite::AeadAes128Gcm), key(Suite::AeadAes256Gcm));
    let answer = format!("{TCP} | KeyMgmt: {}", told(&right, 3).with_uri(TRACK));
    for (session, media, answer) in [
        (String::new(), attribute(&right, 3), TCP),
        (attribute(&right, 3), String::new(), TCP),
        (attribute(&wrong, 0), attribute(&right, 3), TCP),
        (attribute(&right, 3), "a=key-mgmt:mikey AQAF\r\n".to_owned(), TCP),
        (String::new(), String::new(), &*answer),
        (String::new(), attribute(&wrong, 0), &*answer),
    ] {
        let it = Scenario::with(SECURE, tcp()).describe_as(&description(&session, &media));
        let mut server = Server::set_up(it, right.key(), answer).play();
        let is_described = !session.is_empty() || !media.is_empty();
        let suite = if is_described { server.client.suite() } else { Suite::AesCm128HmacSha1_80 };
        assert_eq!(server.client.suite(), suite);
        server.sender.set_roc(SSRC, 3).unwrap();
        server.send(&video(65_535));
        server.send(&video(0));
        assert_eq!(server.it.packets(), [(0, 65_535, 0), (0, 0, 0)]);
        assert_eq!(server.unauthentic(), 0);
    }
}

#[test]
fn the_client_asks_for_srtp_and_tells_a_key_of_the_suite_of_the_server() {
    for suite in Suite::ALL {
        let mut it = Scenario::with(SECURE, tcp()).describe_as(&description("", &attribute(&key(suite), 0)));
        it.client.setup(it.now, 0).unwrap();
        let request = it.request();
        assert!(request.contains(" | Transport: RTP/SAVP/TCP;unicast;interleaved=0-1"), "{request}");
        let keys = keys_of(&request);
        assert_eq!((keys.suite(), keys.uri()), (suite, Some("rtsps://192.0.2.1/cam?q=1/trackID=0")));
    }
}

#[test]
fn a_suite_that_is_asked_for_is_that_of_the_clients_key() {
    let config = tcp().srtp(ClientSrtp::default().suite(Suite::AeadAes256Gcm));
    let described = description("", &attribute(&key(Suite::AesCm128HmacSha1_80), 0));
    let right = key(Suite::AeadAes256Gcm);
    let answer = format!("{TCP} | KeyMgmt: {}", told(&right, 0));
    let it = Scenario::with(SECURE, config).describe_as(&described);
    let mut server = Server::set_up(it, right.key(), &answer).play();
    assert_eq!(server.client.suite(), Suite::AeadAes256Gcm);
    server.send(&video(1));
    assert_eq!(server.it.packets(), [(0, 1, 0)]);
}

#[test]
fn reports_of_both_sides_are_protected() {
    let right = key(Suite::AesCm128HmacSha1_80);
    let it = Scenario::with(SECURE, tcp()).describe_as(&description("", &attribute(&right, 0)));
    let mut server = Server::set_up(it, right.key(), TCP).play();
    server.send(&video(1));
    server.report(REPORT);
    server.it.advance(Duration::from_secs(10));
    let reports = server.reports();
    let mut read = Tolerances::default();
    let Some(Rtcp::ReceiverReport(report)) = rtcp::parse(&reports[0], &mut read).next() else { panic!() };
    assert_eq!((report.reports[0].ssrc, report.reports[0].highest_sequence), (SSRC, 1));
    assert_eq!(server.it.client.media_stats(server.it.now, 0).unwrap().rtcp_received.packets, 1);
}

#[test]
fn what_is_not_authentic_is_left_out_and_counted() {
    let right = key(Suite::AeadAes128Gcm);
    let it = Scenario::with(SECURE, tcp()).describe_as(&description("", &attribute(&right, 0)));
    let mut server = Server::set_up(it, right.key(), TCP).play();
    let sent = server.sender.protect(&video(1)).unwrap();
    server.it.frame(0, sent.as_bytes());
    // The same again, one in the clear, one under another key, and a report in the clear.
    server.it.frame(0, sent.as_bytes());
    server.it.frame(0, video(2).as_bytes());
    let foreign = SendContext::new(key(Suite::AeadAes256Gcm).key()).protect(&video(3)).unwrap();
    server.it.frame(0, foreign.as_bytes());
    server.it.frame(1, REPORT);
    server.send(&video(2));
    assert_eq!(server.it.packets(), [(0, 1, 0), (0, 2, 0)]);
    let stats = server.it.client.media_stats(server.it.now, 0).unwrap();
    assert_eq!((stats.unauthentic, stats.invalid, stats.rtcp_received.packets), (4, 0, 0));
}

#[test]
fn over_udp_the_way_is_opened_by_packets_that_the_server_takes_and_only_its_own_are_taken() {
    let right = key(Suite::AesCm128HmacSha1_80);
    let config = ClientConfig::default().transports(Transports::Udp).source(SourcePolicy::AnyPort);
    let it = Scenario::with(SECURE, config).describe_as(&description("", &attribute(&right, 0)));
    let mut server = Server::set_up(it, right.key(), UDP).play();
    for _ in 0..2 {
        let punches: Vec<_> = server.it.datagrams.drain(..).collect();
        let [(_, Port::Rtp, to, rtp), (_, Port::Rtcp, rtcp_to, rtcp)] = &punches[..] else {
            panic!("{punches:?}")
        };
        assert_eq!((to.port(), rtcp_to.port()), (5000, 5001));
        assert!(server.opener.rtp(rtp.clone()).is_some_and(|rtp| rtp.len() == 12));
        assert!(server.opener.rtcp(rtcp.clone()).is_some_and(|rtcp| rtcp.len() == 8));
        server.pause_and_play();
    }
    // One that anybody may have sent fixes no source.
    server.it.datagram(Port::Rtp, "192.0.2.1:4444", video(1).into_bytes());
    let sent = server.sender.protect(&video(1)).unwrap();
    server.it.datagram(Port::Rtp, "192.0.2.1:5555", sent.into_bytes());
    let sent = server.sender.protect(&video(2)).unwrap();
    server.it.datagram(Port::Rtp, "192.0.2.1:5555", sent.into_bytes());
    assert_eq!(server.it.packets(), [(0, 1, 0), (0, 2, 0)]);
    assert_eq!(server.unauthentic(), 1);
}

#[test]
fn a_pause_leaves_keys_and_rollover_counters_as_they_are() {
    let right = key(Suite::AeadAes128Gcm);
    let it = Scenario::with(SECURE, tcp()).describe_as(&description("", &attribute(&right, 0)));
    let mut server = Server::set_up(it, right.key(), TCP).play();
    server.send(&video(65_535));
    server.send(&video(0));
    server.pause_and_play();
    server.send(&video(1));
    assert_eq!(server.it.packets(), [(0, 65_535, 0), (0, 0, 0), (0, 1, 0)]);
    server.it.advance(Duration::from_secs(10));
    assert!(!server.reports().is_empty());
}

#[test]
fn keys_are_told_over_tls_only_unless_the_application_insists() {
    let described = description("", &attribute(&key(Suite::AeadAes128Gcm), 0));
    let mut it = Scenario::with(URL, tcp()).describe_as(&described);
    it.client.setup(it.now, 0).unwrap();
    it.expect_nothing_sent();
    let error = it.failed();
    assert_eq!(error, CommandError::Srtp { media: 0, error: SrtpError::NotOverTls });
    assert!(WithCauses(&error).to_string().contains("rtsps"), "{error:?}");
    let insists = tcp().srtp(ClientSrtp::default().without_tls(true));
    let mut it = Scenario::with(URL, insists).describe_as(&described);
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
}

#[test]
fn a_media_whose_keys_cannot_be_had_is_told_with_the_reason() {
    let crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
    let without_key = "a=key-mgmt:mikey AQAFAAAAAAUBAAAAq80AAAAACwDsAAAAAAAAAAoAAAAAAAABAQABAAAA\r\n";
    for (media, error) in [
        (crypto, SrtpError::OnlyCrypto),
        ("", SrtpError::NoKeys),
        ("a=key-mgmt:other AAAA\r\n", SrtpError::Keys(KeyingError::Protocol("other".into()))),
        (
            "a=key-mgmt:mikey AAAA\r\n",
            SrtpError::Keys(KeyingError::Mikey(MikeyError::Unsupported {
                field: "version",
                offset: 0,
                value: 0,
            })),
        ),
    ] {
        let mut it = Scenario::with(SECURE, tcp()).describe_as(&description("", media));
        it.client.setup(it.now, 0).unwrap();
        if error != SrtpError::OnlyCrypto {
            it.expect_method("SETUP");
            it.answer(&format!("200 OK | Session: 1 | {TCP}"));
        }
        it.expect_nothing_sent();
        assert_eq!(it.failed(), CommandError::Srtp { media: 0, error });
    }
    let mut it = Scenario::with(SECURE, tcp()).describe_as(&description("", without_key));
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    it.answer(&format!("200 OK | Session: 1 | {TCP}"));
    let error = it.failed();
    assert!(matches!(error, CommandError::Srtp { error: SrtpError::Keys(_), .. }), "{error:?}");
}

#[test]
fn a_server_that_wants_the_clients_keys_is_told_them_with_an_identifier_and_uses_them() {
    let mut it = Scenario::with(SECURE, tcp())
        .describe_as(&description("", &attribute(&key(Suite::AesCm128HmacSha1_80), 0)));
    it.client.setup(it.now, 0).unwrap();
    assert!(keys_of(&it.request()).keys()[0].mki().is_empty());
    // Axis.
    it.answer("463 Key management failure");
    let client = keys_of(&it.request());
    assert_eq!(client.keys()[0].mki().len(), 4);
    it.answer(&format!("200 OK | Session: 1 | {TCP}"));
    let opener = Opener::new(&client, &BuiltIn).unwrap();
    let sender = SendContext::new(&client.keys()[0]);
    let mut server = Server { it, sender, opener, client }.play();
    server.send(&video(1));
    assert_eq!(server.it.packets(), [(0, 1, 0)]);
    assert!(server.it.client.tolerances().contains(Tolerance::ClientManagedKeys));
}

#[test]
fn keys_that_are_refused_twice_are_not_told_again() {
    let mut it = Scenario::with(SECURE, tcp()).describe_as(&description("", ""));
    it.client.setup(it.now, 0).unwrap();
    for _ in 0..2 {
        it.expect_method("SETUP");
        it.answer("463 Key management failure");
    }
    it.expect_nothing_sent();
    assert_eq!(it.failed().status(), Some(StatusCode::KEY_MANAGEMENT_FAILURE));
}

#[test]
fn encrypted_medias_with_one_control_are_each_set_up() {
    let right = key(Suite::AeadAes128Gcm);
    let media = attribute(&right, 0);
    let both = description("", &media) + &format!("m=audio 0 RTP/SAVP 0\r\na=control:trackID=0\r\n{media}");
    let it = Scenario::with(SECURE, tcp()).describe_as(&both);
    let mut server = Server::set_up(it, right.key(), TCP);
    server.it.done();
    server.it.client.setup(server.it.now, 1).unwrap();
    keys_of(&server.it.request());
}

#[test]
fn a_session_that_is_made_anew_has_new_keys() {
    let config = tcp().reconnect(Some(ReconnectPolicy::default()));
    let first = key(Suite::AeadAes128Gcm);
    let it = Scenario::with(SECURE, config).describe_as(&description("", &attribute(&first, 0)));
    let mut server = Server::set_up(it, first.key(), TCP).play();
    server.send(&video(65_535));
    server.it.close();
    let mut it = server.it;
    reconnect::wait_for_attempt(&mut it);
    reconnect::answer_former(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    let second = key(Suite::AesCm128HmacSha1_80);
    it.answer(&sdp(&description("", &attribute(&second, 1))));
    let keys = keys_of(&it.request());
    assert_ne!(keys.keys(), server.client.keys());
    it.answer(&format!("200 OK | Session: 2 | {TCP}"));
    it.expect_method("PLAY");
    it.answer("200 OK");
    let mut sender = SendContext::new(second.key());
    sender.set_roc(SSRC, 1).unwrap();
    it.packets();
    it.frame(0, sender.protect(&video(7)).unwrap().as_bytes());
    assert_eq!(it.packets().iter().map(|(_, sequence, _)| *sequence).collect::<Vec<_>>(), [7]);
}
