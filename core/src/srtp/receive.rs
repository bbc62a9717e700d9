use super::cipher::{BuiltIn, Ciphers, RTCP_ENCRYPTED, Unit};
use super::header::{PacketHeader, rtcp_ssrc};
use super::keyring::Keyring;
use super::session::SessionKeys;
use super::source::{Source, Sources};
use super::{MasterKey, UnprotectError};

/// The receiving side: checks and decrypts packets of RTP and RTCP in place.
///
/// It holds the keys that are valid, and of each source (SSRC) the rollover counter and which packets have come. A packet
/// that is not authentic makes it remember nothing of its source.
#[derive(Debug)]
pub struct ReceiveContext {
    keys: Keyring,
    sources: Sources,
    ciphers: &'static dyn Ciphers,
}

impl ReceiveContext {
    /// A context with the ciphers that are built in.
    pub fn new(key: &MasterKey) -> Self {
        Self::with_ciphers(key, &BuiltIn)
    }

    /// A context with ciphers of the program's.
    pub fn with_ciphers(key: &MasterKey, ciphers: &'static dyn Ciphers) -> Self {
        Self { keys: Keyring::new(key, ciphers), sources: Sources::default(), ciphers }
    }

    /// Takes packets under another master key as well. Rollover counters go on.
    ///
    /// Keys with an identifier are told apart by it, and [`SRTP_KEYS_MAX`](crate::limits::SRTP_KEYS_MAX) of them are kept;
    /// one with an identifier that is known takes the place of that one. A key without an identifier takes the place of the
    /// former, which is still tried until [`SRTP_FORMER_KEY_PACKETS`](crate::limits::SRTP_FORMER_KEY_PACKETS) have come
    /// under the new one.
    pub fn rekey(&mut self, key: &MasterKey) {
        self.keys.add(key, self.ciphers);
    }

    /// Returns `true` once little is left of the life of the newest key: it is time to agree on another.
    pub fn is_expiring(&self) -> bool {
        self.keys.newest().is_some_and(SessionKeys::is_expiring)
    }

    /// Tells the rollover counter of a source, as it was agreed on (by MIKEY, or a header of RTSP).
    ///
    /// A source that packets have come of keeps its own, until a packet turns out to be of a later one that was told.
    ///
    /// # Errors
    ///
    /// If there are too many sources.
    pub fn set_roc(&mut self, ssrc: u32, roc: u32) -> Result<(), UnprotectError> {
        self.sources.get_or_insert(ssrc).ok_or(UnprotectError::TooManySources)?.tell_roc(roc);
        Ok(())
    }

    /// The rollover counter of each source.
    pub fn rocs(&self) -> impl Iterator<Item = (u32, u32)> {
        self.sources.rocs()
    }

    /// Checks and decrypts an RTP packet in place, and returns its length: what stands behind is no part of it any more.
    ///
    /// # Errors
    ///
    /// If the packet is to be left out; its bytes are then of no use.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let malformed = UnprotectError::Malformed { length: packet.len() };
        let PacketHeader { sequence, ssrc, len } = PacketHeader::read(packet).ok_or(malformed)?;
        let fresh = Source::new(ssrc);
        let source = self.sources.get_or(ssrc, &fresh).ok_or(UnprotectError::TooManySources)?;
        let estimate = source.index_of(sequence).ok_or(UnprotectError::KeyExhausted)?;
        let candidates = [Some(estimate), source.second_guess(sequence)]
            .map(|index| index.filter(|index| source.rtp.is_new(*index)))
            .map(|index| index.map(|index| Unit::rtp(ssrc, index, len)));
        if candidates.iter().all(Option::is_none) {
            return Err(UnprotectError::Replayed);
        }
        match self.keys.open(packet, false, |_| Ok(candidates)) {
            Ok((len, unit)) => {
                if let Some(source) = self.sources.get_or_insert(ssrc) {
                    source.pass(unit.index());
                }
                Ok(len)
            }
            Err(error) => {
                if let Some(source) = self.sources.get_mut(ssrc) {
                    source.fail();
                }
                Err(error)
            }
        }
    }

    /// Checks and decrypts a compound of RTCP in place, and returns its length: what stands behind is no part of it any
    /// more.
    ///
    /// # Errors
    ///
    /// If the compound is to be left out; its bytes are then of no use.
    pub fn unprotect_rtcp(&mut self, compound: &mut [u8]) -> Result<usize, UnprotectError> {
        let malformed = UnprotectError::Malformed { length: compound.len() };
        let ssrc = rtcp_ssrc(compound).ok_or(malformed)?;
        let fresh = Source::new(ssrc);
        let source = self.sources.get_or(ssrc, &fresh).ok_or(UnprotectError::TooManySources)?;
        let candidates = |index: &[u8]| {
            let word = index.first_chunk().copied().map(u32::from_be_bytes).ok_or(malformed)?;
            let index = word & !RTCP_ENCRYPTED;
            if word == index {
                return Err(UnprotectError::NotEncrypted);
            }
            if !source.rtcp.is_new(index.into()) {
                return Err(UnprotectError::Replayed);
            }
            Ok([Some(Unit::rtcp(ssrc, index)), None])
        };
        let (len, unit) = self.keys.open(compound, true, candidates)?;
        if let Some(source) = self.sources.get_or_insert(ssrc) {
            source.rtcp.pass(unit.index());
        }
        Ok(len)
    }
}
