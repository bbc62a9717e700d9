//! Streams of the application for one session each: a reader is given one by the answer to its SETUP, and the application
//! goes where it asks to play.

use rtspan_core::StreamId;
use rtspan_core::auth::Action;
use rtspan_core::header::Range;
use rtspan_core::limits::MEDIAS_MAX;
use rtspan_core::server::{Pause, Play, Question, Refusal, SessionState, Setup, Stale};
use rtspan_core::stream::Packet;

use super::privates::{Start, Told};
use super::source::{Kind, Source};
use super::truth::Lossless;
use super::world::{Age, Task, World};

impl World<'_> {
    /// Adds the stream that the answer to a SETUP is to give; the answer may come later than that.
    pub(super) fn film_for(&mut self, question: &Question<Setup>) -> Option<StreamId> {
        let is_first = question.session.is_none();
        // A session that reads something else cannot have it.
        let often = if is_first { self.plan.films } else { self.plan.films / 20 };
        let is_due = question.action == Action::Read && self.age <= Age::Calm;
        if !is_due || !self.chance.happens(often) {
            return None;
        }
        // One that nobody has yet would be given, whatever path it was made for.
        let is_of_others = |stream: &_| {
            self.books.privates.reader(*stream).is_some() || self.server.stream(*stream).is_none()
        };
        let mut others = self.books.privates.all();
        others.retain(is_of_others);
        if !others.is_empty() && self.chance.happens(60) {
            // It is somebody else's, or has ended.
            return Some(self.chance.pick(&others));
        }
        self.add_film(&question.path)
    }

    fn add_film(&mut self, path: &str) -> Option<StreamId> {
        let kinds = self.film_at(path);
        let added = self.server.add_private_stream(self.now, path, Kind::describe(&kinds));
        // The server may be closing.
        let (stream, log) = added.ok()?;
        self.books.privates.add(stream, path);
        self.logs.insert(stream, log);
        self.hand_on();
        let origin = self.truth.origin();
        self.truth.set_lossless(origin, Some(Lossless::All));
        let source = Source::new(self.now, origin, &kinds, &mut self.chance);
        self.app.streams.push((stream, source));
        self.counts.add("private streams added", 1);
        self.wake(Task::App, self.now);
        Some(stream)
    }

    /// The tracks of the private streams at a path: the same as in the application's own there.
    pub(super) fn film_at(&mut self, path: &str) -> Vec<Kind> {
        let public = self.books.stream_at(path);
        let own = self.app.streams.iter().find(|(stream, _)| Some(*stream) == public);
        if let Some((_, source)) = own {
            return source.kinds();
        }
        let Self { app, chance, .. } = self;
        app.films.entry(path.to_owned()).or_insert_with(|| Kind::any(chance)).clone()
    }

    pub(super) fn answer_setup(
        &mut self,
        question: Question<Setup>,
        given: Option<StreamId>,
        yes: Result<(), Refusal>,
    ) -> Result<(), Stale> {
        let given = given.or_else(|| self.film_for(&question));
        let Question { mut ticket, conn, peer, session, path, .. } = question;
        let Some(stream) = given else { return self.answer(ticket, yes) };
        ticket.set_stream(stream);
        let is_yes = yes.is_ok();
        let former = self.books.privates.reader(stream);
        let answered = self.server.answer(self.now, ticket, yes, &self.logs);
        let readers = self.server.stream(stream).map(|info| info.readers);
        match (former, readers.as_deref()) {
            (_, None) => {
                self.counts.add("private streams that nobody came to read", u64::from(former.is_none()))
            }
            (Some(former), Some(readers)) => {
                assert_eq!(readers, [former], "{stream:?} is given to one more");
                self.counts.add("private streams given to others in vain", 1);
            }
            (None, Some(readers)) => {
                let is_due = is_yes && answered.is_ok() && session.is_none();
                assert!(is_due && readers.len() == 1, "{stream:?} has the readers {readers:?}");
                let reader = self.server.session(readers[0]).expect("it reads");
                assert!(
                    reader.path == path && reader.conns.contains(&conn),
                    "{stream:?} is read by {reader:?}"
                );
                self.books.privates.give(stream, reader.session, peer);
                self.counts.add("private streams given to a reader", 1);
            }
        }
        self.hand_on();
        answered
    }

    /// The application goes to a place in a reader's own stream, begins to send from there, and says so.
    pub(super) fn answer_play(
        &mut self,
        mut question: Question<Play>,
        yes: Result<(), Refusal>,
    ) -> Result<(), Stale> {
        let place = question.session.and_then(|session| {
            // A stream that has ended brings nothing more, and the reader is told so.
            let stream = self.books.privates.of(session)?;
            Some((session, stream, self.books.privates.asked(question.conn, session)?))
        });
        let Some((session, stream, from)) = place else { return self.answer(question.ticket, yes) };
        self.seek(stream);
        let asked = question.range();
        // The streams of these worlds have no end: a client would take one that it is told for that of the media.
        let range = asked.map(without_end).filter(|_| self.chance.happens(700));
        let range = range.or_else(|| self.any_place());
        range.into_iter().for_each(|range| question.ticket.set_range(range));
        let scale = self.chance.pick(&[None, Some(1.0), Some(-2.5)]);
        scale.into_iter().for_each(|scale| question.ticket.set_scale(scale).expect("it is a scale"));
        let is_seek = self.server.session(session).is_some_and(|own| own.state == SessionState::Play);
        let start = Some(Start { from, tracks: self.first_of(stream, from), is_seek });
        let (peer, cseq) = (question.peer, question.request.cseq());
        let is_yes = yes.is_ok();
        let answered = self.answer(question.ticket, yes);
        if is_yes && answered.is_ok() {
            self.books.privates.tell(Told { peer, cseq, session, asked, range, scale, start });
        }
        answered
    }

    pub(super) fn answer_pause(
        &mut self,
        mut question: Question<Pause>,
        yes: Result<(), Refusal>,
    ) -> Result<(), Stale> {
        let session = question.session.filter(|session| self.books.privates.of(*session).is_some());
        let Some(session) = session else { return self.answer(question.ticket, yes) };
        let range = self.any_place();
        range.into_iter().for_each(|range| question.ticket.set_range(range));
        let (peer, cseq) = (question.peer, question.request.cseq());
        let answered = self.answer(question.ticket, yes);
        if answered.is_ok() {
            self.books.privates.tell(Told {
                peer,
                cseq,
                session,
                asked: None,
                range,
                scale: None,
                start: None,
            });
        }
        answered
    }

    fn any_place(&mut self) -> Option<Range> {
        self.chance.happens(500).then(|| Range::from_npt(self.chance.millis(0, 100_000)))
    }

    /// The sequence may go on from anywhere, and the first packets from there come before the answer, or do not.
    fn seek(&mut self, stream: StreamId) {
        let Some(index) = self.app.streams.iter().position(|(own, _)| *own == stream) else { return };
        let Self { app, chance, now, .. } = self;
        let source = &mut app.streams[index].1;
        let tracks = 0..source.kinds().len() as u8;
        tracks.for_each(|track| _ = source.restart(track, chance));
        let pictures = if self.age <= Age::Calm { chance.below(4) } else { 0 };
        let packets: Vec<_> = (0..pictures).flat_map(|_| source.make(*now, chance)).collect();
        self.publish(stream, packets);
    }

    /// The first packet of each track from a number on.
    fn first_of(&self, stream: StreamId, from: u64) -> Vec<Option<(u16, u32)>> {
        let Some(log) = self.logs.logs.get(&stream) else { return Vec::new() };
        let first = |track| log.packets_from(from.max(log.tail())).find(|packet| packet.track == track);
        let place = |packet: &Packet| (packet.rtp.sequence(), packet.rtp.timestamp());
        (0..MEDIAS_MAX as u8).map(|track| first(track).map(place)).collect()
    }
}

fn without_end(range: Range) -> Range {
    match range {
        Range::Npt { start, .. } => Range::Npt { start, end: None },
        range => range,
    }
}
