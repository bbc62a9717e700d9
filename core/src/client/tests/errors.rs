//! Errors tell the causes of failures apart, in the server's own words.

use super::scenario::*;
use crate::client::*;
use crate::description::DescriptionError;
use crate::wire::StatusCode;

fn described_with(answer: &str) -> CommandError {
    let mut it = Scenario::new(Transports::Tcp);
    it.client.describe(it.now).unwrap();
    it.expect_method("OPTIONS");
    it.answer("200 OK");
    it.expect_method("DESCRIBE");
    it.answer(answer);
    it.failed()
}

#[test]
fn a_refusal_has_the_status_and_the_words_of_the_server() {
    for (answer, status, words) in [
        ("404 No Such Camera", StatusCode::NOT_FOUND, "No Such Camera"),
        ("454 Who?", StatusCode::SESSION_NOT_FOUND, "Who?"),
        ("461 UDP Only", StatusCode::UNSUPPORTED_TRANSPORT, "UDP Only"),
        ("503 Too Many Viewers", StatusCode::SERVICE_UNAVAILABLE, "Too Many Viewers"),
        ("500", StatusCode::INTERNAL_SERVER_ERROR, ""),
    ] {
        let error = described_with(answer);
        assert_eq!(error.status(), Some(status));
        assert_eq!(error, CommandError::Status { status, reason: words.into() });
    }
}

#[test]
fn a_refusal_of_one_without_credentials_has_the_challenges() {
    let answer = "401 Who Are You | WWW-Authenticate: Digest realm=\"roof\", nonce=\"1\"";
    let CommandError::Unauthorized(demand) = described_with(answer) else { panic!() };
    assert_eq!((&*demand.reason, demand.realm()), ("Who Are You", Some("roof")));
    assert_eq!(demand.challenges.len(), 1);
}

#[test]
fn a_page_in_the_place_of_a_description_is_told_with_its_line() {
    let CommandError::Description(error) = described_with(&sdp("v=0\r\n<html>\r\n")) else { panic!() };
    let DescriptionError::Unreadable(line) = &error else { panic!("{error:?}") };
    assert_eq!((line.number, &*line.text), (2, "<html>"));
    assert_eq!(described_with(&sdp("v=0\r\n")), CommandError::Description(DescriptionError::NoMedia));
}
