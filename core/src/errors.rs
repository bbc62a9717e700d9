//! The texts of the errors of this crate: each variant of each type.

mod client;
mod media;
mod peers;
mod security;
mod server;

use std::io::{self, ErrorKind};

use crate::IoError;
use crate::client::ConnectAttempt;

/// Checks what each of some errors says.
macro_rules! say {
    ($($error:expr => $text:expr,)*) => { $( assert_eq!(crate::told::told(&$error), $text); )* };
}
use say;

fn io(text: &str) -> IoError {
    io::Error::other(text).into()
}

fn attempt(addr: &str, kind: ErrorKind) -> ConnectAttempt {
    ConnectAttempt { addr: addr.parse().unwrap(), error: kind.into() }
}
