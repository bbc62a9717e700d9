//! The states of sessions as RFC 2326 and the server's transition table have them, without any protocol around.
//!
//! It says which status a request is answered with, and who receives a packet. It is written from the standard, so that
//! it is wrong in other ways than the server if it is wrong.

mod ask;
mod bench;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use rtspan_core::limits::CONNS_PER_SESSION_MAX;

pub use story::{Told, tell};

use ask::{Ask, Named, Offer, Verb};

/// Sessions of one connection at most.
const SESSIONS_MAX: usize = 2;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Initial,
    PrePlay,
    Play,
    PreRecord,
    Record,
}

/// The carrier of a track: frames on a channel of a connection, or datagrams to a port of a host.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Carrier {
    Frames(usize, u8),
    Datagrams(usize, u16),
}

/// A media, its carrier, and the path and track that it was set up by.
type Track = (usize, Carrier, (&'static str, Option<usize>));

#[derive(Debug)]
struct Session {
    state: State,
    host: usize,
    path: &'static str,
    conns: BTreeSet<usize>,
    /// The tracks that were set up, each with its carrier and URI (path and track).
    tracks: Vec<Track>,
    /// The stream that it reads or records.
    stream: Option<usize>,
    /// How many medias it has announced.
    medias: usize,
}

#[derive(Debug)]
struct Stream {
    path: &'static str,
    medias: usize,
    publisher: Option<usize>,
    is_live: bool,
}

#[derive(Debug)]
struct Conn {
    host: usize,
    sessions: BTreeSet<usize>,
    is_open: bool,
}

/// All that a server has to remember.
#[derive(Debug, Default)]
struct Model {
    conns: Vec<Conn>,
    sessions: BTreeMap<usize, Session>,
    streams: Vec<Stream>,
    begun: usize,
}

/// The status of a refusal.
type Refusal = u16;

const NO_SESSION: Refusal = 454;

impl Model {
    fn open(&mut self, host: usize) -> usize {
        self.conns.push(Conn { host, sessions: BTreeSet::new(), is_open: true });
        self.conns.len() - 1
    }

    fn publish(&mut self, path: &'static str, medias: usize, publisher: Option<usize>) -> usize {
        self.streams.push(Stream { path, medias, publisher, is_live: true });
        self.streams.len() - 1
    }

    fn stream_at(&self, path: &str) -> Option<usize> {
        self.streams.iter().position(|stream| stream.is_live && stream.path == path)
    }

    /// The status that a request is answered with, after which all is as it is then.
    fn answer(&mut self, ask: &Ask) -> u16 {
        self.try_answer(ask).err().unwrap_or(200)
    }

    fn try_answer(&mut self, ask: &Ask) -> Result<(), Refusal> {
        if ask.verb == Verb::Unknown {
            return Err(501);
        }
        if ask.requires {
            return Err(551);
        }
        let session = self.session_of(ask)?;
        let state = session.map_or(State::Initial, |id| self.sessions[&id].state);
        match ask.verb {
            Verb::Options => Ok(()),
            Verb::Describe => self.stream_at(ask.path).map(drop).ok_or(404),
            Verb::GetParameter | Verb::SetParameter => {
                if ask.has_body {
                    Err(451)
                } else {
                    Ok(())
                }
            }
            Verb::Announce => self.announce(ask, state),
            Verb::Setup => self.setup(ask, session, state),
            Verb::Play => {
                self.change(ask, session.ok_or(NO_SESSION)?, [State::PrePlay, State::Play], State::Play)
            }
            Verb::Record => {
                let id = session.ok_or(NO_SESSION)?;
                self.change(ask, id, [State::PreRecord, State::Record], State::Record)
            }
            Verb::Pause => {
                let id = session.ok_or(NO_SESSION)?;
                match state {
                    State::PrePlay | State::Play => self.change(ask, id, [state, state], State::PrePlay),
                    _ => self.change(ask, id, [State::PreRecord, State::Record], State::PreRecord),
                }
            }
            Verb::Teardown => {
                let id = session.ok_or(NO_SESSION)?;
                if !self.names_one_of_several(ask, id) {
                    self.end(id);
                    return Ok(());
                }
                if state == State::Record {
                    return Err(460);
                }
                let tracks = &mut self.sessions.get_mut(&id).expect("it exists").tracks;
                tracks.retain(|(.., uri)| *uri != (ask.path, ask.track));
                Ok(())
            }
            Verb::Unknown => Err(501),
        }
    }

    /// RFC 2326, 12.37 and 3.4: a session is named by its identifier. It is the business of nobody but the host that
    /// made it, and of no other connection if its media is interleaved there. Where a request needs one and names
    /// none, the only one of its connection is meant.
    fn session_of(&mut self, ask: &Ask) -> Result<Option<usize>, Refusal> {
        let conn = &self.conns[ask.conn];
        match ask.session {
            Some(Named::Nonsense) => Err(454),
            Some(Named::Session(id)) => {
                let session = self.sessions.get(&id).ok_or(454_u16)?;
                if session.host != conn.host || session.bound_to().is_some_and(|own| own != ask.conn) {
                    return Err(454);
                }
                let is_full =
                    conn.sessions.len() >= SESSIONS_MAX || session.conns.len() >= CONNS_PER_SESSION_MAX;
                if is_full && !conn.sessions.contains(&id) {
                    return Err(503);
                }
                self.use_over(id, ask.conn);
                Ok(Some(id))
            }
            None => {
                let needs_one = matches!(
                    ask.verb,
                    Verb::Setup | Verb::Play | Verb::Pause | Verb::Record | Verb::Teardown
                );
                Ok(conn.sessions.first().copied().filter(|_| needs_one && conn.sessions.len() == 1))
            }
        }
    }

    fn use_over(&mut self, id: usize, conn: usize) {
        self.conns[conn].sessions.insert(id);
        self.sessions.get_mut(&id).expect("it exists").conns.insert(conn);
    }

    fn check_room(&self, conn: usize) -> Result<(), Refusal> {
        if self.conns[conn].sessions.len() < SESSIONS_MAX { Ok(()) } else { Err(503) }
    }

    fn begin(&mut self, ask: &Ask, state: State, stream: Option<usize>) -> Result<usize, Refusal> {
        self.check_room(ask.conn)?;
        let (id, host) = (self.begun, self.conns[ask.conn].host);
        self.begun += 1;
        let session = Session {
            state,
            host,
            path: ask.path,
            conns: BTreeSet::new(),
            tracks: Vec::new(),
            stream,
            medias: ask.medias,
        };
        self.sessions.insert(id, session);
        self.use_over(id, ask.conn);
        Ok(id)
    }

    /// RFC 2326, 10.3; the first that comes has the path.
    fn announce(&mut self, ask: &Ask, state: State) -> Result<(), Refusal> {
        if state != State::Initial {
            return Err(455);
        }
        let announces = |session: &Session| session.state == State::PreRecord && session.path == ask.path;
        if self.stream_at(ask.path).is_some()
            || self.sessions.values().any(|session| announces(session) && session.stream.is_none())
        {
            return Err(403);
        }
        self.check_room(ask.conn)?;
        if ask.medias == 0 {
            return Err(400);
        }
        self.begin(ask, State::PreRecord, None).map(drop)
    }

    /// RFC 2326, 10.4.
    fn setup(&mut self, ask: &Ask, session: Option<usize>, state: State) -> Result<(), Refusal> {
        let own = session.map(|id| &self.sessions[&id]);
        let (track, stream) = match (state, own) {
            (State::PreRecord, Some(own)) => {
                let track = ask.track.filter(|track| *track < own.medias && ask.path == own.path);
                (track.ok_or(404_u16)?, own.stream)
            }
            (State::Initial | State::PrePlay, own) => {
                let stream = self.stream_at(ask.path).ok_or(404_u16)?;
                if own.is_some_and(|own| own.stream != Some(stream)) {
                    return Err(459);
                }
                let medias = self.streams[stream].medias;
                let track = match ask.track {
                    Some(track) if track < medias => track,
                    Some(_) => return Err(404),
                    // A tolerance: the first SETUP may name the stream, and means its first media.
                    None if medias == 1 || own.is_none() => 0,
                    None => return Err(459),
                };
                (track, Some(stream))
            }
            _ => return Err(455),
        };
        if own.is_some_and(|own| own.tracks.iter().any(|(other, ..)| *other == track)) {
            return Err(455);
        }
        let carrier = self.carrier(ask, own, state == State::PreRecord)?;
        let id = match session {
            Some(id) => id,
            None => self.begin(ask, State::PrePlay, stream)?,
        };
        let session = self.sessions.get_mut(&id).expect("it exists");
        session.tracks.push((track, carrier, (ask.path, ask.track)));
        Ok(())
    }

    /// RFC 2326, 12.39: one transport for all of a session, channels and ports that nobody else has.
    fn carrier(&self, ask: &Ask, own: Option<&Session>, records: bool) -> Result<Carrier, Refusal> {
        let mode_fits = ask.records.is_none_or(|mode| mode == records);
        let other = own.and_then(|own| own.tracks.first()).map(|(_, carrier, _)| *carrier);
        match (ask.offer, other) {
            (Offer::Missing | Offer::Broken, _) => Err(400),
            (Offer::Tcp(asked), None | Some(Carrier::Frames(..))) if mode_fits => {
                let taken = |channel| self.carriers().any(|own| own == Carrier::Frames(ask.conn, channel));
                let free = asked.into_iter().chain((0..=254).step_by(2)).find(|channel| !taken(*channel));
                free.map(|channel| Carrier::Frames(ask.conn, channel)).ok_or(461)
            }
            (Offer::Udp(port), None | Some(Carrier::Datagrams(..))) if mode_fits => {
                let carrier = Carrier::Datagrams(self.conns[ask.conn].host, port);
                if self.carriers().any(|own| own == carrier) { Err(461) } else { Ok(carrier) }
            }
            _ => Err(461),
        }
    }

    fn carriers(&self) -> impl Iterator<Item = Carrier> {
        self.sessions.values().flat_map(|session| &session.tracks).map(|(_, carrier, _)| *carrier)
    }

    /// PLAY, RECORD and PAUSE: RFC 2326, 10.5, 10.6, 10.11, and appendix A.2.
    fn change(&mut self, ask: &Ask, id: usize, from: [State; 2], to: State) -> Result<(), Refusal> {
        let session = &self.sessions[&id];
        if !from.contains(&session.state) {
            return Err(455);
        }
        if self.names_one_of_several(ask, id) {
            return Err(460);
        }
        if ask.path != session.path {
            return Err(404);
        }
        if session.state == State::PreRecord && to == State::Record {
            if session.tracks.len() < session.medias {
                return Err(455);
            }
            let (path, medias) = (session.path, session.medias);
            let stream = session.stream.unwrap_or_else(|| self.publish(path, medias, Some(id)));
            self.sessions.get_mut(&id).expect("it exists").stream = Some(stream);
        }
        self.sessions.get_mut(&id).expect("it exists").state = to;
        Ok(())
    }

    fn names_one_of_several(&self, ask: &Ask, id: usize) -> bool {
        let tracks = &self.sessions[&id].tracks;
        // One that was set up by the URL of the stream has no name of its own.
        ask.track.is_some()
            && tracks.len() > 1
            && tracks.iter().any(|(.., uri)| *uri == (ask.path, ask.track))
    }

    /// A session ends. With a publisher's ends its stream, and with that its readers, and the connections that they hold.
    fn end(&mut self, id: usize) {
        let Some(session) = self.sessions.remove(&id) else { return };
        for conn in &session.conns {
            self.conns[*conn].sessions.remove(&id);
        }
        let published = self.streams.iter().position(|stream| stream.is_live && stream.publisher == Some(id));
        let Some(stream) = published else { return };
        self.streams[stream].is_live = false;
        let reads = |session: &Session| session.stream == Some(stream);
        let readers: Vec<usize> =
            self.sessions.iter().filter(|(_, own)| reads(own)).map(|(id, _)| *id).collect();
        for reader in readers {
            let conns = self.sessions[&reader].conns.clone();
            self.end(reader);
            let left = conns.into_iter().filter(|conn| self.conns[*conn].sessions.is_empty());
            left.collect::<Vec<_>>().into_iter().for_each(|conn| self.conns[conn].is_open = false);
        }
    }

    /// A connection is gone (RFC 2326, 1.1): with it go the sessions whose media it carried, and announcements of which
    /// nothing is set up.
    fn close(&mut self, conn: usize) {
        self.conns[conn].is_open = false;
        for id in std::mem::take(&mut self.conns[conn].sessions) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            session.conns.remove(&conn);
            if session.bound_to() == Some(conn) || (session.conns.is_empty() && session.tracks.is_empty()) {
                self.end(id);
            }
        }
    }

    /// The carriers that get a packet of a track of a stream.
    fn receivers(&self, stream: usize, track: usize) -> BTreeSet<Carrier> {
        let plays = |session: &&Session| session.state == State::Play && session.stream == Some(stream);
        let tracks = self.sessions.values().filter(plays).flat_map(|session| &session.tracks);
        tracks.filter(|(own, ..)| *own == track).map(|(_, carrier, _)| *carrier).collect()
    }
}

impl Session {
    fn bound_to(&self) -> Option<usize> {
        self.tracks.iter().find_map(|(_, carrier, _)| match carrier {
            Carrier::Frames(conn, _) => Some(*conn),
            Carrier::Datagrams(..) => None,
        })
    }
}
