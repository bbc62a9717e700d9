//! Messages between systemd and a service: the sockets that it has opened, and when the service is ready.
//!
//! Nothing is told, and there are no sockets, where a service manager has started nothing.

use std::env;
use std::io;
use std::net::TcpListener;
use std::time::Duration;

use sd_notify::NotifyState;

/// The sockets that listen already and are handed over (`LISTEN_FDS`), with their names (`FileDescriptorName=` of the socket unit).
///
/// They are handed over once: later calls find none.
///
/// # Errors
///
/// One of them is no TCP socket that listens.
pub fn listeners() -> io::Result<Vec<(String, TcpListener)>> {
    let mut handed = listenfd::ListenFd::from_env();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut listeners = Vec::new();
    for number in 0..handed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        if let Some(listener) = handed.take_tcp_listener(number)? {
            // A socket that does not listen, or is connected, has no connections to take.
            listener.local_addr()?;
            listeners.push((name, listener));
        }
    }
    Ok(listeners)
}

/// Says that the service is up, or up again after a reload.
///
/// # Errors
///
/// The service manager cannot be told.
pub fn ready(status: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
}

/// Says that the service reads its settings again; [`ready`] has to follow.
///
/// # Errors
///
/// The service manager cannot be told.
pub fn reloading() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
}

/// Says that the service is about to end.
///
/// # Errors
///
/// The service manager cannot be told.
pub fn stopping() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping])
}

/// How often the service manager wants to hear that the service lives (`WatchdogSec=`): half of what it waits.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

/// Says that the service lives.
///
/// # Errors
///
/// The service manager cannot be told.
pub fn alive() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Watchdog])
}

/// Each line would be a message of its own.
fn one_line(status: &str) -> String {
    status.replace(['\n', '\r'], " ")
}
