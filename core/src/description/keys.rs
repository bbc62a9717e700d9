//! The keys that a description carries: `a=key-mgmt` (RFC 4567) and `a=crypto` (RFC 4568).

use std::fmt;

use super::{Attribute, Description, Media};
use crate::header::{KeyMgmt, number};
use crate::limits::{SOURCES_MAX, SRTP_CRYPTO_MAX};

const KEY_MGMT: &str = "key-mgmt";
const CRYPTO: &str = "crypto";
const SSRC: &str = "ssrc";

impl Description {
    /// The same description without keys (`a=key-mgmt` and `a=crypto`), which are of no use to anybody but whom they were told.
    #[must_use]
    pub fn without_keys(mut self) -> Self {
        let medias = self.medias.iter_mut().map(|media| &mut media.attributes);
        for attributes in medias.chain([&mut self.attributes]) {
            attributes.retain(|attribute| !is_of_keys(attribute));
        }
        self
    }

    /// The messages of key management for all medias (`a=key-mgmt` in front of them).
    pub fn key_mgmt(&self) -> impl Iterator<Item = KeyMgmt> {
        key_mgmt(&self.attributes)
    }
}

impl Media {
    /// The messages of key management for the media (`a=key-mgmt`), of whatever protocol.
    ///
    /// One that cannot be read is left out.
    pub fn key_mgmt(&self) -> impl Iterator<Item = KeyMgmt> {
        key_mgmt(&self.attributes)
    }

    /// Says that the media has these sources.
    pub fn set_ssrcs(&mut self, ssrcs: impl IntoIterator<Item = u32>) {
        self.attributes.retain(|attribute| !attribute.name.eq_ignore_ascii_case(SSRC));
        // It has to say something of each: that it is of no stream of WebRTC.
        let named = ssrcs.into_iter().map(|ssrc| Attribute::new(SSRC, format!("{ssrc} msid:-")));
        self.attributes.extend(named);
    }

    /// The keys that the media carries in the clear (`a=crypto`).
    ///
    /// RTSP agrees on keys by MIKEY; some devices and FFmpeg's muxer write these. One that cannot be read is left out, and
    /// so are those beyond [`SRTP_CRYPTO_MAX`].
    pub fn crypto(&self) -> impl Iterator<Item = Crypto> {
        values(&self.attributes, CRYPTO).filter_map(Crypto::parse).take(SRTP_CRYPTO_MAX)
    }

    /// The sources that the media says it has (`a=ssrc`, RFC 5576), each once, those beyond
    /// [`SOURCES_MAX`] left out.
    ///
    /// A client that publishes tells the server a key for them, without which GStreamer's server takes no packet of a source.
    /// Those of the client's own [`FrameWriter`](crate::frame::FrameWriter) it knows.
    pub fn ssrcs(&self) -> impl Iterator<Item = u32> {
        let mut ssrcs = Vec::new();
        for value in values(&self.attributes, SSRC) {
            let ssrc = value.split_ascii_whitespace().next().and_then(number);
            ssrcs.extend(ssrc.filter(|ssrc| ssrcs.len() < SOURCES_MAX && !ssrcs.contains(ssrc)));
        }
        ssrcs.into_iter()
    }
}

/// Returns true for an attribute that holds keys.
pub(super) fn is_of_keys(attribute: &Attribute) -> bool {
    [KEY_MGMT, CRYPTO].iter().any(|name| attribute.name.eq_ignore_ascii_case(name))
}

fn key_mgmt(attributes: &[Attribute]) -> impl Iterator<Item = KeyMgmt> {
    values(attributes, KEY_MGMT).filter_map(KeyMgmt::from_attribute)
}

fn values<'a>(attributes: &'a [Attribute], name: &'static str) -> impl Iterator<Item = &'a str> {
    let of_name = attributes.iter().filter(move |attribute| attribute.name.eq_ignore_ascii_case(name));
    of_name.filter_map(|attribute| attribute.value.as_deref())
}

/// A key in a description: `a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:…|2^31|1:4` (RFC 4568, section 9.1).
///
/// [`Debug`] does not show the key.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct Crypto {
    /// The number of the attribute.
    pub tag: u32,
    /// The name of the cipher suite.
    pub suite: Box<str>,
    /// The parameters of the first key, behind `inline:`.
    pub inline: Box<str>,
    /// Further parameters of the session.
    pub session: Box<str>,
}

impl Crypto {
    fn parse(value: &str) -> Option<Self> {
        let mut parts = value.trim_ascii().splitn(4, [' ', '\t']);
        let tag = number(parts.next()?)?;
        let suite = parts.next().filter(|suite| !suite.is_empty())?;
        let keys = parts.next()?;
        let (method, inline) = keys.split(';').next()?.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || inline.is_empty() {
            return None;
        }
        let session = parts.next().unwrap_or_default().trim_ascii();
        Some(Self { tag, suite: suite.into(), inline: inline.into(), session: session.into() })
    }

    /// The master key, with its identifier and its lifetime; `None` if the suite is not known, the key not one of it, or
    /// the parameters ask for what is not supported.
    #[cfg(feature = "srtp")]
    pub fn master_key(&self) -> Option<crate::srtp::MasterKey> {
        use crate::srtp::{MasterKey, Suite};

        if !self.session.is_empty() {
            return None;
        }
        let mut parts = self.inline.split('|');
        let key = crate::base64::decode(parts.next()?)?;
        let mut key = MasterKey::from_joined(Suite::from_name(&self.suite)?, &key).ok()?;
        for part in parts {
            key = match part.split_once(':') {
                Some((mki, length)) => key.with_mki(identifier(number(mki)?, number(length)?)?).ok()?,
                None => key.with_lifetime(lifetime(part)?),
            };
        }
        Some(key)
    }
}

/// The bytes of an identifier that is told as a number.
#[cfg(feature = "srtp")]
fn identifier(mki: u128, length: usize) -> Option<Box<[u8]>> {
    let bytes = mki.to_be_bytes();
    let (zeros, rest) = bytes.split_at_checked(bytes.len().checked_sub(length)?)?;
    zeros.iter().all(|byte| *byte == 0).then(|| rest.into())
}

/// A number of packets, such as `2^20`.
#[cfg(feature = "srtp")]
fn lifetime(text: &str) -> Option<u64> {
    match text.strip_prefix("2^") {
        Some(power) => 1_u64.checked_shl(number(power)?),
        None => number(text),
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("tag", &self.tag)
            .field("suite", &self.suite)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
