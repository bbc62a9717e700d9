//! The dialogues of peers, told to the application if it wants them.

use super::{Event, Server};
use crate::trace::TracedMessage;
use crate::wire::{Headers, Request, Response, name};
use crate::{ConnId, SessionId, Tolerances};

/// The way that a message goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    In,
    Out,
}

impl Server {
    /// Tells of a request, if that is wanted.
    pub(super) fn trace_request(&mut self, conn: ConnId, way: Way, request: &Request) {
        if self.config.trace {
            let session = self.session_in(conn, &request.headers);
            self.tell_traced(conn, session, way, TracedMessage::of_request(request));
        }
    }

    /// Tells of a response to a request, if that is wanted.
    pub(super) fn trace_response(
        &mut self,
        conn: ConnId,
        way: Way,
        request: Option<&Request>,
        response: &Response,
    ) {
        if self.config.trace {
            let asked = request.and_then(|request| self.session_in(conn, &request.headers));
            let session = asked.or_else(|| self.session_in(conn, &response.headers));
            self.tell_traced(conn, session, way, TracedMessage::of_response(response));
        }
    }

    fn tell_traced(&mut self, conn: ConnId, session: Option<SessionId>, way: Way, traced: TracedMessage) {
        let traced = Box::new(traced);
        self.emit(match way {
            Way::In => Event::MessageReceived { conn, session, traced },
            Way::Out => Event::MessageSent { conn, session, traced },
        });
    }

    /// The session that a message names, if it is the peer's.
    fn session_in(&self, conn: ConnId, headers: &Headers) -> Option<SessionId> {
        self.session_named(conn, headers.get(name::SESSION)?, &mut Tolerances::default())
    }
}
