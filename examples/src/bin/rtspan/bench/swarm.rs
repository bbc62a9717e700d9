use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use rtspan_core::Url;
use rtspan_std::{ConnectAttempt, ConnectError};

use super::datagrams::SLOTS;
use super::dialogue::{Over, Stage};
use super::player::{Player, Shared, decode};
use super::tally::Tally;
use super::trouble::Trouble;

/// Events taken from the system in one call.
const EVENTS: usize = 1024;
/// How often it is looked what time demands of the players.
const TICK: Duration = Duration::from_secs(1);
/// How long an address of the server may take to answer before the next one is tried.
const ADDRESS_DEADLINE: Duration = Duration::from_secs(3);

/// Many light readers in one thread.
#[derive(Debug)]
pub(super) struct Swarm {
    urls: Vec<Url>,
    over: Over,
    server: SocketAddr,
    poll: Poll,
    events: Events,
    players: Vec<Option<Player>>,
    /// Those that have stopped reading; their places stay empty.
    stalled: Vec<Player>,
    /// Places in `players` that are free.
    free: Vec<usize>,
    buffer: Vec<u8>,
    tally: Tally,
    ticked: Instant,
}

/// News of a player: it plays, or it is gone.
#[derive(Debug)]
pub(super) enum News {
    Playing(usize),
    Over(usize),
    Failed { place: usize, was_playing: bool, trouble: Trouble },
}

impl Swarm {
    /// Readers of `urls` by turns, of which there are none yet; all are of one server.
    pub(super) fn new(urls: Vec<Url>, over: Over) -> Result<Self, Trouble> {
        let first = urls.first().ok_or(Trouble::NothingToPlay)?;
        let server = first_that_answers((first.host(), first.port())).map_err(Trouble::Connect)?;
        Ok(Self {
            urls,
            over,
            server,
            poll: Poll::new().map_err(Trouble::Io)?,
            events: Events::with_capacity(EVENTS),
            players: Vec::new(),
            stalled: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; SLOTS << 16],
            tally: Tally::default(),
            ticked: Instant::now(),
        })
    }

    /// Has another reader connect; its place is told in the news.
    pub(super) fn open(&mut self) -> Result<usize, Trouble> {
        let place = self.free.pop().unwrap_or(self.players.len());
        let url = self.urls.get(place % self.urls.len().max(1)).ok_or(Trouble::NothingToPlay)?;
        let opened = Player::open(place, url, self.server, self.over, self.poll.registry());
        let player = opened.map_err(|error| {
            self.free.extend((place < self.players.len()).then_some(place));
            Trouble::connect(self.server, error)
        })?;
        match self.players.get_mut(place) {
            Some(free) => *free = Some(player),
            None => self.players.push(Some(player)),
        }
        Ok(place)
    }

    /// Has a reader say goodbye.
    pub(super) fn tear_down(&mut self, place: usize) {
        if let Some(Some(player)) = self.players.get_mut(place) {
            // If it does not work, that comes as an event.
            let _ = player.tear_down();
        }
    }

    /// Has a reader say that it is there; a server may send few datagrams to an address that has not.
    pub(super) fn keep_alive(&mut self, place: usize) {
        if let Some(Some(player)) = self.players.get_mut(place) {
            // If it does not work, that comes as an event.
            let _ = player.keep_alive();
        }
    }

    /// Has a reader read nothing any more, and count no longer.
    pub(super) fn stall(&mut self, place: usize) {
        self.stalled.extend(self.players.get_mut(place).and_then(Option::take));
    }

    /// Has a reader go without a word.
    pub(super) fn drop_off(&mut self, place: usize) {
        if let Some(slot) = self.players.get_mut(place)
            && slot.take().is_some()
        {
            self.free.push(place);
        }
    }

    /// Those that have stopped reading and are still there.
    pub(super) fn stalled(&self) -> usize {
        self.stalled.len()
    }

    /// Has the oldest of those that have stopped reading go, until there are no more than `count`.
    pub(super) fn stalled_max(&mut self, count: usize) {
        self.stalled.drain(..self.stalled.len().saturating_sub(count));
    }

    /// Has all readers say goodbye, and waits for no answer.
    pub(super) fn close(&mut self) {
        (0..self.players.len()).for_each(|place| self.tear_down(place));
        self.players.clear();
    }

    /// Waits for something to happen until `until` at the latest, and takes it.
    pub(super) fn turn(&mut self, until: Instant, news: &mut Vec<News>) -> io::Result<()> {
        let timeout = until.min(self.ticked + TICK).saturating_duration_since(Instant::now());
        match self.poll.poll(&mut self.events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let mut shared = Shared {
            registry: self.poll.registry(),
            buffer: &mut self.buffer,
            tally: &mut self.tally,
            now: Instant::now(),
        };
        for event in &self.events {
            let (place, track) = decode(event.token());
            let Some(Some(player)) = self.players.get_mut(place) else { continue };
            let before = player.stage();
            let result = match track {
                Some(track) => player.handle_datagrams(track, &mut shared),
                None => player.handle_connection(place, &mut shared),
            };
            match result.map(|()| player.stage()) {
                Ok(Stage::Playing) if before == Stage::Asking => news.push(News::Playing(place)),
                Ok(Stage::Over) => news.push(News::Over(place)),
                Err(trouble) => {
                    news.push(News::Failed { place, was_playing: before == Stage::Playing, trouble });
                }
                Ok(_) => continue,
            }
            if !matches!(news.last(), Some(News::Playing(_))) {
                self.players[place] = None;
                self.free.push(place);
            }
        }
        let now = shared.now;
        if now >= self.ticked + TICK {
            self.ticked = now;
            self.tick(now, news);
        }
        Ok(())
    }

    /// Begins to count anew.
    pub(super) fn restart(&mut self) {
        let now = Instant::now();
        self.tally = Tally::default();
        self.players.iter_mut().flatten().for_each(|player| player.restart(now));
    }

    /// The counts. A reader for which nothing comes counts with the time since something came.
    pub(super) fn tally(&mut self) -> &Tally {
        let now = Instant::now();
        let longest = self.players.iter().flatten().map(|player| player.gap(now)).max();
        self.tally.longest_gap = self.tally.longest_gap.max(longest.unwrap_or_default());
        &self.tally
    }

    /// Readers for which nothing has come.
    pub(super) fn silent(&self) -> usize {
        self.players.iter().flatten().filter(|player| player.is_silent()).count()
    }

    fn tick(&mut self, now: Instant, news: &mut Vec<News>) {
        for (place, slot) in self.players.iter_mut().enumerate() {
            let Some(player) = slot else { continue };
            if let Err(trouble) = player.handle_time(now) {
                let was_playing = player.stage() == Stage::Playing;
                news.push(News::Failed { place, was_playing, trouble });
                *slot = None;
                self.free.push(place);
            }
        }
    }
}

/// The first address of a host that takes a connection: one that is dead is not worth a swarm.
fn first_that_answers(host: impl ToSocketAddrs) -> Result<SocketAddr, ConnectError> {
    let mut tried = Vec::new();
    for addr in host.to_socket_addrs().map_err(|error| ConnectError::Unresolved(error.into()))? {
        match TcpStream::connect_timeout(&addr, ADDRESS_DEADLINE) {
            Ok(_) => return Ok(addr),
            Err(error) => tried.push(ConnectAttempt::new(addr, error)),
        }
    }
    Err(ConnectError::of(tried))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::refusing::Refusing;

    #[test]
    fn an_address_that_refuses_is_passed_over_for_the_next() {
        let refusing = Refusing::new();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = server.local_addr().unwrap();
        assert_eq!(first_that_answers(&[refusing.addr(), addr][..]).unwrap(), addr);
        let nobody = first_that_answers(&[refusing.addr()][..]);
        assert!(matches!(nobody, Err(ConnectError::Refused(tried)) if tried.len() == 1));
    }
}
