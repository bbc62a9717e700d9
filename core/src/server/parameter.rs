use super::config::Asks;
use super::describe::path_of;
use super::request::{Outcome, Step};
use super::{Event, Server};
use crate::ConnId;
use crate::wire::{Request, Response, StatusCode};

impl Server {
    /// GET_PARAMETER (RFC 2326, section 10.8): without a body it only shows that the client lives.
    pub(super) fn get_parameter(&self, conn: ConnId, request: &Request) -> Result<Outcome, Response> {
        if request.body.is_empty() {
            return Ok(StatusCode::OK.into());
        }
        if !self.config.asks.contains(Asks::GET_PARAMETER) {
            return Err(Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD));
        }
        let question = self.question(conn, path_of(request)?, None, request.body.clone())?;
        Ok(Outcome::ask(Step::GetParameter, Event::GetParameter(question)))
    }

    /// SET_PARAMETER (RFC 2326, section 10.9), likewise.
    pub(super) fn set_parameter(&self, conn: ConnId, request: &Request) -> Result<Outcome, Response> {
        if request.body.is_empty() {
            return Ok(StatusCode::OK.into());
        }
        if !self.config.asks.contains(Asks::SET_PARAMETER) {
            return Err(Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD));
        }
        let question = self.question(conn, path_of(request)?, None, request.body.clone())?;
        Ok(Outcome::ask(Step::SetParameter, Event::SetParameter(question)))
    }
}
