//! Other users, while the server runs.

use crate::auth::{Action, Users};
use crate::conn::CloseNote;
use crate::server::Server;
use crate::wire::StatusCode;
use crate::{ConnId, Instant, SessionId};

use super::{Grant, Identity};

/// The reason that sessions are told whose right is gone.
const NOTE: &str = "no longer allowed";

impl Server {
    /// Replaces the users ([`ServerConfig::users`](crate::server::ServerConfig::users)); `None` lets everybody do everything.
    ///
    /// Sessions that the new users allow go on untouched. Those whose user is gone, has another secret, or may no longer do what
    /// they do are closed, and connections have to prove anew what is no longer theirs. Where the application decides itself
    /// ([`Asks::AUTHENTICATE`](crate::server::Asks::AUTHENTICATE)) nothing is looked at.
    pub fn set_users(&mut self, now: Instant, users: impl Into<Option<Users>>) {
        self.config.users = users.into();
        if self.config.asks.contains(crate::server::Asks::AUTHENTICATE) {
            return;
        }
        let Some(users) = self.config.users.take() else { return };
        let conns: Vec<ConnId> = self.conns.iter().map(|(id, _)| id).collect();
        for conn in conns {
            if let Some(connection) = self.conns.get_mut(conn) {
                connection.access.grants.retain(|grant| users.still_give(grant));
            }
        }
        let note = CloseNote::new(NOTE).with_status(StatusCode::FORBIDDEN);
        for session in self.sessions_without_right(&users) {
            self.close_session_with(now, session, note.clone());
        }
        self.config.users = Some(users);
    }

    fn sessions_without_right(&self, users: &Users) -> Vec<SessionId> {
        let is_over = |id: SessionId| {
            let Some(info) = self.session(id) else { return false };
            let owner = self.sessions.get(id).and_then(|session| session.owner.as_deref());
            let speaks = info.back_channel.is_some();
            let may = |action| users.still_allow(owner, action, &info.path);
            !may(info.action) || (speaks && !may(Action::Speak))
        };
        self.sessions.iter().map(|(id, _)| id).filter(|id| is_over(*id)).collect()
    }
}

impl Users {
    fn still_give(&self, grant: &Grant) -> bool {
        match (&grant.need, &grant.identity) {
            (Some(need), identity) => self.still_allow(identity.as_ref(), need.action, &need.path),
            (None, Some(identity)) => self.still_know(identity),
            (None, None) => false,
        }
    }

    fn still_allow(&self, identity: Option<&Identity>, action: Action, path: &str) -> bool {
        let user = identity.filter(|identity| self.still_know(identity));
        let user = user.and_then(|identity| self.get(&identity.user));
        // Somebody who was somebody does not become anybody.
        let is_open = identity.is_none_or(|identity| self.still_know(identity)) && self.is_open(action, path);
        is_open || user.is_some_and(|user| user.is_allowed(action, path))
    }

    /// The user is there, with the same secret.
    fn still_know(&self, identity: &Identity) -> bool {
        self.get(&identity.user).is_some_and(|user| user.secret().is_same(&identity.secret))
    }
}
