//! Requests that the server sends: some ping their clients, some describe the stream anew, some end the session.

use super::request::Session;
use super::{Client, ClientCloseReason, ClientEvent, State};
use crate::description::{Description, Media};
use crate::header::{SessionHeader, content_type_is};
use crate::limits::COMMANDS_WAITING_MAX;
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{Instant, Tolerances, TracedMessage};

/// The methods of requests that a server may send, as `Public` lists them.
const ANSWERED: &str = "OPTIONS, GET_PARAMETER, ANNOUNCE, TEARDOWN, REDIRECT";

impl Client {
    pub(super) fn handle_request(&mut self, now: Instant, request: &Request) {
        let announced = (request.method == Method::Announce).then(|| self.read_announced(request));
        let is_about_keys = request.method == Method::SetParameter && self.is_own_session(request);
        let replaced = if is_about_keys { self.replace_keys(request) } else { None };
        let status = match (&request.method, &announced) {
            _ if !self.is_own_session(request) => StatusCode::SESSION_NOT_FOUND,
            (_, Some(Ok(_))) => StatusCode::OK,
            (_, Some(Err(status))) => *status,
            (Method::Options | Method::GetParameter | Method::Redirect, _) => StatusCode::OK,
            (Method::Teardown, _) if self.session.exists() => StatusCode::OK,
            (Method::Teardown, _) => StatusCode::SESSION_NOT_FOUND,
            (Method::SetParameter, _) => replaced.unwrap_or(StatusCode::NOT_IMPLEMENTED),
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
        if status != StatusCode::OK {
            return;
        }
        match (&request.method, announced) {
            (Method::Redirect, _) => self.handle_redirect(now, request.headers.get(name::LOCATION)),
            (Method::Teardown, _) => self.handle_teardown(now),
            (_, Some(Ok(announced))) => self.handle_announce(announced),
            _ => {}
        }
    }

    /// Returns false for a request that names a session which is not the client's.
    fn is_own_session(&self, request: &Request) -> bool {
        let named = request.headers.get(name::SESSION);
        let named = named.and_then(|value| SessionHeader::parse(value, &mut Tolerances::default()).ok());
        named.is_none_or(|named| self.session.id() == Some(&named.id))
    }

    /// The description that the server announces, or the status that refuses it.
    fn read_announced(&mut self, request: &Request) -> Result<Description, StatusCode> {
        if self.presentation.is_none() || matches!(self.state, State::PreRecord | State::Record) {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        if self.outputs.len() >= COMMANDS_WAITING_MAX {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        let content_type = request.headers.get(name::CONTENT_TYPE);
        if content_type.is_some_and(|own| !content_type_is(own, "application/sdp")) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
        Description::parse(&request.body, &mut self.tolerances).map_err(|_| StatusCode::BAD_REQUEST)
    }

    /// Takes another description of what is set up (RFC 2326, section 10.3).
    fn handle_announce(&mut self, announced: Description) {
        let Some(known) = self.presentation.as_mut().map(|own| &mut own.description) else { return };
        if *known == announced {
            return;
        }
        let is_as_set_up = known.medias.len() == announced.medias.len()
            && known.medias.iter().zip(&announced.medias).all(|(known, announced)| is_same(known, announced));
        if is_as_set_up {
            known.clone_from(&announced);
        }
        self.event(ClientEvent::DescriptionChanged(Box::new(announced)));
    }

    /// Takes the end of the session, which the server has told.
    fn handle_teardown(&mut self, now: Instant) {
        if self.is_closing() || self.is_leaving() {
            return;
        }
        self.session = Session::default();
        self.close(now, ClientCloseReason::TornDownByServer);
    }
}

/// Returns true if what is set up of a media fits its other description, in which only parameters of formats have changed.
fn is_same(known: &Media, announced: &Media) -> bool {
    let formats = |media: &Media| {
        let each = media.formats.iter();
        each.map(|format| (format.payload_type, format.clock_rate, format.encoding.clone()))
            .collect::<Vec<_>>()
    };
    (&known.kind, known.profile, &known.control) == (&announced.kind, announced.profile, &announced.control)
        && formats(known) == formats(announced)
}
