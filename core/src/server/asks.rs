use std::ops::BitOr;

use super::Server;
use crate::auth::is_at;
use crate::url::canonical;

/// The decisions that the application takes itself; the others are taken by default.
///
/// ```
/// use rtspan_core::server::{Asks, ServerConfig};
///
/// let asks = Asks::DESCRIBE | Asks::ANNOUNCE;
/// assert!(asks.contains(Asks::ANNOUNCE) && !asks.contains(Asks::PLAY));
/// let config = ServerConfig::default().asks(asks);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Asks(u16);

impl Asks {
    /// None: every default holds.
    pub const NONE: Self = Self(0);
    /// DESCRIBE, whether something is published at the path or not; the default tells what is published (404 if nothing is).
    pub const DESCRIBE: Self = Self(1);
    /// ANNOUNCE; the default accepts the first publisher, if publishers are allowed at all.
    pub const ANNOUNCE: Self = Self(1 << 1);
    /// SETUP of a track, to be read or to be published; the default accepts.
    pub const SETUP: Self = Self(1 << 2);
    /// PLAY; the default accepts.
    pub const PLAY: Self = Self(1 << 3);
    /// RECORD; the default accepts.
    pub const RECORD: Self = Self(1 << 4);
    /// GET_PARAMETER with a body; the default is 451.
    pub const GET_PARAMETER: Self = Self(1 << 5);
    /// SET_PARAMETER with a body; the default is 451.
    pub const SET_PARAMETER: Self = Self(1 << 6);
    /// Every request that needs a right; the default is to look in [`ServerConfig::users`](super::ServerConfig::users), which is not
    /// used then.
    pub const AUTHENTICATE: Self = Self(1 << 7);
    /// PAUSE of a session that plays or records; the default accepts.
    pub const PAUSE: Self = Self(1 << 8);
    /// SETUP of a back channel, in the place of [`SETUP`](Self::SETUP); the default accepts.
    pub const SPEAK: Self = Self(1 << 9);

    /// Returns `true` if all of `other` are asked.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Asks {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The decisions that the application takes at the paths of patterns.
#[derive(Clone, Debug, Default)]
pub(super) struct AsksAt(Vec<(Box<str>, Asks)>);

impl AsksAt {
    pub(super) fn add(&mut self, paths: &str, asks: Asks) {
        self.0.push((canonical(paths).into(), asks));
    }

    pub(super) fn contain(&self, asks: Asks, path: &str) -> bool {
        self.0.iter().any(|(paths, own)| own.contains(asks) && is_at(paths, path))
    }

    pub(super) fn contain_anywhere(&self, asks: Asks) -> bool {
        self.0.iter().any(|(_, own)| own.contains(asks))
    }
}

impl Server {
    /// Replaces the decisions that the application takes at the paths of patterns
    /// ([`ServerConfig::asks_at`](super::ServerConfig::asks_at)). What was asked before still waits for its answer.
    pub fn set_asks_at<P: AsRef<str>>(&mut self, asks: impl IntoIterator<Item = (P, Asks)>) {
        self.config.asks_at = AsksAt::default();
        asks.into_iter().for_each(|(paths, asks)| self.config.asks_at.add(paths.as_ref(), asks));
    }
}
