//! The reports of the media plane, which lives with the sockets.

use super::{Event, Server};
use crate::Instant;
use crate::conn::{CloseReason, Report};
use crate::udp::PacketsTooBig;

impl Server {
    /// Takes what the media plane reports.
    pub fn handle_report(&mut self, now: Instant, report: Report) {
        match report {
            Report::Alive(session) => {
                if let Some(alive) = self.sessions.get_mut(session) {
                    alive.alive = now;
                    self.heard(now, session);
                }
            }
            Report::Lagged { session: id, dropped } => {
                self.tell_of_session(id, |session| Event::ReaderLagged {
                    session: id,
                    conn: session.conn,
                    dropped,
                });
            }
            Report::Ended(session) => self.reader_ended(now, session),
            Report::Drained(stream) => self.publisher_drained(now, stream),
            Report::Sent(session, number) => self.reader_was_sent(session, number),
            Report::Overtaken(session) => self.end_session(now, session, CloseReason::ReaderTooSlow),
            Report::MediaSilent(session, stream, media) => {
                self.media_heard(session, stream, |conn, path| Event::MediaSilent {
                    session,
                    conn,
                    stream,
                    path,
                    media: media.into(),
                });
            }
            Report::MediaResumed(session, stream, media) => {
                self.media_heard(session, stream, |conn, path| Event::MediaResumed {
                    session,
                    conn,
                    stream,
                    path,
                    media: media.into(),
                });
            }
            Report::Proxied(conn, peer) => self.proxied(now, conn, peer),
            Report::Tolerated(conn, tolerances) => self.tolerate(conn, tolerances),
            Report::SourceDoubted { session: id, media, doubts } => {
                self.tell_of_session(id, |session| Event::SourceDoubted {
                    session: id,
                    conn: session.conn,
                    media: media.into(),
                    doubts,
                });
            }
            Report::LossReported { session: id, media, fraction_lost, lost } => {
                self.tell_of_session(id, |session| Event::LossReported {
                    session: id,
                    conn: session.conn,
                    media: media.into(),
                    fraction_lost,
                    lost,
                });
            }
            Report::PacketsTooBig { session: id, packets, bytes } => {
                self.tell_of_session(id, |session| {
                    Event::PacketsTooBig(PacketsTooBig { session: id, conn: session.conn, packets, bytes })
                });
            }
            Report::PacketsLost { session: id, media, lost } => {
                self.tell_of_session(id, |session| Event::PacketsLost {
                    session: id,
                    conn: session.conn,
                    media: media.into(),
                    lost,
                });
            }
            Report::PacketsUnreadable { session: id, media, malformed, unannounced, unauthentic } => {
                self.tell_of_session(id, |session| Event::PacketsUnreadable {
                    session: id,
                    conn: session.conn,
                    media: media.into(),
                    malformed,
                    unannounced,
                    unauthentic,
                });
            }
            Report::RtcpReceived { session, media, compound } => self.rtcp_received(session, media, compound),
            Report::MediaTolerated(session, tolerances) => {
                let conn = self.sessions.get(session).and_then(|session| session.conns.first());
                conn.into_iter().for_each(|conn| self.tolerate_in(conn, Some(session), tolerances));
            }
            Report::Stats(report) => self.take_stats(now, *report),
        }
    }
}
