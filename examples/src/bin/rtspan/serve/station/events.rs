//! The events of a station, for hooks and others that want to know.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use rtspan_std::runtime::Runtime;
use rtspan_std::{Action, Event, SessionId, StreamId};
use smol::channel::{Receiver, Sender, bounded};

use super::Station;
use super::state::Live;
use crate::events::over;
use crate::serve::config::path_name;

/// Events that wait for one who has subscribed.
const EVENTS_MAX: usize = 1024;
/// Why that ends which is there when the server does.
const THE_END: &str = "the server ends";

/// An event of a path. Paths are without a slash in front.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StationEvent {
    /// There is something to read at a path.
    PathReady {
        path: String,
        source: String,
    },
    /// There is nothing any more.
    PathGone {
        path: String,
        reason: String,
    },
    /// Somebody publishes at a path.
    PublisherBegan {
        path: String,
        session: String,
        peer: SocketAddr,
        user: Option<String>,
    },
    PublisherEnded {
        path: String,
        session: String,
        reason: String,
    },
    /// Somebody begins to read a path.
    ReaderBegan {
        path: String,
        session: String,
        peer: SocketAddr,
        user: Option<String>,
        transport: &'static str,
    },
    ReaderEnded {
        path: String,
        session: String,
        reason: String,
    },
}

/// Those who have subscribed.
#[derive(Debug, Default)]
pub(super) struct Events(Mutex<Vec<(Sender<StationEvent>, Receiver<StationEvent>)>>);

impl Events {
    pub(super) fn subscribe(&self) -> Receiver<StationEvent> {
        let (sender, receiver) = bounded(EVENTS_MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((sender, receiver.clone()));
        receiver
    }

    fn tell(&self, event: &StationEvent) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // One of the two receivers is our own.
        all.retain(|(sender, _)| sender.receiver_count() > 1);
        for (sender, receiver) in all.iter() {
            if sender.is_full() {
                let _ = receiver.try_recv();
            }
            let _ = sender.try_send(event.clone());
        }
    }
}

/// The end of a session that has begun to read or to publish.
fn ended(session: SessionId, (path, action): (String, Action), reason: String) -> StationEvent {
    let session = session.to_string();
    match action {
        Action::Read => StationEvent::ReaderEnded { path, session, reason },
        _ => StationEvent::PublisherEnded { path, session, reason },
    }
}

impl<R: Runtime> Station<R> {
    /// Takes note of an event of the server's.
    pub(super) fn note(&self, event: &Event) {
        match event {
            Event::Published { stream, path, session, .. } => {
                self.came(*stream, &path_name(path), *session);
                self.published(*stream, &path_name(path));
            }
            Event::PublisherGone { stream, path, .. } => self.left(*stream, &path_name(path)),
            Event::TakenOver { stream, session, path, .. } => {
                self.came(*stream, &path_name(path), Some(*session));
                self.record(*stream);
            }
            Event::Unpublished { stream, path, reason, .. } => {
                self.gone(*stream, &path_name(path));
                let Some(_) = self.state().streams.remove(stream) else { return };
                let (path, reason) = (path_name(path).into_owned(), reason.to_string());
                self.0.events.tell(&StationEvent::PathGone { path, reason });
            }
            Event::Playing { session, peer, path, transport, .. } => {
                self.began(*session, Action::Read, path, |path, session, user| StationEvent::ReaderBegan {
                    path,
                    session,
                    peer: *peer,
                    user,
                    transport: over(*transport),
                });
            }
            Event::Recording { session, peer, path, .. } => {
                self.began(*session, Action::Publish, path, |path, session, user| {
                    StationEvent::PublisherBegan { path, session, peer: *peer, user }
                });
            }
            Event::SessionClosed { session, reason, .. } => {
                let Some(begun) = self.state().sessions.remove(session) else { return };
                self.0.events.tell(&ended(*session, begun, reason.to_string()));
            }
            _ => {}
        }
    }

    /// Tells the end of all that has not ended before the server did: first of those who read and publish, then of the paths.
    pub(super) fn tell_ends(&self) {
        let (sessions, streams) = {
            let mut state = self.state();
            (std::mem::take(&mut state.sessions), std::mem::take(&mut state.streams))
        };
        for (session, begun) in sessions {
            self.0.events.tell(&ended(session, begun, THE_END.to_owned()));
        }
        for live in streams.into_values() {
            self.0.events.tell(&StationEvent::PathGone { path: live.path, reason: THE_END.to_owned() });
        }
    }

    fn published(&self, stream: StreamId, path: &str) {
        let Some(info) = self.server().stream(stream).filter(|info| !info.is_private) else { return };
        let source = {
            let mut state = self.state();
            state.streams.insert(stream, Live { path: path.to_owned(), recording: None });
            let plan = state.settings.plan(path);
            plan.map_or_else(String::new, |plan| plan.source.to_string())
        };
        self.record(info.stream);
        self.0.events.tell(&StationEvent::PathReady { path: path.to_owned(), source });
    }

    /// A session plays or records; it is told once, and not after each pause.
    fn began(
        &self,
        session: SessionId,
        action: Action,
        path: &str,
        event: impl FnOnce(String, String, Option<String>) -> StationEvent,
    ) {
        let path = path_name(path).into_owned();
        if self.state().sessions.insert(session, (path.clone(), action)).is_none() {
            let user = self.server().session(session).and_then(|session| session.user);
            self.0.events.tell(&event(path, session.to_string(), user));
        }
    }
}
