use std::time::Duration;

use super::scenario::{Scenario, video};
use crate::client::*;
use crate::limits::{LAST_DATAGRAMS, SEND_PACKETS_MAX, UDP_BURST_PACKETS, UDP_BURST_PERIOD};
use crate::udp::Port;

const BURST: u16 = UDP_BURST_PACKETS as u16;

/// Publishes packets one right behind the other, with nobody to send them yet.
fn publish(it: &mut Scenario, sequences: std::ops::Range<u16>) {
    sequences.for_each(|sequence| it.client.send(it.now, 0, &video(sequence)).unwrap());
}

/// Takes what has left: sequence numbers of packets, and how many reports came before each of them and at the end.
fn sent(it: &mut Scenario) -> (Vec<u16>, usize) {
    it.pump();
    let (mut packets, mut reports) = (Vec::new(), 0);
    for (_, port, _, data) in it.datagrams.drain(..) {
        match port {
            Port::Rtp => packets.push(u16::from_be_bytes([data[2], data[3]])),
            Port::Rtcp => reports += 1,
        }
    }
    (packets, reports)
}

/// One that records over UDP, whose first report is out.
fn recording() -> Scenario {
    let mut it = Scenario::recording(Transports::Udp);
    publish(&mut it, 0..1);
    assert_eq!(sent(&mut it), (vec![0], 1));
    it.advance(Duration::from_millis(10));
    it
}

#[test]
fn a_keyframe_leaves_at_the_pace_of_sockets() {
    let mut it = recording();
    publish(&mut it, 1..1001);
    let mut next = 1;
    while next < 1001 {
        let (packets, reports) = sent(&mut it);
        let until = (next + BURST).min(1001);
        assert_eq!((packets, reports), ((next..until).collect(), 0));
        assert!(!it.client.wants_flush());
        next = until;
        if next < 1001 {
            assert_eq!(it.client.poll_timeout(), Some(it.now + UDP_BURST_PERIOD));
            it.advance(UDP_BURST_PERIOD - Duration::from_nanos(1));
            assert_eq!(sent(&mut it), (vec![], 0));
            it.now = it.now + Duration::from_nanos(1);
        }
    }
    assert!(it.client.poll_timeout().is_none_or(|at| at > it.now + UDP_BURST_PERIOD));
}

#[test]
fn what_is_spread_out_is_not_delayed() {
    let mut it = recording();
    for burst in 0..20 {
        let first = 1 + burst * BURST;
        publish(&mut it, first..first + BURST);
        assert_eq!(sent(&mut it).0.len(), UDP_BURST_PACKETS);
        it.advance(UDP_BURST_PERIOD);
    }
}

#[test]
fn another_burst_may_be_chosen() {
    let config = ClientConfig::default().transports(Transports::Udp).udp_burst(3);
    let mut it = Scenario::recording_with(config);
    publish(&mut it, 0..8);
    let mut bursts = Vec::new();
    for _ in 0..4 {
        let (packets, reports) = sent(&mut it);
        bursts.push(packets.len() + reports);
        it.advance(UDP_BURST_PERIOD);
    }
    assert_eq!(bursts, [3, 3, 3, 0]);
}

#[test]
fn a_deadline_that_has_passed_is_told_once_and_then_there_is_something_to_send() {
    let mut it = recording();
    publish(&mut it, 1..1 + 2 * BURST);
    sent(&mut it);
    let at = it.client.poll_timeout().unwrap();
    assert!(!it.client.wants_flush());
    it.client.handle_timeout(at);
    assert!(it.client.wants_flush());
    assert!(it.client.poll_timeout().is_none_or(|next| next > at));
    it.now = at;
    assert_eq!(sent(&mut it).0.len(), UDP_BURST_PACKETS);
}

#[test]
fn no_more_waits_than_may() {
    let mut it = recording();
    publish(&mut it, 1..1 + SEND_PACKETS_MAX as u16);
    assert_eq!(it.client.send(it.now, 0, &video(5000)), Err(SendError::Full));
    sent(&mut it);
    publish(&mut it, 5000..5000 + BURST);
    assert_eq!(it.client.send(it.now, 0, &video(6000)), Err(SendError::Full));
}

#[test]
fn goodbye_and_teardown_come_behind_what_was_published_before() {
    let mut it = recording();
    publish(&mut it, 1..201);
    it.client.teardown(it.now).unwrap();
    let mut all = Vec::new();
    for _ in 0..3 {
        it.expect_nothing_sent();
        let (packets, reports) = sent(&mut it);
        assert_eq!(reports, 0);
        all.extend(packets);
        it.advance(UDP_BURST_PERIOD);
    }
    it.expect_method("TEARDOWN");
    let (packets, reports) = sent(&mut it);
    all.extend(packets);
    assert_eq!((all, reports), ((1..201).collect(), 1));
    it.answer("200 OK");
    assert_eq!(it.done(), Reply::TornDown(Farewell::Heard));
    assert_eq!(it.closed(), ClientCloseReason::TornDown);
}

#[test]
fn pause_comes_behind_what_was_published_before_and_nothing_is_taken_behind_it() {
    let mut it = recording();
    publish(&mut it, 1..101);
    it.client.pause(it.now).unwrap();
    it.expect_nothing_sent();
    assert_eq!(it.client.send(it.now, 0, &video(101)), Err(SendError::Pausing));
    it.advance(UDP_BURST_PERIOD);
    it.expect_method("PAUSE");
    assert_eq!(sent(&mut it).0, (1..101).collect::<Vec<_>>());
}

#[test]
fn sockets_that_take_nothing_are_not_waited_for_long() {
    let mut it = recording();
    publish(&mut it, 1..3);
    it.takes_datagrams = false;
    it.client.teardown(it.now).unwrap();
    it.advance(LAST_DATAGRAMS - Duration::from_nanos(1));
    it.expect_nothing_sent();
    it.advance(Duration::from_nanos(1));
    it.expect_method("TEARDOWN");
}

#[test]
fn a_client_that_ends_at_once_sends_the_rest_at_once() {
    let mut it = recording();
    publish(&mut it, 1..201);
    assert_eq!(sent(&mut it).0.len(), UDP_BURST_PACKETS);
    it.receive(b"REDIRECT * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    assert_eq!(sent(&mut it), ((1 + BURST..201).collect(), 1));
    assert_eq!(it.closed(), ClientCloseReason::Redirected(None));
}
