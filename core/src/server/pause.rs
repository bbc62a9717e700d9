use super::Server;
use super::play::check_aggregate;
use super::request::Outcome;
use super::session::State;
use crate::SessionId;
use crate::wire::{Method, Request, Response, StatusCode, name};

impl Server {
    /// PAUSE (RFC 2326, section 10.6); one that pauses already stays as it is.
    pub(super) fn pause(
        &mut self,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        self.check_state(Some(id), &Method::Pause)?;
        check_aggregate(request, session)?;
        let header = self.session_header(session);
        match &session.state {
            State::Play(reading) => {
                let reading = *reading;
                self.pause_reader(id, reading);
            }
            State::Record(_) => self.pause_publisher(id),
            State::PrePlay(_) | State::PreRecord(_) => {}
        }
        Ok(Response::new(StatusCode::OK).with_header(name::SESSION, header).into())
    }
}
