use super::config::Asks;
use super::describe::path_of;
use super::request::{Outcome, with_methods};
use super::table::{SUPPORTED, StateKind, allowed};
use super::{Server, TakeoverPolicy};
use crate::wire::{Method, Request, Response, StatusCode, name};

impl Server {
    /// OPTIONS (RFC 2326, section 10.1): what is possible at the place that it names.
    ///
    /// Nobody can publish where the application does. A server that asks for credentials tells nobody what is where.
    pub(super) fn options(&self, request: &Request) -> Outcome {
        let may_publish =
            self.takes_publishers() && (self.config.is_guarded() || !self.is_of_application(request));
        let methods = SUPPORTED.iter().filter(|method| may_publish || !publishes(method)).cloned();
        with_methods(StatusCode::OK, name::PUBLIC, methods).into()
    }

    /// The answer to a method that a session's state does not have (455), with those that it has.
    pub(super) fn not_valid_in(&self, state: StateKind) -> Response {
        let methods = allowed(state).filter(|method| self.takes_publishers() || !publishes(method));
        with_methods(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE, name::ALLOW, methods)
    }

    fn takes_publishers(&self) -> bool {
        let asks = self.config.asks.contains(Asks::ANNOUNCE) || self.config.takeover == TakeoverPolicy::Ask;
        self.config.publishers || asks
    }

    /// Returns `true` if a stream of the application's own is at the place that a request is for.
    fn is_of_application(&self, request: &Request) -> bool {
        let stream = path_of(request).ok().and_then(|(path, _)| self.stream_at(path));
        let published = stream.and_then(|stream| self.published.get(stream));
        published.is_some_and(|published| published.publisher.is_none() && published.awaits.is_none())
    }
}

fn publishes(method: &Method) -> bool {
    matches!(method, Method::Announce | Method::Record)
}
