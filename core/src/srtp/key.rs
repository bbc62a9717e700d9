use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{KeyError, Suite};
use crate::limits::SRTP_MKI_BYTES_MAX;
use crate::random::Random;

/// RTP packets that one master key may protect (RFC 3711, section 9.2).
const RTP_PACKETS_MAX: u64 = 1 << 48;

/// A master key with its salt: what both peers know, and derive the session keys from (RFC 3711, section 3.2.1).
///
/// The key is overwritten in memory when the value is dropped, and shown by nothing but [`key`](Self::key).
#[derive(Clone)]
pub struct MasterKey {
    suite: Suite,
    key: Zeroizing<[u8; 32]>,
    salt: [u8; 14],
    mki: Box<[u8]>,
    lifetime: u64,
}

impl MasterKey {
    /// A key for a suite, without an identifier, for as many packets as the standard allows.
    ///
    /// # Errors
    ///
    /// If `key` or `salt` does not have the length that the suite needs.
    pub fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        if key.len() != suite.key_bytes() {
            return Err(KeyError::KeyLength { suite, length: key.len() });
        }
        if salt.len() != suite.salt_bytes() {
            return Err(KeyError::SaltLength { suite, length: salt.len() });
        }
        let mut master = Self::blank(suite);
        master.key.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        master.salt.iter_mut().zip(salt).for_each(|(to, from)| *to = *from);
        Ok(master)
    }

    /// Takes a key from the bytes of key and salt, one behind the other, as MIKEY and `a=crypto` mostly carry them.
    ///
    /// # Errors
    ///
    /// If there are not as many bytes as the suite needs.
    pub fn from_joined(suite: Suite, key_and_salt: &[u8]) -> Result<Self, KeyError> {
        let (key, salt) = key_and_salt
            .split_at_checked(suite.key_bytes())
            .ok_or(KeyError::KeyLength { suite, length: key_and_salt.len() })?;
        Self::new(suite, key, salt)
    }

    /// A key whose bytes are still to be filled in.
    fn blank(suite: Suite) -> Self {
        Self {
            suite,
            key: Zeroizing::new([0; 32]),
            salt: [0; 14],
            mki: Box::default(),
            lifetime: RTP_PACKETS_MAX,
        }
    }

    /// Makes a key of chance. The same seed makes the same key, so it has to be secret, and used once.
    pub fn from_seed(suite: Suite, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let mut master = Self::blank(suite);
        let mut draw = |bytes: &mut [u8]| bytes.iter_mut().for_each(|byte| *byte = random.next_u32() as u8);
        draw(master.key.get_mut(..suite.key_bytes()).unwrap_or_default());
        draw(master.salt.get_mut(..suite.salt_bytes()).unwrap_or_default());
        master
    }

    /// The same key with an identifier (MKI), which then stands in each packet.
    ///
    /// # Errors
    ///
    /// If the identifier is longer than [`SRTP_MKI_BYTES_MAX`].
    pub fn with_mki(mut self, mki: impl Into<Box<[u8]>>) -> Result<Self, KeyError> {
        self.mki = mki.into();
        if self.mki.len() > SRTP_MKI_BYTES_MAX {
            return Err(KeyError::MkiLength { length: self.mki.len() });
        }
        Ok(self)
    }

    /// The same key for so many RTP packets, if the standard does not allow fewer (2^48).
    #[must_use]
    pub fn with_lifetime(self, packets: u64) -> Self {
        Self { lifetime: packets.min(RTP_PACKETS_MAX), ..self }
    }

    /// The suite that the key is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The master key itself.
    pub fn key(&self) -> &[u8] {
        self.key.get(..self.suite.key_bytes()).unwrap_or_default()
    }

    /// The master salt.
    pub fn salt(&self) -> &[u8] {
        self.salt.get(..self.suite.salt_bytes()).unwrap_or_default()
    }

    /// The identifier in each packet (MKI); empty if there is none.
    pub fn mki(&self) -> &[u8] {
        &self.mki
    }

    /// RTP packets that the key may protect.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The master key, followed by zeros where it is shorter.
    pub(super) fn key_array(&self) -> &[u8; 32] {
        &self.key
    }

    /// The same key with more bytes of salt than its suite has, as the vectors of RFC 6188 have it.
    #[cfg(test)]
    pub(super) fn with_longer_salt(mut self, behind: [u8; 14]) -> Self {
        self.salt.iter_mut().zip(behind).for_each(|(to, from)| *to |= from);
        self
    }

    /// The salt as a number of 112 bits; that of AEAD stands in front of 16 zeros (RFC 7714, section 11).
    pub(super) fn salt_number(&self) -> u128 {
        self.salt.iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

impl PartialEq for MasterKey {
    fn eq(&self, other: &Self) -> bool {
        let told = |key: &Self| (key.suite, key.salt, key.lifetime);
        told(self) == told(other) && self.mki == other.mki && bool::from(self.key.ct_eq(&*other.key))
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey")
            .field("suite", &self.suite)
            .field("mki", &self.mki)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
