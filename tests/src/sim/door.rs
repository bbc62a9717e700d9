use rtspan_core::Instant;
use rtspan_core::server::{Event, Output, Question, Server};

use super::logs::Logs;
use super::pair::Pair;
use super::world::{Task, World};

impl World<'_> {
    /// Every access to the server; its orders are handed on at once, or later.
    pub(super) fn door<R>(&mut self, enter: impl FnOnce(&mut Server, Instant, &Logs) -> R) -> R {
        let result = enter(&mut self.server, self.now, &self.logs);
        self.hand_on();
        result
    }

    pub(super) fn run_door(&mut self) {
        let due = self.server.poll_timeout().is_some_and(|at| at <= self.now);
        if due || self.chance.happens(200) {
            self.server.handle_timeout(self.now, &self.logs);
        }
        self.hear_all();
        let next = self.server.poll_timeout();
        assert!(next.is_none_or(|at| at > self.now), "the server's deadline {next:?} does not pass");
        self.wake_by(Task::Door, next);
    }

    pub(super) fn hand_on(&mut self) {
        let mut rest = if self.is_lazy() { self.chance.below(4) } else { u64::MAX };
        while rest > 0 {
            let Some(output) = self.server.poll_output() else { break };
            self.carry_out(output);
            rest -= 1;
        }
        let next = self.server.poll_timeout().map(|at| at.max(self.now));
        self.wake_by(Task::Door, next);
    }

    /// Hands on all that the server wants done.
    pub(super) fn hear_all(&mut self) {
        while let Some(output) = self.server.poll_output() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Conn(id, command) => {
                // It may have gone in the meantime.
                if let Some(mailbox) = self.mailboxes.get_mut(&id) {
                    mailbox.push_back(command);
                    self.wake(Task::Conn(id), self.now);
                }
            }
            Output::AddStream(stream, log) => self.logs.insert(stream, log),
            Output::LimitLog(stream, limits) => {
                if let Some(log) = self.logs.logs.get_mut(&stream) {
                    log.set_limits(limits);
                }
            }
            Output::SecureLog(stream, order) => {
                if let Some(log) = self.logs.logs.get_mut(&stream) {
                    log.handle_secure(order);
                }
            }
            Output::RemoveStream(stream) => {
                self.logs.remove(stream);
                self.note(stream.index() as u64, || format!("{stream:?} is removed"));
            }
            Output::OpenUdp(media) => {
                let at = self.now + self.chance.millis(0, 3_000);
                let id = media.id();
                self.pairs.insert(id, Pair::new(*media, at));
                self.wake(Task::Pair(id), at);
            }
            Output::Udp(id, command) => {
                self.pairs.get_mut(&id).expect("it was asked for before").take_command(command);
                self.wake(Task::Pair(id), self.now);
            }
            Output::Event(event) => {
                self.trace.note(self.now, 1, || format!("event {event:?}"));
                self.books.enter(self.now, &event, &mut self.counts);
                self.rights.enter(&event);
                self.enter_talk(&event);
                if let Event::Play(Question { conn, session: Some(session), .. }) = &event {
                    let stream = self.books.privates.of(*session);
                    let log = stream.and_then(|stream| self.logs.logs.get(&stream));
                    log.into_iter().for_each(|log| self.books.privates.ask(*conn, *session, log.head()));
                }
                if let Event::TakenOver { stream, .. } = event {
                    self.truth.hand_over(stream);
                }
                self.events.push_back(event);
                self.wake(Task::App, self.now);
            }
            other => panic!("an output that no driver knows: {other:?}"),
        }
    }
}
