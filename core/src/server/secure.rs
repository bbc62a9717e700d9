//! SRTP in sessions: who may use it, the keys that both sides tell, and the logs of encrypted packets.
//!
//! A stream has keys for readers from the first description or SETUP on that tells them. Its packets are encrypted into a log
//! of their own from the first SETUP on until the last session that was told the keys is over; then they are forgotten. A
//! publisher's keys, and those of its peer, stand in the tracks of its session.

mod describe;
mod media;
mod policy;
mod rekey;

use std::collections::BTreeSet;

pub(super) use policy::Settings;
pub use policy::SrtpPolicy;

use super::session::State;
use super::{Output, Server};
use crate::header::KeyMgmt;
use crate::keying::{OwnKey, PeerKeys, Sealer};
use crate::limits::READERS_OF_KEYS_MAX;
use crate::srtp::Suite;
use crate::stream::{SecureOrder, Secured, Streams};
use crate::wire::{Request, Response, StatusCode};
use crate::{ConnId, Instant, NtpTime, SessionId, StreamId, Tolerances};

/// The keys of a track that is protected.
#[derive(Clone, Debug)]
pub(super) struct TrackKeys {
    /// The peer's packets are protected by them.
    peer: PeerKeys,
    /// The server's packets are protected by it.
    own: OwnKey,
}

/// The keys of a stream for readers.
#[derive(Debug)]
pub(super) struct StreamKeys {
    /// The number of the log of packets that are encrypted with them.
    number: u32,
    /// One for each media: so the packets of two medias may have one SSRC.
    keys: Vec<OwnKey>,
    suite: Suite,
    /// The sessions that were told them. As long as there is one, there is the log.
    readers: BTreeSet<SessionId>,
    /// The number of shares of the indices of RTCP that were given away.
    pub(super) shares: u32,
}

/// The answer to a SETUP whose keys are missing or cannot be used.
fn refused() -> Response {
    Response::new(StatusCode::KEY_MANAGEMENT_FAILURE)
}

impl Server {
    /// The keys that the peer tells in SETUP; `None` if a reader tells none.
    pub(super) fn keys_told(
        &mut self,
        conn: ConnId,
        request: &Request,
        session: Option<SessionId>,
        track: u8,
    ) -> Result<Option<PeerKeys>, Response> {
        let mut tolerances = Tolerances::NONE;
        let told = PeerKeys::of_headers(&request.headers, None, &mut tolerances);
        let keys = match told.map_err(|_| refused())? {
            Some(keys) => Some(keys),
            None => match session.and_then(|id| self.sessions.get(id)).map(|session| &session.state) {
                Some(State::PreRecord(publishing)) => {
                    let announced = publishing.keys_of(track);
                    let keys = PeerKeys::read(announced, None, &mut tolerances).map_err(|_| refused())?;
                    Some(keys.ok_or_else(refused)?)
                }
                _ => None,
            },
        };
        self.tolerate(conn, tolerances);
        let is_allowed = |keys: &PeerKeys| self.config.srtp.suites.contains(&keys.suite());
        if keys.as_ref().is_none_or(is_allowed) { Ok(keys) } else { Err(refused()) }
    }

    /// The keys of a publisher's track, and the message that tells it the server's.
    pub(super) fn agree_with_publisher(&mut self, now: Instant, peer: PeerKeys) -> (TrackKeys, KeyMgmt) {
        let own = OwnKey::draw(peer.suite(), &mut self.random);
        let wall = self.wall_of_keys(now);
        // Nobody knows yet the source of the reports.
        let message = own.tell(&mut self.random, wall, [(0, 0)]);
        (TrackKeys { peer, own }, message)
    }

    /// The keys of a reader's track, and the message that tells it the server's. They are those of its other tracks, or that
    /// other readers have, or new.
    pub(super) fn agree_with_reader(
        &mut self,
        now: Instant,
        (id, stream, track): (SessionId, StreamId, u8),
        peer: Option<PeerKeys>,
        streams: &dyn Streams,
    ) -> Option<(TrackKeys, KeyMgmt)> {
        let number = self.secure_log_for(id, stream, peer.as_ref().map(PeerKeys::suite))?;
        let own = self.keys_of(stream, number)?.keys.get(usize::from(track))?.clone();
        let message = self.tell(now, &own, (stream, number, track), streams);
        // One that tells no key of its own uses the server's.
        let peer = peer.unwrap_or_else(|| PeerKeys::from(own.key().clone()));
        Some((TrackKeys { peer, own }, message))
    }

    /// Checks that a reader may have keys of its suite: all tracks of a session are read from one log (463 if they are not), and
    /// a log that is not there yet needs room (503).
    pub(super) fn check_keys(
        &self,
        session: Option<SessionId>,
        stream: StreamId,
        peer: Option<&PeerKeys>,
    ) -> Result<(), Response> {
        let wanted = peer.map(PeerKeys::suite);
        let own = session.and_then(|id| self.sessions.get(id)?.secure_log);
        if let Some(number) = own {
            let suite = self.keys_of(stream, number).map(|keys| keys.suite);
            return if wanted.is_none() || wanted == suite { Ok(()) } else { Err(refused()) };
        }
        if self.shared_keys(stream, wanted).is_some_and(|keys| !keys.readers.is_empty()) {
            return Ok(());
        }
        self.check_secure_log(stream).map_err(|_| Response::new(StatusCode::SERVICE_UNAVAILABLE))
    }

    /// The number of the log of encrypted packets for a session, which begins if it is not there yet.
    fn secure_log_for(&mut self, id: SessionId, stream: StreamId, wanted: Option<Suite>) -> Option<u32> {
        if let Some(number) = self.sessions.get(id)?.secure_log {
            return Some(number);
        }
        let number = self.keys_for(stream, wanted)?;
        let keys = self.keys_mut(stream, number)?;
        let is_first = keys.readers.is_empty();
        keys.readers.insert(id);
        self.sessions.get_mut(id)?.secure_log = Some(number);
        if is_first {
            self.count_secure_log(stream, number);
            let ciphers = self.config.srtp.ciphers();
            let keys = self.keys_of(stream, number)?;
            let sealers = keys.keys.iter().map(|key| Sealer::new(key, ciphers)).collect();
            let order = SecureOrder(Secured::Begin(number, sealers));
            self.outputs.push_back(Output::SecureLog(stream, order));
        }
        Some(number)
    }

    /// The keys of a stream that another reader may have, of this suite or the one that is offered.
    fn shared_keys(&self, stream: StreamId, wanted: Option<Suite>) -> Option<&StreamKeys> {
        let suite = wanted.or_else(|| self.config.srtp.offered())?;
        let per_reader = self.config.srtp.key_per_reader;
        self.published.get(stream)?.keys.iter().find(|keys| {
            let may_share = keys.readers.is_empty() || !per_reader;
            keys.suite == suite && may_share && keys.shares < READERS_OF_KEYS_MAX
        })
    }

    /// The number of such keys, which are drawn if there are none.
    fn keys_for(&mut self, stream: StreamId, wanted: Option<Suite>) -> Option<u32> {
        if let Some(keys) = self.shared_keys(stream, wanted) {
            return Some(keys.number);
        }
        let suite = wanted.or_else(|| self.config.srtp.offered())?;
        let published = self.published.get_mut(stream)?;
        let number = self.secure_logs;
        self.secure_logs = number.wrapping_add(1);
        let medias = published.medias;
        let keys = std::iter::repeat_with(|| OwnKey::draw(suite, &mut self.random)).take(medias).collect();
        published.keys.push(StreamKeys { number, keys, suite, readers: BTreeSet::new(), shares: 0 });
        Some(number)
    }

    /// A session is over that may have read a log of encrypted packets, which ends with its last reader.
    pub(super) fn leave_secure_log(&mut self, stream: StreamId, reader: SessionId) {
        let Some(published) = self.published.get_mut(stream) else { return };
        let own = published.keys.iter().position(|keys| keys.readers.contains(&reader));
        let Some((place, keys)) = own.and_then(|own| Some((own, published.keys.get_mut(own)?))) else {
            return;
        };
        keys.readers.remove(&reader);
        if keys.readers.is_empty() {
            let number = keys.number;
            published.keys.remove(place);
            self.uncount_secure_log(stream, number);
            self.outputs.push_back(Output::SecureLog(stream, SecureOrder(Secured::End(number))));
        }
    }

    fn keys_of(&self, stream: StreamId, number: u32) -> Option<&StreamKeys> {
        self.published.get(stream)?.keys.iter().find(|keys| keys.number == number)
    }

    fn keys_mut(&mut self, stream: StreamId, number: u32) -> Option<&mut StreamKeys> {
        self.published.get_mut(stream)?.keys.iter_mut().find(|keys| keys.number == number)
    }

    /// The message that tells a key of a stream, with the sources of its media.
    fn tell(
        &mut self,
        now: Instant,
        key: &OwnKey,
        (stream, number, track): (StreamId, u32, u8),
        streams: &dyn Streams,
    ) -> KeyMgmt {
        let mut sources = Vec::new();
        streams.read(stream, &mut |log| {
            sources.extend(log.secure_rocs(number, track));
            if sources.is_empty() {
                sources.extend(log.ssrc(track).map(|ssrc| (ssrc, 0)));
            }
        });
        if sources.is_empty() {
            // There is one source at least, whatever its SSRC will be.
            sources.push((0, 0));
        }
        let wall = self.wall_of_keys(now);
        key.tell(&mut self.random, wall, sources)
    }

    /// The time on the wall clock, as messages of MIKEY tell it.
    fn wall_of_keys(&self, now: Instant) -> NtpTime {
        self.wall.map(|(at, wall)| wall + now.since(at)).unwrap_or_default()
    }
}

impl StreamKeys {
    /// The number of the log of packets that are encrypted with them, if there is one.
    pub(super) fn log(&self) -> Option<u32> {
        (!self.readers.is_empty()).then_some(self.number)
    }
}
