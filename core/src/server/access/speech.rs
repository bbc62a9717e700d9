//! The right to speak into a back channel, which is asked for beside that to read the stream.

use super::{Denial, Given, Need};
use crate::auth::Action;
use crate::server::Asks;
use crate::server::Server;
use crate::server::request::Outcome;
use crate::url::track::resolve_setup;
use crate::url::{canonical, same};
use crate::wire::{Method, Request};
use crate::{ConnId, Instant, SessionId};

impl Server {
    /// Looks at whether a peer that may read may also speak, if it sets up a back channel: `Ok(None)` if it may.
    ///
    /// A user that has proved itself needs the right to; anybody else has nothing proved so far, and proves it now. The
    /// application that knows the users itself is asked only for those without a name: it has
    /// [a question of its own](Asks::SPEAK).
    pub(super) fn check_right_to_speak(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        given: Given,
    ) -> Result<Option<Outcome>, Denial> {
        let Some(path) = self.path_spoken_to(request, session) else { return Ok(None) };
        let own = session.and_then(|id| self.sessions.get(id));
        let owner = own.and_then(|session| session.owner.as_deref().cloned());
        let identity = owner.or_else(|| self.owner_of_new(conn, Action::Read, &path));
        let Some(identity) = identity else {
            let need = Need { action: Action::Speak, path, query: None };
            return self.check_right(now, conn, request, need, given);
        };
        let Some(users) =
            self.config.users.as_ref().filter(|_| !self.config.asks.contains(Asks::AUTHENTICATE))
        else {
            return Ok(None);
        };
        let user = users.get(&identity.user);
        let may = users.is_open(Action::Speak, &path)
            || user.is_some_and(|user| user.is_allowed(Action::Speak, &path));
        if may { Ok(None) } else { Err(Denial::Forbidden) }
    }

    /// Returns `true` if a request is still about speaking into the stream at `path`, to which the peer may listen.
    ///
    /// The answer of the application may take long. Its session, which made it one about that path, may have ended meanwhile.
    pub(super) fn still_speaks(
        &self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        path: &str,
    ) -> bool {
        let may_read = |need: &Need| need.action == Action::Read && same(&need.path, path);
        let has_read_right = || {
            let connection = self.conns.get(conn);
            connection.is_some_and(|own| {
                own.access.grants.iter().any(|own| own.need.as_ref().is_some_and(may_read))
            })
        };
        let is_same = self.path_spoken_to(request, session).is_some_and(|spoken| same(&spoken, path));
        is_same && (session.is_some() || has_read_right())
    }

    /// The path of the stream whose back channel a request sets up.
    fn path_spoken_to(&self, request: &Request, session: Option<SessionId>) -> Option<Box<str>> {
        if request.method != Method::Setup {
            return None;
        }
        let named = resolve_setup(&request.uri).ok()?;
        let session = session.and_then(|id| self.sessions.get(id));
        let (stream, path) = match session {
            Some(session) => (session.read_stream()?, session.path.clone()),
            None => (self.stream_at(named.path)?, canonical(named.path).into()),
        };
        let track = u8::try_from(named.index().unwrap_or(0)).ok()?;
        self.is_back_channel(stream, track).then_some(path)
    }
}
