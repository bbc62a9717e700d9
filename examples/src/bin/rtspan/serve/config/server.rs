//! The settings of the server itself.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use rtspan_examples::Listen;
use rtspan_std::header::ONVIF_REPLAY;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, ServerBuilder};
use rtspan_std::tls::ServerTls;
use rtspan_std::{
    Asks, AuthScheme, LogLimits, Multicast, NotMulticast, ServerConfig, StartAt, UdpPorts, UdpSpec, limits,
};

use super::file::{Limits, MulticastGroups};
use super::plan::{HOLD, Settings, Shelf, Source};
use crate::Failure;
use crate::secure;

/// Where a server listens if nothing is said.
const LISTEN: &str = ":8554";

impl Settings {
    /// Where players come to.
    pub(crate) fn listen(&self) -> Vec<Listen> {
        match &self.file.listen {
            Some(all) if !all.is_empty() => all.iter().map(|at| at.0.clone()).collect(),
            _ => vec![LISTEN.parse().expect("it is an address")],
        }
    }

    /// The address of the sockets for media over UDP.
    pub(crate) fn udp_ip(&self) -> IpAddr {
        Listen::udp_ip(&self.listen())
    }
}

/// Sets up a server, and gives its certificate if it has one.
pub(crate) fn builder<R: Runtime>(
    settings: &Settings,
) -> Result<(ServerBuilder<R>, Option<ServerTls>), Failure> {
    let file = &settings.file;
    let builder = Server::<R>::builder().config(config(settings, settings.udp_ip()));
    let builder = builder.fragments(file.udp.fragments.unwrap_or(true));
    let builder = file.dscp.iter().fold(builder, |builder, dscp| builder.dscp(**dscp));
    let groups = (!file.multicast.groups.is_empty()).then(|| file.multicast.settings());
    let builder = match groups {
        Some(Ok(groups)) => builder.multicast(groups, file.multicast.interface.as_deref().cloned()),
        _ => builder,
    };
    secure::secured(builder, &file.tls, &file.tunnels)
}

pub(super) fn config(settings: &Settings, udp_ip: IpAddr) -> ServerConfig {
    let file = &settings.file;
    let mut config = with_limits(ServerConfig::default(), &file.limits);
    if file.udp.enabled != Some(false) {
        let ports = file.udp.ports.map_or(UdpPorts::Any, |ports| ports.0.0);
        config = config.udp(Some(UdpSpec::new(udp_ip, ports)));
    }
    config = file.udp.pairs.into_iter().fold(config, ServerConfig::udp_pairs);
    config = config.start(file.start.map_or_else(StartAt::default, |start| start.0.into()));
    // In a cluster a publisher that has gone may be at another server.
    let resume = if settings.cluster.is_some() { HOLD } else { Duration::ZERO };
    config = config.resume(file.resume.map_or(resume, |span| span.0));
    config = config.resume_after_teardown(settings.cluster.is_some());
    config = config.trace(file.trace == Some(true));
    // A source on demand takes its time.
    config = config.asks(Asks::ANNOUNCE).ticket_deadline(limits::DESCRIBE_DEADLINE);
    let asks = settings.asks(settings.cluster.is_some()).into_iter();
    config = asks.fold(config, |config, (paths, asks)| config.asks_at(&paths, asks));
    if settings.paths.iter().any(|plan| matches!(plan.source, Source::Shelf(Shelf::Recordings(_)))) {
        config = config.features([ONVIF_REPLAY]);
    }
    if let Some(users) = settings.accounts.users() {
        config = config.users(users);
    }
    config = file.realm.iter().fold(config, |config, realm| config.realm(realm));
    let schemes = file.auth.iter().flatten().map(|scheme| AuthScheme::from(scheme.0)).collect::<Vec<_>>();
    if schemes.is_empty() { config } else { config.schemes(schemes) }
}

fn with_limits(config: ServerConfig, limits: &Limits) -> ServerConfig {
    /// Sets what is given.
    fn set<T>(
        config: ServerConfig,
        given: Option<T>,
        set: fn(ServerConfig, T) -> ServerConfig,
    ) -> ServerConfig {
        given.into_iter().fold(config, set)
    }
    let bytes = |size: super::values::Size| usize::try_from(size.0).unwrap_or(usize::MAX);
    let mut config = set(config, limits.connections, ServerConfig::conns_max);
    config = set(config, limits.sessions, ServerConfig::sessions_max);
    config = set(config, limits.sessions_per_connection, ServerConfig::sessions_per_conn_max);
    config = set(config, limits.memory.map(bytes), ServerConfig::memory);
    config = set(config, limits.address_share, ServerConfig::address_share);
    config = set(config, limits.session_timeout.map(|span| span.0), ServerConfig::session_timeout);
    config = set(config, limits.write_stall.map(|span| span.0), ServerConfig::write_stall);
    config = set(config, limits.gather_milliseconds.map(Duration::from_millis), ServerConfig::gather);
    let shared = limits.shared_addresses.as_ref().map(|all| all.iter().map(|prefix| prefix.0).collect());
    config = set(config, shared, ServerConfig::shared_addresses);
    let mut log = LogLimits::default();
    log = limits.log_packets.into_iter().fold(log, LogLimits::packets);
    log = limits.log_bytes.map(bytes).into_iter().fold(log, LogLimits::bytes);
    config.log(log).trusted_proxies(limits.proxies.iter().map(|prefix| prefix.0))
}

impl MulticastGroups {
    /// The groups that are given.
    ///
    /// # Errors
    ///
    /// One of them is none.
    pub(super) fn settings(&self) -> Result<Multicast, NotMulticast> {
        let (first, rest) = match self.groups.split_first() {
            Some((first, rest)) => (first.0, rest),
            None => (IpAddr::from(Ipv4Addr::UNSPECIFIED).into(), &[][..]),
        };
        let groups = rest.iter().try_fold(Multicast::new(first)?, |groups, range| groups.range(range.0))?;
        let groups = groups.ttl(self.ttl.unwrap_or(limits::MULTICAST_TTL)).only(self.only == Some(true));
        Ok(match self.ports.map(|ports| ports.0.0) {
            Some(UdpPorts::Fixed(first, last) | UdpPorts::Range(first, last)) => groups.ports(first, last),
            _ => groups,
        })
    }
}
