//! TLS for `rtsps`: the trust of a client, the certificates of a server.
//!
//! The library beneath is [`rustls`]; a configuration of it can be brought as it is.

mod client;
pub(crate) mod error;
mod server;
mod verify;

use std::sync::Arc;

pub use client::ClientTls;
pub use rtspan_core::tls::{
    CertificateError, CertificateProblem, Fingerprint, FingerprintError, Secured, TlsError,
};
pub use rustls;
use rustls::crypto::CryptoProvider;
pub use server::ServerTls;

/// Why a TLS configuration was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file with a certificate or a key cannot be read, or is no PEM.
    #[error("cannot read a certificate or key as PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// There is no certificate in a file.
    #[error("there is no certificate in the PEM file: it has to hold -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The system has no root certificates that can be read.
    #[error("the system has no root certificates: install them (ca-certificates), or name some yourself")]
    NoRoots,
    /// The library refuses the certificate or its key.
    #[error("the certificate and its key cannot be used")]
    Unfit(#[from] rustls::Error),
    /// Certificates cannot be checked against these roots.
    #[error("client certificates cannot be checked")]
    ClientRoots(#[from] rustls::server::VerifierBuilderError),
    /// The configuration was brought as it is, and is replaced by another such only.
    #[error(
        "a configuration of rustls that was brought as it is has no certificate to replace: replace it as a whole"
    )]
    Brought,
}

/// The cryptography that this build has.
fn provider() -> Arc<CryptoProvider> {
    #[cfg(feature = "tls-aws-lc-rs")]
    return Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(not(feature = "tls-aws-lc-rs"))]
    return Arc::new(rustls::crypto::ring::default_provider());
}
