//! Shows what the kernel allows: a server that speaks just enough RTSP, and sends every reader the same bursts with nothing
//! but one `writev` of many frames, or one datagram that the system cuts up (GSO) in a `sendmmsg` for many readers.
//!
//! With `tls` behind the rest all readers come by TLS, and what they are sent goes through rustls and `write`, and nothing else.
//!
//! With `relay` instead of numbers it relays what publishers send to the readers of their paths: a `read` for each burst,
//! and a `write` for each of its readers. A number behind it is of the bytes of each publisher that stay in memory.
//!
//! Everything that a server has to do beside is left out: a comparison of a server with this one tells what that costs.
//! `rtspan bench read` reads from both.
//!
//! ```sh
//! cargo run --release --example limit 127.0.0.1:8555 30 1400 20
//! cargo run --release --example limit 127.0.0.1:8555 relay 8388608
//! ```

#[cfg(target_os = "linux")]
mod channel;
#[cfg(target_os = "linux")]
mod feed;
#[cfg(target_os = "linux")]
mod gso;
#[cfg(target_os = "linux")]
mod reader;
#[cfg(target_os = "linux")]
mod relay;
#[cfg(target_os = "linux")]
mod request;
#[cfg(target_os = "linux")]
mod server;

#[cfg(target_os = "linux")]
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rtspan_std::tls::rustls::{crypto::ring, pki_types::PrivateKeyDer, server::ServerConfig};

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |what: &str| args.next().ok_or_else(|| format!("{what} is missing"));
    let addr = number("address to listen on, such as 127.0.0.1:8555,")?.parse()?;
    let rate = number("number of packets in a second, or `relay`,")?;
    if rate == "relay" {
        let kept = args.next().map_or(Ok(0), |kept| kept.parse())?;
        return Ok(relay::serve(addr, kept)?);
    }
    let rate = rate.parse()?;
    let size = number("number of bytes of a packet")?.parse()?;
    let burst = number("number of packets of a burst")?.parse()?;
    let tls = args.next().filter(|layer| layer == "tls").map(|_| certificate()).transpose()?;
    server::serve(addr, feed::Feed::new(rate, size, burst), tls)?;
    Ok(())
}

/// A certificate that nobody trusts, as that of `rtspan serve --tls-self-signed`.
#[cfg(target_os = "linux")]
fn certificate() -> Result<Arc<ServerConfig>, Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    Ok(Arc::new(config))
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("the limit is measured on Linux");
}
