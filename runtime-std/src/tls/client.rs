use std::fmt;
use std::sync::{Arc, OnceLock};

use rtspan_core::tls::{Fingerprint, TlsError};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::verify::{Checked, Trust};
use super::{TlsConfigError, provider};
use crate::link::session::Session;

/// The servers that a client trusts over TLS, and the certificate that it shows itself.
///
/// By default it trusts the roots of the system, as a browser does. Cameras mostly have certificates that they have signed
/// themselves; those are pinned:
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use rtspan_std::Client;
/// use rtspan_std::tls::ClientTls;
///
/// let pin = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".parse()?;
/// let packets = Client::builder("rtsps://camera/main")?.tls(ClientTls::pinned(pin)).play()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientTls {
    of: Of,
    server_name: Option<ServerName<'static>>,
}

#[derive(Clone)]
enum Of {
    /// The roots of the system, which are read when the first connection needs them.
    System {
        identity: Option<Arc<Identity>>,
        made: Arc<OnceLock<Arc<ClientConfig>>>,
    },
    Made(Trusted, Arc<ClientConfig>),
    /// A configuration of the user's.
    Brought(Arc<ClientConfig>),
}

/// Trust that needs nothing of the system.
#[derive(Clone)]
enum Trusted {
    Roots(Arc<RootCertStore>),
    Pinned(Fingerprint),
    Any,
}

/// A certificate with its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Default for ClientTls {
    fn default() -> Self {
        Self::system()
    }
}

impl ClientTls {
    /// Trusts the roots of the system.
    pub fn system() -> Self {
        Self { of: Of::System { identity: None, made: Arc::default() }, server_name: None }
    }

    /// Trusts these roots only.
    ///
    /// # Errors
    ///
    /// No certificate can be checked against them.
    pub fn roots(roots: RootCertStore) -> Result<Self, TlsConfigError> {
        Self::made(Trusted::Roots(Arc::new(roots)), None)
    }

    /// Trusts the roots that stand in a PEM file only.
    ///
    /// # Errors
    ///
    /// The text has no certificate that can be read.
    pub fn roots_pem(pem: &[u8]) -> Result<Self, TlsConfigError> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            roots.add(root?)?;
        }
        if roots.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        Self::roots(roots)
    }

    /// Trusts the server whose own certificate has this SHA-256, with any name, time and issuer.
    pub fn pinned(certificate: Fingerprint) -> Self {
        Self::of_trust(Trusted::Pinned(certificate))
    }

    /// **Trusts every server.** Whoever is on the way can read all that is sent, passwords too, and change it.
    ///
    /// It is for finding out what a server is, never for daily use: [`pinned`](Self::pinned) is as easy and safe.
    pub fn dangerous_any() -> Self {
        Self::of_trust(Trusted::Any)
    }

    /// Uses a configuration of rustls as it is, with the cryptography, the roots and the certificates that it has.
    pub fn config(config: Arc<ClientConfig>) -> Self {
        Self { of: Of::Brought(config), server_name: None }
    }

    /// Shows this certificate to servers that ask for one: a chain and its key, both as PEM.
    ///
    /// # Errors
    ///
    /// They cannot be read or do not belong together; or the configuration is one of [`config`](Self::config), which has its
    /// own.
    pub fn identity_pem(self, chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>()?;
        if chain.is_empty() {
            return Err(TlsConfigError::NoCertificate);
        }
        let identity = Some(Arc::new(Identity { chain, key: PrivateKeyDer::from_pem_slice(key)? }));
        let of = match self.of {
            Of::System { .. } => Of::System { identity, made: Arc::default() },
            Of::Made(trusted, _) => Self::made(trusted, identity.as_deref())?.of,
            Of::Brought(_) => return Err(TlsConfigError::Brought),
        };
        Ok(Self { of, ..self })
    }

    /// Asks for this name and expects it in the certificate, instead of the host of the URL: for a server that is reached by
    /// its address.
    #[must_use]
    pub fn server_name(self, name: ServerName<'static>) -> Self {
        Self { server_name: Some(name), ..self }
    }

    fn of_trust(trusted: Trusted) -> Self {
        match Self::made(trusted, None) {
            Ok(made) => made,
            // Neither needs roots, and there is no certificate of its own that could be wrong.
            Err(error) => unreachable!("{error}"),
        }
    }

    fn made(trusted: Trusted, identity: Option<&Identity>) -> Result<Self, TlsConfigError> {
        let config = configure(&trusted, identity)?;
        Ok(Self { of: Of::Made(trusted, Arc::new(config)), server_name: None })
    }

    /// Begins a connection to a host, which may be an address.
    pub(crate) fn connect(&self, host: &str) -> Result<Session, TlsError> {
        let config = match &self.of {
            Of::Made(_, config) | Of::Brought(config) => Arc::clone(config),
            Of::System { identity, made } => match made.get() {
                Some(config) => Arc::clone(config),
                None => {
                    let config = system_roots()
                        .and_then(|roots| configure(&Trusted::Roots(Arc::new(roots)), identity.as_deref()));
                    let config =
                        config.map_err(|error| TlsError::Failed(std::io::Error::other(error).into()))?;
                    Arc::clone(made.get_or_init(|| Arc::new(config)))
                }
            },
        };
        // The zone of a link-local address is this machine's own.
        let host = host.split_once('%').map_or(host, |(address, _)| address);
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).map_err(|error| {
                TlsError::Failed(std::io::Error::new(std::io::ErrorKind::InvalidInput, error).into())
            })?,
        };
        Session::client(config, name)
    }
}

fn system_roots() -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    // Some of the roots of a system may be broken; the others are good.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsConfigError::NoRoots) } else { Ok(roots) }
}

fn configure(trusted: &Trusted, identity: Option<&Identity>) -> Result<ClientConfig, TlsConfigError> {
    let provider = provider();
    let trust = match trusted {
        Trusted::Roots(roots) => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(&provider));
            Trust::Roots(verifier.build()?)
        }
        Trusted::Pinned(fingerprint) => Trust::Pinned(*fingerprint),
        Trusted::Any => Trust::Any,
    };
    let verifier = Arc::new(Checked::new(trust, Arc::clone(&provider)));
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?,
    })
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trust: &dyn fmt::Debug = match &self.of {
            Of::System { .. } => &"the system's roots",
            Of::Made(Trusted::Roots(_), ..) => &"given roots",
            Of::Made(Trusted::Pinned(pin), ..) => pin,
            Of::Made(Trusted::Any, ..) => &"any",
            Of::Brought(_) => &"a given configuration",
        };
        f.debug_struct("ClientTls").field("trust", trust).field("server_name", &self.server_name).finish()
    }
}
