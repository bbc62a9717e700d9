//! News of TLS for the state machines; a runtime does TLS itself beneath them.

use std::error::Error;
use std::fmt;

use bytes::Bytes;

use crate::{IoError, Printable};

mod fingerprint;

pub use fingerprint::{Fingerprint, FingerprintError};

/// How a connection of a server is secured.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Secured {
    /// The name of the server that the peer has asked for (SNI, RFC 6066, section 3).
    pub server_name: Option<String>,
    /// The peer's certificate, DER-encoded, if it has shown one that was checked.
    pub certificate: Option<Bytes>,
}

impl Secured {
    /// The SHA-256 of the peer's certificate.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.certificate.as_deref().map(Fingerprint::of)
    }
}

/// Why there is no TLS connection.
///
/// [`source`](Error::source) is what the TLS library has said.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsError {
    /// The runtime was built without TLS.
    Unavailable,
    /// The peer answers in another protocol.
    NotTls,
    /// The peer's certificate was looked at and refused.
    Certificate(Box<CertificateError>),
    /// The peer has refused the connection, and this is what it said.
    RefusedByPeer(IoError),
    /// Something else has failed: the handshake, or a record on its way.
    Failed(IoError),
}

/// A peer's certificate that is not trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CertificateError {
    /// Why not.
    pub problem: CertificateProblem,
    /// The SHA-256 of the certificate, by which it can be pinned.
    pub fingerprint: Option<Fingerprint>,
}

/// The fault of a certificate.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It comes from no authority that is trusted; self-signed certificates do not.
    UnknownIssuer,
    /// It is for other names than the one that was asked for.
    WrongName {
        /// The name that was asked for.
        expected: String,
        /// The names that it has.
        presented: Vec<String>,
    },
    /// It is another one than was pinned.
    NotPinned,
    /// Its authority has taken it back.
    Revoked,
    /// It cannot be used for another reason.
    Unfit(IoError),
}

impl CertificateError {
    /// An error without a fingerprint.
    pub fn new(problem: CertificateProblem) -> Self {
        Self { problem, fingerprint: None }
    }

    /// The same with the fingerprint of the certificate.
    #[must_use]
    pub fn with_fingerprint(self, fingerprint: Fingerprint) -> Self {
        Self { fingerprint: Some(fingerprint), ..self }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable => f.write_str("this program was built without TLS"),
            Self::NotTls => f.write_str("the peer does not speak TLS at this port"),
            Self::Certificate(error) => error.fmt(f),
            Self::RefusedByPeer(_) => f.write_str("the peer refused TLS"),
            Self::Failed(_) => f.write_str("TLS failed"),
        }
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            CertificateProblem::Expired => {
                f.write_str("the peer's certificate has expired: renew it, or set this machine's clock")?;
            }
            CertificateProblem::NotYetValid => {
                f.write_str("the peer's certificate is not valid yet: set this machine's clock")?;
            }
            CertificateProblem::UnknownIssuer => f.write_str(
                "the peer's certificate comes from no authority that is trusted: trust its root, or pin it",
            )?,
            CertificateProblem::WrongName { expected, presented } => {
                write!(f, "the peer's certificate is not for {}", Printable(expected))?;
                for (at, name) in presented.iter().enumerate() {
                    write!(f, "{}{}", if at == 0 { " but for " } else { ", " }, Printable(name))?;
                }
                f.write_str(": connect by its name, or pin it")?;
            }
            CertificateProblem::NotPinned => {
                f.write_str("the peer's certificate is another one than was pinned: it was renewed, or somebody is in between")?;
            }
            CertificateProblem::Revoked => f.write_str("the peer's certificate was revoked: renew it")?,
            CertificateProblem::Unfit(_) => f.write_str("the peer's certificate cannot be used")?,
        }
        self.fingerprint.iter().try_for_each(|fingerprint| write!(f, " (SHA-256 {fingerprint})"))
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::RefusedByPeer(error) | Self::Failed(error) => Some(error.as_io()),
            Self::Certificate(error) => error.source(),
            Self::Unavailable | Self::NotTls => None,
        }
    }
}

impl Error for CertificateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            CertificateProblem::Unfit(error) => Some(error.as_io()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_says_which_certificate_it_is_and_what_to_do() {
        let fingerprint = Fingerprint::of(b"certificate");
        let text = |problem| {
            TlsError::Certificate(Box::new(CertificateError::new(problem).with_fingerprint(fingerprint)))
                .to_string()
        };
        let wrong = CertificateProblem::WrongName {
            expected: "cam".into(),
            presented: vec!["dvr.example".into(), "a\u{1b}b".into()],
        };
        assert_eq!(
            text(wrong),
            format!(
                "the peer's certificate is not for cam but for dvr.example, a\\u{{1b}}b: connect by its name, or pin it \
                 (SHA-256 {fingerprint})"
            )
        );
        assert!(text(CertificateProblem::Expired).contains("renew it"));
        assert!(text(CertificateProblem::UnknownIssuer).contains("pin it"));
    }

    #[test]
    fn the_source_is_what_the_library_has_said() {
        let said = || IoError::from(io::Error::other("no common version"));
        let unfit = CertificateError::new(CertificateProblem::Unfit(said()));
        for error in
            [TlsError::Failed(said()), TlsError::RefusedByPeer(said()), TlsError::Certificate(unfit.into())]
        {
            assert_eq!(
                error.source().map(ToString::to_string).as_deref(),
                Some("no common version"),
                "{error:?}"
            );
        }
        assert!(TlsError::NotTls.source().is_none());
    }
}
