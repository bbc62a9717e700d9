//! The keys that the media plane is handed.

use super::super::ServerConfig;
use super::super::session::Track;
use super::Server;
use crate::SessionId;
use crate::ingest::Shield;
use crate::keying::{Opener, OwnKey, Sealer};
use crate::limits::{READERS_OF_KEYS_MAX, SRTCP_INDICES_PER_READER};
use crate::subscription::Protection;

impl Track {
    /// The decryption of its peer's packets, if they are protected.
    pub(in super::super) fn opener(&self, config: &ServerConfig) -> Option<Box<Opener>> {
        let keys = self.keys.as_ref()?;
        Opener::new(&keys.peer, config.srtp.ciphers()).map(Box::new)
    }
}

impl Server {
    /// The protection of a reader that begins to play.
    pub(in super::super) fn protection_of(&mut self, id: SessionId) -> Option<Protection> {
        let log = self.sessions.get(id)?.secure_log?;
        let share = self.take_share(id);
        let ciphers = self.config.srtp.ciphers();
        let session = self.sessions.get(id)?;
        let mut sealers = Vec::new();
        for track in session.read_tracks() {
            let place = usize::from(track.index);
            if sealers.len() <= place {
                sealers.resize_with(place.saturating_add(1), || None);
            }
            if let Some((place, keys)) = sealers.get_mut(place).zip(track.keys.as_ref()) {
                *place = Some(sealer_of(&keys.own, share, ciphers));
            }
        }
        Some(Protection { log, sealers })
    }

    /// The protection of a session's packets on a track, and of the reports to it.
    pub(in super::super) fn shield_of(&mut self, id: SessionId, index: u8) -> Option<Box<Shield>> {
        let is_own = |track: &&Track| track.index == index;
        let opener = self.sessions.get(id)?.tracks.iter().find(is_own)?.opener(&self.config)?;
        // The key of a publisher is nobody else's; one that speaks shares it with other readers.
        let share = self.sessions.get(id)?.secure_log.map_or(0, |_| self.take_share(id));
        let track = self.sessions.get(id)?.tracks.iter().find(is_own)?;
        let sealer = sealer_of(&track.keys.as_ref()?.own, share, self.config.srtp.ciphers());
        Some(Box::new(Shield { opener: *opener, sealer }))
    }

    /// Takes one of the shares into which the indices of RTCP of a stream's keys are divided.
    fn take_share(&mut self, id: SessionId) -> u32 {
        let log =
            self.sessions.get(id).and_then(|session| Some((session.read_stream()?, session.secure_log?)));
        let Some(keys) = log.and_then(|(stream, number)| self.keys_mut(stream, number)) else { return 0 };
        let share = keys.shares;
        keys.shares = share.saturating_add(1);
        share
    }
}

/// The protection of reports by a key and a share of its indices; behind the last share there are none.
fn sealer_of(key: &OwnKey, share: u32, ciphers: &'static dyn crate::srtp::Ciphers) -> Sealer {
    let first = share.min(READERS_OF_KEYS_MAX).saturating_mul(SRTCP_INDICES_PER_READER);
    Sealer::new(key, ciphers).rtcp_indices(first..first.saturating_add(SRTCP_INDICES_PER_READER))
}
