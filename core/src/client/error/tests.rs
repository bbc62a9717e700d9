use std::error::Error as _;
use std::io::{self, ErrorKind};

use super::*;
use crate::tls::TlsError;

fn attempt(addr: &str, error: impl Into<IoError>) -> ConnectAttempt {
    ConnectAttempt { addr: addr.parse().unwrap(), error: error.into() }
}

fn of(kinds: &[ErrorKind]) -> ConnectError {
    ConnectError::of(kinds.iter().map(|kind| attempt("192.0.2.1:554", *kind)).collect())
}

/// The kind of the error that the source is.
fn source(error: &ConnectError) -> Option<ErrorKind> {
    Some(error.source()?.downcast_ref::<io::Error>()?.kind())
}

#[test]
fn the_attempt_that_came_nearest_to_the_server_decides() {
    use ErrorKind::*;
    assert!(matches!(of(&[ConnectionRefused]), ConnectError::Refused(_)));
    assert!(matches!(of(&[TimedOut, ConnectionRefused]), ConnectError::Refused(_)));
    assert!(matches!(of(&[NetworkUnreachable, ConnectionRefused]), ConnectError::Refused(_)));
    assert!(matches!(of(&[TimedOut, TimedOut]), ConnectError::Timeout(_)));
    assert!(matches!(of(&[NetworkUnreachable, TimedOut]), ConnectError::Timeout(_)));
    assert!(matches!(of(&[PermissionDenied, TimedOut]), ConnectError::Timeout(_)));
    assert!(matches!(of(&[PermissionDenied, HostUnreachable]), ConnectError::Failed(_)));
    assert!(matches!(of(&[HostUnreachable]), ConnectError::Unreachable(_)));
    assert!(matches!(of(&[NetworkUnreachable, HostUnreachable, NetworkDown]), ConnectError::Unreachable(_)));
    assert!(matches!(of(&[]), ConnectError::Unresolved(_)));
}

#[test]
fn the_source_is_the_first_error_of_those_that_decide() {
    use ErrorKind::*;
    assert_eq!(source(&of(&[TimedOut, ConnectionRefused])), Some(ConnectionRefused));
    assert_eq!(source(&of(&[HostUnreachable, NetworkUnreachable])), Some(HostUnreachable));
    assert_eq!(source(&ConnectError::Timeout(Vec::new())), None);
    assert_eq!(source(&ConnectError::Tls(TlsError::NotTls)), None);
    let lookup = io::Error::new(NotFound, "no such name");
    let error = ClientCloseReason::Connect(ConnectError::Unresolved(lookup.into()));
    assert_eq!(error.to_string(), "host name cannot be resolved (is it spelled right?)");
    assert_eq!(error.source().unwrap().to_string(), "no such name");
}

#[test]
fn each_address_that_was_tried_is_named() {
    let tried = vec![
        attempt("[2001:db8::1]:554", ErrorKind::NetworkUnreachable),
        attempt("192.0.2.1:554", ErrorKind::ConnectionRefused),
    ];
    let error = ConnectError::of(tried.clone());
    assert_eq!(error.tried(), tried);
    let text = "no connection to 192.0.2.1:554 (is a server running there?); \
                nor to [2001:db8::1]:554 (network unreachable): connection refused";
    assert_eq!(WithCauses(&error).to_string(), text);
    assert_eq!(ConnectError::Timeout(Vec::new()).to_string(), "no connection in time");
}

#[test]
fn a_refusal_is_told_in_the_servers_own_words() {
    let told = |reason: &'static str| {
        let mut response = Response::new(StatusCode::NOT_FOUND);
        response.reason = reason.into();
        CommandError::of_response(&response).to_string()
    };
    assert_eq!(told("No Such Camera"), "server answered 404 No Such Camera");
    assert_eq!(told(""), "server answered 404 Not Found");
    assert_eq!(told("\u{1b}[2J"), "server answered 404 \\u{1b}[2J");
}

#[test]
fn a_demand_for_credentials_has_the_challenges() {
    let mut response = Response::new(StatusCode::UNAUTHORIZED)
        .with_header("WWW-Authenticate", "Negotiate")
        .with_header("WWW-Authenticate", "Digest realm=\"ro\u{1b}of\", nonce=\"1\", Basic realm=\"yard\"");
    response.reason = "Who Are You".into();
    let error = CommandError::of_response(&response);
    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(
        error.to_string(),
        "server asks for credentials for \"ro\\u{1b}of\"; give it user and password"
    );
    let CommandError::Unauthorized(demand) = error else { panic!("{error:?}") };
    assert_eq!((&*demand.reason, demand.realm()), ("Who Are You", Some("ro\u{1b}of")));
    assert_eq!(demand.challenges.len(), 2);
    assert_eq!(demand.unknown, ["Negotiate".into()]);
    assert_eq!(AuthDemand::default().to_string(), "");
    for (challenge, wanted) in [
        ("Bearer", "the token"),
        ("Bearer realm=\"\", Digest realm=\"\", nonce=\"1\"", "the token, or user and password"),
    ] {
        let response = Response::new(StatusCode::UNAUTHORIZED).with_header("WWW-Authenticate", challenge);
        let told = CommandError::of_response(&response).to_string();
        assert_eq!(told, format!("server asks for credentials; give it {wanted}"));
    }
}

#[test]
fn the_words_of_a_server_are_kept_without_secrets() {
    let mut response = Response::new(StatusCode::NOT_FOUND);
    response.reason = "no rtsp://a:horse@h/cam?token=battery".into();
    let reason = "no rtsp://***@h/cam?token=***".into();
    let expected = CommandError::Status { status: StatusCode::NOT_FOUND, reason };
    assert_eq!(CommandError::of_response(&response), expected);
}
