use super::scenario::{PUBLIC, SDP, Scenario};
use crate::Tolerances;
use crate::auth::{Algorithm, Authorization, Secret};
use crate::client::*;
use crate::limits::{AUTH_TRIES_MAX, SERVER_SILENCE};

const DIGEST: &str = r#"WWW-Authenticate: Digest realm="cam", nonce="n1""#;

fn with_password() -> ClientConfig {
    ClientConfig::default().transports(Transports::Tcp).credentials("us:er", Secret::password("pa@ss"))
}

/// The credentials in a request.
fn authorization(request: &str) -> Option<Authorization> {
    let value = request.split(" | ").find_map(|header| header.strip_prefix("Authorization: "))?;
    Some(Authorization::parse(value, &mut Tolerances::default()).unwrap())
}

fn proves(request: &str, password: &str) -> bool {
    let method = request.split(' ').next().unwrap();
    authorization(request).is_some_and(|own| own.proves(&Secret::password(password), "cam", method))
}

/// A client that has sent DESCRIBE.
fn describing(url: &str, config: ClientConfig) -> Scenario {
    let mut it = Scenario::with(url, config);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer(&format!("200 OK | {PUBLIC}"));
    let request = it.request();
    assert!(request.starts_with("DESCRIBE ") && authorization(&request).is_none(), "{request}");
    it
}

fn digest_of(request: &str) -> crate::auth::Digest {
    match authorization(request) {
        Some(Authorization::Digest(digest)) => digest,
        other => panic!("no digest but {other:?}"),
    }
}

#[test]
fn a_challenge_is_answered_and_all_that_follows_carries_credentials() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    it.answer(&format!("401 Unauthorized | {DIGEST}"));
    let request = it.request();
    assert!(request.starts_with("DESCRIBE rtsp://192.0.2.1/cam ") && proves(&request, "pa@ss"), "{request}");
    assert_eq!(&*digest_of(&request).uri, "rtsp://192.0.2.1/cam");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.done();
    it.client.setup(it.now, 0).unwrap();
    let request = it.request();
    assert!(request.starts_with("SETUP ") && proves(&request, "pa@ss"), "{request}");
    assert!(!format!("{:?}", it.client).contains("pa@ss"));
}

#[test]
fn credentials_of_a_url_are_used_as_they_are_meant_and_not_sent_in_it() {
    let mut it = describing("rtsp://us%3Aer:pa%40ss@192.0.2.1/cam", ClientConfig::default());
    it.answer(&format!("401 Unauthorized | {DIGEST}"));
    let request = it.request();
    assert!(proves(&request, "pa@ss") && !request.contains("pa%40ss"), "{request}");
    assert_eq!(authorization(&request).unwrap().user(), Some("us:er"));
}

#[test]
fn the_strongest_challenge_is_answered_and_a_weaker_one_if_that_is_refused() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    let offers = concat!(
        r#"401 Unauthorized | WWW-Authenticate: Basic realm="cam" | WWW-Authenticate: Digest realm="cam", nonce="n1", "#,
        r#"Digest realm="cam", nonce="n2", algorithm="SHA-256", qop="auth""#,
    );
    it.answer(offers);
    let request = it.request();
    assert_eq!(digest_of(&request).algorithm, Some(Algorithm::Sha256));
    assert!(proves(&request, "pa@ss"));
    it.answer(offers);
    let request = it.request();
    // TP-Link refuses an algorithm that it has not named.
    assert_eq!((digest_of(&request).algorithm, proves(&request, "pa@ss")), (None, true));
    it.answer(offers);
    let request = it.request();
    assert!(matches!(authorization(&request), Some(Authorization::Basic { .. })), "{request}");
    it.answer(offers);
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
}

#[test]
fn a_password_is_not_sent_as_it_is_against_the_users_will() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password().basic_auth(false));
    it.answer(r#"401 Unauthorized | WWW-Authenticate: Basic realm="cam""#);
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    it.answer(&format!("401 Unauthorized | {DIGEST}"));
    it.request();
    it.answer(r#"401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n2""#);
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
    it.expect_nothing_sent();
}

#[test]
fn a_server_to_which_every_nonce_is_stale_is_not_asked_for_ever() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    for _ in 1..AUTH_TRIES_MAX {
        it.answer(&format!("401 Unauthorized | {DIGEST}, stale=true"));
        assert!(proves(&it.request(), "pa@ss"));
    }
    it.answer(&format!("401 Unauthorized | {DIGEST}, stale=true"));
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
}

#[test]
fn a_nonce_that_has_grown_old_is_renewed_in_any_request() {
    // Axis M5525: after 150 s a keepalive is refused with a new nonce, and without `stale`.
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    it.answer(&format!("401 Unauthorized | {DIGEST}"));
    it.request();
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    it.done();
    let mut it = it.play_tcp("1");
    for (number, method) in ["GET_PARAMETER", "PAUSE", "TEARDOWN"].into_iter().enumerate() {
        match method {
            "PAUSE" => drop(it.client.pause(it.now).unwrap()),
            "TEARDOWN" => drop(it.client.teardown(it.now).unwrap()),
            _ => it.advance(SERVER_SILENCE),
        }
        let request = it.request();
        assert!(request.starts_with(method) && proves(&request, "pa@ss"), "{request}");
        it.answer(&format!(
            r#"401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="new{number}""#
        ));
        let request = it.request();
        assert!(request.starts_with(method) && proves(&request, "pa@ss"), "{request}");
        assert_eq!(*digest_of(&request).nonce, *format!("new{number}"));
        it.answer("200 OK");
    }
}

#[test]
fn the_uses_of_a_nonce_are_counted() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_password());
    it.answer(
        r#"401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n", qop="auth", opaque="o""#,
    );
    for count in 1..4 {
        let request = it.request();
        assert_eq!(digest_of(&request).count, Some(count));
        assert!(proves(&request, "pa@ss") && request.contains(r#"opaque="o""#), "{request}");
        it.answer("404 Not Found");
        it.failed();
        it.client.describe(it.now).unwrap();
    }
}

#[test]
fn a_redirect_to_another_server_takes_no_credentials_there() {
    for (location, is_sent) in [
        ("rtsp://192.0.2.1/other", true),
        ("rtsp://192.0.2.1:8554/cam", false),
        ("rtsp://192.0.2.2/cam", false),
        ("rtsps://192.0.2.1:554/cam", false),
    ] {
        let mut it = describing("rtsp://192.0.2.1/cam", with_password());
        it.answer(&format!("401 Unauthorized | {DIGEST}"));
        it.request();
        it.answer(&format!("302 Found | Location: {location}"));
        let mut request = it.request();
        while !request.starts_with("DESCRIBE ") {
            assert_eq!(authorization(&request).is_some(), is_sent, "{request}");
            it.answer(&format!("200 OK | {PUBLIC}"));
            request = it.request();
        }
        assert_eq!(authorization(&request).is_some(), is_sent, "{request}");
        if !is_sent {
            it.answer(&format!("401 Unauthorized | {DIGEST}"));
            it.expect_nothing_sent();
        }
    }
}

#[test]
fn what_cannot_be_answered_is_told() {
    for challenge in [
        "",
        " | WWW-Authenticate: Digest realm=\"cam\"",
        " | WWW-Authenticate: NTLM",
        " | WWW-Authenticate: Bearer",
    ] {
        let mut it = describing("rtsp://192.0.2.1/cam", with_password());
        it.answer(&format!("401 Unauthorized{challenge}"));
        assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)), "{challenge}");
    }
    let mut it = describing("rtsp://192.0.2.1/cam", ClientConfig::default());
    it.answer(&format!("401 Unauthorized | {DIGEST}"));
    assert!(matches!(it.failed(), CommandError::Unauthorized(_)));
}

fn with_token() -> ClientConfig {
    ClientConfig::default().transports(Transports::Tcp).token("abc.def")
}

const BEARER: &str = r#"401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1" | WWW-Authenticate: Bearer realm="cam""#;

#[test]
fn a_token_goes_to_a_server_that_asks_for_one_over_tls_and_is_not_shown() {
    let mut it = describing("rtsps://192.0.2.1/cam", with_token().trace(true));
    it.answer(BEARER);
    let request = it.request();
    assert!(request.contains(" | Authorization: Bearer abc.def"), "{request}");
    it.answer(&format!("200 OK | Content-Type: application/sdp || {SDP}"));
    assert!(!format!("{:?}", it.client).contains("abc.def"));
    let mut was_traced = false;
    loop {
        let event = it.event();
        assert!(!format!("{event:?}").contains("abc.def"), "{event:?}");
        match event {
            ClientEvent::MessageSent(sent) => was_traced |= format!("{sent:?}").contains("Authorization"),
            ClientEvent::Done(..) => break,
            _ => {}
        }
    }
    assert!(was_traced);
    it.client.setup(it.now, 0).unwrap();
    assert!(it.request().contains(" | Authorization: Bearer abc.def"), "what follows carries it");
}

#[test]
fn a_wrong_token_is_tried_once_and_a_password_is_no_token() {
    let mut it = describing("rtsps://192.0.2.1/cam", with_token());
    it.answer(BEARER);
    it.request();
    it.answer(BEARER);
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
    let mut it = describing("rtsps://192.0.2.1/cam", with_token());
    it.answer(r#"401 Unauthorized | WWW-Authenticate: Digest realm="cam", nonce="n1", Basic realm="cam""#);
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
    let mut it = describing("rtsps://192.0.2.1/cam", with_password());
    it.answer("401 Unauthorized | WWW-Authenticate: Bearer");
    assert!(matches!(it.failed(), CommandError::CredentialsRefused(_)));
}

#[test]
fn a_token_is_not_sent_where_anybody_could_read_it() {
    let mut it = describing("rtsp://192.0.2.1/cam", with_token());
    it.answer(BEARER);
    assert_eq!(it.failed(), CommandError::TokenNeedsTls);
    it.expect_nothing_sent();
}

#[test]
fn a_redirect_to_another_server_takes_no_token_there() {
    for (location, is_sent) in [("rtsps://192.0.2.1/other", true), ("rtsps://192.0.2.2/cam", false)] {
        let mut it = describing("rtsps://192.0.2.1/cam", with_token());
        it.answer(BEARER);
        it.request();
        it.answer(&format!("302 Found | Location: {location}"));
        let mut request = it.request();
        while !request.starts_with("DESCRIBE ") {
            assert_eq!(request.contains("abc.def"), is_sent, "{request}");
            it.answer(&format!("200 OK | {PUBLIC}"));
            request = it.request();
        }
        assert_eq!(request.contains("abc.def"), is_sent, "{request}");
        if !is_sent {
            it.answer(BEARER);
            it.expect_nothing_sent();
        }
    }
    let mut it = describing("rtsps://192.0.2.1/cam", with_token());
    it.answer(BEARER);
    it.request();
    it.answer("302 Found | Location: rtsp://192.0.2.1/cam");
    assert_eq!(it.failed(), CommandError::Downgrade);
}
