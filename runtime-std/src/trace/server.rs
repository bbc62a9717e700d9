use std::collections::BTreeMap;

use rtspan_core::conn::CloseReason;
use rtspan_core::server::{Event, ServerConfig};
use rtspan_core::{ConnId, Printable, SessionId, Tolerances, WithCauses, without_secrets};
use tracing::{Span, debug, field, info, info_span, trace, warn};

use super::message;

/// Where a server tells what happens.
const SERVER: &str = "rtspan::server";

/// The spans of a server, and what its application wants besides.
#[derive(Debug)]
pub(crate) struct ServerTrace {
    /// The application has asked for messages.
    messages: bool,
    conns: BTreeMap<ConnId, Conn>,
    sessions: BTreeMap<SessionId, Span>,
}

#[derive(Debug)]
struct Conn {
    span: Span,
    tolerances: Tolerances,
}

/// How much an end is worth telling.
enum Weight {
    Usual,
    Odd,
    Bad,
}

impl ServerTrace {
    pub(crate) fn of(config: ServerConfig) -> (ServerConfig, Self) {
        let messages = config.is_traced();
        let trace = Self { messages, conns: BTreeMap::new(), sessions: BTreeMap::new() };
        (config.trace(messages || message::are_wanted()), trace)
    }

    /// Tells subscribers. Returns `true` if the application is told as well.
    pub(crate) fn tell(&mut self, event: &Event) -> bool {
        match event {
            Event::MessageReceived { conn, session, traced } => {
                message::tell(self.span(*conn, *session), "received", traced);
                return self.messages;
            }
            Event::MessageSent { conn, session, traced } => {
                message::tell(self.span(*conn, *session), "sent", traced);
                return self.messages;
            }
            event => {
                self.tell_of_conns(event);
                self.tell_of_sessions(event);
                self.tell_of_media(event);
            }
        }
        true
    }

    /// Tells that the application has not taken an event, which was dropped for a newer one.
    pub(crate) fn tell_dropped(&self, event: &Event) {
        let question = event.is_question();
        warn!(target: SERVER, question, "an event is dropped, since the application does not take them");
    }

    fn tell_of_conns(&mut self, event: &Event) {
        match event {
            Event::ConnOpened { conn, peer } => {
                let span = info_span!(
                    target: SERVER, parent: None, "connection", %conn, %peer, proxy = field::Empty, user = field::Empty
                );
                debug!(target: SERVER, parent: &span, "connection opened");
                self.conns.insert(*conn, Conn { span, tolerances: Tolerances::NONE });
            }
            Event::ConnProxied { conn, peer, proxy } => {
                let span = self.span(*conn, None);
                span.record("peer", field::display(peer)).record("proxy", field::display(proxy));
                debug!(target: SERVER, parent: span, %peer, %proxy, "connection comes through a proxy");
            }
            Event::ConnClosed { conn, reason, .. } => {
                let ended = self.conns.remove(conn).map_or_else(Span::none, |conn| conn.span);
                let why = WithCauses(reason);
                match weight(reason) {
                    Weight::Usual => {
                        debug!(target: SERVER, parent: &ended, reason = %why, "connection closed")
                    }
                    Weight::Odd => info!(target: SERVER, parent: &ended, reason = %why, "connection closed"),
                    Weight::Bad => warn!(target: SERVER, parent: &ended, reason = %why, "connection closed"),
                }
            }
            Event::AuthFailed { conn, session, peer, user, path, count } => {
                let user = user.as_deref().map(Printable).map(field::display);
                let path = shown(path);
                warn!(
                    target: SERVER, parent: self.span(*conn, *session), %peer, user, path, count,
                    "wrong credentials"
                );
            }
            Event::Refused { peer, conn, reason, count } => {
                let span = conn.map_or(&NOWHERE, |conn| self.span(conn, None));
                warn!(target: SERVER, parent: span, %peer, %reason, count, "refused");
            }
            Event::Tolerated { conn, session, tolerances } => {
                let known =
                    self.conns.get_mut(conn).map(|conn| std::mem::replace(&mut conn.tolerances, *tolerances));
                let new = tolerances.iter().filter(|one| !known.unwrap_or_default().contains(*one));
                let span = self.span(*conn, *session);
                new.for_each(|tolerance| {
                    warn!(target: SERVER, parent: span, ?tolerance, "tolerated: {tolerance}");
                });
            }
            _ => {}
        }
    }

    fn tell_of_sessions(&mut self, event: &Event) {
        match event {
            Event::SessionOpened { session, conn, user, path, .. } => {
                let parent = self.span(*conn, None);
                let user = user.as_deref().map(Printable).map(field::display);
                let path = shown(path);
                let span = info_span!(target: SERVER, parent: parent, "session", %session, path, user);
                info!(target: SERVER, parent: &span, "session opened");
                self.sessions.insert(*session, span);
            }
            Event::Playing { session, conn, transport, .. } => {
                info!(target: SERVER, parent: self.span(*conn, Some(*session)), ?transport, "plays");
            }
            Event::Recording { session, conn, transport, .. } => {
                info!(target: SERVER, parent: self.span(*conn, Some(*session)), ?transport, "publishes");
            }
            Event::Paused { session, conn } => {
                debug!(target: SERVER, parent: self.span(*conn, Some(*session)), "paused");
            }
            Event::TakenOver { session, conn, former, .. } => {
                let former = former.map(field::display);
                info!(target: SERVER, parent: self.span(*conn, Some(*session)), former, "has taken over the stream");
            }
            Event::PublisherGone { session, conn, path, .. } => {
                let path = shown(path);
                warn!(
                    target: SERVER, parent: self.span(*conn, Some(*session)), path,
                    "the publisher is lost, and its stream waits for it"
                );
            }
            Event::Published { path, .. } => {
                info!(target: SERVER, path = shown(path), "stream published");
            }
            Event::Unpublished { path, reason, .. } => {
                let (path, why) = (shown(path), WithCauses(reason));
                match reason {
                    CloseReason::Teardown | CloseReason::Application | CloseReason::ServerClosed => {
                        info!(target: SERVER, path, reason = %why, "stream ended");
                    }
                    _ => warn!(target: SERVER, path, reason = %why, "stream ended: its publisher is lost"),
                }
            }
            Event::SessionClosed { session, conn, reason, .. } => {
                let ended = self.sessions.remove(session);
                let span = ended.as_ref().unwrap_or_else(|| self.span(*conn, None));
                let why = WithCauses(reason);
                match weight(reason) {
                    Weight::Usual | Weight::Odd => {
                        info!(target: SERVER, parent: span, reason = %why, "session closed");
                    }
                    Weight::Bad => warn!(target: SERVER, parent: span, reason = %why, "session closed"),
                }
            }
            _ => {}
        }
    }

    fn tell_of_media(&self, event: &Event) {
        let of = |session: &SessionId, conn: &ConnId| self.span(*conn, Some(*session));
        match event {
            Event::MediaSilent { session, conn, media, .. } => {
                warn!(target: SERVER, parent: of(session, conn), media, "a media sends nothing");
            }
            Event::MediaResumed { session, conn, media, .. } => {
                info!(target: SERVER, parent: of(session, conn), media, "a media sends again");
            }
            Event::ReaderLagged { session, conn, dropped } => {
                warn!(target: SERVER, parent: of(session, conn), dropped, "the reader is too slow, and misses packets");
            }
            Event::LossReported { session, conn, media, lost, .. } => {
                debug!(target: SERVER, parent: of(session, conn), media, lost, "the reader reports losses");
            }
            Event::PacketsTooBig(packets) => {
                warn!(target: SERVER, ?packets, "packets are too big for a path");
            }
            Event::SourceDoubted { session, conn, media, doubts } => {
                warn!(target: SERVER, parent: of(session, conn), media, ?doubts, "packets of doubtful sources are dropped");
            }
            Event::PacketsLost { session, conn, media, lost } => {
                warn!(target: SERVER, parent: of(session, conn), media, lost, "packets of the publisher are lost");
            }
            Event::PacketsUnreadable { session, conn, media, malformed, unannounced, unauthentic } => warn!(
                target: SERVER, parent: of(session, conn), media, malformed, unannounced, unauthentic,
                "packets of the publisher cannot be read, and are dropped"
            ),
            Event::RtcpReceived { session, conn, media, compound } => {
                trace!(target: SERVER, parent: of(session, conn), media, bytes = compound.len(), "RTCP received");
            }
            _ => {}
        }
    }

    /// The span of a session, or else of a connection.
    fn span(&self, conn: ConnId, session: Option<SessionId>) -> &Span {
        let session = session.and_then(|session| self.sessions.get(&session));
        session.or_else(|| self.conns.get(&conn).map(|conn| &conn.span)).unwrap_or(&NOWHERE)
    }
}

static NOWHERE: Span = Span::none();

fn weight(reason: &CloseReason) -> Weight {
    match reason {
        CloseReason::WriteStalled
        | CloseReason::OutboxFull
        | CloseReason::AuthFailed
        | CloseReason::AddressFull
        | CloseReason::ReaderTooSlow => Weight::Bad,
        CloseReason::Wire(_)
        | CloseReason::Tls(_)
        | CloseReason::Tunnel(_)
        | CloseReason::TlsRequired
        | CloseReason::NoProxyHeader
        | CloseReason::MessageTimeout => Weight::Odd,
        _ => Weight::Usual,
    }
}

/// A path as it may be shown.
fn shown(path: &str) -> String {
    Printable(without_secrets(path)).to_string()
}
