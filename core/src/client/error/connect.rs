//! Reasons for which there is no connection.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::IoError;
use crate::tls::TlsError;
use crate::tunnel::TunnelError;

/// The reason for which there is no connection.
///
/// [`source`](Error::source) is the error of the system: the [`io::Error`] of the lookup, or that of the decisive address, the
/// first of several.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name of the host has no address, or no name server has told one.
    Unresolved(IoError),
    /// The host is there, but no program listens at its port, for at least one of its addresses.
    Refused(Vec<ConnectAttempt>),
    /// None of the addresses has answered in time; empty while their name was still looked up.
    Timeout(Vec<ConnectAttempt>),
    /// There is no way to any of the addresses.
    Unreachable(Vec<ConnectAttempt>),
    /// Something else has failed, such as a right that the program does not have.
    Failed(Vec<ConnectAttempt>),
    /// There is no TLS connection, mostly because the server's certificate is not trusted.
    Tls(TlsError),
    /// The server does not agree to the tunnel that the URL asks for.
    Tunnel(TunnelError),
}

impl ConnectError {
    /// The error for these attempts, all of which have failed.
    ///
    /// The attempt that came nearest to the server decides: first an address that refuses, then one that does not answer, last
    /// one without a route. Without any attempt the name had no address.
    ///
    /// ```
    /// use std::io::{self, ErrorKind};
    ///
    /// use rtspan_core::client::{ConnectAttempt, ConnectError};
    ///
    /// let attempt = |addr: &str, error: ErrorKind| ConnectAttempt::new(addr.parse().unwrap(), error);
    /// let error = ConnectError::of(vec![
    ///     attempt("[2001:db8::1]:554", ErrorKind::NetworkUnreachable),
    ///     attempt("192.0.2.1:554", ErrorKind::ConnectionRefused),
    /// ]);
    /// assert!(matches!(error, ConnectError::Refused(tried) if tried.len() == 2));
    /// ```
    pub fn of(tried: Vec<ConnectAttempt>) -> Self {
        match tried.iter().map(|attempt| Nearness::of(attempt.error.kind())).max() {
            Some(Nearness::Refused) => Self::Refused(tried),
            Some(Nearness::Silent) => Self::Timeout(tried),
            Some(Nearness::Failed) => Self::Failed(tried),
            Some(Nearness::Unreachable) => Self::Unreachable(tried),
            None => Self::Unresolved(io::Error::new(ErrorKind::NotFound, "it has no address").into()),
        }
    }

    /// The addresses that were tried, in the order in which they failed.
    pub fn tried(&self) -> &[ConnectAttempt] {
        match self {
            Self::Refused(tried) | Self::Timeout(tried) | Self::Unreachable(tried) | Self::Failed(tried) => {
                tried
            }
            Self::Unresolved(_) | Self::Tls(_) | Self::Tunnel(_) => &[],
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved(_) => f.write_str("host name cannot be resolved (is it spelled right?)"),
            Self::Timeout(tried) if tried.is_empty() => f.write_str("no connection in time"),
            Self::Timeout(_) => self.tell(f, " (is the host on, and no firewall in between?)"),
            Self::Refused(_) => self.tell(f, " (is a server running there?)"),
            Self::Unreachable(_) => self.tell(f, " (is there a way into its network?)"),
            Self::Failed(_) => self.tell(f, ""),
            Self::Tls(error) => error.fmt(f),
            Self::Tunnel(_) => f.write_str("there is no tunnel"),
        }
    }
}

impl ConnectError {
    /// The attempt that decides: of several that are as near to the server the first.
    fn decisive(&self) -> Option<&ConnectAttempt> {
        // `max_by_key` gives the last.
        self.tried().iter().rev().max_by_key(|attempt| Nearness::of(attempt.error.kind()))
    }

    /// Names the addresses that failed as the decisive one did, whose error is the source, and then the others with theirs.
    fn tell(&self, f: &mut fmt::Formatter<'_>, hint: &str) -> fmt::Result {
        let decisive = self.decisive().map(|attempt| &attempt.error);
        let (same, others): (Vec<_>, Vec<_>) =
            self.tried().iter().partition(|attempt| Some(&attempt.error) == decisive);
        f.write_str("no connection to ")?;
        for (number, attempt) in same.into_iter().enumerate() {
            write!(f, "{}{}", if number == 0 { "" } else { ", " }, attempt.addr)?;
        }
        f.write_str(hint)?;
        others
            .into_iter()
            .try_for_each(|ConnectAttempt { addr, error }| write!(f, "; nor to {addr} ({error})"))
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let error = match self {
            Self::Tls(error) => return error.source(),
            Self::Tunnel(error) => return Some(error),
            Self::Unresolved(error) => Some(error),
            _ => self.decisive().map(|attempt| &attempt.error),
        };
        error.map(|error| error.as_io() as _)
    }
}

/// An address that was tried, and why there is no connection to it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{addr}")]
#[non_exhaustive]
pub struct ConnectAttempt {
    /// The address.
    pub addr: SocketAddr,
    /// The system's error; [`TimedOut`](ErrorKind::TimedOut) if there was no answer in time.
    #[source]
    pub error: IoError,
}

impl ConnectAttempt {
    /// An attempt at an address, and its error.
    pub fn new(addr: SocketAddr, error: impl Into<IoError>) -> Self {
        Self { addr, error: error.into() }
    }
}

/// How near an attempt has come to the server.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Nearness {
    Unreachable,
    Failed,
    Silent,
    Refused,
}

impl Nearness {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Silent,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            _ => Self::Failed,
        }
    }
}
