mod again;
mod causes;
mod commands;

use std::time::Duration;

use super::scenario::*;
use crate::client::*;
use crate::limits::{
    COMMANDS_WAITING_MAX, RECONNECT_DENIED_MAX, RECONNECT_MISSING_MAX, RECONNECT_SETTLED, TEARDOWN_DEADLINE,
    UDP_AVOIDED,
};
use crate::rtp::rtcp::goodbye_compound;
use crate::udp::Port;
use crate::wire::StatusCode;
use crate::{Instant, MediaKind};

pub(super) const TCP: &str = "200 OK | Session: 5678 | Transport: RTP/AVP/TCP;unicast;interleaved=0-1";
pub(super) const UDP: &str =
    "200 OK | Session: 5678 | Transport: RTP/AVP;unicast;client_port=7000-7001;server_port=5000-5001";

pub(super) fn config() -> ClientConfig {
    ClientConfig::default().reconnect(Some(ReconnectPolicy::default()))
}

pub(super) fn playing_tcp() -> Scenario {
    Scenario::with(URL, config().transports(Transports::Tcp)).describe().play_tcp("1234;timeout=60")
}

/// Lets time pass until the client connects.
#[track_caller]
pub(super) fn wait_for_attempt(it: &mut Scenario) {
    let connects = |it: &Scenario| it.log.iter().filter(|line| line.starts_with("connect ")).count();
    it.pump();
    let before = connects(it);
    while connects(it) == before {
        it.now = it.now.max(it.client.poll_timeout().expect("the client waits for its next attempt"));
        it.client.handle_timeout(it.now);
        it.pump();
    }
}

/// The cause and the number of the attempt that is told next.
#[track_caller]
pub(super) fn reconnecting(it: &mut Scenario) -> (ClientCloseReason, u32) {
    match it.event() {
        ClientEvent::Reconnecting { cause, attempt, wait } => {
            assert!(!wait.is_zero());
            (cause, attempt)
        }
        event => panic!("{event:?}"),
    }
}

#[track_caller]
pub(super) fn reconnected(it: &mut Scenario) -> (u32, Duration) {
    match it.event() {
        ClientEvent::Reconnected { attempts, away } => {
            assert!(!it.client.is_reconnecting());
            (attempts, away)
        }
        event => panic!("{event:?}"),
    }
}

/// The server answers all that leads to the first media playing again.
#[track_caller]
pub(super) fn answer_as_before(it: &mut Scenario, description: &str, setup: &str) {
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(description));
    it.expect_method("SETUP");
    it.answer(setup);
    it.expect_method("PLAY");
    it.answer("200 OK");
}

#[track_caller]
pub(super) fn answer_former(it: &mut Scenario) {
    it.expect_method("TEARDOWN");
    it.answer("454 Session Not Found | Session: 1234");
}

#[test]
fn a_session_that_ends_with_its_connection_is_played_again() {
    let mut it = playing_tcp();
    it.frame(0, video(7).as_bytes());
    let first = it.client.poll_packet().unwrap();
    assert_eq!((first.time.pts, first.time.begins_anew), (0, false));
    it.close();
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 1));
    assert_eq!(it.client.state(), State::Initial);
    assert_eq!(it.client.media_stats(it.now, 0).map(|stats| stats.packets), Some(1));
    it.advance(Duration::from_millis(999));
    assert_eq!(it.log.iter().filter(|line| line.starts_with("connect ")).count(), 1, "too early");
    wait_for_attempt(&mut it);
    it.expect("TEARDOWN rtsp://192.0.2.1/cam?q=1/ | CSeq: 1 | Session: 1234 | User-Agent: test");
    it.answer("454 Session Not Found | Session: 1234");
    // The session of the answer is not the next one.
    it.expect("OPTIONS rtsp://192.0.2.1/cam?q=1 | CSeq: 2 | User-Agent: test");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer(TCP);
    it.no_event();
    it.expect(
        "PLAY rtsp://192.0.2.1/cam?q=1/ | CSeq: 5 | Range: npt=0.000- | User-Agent: test | Session: 5678",
    );
    it.answer("200 OK");
    let (attempts, away) = reconnected(&mut it);
    assert!(attempts == 1 && (Duration::from_secs(1)..Duration::from_secs(2)).contains(&away), "{away:?}");
    assert_eq!((it.client.state(), it.client.reconnects()), (State::Play, 1));
    // Another SSRC, another sequence: the time line goes on by the time that has passed.
    it.frame(0, packet(96, 40_000, 0x5555).as_bytes());
    let next = it.client.poll_packet().unwrap();
    assert_eq!((next.lost, next.time.begins_anew), (0, true));
    assert_eq!(next.time.pts, (it.now - Instant::ZERO).as_nanos() as i64);
    assert_eq!(it.client.media_stats(it.now, 0).map(|stats| stats.packets), Some(2), "counts go on");
    it.no_event();
}

#[test]
fn servers_may_close_behind_the_teardown_of_the_former_session_or_not_answer_it() {
    for closes in [true, false] {
        let mut it = playing_tcp();
        it.close();
        reconnecting(&mut it);
        wait_for_attempt(&mut it);
        it.expect_method("TEARDOWN");
        if closes {
            it.close();
        } else {
            it.advance(TEARDOWN_DEADLINE);
        }
        answer_as_before(&mut it, SDP, TCP);
        assert_eq!(reconnected(&mut it).0, 1, "{closes}");
    }
}

#[test]
fn a_former_session_is_left_alone_once_the_server_has_forgotten_it() {
    let mut it = playing_tcp();
    it.connects = false;
    it.close();
    reconnecting(&mut it);
    it.advance(Duration::from_secs(61));
    while it.next_event().is_some() {}
    it.connects = true;
    wait_for_attempt(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    assert!(it.log.iter().all(|line| !line.starts_with("TEARDOWN")));
}

#[test]
fn a_changed_description_is_told_and_what_does_not_fit_is_left_out_until_it_does() {
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp)).describe();
    for media in 0..2 {
        it.client.setup(it.now, media).unwrap();
        it.expect_method("SETUP");
        let channels = format!("{}-{}", 2 * media, 2 * media + 1);
        it.answer(&format!("200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
        it.done();
    }
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    let changed = SDP.replace("m=audio 0 RTP/AVP 0", "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 OPUS/48000/2");
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    answer_as_before(&mut it, &changed, TCP);
    match it.event() {
        ClientEvent::DescriptionChanged(description) => {
            assert_eq!(description.medias[1].formats[0].encoding.to_lowercase(), "opus");
            assert_eq!(description.medias[0].kind, MediaKind::Video);
        }
        event => panic!("{event:?}"),
    }
    assert!(matches!(it.event(), ClientEvent::MediaRefused(1, CommandError::MediaChanged(1))));
    reconnected(&mut it);
    // The camera is set back.
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    it.expect_method("TEARDOWN");
    it.answer("200 OK");
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    for channels in ["0-1", "2-3"] {
        it.expect_method("SETUP");
        it.answer(&format!("200 OK | Session: 9 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
    }
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.event(), ClientEvent::DescriptionChanged(_)));
    reconnected(&mut it);
}

#[test]
fn a_media_that_is_no_longer_described_is_told_as_refused() {
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp)).describe();
    for media in 0..2 {
        it.client.setup(it.now, media).unwrap();
        it.expect_method("SETUP");
        let channels = format!("{}-{}", 2 * media, 2 * media + 1);
        it.answer(&format!("200 OK | Session: 1234 | Transport: RTP/AVP/TCP;unicast;interleaved={channels}"));
        it.done();
    }
    it.client.play(it.now, None).unwrap();
    it.expect_method("PLAY");
    it.answer("200 OK");
    it.done();
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    let (video_only, _) = SDP.split_once("m=audio").unwrap();
    answer_as_before(&mut it, video_only, TCP);
    assert!(matches!(it.event(), ClientEvent::DescriptionChanged(_)));
    assert!(matches!(it.event(), ClientEvent::MediaRefused(1, CommandError::NoSuchMedia(1))));
    reconnected(&mut it);
}

#[test]
fn what_nobody_polls_does_not_grow_however_long_there_is_no_connection() {
    let mut it = playing_tcp();
    it.close();
    for _ in 0..10_000 {
        let Some(at) = it.client.poll_timeout() else { break };
        it.now = it.now.max(at);
        it.client.handle_timeout(it.now);
        assert!(it.client.poll_timeout().is_none_or(|next| next > it.now));
    }
    assert!(it.now > Instant::ZERO + Duration::from_secs(3600), "{:?}", it.now);
    let outputs = std::iter::from_fn(|| it.client.poll_output()).count();
    assert!(outputs <= COMMANDS_WAITING_MAX + 4, "{outputs}");
}

#[test]
fn the_same_seed_waits_for_the_same_time() {
    let wait = || {
        let mut it = playing_tcp();
        it.close();
        it.client.poll_timeout()
    };
    assert_eq!(wait(), wait());
}
