use super::Server;
use super::play::check_aggregate;
use super::request::Outcome;
use crate::conn::CloseReason;
use crate::header::SessionHeader;
use crate::random::HexId;
use crate::wire::{Request, Response, StatusCode, name};
use crate::{ConnId, Instant, SessionId, Tolerance, Tolerances};

impl Server {
    /// TEARDOWN (RFC 2326, section 10.7). The connection stays.
    ///
    /// One track of several cannot be torn down by itself (460).
    pub(super) fn teardown(
        &mut self,
        now: Instant,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
    ) -> Result<Outcome, Response> {
        let (id, session) = self.existing(session)?;
        let conns = session.conns.clone();
        match check_aggregate(request, session) {
            Err(refusal) if refusal.status == StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED => {
                return Err(refusal);
            }
            Err(_) => self.tolerate_one(conn, Tolerance::ForeignTeardownUrl),
            Ok(()) => {}
        }
        self.close_session_quietly(now, id, CloseReason::Teardown);
        if self.closing {
            self.close_unused(now, &conns, None, &CloseReason::ServerClosed);
        }
        Ok(StatusCode::OK.into())
    }

    /// Whether a TEARDOWN is for the session that has ended last on its connection.
    ///
    /// A reader that is told of the end of its stream tears its session down, which is over by then. GStreamer takes any
    /// other answer than 200 for an error of the stream.
    pub(super) fn has_just_ended(&self, conn: ConnId, request: &Request) -> bool {
        let Some(connection) = self.conns.get(conn) else { return false };
        let Some(farewell) = &connection.farewell else { return false };
        match request.headers.get(name::SESSION) {
            None => connection.sessions.is_empty(),
            Some(header) => {
                let named = SessionHeader::parse(header, &mut Tolerances::default());
                named.is_ok_and(|named| HexId::read(&named.id) == Some(farewell.key))
            }
        }
    }

    /// The answer to such a TEARDOWN. The connection stays until its farewell; for a server that closes this was it.
    pub(super) fn teardown_of_ended(&mut self, now: Instant, conn: ConnId) -> Outcome {
        self.tolerate_one(conn, Tolerance::LateTeardown);
        if self.closing {
            self.close_conn(now, conn, CloseReason::ServerClosed);
        }
        StatusCode::OK.into()
    }
}
