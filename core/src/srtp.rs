//! SRTP and SRTCP: RTP and RTCP that are encrypted and authenticated (RFC 3711, 6188 and 7714).
//!
//! This needs the feature `srtp`. Nothing here depends on RTSP: a program that has agreed on a key in another way protects
//! its packets by a [`SendContext`], and its peer takes them by a [`ReceiveContext`].
//!
//! ```text
//! MasterKey ─▶ SendContext::protect ─────▶ sent bytes
//! MasterKey ─▶ ReceiveContext::unprotect ◀─ received bytes, decrypted in place
//! ```
//!
//! # Examples
//!
//! ```
//! use bytes::BytesMut;
//! use rtspan_core::srtp::{MasterKey, ReceiveContext, SendContext, Suite, UnprotectError};
//!
//! let secret = [7; 32]; // of a source of chance, and new for each key
//! let key = MasterKey::from_seed(Suite::AeadAes128Gcm, secret);
//! let (mut sender, mut receiver) = (SendContext::new(&key), ReceiveContext::new(&key));
//!
//! let packet = b"\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07picture";
//! let mut wire = BytesMut::new();
//! sender.protect_into(packet, &mut wire)?;
//! let mut copy = wire.clone();
//!
//! let len = receiver.unprotect(&mut wire)?;
//! assert_eq!(&wire[..len], packet);
//! assert_eq!(receiver.unprotect(&mut copy), Err(UnprotectError::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rollover counters and keys
//!
//! A packet carries the lower 16 bits of its number; the upper 32, the rollover counter, are counted by both sides. A
//! receiver that begins later has to be told it ([`ReceiveContext::set_roc`]), as MIKEY does. One that was not told, or was
//! told too early, finds it again by the tags of the packets that come.
//!
//! A key lasts for 2^48 packets of RTP and 2^31 compounds of RTCP, or as long as
//! [`with_lifetime`](MasterKey::with_lifetime) says. Before that [`SendContext::is_expiring`] tells that another is needed;
//! behind it nothing is protected any more.

mod cipher;
mod error;
mod header;
mod key;
mod keyring;
mod receive;
mod send;
mod session;
mod source;
mod suite;

pub use crate::keying::KeyingError;
pub use cipher::{AEAD_TAG_BYTES, Aead, BuiltIn, Ciphers};
pub use error::{KeyError, ProtectError, UnprotectError};
pub use key::MasterKey;
pub use receive::ReceiveContext;
pub use send::SendContext;
pub use suite::Suite;

#[cfg(test)]
mod tests;
