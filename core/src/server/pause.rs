use super::answer::Extra;
use super::asks::Asks;
use super::play::check_aggregate;
use super::request::{Outcome, Step};
use super::session::State;
use super::{Event, Server};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, SessionId};

impl Server {
    /// PAUSE (RFC 2326, section 10.6).
    pub(super) fn pause(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        self.check_state(Some(id), &Method::Pause)?;
        check_aggregate(request, session)?;
        let is_running = matches!(session.state, State::Play(_) | State::Record(_));
        if is_running && self.config.asks_about(Asks::PAUSE, &session.path) {
            let place = (&*session.path, session.query.as_deref());
            let question = self.question(conn, request, Some(id), place)?;
            return Ok(Outcome::ask(Step::Pause(id), Event::Pause(question)));
        }
        self.pause_accepted(id, None)
    }

    /// One that pauses already stays as it is.
    pub(super) fn pause_accepted(
        &mut self,
        id: SessionId,
        extra: Option<&Extra>,
    ) -> Result<Outcome, Response> {
        let (_, session) = self.existing(Some(id))?;
        let header = self.session_header(session);
        match &session.state {
            State::Play(reading) => {
                let reading = *reading;
                self.pause_reader(id, reading);
            }
            State::Record(_) => self.pause_publisher(id),
            State::PrePlay(_) | State::PreRecord(_) => {}
        }
        let response = Response::new(StatusCode::OK).with_header(name::SESSION, header);
        Ok(Extra::tell_play(extra, response, "").into())
    }
}
