use std::io::{self, ErrorKind};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rtspan_core::tunnel::Greeting;

use super::session::Session;
#[cfg(feature = "rustls-layer")]
use crate::tls::ServerTls;

/// What the peers of a server may speak.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    #[cfg(feature = "rustls-layer")]
    pub(crate) tls: Option<ServerTls>,
    /// Those that speak without TLS are refused.
    pub(crate) requires_tls: bool,
}

impl Entrance {
    /// Returns `true` if there is nothing to find out about a peer.
    pub(super) fn takes_only_plain(&self) -> bool {
        !self.has_tls() && !self.requires_tls
    }

    #[cfg(feature = "rustls-layer")]
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    #[cfg(not(feature = "rustls-layer"))]
    pub(crate) fn has_tls(&self) -> bool {
        false
    }

    /// Begins a TLS connection; `None` if the server has no certificate.
    #[cfg(feature = "rustls-layer")]
    fn accept(&self) -> Option<io::Result<Session>> {
        let accepted = self.tls.as_ref()?.accept();
        Some(accepted.map_err(|error| io::Error::new(ErrorKind::InvalidData, error)))
    }

    #[cfg(not(feature = "rustls-layer"))]
    fn accept(&self) -> Option<io::Result<Session>> {
        None
    }
}

/// A peer speaks without TLS, which is required.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the peer speaks without TLS")]
pub(crate) struct NotSecured;

/// A connection whose peer is to show what it speaks.
pub(super) struct Entering {
    entrance: Arc<Entrance>,
    /// A proxy is to say first where the connection comes from.
    awaits_proxy: bool,
    is_secured: bool,
    /// The bytes that have come, if they do not tell yet, or there was no room for them.
    held: BytesMut,
    /// They are RTSP.
    is_told: bool,
}

/// The next step of a connection that is entered.
pub(super) enum Step {
    /// Bytes of RTSP were appended.
    Read(usize),
    /// From here on all is RTSP.
    Entered(usize),
    /// The rest is TLS.
    Secured(Box<Session>, usize),
}

impl Entering {
    pub(super) fn new(entrance: Arc<Entrance>, awaits_proxy: bool) -> Self {
        Self { entrance, awaits_proxy, is_secured: false, held: BytesMut::new(), is_told: false }
    }

    /// Returns `true` if the peer has begun something that does not tell yet what it is.
    pub(super) fn has_begun(&self) -> bool {
        !self.held.is_empty()
    }

    /// Returns `true` if there is more to hand on, whatever the socket says.
    pub(super) fn has_input(&self) -> bool {
        self.is_told
    }

    pub(super) fn into_held(self) -> Bytes {
        self.held.freeze()
    }

    /// Looks at the bytes that were appended to `into` behind the first `before`; none means that no more come.
    pub(super) fn look(&mut self, into: &mut BytesMut, before: usize) -> io::Result<Step> {
        let came = into.get(before..).unwrap_or_default();
        let is_at_end = came.is_empty();
        // Mostly all comes at once, and stays where it was read.
        if self.held.is_empty() && self.greeting(came)?.is_some_and(|(_, greeting)| greeting != Greeting::Tls)
        {
            return Ok(Step::Entered(came.len()));
        }
        self.held.extend_from_slice(came);
        into.truncate(before);
        match self.greeting(&self.held)? {
            Some((at, Greeting::Tls)) => match self.entrance.accept() {
                Some(session) => self.secure(session?, at, into),
                None => Ok(self.hand_on(into)),
            },
            None if !is_at_end => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(self.hand_on(into)),
        }
    }

    /// Hands on what is held, as far as there is room.
    pub(super) fn hand_on(&mut self, into: &mut BytesMut) -> Step {
        let room = into.capacity().saturating_sub(into.len());
        let part = self.held.split_to(room.min(self.held.len()));
        into.extend_from_slice(&part);
        self.is_told = !self.held.is_empty();
        if self.is_told { Step::Read(part.len()) } else { Step::Entered(part.len()) }
    }

    fn greeting(&self, bytes: &[u8]) -> io::Result<Option<(usize, Greeting)>> {
        let told = match self.awaits_proxy {
            true => Greeting::behind_proxy(bytes),
            false => Greeting::of(bytes).map(|greeting| (0, greeting)),
        };
        let is_plain = told.is_some_and(|(_, greeting)| greeting != Greeting::Tls);
        if is_plain && self.entrance.requires_tls && !self.is_secured {
            return Err(io::Error::new(ErrorKind::PermissionDenied, NotSecured));
        }
        Ok(told)
    }

    /// Goes on in TLS, which begins at `at`, behind the header of a proxy.
    fn secure(&mut self, mut session: Session, at: usize, into: &mut BytesMut) -> io::Result<Step> {
        let header = self.held.split_to(at);
        session.push(&self.held.split(), into)?;
        into.extend_from_slice(&header);
        (self.awaits_proxy, self.is_secured) = (false, true);
        Ok(Step::Secured(Box::new(session), header.len()))
    }
}
