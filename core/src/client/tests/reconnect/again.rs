//! The requests that a client repeats when it reconnects.

use super::*;
use crate::header::{BACK_CHANNEL, Range};

#[test]
fn what_was_sought_is_played_again_from_there_and_as_fast() {
    let mut it = playing_tcp();
    let minute = Range::from_npt(Duration::from_secs(60));
    it.client.seek(it.now, Playback::from(minute).scale(2.0)).unwrap();
    it.expect_method("PAUSE");
    it.answer("200 OK");
    it.expect_method("PLAY");
    it.answer("200 OK");
    assert!(matches!(it.done(), Reply::Playing(_)));
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    answer_former(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    it.expect_method("DESCRIBE");
    it.answer(&sdp(SDP));
    it.expect_method("SETUP");
    it.answer(TCP);
    let play = it.request();
    assert!(play.contains("Range: npt=60-") && play.contains("Scale: 2"), "{play}");
}

#[test]
fn the_time_away_counts_from_the_loss_however_many_attempts_there_are() {
    let mut it = playing_tcp();
    let lost = it.now;
    it.close();
    reconnecting(&mut it);
    wait_for_attempt(&mut it);
    it.expect_method("TEARDOWN");
    it.close();
    it.expect_method("OPTIONS");
    it.close();
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 2));
    wait_for_attempt(&mut it);
    answer_as_before(&mut it, SDP, TCP);
    assert_eq!(reconnected(&mut it), (2, it.now - lost));
    assert!(it.now - lost > Duration::from_secs(3));
}

#[test]
fn back_channels_that_were_given_up_for_the_sake_of_a_lost_connection_are_asked_for_again() {
    let config = config().transports(Transports::Tcp).back_channel(true);
    let mut it = Scenario::with(URL, config);
    let describes = |it: &mut Scenario, with_tag: bool| {
        let request = it.request();
        assert!(request.starts_with("DESCRIBE "), "{request}");
        assert_eq!(request.contains(BACK_CHANNEL), with_tag, "{request}");
    };
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    describes(&mut it, true);
    it.answer("500 Internal Server Error");
    for _ in 0..2 {
        describes(&mut it, false);
        it.close();
    }
    assert_eq!(reconnecting(&mut it), (ClientCloseReason::ConnectionLost(None), 1));
    wait_for_attempt(&mut it);
    reconnected(&mut it);
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    describes(&mut it, true);
}
