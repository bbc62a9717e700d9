use super::MasterKey;
use super::UnprotectError;
use super::cipher::{Ciphers, Unit};
use super::session::SessionKeys;
use crate::limits::{SRTP_FORMER_KEY_PACKETS, SRTP_KEYS_MAX};

/// The ways in which a packet may be decrypted under one key.
pub(super) type Candidates = [Option<Unit>; 2];

/// The keys that a receiver takes packets under.
#[derive(Debug)]
pub(super) struct Keyring {
    /// The newest first.
    keys: Vec<SessionKeys>,
    /// The packet as it came, where more than one way to decrypt it is tried.
    as_it_came: Vec<u8>,
}

impl Keyring {
    pub(super) fn new(key: &MasterKey, ciphers: &dyn Ciphers) -> Self {
        Self { keys: vec![SessionKeys::derive(key, ciphers)], as_it_came: Vec::new() }
    }

    /// Adds a key, and forgets those that it takes the place of.
    pub(super) fn add(&mut self, key: &MasterKey, ciphers: &dyn Ciphers) {
        let is_plain = key.mki().is_empty();
        self.keys.retain(|known| is_plain || *known.mki != *key.mki());
        self.keys.truncate(if is_plain { 1 } else { SRTP_KEYS_MAX.saturating_sub(1) });
        self.keys.insert(0, SessionKeys::derive(key, ciphers));
    }

    pub(super) fn newest(&self) -> Option<&SessionKeys> {
        self.keys.first()
    }

    /// Decrypts a packet in place, and returns its length and the candidate that it turned out to be.
    ///
    /// `candidates` are those for the index that the packet carries, of which RTP has none.
    #[inline]
    pub(super) fn open(
        &mut self,
        packet: &mut [u8],
        is_rtcp: bool,
        candidates: impl Fn(&[u8]) -> Result<Candidates, UnprotectError>,
    ) -> Result<(usize, Unit), UnprotectError> {
        let mut refused = UnprotectError::Malformed { length: packet.len() };
        let is_only_key = self.keys.len() == 1;
        self.as_it_came.clear();
        for (at, keys) in self.keys.iter_mut().enumerate() {
            let Some((_, tail)) = keys.split(packet, is_rtcp) else { continue };
            if *tail.mki != *keys.mki {
                // That tells nothing if another key has it.
                if matches!(refused, UnprotectError::Malformed { .. }) {
                    refused = UnprotectError::UnknownMki;
                }
                continue;
            }
            let candidates = match candidates(tail.index) {
                Ok(_) if !keys.may_protect(is_rtcp) => Err(UnprotectError::KeyExhausted),
                told => told,
            };
            let [first, second] = match candidates {
                Ok(candidates) => candidates,
                Err(error) => {
                    refused = error;
                    continue;
                }
            };
            let is_one_way = is_only_key && second.is_none();
            if !is_one_way && self.as_it_came.is_empty() {
                self.as_it_came.extend_from_slice(packet);
            }
            for unit in [first, second].into_iter().flatten() {
                let parts = keys.split(packet, is_rtcp).filter(|(body, _)| unit.clear() <= body.len());
                let Some((body, tail)) = parts else { break };
                if keys.open(body, unit, tail.tag) {
                    let len = body.len();
                    keys.count(is_rtcp);
                    self.settle(at);
                    return Ok((len, unit));
                }
                refused = UnprotectError::Unauthentic;
                if !is_one_way {
                    packet.copy_from_slice(&self.as_it_came);
                }
            }
        }
        Err(refused)
    }

    /// Forgets the former key once the new one, whose place is 0, is in use.
    fn settle(&mut self, at: usize) {
        let is_settled =
            |keys: &SessionKeys| keys.mki.is_empty() && keys.rtp_used() >= SRTP_FORMER_KEY_PACKETS;
        if at == 0 && self.keys.len() > 1 && self.keys.first().is_some_and(is_settled) {
            self.keys.truncate(1);
        }
    }
}
