//! Drives the server of the core from an event loop of one's own, without any of the runtimes: one thread.
//!
//! `cargo run --example event_loop 127.0.0.1:8554 mio`, then play `/clip`, or publish elsewhere. Instead of `mio` it takes
//! `poll`, and on Linux `uring`. With `check` behind it, the loop is checked, and says what it has forgotten.
//!
//! All calls of the core, which the loops share, are in `application`. A loop is its sockets and its wait.
//! `docs/event-loop.md` explains both.

mod application;
mod conn;
mod on_mio;
#[cfg(unix)]
mod on_poll;
#[cfg(target_os = "linux")]
mod on_uring;
mod udp;

use std::error::Error;
use std::net::{SocketAddr, TcpListener};

use application::Application;
use rtspan_examples::{Clip, say};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr: SocketAddr = args.next().unwrap_or_else(|| "127.0.0.1:8554".to_owned()).parse()?;
    let name = args.next().unwrap_or_else(|| "mio".to_owned());
    let is_checked = args.next().is_some_and(|word| word == "check");
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let at = listener.local_addr()?;
    let clip = Clip::demo();
    let app = Application::new(addr.ip(), &clip, is_checked)?;
    let listening = move || say(format_args!("listening on rtsp://{at}"));
    match &*name {
        "mio" => on_mio::run(listener, app, listening)?,
        #[cfg(unix)]
        "poll" => on_poll::run(listener, app, listening)?,
        #[cfg(target_os = "linux")]
        "uring" => on_uring::run(listener, app, listening)?,
        _ => return Err(format!("there is no loop on {name} here").into()),
    }
    Ok(())
}
