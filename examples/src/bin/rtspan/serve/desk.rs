//! A place where HTTP is answered: it is opened, moved and closed as the settings say.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rtspan_examples::Listen;
use rtspan_examples::http::Serving;

/// A place where HTTP is answered, if there is one.
#[derive(Debug)]
pub(super) struct Desk {
    /// The socket that systemd has opened for it, which counts more than the settings.
    handed: Option<TcpListener>,
    open: Option<Open>,
}

/// A place that is answered at.
#[derive(Debug)]
pub(super) struct Open {
    at: Listen,
    pub(super) addr: SocketAddr,
    _serving: Serving,
}

/// A change to a desk. Nothing has changed as long as it is not taken.
#[derive(Debug)]
pub(super) enum Move {
    Stays,
    Opens(Open),
    Closes,
}

impl Desk {
    pub(super) fn new(handed: Option<TcpListener>) -> Self {
        Self { handed, open: None }
    }

    /// Has it be where the settings want it. `serve` answers at a socket from then on.
    ///
    /// # Errors
    ///
    /// It cannot be listened there.
    pub(super) fn prepare(
        &self,
        at: Listen,
        serve: impl FnOnce(TcpListener) -> io::Result<Serving>,
    ) -> io::Result<Move> {
        if self.open.as_ref().is_some_and(|open| open.at == at || self.handed.is_some()) {
            return Ok(Move::Stays);
        }
        let listener = self.handed.as_ref().map_or_else(|| at.tcp(), TcpListener::try_clone)?;
        Ok(Move::Opens(Open { at, addr: listener.local_addr()?, _serving: serve(listener)? }))
    }

    /// Where it will be when it has moved so.
    pub(super) fn after(&self, to: &Move) -> Option<SocketAddr> {
        match to {
            Move::Stays => self.open.as_ref().map(|open| open.addr),
            Move::Opens(open) => Some(open.addr),
            Move::Closes => None,
        }
    }

    /// Moves it. Gives the address that is new, and the one that is left; who is connected there is answered still.
    pub(super) fn take(&mut self, to: Move) -> (Option<SocketAddr>, Option<SocketAddr>) {
        let now = match to {
            Move::Stays => return (None, None),
            Move::Opens(open) => Some(open),
            Move::Closes => None,
        };
        let former = std::mem::replace(&mut self.open, now);
        let addr = |open: &Option<Open>| open.as_ref().map(|open| open.addr);
        (addr(&self.open), addr(&former))
    }
}
