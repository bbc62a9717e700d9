use crate::client::ClientConfig;
use crate::srtp::{BuiltIn, Ciphers, Suite};

/// How a client uses SRTP.
///
/// Medias that the server describes as SRTP are played as such with any of these settings, if the connection uses TLS. Media
/// that is published is protected if that is [wanted](Self::publish), or where a description says so ([`Profile::Savp`]).
///
/// ```
/// use rtspan_core::client::{ClientConfig, ClientSrtp};
/// use rtspan_core::srtp::Suite;
///
/// let policy = ClientSrtp::default().publish(Suite::AeadAes128Gcm);
/// let config = ClientConfig::default().srtp(policy);
/// ```
///
/// [`Profile::Savp`]: crate::Profile::Savp
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientSrtp {
    pub(in crate::client) publish: Option<Suite>,
    pub(in crate::client) suite: Option<Suite>,
    pub(in crate::client) without_tls: bool,
    pub(in crate::client) key_packets: Option<u64>,
    pub(in crate::client) ciphers: Option<&'static dyn Ciphers>,
}

impl ClientSrtp {
    /// Protects all that is published, by this suite. A server cannot say which it has: all have
    /// [`Suite::AesCm128HmacSha1_80`].
    #[must_use]
    pub fn publish(self, suite: Suite) -> Self {
        Self { publish: Some(suite), ..self }
    }

    /// Has the client's key be of this suite where it plays: by default it is of the server's suite, which every server takes.
    ///
    /// A server of rtspan answers with the suite of the client's key, and then sends by that. [`Suite::AeadAes128Gcm`] costs
    /// either side a quarter of [`Suite::AesCm128HmacSha1_80`], which it offers.
    #[must_use]
    pub fn suite(self, suite: Suite) -> Self {
        Self { suite: Some(suite), ..self }
    }

    /// Also tells and accepts keys over connections without TLS, where everybody on the way can read them; off by default.
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
        Self { ciphers: Some(ciphers), ..self }
    }

    pub(in crate::client) fn chosen_ciphers(&self) -> &'static dyn Ciphers {
        self.ciphers.unwrap_or(&BuiltIn)
    }
}

impl ClientConfig {
    /// How SRTP is used.
    #[must_use]
    pub fn srtp(mut self, srtp: ClientSrtp) -> Self {
        self.srtp = srtp;
        self
    }

    /// Takes AES-GCM from there, unless the [policy](Self::srtp) says from where. A runtime that has a fast one does so.
    #[must_use]
    pub fn ciphers(mut self, ciphers: &'static dyn Ciphers) -> Self {
        self.srtp.ciphers.get_or_insert(ciphers);
        self
    }
}
