//! The security policy of SRTP: which suite a key is for (RFC 3830, section 6.10.1; RFC 7714, section 14.3).

use super::MikeyError;
use super::reader::Reader;
use crate::srtp::Suite;
use crate::{Tolerance, Tolerances};

/// The parameters of a policy.
mod param {
    pub(super) const CIPHER: u8 = 0;
    pub(super) const CIPHER_KEY_BYTES: u8 = 1;
    pub(super) const AUTH: u8 = 2;
    pub(super) const AUTH_KEY_BYTES: u8 = 3;
    pub(super) const SALT_BYTES: u8 = 4;
    pub(super) const PRF: u8 = 5;
    pub(super) const KEY_DERIVATION_RATE: u8 = 6;
    pub(super) const RTP_IS_ENCRYPTED: u8 = 7;
    pub(super) const RTCP_IS_ENCRYPTED: u8 = 8;
    pub(super) const IS_AUTHENTICATED: u8 = 10;
    pub(super) const TAG_BYTES: u8 = 11;
    pub(super) const PREFIX_BYTES: u8 = 12;
    pub(super) const AEAD_TAG_BYTES: u8 = 20;
}

const AES_CM: u64 = 1;
const AES_GCM: u64 = 6;
const HMAC_SHA1: u64 = 1;

/// A security policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Policy {
    pub(super) number: u8,
    /// The parameters with their values, in their order.
    params: Vec<(u8, Box<[u8]>)>,
}

impl Policy {
    /// The policy of a suite, as it is written.
    pub(super) fn of(suite: Suite) -> Self {
        let key_bytes = suite.key_bytes() as u8;
        let params: &[(u8, u8)] = if suite.is_aead() {
            &[
                (param::CIPHER, AES_GCM as u8),
                (param::CIPHER_KEY_BYTES, key_bytes),
                (param::AUTH, 0),
                (param::SALT_BYTES, suite.salt_bytes() as u8),
                (param::RTP_IS_ENCRYPTED, 1),
                (param::RTCP_IS_ENCRYPTED, 1),
                (param::AEAD_TAG_BYTES, suite.rtp_tag_bytes() as u8),
            ]
        } else {
            &[
                (param::CIPHER, AES_CM as u8),
                (param::CIPHER_KEY_BYTES, key_bytes),
                (param::AUTH, HMAC_SHA1 as u8),
                (param::AUTH_KEY_BYTES, 20),
                (param::RTP_IS_ENCRYPTED, 1),
                (param::RTCP_IS_ENCRYPTED, 1),
                (param::IS_AUTHENTICATED, 1),
                (param::TAG_BYTES, suite.rtp_tag_bytes() as u8),
            ]
        };
        let params = params.iter().map(|(kind, value)| (*kind, Box::from([*value]))).collect();
        Self { number: 0, params }
    }

    /// Reads a policy behind the type of the next payload.
    pub(super) fn read(reader: &mut Reader<'_>, tolerances: &mut Tolerances) -> Result<Self, MikeyError> {
        let number = reader.u8("policy number")?;
        reader.known("protocol of the policy", &[0])?;
        let len = reader.u16("length of the policy")?;
        let mut rest = reader.part("policy", len.into())?;
        let mut params = Vec::new();
        while !rest.rest().is_empty() {
            let kind = rest.u8("policy parameter")?;
            let len = rest.u8("length of a policy parameter")?;
            let value = rest.bytes("value of a policy parameter", len.into())?;
            if (kind, value) == (param::AUTH_KEY_BYTES, &[10])
                || (kind, value) == (param::AUTH_KEY_BYTES, &[4])
            {
                tolerances.record(Tolerance::MikeyAuthKeyLength);
            }
            params.push((kind, value.into()));
        }
        Ok(Self { number, params })
    }

    /// The policy as it is written, behind the type of the next payload.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut params = Vec::new();
        for (kind, value) in &self.params {
            params.extend([*kind, value.len() as u8]);
            params.extend_from_slice(value);
        }
        let [high, low] = (params.len() as u16).to_be_bytes();
        [&[self.number, 0, high, low], &*params].concat()
    }

    /// The suite that the policy is of. Parameters that are not there have the values that RFC 3830 gives them.
    pub(super) fn suite(&self) -> Result<Suite, MikeyError> {
        let cipher = self.one_of(param::CIPHER, &[AES_CM, AES_GCM], AES_CM)?;
        self.one_of(param::PRF, &[0], 0)?;
        self.one_of(param::KEY_DERIVATION_RATE, &[0], 0)?;
        self.one_of(param::RTP_IS_ENCRYPTED, &[1], 1)?;
        self.one_of(param::RTCP_IS_ENCRYPTED, &[1], 1)?;
        self.one_of(param::PREFIX_BYTES, &[0], 0)?;
        if cipher == AES_GCM {
            self.one_of(param::AEAD_TAG_BYTES, &[16], 16)?;
            self.one_of(param::SALT_BYTES, &[12], 12)?;
            return match self.one_of(param::CIPHER_KEY_BYTES, &[16, 32], 16)? {
                32 => Ok(Suite::AeadAes256Gcm),
                _ => Ok(Suite::AeadAes128Gcm),
            };
        }
        self.one_of(param::CIPHER_KEY_BYTES, &[16], 16)?;
        self.one_of(param::AUTH, &[HMAC_SHA1], HMAC_SHA1)?;
        self.one_of(param::SALT_BYTES, &[14], 14)?;
        self.one_of(param::IS_AUTHENTICATED, &[1], 1)?;
        // Some write the bytes of the tag where those of the key belong, which has 20: GStreamer, and gortsplib before 5.2.
        let written_as_key = self.one_of(param::AUTH_KEY_BYTES, &[20, 10, 4], 20)?;
        let tag_bytes = if written_as_key == 4 { 4 } else { 10 };
        match self.one_of(param::TAG_BYTES, &[10, 4], tag_bytes)? {
            4 => Ok(Suite::AesCm128HmacSha1_32),
            _ => Ok(Suite::AesCm128HmacSha1_80),
        }
    }

    /// The value of a parameter, which has to be one of those known.
    fn one_of(&self, parameter: u8, known: &[u64], default: u64) -> Result<u64, MikeyError> {
        let Some((_, bytes)) = self.params.iter().find(|(kind, _)| *kind == parameter) else {
            return Ok(default);
        };
        let value = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if known.contains(&value) { Ok(value) } else { Err(MikeyError::Policy { parameter, value }) }
    }
}
