use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bytes::Bytes;
use rtspan_core::auth::Action;
use rtspan_core::conn::{CloseNote, CloseReason};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::server::{
    Announce, Ask, Authenticate, Describe, Event, GetParameter, Pause, Play, Question, Record, Refusal,
    SetParameter, Setup, Speak, Stale, Ticket,
};
use rtspan_core::stream::Media;
use rtspan_core::wire::StatusCode;
use rtspan_core::{Instant, SessionId, StreamId};

use super::reboot::Return;
use super::rights::authority;
use super::source::{Kind, Source};
use super::truth::Lossless;
use super::world::{Age, Task, World};

/// The paths that anybody can publish at.
pub(super) const PATHS: &[&str] = &["/cam0", "/cam1", "/deep/er/cam", "/", "/live"];

/// The application of the server: it publishes streams of its own, and answers questions as it likes.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) streams: Vec<(StreamId, Source)>,
    tickets: Vec<(Instant, Held)>,
    /// Streams that come back.
    pub(super) returns: Vec<Return>,
    /// The tracks of the private streams at a path.
    pub(super) films: BTreeMap<String, Vec<Kind>>,
}

/// A question that is not answered yet.
#[derive(Debug)]
enum Held {
    Authenticate(Ticket<Authenticate>, Option<String>, Action, String),
    Describe(Ticket<Describe>, String),
    Announce(Ticket<Announce>),
    /// The stream that the answer gives may be there already.
    Setup(Box<Question<Setup>>, Option<StreamId>),
    Speak(Ticket<Speak>, IpAddr),
    Play(Box<Question<Play>>),
    Pause(Box<Question<Pause>>),
    Record(Ticket<Record>),
    GetParameter(Ticket<GetParameter>),
    SetParameter(Ticket<SetParameter>),
}

impl App {
    /// Returns true if a stream waits for the answer that gives it to a reader.
    pub(super) fn holds(&self, stream: StreamId) -> bool {
        let given = |held: &Held| matches!(held, Held::Setup(_, Some(own)) if *own == stream);
        self.tickets.iter().any(|(_, held)| given(held))
    }
}

impl World<'_> {
    pub(super) fn run_app(&mut self) {
        while let Some(event) = self.events.pop_front() {
            self.app_sees(event);
        }
        self.app_answers();
        self.app_returns();
        self.app_pushes();
        if self.age == Age::Storm {
            self.app_decides();
        }
        let streams = self.app.streams.iter().map(|(_, source)| source.next).min();
        let streams = streams.filter(|_| self.is_live());
        let tickets = self.app.tickets.iter().map(|(at, _)| *at).min();
        self.wake_by(Task::App, streams.into_iter().chain(tickets).min().map(|at| at.max(self.now)));
    }

    fn app_sees(&mut self, event: Event) {
        let mut held = match event {
            Event::Authenticate(Question { ticket, user, action, path, .. }) => {
                Held::Authenticate(ticket, user, action, path)
            }
            Event::Describe(Question { ticket, path, .. }) => Held::Describe(ticket, path),
            Event::Announce(Question { ticket, description, .. }) => {
                assert!(description.is_some(), "ANNOUNCE without a description");
                Held::Announce(ticket)
            }
            Event::Setup(question) => Held::Setup(Box::new(question), None),
            Event::Speak(Question { ticket, peer, .. }) => Held::Speak(ticket, peer.ip()),
            Event::Play(question) => Held::Play(Box::new(question)),
            Event::Pause(question) => Held::Pause(Box::new(question)),
            Event::Record(Question { ticket, .. }) => Held::Record(ticket),
            Event::GetParameter(Question { ticket, .. }) => Held::GetParameter(ticket),
            Event::SetParameter(Question { ticket, .. }) => Held::SetParameter(ticket),
            Event::Unpublished { stream, .. } => return self.app.streams.retain(|(own, _)| *own != stream),
            _ => return,
        };
        self.counts.add("questions", 1);
        // At once, later (also too late), or never; but the remains of a host are not to take for ever.
        let delay = match self.chance.below(10) {
            _ if self.age == Age::Leaving => Duration::ZERO,
            0..=4 => self.chance.millis(0, 0),
            5..=7 => self.chance.millis(1, 2_000),
            8 => self.chance.millis(1_000, 35_000),
            _ if self.plan.is_kind => Duration::ZERO,
            _ => return,
        };
        if let Held::Setup(question, given) = &mut held
            && self.chance.happens(500)
        {
            *given = self.film_for(question);
        }
        self.app.tickets.push((self.now + delay, held));
    }

    fn app_answers(&mut self) {
        loop {
            let now = self.now;
            let Some(index) = self.app.tickets.iter().position(|(at, _)| *at <= now) else { return };
            let (_, mut held) = self.app.tickets.swap_remove(index);
            let status = [
                StatusCode::NOT_FOUND,
                StatusCode::FORBIDDEN,
                StatusCode::UNAUTHORIZED,
                StatusCode::SERVICE_UNAVAILABLE,
            ];
            let refused = if self.plan.is_kind { 20 } else { 250 };
            let no = self.chance.happens(refused).then(|| Refusal::new(self.chance.pick(&status)));
            let yes = no.map_or(Ok(()), Err);
            if let (Held::Describe(ticket, path), Ok(())) = (&mut held, &yes) {
                // A yes without a stream is a wrong answer, too.
                let has_films = self.chance.happens(self.plan.films);
                if has_films && self.books.stream_at(path).is_none() {
                    let film = self.film_at(path);
                    ticket.set_description(Kind::describe(&film)).expect("it has medias");
                } else if self.age == Age::Storm && self.chance.happens(700) {
                    self.app_publishes_at(path);
                }
            }
            let answered = match held {
                Held::Authenticate(ticket, user, action, path) => {
                    let authority = authority(user.as_deref(), action, &path).map_err(Refusal::new);
                    self.answer(ticket, yes.and(authority))
                }
                Held::Describe(ticket, _) => self.answer(ticket, yes),
                Held::Announce(ticket) => self.answer(ticket, yes),
                Held::Setup(question, given) => self.answer_setup(*question, given, yes),
                Held::Speak(ticket, host) => {
                    if yes.is_ok() {
                        self.talks.allow(host);
                    }
                    self.answer(ticket, yes)
                }
                Held::Play(question) => self.answer_play(*question, yes),
                Held::Pause(question) => self.answer_pause(*question, yes),
                Held::Record(ticket) => self.answer(ticket, yes),
                Held::GetParameter(ticket) => {
                    self.answer(ticket, yes.map(|()| Bytes::from_static(b"fps: 25\r\n")))
                }
                Held::SetParameter(ticket) => self.answer(ticket, yes),
            };
            self.counts.add(if answered.is_ok() { "questions answered" } else { "answers too late" }, 1);
        }
    }

    pub(super) fn answer<A: Ask>(&mut self, ticket: Ticket<A>, reply: A::Reply) -> Result<(), Stale> {
        self.door(|server, now, logs| server.answer(now, ticket, reply, logs))
    }

    fn app_pushes(&mut self) {
        let is_live = self.is_live();
        for index in 0..self.app.streams.len() {
            let (stream, source) = &mut self.app.streams[index];
            if source.next > self.now || !is_live {
                continue;
            }
            source.next = self.now + source.interval;
            let (stream, packets) = (*stream, source.make(self.now, &mut self.chance));
            self.publish(stream, packets);
        }
    }

    pub(super) fn publish(&mut self, stream: StreamId, packets: Vec<(u8, RtpPacket)>) {
        if self.books.privates.contains(stream) {
            // Earlier requests have to be known.
            self.hear_all();
        }
        for (track, packet) in packets {
            self.append(stream, Media::Packet { track, packet });
        }
    }

    /// The last packets, at which every reader can start.
    pub(super) fn app_pushes_last(&mut self, round: u32) {
        for index in 0..self.app.streams.len() {
            let (stream, source) = &mut self.app.streams[index];
            let (stream, packet) = (*stream, source.make_last(self.now, round));
            self.truth.lasts(self.now, stream, packet.0, source.endless());
            self.publish(stream, vec![packet]);
        }
    }

    fn app_decides(&mut self) {
        self.app_redirects();
        let is_public = |(stream, _): &&(StreamId, Source)| !self.books.privates.contains(*stream);
        if self.app.streams.iter().filter(is_public).count() < 4 && self.chance.happens(8) {
            self.app_publishes();
        }
        if !self.app.streams.is_empty() && self.chance.happens(6) {
            let index = self.chance.index(self.app.streams.len());
            let (stream, _) = self.app.streams.swap_remove(index);
            self.app_removes(stream);
        }
        if self.chance.happens(2) {
            // It may as well be a publisher's.
            let path = self.chance.pick(PATHS);
            if let Some(stream) = self.books.stream_at(path) {
                self.app.streams.retain(|(own, _)| *own != stream);
                self.app_removes(stream);
            }
        }
        if self.chance.happens(3) {
            let host = self.chance.index(self.players.len());
            let player = self.players[host].as_ref();
            if let Some((session, _)) = player.and_then(|player| self.reader_of(player)) {
                self.counts.add("sessions closed by the application", 1);
                self.app_closes(session);
            }
        }
        let conns: Vec<_> = self.lines.keys().copied().collect();
        if !conns.is_empty() && self.chance.happens(2) {
            let conn = self.chance.pick(&conns);
            self.counts.add("connections closed by the application", 1);
            let note = self.app_note();
            self.door(|server, now, _| match note {
                Some(note) => server.close_connection_with(now, conn, note),
                None => server.close_connection(now, conn),
            });
        }
    }

    /// A session is closed, and is told to be for that and for nothing else.
    fn app_closes(&mut self, session: SessionId) {
        let note = self.app_note();
        if self.server.session(session).is_some() {
            let reason = note.clone().map_or(CloseReason::Application, CloseReason::Noted);
            self.books.expect_end(session, reason);
        }
        self.door(|server, now, _| match note {
            Some(note) => server.close_session_with(now, session, note),
            None => server.close_session(now, session),
        });
    }

    /// Why the application closes something, if it says.
    fn app_note(&mut self) -> Option<CloseNote> {
        let status =
            self.chance.pick(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::FORBIDDEN, StatusCode::OK]);
        let note = self.chance.happens(500).then(|| CloseNote::new("that is enough").with_status(status));
        if self.chance.happens(500) { note.map(CloseNote::keep_stream) } else { note }
    }

    pub(super) fn app_removes(&mut self, stream: StreamId) {
        self.counts.add("streams removed by the application", 1);
        self.door(|server, now, _| server.remove_stream(now, stream));
        // Its readers have to be told that nothing more comes.
        self.notify(stream);
    }

    pub(super) fn app_publishes(&mut self) {
        let path = self.chance.pick(PATHS);
        self.app_publishes_at(path);
    }

    fn app_publishes_at(&mut self, path: &str) {
        let kinds = Kind::any(&mut self.chance);
        self.app_publishes_kinds(path, &kinds);
    }

    pub(super) fn app_publishes_kinds(&mut self, path: &str, kinds: &[Kind]) {
        let description = self.describe_stream(kinds);
        let added = self.door(|server, now, _| server.add_stream(now, path, description));
        // The path may be taken.
        let Ok((stream, log)) = added else { return };
        self.logs.insert(stream, log);
        let origin = self.truth.origin();
        self.truth.set_lossless(origin, Some(Lossless::All));
        let source = Source::new(self.now, origin, kinds, &mut self.chance);
        self.app.streams.push((stream, source));
        self.wake(Task::App, self.now);
    }
}

/// Where hosts are: players, and then those that keep to no rule, several on some of them.
pub(super) fn host(kind: u8, index: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, kind, 0, 1 + index as u8)
}

/// Returns true if two that keep to no rule may be at an address.
pub(super) fn is_shared(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[1] == 2)
}
