//! SRTP: keys in DESCRIBE, SETUP and SET_PARAMETER, and media that is encrypted.

mod groups;
mod publishers;
mod readers;

use bytes::Bytes;

use super::scenario::{Scenario, description, peer, session_of, status, video};
use crate::header::KeyMgmt;
use crate::keying::{Opener, OwnKey, PeerKeys, Sealer};
use crate::random::Random;
use crate::rtp::rtcp::{self, Rtcp};
use crate::server::{ServerConfig, SrtpPolicy};
use crate::srtp::{BuiltIn, Suite};
use crate::tls::Secured;
use crate::udp::Port;
use crate::wire::Response;
use crate::{ConnId, Description, NtpTime, Profile, StreamId, Tolerances};

const TCP: &str = "RTP/SAVP/TCP;unicast;interleaved=0-1";
const UDP: &str = "RTP/SAVP;unicast;client_port=5000-5001";

/// A server with a stream, and a connection over TLS.
fn over_tls(config: ServerConfig) -> (Scenario, ConnId, StreamId) {
    let (mut scenario, conn, stream) = Scenario::with_stream(config);
    scenario.server.set_secured(conn, Secured::default());
    (scenario, conn, stream)
}

fn over_tls_with_udp(config: impl FnOnce(ServerConfig) -> ServerConfig) -> (Scenario, ConnId, StreamId) {
    let mut scenario = Scenario::with_udp_and(config);
    let stream = scenario.publish("/cam");
    let conn = tls(&mut scenario, 40_000);
    (scenario, conn, stream)
}

fn tls(scenario: &mut Scenario, port: u16) -> ConnId {
    let conn = scenario.connect_from(peer(port));
    scenario.server.set_secured(conn, Secured::default());
    conn
}

/// A key of a peer's, as chance has it.
fn own_key(suite: Suite, seed: u8) -> OwnKey {
    OwnKey::draw(suite, &mut Random::new([seed; 32]))
}

/// The header that tells a key.
fn header(key: &OwnKey) -> String {
    let message = key.tell(&mut Random::new([99; 32]), NtpTime::from_bits(1 << 60), [(0, 0)]);
    format!("KeyMgmt: {}", message.with_uri("rtsps://h/cam/trackID=0"))
}

/// The keys that a response tells.
#[track_caller]
fn told(response: &Response) -> PeerKeys {
    assert_eq!(status(response), 200);
    PeerKeys::of_headers(&response.headers, None, &mut Tolerances::default()).unwrap().expect("keys")
}

fn opener(keys: &PeerKeys) -> Opener {
    Opener::new(keys, &BuiltIn).unwrap()
}

fn describe(scenario: &mut Scenario, conn: ConnId) -> Description {
    let response = scenario.request(conn, "DESCRIBE rtsps://h/cam");
    assert_eq!(status(&response), 200);
    Description::parse(&response.body, &mut Tolerances::default()).unwrap()
}

/// The keys that a description tells of a media.
fn described(description: &Description, media: usize) -> PeerKeys {
    let messages: Vec<KeyMgmt> = description.medias[media].key_mgmt().collect();
    PeerKeys::read(messages, None, &mut Tolerances::default()).unwrap().expect("keys")
}

fn set_up(scenario: &mut Scenario, conn: ConnId, transport: &str, headers: &str) -> Response {
    scenario.request(conn, &format!("SETUP rtsps://h/cam/trackID=0|Transport: {transport}|{headers}"))
}

fn act(scenario: &mut Scenario, conn: ConnId, method: &str, setup: &Response) -> u16 {
    let session = session_of(setup);
    status(&scenario.request(conn, &format!("{method} rtsps://h/cam|Session: {session}")))
}

/// Frames of RTP and of RTCP that a reader has got on the channels 0 and 1.
fn frames(scenario: &mut Scenario, conn: ConnId) -> (Vec<Bytes>, Vec<Bytes>) {
    let (rtp, rtcp): (Vec<_>, Vec<_>) =
        scenario.frames(conn).into_iter().partition(|(channel, _)| *channel == 0);
    let bytes = |frames: Vec<(u8, Bytes)>| frames.into_iter().map(|(_, bytes)| bytes).collect();
    (bytes(rtp), bytes(rtcp))
}

/// Datagrams that were sent to a port.
fn datagrams(scenario: &mut Scenario, to: u16) -> Vec<Bytes> {
    let (own, others): (Vec<_>, Vec<_>) =
        std::mem::take(&mut scenario.datagrams.sent).into_iter().partition(|(_, at, _)| at.port() == to);
    scenario.datagrams.sent = others;
    own.into_iter().map(|(_, _, bytes)| bytes).collect()
}

/// The kinds of packets of a compound, as far as this is about them.
fn kinds(compound: &[u8]) -> Vec<&'static str> {
    let kind = |packet: &Rtcp| match packet {
        Rtcp::SenderReport(_) => Some("sender report"),
        Rtcp::ReceiverReport(_) => Some("receiver report"),
        Rtcp::Goodbye(_) => Some("goodbye"),
        _ => None,
    };
    rtcp::parse(compound, &mut Tolerances::default()).filter_map(|packet| kind(&packet)).collect()
}
