//! MIKEY: messages that agree on the keys of SRTP (RFC 3830), as RTSP carries them (RFC 4567).
//!
//! This needs the feature `srtp`. Cameras and servers use one form of MIKEY, and this is it: the key travels in the clear,
//! inside a connection that TLS protects. A message stands in a description ([`Media::key_mgmt`](crate::Media::key_mgmt)) and in
//! the header KeyMgmt ([`KeyMgmt`](crate::header::KeyMgmt)); later ones replace a key.
//!
//! # Examples
//!
//! ```
//! use rtspan_core::mikey::Message;
//! use rtspan_core::srtp::{MasterKey, ReceiveContext, SendContext, Suite};
//! use rtspan_core::{NtpTime, Tolerances};
//!
//! let key = MasterKey::from_seed(Suite::AeadAes128Gcm, [7; 32]).with_mki([0, 0, 0, 1])?;
//! let sender = SendContext::new(&key);
//! let (csb_id, rand) = (5, [9; 16]); // of a source of chance
//! let now = NtpTime::from_bits(0);
//! let text = Message::new(csb_id, rand, now, &key, sender.rocs().chain([(7, 0)])).to_base64();
//!
//! let message = Message::from_base64(&text, &mut Tolerances::NONE)?;
//! let keys = message.master_keys(None)?;
//! let mut receiver = ReceiveContext::new(&keys[0]);
//! for session in message.sessions() {
//!     receiver.set_roc(session.ssrc, session.roc)?;
//! }
//! assert_eq!(keys, [key]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod key_data;
mod message;
mod policy;
mod read;
mod reader;
mod write;

pub use error::MikeyError;
pub use message::{CryptoSession, Message};

/// The types of payloads (RFC 3830, section 6.1).
mod payload {
    pub(super) const LAST: u8 = 0;
    pub(super) const KEY_TRANSPORT: u8 = 1;
    pub(super) const TIME: u8 = 5;
    pub(super) const ID: u8 = 6;
    pub(super) const POLICY: u8 = 10;
    pub(super) const RAND: u8 = 11;
    pub(super) const ERROR: u8 = 12;
    pub(super) const KEY: u8 = 20;
    pub(super) const EXTENSION: u8 = 21;
}

#[cfg(test)]
mod tests;
