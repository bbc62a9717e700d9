//! Shows what the kernel allows: a server that speaks just enough RTSP, and sends every reader the same bursts with nothing
//! but one `writev` of many frames, or one datagram that the system cuts up (GSO) in a `sendmmsg` for many readers.
//!
//! Everything that a server has to do beside is left out: a comparison of a server with this one tells what that costs.
//! `rtspan bench read` reads from both.
//!
//! ```sh
//! cargo run --release --example limit 127.0.0.1:8555 30 1400 20
//! ```

#[cfg(target_os = "linux")]
mod feed;
#[cfg(target_os = "linux")]
mod gso;
#[cfg(target_os = "linux")]
mod reader;
#[cfg(target_os = "linux")]
mod server;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |what: &str| args.next().ok_or_else(|| format!("{what} is missing"));
    let addr = number("address to listen on, such as 127.0.0.1:8555,")?.parse()?;
    let rate = number("number of packets in a second")?.parse()?;
    let size = number("number of bytes of a packet")?.parse()?;
    let burst = number("number of packets of a burst")?.parse()?;
    server::serve(addr, feed::Feed::new(rate, size, burst))?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the limit is measured on Linux");
}
