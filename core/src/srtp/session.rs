//! From a master key to the session keys of RTP and RTCP, and where the parts of a packet stand under them.

use std::fmt;

use aes::cipher::{KeyIvInit, StreamCipher};
use aes::{Aes128Enc, Aes256Enc};
use bytes::BytesMut;
use ctr::Ctr32BE;
use zeroize::Zeroizing;

use super::cipher::{self, AEAD_TAG_BYTES, Ciphers, CounterMode, Transform, Unit};
use super::{MasterKey, Suite};

/// Bytes of the session key of HMAC-SHA1.
const AUTH_KEY_BYTES: usize = 20;
/// Bytes of the index behind a compound of RTCP.
const RTCP_INDEX_BYTES: usize = 4;
/// Compounds of RTCP that one master key may protect (RFC 3711, section 9.2).
pub(super) const RTCP_PACKETS_MAX: u64 = 1 << 31;
/// The part of a key's life, one in so many, that is left when a new key is asked for.
const EXPIRING_PART: u64 = 16;

/// The labels by which keys are derived (RFC 3711, section 4.3.2).
#[derive(Clone, Copy)]
struct Labels {
    cipher_key: u8,
    auth_key: u8,
    salt: u8,
}

const RTP: Labels = Labels { cipher_key: 0, auth_key: 1, salt: 2 };
const RTCP: Labels = Labels { cipher_key: 3, auth_key: 4, salt: 5 };

/// The session keys of one master key, and how much they were used.
pub(super) struct SessionKeys {
    suite: Suite,
    pub(super) mki: Box<[u8]>,
    rtp: Transform,
    rtcp: Transform,
    lifetime: u64,
    rtp_used: u64,
    rtcp_used: u64,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey, ciphers: &dyn Ciphers) -> Self {
        let suite = master.suite();
        Self {
            suite,
            mki: master.mki().into(),
            rtp: transform(master, RTP, suite.rtp_tag_bytes(), ciphers),
            rtcp: transform(master, RTCP, suite.rtcp_tag_bytes(), ciphers),
            lifetime: master.lifetime(),
            rtp_used: 0,
            rtcp_used: 0,
        }
    }

    /// Bytes that protection adds to an RTP packet.
    pub(super) fn rtp_overhead(&self) -> usize {
        self.suite.rtp_tag_bytes().saturating_add(self.mki.len())
    }

    /// Bytes that protection adds to a compound of RTCP.
    pub(super) fn rtcp_overhead(&self) -> usize {
        self.suite.rtcp_tag_bytes().saturating_add(self.mki.len()).saturating_add(RTCP_INDEX_BYTES)
    }

    /// Appends a packet to `out` as it is sent; `None` if that is not possible, and then nothing is appended.
    pub(super) fn seal(&self, packet: &[u8], unit: Unit, out: &mut BytesMut) -> Option<()> {
        let start = out.len();
        out.extend_from_slice(packet);
        let Some(tag) = self.transform(unit.is_rtcp()).seal(out.get_mut(start..)?, unit) else {
            out.truncate(start);
            return None;
        };
        let (tag, index, mki) = (tag.as_bytes(), unit.rtcp_index(), &*self.mki);
        let tail = if self.suite.is_aead() { [tag, index, mki] } else { [index, mki, tag] };
        tail.iter().for_each(|part| out.extend_from_slice(part));
        Some(())
    }

    /// Decrypts the body of a packet in place if its tag is right.
    pub(super) fn open(&self, body: &mut [u8], unit: Unit, tag: &[u8]) -> bool {
        self.transform(unit.is_rtcp()).open(body, unit, tag)
    }

    /// Divides a packet that came into its body and what stands behind; `None` if it is too short.
    ///
    /// The tag of AEAD stands right behind the encrypted bytes, which it belongs to (RFC 7714, sections 8.1 and 9.1); any
    /// other stands behind everything (RFC 3711, sections 3.1 and 3.4).
    pub(super) fn split<'a>(&self, packet: &'a mut [u8], is_rtcp: bool) -> Option<(&'a mut [u8], Tail<'a>)> {
        let (overhead, index_bytes) =
            if is_rtcp { (self.rtcp_overhead(), RTCP_INDEX_BYTES) } else { (self.rtp_overhead(), 0) };
        let (body, tail) = packet.split_at_mut_checked(packet.len().checked_sub(overhead)?)?;
        let (tag, index, mki);
        if self.suite.is_aead() {
            let rest;
            (tag, rest) = tail.split_at_checked(AEAD_TAG_BYTES)?;
            (index, mki) = rest.split_at_checked(index_bytes)?;
        } else {
            let rest;
            (index, rest) = tail.split_at_checked(index_bytes)?;
            (mki, tag) = rest.split_at_checked(self.mki.len())?;
        }
        Some((body, Tail { tag, mki, index }))
    }

    fn transform(&self, is_rtcp: bool) -> &Transform {
        if is_rtcp { &self.rtcp } else { &self.rtp }
    }

    /// Returns `true` unless the key has protected all that it may.
    pub(super) fn may_protect(&self, is_rtcp: bool) -> bool {
        if is_rtcp { self.rtcp_used < RTCP_PACKETS_MAX } else { self.rtp_used < self.lifetime }
    }

    /// Counts a packet that was protected by the key.
    pub(super) fn count(&mut self, is_rtcp: bool) {
        let used = if is_rtcp { &mut self.rtcp_used } else { &mut self.rtp_used };
        *used = used.saturating_add(1);
    }

    pub(super) fn rtp_used(&self) -> u64 {
        self.rtp_used
    }

    pub(super) fn is_expiring(&self) -> bool {
        let is_near = |used: u64, max: u64| max.saturating_sub(used) <= max / EXPIRING_PART;
        is_near(self.rtp_used, self.lifetime) || is_near(self.rtcp_used, RTCP_PACKETS_MAX)
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys")
            .field("suite", &self.suite)
            .field("mki", &self.mki)
            .field("rtp_used", &self.rtp_used)
            .field("rtcp_used", &self.rtcp_used)
            .finish_non_exhaustive()
    }
}

/// The trailer behind the body of a packet that came.
pub(super) struct Tail<'a> {
    pub(super) tag: &'a [u8],
    pub(super) mki: &'a [u8],
    /// For RTCP, the flag and the index.
    pub(super) index: &'a [u8],
}

fn transform(master: &MasterKey, labels: Labels, tag_bytes: usize, ciphers: &dyn Ciphers) -> Transform {
    let suite = master.suite();
    let mut key = Zeroizing::new([0; 32]);
    derive(master, labels.cipher_key, &mut *key);
    let mut salt = [0; 14];
    let salt = salt.get_mut(..suite.salt_bytes()).unwrap_or_default();
    derive(master, labels.salt, salt);
    let salt = salt.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    if suite.is_aead() {
        let plugged = ciphers.aes_gcm(key.get(..suite.key_bytes()).unwrap_or_default());
        return Transform::Gcm { aead: plugged.unwrap_or_else(|| cipher::built_in(suite, &key)), salt };
    }
    let mut auth_key = Zeroizing::new([0; AUTH_KEY_BYTES]);
    derive(master, labels.auth_key, &mut *auth_key);
    Transform::CounterMode(Box::new(CounterMode::new(&key, salt, &*auth_key, tag_bytes)))
}

/// Derives a session key, with a key derivation rate of zero (RFC 3711, section 4.3; RFC 6188, section 3).
fn derive(master: &MasterKey, label: u8, to: &mut [u8]) {
    let iv = (master.salt_number() ^ u128::from(label) << 48) << 16;
    let iv = &iv.to_be_bytes().into();
    to.fill(0);
    if master.suite().key_bytes() == 32 {
        Ctr32BE::<Aes256Enc>::new(master.key_array().into(), iv).apply_keystream(to);
    } else {
        let key = cipher::first::<16>(master.key_array());
        Ctr32BE::<Aes128Enc>::new((&*key).into(), iv).apply_keystream(to);
    }
}

#[cfg(test)]
mod tests;
