use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rtspan_core::tls::{Fingerprint, TlsError};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{TlsConfigError, provider};
use crate::link::session::Session;

/// The certificate of a server, and the certificates that it asks its clients for.
///
/// Clones are handles to the same: a certificate that is [replaced](Self::replace_pem) is the one that every connection from
/// then on is shown, while those that there are go on.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rtspan_std::Server;
/// use rtspan_std::tls::ServerTls;
///
/// let tls = ServerTls::from_pem_files("chain.pem", "key.pem")?;
/// let server = Server::builder().tls(tls.clone()).bind("0.0.0.0:322")?;
/// // Later, when it was renewed:
/// tls.replace_pem(&std::fs::read("chain.pem")?, &std::fs::read("key.pem")?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServerTls(Arc<RwLock<Shown>>);

/// The configuration as it is now.
struct Shown {
    config: Arc<ServerConfig>,
    fingerprint: Option<Fingerprint>,
    clients: Clients,
}

/// The certificates that clients are asked for.
#[derive(Clone)]
enum Clients {
    NotAsked,
    Asked {
        roots: Arc<RootCertStore>,
        is_required: bool,
    },
    /// The configuration is the user's, and says it.
    Brought,
}

impl ServerTls {
    /// Shows this certificate: a chain, which begins with the server's own, and its key, both as PEM.
    ///
    /// # Errors
    ///
    /// They cannot be read or do not belong together.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Self::made(chain, key, Clients::NotAsked)
    }

    /// The same from files.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), or a file cannot be read.
    pub fn from_pem_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsConfigError> {
        let read = |path: &Path| std::fs::read(path).map_err(rustls::pki_types::pem::Error::Io);
        Self::from_pem(&read(chain.as_ref())?, &read(key.as_ref())?)
    }

    /// Uses a configuration of rustls as it is.
    pub fn config(config: Arc<ServerConfig>) -> Self {
        let shown = Shown { config, fingerprint: None, clients: Clients::Brought };
        Self(Arc::new(RwLock::new(shown)))
    }

    /// Asks clients for a certificate of these roots. One that shows another is refused, and so is one that shows none if it
    /// `is_required`.
    ///
    /// The certificate that a client shows stands in questions and lists ([`Secured`](super::Secured)).
    ///
    /// # Errors
    ///
    /// Nothing can be checked against the roots, or the configuration is one of [`config`](Self::config), which has its own.
    pub fn client_certificates(
        self,
        roots: RootCertStore,
        is_required: bool,
    ) -> Result<Self, TlsConfigError> {
        let clients = Clients::Asked { roots: Arc::new(roots), is_required };
        let (config, fingerprint) = {
            let shown = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if matches!(shown.clients, Clients::Brought) {
                return Err(TlsConfigError::Brought);
            }
            let mut config = (*shown.config).clone();
            let resolver = Arc::clone(&config.cert_resolver);
            config = builder(&clients)?.with_cert_resolver(resolver);
            (Arc::new(config), shown.fingerprint)
        };
        Ok(Self(Arc::new(RwLock::new(Shown { config, fingerprint, clients }))))
    }

    /// Shows another certificate from now on.
    ///
    /// # Errors
    ///
    /// As [`from_pem`](Self::from_pem), or the configuration is one of [`config`](Self::config); then nothing has changed.
    pub fn replace_pem(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsConfigError> {
        let clients = self.0.read().unwrap_or_else(PoisonError::into_inner).clients.clone();
        let made = shown(chain, key, clients)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = made;
        Ok(())
    }

    /// Uses another configuration of rustls from now on.
    pub fn replace_config(&self, config: Arc<ServerConfig>) {
        let shown = Shown { config, fingerprint: None, clients: Clients::Brought };
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// The configuration that connections are begun with now, for other protocols beside RTSP that show the same certificate.
    pub fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// The SHA-256 of the server's own certificate, for clients that pin it; `None` for a [configuration](Self::config) that
    /// was brought.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).fingerprint
    }

    fn made(chain: &[u8], key: &[u8], clients: Clients) -> Result<Self, TlsConfigError> {
        Ok(Self(Arc::new(RwLock::new(shown(chain, key, clients)?))))
    }

    /// Begins a connection.
    pub(crate) fn accept(&self) -> Result<Session, TlsError> {
        Session::server(self.current())
    }
}

fn shown(chain: &[u8], key: &[u8], clients: Clients) -> Result<Shown, TlsConfigError> {
    let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
    let own = chain.first().ok_or(TlsConfigError::NoCertificate)?;
    let fingerprint = Some(Fingerprint::of(own));
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let config = Arc::new(builder(&clients)?.with_single_cert(chain, key)?);
    Ok(Shown { config, fingerprint, clients })
}

type Builder = rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>;

fn builder(clients: &Clients) -> Result<Builder, TlsConfigError> {
    let provider = provider();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    Ok(match clients {
        Clients::NotAsked => builder.with_no_client_auth(),
        Clients::Asked { roots, is_required } => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider);
            let verifier = if *is_required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build()?)
        }
        Clients::Brought => return Err(TlsConfigError::Brought),
    })
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerTls").field(&self.fingerprint()).finish()
    }
}
