use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerStream};
use rtspan_std::{
    Action, Asks, Describe, Event, NtpTime, Pause, Play, Question, Refusal, SessionId, Setup, StatusCode,
    StreamId,
};

use super::{Film, FilmError, Library};
use crate::clip;

/// The goodbye of a source, behind an empty report (RFC 3550, section 6.6); the SSRC goes into both.
const GOODBYE: [u8; 16] = [0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 203, 0, 1, 0, 0, 0, 0];

/// The films of a library, for the readers of a server.
///
/// Each reader has a thread of its own, which waits until its next frame is due.
#[derive(Debug)]
pub struct Films<R: Runtime> {
    server: Arc<Server<R>>,
    library: Box<dyn Library>,
    players: HashMap<StreamId, Sender<Order>>,
}

/// A question that a player answers.
#[derive(Debug)]
enum Order {
    Play(Box<Question<Play>>),
    Pause(Box<Question<Pause>>),
}

/// The thread that plays a film for a reader.
struct Player<R: Runtime> {
    server: Arc<Server<R>>,
    film: Film,
    stream: ServerStream,
    orders: Receiver<Order>,
    /// When what is played was begun, as if it had never been paused; `None` while nothing is.
    since: Option<Instant>,
}

/// The questions that a server has to ask for [`Films`].
pub fn asks() -> Asks {
    Asks::DESCRIBE | Asks::SETUP | Asks::PLAY | Asks::PAUSE
}

impl<R: Runtime> Films<R> {
    /// Plays the films of this library. The server has to ask ([`asks`]).
    pub fn new(server: Arc<Server<R>>, library: impl Library + 'static) -> Self {
        Self { server, library: Box::new(library), players: HashMap::new() }
    }

    /// Answers the questions that the server asks of these, and gives back every other event.
    pub fn handle(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Describe(question) => self.describe(question),
            Event::Setup(question) => self.set_up(question),
            Event::Play(question) => match self.player(question.session) {
                Some(player) => drop(player.send(Order::Play(Box::new(question)))),
                None => drop(self.server.answer(question.ticket, Ok(()))),
            },
            Event::Pause(question) => match self.player(question.session) {
                Some(player) => drop(player.send(Order::Pause(Box::new(question)))),
                None => drop(self.server.answer(question.ticket, Ok(()))),
            },
            event => {
                if let Event::Unpublished { stream, .. } = &event {
                    self.players.remove(stream);
                }
                return Some(event);
            }
        }
        None
    }

    /// The player of a session that reads a film.
    fn player(&self, session: Option<SessionId>) -> Option<&Sender<Order>> {
        self.players.get(&self.server.session(session?)?.stream?)
    }

    fn open(&self, path: &str) -> Option<Result<Film, Refusal>> {
        let footage = self.library.open(path)?;
        let film = footage.and_then(|footage| Film::new(footage, clip::seed()));
        Some(film.map_err(|_| StatusCode::UNSUPPORTED_MEDIA_TYPE.into()))
    }

    fn describe(&self, mut question: Question<Describe>) {
        let answer = match self.open(&question.path) {
            None => Ok(()),
            Some(Err(refusal)) => Err(refusal),
            Some(Ok(film)) => question
                .ticket
                .set_description(film.description().clone())
                .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR.into()),
        };
        // The peer may have gone meanwhile.
        let _ = self.server.answer(question.ticket, answer);
    }

    fn set_up(&mut self, mut question: Question<Setup>) {
        // A publisher's, or a further track of the same film.
        let is_other = question.action != Action::Read || question.session.is_some();
        let film = if is_other { None } else { self.open(&question.path) };
        let answer = match film {
            None => Ok(()),
            Some(Err(refusal)) => Err(refusal),
            Some(Ok(film)) => match self.begin(&question.path, film) {
                Ok(stream) => {
                    question.ticket.set_stream(stream);
                    Ok(())
                }
                Err(_) => Err(StatusCode::SERVICE_UNAVAILABLE.into()),
            },
        };
        let _ = self.server.answer(question.ticket, answer);
    }

    /// Makes a stream of a film, and a player for it.
    fn begin(&mut self, path: &str, film: Film) -> io::Result<StreamId> {
        let stream =
            self.server.publish_private(path, film.description().clone()).map_err(io::Error::other)?;
        let (id, (sender, orders)) = (stream.id(), channel());
        let player = Player { server: Arc::clone(&self.server), film, stream, orders, since: None };
        thread::Builder::new().name("film".to_owned()).spawn(move || player.run())?;
        self.players.insert(id, sender);
        Ok(id)
    }
}

impl<R: Runtime> Player<R> {
    /// Plays until nobody gives orders any more, the stream has ended, or the file cannot be read.
    fn run(mut self) {
        loop {
            let order = match self.next_due() {
                Ok(Some(due)) => self.orders.recv_timeout(due.saturating_duration_since(Instant::now())),
                Ok(None) => self.orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Err(_) => return,
            };
            let has_gone_on = match order {
                Ok(Order::Play(question)) => self.play(*question),
                Ok(Order::Pause(question)) => self.pause(*question),
                Err(RecvTimeoutError::Timeout) => self.write(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if has_gone_on.is_err() {
                return;
            }
        }
    }

    /// When the next frame is due. At the end of what is played a goodbye is said.
    fn next_due(&mut self) -> Result<Option<Instant>, Box<dyn Error>> {
        let Some(since) = self.since else { return Ok(None) };
        let due = self.film.due()?;
        if due.is_none() {
            self.since = None;
            self.say_goodbye()?;
        }
        Ok(due.map(|due| since + due))
    }

    fn play(&mut self, mut question: Question<Play>) -> Result<(), Box<dyn Error>> {
        let started = match self.film.play(question.range(), question.scale()) {
            Ok(started) => started,
            Err(FilmError::NoSuchPlace) => {
                let _ = self.server.answer(question.ticket, Err(StatusCode::INVALID_RANGE.into()));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        question.ticket.set_range(started.range);
        question.ticket.set_scale(started.scale)?;
        // It goes on where it was, or begins.
        let passed = self.film.due()?.unwrap_or_default();
        self.since = Instant::now().checked_sub(passed);
        // The answer names the first packets.
        while self.film.due()?.is_some_and(|due| due <= passed) {
            self.write()?;
        }
        let _ = self.server.answer(question.ticket, Ok(()));
        Ok(())
    }

    fn pause(&mut self, question: Question<Pause>) -> Result<(), Box<dyn Error>> {
        self.since = None;
        let _ = self.server.answer(question.ticket, Ok(()));
        Ok(())
    }

    /// Writes the frame that is due.
    fn write(&mut self) -> Result<(), Box<dyn Error>> {
        let (Some(step), Some(since)) = (self.film.take(), self.since) else { return Ok(()) };
        let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().saturating_sub(since.elapsed());
        let presented = Duration::from_nanos(step.presented.unsigned_abs());
        let presented = if step.presented < 0 { begun.saturating_sub(presented) } else { begun + presented };
        let ntp = NtpTime::from_unix(presented);
        let mut packets = step.packets.into_iter();
        if let Some(first) = packets.next() {
            self.stream.write_with_ntp(step.media, first, ntp)?;
        }
        self.stream.write_frame(step.media, packets.as_slice())?;
        Ok(())
    }

    fn say_goodbye(&self) -> Result<(), Box<dyn Error>> {
        for media in 0..self.film.description().medias.len() {
            let mut goodbye = GOODBYE;
            let ssrc = self.stream.ssrc(media)?.to_be_bytes();
            goodbye[4..8].copy_from_slice(&ssrc);
            goodbye[12..].copy_from_slice(&ssrc);
            self.stream.write_rtcp(media, goodbye.to_vec().into())?;
        }
        Ok(())
    }
}
