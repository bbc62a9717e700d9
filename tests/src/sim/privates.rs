//! Streams for one session each: nobody else ever reads one or learns of it, and it ends with its session.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rtspan_core::client::Playing;
use rtspan_core::conn::CloseReason;
use rtspan_core::header::{Range, RtpInfo};
use rtspan_core::server::Event;
use rtspan_core::wire::{Response, name};
use rtspan_core::{ConnId, SessionId, StreamId};

use super::player::Player;
use super::world::World;

/// The private streams that there are and were.
#[derive(Debug, Default)]
pub(super) struct Privates {
    streams: BTreeMap<StreamId, Private>,
    /// The packets of a reader's stream when it asked for PLAY last over a connection.
    asked: BTreeMap<ConnId, (SessionId, u64)>,
    told: Vec<Told>,
}

#[derive(Debug)]
struct Private {
    path: String,
    is_published: bool,
    reader: Option<Reader>,
    /// Why it has ended.
    end: Option<CloseReason>,
}

/// The session that a stream is for, and the address that it was set up from.
#[derive(Clone, Copy, Debug)]
struct Reader {
    session: SessionId,
    peer: SocketAddr,
}

/// The answer of the application to a PLAY or PAUSE.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) peer: SocketAddr,
    pub(super) cseq: Option<u32>,
    pub(super) session: SessionId,
    /// The range that PLAY asked for.
    pub(super) asked: Option<Range>,
    pub(super) range: Option<Range>,
    pub(super) scale: Option<f32>,
    /// The packets that were written since PLAY was asked for; `None` for PAUSE.
    pub(super) start: Option<Start>,
}

/// The packets that were written since a PLAY was asked for.
#[derive(Clone, Debug)]
pub(super) struct Start {
    /// The first packet of it.
    pub(super) from: u64,
    /// Sequence number and timestamp of the first packet of each track, if there is one.
    pub(super) tracks: Vec<Option<(u16, u32)>>,
    /// The reader played already.
    pub(super) is_seek: bool,
}

impl Privates {
    pub(super) fn add(&mut self, stream: StreamId, path: &str) {
        let private = Private { path: path.to_owned(), is_published: false, reader: None, end: None };
        assert!(self.streams.insert(stream, private).is_none(), "{stream:?} was added twice");
    }

    /// An answer has given a stream to the session that it has opened.
    pub(super) fn give(&mut self, stream: StreamId, session: SessionId, peer: SocketAddr) {
        let private = self.streams.get_mut(&stream).expect("it was added before");
        assert!(private.reader.is_none(), "{stream:?} is given to {session:?}, and is another's already");
        private.reader = Some(Reader { session, peer });
    }

    pub(super) fn contains(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// All that there were.
    pub(super) fn all(&self) -> Vec<StreamId> {
        self.streams.keys().copied().collect()
    }

    /// The stream of a session's own, even if it has ended.
    pub(super) fn of(&self, session: SessionId) -> Option<StreamId> {
        let is_own = |private: &Private| private.reader.is_some_and(|reader| reader.session == session);
        self.streams.iter().find(|(_, private)| is_own(private)).map(|(stream, _)| *stream)
    }

    /// The session that a stream is for.
    pub(super) fn reader(&self, stream: StreamId) -> Option<SessionId> {
        self.streams.get(&stream)?.reader.map(|reader| reader.session)
    }

    pub(super) fn has_ended(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|private| private.end.is_some())
    }

    /// A reader asks for PLAY, and its stream has had so many packets.
    pub(super) fn ask(&mut self, conn: ConnId, session: SessionId, packets: u64) {
        self.asked.insert(conn, (session, packets));
    }

    /// The packets that a reader's stream had when it asked for PLAY.
    pub(super) fn asked(&self, conn: ConnId, session: SessionId) -> Option<u64> {
        self.asked.get(&conn).filter(|(own, _)| *own == session).map(|(_, packets)| *packets)
    }

    pub(super) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }

    /// The last answer over the connection from an address, or the one to a request of it.
    fn told(&self, peer: SocketAddr, cseq: Option<u32>) -> Option<&Told> {
        let is_it = |told: &&Told| told.peer == peer && (cseq.is_none() || told.cseq == cseq);
        self.told.iter().rev().find(is_it)
    }

    pub(super) fn enter(&mut self, event: &Event) {
        match event {
            Event::Published { stream, path, session, .. } => {
                let Some(private) = self.streams.get_mut(stream) else { return };
                assert!(!private.is_published && session.is_none() && private.path == *path, "{event:?}");
                private.is_published = true;
            }
            Event::Unpublished { stream, path, session, reason, .. } => {
                let Some(private) = self.streams.get_mut(stream) else { return };
                assert!(private.is_published && session.is_none() && private.path == *path, "{event:?}");
                assert_eq!(private.end.replace(reason.clone()), None, "{stream:?} has ended twice");
            }
            Event::SessionClosed { session, reason, .. } => {
                let Some(stream) = self.of(*session) else { return };
                let end = self.streams[&stream].end.as_ref();
                let end = end.unwrap_or_else(|| panic!("{stream:?} has outlived {session:?}"));
                let is_for_stream = matches!(end, CloseReason::Application | CloseReason::ServerClosed);
                assert!(is_for_stream || end == reason, "{stream:?}: {end:?}, and {session:?}: {reason:?}");
            }
            _ => {}
        }
    }

    /// A packet of a stream goes to an address.
    pub(super) fn check_address(&self, stream: StreamId, to: IpAddr) {
        let Some(private) = self.streams.get(&stream) else { return };
        let is_readers = private.reader.is_some_and(|reader| reader.peer.ip() == to);
        assert!(is_readers, "a packet of {stream:?}, which is for {:?}, goes to {to}", private.reader);
    }

    /// A packet of a stream goes over the connection from an address.
    pub(super) fn check_conn(&self, stream: StreamId, to: SocketAddr) {
        let Some(private) = self.streams.get(&stream) else { return };
        let is_readers = private.reader.is_some_and(|reader| reader.peer == to);
        assert!(is_readers, "a packet of {stream:?}, which is for {:?}, goes to {to}", private.reader);
    }

    pub(super) fn check_over(&self) {
        let left: Vec<_> = self.streams.iter().filter(|(_, private)| private.end.is_none()).collect();
        assert!(left.is_empty(), "private streams that were never told to end: {left:?}");
    }
}

impl World<'_> {
    /// The stream that a player's session reads: its own, or the one at its path.
    pub(super) fn stream_of(&self, player: &Player) -> Option<StreamId> {
        let own = self.session_of(player).and_then(|session| self.books.privates.of(session));
        match own {
            Some(own) => Some(own).filter(|own| !self.books.privates.has_ended(*own)),
            None => self.books.stream_at(player.role.path()),
        }
    }

    /// The private streams that there are have one reader each, and stand in no list of paths.
    pub(super) fn check_privates(&self) {
        if self.books.privates.is_empty() {
            return;
        }
        let mut public = Vec::new();
        for info in self.server.streams().filter(|info| info.speaker.is_none()) {
            let (stream, path) = (info.stream, info.path);
            assert_eq!(info.is_private, self.books.privates.contains(stream), "{stream:?} at {path}");
            if !info.is_private {
                public.push(path);
                continue;
            }
            let reader = self.books.privates.reader(stream);
            let is_held = self.app.holds(stream);
            assert!(reader.is_some() || is_held, "{stream:?} is nobody's, and goes on");
            let readers: Vec<_> = reader.into_iter().collect();
            assert_eq!(info.readers, readers, "{stream:?} is read by others");
        }
        public.sort();
        let mut paths: Vec<_> = self.server.paths().collect();
        paths.sort();
        assert_eq!(paths, public, "paths are told that are of private streams");
    }

    /// The last answer of the application to a player, if that plays a stream of its own.
    pub(super) fn told_to(&self, player: &Player) -> Option<&Told> {
        let told = self.books.privates.told(player.peer()?, None)?;
        (Some(told.session) == self.session_of(player)).then_some(told)
    }

    /// A player is told of exactly what was written since it asked.
    pub(super) fn check_playing(&mut self, player: &Player, playing: &Playing) {
        let Some(told) = self.told_to(player).filter(|_| !player.is_unsure) else { return };
        let Some(start) = &told.start else { return };
        assert!(told.range.is_none() || playing.range == told.range, "{playing:?} where {told:?} was told");
        assert!(told.scale.is_none() || playing.scale == told.scale, "{playing:?} where {told:?} was told");
        for track in &playing.tracks {
            let first = start.tracks.get(track.media).copied().flatten();
            // Numbers that servers write for none are taken for none.
            let sequence = first.map(|(sequence, _)| sequence).filter(|sequence| *sequence > 1);
            let timestamp = first.map(|(_, timestamp)| timestamp);
            assert_eq!((track.sequence, track.timestamp), (sequence, timestamp), "{track:?} of {told:?}");
        }
        self.counts.add("private streams played", 1);
    }

    /// The same for one that keeps to no rule.
    pub(super) fn check_told(&mut self, peer: SocketAddr, cseq: Option<u32>, response: &Response) {
        let Some(told) = self.books.privates.told(peer, cseq).filter(|_| cseq.is_some()) else { return };
        let header = |name| response.headers.get(name);
        let range = header(name::RANGE).and_then(|value| Range::parse(value, &mut Default::default()).ok());
        assert!(told.range.is_none() || range == told.range, "{response:?} where {told:?} was told");
        let scale = header(name::SCALE).and_then(|value| value.parse().ok());
        assert_eq!(scale, told.scale, "{response:?} where {told:?} was told");
        let Some(start) = &told.start else { return };
        let info = header(name::RTP_INFO).map(|value| RtpInfo::parse(value, &mut Default::default()));
        let Some(Ok(info)) = info else { panic!("no RTP-Info that can be read: {response:?}") };
        for entry in info.0 {
            let track = entry.url.split("trackID=").nth(1).and_then(|rest| rest.get(..1)?.parse().ok());
            let Some(track): Option<usize> = track else { continue };
            let first = start.tracks.get(track).copied().flatten();
            assert_eq!(entry.seq.zip(entry.rtptime), first, "{entry:?} of {told:?}");
        }
        let what = if start.is_seek { "private streams sought in" } else { "private streams played" };
        self.counts.add(what, 1);
    }
}
