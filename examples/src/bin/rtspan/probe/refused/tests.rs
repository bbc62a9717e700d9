use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use rtspan_std::auth::Challenge;
use rtspan_std::description::DescriptionError;
use rtspan_std::{
    CertificateError, CertificateProblem, ClientEvent, Method, Response, SendError, Tolerances, Url,
};

use super::*;
use crate::probe::heard::Heard;

fn found(facts: &Facts, error: impl Into<Error>) -> Finding {
    explain(facts, Step::Describe, &error.into())
}

fn lost(reason: ClientCloseReason) -> Finding {
    found(&Facts::default(), Error::Closed(reason))
}

fn tried(errors: &[ErrorKind]) -> Finding {
    let addr = "192.0.2.1:554".parse().unwrap();
    let tried = errors.iter().map(|error| ConnectAttempt::new(addr, *error)).collect();
    lost(ClientCloseReason::Connect(ConnectError::of(tried)))
}

fn failed(error: CommandError) -> Error {
    let url = Box::new(Url::parse("rtsp://camera/").unwrap());
    Error::Command { method: Method::Describe, url, error }
}

fn refused_with(status: StatusCode, reason: &str) -> Error {
    failed(CommandError::Status { status, reason: reason.into() })
}

fn answered(response: Response) -> Facts {
    let mut facts = Facts::default();
    facts.heard.refusal = Some(response);
    facts
}

#[test]
fn each_cause_is_a_finding_of_its_own_with_advice() {
    let foreign = |protocol| ClientCloseReason::Wire(WireError::Foreign { protocol, offset: 0 });
    let udp = |tcp_refused| ClientCloseReason::NothingOverUdp { waited: Duration::from_secs(3), tcp_refused };
    let expired = CertificateError::new(CertificateProblem::Expired);
    let expired = ConnectError::Tls(TlsError::Certificate(Box::new(expired)));
    let status = |status| found(&Facts::default(), refused_with(status, ""));
    for (finding, problem) in [
        (tried(&[]), Problem::Unresolved),
        (lost(ClientCloseReason::Connect(ConnectError::Timeout(Vec::new()))), Problem::NoAnswer),
        (lost(ClientCloseReason::Connect(ConnectError::Tls(TlsError::NotTls))), Problem::NoTls),
        (lost(ClientCloseReason::Connect(expired)), Problem::CertificateRefused),
        (tried(&[ErrorKind::ConnectionRefused]), Problem::Refused),
        (tried(&[ErrorKind::TimedOut, ErrorKind::ConnectionRefused]), Problem::Refused),
        (tried(&[ErrorKind::TimedOut, ErrorKind::TimedOut]), Problem::NoAnswer),
        (tried(&[ErrorKind::HostUnreachable]), Problem::Unreachable),
        (tried(&[ErrorKind::NetworkUnreachable, ErrorKind::TimedOut]), Problem::NoAnswer),
        (tried(&[ErrorKind::PermissionDenied]), Problem::Other),
        (lost(foreign(Protocol::Http)), Problem::NotRtsp),
        (lost(foreign(Protocol::Tls)), Problem::NotRtsp),
        (lost(foreign(Protocol::Ssh)), Problem::NotRtsp),
        (lost(ClientCloseReason::Wire(WireError::Garbage { offset: 0, limit: 1 })), Problem::Unreadable),
        (lost(ClientCloseReason::Silence), Problem::Silent),
        (lost(ClientCloseReason::ConnectionLost(None)), Problem::Closed),
        (lost(udp(None)), Problem::UdpBlocked),
        (lost(udp(Some(StatusCode::UNSUPPORTED_TRANSPORT))), Problem::UdpBlocked),
        (found(&Facts::default(), failed(CommandError::Timeout)), Problem::Silent),
        (
            found(&Facts::default(), failed(CommandError::Unauthorized(Box::default()))),
            Problem::PasswordNeeded,
        ),
        (
            found(&Facts::default(), failed(CommandError::CredentialsRefused(Box::default()))),
            Problem::PasswordWrong,
        ),
        (
            found(&Facts::default(), failed(CommandError::Description(DescriptionError::NoMedia))),
            Problem::DescriptionUnreadable,
        ),
        (found(&Facts::default(), failed(CommandError::NoServerPorts)), Problem::NoTransport),
        (found(&Facts::default(), Misuse::NoneChosen), Problem::NoMedia),
        (status(StatusCode::NOT_FOUND), Problem::NotFound),
        (status(StatusCode::FORBIDDEN), Problem::Forbidden),
        (status(StatusCode::SERVICE_UNAVAILABLE), Problem::Busy),
        (status(StatusCode::NOT_ENOUGH_BANDWIDTH), Problem::Busy),
        (status(StatusCode::UNSUPPORTED_TRANSPORT), Problem::NoTransport),
    ] {
        assert_eq!(finding.problem, problem, "{finding:?}");
        assert!(finding.advice.is_some(), "{finding:?}");
    }
    assert_eq!(status(StatusCode::SESSION_NOT_FOUND).problem, Problem::RefusedOtherwise);
    assert_eq!(found(&Facts::default(), SendError::Full).problem, Problem::Other);
}

#[test]
fn a_refused_password_is_told_with_that_which_the_server_takes() {
    let mut demand = AuthDemand::default();
    for value in ["Digest realm=\"roof\", nonce=\"1\"", "Basic realm=\"roof\""] {
        demand.challenges.extend(Challenge::parse_all(value, &mut Tolerances::default()));
    }
    let facts = Facts { has_credentials: true, ..Facts::default() };
    let finding = found(&facts, failed(CommandError::CredentialsRefused(Box::new(demand))));
    assert!(finding.what.ends_with("for \"roof\", and takes Digest MD5, Basic"), "{}", finding.what);
    let mut demand = AuthDemand::default();
    demand.unknown.push("Negotiate".into());
    let finding = found(&facts, failed(CommandError::Unauthorized(Box::new(demand))));
    assert_eq!(finding.problem, Problem::PasswordWrong);
    assert!(finding.what.ends_with("as in Negotiate"), "{}", finding.what);
    assert!(finding.advice.unwrap().contains("does not know"));
}

#[test]
fn a_server_that_cannot_serve_now_need_not_be_full() {
    let away = refused_with(StatusCode::SERVICE_UNAVAILABLE, "the camera of this path cannot be reached");
    let finding = found(&Facts::default(), away);
    assert_eq!(finding.problem, Problem::Busy);
    assert!(finding.what.ends_with("(503 the camera of this path cannot be reached)"), "{}", finding.what);
    assert!(finding.advice.unwrap().starts_with("try again later"));
}

#[test]
fn a_wrong_path_is_told_with_the_servers_words_and_its_list() {
    let mut response = Response::new(StatusCode::NOT_FOUND);
    let finding = found(&answered(response.clone()), refused_with(StatusCode::NOT_FOUND, "No Such Camera"));
    assert!(finding.what.contains("404 No Such Camera"), "{}", finding.what);
    assert!(finding.advice.unwrap().contains("manual"));
    response.body = "/roof\n/yard\n".into();
    let finding = found(&answered(response), refused_with(StatusCode::NOT_FOUND, ""));
    assert_eq!(finding.advice.as_deref(), Some("the server lists: /roof, /yard"));
}

#[test]
fn a_connection_that_ends_after_an_answer_is_told_otherwise_than_one_without() {
    let mut facts = Facts { heard: Heard { has_answered: true, ..Heard::default() }, ..Facts::default() };
    let told = |facts: &Facts| found(facts, Error::Closed(ClientCloseReason::ConnectionLost(None))).what;
    assert!(told(&facts).starts_with("the server closes"));
    facts.heard.has_answered = false;
    assert!(told(&facts).ends_with("without a word"));
    let missed = ClientEvent::Missed(1);
    facts.heard.hear(&missed, SystemTime::UNIX_EPOCH);
    assert!(!facts.heard.has_answered, "only answers count");
}
