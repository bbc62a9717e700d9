//! Requests that the server sends: some ping their clients.

use super::{Client, ClientCloseReason};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, TracedMessage};

/// What the client answers with 200.
const ANSWERED: &str = "OPTIONS, GET_PARAMETER, REDIRECT";

impl Client {
    pub(super) fn handle_request(&mut self, now: Instant, request: &Request) {
        let status = match request.method {
            Method::Options | Method::GetParameter | Method::Redirect => StatusCode::OK,
            _ => StatusCode::NOT_IMPLEMENTED,
        };
        let mut response = Response::new(status);
        if let Some(cseq) = request.headers.get(name::CSEQ) {
            response.headers.set(name::CSEQ, cseq);
        }
        if request.method == Method::Options {
            response.headers.set(name::PUBLIC, ANSWERED);
        }
        response.headers.set(name::USER_AGENT, &self.config.user_agent);
        self.trace_sent(|| TracedMessage::of_response(&response));
        if !self.link.push_message(now, response.to_bytes()) {
            return self.close(now, ClientCloseReason::Stalled);
        }
        if request.method == Method::Redirect {
            self.handle_redirect(now, request.headers.get(name::LOCATION));
        }
    }
}
