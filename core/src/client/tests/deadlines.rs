//! Each deadline holds for what it names, and no longer.

use std::time::Duration;

use super::scenario::*;
use crate::Instant;
use crate::client::*;
use crate::limits::{DEADLINE_GRACE, DESCRIBE_DEADLINE, WRITE_STALL};

/// All deadlines differ, so that one in the place of another is noticed.
fn config() -> ClientConfig {
    ClientConfig::default()
        .connect_deadline(Duration::from_secs(7))
        .response_deadline(Duration::from_secs(5))
        .describe_deadline(Duration::from_secs(11))
        .write_stall(Duration::from_secs(13))
        .first_udp_packet(Duration::from_secs(3))
        .silence(Duration::from_secs(17))
}

/// How long it takes until something is told, in milliseconds.
fn told_after(it: &mut Scenario) -> u128 {
    let begun = it.now;
    it.no_event();
    while it.next_event().is_none() {
        let at = it.client.poll_timeout().expect("something is waited for");
        it.now = it.now.max(at);
        it.client.handle_timeout(it.now);
    }
    (it.now - begun).as_millis()
}

#[test]
fn a_connection_has_its_deadline() {
    let mut it = Scenario::with(URL, config());
    it.connects = false;
    it.client.describe(it.now).unwrap();
    assert_eq!(told_after(&mut it), 7_000);
    assert_eq!(it.closed(), ClientCloseReason::Connect(no_answer()));
}

#[test]
fn each_answer_has_its_deadline_however_long_the_one_before_has_taken() {
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp));
    it.client.describe(it.now).unwrap();
    it.advance(Duration::from_millis(4_900));
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.advance(Duration::from_millis(10_900));
    it.answer(&sdp(SDP));
    it.done();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    assert_eq!(told_after(&mut it), 5_000);
    it.client.describe(it.now).unwrap();
    it.expect_method("DESCRIBE");
    assert_eq!(told_after(&mut it), 11_000);
}

#[test]
fn a_server_that_reads_nothing_has_its_deadline_from_the_last_byte_that_it_took() {
    let mut it = Scenario::with(URL, config());
    it.client.options(it.now).unwrap();
    it.connects = false;
    it.pump();
    let begun = it.now;
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    // The answer is waited for as well, and the queue is looked at without being written.
    let mut told = Vec::new();
    while !told.iter().any(|event| matches!(event, ClientEvent::Closed(_))) {
        it.now = it.client.poll_timeout().unwrap();
        it.client.handle_timeout(it.now);
        while let Some(output) = it.client.poll_output() {
            if let ClientOutput::Event(event) = output {
                told.push(event);
            }
        }
    }
    assert!(matches!(told.last(), Some(ClientEvent::Closed(ClientCloseReason::Stalled))), "{told:?}");
    assert_eq!(it.now - begun, Duration::from_secs(13));
}

#[test]
fn the_first_packet_over_udp_has_its_deadline() {
    let mut it = Scenario::playing_udp(config());
    assert_eq!(told_after(&mut it), 3_000);
    assert!(it.log.iter().any(|line| line == "TransportSwitched(NothingHeard)"));
    let mut it =
        Scenario::playing_udp(config().transports(Transports::Udp).media_silence(Duration::from_secs(60)));
    assert_eq!(told_after(&mut it), 17_000);
    assert!(it.log.iter().any(|line| line.contains("NothingOverUdp")));
}

#[test]
fn a_silent_server_is_asked_and_has_the_deadline_of_an_answer() {
    let config = config().transports(Transports::Tcp).media_silence(Duration::from_secs(60));
    let mut it = Scenario::with(URL, config).describe().play_tcp("1");
    assert_eq!(told_after(&mut it), 17_000 + 5_000);
    assert!(it.log.iter().any(|line| line.contains("Closed(Silence)")));
}

#[test]
fn a_deadline_below_a_second_is_held_for_no_longer() {
    let short = |millis| Duration::from_millis(millis);
    let config = || {
        let config = ClientConfig::default().connect_deadline(short(700)).response_deadline(short(500));
        config.describe_deadline(short(600)).first_udp_packet(short(300)).silence(short(400))
    };
    let mut it = Scenario::with(URL, config());
    it.connects = false;
    it.client.describe(it.now).unwrap();
    assert_eq!(told_after(&mut it), 700);
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp)).describe();
    it.client.setup(it.now, 0).unwrap();
    it.expect_method("SETUP");
    assert_eq!(told_after(&mut it), 500);
    it.client.describe(it.now).unwrap();
    it.expect_method("DESCRIBE");
    assert_eq!(told_after(&mut it), 600);
    let mut it = Scenario::playing_udp(config());
    assert_eq!(told_after(&mut it), 300);
    let mut it = Scenario::with(URL, config().transports(Transports::Tcp)).describe().play_tcp("1");
    assert_eq!(told_after(&mut it), 400 + 500);
    assert!(it.log.iter().any(|line| line.contains("Closed(Silence)")));
}

#[test]
fn a_command_that_is_not_answered_fails_and_the_session_goes_on() {
    // Uniview never answers the SETUP of its metadata.
    let mut it = Scenario::described(Transports::Tcp);
    it.client.setup(it.now, 1).unwrap();
    it.expect_method("SETUP");
    it.advance(Duration::from_millis(9_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.failed(), CommandError::Timeout);
    it = it.play_tcp("1");
    assert_eq!(it.client.state(), State::Play);
}

#[test]
fn a_description_is_waited_for_longer_than_other_answers() {
    // A server that starts its source only now, and needs 20 s to do so.
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.advance(Duration::from_secs(20));
    it.no_event();
    it.answer(&sdp(SDP));
    assert!(matches!(it.done(), Reply::Described(_)));
    it.client.describe(it.now).unwrap();
    it.expect_method("DESCRIBE");
    it.advance(DESCRIBE_DEADLINE - Duration::from_millis(1));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.failed(), CommandError::Timeout);
}

#[test]
fn the_application_sets_how_long_a_description_is_waited_for() {
    let config = ClientConfig::default().describe_deadline(Duration::from_secs(3));
    let mut it = Scenario::with(URL, config);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.advance(Duration::from_millis(2_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.failed(), CommandError::Timeout);
}

#[test]
fn a_connection_that_does_not_come_about_in_time_is_given_up() {
    let mut it = Scenario::new(Transports::Tcp);
    it.connects = false;
    it.client.describe(it.now).unwrap();
    it.advance(Duration::from_millis(9_999));
    it.no_event();
    it.advance(Duration::from_millis(1));
    assert_eq!(it.failed(), CommandError::Closed);
    assert_eq!(it.closed(), ClientCloseReason::Connect(no_answer()));
    assert_eq!(it.log.last().map(String::as_str), Some("Closed(Connect(Timeout([])))"));
}

#[test]
fn a_server_that_reads_nothing_is_given_up() {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.options(it.now).unwrap();
    it.connects = false;
    it.pump();
    it.client.handle_connected(it.now, Ok(SERVER.parse().unwrap()));
    let late = it.now + WRITE_STALL;
    it.client.handle_timeout(it.now + (WRITE_STALL - DEADLINE_GRACE));
    it.client.handle_timeout(Instant::from_nanos(late.as_nanos() - 1));
    assert!(it.client.poll_output().is_none());
    assert!(it.client.poll_timeout().is_some_and(|deadline| deadline <= late));
    it.client.handle_timeout(late);
    it.now = late;
    assert_eq!(it.failed(), CommandError::Closed);
    assert_eq!(it.closed(), ClientCloseReason::Stalled);
}
