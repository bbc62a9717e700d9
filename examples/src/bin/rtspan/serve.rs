use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use futures_lite::future::or;
use rtspan_examples::Clip;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Event, MediaTransport, Scheme, ServerConfig, UdpSpec};

use crate::Failure;
use crate::args::ServeArgs;
use crate::feed::feed;
use crate::output::news;
use crate::stop::interrupted;
use crate::users;

/// Where the embedded clip is.
pub(crate) const DEMO: &str = "/demo";

/// Relays what is published, and serves the embedded clip, until the user has enough.
pub(crate) async fn run<R: Runtime>(args: &ServeArgs) -> Result<(), Failure> {
    let server = Server::<R>::builder().config(config(args)?).bind(args.listen).await?;
    let clip = Clip::demo();
    let stream = if args.no_demo { None } else { Some(server.publish(DEMO, clip.description())?) };
    news(format_args!("listening on rtsp://{}", reachable(server.local_addr())));

    let feed = async {
        match stream {
            None => pending().await,
            Some(stream) => {
                feed::<R, _>(&clip, async |media, packets| stream.write_frame(media, packets)).await?;
                Ok(())
            }
        }
    };
    let report = async {
        if args.quiet {
            pending::<()>().await;
        }
        while let Some(event) = server.next().await {
            if let Some(line) = describe(&event) {
                news(line);
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
    let udp = UdpSpec { ip: args.listen.ip(), ports: args.udp_ports.unwrap_or_default() };
    let gather = Duration::from_millis(args.gather);
    let proxies = args.proxies.iter().copied();
    let mut config = ServerConfig::default().udp(Some(udp)).gather(gather).trusted_proxies(proxies);
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

/// An address that a player on this machine can be given.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// The line of an event, in which peers choose the paths.
fn describe(event: &Event) -> Option<String> {
    Some(match event {
        Event::ConnOpened { peer, .. } => format!("{peer} has connected"),
        Event::ConnProxied { peer, proxy, .. } => format!("{proxy} is a proxy, and passes on {peer}"),
        Event::ConnClosed { peer, reason, .. } => format!("{peer} has gone: {reason}"),
        Event::Published { path, .. } => format!("{} is published", path),
        Event::Unpublished { path, reason, .. } => {
            format!("{} is no longer published: {reason}", path)
        }
        Event::Playing { peer, path, transport, .. } => {
            format!("{peer} plays {} over {}", path, over(*transport))
        }
        Event::SessionClosed { path, reason, .. } => {
            format!("a session of {} is over: {reason}", path)
        }
        Event::TakenOver { path, .. } => format!("{} has another publisher", path),
        Event::MediaSilent { path, media, .. } => {
            format!("nothing comes of media {media} of {}", path)
        }
        Event::MediaResumed { path, media, .. } => {
            format!("media {media} of {} comes again", path)
        }
        Event::ReaderLagged { dropped, .. } => {
            format!("a reader is too slow and has missed {dropped} packets")
        }
        Event::AuthFailed { peer, user, path, count, .. } => {
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            let user = user.as_deref().map_or_else(String::new, |user| format!(" for the user {user}"));
            format!("{peer} has sent wrong credentials{user} for {path}{times}")
        }
        Event::Refused { peer, reason, count, .. } => {
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            format!("{peer} was refused{times}: {reason}")
        }
        Event::Missed { count } => format!("{count} events were dropped, since they were not taken in time"),
        Event::Tolerated { tolerances, .. } => {
            let texts: Vec<_> = tolerances.iter().map(|tolerance| tolerance.to_string()).collect();
            format!("a peer was put up with: {}", texts.join("; "))
        }
        _ => return None,
    })
}

fn over(transport: MediaTransport) -> &'static str {
    match transport {
        MediaTransport::Udp => "udp",
        _ => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_stands_for_all_is_shown_as_one_that_can_be_reached() {
        for (bound, shown) in [
            ("0.0.0.0:8554", "127.0.0.1:8554"),
            ("[::]:8554", "[::1]:8554"),
            ("192.0.2.1:554", "192.0.2.1:554"),
        ] {
            assert_eq!(reachable(bound.parse().unwrap()).to_string(), shown);
        }
    }
}
