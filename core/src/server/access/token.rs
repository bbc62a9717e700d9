//! Tokens (RFC 6750): those of users, and those that only the application can judge.

use super::{Given, Need};
use crate::ConnId;
use crate::Tolerances;
use crate::auth::{AuthScheme, Authorization, Users};
use crate::server::{Asks, Authenticate, Question, Server};
use crate::tls::Secured;
use crate::url::decoded;
use crate::wire::name;

/// The parameters of a query that have a token.
const QUERY_NAMES: [&str; 2] = ["token", "jwt"];

impl Server {
    /// Takes note that all of a connection is encrypted (TLS), so that tokens and keys may come over it.
    ///
    /// Questions and lists tell what is known of the peer by that: its certificate, if it has shown one.
    pub fn set_secured(&mut self, conn: ConnId, secured: Secured) {
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.secured = Some(Box::new(secured));
        }
    }

    /// The schemes by which a peer may prove itself. Tokens are among them where users have some, or where the application may know
    /// some, and over TLS only: anybody that reads a token on its way has its right.
    pub(super) fn schemes(&self, conn: ConnId) -> impl Iterator<Item = AuthScheme> {
        let is_asked = self.config.asks.contains(Asks::AUTHENTICATE);
        let is_secured = self.is_secured(conn);
        let of_users = (self.has_tokens() && is_secured).then_some(AuthScheme::Bearer);
        let may_be_used =
            move |scheme: &AuthScheme| *scheme != AuthScheme::Bearer || (is_asked && is_secured);
        of_users.into_iter().chain(self.config.schemes.iter().copied().filter(may_be_used))
    }

    /// Returns `true` if users have tokens. If the application is asked, there are no users.
    fn has_tokens(&self) -> bool {
        let is_asked = self.config.asks.contains(Asks::AUTHENTICATE);
        !is_asked && self.config.users.as_ref().is_some_and(Users::have_tokens)
    }

    /// The token of a user in the query, for players that send no header. If the application is asked, it reads the query itself.
    pub(super) fn given_in_query(&self, conn: ConnId, need: &Need) -> Given {
        let takes_tokens = self.has_tokens() && self.is_secured(conn);
        let query = need.query.as_deref().filter(|_| takes_tokens).unwrap_or_default();
        let mut params = query.split('&').filter_map(|param| param.split_once('='));
        match params.find(|(name, value)| QUERY_NAMES.contains(name) && !value.is_empty()) {
            Some((_, token)) => Given::Credentials(Box::new(Authorization::Bearer(decoded(token).into()))),
            None => Given::Nothing,
        }
    }

    /// Returns `true` if all of a connection is encrypted.
    pub(in super::super) fn is_secured(&self, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|connection| connection.secured.is_some())
    }
}

impl Question<Authenticate> {
    /// The token that the peer has sent (RFC 6750); `None` if it has sent none, or if [`AuthScheme::Bearer`] was not offered.
    pub fn token(&self) -> Option<Box<str>> {
        let header = self.request.headers.get(name::AUTHORIZATION).filter(|_| self.takes_token)?;
        match Authorization::parse(header, &mut Tolerances::default()) {
            Ok(Authorization::Bearer(token)) => Some(token),
            _ => None,
        }
    }
}
