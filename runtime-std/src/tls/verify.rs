//! The check of a server's certificate, whose error tells the certificate.

use std::sync::Arc;

use rtspan_core::tls::{CertificateError, CertificateProblem, Fingerprint};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError as Cause, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::error::problem;

/// The certificates that are trusted.
#[derive(Debug)]
pub(super) enum Trust {
    Roots(Arc<WebPkiServerVerifier>),
    Pinned(Fingerprint),
    Any,
}

/// A verifier that says of a certificate that it refuses which it is.
#[derive(Debug)]
pub(super) struct Checked {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl Checked {
    pub(super) fn new(trust: Trust, provider: Arc<CryptoProvider>) -> Self {
        Self { trust, provider }
    }
}

impl ServerCertVerifier for Checked {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let fingerprint = Fingerprint::of(end_entity);
        let problem = match &self.trust {
            Trust::Any => return Ok(ServerCertVerified::assertion()),
            Trust::Pinned(pin) if *pin == fingerprint => return Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => CertificateProblem::NotPinned,
            Trust::Roots(verifier) => {
                match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                {
                    Err(Error::InvalidCertificate(cause)) => problem(cause),
                    verified => return verified,
                }
            }
        };
        let error = CertificateError::new(problem).with_fingerprint(fingerprint);
        Err(Error::InvalidCertificate(Cause::Other(OtherError(Arc::new(error)))))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
