use super::asks::Asks;
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
        let is_asked = self.config.asks_anywhere(Asks::ANNOUNCE);
        self.config.publishers || is_asked || self.config.takeover == TakeoverPolicy::Ask
    }

    /// Returns `true` if a stream of the application's own is at the place that a request is for.
    fn is_of_application(&self, request: &Request) -> bool {
        path_of(request).is_ok_and(|(path, _)| self.is_own_path(path))
    }
}

fn publishes(method: &Method) -> bool {
    matches!(method, Method::Announce | Method::Record)
}
