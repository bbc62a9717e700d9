//! RTCP of the application's, and RTCP of servers that it looks at.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::scenario::{Scenario, URL};
use crate::client::*;
use crate::limits::{RTCP_TOLD_MAX, SEND_PACKETS_MAX};
use crate::rtp::rtcp::BadCompound;
use crate::udp::Port;

/// A request for a keyframe (PLI, RFC 4585, section 6.3.1).
const PLI: &[u8] = &[0x81, 206, 0, 2, 0, 0, 0, 9, 0, 0, 0, 1];
const RTCP_PORT: &str = "192.0.2.1:5001";

fn playing(transports: Transports, tells: bool) -> Scenario {
    let config = ClientConfig::default().transports(transports).rtcp_events(tells);
    match transports {
        Transports::Tcp => Scenario::with(URL, config).describe().play_tcp("1234"),
        _ => Scenario::playing_udp(config),
    }
}

fn hear(it: &mut Scenario, transports: Transports, compound: &[u8]) {
    match transports {
        Transports::Tcp => it.frame(1, compound),
        _ => it.datagram(Port::Rtcp, RTCP_PORT, compound.to_vec()),
    }
}

#[test]
fn rtcp_that_comes_is_told_if_it_is_wanted() {
    for transports in [Transports::Tcp, Transports::Udp] {
        for tells in [true, false] {
            let mut it = playing(transports, tells);
            hear(&mut it, transports, PLI);
            hear(&mut it, transports, b"no rtcp");
            if tells {
                match it.event() {
                    ClientEvent::RtcpReceived { media: 0, compound } => assert_eq!(compound, PLI),
                    other => panic!("{other:?}"),
                }
            }
            it.no_event();
        }
    }
}

#[test]
fn one_compound_over_the_bound_of_a_second_is_not_told() {
    let mut it = playing(Transports::Tcp, true);
    for _ in 0..=RTCP_TOLD_MAX {
        hear(&mut it, Transports::Tcp, PLI);
    }
    (0..RTCP_TOLD_MAX).for_each(|_| assert!(matches!(it.event(), ClientEvent::RtcpReceived { .. })));
    it.no_event();
    it.advance(Duration::from_secs(1));
    hear(&mut it, Transports::Tcp, PLI);
    assert!(matches!(it.event(), ClientEvent::RtcpReceived { .. }));
}

#[test]
fn rtcp_of_the_application_is_sent_while_playing_and_recording() {
    let compound = Bytes::from_static(PLI);
    for mut it in [playing(Transports::Tcp, false), Scenario::recording(Transports::Tcp)] {
        it.client.write_rtcp(it.now, 0, compound.clone()).unwrap();
        it.pump();
        let is_sent = it.frames.iter().any(|frame| frame.channel == 1 && frame.payload == compound);
        assert!(is_sent, "{:?}", it.frames);
    }
    let mut it = playing(Transports::Udp, false);
    it.client.write_rtcp(it.now, 0, compound.clone()).unwrap();
    it.pump();
    let to: SocketAddr = RTCP_PORT.parse().unwrap();
    let is_sent = |(_, port, addr, data): &_| (*port, *addr, data) == (Port::Rtcp, to, &compound);
    assert!(it.datagrams.iter().any(is_sent), "{:?}", it.datagrams);
}

#[test]
fn rtcp_that_cannot_be_sent_is_an_error_that_says_why() {
    let compound = Bytes::from_static(PLI);
    let mut it = Scenario::described(Transports::Tcp);
    let refused = it.client.write_rtcp(it.now, 0, compound.clone());
    assert_eq!(refused, Err(SendError::RtcpState(State::Initial)));
    let mut it = playing(Transports::Tcp, false);
    assert_eq!(it.client.write_rtcp(it.now, 1, compound.clone()), Err(SendError::NotSetUp(1)));
    let bad = BadCompound::NoPacket { offset: 0 };
    assert_eq!(it.client.write_rtcp(it.now, 0, Bytes::from_static(b"x")), Err(SendError::Rtcp(bad)));
    for _ in 0..SEND_PACKETS_MAX {
        it.client.write_rtcp(it.now, 0, compound.clone()).unwrap();
    }
    assert_eq!(it.client.write_rtcp(it.now, 0, compound), Err(SendError::Full));
}
