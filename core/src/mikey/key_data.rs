//! A key in a message (RFC 3830, sections 6.13 and 6.14).

use std::fmt;

use zeroize::Zeroizing;

use super::MikeyError;
use super::reader::Reader;
use crate::srtp::{MasterKey, Suite};

/// The kinds of keys. One that others are derived from (TGK) is not among them: nothing that speaks RTSP sends one.
const TEK: u8 = 2;
const TEK_WITH_SALT: u8 = 3;
/// How a key is told apart from others.
const NO_VALIDITY: u8 = 0;
const SPI: u8 = 1;
const INTERVAL: u8 = 2;

/// A key, with its salt behind it or in a field of its own.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct KeyData {
    key: Zeroizing<Vec<u8>>,
    salt: Option<Box<[u8]>>,
    /// The identifier (SPI), which stands in each packet (MKI).
    mki: Box<[u8]>,
}

impl KeyData {
    /// The form in which a key is written: with a salt of its own for AEAD, as ONVIF has it, and joined otherwise, which
    /// everybody reads.
    pub(super) fn of(master: &MasterKey) -> Self {
        let mut key =
            Zeroizing::new(Vec::with_capacity(master.key().len().saturating_add(master.salt().len())));
        key.extend_from_slice(master.key());
        let salt = master.suite().is_aead().then(|| master.salt().into());
        if salt.is_none() {
            key.extend_from_slice(master.salt());
        }
        Self { key, salt, mki: master.mki().into() }
    }

    /// Reads a key behind the type of the next payload.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, MikeyError> {
        let offset = reader.offset();
        let kinds = reader.u8("kind of the key")?;
        let (kind, validity) = (kinds >> 4, kinds & 0xf);
        if !matches!(kind, TEK | TEK_WITH_SALT) {
            return Err(MikeyError::Unsupported { field: "kind of the key", offset, value: kind });
        }
        let len = reader.u16("length of the key")?;
        let key = Zeroizing::new(reader.bytes("key", len.into())?.to_vec());
        let salt = if kind == TEK_WITH_SALT {
            let len = reader.u16("length of the salt")?;
            Some(reader.bytes("salt", len.into())?.into())
        } else {
            None
        };
        let mut mki = Box::default();
        match validity {
            NO_VALIDITY => {}
            SPI => {
                let len = reader.u8("length of the key's identifier")?;
                mki = reader.bytes("identifier of the key", len.into())?.into();
            }
            INTERVAL => {
                for _ in 0..2 {
                    let len = reader.u8("length of the key's interval")?;
                    reader.bytes("interval of the key", len.into())?;
                }
            }
            value => {
                return Err(MikeyError::Unsupported { field: "validity of the key", offset, value });
            }
        }
        Ok(Self { key, salt, mki })
    }

    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let kind = if self.salt.is_some() { TEK_WITH_SALT } else { TEK };
        let validity = if self.mki.is_empty() { NO_VALIDITY } else { SPI };
        to.push(kind << 4 | validity);
        to.extend((self.key.len() as u16).to_be_bytes());
        to.extend_from_slice(&self.key);
        if let Some(salt) = &self.salt {
            to.extend((salt.len() as u16).to_be_bytes());
            to.extend_from_slice(salt);
        }
        if !self.mki.is_empty() {
            to.push(self.mki.len() as u8);
            to.extend_from_slice(&self.mki);
        }
    }

    /// The master key that this is, for a suite.
    pub(super) fn master_key(&self, suite: Suite) -> Result<MasterKey, MikeyError> {
        let key = match &self.salt {
            Some(salt) => MasterKey::new(suite, &self.key, salt),
            None => MasterKey::from_joined(suite, &self.key),
        };
        key.and_then(|key| key.with_mki(self.mki.clone())).map_err(MikeyError::Key)
    }
}

impl fmt::Debug for KeyData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyData").field("mki", &self.mki).finish_non_exhaustive()
    }
}
