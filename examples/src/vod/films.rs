use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Action, Asks, Describe, Event, Question, Refusal, SessionId, Setup, StatusCode, StreamId};
use smol::channel::{Sender, bounded};

use super::player::{Order, Player};
use super::{Film, Library};
use crate::clip;

/// Orders that wait for a player.
const ORDERS_MAX: usize = 16;

/// The films of a library, for the readers of a server.
///
/// Each reader has a task of its own, which waits until its next frame is due. Reading a frame blocks it for a moment.
#[derive(Debug)]
pub struct Films<R: Runtime> {
    server: Arc<Server<R>>,
    library: Box<dyn Library>,
    players: HashMap<StreamId, Sender<Order>>,
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
                Some(player) => drop(player.try_send(Order::Play(Box::new(question)))),
                None => drop(self.server.answer(question.ticket, Ok(()))),
            },
            Event::Pause(question) => match self.player(question.session) {
                Some(player) => drop(player.try_send(Order::Pause(Box::new(question)))),
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
        let (id, (sender, orders)) = (stream.id(), bounded(ORDERS_MAX));
        let runtime = R::default();
        let player = Player::new(Arc::clone(&self.server), runtime.clone(), film, stream, orders);
        runtime.spawn(player.run())?;
        self.players.insert(id, sender);
        Ok(id)
    }
}
