use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::asks::{Asks, AsksAt};
use super::secure::Settings;
use super::{Multicast, TakeoverPolicy};
use crate::IpPrefix;
use crate::auth::{Algorithm, AuthScheme, Users};
use crate::limits;
use crate::stream::{LagPolicy, LogLimits, StartAt};
use crate::tunnel::http::Pairing;
use crate::udp::{UdpPorts, UdpSpec};

/// Settings of a [`Server`](super::Server): its limits, and its patience.
///
/// A runtime takes it by `ServerBuilder::config`.
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::auth::{Action, Secret, User, Users};
/// use rtspan_core::server::{Asks, ServerConfig};
///
/// let users = Users::default()
///     .with(User::new("wall", Secret::password("horse")).may(Action::Read, "*"))
///     .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"));
/// let config = ServerConfig::default()
///     .users(users)
///     .asks(Asks::DESCRIBE) // the other requests are answered by default
///     .resume(Duration::from_secs(10)) // a stream waits so long for a publisher that has gone
///     .conns_max(500);
/// ```
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) asks: Asks,
    pub(super) asks_at: AsksAt,
    pub(super) publishers: bool,
    pub(super) trace: bool,
    pub(super) rtcp_events: bool,
    pub(super) srtp: Settings,
    pub(super) users: Option<Users>,
    pub(super) realm: Box<str>,
    pub(super) schemes: Vec<AuthScheme>,
    pub(super) nonce_lifetime: Duration,
    pub(super) udp: Option<UdpSpec>,
    pub(super) udp_pairs: Option<usize>,
    pub(super) multicast: Option<Multicast>,
    pub(super) processors: usize,
    pub(super) name: Box<str>,
    pub(super) trusted_proxies: Box<[IpPrefix]>,
    pub(super) start: StartAt,
    pub(super) lag: LagPolicy,
    pub(super) log: LogLimits,
    pub(super) session_timeout: Duration,
    pub(super) unattended_session_timeout: Duration,
    pub(super) setup_timeout: Duration,
    pub(super) media_silence: Duration,
    pub(super) takeover: TakeoverPolicy,
    pub(super) resume: Duration,
    pub(super) resume_after_teardown: bool,
    pub(super) conn_idle: Duration,
    pub(super) message_deadline: Duration,
    pub(super) write_stall: Duration,
    pub(super) ticket_deadline: Duration,
    pub(super) conns_max: usize,
    pub(super) sessions_max: usize,
    pub(super) sessions_per_conn_max: usize,
    pub(super) udp_ports_max: usize,
    pub(super) speakers_max: usize,
    pub(super) memory: usize,
    pub(super) address_share: usize,
    pub(super) shared_addresses: Vec<IpPrefix>,
    pub(super) features: Vec<Box<str>>,
    pub(super) request_body_max: usize,
    pub(super) unproven_bytes_max: usize,
    pub(super) udp_burst: usize,
    pub(super) gather: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            asks: Asks::NONE,
            asks_at: AsksAt::default(),
            publishers: true,
            trace: false,
            rtcp_events: false,
            srtp: Settings::default(),
            users: None,
            realm: "rtspan".into(),
            schemes: vec![AuthScheme::Digest(Algorithm::Md5)],
            nonce_lifetime: limits::NONCE_LIFETIME,
            udp: None,
            udp_pairs: None,
            multicast: None,
            processors: 1,
            name: concat!("rtspan/", env!("CARGO_PKG_VERSION")).into(),
            trusted_proxies: Box::default(),
            start: StartAt::default(),
            lag: LagPolicy::default(),
            log: LogLimits::default(),
            session_timeout: limits::SESSION_TIMEOUT,
            unattended_session_timeout: limits::UNATTENDED_SESSION_TIMEOUT,
            setup_timeout: limits::SETUP_TIMEOUT,
            media_silence: limits::MEDIA_SILENCE,
            takeover: TakeoverPolicy::default(),
            resume: Duration::ZERO,
            resume_after_teardown: false,
            conn_idle: limits::CONN_IDLE,
            message_deadline: limits::MESSAGE_DEADLINE,
            write_stall: limits::WRITE_STALL,
            ticket_deadline: limits::TICKET_DEADLINE,
            conns_max: limits::CONNS_MAX,
            sessions_max: limits::SESSIONS_MAX,
            sessions_per_conn_max: limits::SESSIONS_PER_CONN_MAX,
            udp_ports_max: limits::UDP_PORTS_MAX,
            speakers_max: limits::SPEAKERS_MAX,
            memory: limits::MEMORY_BYTES,
            address_share: limits::ADDRESS_SHARE,
            features: Vec::new(),
            shared_addresses: vec![
                IpPrefix::new(Ipv4Addr::LOCALHOST.into(), 8),
                IpPrefix::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
            ],
            request_body_max: limits::BODY_BYTES_MAX,
            unproven_bytes_max: limits::UNPROVEN_BYTES_MAX,
            udp_burst: limits::UDP_BURST_PACKETS,
            gather: limits::GATHER_DELAY,
        }
    }
}

/// Setters by value, one for each field.
impl ServerConfig {
    /// Returns `true` if each message is told.
    pub fn is_traced(&self) -> bool {
        self.trace
    }

    /// The application takes these decisions at the paths of a [pattern](crate::auth::User::may), in addition to those that it
    /// takes at all paths.
    ///
    /// A question costs more than all the rest of a request, because another task answers it. A server with films and
    /// publishers asks about the paths of the films only. [`Asks::AUTHENTICATE`], [`Asks::GET_PARAMETER`] and
    /// [`Asks::SET_PARAMETER`] do not depend on paths, and have no effect here.
    ///
    /// ```
    /// use rtspan_core::server::{Asks, ServerConfig};
    ///
    /// let reader = Asks::DESCRIBE | Asks::SETUP | Asks::PLAY;
    /// let config = ServerConfig::default().asks(Asks::ANNOUNCE).asks_at("/films/*", reader);
    /// ```
    #[must_use]
    pub fn asks_at(mut self, paths: &str, asks: Asks) -> Self {
        self.asks_at.add(paths, asks);
        self
    }

    /// Returns `true` if the application takes a decision about some path.
    pub(super) fn asks_anywhere(&self, asks: Asks) -> bool {
        self.asks.contains(asks) || self.asks_at.contain_anywhere(asks)
    }

    /// Returns `true` if the application takes a decision about this path.
    pub(super) fn asks_about(&self, asks: Asks, path: &str) -> bool {
        self.asks.contains(asks) || self.asks_at.contain(asks, path)
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        impl ServerConfig {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                self.$name = $name;
                self
            })*
        }
    };
}

setters! {
    /// The decisions that the application takes itself, whatever the path ([`Asks::NONE`] by default).
    asks: Asks,
    /// Accepts ANNOUNCE when the application is not asked; on by default.
    publishers: bool,
    /// Tells of each message that is received or sent ([`Event::MessageReceived`](super::Event::MessageReceived),
    /// [`Event::MessageSent`](super::Event::MessageSent)); off by default.
    ///
    /// Peers that are refused a connection are answered without it.
    trace: bool,
    /// Tells of the RTCP that peers send ([`Event::RtcpReceived`](super::Event::RtcpReceived)); off by default.
    rtcp_events: bool,
    /// How peers may prove who they are, in the order in which they are offered (Digest with MD5 by default).
    ///
    /// FFmpeg takes the last Digest that is offered and knows MD5 only, so that SHA-256 stands before it. Basic sends
    /// passwords as they are.
    schemes: Vec<AuthScheme>,
    /// A peer has to answer a new challenge if its challenge is older than this ([`limits::NONCE_LIFETIME`]).
    ///
    /// On a connection on which it has proved itself before, it need not.
    nonce_lifetime: Duration,
    /// The UDP sockets that media goes through; without any (the default) it goes over TCP only.
    udp: Option<UdpSpec>,
    /// The groups that streams are sent to, for readers who ask for that; none by default.
    multicast: Option<Multicast>,
    /// How many processors there are (1 by default); the runtimes set it.
    processors: usize,
    /// Where readers start ([`StartAt::Live`] by default).
    start: StartAt,
    /// The treatment of readers that are too slow ([`LagPolicy::SkipToKeyframe`] by default).
    lag: LagPolicy,
    /// How much of each stream is kept for readers that lag.
    log: LogLimits,
    /// A session without a sign of life for this time is closed ([`limits::SESSION_TIMEOUT`]).
    ///
    /// Over UDP requests, reports and a publisher's packets are signs of life. A session that plays or records over TCP lives as
    /// long as its connection.
    session_timeout: Duration,
    /// How long a session over UDP that has not begun, or a publisher that pauses, outlives its last connection
    /// ([`limits::UNATTENDED_SESSION_TIMEOUT`]).
    unattended_session_timeout: Duration,
    /// A session that has neither played nor recorded within this time is closed, even with keepalives
    /// ([`limits::SETUP_TIMEOUT`]).
    setup_timeout: Duration,
    /// [`Event::MediaSilent`](super::Event::MediaSilent) reports a media of which a publisher sends no packet for this time, or up
    /// to a second more ([`limits::MEDIA_SILENCE`]).
    media_silence: Duration,
    /// The peers that may take the place of a publisher at its path ([`TakeoverPolicy::SameAddress`] by default).
    takeover: TakeoverPolicy,
    /// How long a stream waits for a publisher that has gone without TEARDOWN (zero by default: it ends at once).
    ///
    /// Readers stay meanwhile. The same user, or without users the same address, may announce the same medias and continue the
    /// stream ([`Event::TakenOver`](super::Event::TakenOver)). For others the path is in use.
    resume: Duration,
    /// A stream with readers also [waits](Self::resume) after TEARDOWN of its publisher, for any publisher with the right to its
    /// path (`false` by default: it ends at once).
    ///
    /// It is for servers that share streams: a publisher that moves to another server sends TEARDOWN to the first. Readers of a
    /// publisher that has finished see the end after that time.
    resume_after_teardown: bool,
    /// A connection without a session that sends nothing for this time is closed ([`limits::CONN_IDLE`]).
    conn_idle: Duration,
    /// A message that is not complete this long after its first byte closes its connection ([`limits::MESSAGE_DEADLINE`]).
    message_deadline: Duration,
    /// A socket that takes next to nothing of its bytes for this time is closed ([`limits::WRITE_STALL`]). A reader without rate
    /// control ([`StreamLog::set_rate_control`](crate::stream::StreamLog::set_rate_control)) is closed only if it sends no request
    /// for the session timeout.
    write_stall: Duration,
    /// How long the application may take to answer a question ([`limits::TICKET_DEADLINE`]).
    ticket_deadline: Duration,
    /// Connections at once ([`limits::CONNS_MAX`]).
    conns_max: usize,
    /// Sessions at once ([`limits::SESSIONS_MAX`]).
    sessions_max: usize,
    /// Sessions of one connection ([`limits::SESSIONS_PER_CONN_MAX`]).
    sessions_per_conn_max: usize,
    /// UDP ports of clients that all sessions name together ([`limits::UDP_PORTS_MAX`]); tracks beyond are refused with
    /// 461.
    udp_ports_max: usize,
    /// Sessions that may have a back channel of the same stream at once ([`limits::SPEAKERS_MAX`]); more are refused it with
    /// 453, and play on.
    speakers_max: usize,
    /// Bytes that the logs of all streams and the descriptions of all publishers take together
    /// ([`limits::MEMORY_BYTES`]).
    ///
    /// An eighth is for descriptions, and the rest for logs: up to three quarters of that for the application's own streams. If
    /// there are more streams than it has room for, each log is shorter, down to [`limits::LOG_BYTES_LEAST`]. Further
    /// announcements are refused with 503. The logs of one address's publishers have the part that
    /// [`address_share`](Self::address_share) sets, and are shorter beyond that. The application's own
    /// streams do not depend on publishers.
    memory: usize,
    /// A single address may have one part in this number of the connections and sessions that others leave
    /// ([`limits::ADDRESS_SHARE`]); with 1 it may have them all.
    ///
    /// An address is one of IPv4, or the /64 of one of IPv6. Each may have [`limits::SHARE_LEAST`].
    address_share: usize,
    /// Addresses that many peers share and that have no such bound: balancers, or the NAT of one's own network.
    ///
    /// By default those of the host itself (127.0.0.0/8 and ::1), where proxies and tunnels come from.
    shared_addresses: Vec<IpPrefix>,
    /// Bytes of a request's body ([`limits::BODY_BYTES_MAX`]).
    request_body_max: usize,
    /// Bytes that a reader over UDP is sent while no datagram shows that it is there ([`limits::UNPROVEN_BYTES_MAX`]).
    unproven_bytes_max: usize,
    /// Packets of one stream that each reader over UDP gets at once ([`limits::UDP_BURST_PACKETS`]).
    ///
    /// As many follow a millisecond later, so that a large keyframe does not overflow sockets and switches.
    /// With the default a stream of over 500 Mbit/s does not fit.
    udp_burst: usize,
    /// How long packets may be gathered for a reader before they are written ([`limits::GATHER_DELAY`]).
    ///
    /// It saves system calls if packets are published one by one, and adds that much latency. A packet waits no longer than that,
    /// and is written at once if one call is full ([`limits::OUTBOX_FRAMES_MAX`]), if the log would drop the packet meanwhile, or
    /// if the stream ends.
    gather: Duration,
}

impl ServerConfig {
    /// The users and their rights to read and publish. Without any (the default) everybody may do everything.
    ///
    /// A peer that has no right to what it asks for is asked for credentials (401), or refused (403) if its credentials
    /// are good. OPTIONS is for everybody.
    #[must_use]
    pub fn users(self, users: Users) -> Self {
        Self { users: Some(users), ..self }
    }

    /// The realm of credentials, as people see it when they are asked for a password (`rtspan` by default).
    #[must_use]
    pub fn realm(self, realm: &str) -> Self {
        Self { realm: realm.into(), ..self }
    }

    /// The halves of this server's HTTP tunnels. They wait for each other as long as for a message, and shared addresses have no
    /// bound of their own.
    pub fn tunnel_halves<G: Clone, P>(&self) -> Pairing<G, P> {
        Pairing::default()
            .with_shared_addresses(self.shared_addresses.clone())
            .with_deadline(self.message_deadline)
    }

    /// Feature tags of what the application does by itself, such as [`ONVIF_REPLAY`](crate::header::ONVIF_REPLAY): requests may
    /// [require](https://www.rfc-editor.org/rfc/rfc2326#section-12.32) them. What else they require is answered 551.
    #[must_use]
    pub fn features<'a>(self, tags: impl IntoIterator<Item = &'a str>) -> Self {
        Self { features: tags.into_iter().map(Into::into).collect(), ..self }
    }

    pub(super) fn is_guarded(&self) -> bool {
        self.users.is_some() || self.asks.contains(Asks::AUTHENTICATE)
    }

    /// The number of pairs of UDP sockets, and so of processors, that sessions are spread over ([`limits::UDP_PAIRS_MAX`] at most).
    ///
    /// By default there is one for each processor if they may have [any](UdpPorts::Any) ports, and otherwise a single
    /// one. Behind [fixed](UdpPorts::Fixed) ports the next ones are taken, so that 8000 and 8001 are followed by 8002 and
    /// 8003. A session stays with one pair, whose ports its answer to SETUP names.
    #[must_use]
    pub fn udp_pairs(self, pairs: usize) -> Self {
        Self { udp_pairs: Some(pairs), ..self }
    }

    /// Addresses of the proxies and load balancers in front of the server (by default none is trusted).
    ///
    /// Each connection from there has to begin with a header of the PROXY protocol, version 1 or 2, and counts as one
    /// from the address that it names. From everywhere else such a header is refused.
    #[must_use]
    pub fn trusted_proxies(self, proxies: impl IntoIterator<Item = IpPrefix>) -> Self {
        Self { trusted_proxies: proxies.into_iter().collect(), ..self }
    }

    pub(super) fn trusts_as_proxy(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|prefix| prefix.contains(peer))
    }

    pub(super) fn udp_pairs_of(&self, spec: UdpSpec) -> usize {
        let all = if spec.ports == UdpPorts::Any { self.processors } else { 1 };
        self.udp_pairs.unwrap_or(all)
    }

    /// The text of the Server header of responses; line ends are left out.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }
}
