use super::asks::Asks;
use super::describe::path_of;
use super::request::{Outcome, Step};
use super::{Event, Server};
use crate::wire::{Request, Response, StatusCode};
use crate::{ConnId, SessionId};

impl Server {
    /// GET_PARAMETER (RFC 2326, section 10.8): without a body it only shows that the client lives.
    pub(super) fn get_parameter(
        &self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        if request.body.is_empty() {
            return Ok(StatusCode::OK.into());
        }
        if !self.config.asks.contains(Asks::GET_PARAMETER) {
            return Err(Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD));
        }
        let question = self.question(conn, request, session, path_of(request)?)?;
        Ok(Outcome::ask(Step::GetParameter, Event::GetParameter(question)))
    }

    /// SET_PARAMETER (RFC 2326, section 10.9), likewise.
    pub(super) fn set_parameter(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        if let Some(outcome) = self.rekey(conn, request, session)? {
            return Ok(outcome);
        }
        if request.body.is_empty() {
            return Ok(StatusCode::OK.into());
        }
        if !self.config.asks.contains(Asks::SET_PARAMETER) {
            return Err(Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD));
        }
        let question = self.question(conn, request, session, path_of(request)?)?;
        Ok(Outcome::ask(Step::SetParameter, Event::SetParameter(question)))
    }
}
