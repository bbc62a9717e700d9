//! The certificates by which the tool knows the servers that it asks over HTTPS or TLS.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Certificates of authorities.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Trust(Option<Vec<CertificateDer<'static>>>);

/// The text has no certificate in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no certificate in it; expected PEM, which begins with -----BEGIN CERTIFICATE-----")]
pub struct NoCertificate;

impl Trust {
    /// The certificates of a file in PEM, and no others; [`Default`] are those that the system trusts.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn pem(text: &[u8]) -> Result<Self, NoCertificate> {
        let roots = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>();
        let roots = roots.map_err(|_| NoCertificate)?;
        if roots.is_empty() { Err(NoCertificate) } else { Ok(Self(Some(roots))) }
    }

    fn roots(&self) -> Vec<CertificateDer<'static>> {
        self.0.clone().unwrap_or_else(|| rustls_native_certs::load_native_certs().certs)
    }

    /// For requests of HTTP by ureq.
    pub fn of_http(&self) -> TlsConfig {
        let roots = self.roots();
        let roots: Vec<_> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(default_provider()))
            .build()
    }

    /// For other connections.
    pub(crate) fn of_tls(&self) -> Result<Arc<ClientConfig>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.roots());
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions()?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Some(roots) => write!(f, "Trust({} certificates)", roots.len()),
            None => f.write_str("Trust(system)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_told() {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let trust = Trust::pem(own.cert.pem().as_bytes()).unwrap();
        assert_eq!(trust.roots(), [own.cert.der().clone()]);
        assert!(trust.of_tls().is_ok());
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\n???\n-----END CERTIFICATE-----\n"] {
            assert_eq!(Trust::pem(text.as_bytes()), Err(NoCertificate), "{text}");
        }
    }
}
