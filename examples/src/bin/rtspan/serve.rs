//! Serves what is published, cameras that are pulled, films and recordings, as options and a file say it.

mod api;
mod cluster;
mod config;
mod desk;
mod hooks;
mod places;
mod recording;
mod service;
mod shelves;
mod sources;
mod station;
mod tell;
mod web;

use std::future::pending;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;

use futures_lite::future::or;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::tls::ServerTls;
use serde_json::json;

#[cfg(test)]
pub(crate) use config::Fault;
pub(crate) use config::{Account, Faults, Proof, Tls, Tunnels};

use crate::Failure;
use crate::args::ServeArgs;
use crate::output::{document, notice, result};
use crate::stop::interrupted;
use crate::text::counted;
use config::{Config, EXAMPLE, Settings};
use hooks::Watch;
use places::{Place, Places};
use station::Station;
use tell::tell_start;

/// Where the embedded clip is.
pub(crate) const DEMO: &str = "/demo";

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
    settings.warnings.iter().for_each(notice);
    if args.check {
        let file = config.file().unwrap_or_else(|| Path::new("")).display();
        result(format_args!("{file} is good: {}", counted(settings.paths.len(), "path")));
        return Ok(());
    }
    if let Some(dir) = &args.backchannel {
        std::fs::create_dir_all(dir).map_err(|source| Failure::WriteIn { path: dir.clone(), source })?;
    }
    let mut handed = service::listeners().map_err(Failure::Handed)?;
    let for_programs = ["api", "metrics", "web"].map(|name| service::take(&mut handed, name));
    let (server, players, tls) = bind::<R>(&settings, handed).await?;
    let station = Station::new(Arc::clone(&server), config, settings, tls.clone(), args.events)?;
    let mut watch = Watch::new(&station)?;
    let mut places = Places::open(&station, players, for_programs)?;
    if let Some(pin) = tls.as_ref().and_then(ServerTls::fingerprint) {
        let line = format!("rtsps with the certificate of SHA-256 {pin}");
        tell_start(args.events, "certificate", line, json!({ "sha256": pin.to_string() }));
    }
    let _ = service::ready();
    let work = or(or(watch.run(), service::live::<R>()), or(station.run(args.quiet), places.run()));
    let work = or(work, async {
        station.run_in_cluster().await;
        pending().await
    });
    let close = async {
        interrupted().await;
        let _ = service::stopping();
        // The work goes on meanwhile, so that hooks are told of who leaves, and ends with the server's last event.
        station.close().await;
        pending().await
    };
    let ended = or(close, work).await;
    server.close().await;
    station.end().await;
    station.leave_cluster().await;
    watch.end().await;
    ended
}

/// Has a server begin: on the sockets that systemd has opened, or where the settings say, which is told for each place.
async fn bind<R: Runtime>(
    settings: &Settings,
    handed: Vec<(String, TcpListener)>,
) -> Result<(Arc<Server<R>>, Vec<Place>, Option<ServerTls>), Failure> {
    let (builder, tls) = config::builder::<R>(settings)?;
    let mut listen = settings.listen().into_iter();
    let Some(first) = listen.next().filter(|_| handed.is_empty()) else {
        let builder = handed.into_iter().fold(builder, |builder, (_, listener)| builder.listener(listener));
        return Ok((Arc::new(builder.start().await?), Vec::new(), tls));
    };
    let server = builder.bind(&first).await?;
    let mut players = vec![(first, server.local_addrs())];
    for at in listen {
        let addrs = server.listen(&at).await?;
        players.push((at, addrs));
    }
    Ok((Arc::new(server), players, tls))
}
