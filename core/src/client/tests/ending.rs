//! The end of a track, as BYE tells it.

use std::time::Duration;

use super::scenario::*;
use crate::Instant;
use crate::client::*;
use crate::limits::{DEADLINE_GRACE, RESTART_WAIT};

#[test]
fn a_camera_that_restarts_its_encoder_goes_on() {
    for ssrc in [0xabcd, 0x9999] {
        let mut it = Scenario::playing_tcp();
        it.frame(0, video(1).as_bytes());
        it.frame(1, &crate::rtp::rtcp::goodbye_compound(0xabcd, "camera", ""));
        it.advance(RESTART_WAIT / 3);
        let mut sequence = 500;
        while it.now < Instant::ZERO + 2 * RESTART_WAIT {
            it.frame(0, packet(96, sequence, ssrc).as_bytes());
            sequence += 1;
            it.advance(Duration::from_millis(40));
        }
        assert!(matches!(it.event(), ClientEvent::Restarted(0)), "{ssrc:x}");
        it.no_event();
        assert_eq!(it.packets().len(), usize::from(sequence - 500) + 1);
    }
}

#[test]
fn a_clip_whose_end_was_told_is_over_soon_after_the_bye() {
    for (range, waits) in [("npt=0-12.5", false), ("npt=0-", true), ("npt=0-now", true)] {
        let mut it = Scenario::described(Transports::Tcp);
        it.client.setup(it.now, 0).unwrap();
        it.expect_method("SETUP");
        it.answer("200 OK | Session: 1 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1");
        it.client.play(it.now, None).unwrap();
        it.expect_method("PLAY");
        it.answer(&format!("200 OK | Session: 1 | Range: {range}"));
        it.done();
        it.done();
        it.frame(0, video(1).as_bytes());
        it.frame(1, &crate::rtp::rtcp::goodbye_compound(0xabcd, "server", ""));
        it.advance(DEADLINE_GRACE);
        if waits {
            it.no_event();
            it.advance(RESTART_WAIT - DEADLINE_GRACE);
        }
        assert!(matches!(it.event(), ClientEvent::Ended(0)), "{range}");
    }
}

#[test]
fn a_stream_that_has_ended_may_be_silent() {
    let mut it = Scenario::playing_tcp();
    it.frame(0, video(1).as_bytes());
    it.frame(1, &crate::rtp::rtcp::goodbye_compound(0xabcd, "server", ""));
    it.advance(RESTART_WAIT);
    assert!(matches!(it.event(), ClientEvent::Ended(0)));
    it.advance(Duration::from_secs(25));
    it.no_event();
}
