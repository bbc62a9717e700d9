//! Messages between systemd and the server, where systemd has started it.

use std::future::pending;
use std::io;
use std::net::TcpListener;

use rtspan_std::runtime::Runtime;

use crate::Failure;
#[cfg(unix)]
pub(super) use rtspan_examples::systemd::{listeners, reloading, stopping};

/// The service is up, or up again after a reload.
#[cfg(unix)]
pub(super) fn ready() -> io::Result<()> {
    rtspan_examples::systemd::ready("serving")
}

/// Says again and again that it lives, if systemd wants to hear that.
#[cfg(unix)]
pub(super) async fn live<R: Runtime>() -> Result<(), Failure> {
    use rtspan_examples::systemd;
    let Some(period) = systemd::watchdog_period() else { return pending().await };
    loop {
        let _ = systemd::alive();
        crate::stop::sleep::<R>(period).await;
    }
}

#[cfg(not(unix))]
mod nowhere {
    use super::*;

    pub(in crate::serve) fn listeners() -> io::Result<Vec<(String, TcpListener)>> {
        Ok(Vec::new())
    }

    pub(in crate::serve) fn ready() -> io::Result<()> {
        Ok(())
    }

    pub(in crate::serve) fn reloading() -> io::Result<()> {
        Ok(())
    }

    pub(in crate::serve) fn stopping() -> io::Result<()> {
        Ok(())
    }

    pub(in crate::serve) async fn live<R: Runtime>() -> Result<(), Failure> {
        pending().await
    }
}
#[cfg(not(unix))]
pub(super) use nowhere::*;

/// Takes the socket of this name out of those that were handed over.
pub(super) fn take(handed: &mut Vec<(String, TcpListener)>, name: &str) -> Option<TcpListener> {
    let place = handed.iter().position(|(own, _)| own == name)?;
    Some(handed.remove(place).1)
}
