//! Keys that the two ends of a session tell each other (RFC 4567), and media that is protected by them.
//!
//! Each end protects what it sends by a key of its own ([`OwnKey`], [`Sealer`]), and is told the key of the other
//! ([`PeerKeys`], [`Opener`]). Without the feature `srtp` there is no value of any of these types; so what moves media has them
//! as options, and knows nothing of the feature.

#[cfg(not(feature = "srtp"))]
mod absent;
#[cfg(feature = "srtp")]
mod error;
#[cfg(feature = "srtp")]
mod opener;
#[cfg(feature = "srtp")]
mod own;
#[cfg(feature = "srtp")]
mod peer;
#[cfg(feature = "srtp")]
mod sealer;

#[cfg(not(feature = "srtp"))]
pub(crate) use absent::{Opener, PeerKeys, Sealer};
#[cfg(feature = "srtp")]
pub use error::KeyingError;
#[cfg(feature = "srtp")]
pub(crate) use opener::Opener;
#[cfg(feature = "srtp")]
pub(crate) use own::OwnKey;
#[cfg(feature = "srtp")]
pub(crate) use peer::PeerKeys;
#[cfg(feature = "srtp")]
pub(crate) use sealer::Sealer;

#[cfg(all(test, feature = "srtp"))]
mod tests;
