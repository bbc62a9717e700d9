use crate::client::ClientConfig;
use crate::srtp::{BuiltIn, Ciphers, Suite};

/// How a client uses SRTP.
///
/// What the server describes as SRTP is played as such whatever stands here, if the connection is one over TLS. What is
/// published is protected if that is [wanted](Self::publish), or where a description says so ([`Profile::Savp`]).
///
/// ```
/// use rtspan_core::client::{ClientConfig, SrtpPolicy};
/// use rtspan_core::srtp::Suite;
///
/// let policy = SrtpPolicy::default().publish(Suite::AeadAes128Gcm);
/// let config = ClientConfig::default().srtp(policy);
/// ```
///
/// [`Profile::Savp`]: crate::Profile::Savp
#[derive(Clone, Copy, Debug)]
pub struct SrtpPolicy {
    pub(in crate::client) publish: Option<Suite>,
    pub(in crate::client) without_tls: bool,
    pub(in crate::client) key_packets: Option<u64>,
    pub(in crate::client) ciphers: &'static dyn Ciphers,
}

impl Default for SrtpPolicy {
    fn default() -> Self {
        Self { publish: None, without_tls: false, key_packets: None, ciphers: &BuiltIn }
    }
}

impl SrtpPolicy {
    /// Protects all that is published, by this suite. A server cannot say which it has: all have
    /// [`Suite::AesCm128HmacSha1_80`].
    #[must_use]
    pub fn publish(self, suite: Suite) -> Self {
        Self { publish: Some(suite), ..self }
    }

    /// Also tells and takes keys over connections without TLS, where whoever is on the way reads them; off by default.
    #[must_use]
    pub fn without_tls(self, without_tls: bool) -> Self {
        Self { without_tls, ..self }
    }

    /// Agrees on another key before so many packets of a media are sent under one; by default before the 2^48 that the
    /// standard allows.
    #[must_use]
    pub fn key_packets(self, key_packets: u64) -> Self {
        Self { key_packets: Some(key_packets), ..self }
    }

    /// Takes AES-GCM from there.
    #[must_use]
    pub fn ciphers(self, ciphers: &'static dyn Ciphers) -> Self {
        Self { ciphers, ..self }
    }
}

impl ClientConfig {
    /// How SRTP is used.
    #[must_use]
    pub fn srtp(mut self, srtp: SrtpPolicy) -> Self {
        self.srtp = srtp;
        self
    }
}
