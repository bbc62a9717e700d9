use super::Server;
use super::request::{Outcome, with_methods};
use super::table::SUPPORTED;
use crate::wire::{StatusCode, name};

impl Server {
    /// OPTIONS (RFC 2326, section 10.1).
    pub(super) fn options(&self) -> Outcome {
        with_methods(StatusCode::OK, name::PUBLIC, SUPPORTED.iter().cloned()).into()
    }
}
