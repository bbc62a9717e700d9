//! Facts that a server tells in its answers besides those that were asked for.

use std::time::SystemTime;

use rtspan_core::wire::name;
use rtspan_std::auth::{Challenge, ChallengeKind};
use rtspan_std::{Algorithm, ClientEvent, Message, Response, StatusCode, Tolerances, Url};

use super::date;

/// Paths of a list that are told.
const PATHS_MAX: usize = 16;

/// Facts that were picked up from a dialogue.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// An answer has come, so that the peer speaks RTSP.
    pub(super) has_answered: bool,
    /// The name that the server gives itself.
    pub(super) server: Option<String>,
    /// The values of the WWW-Authenticate headers that came last.
    pub(super) challenges: Vec<String>,
    /// The answer that has refused something last.
    pub(super) refusal: Option<Response>,
    /// By how many seconds the Date header was ahead of this machine's clock.
    pub(super) date_ahead: Option<f64>,
    /// The places that the server has sent the client to.
    pub(super) redirects: Vec<Url>,
}

impl Heard {
    /// Listens to what a client is told, at `now` of this machine's clock.
    pub(super) fn hear(&mut self, event: &ClientEvent, now: SystemTime) {
        match event {
            ClientEvent::MessageReceived(traced) => {
                if let Message::Response(response) = &traced.message {
                    self.hear_response(response, now);
                }
            }
            ClientEvent::Redirected(url) => self.redirects.push(url.clone()),
            _ => {}
        }
    }

    fn hear_response(&mut self, response: &Response, now: SystemTime) {
        self.has_answered = true;
        let headers = &response.headers;
        if let Some(server) = headers.get(name::SERVER) {
            self.server = Some(server.to_owned());
        }
        if let Some(date) = headers.get(name::DATE).and_then(date::parse) {
            self.date_ahead = Some(date::ahead(date, now));
        }
        if response.status == StatusCode::UNAUTHORIZED {
            self.challenges = headers.get_all(name::WWW_AUTHENTICATE).map(str::to_owned).collect();
        }
        if response.status.as_u16() >= 400 {
            self.refusal = Some(response.clone());
        }
    }

    /// The ways of proving a password that the server has offered, as a person is told them.
    pub(super) fn schemes(&self) -> Vec<String> {
        let read = |value: &String| Challenge::parse_all(value, &mut Tolerances::default());
        self.challenges.iter().flat_map(read).map(|challenge| scheme(&challenge)).collect()
    }

    /// The area that a password is asked for.
    pub(super) fn realm(&self) -> Option<String> {
        let read = |value: &String| Challenge::parse_all(value, &mut Tolerances::default());
        self.challenges.iter().flat_map(read).map(|challenge| challenge.realm.into()).next()
    }

    /// Returns true if the server has asked for a password in a form that everybody on the way can read, and in no other.
    pub(super) fn offers_basic_only(&self) -> bool {
        let schemes = self.schemes();
        !schemes.is_empty() && schemes.iter().all(|scheme| scheme == BASIC)
    }

    /// The last refusal, if it was with this status.
    pub(super) fn refused_with(&self, status: StatusCode) -> Option<&Response> {
        self.refusal.as_ref().filter(|response| response.status == status)
    }

    /// The paths that the server lists where it refuses one: the lines of the body that are URLs or paths.
    pub(super) fn paths(&self) -> Vec<String> {
        let Some(response) = self.refused_with(StatusCode::NOT_FOUND) else { return Vec::new() };
        let body = String::from_utf8_lossy(&response.body);
        let lines = body.lines().map(|line| line.trim().trim_start_matches(['-', '*']).trim_start());
        let is_path = |line: &&str| {
            let begins = ["rtsp://", "rtsps://", "/"].iter().any(|start| line.starts_with(start));
            begins && line.len() > 1 && !line.contains(char::is_whitespace)
        };
        lines.filter(is_path).take(PATHS_MAX).map(str::to_owned).collect()
    }
}

const BASIC: &str = "Basic";

/// A way of proving a password, as a person is told it.
pub(super) fn scheme(challenge: &Challenge) -> String {
    match &challenge.kind {
        ChallengeKind::Digest { algorithm, .. } => {
            format!("Digest {}", algorithm.unwrap_or(Algorithm::Md5))
        }
        ChallengeKind::Bearer => "Bearer".to_owned(),
        _ => BASIC.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(response: &Response) -> Heard {
        let mut heard = Heard::default();
        heard.hear_response(response, date::parse("Sun, 06 Nov 1994 08:49:37 GMT").unwrap());
        heard
    }

    #[test]
    fn server_date_and_challenges_are_picked_up() {
        let response = Response::new(StatusCode::UNAUTHORIZED)
            .with_header("Server", "cam/1")
            .with_header("Date", "Sun, Nov 06 1994 09:49:37 GMT")
            .with_header("WWW-Authenticate", "Digest realm=\"roof\", nonce=\"1\"")
            .with_header("WWW-Authenticate", "Digest realm=\"roof\", nonce=\"1\", algorithm=SHA-256")
            .with_header("WWW-Authenticate", "Basic realm=\"roof\"");
        let heard = heard(&response);
        assert_eq!((heard.server.as_deref(), heard.date_ahead), (Some("cam/1"), Some(3600.0)));
        assert_eq!(heard.schemes(), ["Digest MD5", "Digest SHA-256", "Basic"]);
        assert_eq!(heard.realm().as_deref(), Some("roof"));
        assert!(!heard.offers_basic_only());
    }

    #[test]
    fn paths_are_those_lines_of_a_refusal_that_are_paths() {
        let body = "There is nothing there. There are:\n/live/1\n - /live/2\nrtsp://h/live/3\n/ or this\n/\n";
        let mut response = Response::new(StatusCode::NOT_FOUND).with_body("text/plain", body);
        assert_eq!(heard(&response).paths(), ["/live/1", "/live/2", "rtsp://h/live/3"]);
        response.body = "/x\n".repeat(PATHS_MAX + 1).into();
        assert_eq!(heard(&response).paths().len(), PATHS_MAX);
        response.status = StatusCode::FORBIDDEN;
        assert!(heard(&response).paths().is_empty());
    }
}
