//! Errors of rustls, as a state machine is told them.

use std::io;

use rtspan_core::tls::{CertificateError, CertificateProblem, TlsError};
use rustls::{CertificateError as Cause, Error, InvalidMessage};

/// The error of a connection.
pub(crate) fn of_rustls(error: Error) -> TlsError {
    match error {
        Error::InvalidCertificate(cause) => TlsError::Certificate(Box::new(certificate(cause))),
        Error::AlertReceived(_) => {
            TlsError::RefusedByPeer(io::Error::new(io::ErrorKind::ConnectionAborted, error).into())
        }
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge,
        ) => TlsError::NotTls,
        error => TlsError::Failed(io::Error::new(io::ErrorKind::InvalidData, error).into()),
    }
}

fn certificate(cause: Cause) -> CertificateError {
    match &cause {
        // A verifier of ours has said all there is.
        Cause::Other(other) => match other.0.downcast_ref::<CertificateError>() {
            Some(error) => error.clone(),
            None => CertificateError::new(problem(cause)),
        },
        _ => CertificateError::new(problem(cause)),
    }
}

/// The fault of a certificate.
pub(super) fn problem(cause: Cause) -> CertificateProblem {
    match cause {
        Cause::Expired | Cause::ExpiredContext { .. } => CertificateProblem::Expired,
        Cause::NotValidYet | Cause::NotValidYetContext { .. } => CertificateProblem::NotYetValid,
        // An authority of the same name that is another one.
        Cause::UnknownIssuer | Cause::BadSignature => CertificateProblem::UnknownIssuer,
        Cause::Revoked => CertificateProblem::Revoked,
        Cause::NotValidForNameContext { expected, presented } => {
            CertificateProblem::WrongName { expected: expected.to_str().into_owned(), presented }
        }
        cause => {
            CertificateProblem::Unfit(io::Error::new(io::ErrorKind::InvalidData, Error::from(cause)).into())
        }
    }
}
