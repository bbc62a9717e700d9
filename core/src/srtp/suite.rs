use std::fmt;

/// A cipher suite: how packets are encrypted and authenticated.
///
/// The two of AEAD cost a third of the others and less, and are what ONVIF's baseline asks for; the others are what every
/// device has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Suite {
    /// AES in counter mode with a key of 128 bits, and tags of 80 bits by HMAC-SHA1 (RFC 3711).
    AesCm128HmacSha1_80,
    /// The same with tags of 32 bits for RTP. Those of RTCP have 80 bits.
    AesCm128HmacSha1_32,
    /// AES in Galois counter mode with a key of 128 bits (RFC 7714).
    AeadAes128Gcm,
    /// AES in Galois counter mode with a key of 256 bits (RFC 7714).
    AeadAes256Gcm,
}

impl Suite {
    /// All suites, those to be preferred first.
    pub const ALL: [Self; 4] =
        [Self::AeadAes128Gcm, Self::AeadAes256Gcm, Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32];

    /// The name in `a=crypto` (RFC 4568, section 6.2; RFC 7714, section 14.2).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite that `a=crypto` names so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.as_str() == name)
    }

    /// Bytes of a master key.
    pub const fn key_bytes(self) -> usize {
        if matches!(self, Self::AeadAes256Gcm) { 32 } else { 16 }
    }

    /// Bytes of a master salt.
    pub const fn salt_bytes(self) -> usize {
        if self.is_aead() { 12 } else { 14 }
    }

    /// Bytes of the tag behind an RTP packet.
    pub const fn rtp_tag_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1_80 => 10,
            Self::AesCm128HmacSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
        }
    }

    /// Bytes of the tag behind a compound of RTCP.
    pub const fn rtcp_tag_bytes(self) -> usize {
        if self.is_aead() { 16 } else { 10 }
    }

    /// Returns `true` if one cipher both encrypts and authenticates.
    pub const fn is_aead(self) -> bool {
        matches!(self, Self::AeadAes128Gcm | Self::AeadAes256Gcm)
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
