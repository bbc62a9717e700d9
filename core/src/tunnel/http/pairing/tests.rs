use super::*;
use crate::server::ServerConfig;
use crate::tunnel::http::{Request, RequestKind};

type Halves = Pairing<&'static str, &'static str>;

const NOW: Instant = Instant::ZERO;

fn cookie(name: &str) -> SessionCookie {
    let head = format!("GET / HTTP/1.0\r\nx-sessioncookie: {name}\r\n\r\n");
    match Request::parse(head.as_bytes()).unwrap().unwrap().0.kind() {
        RequestKind::Get(cookie) => cookie.clone(),
        other => panic!("{other:?}"),
    }
}

fn peer(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn refused<T>(half: T, reason: PairingError) -> Refused<T> {
    Refused { half, reason }
}

/// Nothing waits, and nothing is left of what has.
fn is_settled(pairing: &Halves) -> bool {
    pairing.poll_timeout().is_none() && pairing.waiting_of.is_empty() && pairing.posts.is_empty()
}

#[test]
fn halves_are_paired_in_either_order() {
    let mut pairing = Halves::default();
    let (one, other) = (cookie("one"), cookie("other"));
    assert_eq!(pairing.get(NOW, &one, peer("192.0.2.1:1"), "get"), Ok(None));
    assert_eq!(pairing.post(NOW, &other, peer("192.0.2.1:3"), "other post"), Ok(None));
    assert_eq!(pairing.post(NOW, &one, peer("192.0.2.1:2"), "post"), Ok(Some(("get", "post"))));
    assert_eq!(pairing.get(NOW, &other, peer("192.0.2.1:4"), "other get"), Ok(Some("other post")));
    assert!(is_settled(&pairing));
    assert_eq!(pairing.poll_expired(NOW + Duration::from_secs(3600)), None, "a tunnel stands");
    // Hosts of IPv6 have many addresses.
    assert_eq!(pairing.get(NOW, &cookie("v6"), peer("[2001:db8::1]:1"), "v6"), Ok(None));
    let met = pairing.post(NOW, &cookie("v6"), peer("[2001:db8::2]:2"), "post");
    assert_eq!(met, Ok(Some(("v6", "post"))));
}

#[test]
fn another_post_takes_the_place_of_the_former() {
    let mut pairing = Halves::default();
    assert_eq!(pairing.get(NOW, &cookie("c"), peer("192.0.2.1:1"), "get"), Ok(None));
    for (port, post) in [(2, "first"), (3, "second"), (2, "third")] {
        let peer = SocketAddr::from(([192, 0, 2, 1], port));
        let later = NOW + Duration::from_secs(3600);
        assert_eq!(pairing.post(later, &cookie("c"), peer, post), Ok(Some(("get", post))));
    }
    let stranger = pairing.post(NOW, &cookie("c"), peer("192.0.2.2:2"), "post");
    assert_eq!(stranger, Err(refused("post", PairingError::Stranger)));
    pairing.end(&cookie("c"), peer("192.0.2.1:1"));
    assert_eq!(pairing.post(NOW, &cookie("c"), peer("192.0.2.1:3"), "left over"), Ok(None));
    assert_eq!(pairing.poll_expired(NOW + TUNNEL_HALF_DEADLINE), Some(Half::Post("left over")));
    assert!(is_settled(&pairing));
}

#[test]
fn a_connection_is_not_paired_with_itself() {
    for is_any in [false, true] {
        let mut pairing = Halves::default().with_any_address(is_any);
        let same = peer("192.0.2.1:1");
        assert_eq!(pairing.get(NOW, &cookie("a"), same, "get"), Ok(None));
        let paired = pairing.post(NOW, &cookie("a"), same, "post");
        assert_eq!(paired, Err(refused("post", PairingError::SameConnection)));
        assert_eq!(pairing.post(NOW, &cookie("b"), same, "post"), Ok(None));
        let paired = pairing.get(NOW, &cookie("b"), same, "get");
        assert_eq!(paired, Err(refused("get", PairingError::SameConnection)));
        // Both still wait for one that is another.
        assert_eq!(pairing.waiting.len(), 2);
    }
}

#[test]
fn duplicates_and_strangers_are_refused_and_change_nothing() {
    let mut pairing = Halves::default();
    let (here, there) = (peer("192.0.2.1:1"), peer("192.0.2.2:1"));
    assert_eq!(pairing.get(NOW, &cookie("a"), here, "get"), Ok(None));
    assert_eq!(pairing.post(NOW, &cookie("b"), here, "post"), Ok(None));
    for from in [peer("192.0.2.1:2"), there] {
        let again = pairing.get(NOW, &cookie("a"), from, "again");
        assert_eq!(again, Err(refused("again", PairingError::Duplicate)));
        let again = pairing.post(NOW, &cookie("b"), from, "again");
        assert_eq!(again, Err(refused("again", PairingError::Duplicate)));
    }
    let stranger = refused("stranger", PairingError::Stranger);
    assert_eq!(pairing.post(NOW, &cookie("a"), there, "stranger"), Err(stranger));
    assert_eq!(pairing.get(NOW, &cookie("b"), there, "stranger"), Err(stranger));
    assert_eq!(pairing.post(NOW, &cookie("a"), peer("192.0.2.1:2"), "post"), Ok(Some(("get", "post"))));
    let again = pairing.get(NOW, &cookie("a"), peer("192.0.2.1:3"), "again");
    assert_eq!(again, Err(refused("again", PairingError::Duplicate)), "the tunnel stands");

    let mut pairing = pairing.with_any_address(true);
    assert_eq!(pairing.get(NOW, &cookie("b"), there, "get"), Ok(Some("post")));
}

#[test]
fn a_half_that_is_left_over_expires() {
    let mut pairing = Halves::default();
    let later = NOW + Duration::from_secs(3);
    assert_eq!(pairing.get(NOW, &cookie("a"), peer("192.0.2.1:1"), "get"), Ok(None));
    assert_eq!(pairing.post(later, &cookie("b"), peer("192.0.2.1:2"), "post"), Ok(None));
    let due = NOW + TUNNEL_HALF_DEADLINE;
    assert_eq!(pairing.poll_timeout(), Some(due));
    assert_eq!(pairing.poll_expired(NOW + (TUNNEL_HALF_DEADLINE - Duration::from_millis(1))), None);
    assert_eq!(pairing.poll_expired(due), Some(Half::Get("get")));
    assert_eq!(pairing.poll_expired(due), None);
    assert_eq!(pairing.poll_expired(later + TUNNEL_HALF_DEADLINE), Some(Half::Post("post")));
    assert!(is_settled(&pairing));
    // Another GET has taken the cookie, and the end of the one that has expired means nothing to it.
    assert_eq!(pairing.get(NOW, &cookie("a"), peer("192.0.2.1:3"), "other"), Ok(None));
    pairing.end(&cookie("a"), peer("192.0.2.1:1"));
    assert_eq!(pairing.post(NOW, &cookie("a"), peer("192.0.2.1:4"), "post"), Ok(Some(("other", "post"))));
}

#[test]
fn halves_that_wait_are_bounded_in_all_and_by_address() {
    let mut pairing = Halves::default();
    let from = |address: [u8; 4], n: usize| SocketAddr::from((address, 1000 + u16::try_from(n).unwrap()));
    let one = [192, 0, 2, 1];
    for n in 0..TUNNEL_HALVES_OF_ADDRESS_MAX {
        assert_eq!(pairing.get(NOW, &cookie(&format!("g{n}")), from(one, n), "get"), Ok(None));
    }
    let too_many = refused("one over", PairingError::TooMany);
    assert_eq!(pairing.get(NOW, &cookie("x"), from(one, 500), "one over"), Err(too_many));
    assert_eq!(pairing.post(NOW, &cookie("x"), from(one, 500), "one over"), Err(too_many));
    let met = pairing.post(NOW, &cookie("g0"), from(one, 501), "post");
    assert_eq!(met, Ok(Some(("get", "post"))), "one that waits finds its other half");
    // An address that many peers share has the bound for all.
    for n in pairing.waiting.len()..TUNNEL_HALVES_MAX {
        assert_eq!(pairing.post(NOW, &cookie(&format!("p{n}")), from([127, 0, 0, 1], n), "post"), Ok(None));
    }
    assert_eq!(pairing.get(NOW, &cookie("x"), from([127, 0, 0, 1], 9000), "one over"), Err(too_many));
    let due = NOW + TUNNEL_HALF_DEADLINE;
    assert_eq!(std::iter::from_fn(|| pairing.poll_expired(due)).count(), TUNNEL_HALVES_MAX);
    assert!(is_settled(&pairing));
}

#[test]
fn halves_wait_and_share_as_the_server_is_configured() {
    let patience = Duration::from_secs(2);
    let config = ServerConfig::default()
        .message_deadline(patience)
        .shared_addresses(vec!["192.0.2.1".parse().unwrap()]);
    let mut pairing: Halves = config.tunnel_halves();
    for n in 0..=TUNNEL_HALVES_OF_ADDRESS_MAX {
        assert_eq!(pairing.get(NOW, &cookie(&n.to_string()), peer("192.0.2.1:1"), "get"), Ok(None));
    }
    assert_eq!(pairing.poll_timeout(), Some(NOW + patience));
}

#[test]
fn tunnels_that_stand_are_bounded() {
    let mut pairing = Halves::default();
    for n in 0..TUNNELS_MAX {
        let name = cookie(&n.to_string());
        assert_eq!(pairing.get(NOW, &name, peer("192.0.2.1:1"), "get"), Ok(None));
        assert_eq!(pairing.post(NOW, &name, peer("192.0.2.1:2"), "post"), Ok(Some(("get", "post"))));
    }
    let one_over = pairing.get(NOW, &cookie("x"), peer("192.0.2.3:1"), "one over");
    assert_eq!(one_over, Err(refused("one over", PairingError::TooMany)));
    pairing.end(&cookie("0"), peer("192.0.2.1:1"));
    assert_eq!(pairing.get(NOW, &cookie("x"), peer("192.0.2.3:1"), "get"), Ok(None));
}

#[test]
fn each_refusal_has_its_answer() {
    for (reason, status) in [
        (PairingError::SameConnection, "400"),
        (PairingError::Stranger, "403"),
        (PairingError::Duplicate, "409"),
        (PairingError::TooMany, "503"),
    ] {
        assert!(reason.answer().starts_with(format!("HTTP/1.1 {status} ").as_bytes()), "{reason}");
    }
}
