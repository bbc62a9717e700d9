use std::io;

use rtspan_core::wire::{Method, StatusCode};

/// Why a light reader has given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("the connection broke")]
    Io(#[source] io::Error),
    #[error("the server has closed the connection")]
    Closed,
    #[error("the server does not speak RTSP")]
    Garbled,
    #[error("the server answered {status} to {method}")]
    Status { method: Method, status: StatusCode },
    #[error("the server's description cannot be read, or has nothing to play")]
    NothingToPlay,
    #[error("the server chose another transport than it was asked for")]
    OtherTransport,
    #[error("cannot open UDP sockets")]
    Udp(#[source] io::Error),
    #[error("the server did not answer for {0} s")]
    Silent(u64),
}
