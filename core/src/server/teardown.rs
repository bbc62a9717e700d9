use super::Server;
use super::request::Outcome;
use crate::conn::CloseReason;
use crate::wire::{Request, Response, StatusCode};
use crate::{Instant, SessionId};

impl Server {
    /// TEARDOWN (RFC 2326, section 10.7). The connection stays.
    ///
    /// One track of several cannot be torn down by itself (460).
    pub(super) fn teardown(
        &mut self,
        now: Instant,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        if session.tracks.len() > 1 && session.tracks.iter().any(|track| track.uri == request.uri) {
            return Err(Response::new(StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED));
        }
        self.close_session_quietly(now, id, CloseReason::Teardown);
        Ok(StatusCode::OK.into())
    }
}
