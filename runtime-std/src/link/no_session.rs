//! TLS, which this build does not have.

use std::io::{self, IoSlice};

use bytes::BytesMut;
use rtspan_core::tls::Secured;

use crate::runtime::TcpSocket;

/// A TLS connection; there is none.
pub(crate) enum Session {}

impl Session {
    pub(crate) fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub(crate) fn has_input(&self) -> bool {
        match *self {}
    }

    pub(crate) fn take_secured(&mut self) -> Option<Secured> {
        match *self {}
    }

    pub(crate) fn push(&mut self, _: &[u8], _: &mut BytesMut) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn read(&mut self, _: &impl TcpSocket, _: &mut BytesMut) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn take(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) fn write(&mut self, _: &impl TcpSocket) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn close(&mut self) {
        match *self {}
    }
}
