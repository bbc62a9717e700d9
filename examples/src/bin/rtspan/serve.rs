//! Serves what is published, cameras that are pulled, films and recordings, as options and a file say it.

mod api;
mod config;
mod hooks;
mod recording;
mod service;
mod shelves;
mod sources;
mod station;
mod tell;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use futures_lite::future::{block_on, or};
use rtspan_examples::{Listen, metrics};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerBuilder};
use rtspan_std::tls::ServerTls;
use serde_json::json;

pub(crate) use config::{Account, Faults, Tls, Tunnels};

use crate::Failure;
use crate::args::ServeArgs;
use crate::output::{document, notice, result};
use crate::stop::interrupted;
use config::{Config, EXAMPLE, HttpAddr, Settings};
use hooks::Watch;
use station::Station;
use tell::tell;

/// Where the embedded clip is.
pub(crate) const DEMO: &str = "/demo";
/// Where a server listens if nothing is said.
const LISTEN: &str = ":8554";

/// Serves until the user has enough.
pub(crate) async fn run<R: Runtime>(args: &ServeArgs) -> Result<(), Failure> {
    if args.print_config {
        document(EXAMPLE.to_owned());
        return Ok(());
    }
    let config = Config::new(args);
    let settings = match config.load() {
        Err(Failure::Config(faults)) => {
            faults.lines().for_each(notice);
            return Err(Failure::Config(faults));
        }
        settings => settings?,
    };
    if args.check {
        let file = config.file().unwrap_or_else(|| Path::new("")).display();
        result(format_args!("{file} is good: {} paths", settings.paths.len()));
        return Ok(());
    }
    if let Some(dir) = &args.backchannel {
        std::fs::create_dir_all(dir).map_err(|source| Failure::WriteIn { path: dir.clone(), source })?;
    }
    let mut handed = service::listeners().map_err(Failure::Handed)?;
    let handed_api = service::take(&mut handed, "api");
    let handed_metrics = service::take(&mut handed, "metrics");
    let (server, tls) = bind::<R>(&settings, handed).await?;
    let station = Station::new(Arc::clone(&server), config, settings, tls.clone(), args.events)?;
    if let Some(HttpAddr(addr)) = &station.settings().file.metrics {
        let at = serve_metrics(addr, handed_metrics, Arc::clone(&server));
        let at = at.map_err(|source| Failure::Metrics { at: addr.clone(), source })?;
        let url = format!("http://{}/metrics", reachable(at));
        tell(args.events, "metrics", format!("statistics at {url}"), json!({ "url": url }));
    }
    let mut watch = Watch::new(&station)?;
    if let Some(settings) = &station.settings().file.api {
        let url = format!("http://{}/v1", reachable(api::begin(&station, settings, handed_api)?));
        tell(args.events, "api", format!("control interface at {url}"), json!({ "url": url }));
    }
    for addr in server.local_addrs() {
        let url = format!("rtsp://{}", reachable(*addr));
        tell(args.events, "listening", format!("listening on {url}"), json!({ "url": url }));
    }
    if let Some(pin) = tls.as_ref().and_then(ServerTls::fingerprint) {
        let line = format!("rtsps with the certificate of SHA-256 {pin}");
        tell(args.events, "certificate", line, json!({ "sha256": pin.to_string() }));
    }
    let stopped = async {
        interrupted().await;
        Ok(())
    };
    let _ = service::ready();
    let work = or(or(watch.run(), service::live::<R>()), station.run(args.quiet));
    let ended = or(stopped, work).await;
    let _ = service::stopping();
    server.close().await;
    station.end().await;
    watch.end().await;
    ended
}

/// Has a server begin: on the sockets that systemd has opened, or where the settings say.
async fn bind<R: Runtime>(
    settings: &Settings,
    handed: Vec<(String, TcpListener)>,
) -> Result<(Arc<Server<R>>, Option<ServerTls>), Failure> {
    let mut listen: Vec<Listen> = settings.file.listen.iter().flatten().map(|at| at.0.clone()).collect();
    if listen.is_empty() {
        listen.push(LISTEN.parse().expect("it is an address"));
    }
    let (builder, tls) = config::builder::<R>(settings, Listen::udp_ip(&listen))?;
    let builder = if handed.is_empty() {
        listen.iter().fold(builder, ServerBuilder::also_listen)
    } else {
        handed.into_iter().fold(builder, |builder, (_, listener)| builder.listener(listener))
    };
    Ok((Arc::new(builder.start().await?), tls))
}

/// Serves statistics from here on; where.
fn serve_metrics<R: Runtime>(
    at: &Listen,
    handed: Option<TcpListener>,
    server: Arc<Server<R>>,
) -> io::Result<SocketAddr> {
    let listener = handed.map_or_else(|| at.tcp(), Ok)?;
    let addr = listener.local_addr()?;
    metrics::serve(listener, move || block_on(server.stats()))?;
    Ok(addr)
}

/// An address that a player on this machine can be given. A socket of IPv6 for all addresses takes IPv4 as well.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_shown_as_one_that_can_be_reached() {
        for (bound, shown) in [
            ("0.0.0.0:8554", "127.0.0.1:8554"),
            ("[::]:8554", "127.0.0.1:8554"),
            ("192.0.2.1:554", "192.0.2.1:554"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), shown);
        }
    }
}
