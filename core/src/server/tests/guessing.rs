use std::net::SocketAddr;
use std::time::Duration;

use super::access::{Player, guarded};
use super::scenario::{Scenario, status};
use crate::Instant;
use crate::auth::{Algorithm, AuthScheme};
use crate::conn::CloseReason;
use crate::limits::{
    AUTH_FAILURE_FORGIVEN, AUTH_FAILURES_OF_ADDRESS_FREE, AUTH_FAILURES_OF_CONN_MAX,
    AUTH_SLOWED_ADDRESSES_MAX, AUTH_TURN, AUTH_TURN_WAIT_MAX,
};
use crate::server::Event;
use crate::server::access::guesses::{Guesses, TooMany};

const DESCRIBE: &str = "DESCRIBE rtsp://h/cam";

fn from(octet: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, octet], 1000))
}

/// A player at an address, which has its challenge.
fn player_from(scenario: &mut Scenario, peer: SocketAddr, password: &'static str) -> Player {
    let mut player = Player::new(scenario, "wall", password);
    player.conn = scenario.connect_from(peer);
    player
}

fn failures_told(scenario: &Scenario) -> u64 {
    let told = |event: &Event| if let Event::AuthFailed { count, .. } = event { *count } else { 0 };
    scenario.events.iter().map(told).sum()
}

#[test]
fn wrong_credentials_in_a_row_close_a_connection() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut player = player_from(&mut scenario, from(1), "wrong");
    // The first is sent without credentials, as FFmpeg and VLC do, and is not wrong.
    assert_eq!(status(&player.request(&mut scenario, DESCRIBE, "")), 401);
    for _ in 2..AUTH_FAILURES_OF_CONN_MAX {
        assert_eq!(status(&player.request_once(&mut scenario, DESCRIBE, "")), 401);
        assert!(!scenario.is_closed(player.conn));
    }
    assert_eq!(status(&player.request_once(&mut scenario, DESCRIBE, "")), 401, "it is answered");
    assert!(scenario.is_closed(player.conn));
    let closed = |event: &Event| matches!(event, Event::ConnClosed { reason: CloseReason::AuthFailed, .. });
    assert!(scenario.events.iter().any(closed));
    let told: Vec<_> =
        scenario.events.iter().filter(|event| matches!(event, Event::AuthFailed { .. })).collect();
    let [Event::AuthFailed { user: Some(user), path, count: 1, peer, .. }] = &told[..] else {
        panic!("one event a second: {told:?}");
    };
    assert_eq!((&**user, &**path, *peer), ("wall", "/cam", from(1)));
}

#[test]
fn right_credentials_begin_a_new_row() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let mut player = player_from(&mut scenario, from(1), "correct horse");
    player.request(&mut scenario, DESCRIBE, "");
    for _ in 0..4 {
        for (password, expected) in [("wrong", 401), ("correct horse", 200)] {
            player.password = password;
            assert_eq!(status(&player.request_once(&mut scenario, DESCRIBE, "")), expected);
        }
    }
}

#[test]
fn an_empty_password_of_nobody_begins_no_new_row_and_counts_no_nonce() {
    for scheme in [AuthScheme::Basic, AuthScheme::Digest(Algorithm::Md5)] {
        let (mut scenario, _, _) = Scenario::with_stream(guarded().schemes(vec![scheme]));
        let mut player = player_from(&mut scenario, from(1), "");
        player.user = "nobody";
        assert_eq!(status(&player.request(&mut scenario, DESCRIBE, "")), 401);
        for _ in 1..AUTH_FAILURES_OF_CONN_MAX {
            assert_eq!(status(&player.request_once(&mut scenario, DESCRIBE, "")), 401);
        }
        assert!(scenario.is_closed(player.conn), "{scheme:?}");
        assert_eq!(scenario.server.nonce_counts.len(), 0, "{scheme:?}");
    }
}

#[test]
fn credentials_that_cannot_be_read_are_wrong() {
    for header in [
        "Authorization: Digest username=\"wall\"",
        "Authorization: Digest username=\"wall",
        "Authorization: Basic",
        "Authorization: Basic !!!!",
        "Authorization: NTLM abc",
        "Authorization: Digest a=b|Authorization: Digest c=d",
    ] {
        let (mut scenario, conn, _) = Scenario::with_stream(guarded());
        for _ in 0..AUTH_FAILURES_OF_CONN_MAX {
            assert_eq!(status(&scenario.request(conn, &format!("{DESCRIBE}|{header}"))), 401, "{header}");
        }
        assert!(scenario.is_closed(conn), "{header}");
    }
}

#[test]
fn an_address_that_guesses_is_slowed_down_and_no_other() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    let guess = |scenario: &mut Scenario| {
        let mut player = player_from(scenario, from(1), "wrong");
        player.request(scenario, DESCRIBE, "")
    };
    for _ in 0..AUTH_FAILURES_OF_ADDRESS_FREE {
        assert_eq!(status(&guess(&mut scenario)), 401, "at once");
    }
    // Now the right password waits too, one second behind each other, whatever the connection.
    let waiting: Vec<Player> = (0..3)
        .map(|_| {
            let mut player = player_from(&mut scenario, from(1), "correct horse");
            let refused = player.request_once(&mut scenario, DESCRIBE, "");
            player.take_challenge(&refused);
            let credentials = player.credentials("DESCRIBE", "rtsp://h/cam");
            scenario.post(player.conn, &format!("{DESCRIBE}|{credentials}"), "");
            player
        })
        .collect();
    let mut other = player_from(&mut scenario, from(2), "correct horse");
    assert_eq!(status(&other.request(&mut scenario, DESCRIBE, "")), 200, "another address waits for nobody");
    for player in &waiting {
        assert!(scenario.received(player.conn).is_none());
        scenario.advance(AUTH_TURN);
        assert_eq!(status(&scenario.response(player.conn)), 200);
    }
    assert_eq!(scenario.server.session_count(), 0);
    // With time it is forgiven.
    scenario.advance(AUTH_FAILURE_FORGIVEN * AUTH_FAILURES_OF_ADDRESS_FREE);
    assert_eq!(status(&guess(&mut scenario)), 401, "at once");
    assert!(failures_told(&scenario) > 1);
}

#[test]
fn a_connection_that_goes_while_its_credentials_wait_leaves_nothing() {
    let (mut scenario, _, _) = Scenario::with_stream(guarded());
    for _ in 0..AUTH_FAILURES_OF_ADDRESS_FREE {
        player_from(&mut scenario, from(1), "wrong").request(&mut scenario, DESCRIBE, "");
    }
    let mut player = player_from(&mut scenario, from(1), "wrong");
    let refused = player.request_once(&mut scenario, DESCRIBE, "");
    player.take_challenge(&refused);
    let credentials = player.credentials("DESCRIBE", "rtsp://h/cam");
    scenario.post(player.conn, &format!("{DESCRIBE}|{credentials}"), "");
    scenario.hang_up(player.conn);
    scenario.advance(Duration::from_secs(60));
    assert!(scenario.server.conns.get(player.conn).is_none());
}

#[test]
fn turns_are_one_behind_the_other_up_to_a_bound() {
    let mut guesses = Guesses::default();
    let (now, ip) = (Instant::ZERO, from(1).ip());
    for _ in 0..AUTH_FAILURES_OF_ADDRESS_FREE {
        assert_eq!(guesses.turn(now, ip), Ok(None));
        guesses.failed(now, ip);
    }
    let turns = AUTH_TURN_WAIT_MAX.as_nanos() / AUTH_TURN.as_nanos();
    for turn in 1..=turns as u32 {
        assert_eq!(guesses.turn(now, ip), Ok(Some(now + AUTH_TURN * turn)));
    }
    assert_eq!(guesses.turn(now, ip), Err(TooMany));
    assert_eq!(guesses.turn(now, from(2).ip()), Ok(None));
    assert!(guesses.turn(now + AUTH_TURN, ip).unwrap().is_some());
    assert_eq!(guesses.turn(now + AUTH_FAILURE_FORGIVEN, ip), Ok(None), "one is forgiven");
}

#[test]
fn failures_from_any_number_of_addresses_take_bounded_memory() {
    let mut guesses = Guesses::default();
    let loud = from(1).ip();
    for _ in 0..100 {
        guesses.failed(Instant::ZERO, loud);
    }
    for address in 0..100_000_u32 {
        guesses.failed(Instant::ZERO, std::net::Ipv4Addr::from(0x0a00_0000 + address).into());
        assert!(guesses.len() <= AUTH_SLOWED_ADDRESSES_MAX);
    }
    assert!(guesses.turn(Instant::ZERO, loud).unwrap().is_some(), "the loudest is remembered");
}

#[test]
fn a_million_challenges_and_uses_take_bounded_memory() {
    use crate::auth::NonceKey;
    use crate::limits::NONCES_COUNTED_MAX;
    use crate::server::access::NonceCounts;
    let key = NonceKey::of([1; 32]);
    let mut counts = NonceCounts::default();
    let ip = from(1).ip();
    for serial in 0..1_000_000 {
        let nonce = key.read(&key.give(Instant::ZERO, serial, ip), ip).unwrap();
        assert_eq!(counts.count(nonce, 1), Some(()));
        assert_eq!(counts.count(nonce, 1), None);
        assert!(counts.len() <= NONCES_COUNTED_MAX);
    }
    assert_eq!(counts.len(), NONCES_COUNTED_MAX);
}
