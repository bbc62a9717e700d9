//! Tokens (RFC 6750), which only the application can judge.

use crate::ConnId;
use crate::Tolerances;
use crate::auth::{Authorization, Scheme};
use crate::server::{Authenticate, Question, Server};
use crate::tls::Secured;
use crate::wire::name;

impl Server {
    /// Takes note that all of a connection is encrypted (TLS), so that tokens and keys may come over it.
    ///
    /// Questions and lists tell what is known of the peer by that: its certificate, if it has shown one.
    pub fn set_secured(&mut self, conn: ConnId, secured: Secured) {
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.secured = Some(Box::new(secured));
        }
    }

    /// Returns true for a scheme that may be used on a connection: anybody that reads a token on its way has its right.
    pub(super) fn may_use(&self, conn: ConnId, scheme: Scheme) -> bool {
        scheme != Scheme::Bearer || self.is_secured(conn)
    }

    /// Returns `true` if all of a connection is encrypted.
    pub(in super::super) fn is_secured(&self, conn: ConnId) -> bool {
        self.conns.get(conn).is_some_and(|connection| connection.secured.is_some())
    }
}

impl Question<Authenticate> {
    /// The token that the peer has sent (RFC 6750); `None` if it has sent none, or if [`Scheme::Bearer`] was not offered.
    pub fn token(&self) -> Option<Box<str>> {
        let header = self.request.headers.get(name::AUTHORIZATION).filter(|_| self.takes_token)?;
        match Authorization::parse(header, &mut Tolerances::default()) {
            Ok(Authorization::Bearer(token)) => Some(token),
            _ => None,
        }
    }
}
