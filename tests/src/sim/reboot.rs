//! A server that goes off and comes up again: all connections break, no session is known any more, and the streams of the
//! application come back later, some of them with other medias.

use rtspan_core::conn::CloseReason;
use rtspan_core::{Instant, SessionId, StreamId};

use super::source::Kind;
use super::tcp::Side;
use super::world::{Age, Task, World};

/// A stream of the application that comes back.
#[derive(Debug)]
pub(super) struct Return {
    at: Instant,
    path: String,
    kinds: Vec<Kind>,
}

impl World<'_> {
    /// The server is switched off, and on again after a while.
    pub(super) fn reboot(&mut self) {
        if !self.chance.happens(self.plan.reboots) {
            return;
        }
        self.counts.add("servers rebooted", 1);
        let back = self.now + self.chance.millis(0, 12_000);
        self.note(4, || format!("off until {back:?}"));
        self.down_until = self.down_until.max(back);
        for id in self.tcp.ids() {
            let Some(link) = self.tcp.get_mut(id) else { continue };
            link.reset();
            let tasks = [link.task(Side::Client), link.task(Side::Server)];
            tasks.into_iter().flatten().for_each(|task| self.wake(task, self.now));
        }
        let sessions: Vec<SessionId> = self.server.sessions().map(|info| info.session).collect();
        for session in sessions {
            // It may have ended with another, or with its stream.
            if self.server.session(session).is_none() {
                continue;
            }
            self.books.expect_end(session, CloseReason::Application);
            self.door(|server, now, _| server.close_session(now, session));
        }
        let is_private = |stream: &StreamId| self.books.privates.contains(*stream);
        let (private, public): (Vec<_>, Vec<_>) =
            self.app.streams.drain(..).partition(|(stream, _)| is_private(stream));
        self.app.streams = private;
        for (stream, source) in public {
            let path = self.server.stream(stream).map(|info| info.path);
            self.app_removes(stream);
            let Some(path) = path else { continue };
            let kinds = if self.chance.happens(700) { source.kinds() } else { Kind::any(&mut self.chance) };
            let at = back + self.chance.millis(0, 3_000);
            self.app.returns.push(Return { at, path: path.to_owned(), kinds });
            self.wake(Task::App, at);
        }
    }

    /// Publishes the streams that are to come back by now.
    pub(super) fn app_returns(&mut self) {
        let now = self.now;
        if self.age > Age::Calm {
            self.app.returns.clear();
        }
        while let Some(index) = self.app.returns.iter().position(|own| own.at <= now) {
            let Return { path, kinds, .. } = self.app.returns.swap_remove(index);
            self.counts.add("streams that came back", 1);
            self.app_publishes_kinds(&path, &kinds);
        }
        let next = self.app.returns.iter().map(|own| own.at).min();
        self.wake_by(Task::App, next);
    }
}
