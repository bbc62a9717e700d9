use std::fs;
use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::{block_on, or};
use rtspan_examples::vod::{self, Films, Folder, Library, Recordings};
use rtspan_examples::{Clip, Frame, Listen, metrics};
use rtspan_std::header::ONVIF_REPLAY;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerBuilder};
use rtspan_std::tls::ServerTls;
use rtspan_std::{Event, Scheme, ServerConfig, StartAt, UdpSpec};
use serde_json::json;

use crate::Failure;
use crate::args::{EventsFormat, ServeArgs};
use crate::events::{describe, dialogue, to_json};
use crate::feed::feed;
use crate::output::{news, news_json};
use crate::secure;
use crate::stop::interrupted;
use crate::users;
use crate::voice::{self, with_loudspeaker};

/// Where the embedded clip is.
pub(crate) const DEMO: &str = "/demo";

/// Relays what is published, and serves the embedded clip, until the user has enough.
pub(crate) async fn run<R: Runtime>(args: &ServeArgs) -> Result<(), Failure> {
    let builder = Server::<R>::builder().config(config(args)?);
    // clap gives one at least.
    let (listen, also) = args.listen.split_first().expect("there is a default");
    let builder = also.iter().fold(builder, ServerBuilder::also_listen);
    let builder = builder.fragments(!args.no_fragments);
    let builder = args.network.dscp.into_iter().fold(builder, ServerBuilder::dscp);
    let (builder, tls) = secure::secured(builder, &args.secure)?;
    let builder = match args.multicast.settings() {
        Some(groups) => builder.multicast(groups, args.multicast.multicast_interface.clone()),
        None => builder,
    };
    let server = Arc::new(builder.bind(listen).await?);
    let clip = Clip::demo();
    let description = match &args.backchannel {
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|source| Failure::WriteIn { path: dir.clone(), source })?;
            with_loudspeaker(clip.description())
        }
        None => clip.description(),
    };
    let stream = if args.no_demo { None } else { Some(server.publish(DEMO, description)?) };
    if let Some(at) = &args.metrics {
        let addr = serve_metrics(at, Arc::clone(&server))
            .map_err(|source| Failure::Metrics { at: at.clone(), source })?;
        news(format_args!("statistics at http://{}/metrics", reachable(addr)));
    }
    let url = format!("rtsp://{}", reachable(server.local_addr()));
    match args.events {
        EventsFormat::Text => news(format_args!("listening on {url}")),
        EventsFormat::Json => news_json(&json!({ "event": "listening", "url": url })),
    }
    for addr in server.local_addrs().iter().skip(1) {
        let url = format!("rtsp://{}", reachable(*addr));
        match args.events {
            EventsFormat::Text => news(format_args!("listening on {url}")),
            EventsFormat::Json => news_json(&json!({ "event": "listening", "url": url })),
        }
    }
    if let Some(pin) = tls.as_ref().and_then(ServerTls::fingerprint) {
        match args.events {
            EventsFormat::Text => news(format_args!("rtsps with the certificate of SHA-256 {pin}")),
            EventsFormat::Json => news_json(&json!({ "event": "certificate", "sha256": pin.to_string() })),
        }
    }

    let feed = async {
        match stream {
            None => pending().await,
            Some(stream) => {
                let mut frames = clip.frames();
                let write = async |frame: &Frame, _| stream.write_frame(frame.media, &frame.packets);
                feed::<R, _>(async || Ok(frames.next()), write).await?;
                Ok(())
            }
        }
    };
    let mut films = library(args).map(|library| Films::new(Arc::clone(&server), library));
    let report = async {
        while let Some(event) = server.next().await {
            let event = match &mut films {
                Some(films) => films.handle(event),
                None => Some(event),
            };
            let Some(event) = event else { continue };
            match args.events {
                _ if args.quiet => {}
                EventsFormat::Text => describe(&event).into_iter().chain(dialogue(&event)).for_each(news),
                EventsFormat::Json => news_json(&to_json(&event)),
            }
            if let (Some(dir), Event::BackChannelOpened { session, stream, .. }) = (&args.backchannel, &event)
            {
                if let Some(said) = server.read(*stream, StartAt::Oldest) {
                    voice::record::<R>(dir, &session.to_string(), said)
                        .map_err(|source| Failure::WriteIn { path: dir.clone(), source })?;
                }
            }
        }
        Ok(())
    };
    let stopped = async {
        interrupted().await;
        Ok(())
    };
    let ended = or(stopped, or(feed, report)).await;
    server.close().await;
    ended
}

fn config(args: &ServeArgs) -> Result<ServerConfig, Failure> {
    let udp = UdpSpec { ip: Listen::udp_ip(&args.listen), ports: args.network.udp_ports.unwrap_or_default() };
    let gather = Duration::from_millis(args.gather);
    let proxies = args.proxies.iter().copied();
    let mut config = ServerConfig::default().udp(Some(udp)).gather(gather).trusted_proxies(proxies);
    config = config.start(args.start.into());
    config = config.resume(Duration::from_secs(args.resume)).trace(args.trace && !args.quiet);
    if library(args).is_some() {
        config = config.asks(vod::asks()).features([ONVIF_REPLAY]);
    }
    if let Some(pairs) = args.udp_pairs {
        config = config.udp_pairs(pairs.get());
    }
    if let Some(share) = args.address_share {
        config = config.address_share(share.get());
    }
    if let Some(shared) = &args.shared_addresses {
        config = config.shared_addresses(shared.clone());
    }
    if let Some(users) = users::read(&args.users, args.users_file.as_deref())? {
        let schemes = args.auth.iter().copied().map(Scheme::from).collect();
        config = config.users(users).realm(&args.realm).schemes(schemes);
    }
    Ok(config)
}

/// The films or recordings that each reader plays for itself, if there are any.
fn library(args: &ServeArgs) -> Option<Vec<Box<dyn Library>>> {
    let mut libraries: Vec<Box<dyn Library>> = Vec::new();
    if let Some(dir) = &args.files {
        libraries.push(Box::new(Folder::new(dir)));
    }
    if let Some(dir) = &args.recordings {
        libraries.push(Box::new(Recordings::new(dir)));
    }
    (!libraries.is_empty()).then_some(libraries)
}

/// Serves statistics from here on; where.
fn serve_metrics<R: Runtime>(at: &Listen, server: Arc<Server<R>>) -> io::Result<SocketAddr> {
    let listener = at.tcp()?;
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
