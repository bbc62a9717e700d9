//! The ciphers, and the place where a faster one is plugged in.

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, StreamCipher, StreamCipherCoreWrapper};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Suite;

/// Bytes of a tag of AES-GCM.
pub const AEAD_TAG_BYTES: usize = 16;

/// Bytes that SHA-1 takes at a time.
const HASH_BLOCK_BYTES: usize = 64;
/// Bytes in front of a compound of RTCP that stay in the clear, up to its SSRC.
pub(super) const RTCP_HEADER_BYTES: usize = 8;

/// AES in Galois counter mode with one key, which encrypts in place.
///
/// A program that has a faster one than the one that is built in implements this over it, and [`Ciphers`], in a few lines.
pub trait Aead: fmt::Debug + Send + Sync {
    /// Encrypts `text`, and returns the tag of it and of `associated`.
    ///
    /// `None` if that is not possible; then the packet is not sent.
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8]) -> Option<[u8; AEAD_TAG_BYTES]>;

    /// Decrypts `text` if the tag is that of it and of `associated`; `false` if it is not, and then `text` is of no use.
    fn open(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8; AEAD_TAG_BYTES]) -> bool;
}

/// Where contexts get their ciphers from.
pub trait Ciphers: fmt::Debug + Send + Sync {
    /// AES-GCM with a key of 16 or 32 bytes; `None` to use the one that is built in.
    fn aes_gcm(&self, key: &[u8]) -> Option<Box<dyn Aead>>;
}

/// The ciphers that are built in, which use the instructions of the processor where it has some.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltIn;

impl Ciphers for BuiltIn {
    fn aes_gcm(&self, _: &[u8]) -> Option<Box<dyn Aead>> {
        None
    }
}

/// The AES-GCM that is built in.
pub(super) fn built_in(suite: Suite, key: &[u8; 32]) -> Box<dyn Aead> {
    if suite == Suite::AeadAes256Gcm {
        Box::new(Gcm(Aes256Gcm::new(key.into())))
    } else {
        Box::new(Gcm(Aes128Gcm::new((&*first::<16>(key)).into())))
    }
}

/// The first bytes of a key.
pub(super) fn first<const N: usize>(key: &[u8; 32]) -> Zeroizing<[u8; N]> {
    Zeroizing::new(std::array::from_fn(|at| key.get(at).copied().unwrap_or_default()))
}

struct Gcm<C>(C);

impl<C> fmt::Debug for Gcm<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcm").finish_non_exhaustive()
    }
}

impl<C: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync> Aead for Gcm<C> {
    fn seal(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8]) -> Option<[u8; AEAD_TAG_BYTES]> {
        self.0.encrypt_inout_detached(nonce.into(), associated, text.into()).ok().map(Into::into)
    }

    fn open(&self, nonce: &[u8; 12], associated: &[u8], text: &mut [u8], tag: &[u8; AEAD_TAG_BYTES]) -> bool {
        self.0.decrypt_inout_detached(nonce.into(), associated, text.into(), tag.into()).is_ok()
    }
}

/// A packet that is protected: where it stands in the key stream, and the parts of it that are authenticated only.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    ssrc: u32,
    /// For RTP the rollover counter and the sequence number, for RTCP the index in the packet.
    index: u64,
    /// Bytes in front that stay in the clear.
    clear: usize,
    /// Behind the packet and authenticated with it: of RTP the rollover counter, of RTCP the index and its flag.
    trailer: [u8; 4],
    is_rtcp: bool,
}

impl Unit {
    pub(super) fn rtp(ssrc: u32, index: u64, header: usize) -> Self {
        let roc = (index >> 16) as u32;
        Self { ssrc, index, clear: header, trailer: roc.to_be_bytes(), is_rtcp: false }
    }

    pub(super) fn rtcp(ssrc: u32, index: u32) -> Self {
        let trailer = (RTCP_ENCRYPTED | index).to_be_bytes();
        Self { ssrc, index: index.into(), clear: RTCP_HEADER_BYTES, trailer, is_rtcp: true }
    }

    pub(super) fn index(&self) -> u64 {
        self.index
    }

    /// Bytes in front that stay in the clear.
    pub(super) fn clear(&self) -> usize {
        self.clear
    }

    pub(super) fn is_rtcp(&self) -> bool {
        self.is_rtcp
    }

    /// The flag and the index that stand behind a compound of RTCP; nothing for RTP.
    pub(super) fn rtcp_index(&self) -> &[u8] {
        if self.is_rtcp { &self.trailer } else { &[] }
    }

    /// The nonce, which makes the key stream of each packet another one (RFC 3711, section 4.1.1; RFC 7714, sections 8.1 and 9.1).
    fn nonce(&self, salt: u128) -> u128 {
        salt ^ u128::from(self.ssrc) << 48 ^ u128::from(self.index)
    }
}

/// The bit in front of the index of RTCP that says that the compound is encrypted.
pub(super) const RTCP_ENCRYPTED: u32 = 1 << 31;

/// The tag of a packet.
pub(super) struct Tag {
    bytes: [u8; AEAD_TAG_BYTES],
    len: usize,
}

impl Tag {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// How the packets of RTP, or those of RTCP, are protected under one master key.
pub(super) enum Transform {
    CounterMode(Box<CounterMode>),
    Gcm { aead: Box<dyn Aead>, salt: u128 },
}

impl Transform {
    /// Encrypts a packet in place, and returns its tag.
    #[inline]
    pub(super) fn seal(&self, packet: &mut [u8], unit: Unit) -> Option<Tag> {
        match self {
            Self::CounterMode(mode) => Some(mode.seal(packet, unit)),
            Self::Gcm { aead, salt } => {
                let (clear, text) = packet.split_at_mut_checked(unit.clear)?;
                let bytes = if unit.is_rtcp {
                    aead.seal(&nonce(unit, *salt), &rtcp_associated(clear, unit), text)?
                } else {
                    aead.seal(&nonce(unit, *salt), clear, text)?
                };
                Some(Tag { bytes, len: AEAD_TAG_BYTES })
            }
        }
    }

    /// Decrypts a packet in place if its tag is right.
    #[inline]
    pub(super) fn open(&self, packet: &mut [u8], unit: Unit, tag: &[u8]) -> bool {
        match self {
            Self::CounterMode(mode) => mode.open(packet, unit, tag),
            Self::Gcm { aead, salt } => {
                let (Some((clear, text)), Ok(tag)) =
                    (packet.split_at_mut_checked(unit.clear), <&[u8; AEAD_TAG_BYTES]>::try_from(tag))
                else {
                    return false;
                };
                if unit.is_rtcp {
                    aead.open(&nonce(unit, *salt), &rtcp_associated(clear, unit), text, tag)
                } else {
                    aead.open(&nonce(unit, *salt), clear, text, tag)
                }
            }
        }
    }
}

fn nonce(unit: Unit, salt: u128) -> [u8; 12] {
    let [_, _, _, _, nonce @ ..] = unit.nonce(salt).to_be_bytes();
    nonce
}

/// The header of RTCP and, behind the packet, its index (RFC 7714, section 9.2).
fn rtcp_associated(clear: &[u8], unit: Unit) -> [u8; 12] {
    let mut associated = [0; 12];
    associated.iter_mut().zip(clear.iter().chain(&unit.trailer)).for_each(|(to, from)| *to = *from);
    associated
}

type KeyStream<'a> = StreamCipherCoreWrapper<CtrCore<&'a Aes128Enc, Ctr32BE>>;

/// AES in counter mode and HMAC-SHA1 (RFC 3711, sections 4.1.1 and 4.2.1).
pub(super) struct CounterMode {
    aes: Aes128Enc,
    salt: u128,
    /// Keyed, and cloned for each packet.
    mac: Hmac<Sha1>,
    tag_bytes: usize,
}

impl CounterMode {
    /// The first half of `key` is that of AES; `auth_key` is no longer than a block of SHA-1.
    pub(super) fn new(key: &[u8; 32], salt: u128, auth_key: &[u8], tag_bytes: usize) -> Self {
        let aes = Aes128Enc::new((&*first::<16>(key)).into());
        // A key of HMAC that is shorter than a block is followed by zeros.
        let mut block = Zeroizing::new([0; HASH_BLOCK_BYTES]);
        block.iter_mut().zip(auth_key).for_each(|(to, from)| *to = *from);
        let mac = <Hmac<Sha1> as KeyInit>::new((&*block).into());
        Self { aes, salt, mac, tag_bytes }
    }

    fn key_stream(&self, unit: Unit) -> KeyStream<'_> {
        // A packet has fewer than 2^16 blocks, so that no counter runs into the number of the packet.
        let iv = unit.nonce(self.salt) << 16;
        KeyStream::from_core(CtrCore::inner_iv_init(&self.aes, &iv.to_be_bytes().into()))
    }

    fn seal(&self, packet: &mut [u8], unit: Unit) -> Tag {
        self.key_stream(unit).apply_keystream(packet.get_mut(unit.clear..).unwrap_or_default());
        self.tag(packet, unit)
    }

    fn open(&self, packet: &mut [u8], unit: Unit, tag: &[u8]) -> bool {
        let is_right = bool::from(self.tag(packet, unit).as_bytes().ct_eq(tag));
        match packet.get_mut(unit.clear..) {
            Some(text) if is_right => self.key_stream(unit).apply_keystream(text),
            _ => return false,
        }
        true
    }

    fn tag(&self, packet: &[u8], unit: Unit) -> Tag {
        let mut mac = self.mac.clone();
        mac.update(packet);
        mac.update(&unit.trailer);
        let mut bytes = [0; AEAD_TAG_BYTES];
        bytes.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        Tag { bytes, len: self.tag_bytes }
    }
}

#[cfg(test)]
mod tests;
