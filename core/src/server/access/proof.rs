//! Checks that credentials prove what they say.

use std::collections::BTreeMap;

use super::Denial;
use crate::auth::{Authorization, Challenge, NonceId, Secret};
use crate::limits::NONCES_COUNTED_MAX;
use crate::server::Server;
use crate::url::canonical;
use crate::url::track::{resolve_aggregate, resolve_setup};
use crate::wire::{Method, Request, Response, StatusCode, name};
use crate::{ConnId, Instant, Tolerance};

impl Server {
    /// The answer that asks for credentials.
    pub(in crate::server) fn challenge(&mut self, now: Instant, conn: ConnId, stale: bool) -> Response {
        let mut response = Response::new(StatusCode::UNAUTHORIZED);
        let Some(peer) = self.conns.get(conn).map(|connection| connection.peer) else { return response };
        self.nonces_given = self.nonces_given.wrapping_add(1);
        let nonce = self.nonce_key.give(now, self.nonces_given, peer.ip());
        for scheme in self.schemes(conn) {
            let challenge = Challenge::new(&self.config.realm, scheme, &nonce, stale);
            response.headers.push(name::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    /// Checks that credentials that came with a request prove a secret.
    pub(super) fn check(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        authorization: &Authorization,
        secret: &Secret,
    ) -> Result<(), Denial> {
        let nonce = self.check_nonce(now, conn, authorization)?;
        if !authorization.proves(secret, &self.config.realm, request.method.as_str()) {
            return Err(Denial::Wrong);
        }
        if let Authorization::Digest(digest) = authorization {
            self.check_uri(conn, request, &digest.uri)?;
            let nonce = nonce.ok_or(Denial::Ask { stale: true })?;
            if let Some(count) = digest.count {
                self.nonce_counts.count(nonce, count).ok_or(Denial::Ask { stale: true })?;
            }
            if let Some(connection) = self.conns.get_mut(conn) {
                connection.access.nonce = Some(nonce);
            }
        }
        if let Some(connection) = self.conns.get_mut(conn) {
            connection.access.failures = 0;
        }
        Ok(())
    }

    /// The nonce that a digest was made for, if it was given to this address not too long ago.
    pub(super) fn check_nonce(
        &self,
        now: Instant,
        conn: ConnId,
        authorization: &Authorization,
    ) -> Result<Option<NonceId>, Denial> {
        let Authorization::Digest(digest) = authorization else { return Ok(None) };
        let stale = Denial::Ask { stale: true };
        let Some(connection) = self.conns.get(conn) else { return Err(stale) };
        let Some(nonce) = self.nonce_key.read(&digest.nonce, connection.peer.ip()) else { return Err(stale) };
        let is_young = now < nonce.given + self.config.nonce_lifetime;
        if is_young || connection.access.nonce == Some(nonce) { Ok(Some(nonce)) } else { Err(stale) }
    }

    /// A digest is made for one URI. It may be another form of the request's, and that of the stream where a track is meant.
    fn check_uri(&mut self, conn: ConnId, request: &Request, uri: &str) -> Result<(), Denial> {
        if uri == &*request.uri {
            return Ok(());
        }
        let path =
            |uri| resolve_aggregate(uri).map(|(path, _)| canonical(path.trim_end_matches('/')).into_owned());
        let stream = resolve_setup(&request.uri).map(|place| canonical(place.path).into_owned());
        let (Ok(own), Ok(meant)) = (path(uri), path(&request.uri)) else { return Err(Denial::Wrong) };
        let is_stream = request.method == Method::Setup && stream.is_ok_and(|stream| stream == own);
        if own != meant && !is_stream {
            return Err(Denial::Wrong);
        }
        self.tolerate_one(conn, Tolerance::DigestUriForm);
        Ok(())
    }
}

/// How often the nonces that were used last were used: a count that does not rise is that of a request sent again.
#[derive(Debug, Default)]
pub(in crate::server) struct NonceCounts(BTreeMap<NonceId, u32>);

impl NonceCounts {
    /// Takes note of a use; `None` if the count has been used.
    ///
    /// Only those who know a secret get here, and the oldest nonces are forgotten.
    pub(in crate::server) fn count(&mut self, nonce: NonceId, count: u32) -> Option<()> {
        let last = self.0.get(&nonce).copied();
        if last.is_some_and(|last| count <= last) {
            return None;
        }
        if last.is_none() && self.0.len() >= NONCES_COUNTED_MAX {
            self.0.pop_first();
        }
        self.0.insert(nonce, count);
        Some(())
    }

    #[cfg(test)]
    pub(in crate::server) fn len(&self) -> usize {
        self.0.len()
    }
}
