use std::io;
use std::net::SocketAddr;

use rtspan_core::description::DescriptionError;
use rtspan_core::wire::{Method, StatusCode};
use rtspan_std::{ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Error, Misuse};

use crate::args::Target;
use crate::failure::Kind;
use crate::probe;

/// Why a light reader has given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot connect")]
    Connect(#[source] ConnectError),
    #[error("the connection broke")]
    Io(#[source] io::Error),
    #[error("the server has closed the connection")]
    Closed,
    #[error("the server does not speak RTSP")]
    Garbled,
    #[error("the server answered {status} to {method}")]
    Status { method: Method, status: StatusCode },
    #[error("the server's description cannot be read")]
    Description(#[source] DescriptionError),
    #[error("the server's description has nothing to play")]
    NothingToPlay,
    #[error("the server chose another transport than it was asked for")]
    OtherTransport,
    #[error("cannot open UDP sockets")]
    Udp(#[source] io::Error),
    #[error("the server did not answer for {0} s")]
    Silent(u64),
}

impl Trouble {
    /// An address takes no connection.
    pub(super) fn connect(addr: SocketAddr, error: io::Error) -> Self {
        Self::Connect(ConnectError::of(vec![ConnectAttempt::new(addr, error)]))
    }

    /// The kind, and what to do about it, as of the error that a client would have.
    pub(crate) fn explained(&self, url: &Target) -> (Kind, Option<String>) {
        let refused = |method: &Method, error| Error::Command {
            method: method.clone(),
            url: Box::new(url.url().clone()),
            error,
        };
        let error = match self {
            Self::Status { status: StatusCode::UNAUTHORIZED, .. } => {
                let help = "its readers give no password: choose a path that asks for none";
                return (Kind::PasswordNeeded, Some(help.to_owned()));
            }
            Self::Garbled => return (Kind::NotRtsp, None),
            Self::Udp(_) => return (Kind::System, None),
            Self::Connect(error) => Error::Closed(ClientCloseReason::Connect(error.clone())),
            Self::Io(_) | Self::Closed => Error::Closed(ClientCloseReason::ConnectionLost(None)),
            Self::Silent(_) => Error::Closed(ClientCloseReason::Silence),
            Self::Status { method, status } => {
                refused(method, CommandError::Status { status: *status, reason: "".into() })
            }
            Self::Description(error) => refused(&Method::Describe, CommandError::Description(error.clone())),
            Self::NothingToPlay => Error::Misuse(Misuse::NothingSetUp),
            Self::OtherTransport => refused(&Method::Setup, CommandError::OtherTransport),
        };
        probe::explained(url, &error)
    }
}
