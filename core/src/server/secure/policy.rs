use super::super::ServerConfig;
use super::Server;
use crate::ConnId;
use crate::srtp::{BuiltIn, Ciphers, Suite};

/// The cases in which a server encrypts media (SRTP).
///
/// Keys travel in messages of RTSP, so that they are secret only if TLS protects those.
///
/// ```
/// use rtspan_core::server::{ServerConfig, SrtpPolicy};
///
/// let config = ServerConfig::default().srtp(SrtpPolicy::Offer);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SrtpPolicy {
    /// Nowhere: RTP/SAVP is refused with 461.
    Off,
    /// If a peer asks for it over TLS (the default).
    ///
    /// Descriptions do not speak of it, so that readers which know nothing of SRTP, such as FFmpeg, go on as before.
    #[default]
    Accept,
    /// The same, and descriptions offer it to readers over TLS: RTP/SAVP, with the keys.
    ///
    /// Most readers then use it, also for media within the TLS connection, where it encrypts a second time. One that knows
    /// nothing of it may still ask for RTP/AVP.
    Offer,
    /// The same, also where there is no TLS. **Whoever reads along has the keys**: this is for networks that are secret in
    /// another way, for a TLS that ends at a proxy in front of the server, and for tests.
    OfferWithoutTls,
}

/// The settings of SRTP.
#[derive(Clone, Debug)]
pub(in super::super) struct Settings {
    pub(super) policy: SrtpPolicy,
    pub(super) suites: Vec<Suite>,
    offer: Suite,
    pub(super) key_per_reader: bool,
    ciphers: Option<&'static dyn Ciphers>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: SrtpPolicy::default(),
            suites: Suite::ALL.into(),
            offer: Suite::AesCm128HmacSha1_80,
            key_per_reader: false,
            ciphers: None,
        }
    }
}

impl Settings {
    /// The suite of what is offered, if it is allowed, and otherwise the first that is.
    pub(super) fn offered(&self) -> Option<Suite> {
        self.suites.iter().find(|suite| **suite == self.offer).or_else(|| self.suites.first()).copied()
    }

    pub(super) fn ciphers(&self) -> &'static dyn Ciphers {
        self.ciphers.unwrap_or(&BuiltIn)
    }
}

impl ServerConfig {
    /// Where media is encrypted by SRTP ([`SrtpPolicy::Accept`] by default).
    #[must_use]
    pub fn srtp(mut self, policy: SrtpPolicy) -> Self {
        self.srtp.policy = policy;
        self
    }

    /// The cipher suites that may be used ([`Suite::ALL`] by default). A peer that tells keys of its own has the suite of those.
    #[must_use]
    pub fn srtp_suites(mut self, suites: impl IntoIterator<Item = Suite>) -> Self {
        self.srtp.suites = suites.into_iter().collect();
        self
    }

    /// The suite of the keys in descriptions, and of readers that tell none of their own
    /// ([`Suite::AesCm128HmacSha1_80`] by default; where it is not allowed, the first that is).
    ///
    /// The default is what everybody knows. GStreamer 1.22 takes its keys from the description and from nowhere else; live555, and
    /// so VLC, and gortsplib, and so MediaMTX, know no other suite.
    #[must_use]
    pub fn srtp_offer(mut self, suite: Suite) -> Self {
        self.srtp.offer = suite;
        self
    }

    /// Gives each reader keys of its own (`false` by default: readers of a stream share them).
    ///
    /// Then a reader that has left can read no further, but the packets of a stream are encrypted and kept once for each
    /// reader.
    #[must_use]
    pub fn srtp_key_per_reader(mut self, key_per_reader: bool) -> Self {
        self.srtp.key_per_reader = key_per_reader;
        self
    }

    /// The ciphers that are used in the place of those that are built in, or that the runtime has.
    #[must_use]
    pub fn srtp_ciphers(mut self, ciphers: &'static dyn Ciphers) -> Self {
        self.srtp.ciphers = Some(ciphers);
        self
    }

    /// The same where none were chosen: those that a runtime has.
    #[must_use]
    pub fn srtp_ciphers_of_runtime(mut self, ciphers: &'static dyn Ciphers) -> Self {
        self.srtp.ciphers.get_or_insert(ciphers);
        self
    }
}

impl Server {
    /// Returns `true` if a peer may use SRTP.
    pub(in super::super) fn takes_srtp(&self, conn: ConnId) -> bool {
        match self.config.srtp.policy {
            _ if self.config.srtp.suites.is_empty() => false,
            SrtpPolicy::Off => false,
            SrtpPolicy::Accept | SrtpPolicy::Offer => self.is_secured(conn),
            SrtpPolicy::OfferWithoutTls => true,
        }
    }

    /// Returns `true` if SRTP is offered in the descriptions that a peer is sent.
    pub(super) fn offers_srtp(&self, conn: ConnId) -> bool {
        self.config.srtp.policy != SrtpPolicy::Accept && self.takes_srtp(conn)
    }
}
