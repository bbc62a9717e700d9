use std::time::Duration;

use super::ReconnectPolicy;
use super::own::OwnHeaders;
use crate::auth::Secret;
use crate::header::Lower;
use crate::limits::{
    CONNECT_DEADLINE, DESCRIBE_DEADLINE, FIRST_UDP_PACKET, MEDIA_SILENCE, RECEIVED_BYTES_MAX,
    RECEIVED_PACKETS_MAX, RESPONSE_DEADLINE, SERVER_SILENCE, UDP_BURST_PACKETS, WRITE_STALL,
};
use crate::tunnel::Tunnel;
use crate::udp::UdpPorts;
use crate::url::Url;
use crate::wire::Method;

/// Settings of a client: transports, deadlines, limits, and what it asks servers for.
///
/// A runtime takes it by `ClientBuilder::config`. Each setting has a default that suits most cameras.
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::client::{ClientConfig, ReconnectPolicy, Transports};
///
/// let config = ClientConfig::default()
///     .transports(Transports::Tcp)
///     .response_deadline(Duration::from_secs(5))
///     .reconnect(Some(ReconnectPolicy::default()));
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    pub(super) user_agent: Box<str>,
    pub(super) headers: OwnHeaders,
    pub(super) credentials: Option<(Box<str>, Secret)>,
    pub(super) basic_auth: bool,
    pub(super) transports: Transports,
    pub(super) udp_ports: UdpPorts,
    pub(super) udp_burst: usize,
    pub(super) source: SourcePolicy,
    pub(super) cseq: CSeqPolicy,
    pub(super) keepalive: KeepalivePolicy,
    pub(super) connect_deadline: Duration,
    pub(super) response_deadline: Duration,
    pub(super) describe_deadline: Duration,
    pub(super) write_stall: Duration,
    pub(super) first_udp_packet: Duration,
    pub(super) silence: Duration,
    pub(super) media_silence: Duration,
    pub(super) media_silence_policy: MediaSilencePolicy,
    pub(super) received_packets_max: usize,
    pub(super) received_bytes_max: usize,
    pub(super) reconnect: Option<ReconnectPolicy>,
    pub(super) trace: bool,
    pub(super) rtcp_events: bool,
    pub(super) back_channel: bool,
    pub(super) onvif_replay: bool,
    pub(super) sender_reports: bool,
    #[cfg(feature = "srtp")]
    pub(super) srtp: super::ClientSrtp,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            user_agent: concat!("rtspan/", env!("CARGO_PKG_VERSION")).into(),
            headers: OwnHeaders::default(),
            credentials: None,
            basic_auth: true,
            transports: Transports::default(),
            udp_ports: UdpPorts::default(),
            udp_burst: UDP_BURST_PACKETS,
            source: SourcePolicy::default(),
            cseq: CSeqPolicy::default(),
            keepalive: KeepalivePolicy::default(),
            connect_deadline: CONNECT_DEADLINE,
            response_deadline: RESPONSE_DEADLINE,
            describe_deadline: DESCRIBE_DEADLINE,
            write_stall: WRITE_STALL,
            first_udp_packet: FIRST_UDP_PACKET,
            silence: SERVER_SILENCE,
            media_silence: MEDIA_SILENCE,
            media_silence_policy: MediaSilencePolicy::default(),
            received_packets_max: RECEIVED_PACKETS_MAX,
            received_bytes_max: RECEIVED_BYTES_MAX,
            reconnect: None,
            trace: false,
            rtcp_events: false,
            back_channel: false,
            onvif_replay: false,
            sender_reports: true,
            #[cfg(feature = "srtp")]
            srtp: super::ClientSrtp::default(),
        }
    }
}

impl ClientConfig {
    /// The name that the client gives itself; cameras refuse requests without one.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// Tells of every message that is sent or received ([`ClientEvent::MessageSent`], [`ClientEvent::MessageReceived`]),
    /// without secrets; off by default.
    ///
    /// [`ClientEvent::MessageSent`]: super::ClientEvent::MessageSent
    /// [`ClientEvent::MessageReceived`]: super::ClientEvent::MessageReceived
    #[must_use]
    pub fn trace(mut self, trace: bool) -> Self {
        self.trace = trace;
        self
    }

    /// Returns `true` if every message is told.
    pub fn is_traced(&self) -> bool {
        self.trace
    }

    /// Tells of the RTCP that the server sends ([`ClientEvent::RtcpReceived`]); off by default.
    ///
    /// [`ClientEvent::RtcpReceived`]: super::ClientEvent::RtcpReceived
    #[must_use]
    pub fn rtcp_events(mut self, rtcp_events: bool) -> Self {
        self.rtcp_events = rtcp_events;
        self
    }

    /// Asks the server for back channels, medias that the client sends while it plays, such as the voice for a camera's
    /// loudspeaker (ONVIF Streaming Specification, section 5.3); off by default.
    ///
    /// Requests name the feature in a `Require` header. A server that refuses it is asked again without, and
    /// [`ClientEvent::BackChannelRefused`] tells so. [`Client::back_channels`] lists those that there are;
    /// [`Client::send`] takes their packets while the client plays.
    ///
    /// [`ClientEvent::BackChannelRefused`]: super::ClientEvent::BackChannelRefused
    /// [`Client::back_channels`]: super::Client::back_channels
    /// [`Client::send`]: super::Client::send
    #[must_use]
    pub fn back_channel(mut self, back_channel: bool) -> Self {
        self.back_channel = back_channel;
        self
    }

    /// Asks a recorder for a replay as ONVIF has it (Streaming Specification, section 6): SETUP and PLAY require
    /// [`ONVIF_REPLAY`](crate::header::ONVIF_REPLAY); off by default. A server that does not know of it answers 551.
    ///
    /// [`Playback::replay`](super::Playback::replay) says how it is to be played.
    #[must_use]
    pub fn onvif_replay(mut self, onvif_replay: bool) -> Self {
        self.onvif_replay = onvif_replay;
        self
    }

    /// Sends reports of what is recorded, every [`SENDER_REPORT_PERIOD`](crate::limits::SENDER_REPORT_PERIOD) and behind the
    /// first packet of each source; on by default. Without them readers cannot bring sound and pictures together.
    #[must_use]
    pub fn sender_reports(mut self, sender_reports: bool) -> Self {
        self.sender_reports = sender_reports;
        self
    }

    /// The transports that media may use.
    #[must_use]
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    /// The ports that media is received on over UDP.
    #[must_use]
    pub fn udp_ports(mut self, udp_ports: UdpPorts) -> Self {
        self.udp_ports = udp_ports;
        self
    }

    /// Packets that are sent at once over UDP ([`UDP_BURST_PACKETS`]).
    ///
    /// As many follow a millisecond later, so that a large keyframe does not overflow the server's socket.
    #[must_use]
    pub fn udp_burst(mut self, udp_burst: usize) -> Self {
        self.udp_burst = udp_burst;
        self
    }

    /// The addresses and ports from which media is taken over UDP.
    #[must_use]
    pub fn source(mut self, source: SourcePolicy) -> Self {
        self.source = source;
        self
    }

    /// How responses find their request.
    #[must_use]
    pub fn cseq(mut self, cseq: CSeqPolicy) -> Self {
        self.cseq = cseq;
        self
    }

    /// How the session is kept alive.
    #[must_use]
    pub fn keepalive(mut self, keepalive: KeepalivePolicy) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// How long a connection is waited for ([`CONNECT_DEADLINE`]): all addresses of the host have that time together, and the
    /// lookup of its name and the TLS handshake are part of it.
    ///
    /// Then the client closes with [`ConnectError::Timeout`](super::ConnectError::Timeout), or another
    /// [`ConnectError`](super::ConnectError) if an address has failed otherwise meanwhile.
    #[must_use]
    pub fn connect_deadline(mut self, connect_deadline: Duration) -> Self {
        self.connect_deadline = connect_deadline;
        self
    }

    /// How long each response is waited for ([`RESPONSE_DEADLINE`]); then its command fails with
    /// [`CommandError::Timeout`](super::CommandError::Timeout).
    ///
    /// DESCRIBE has a [deadline of its own](Self::describe_deadline).
    #[must_use]
    pub fn response_deadline(mut self, response_deadline: Duration) -> Self {
        self.response_deadline = response_deadline;
        self
    }

    /// How long the response to DESCRIBE is waited for ([`DESCRIBE_DEADLINE`]).
    ///
    /// Servers with sources on demand (MediaMTX, recorders) answer only when the source has answered them.
    #[must_use]
    pub fn describe_deadline(mut self, describe_deadline: Duration) -> Self {
        self.describe_deadline = describe_deadline;
        self
    }

    /// How long a server may take nothing of what is sent to it over its connection ([`WRITE_STALL`]); then the client closes with
    /// [`ClientCloseReason::Stalled`](super::ClientCloseReason::Stalled).
    #[must_use]
    pub fn write_stall(mut self, write_stall: Duration) -> Self {
        self.write_stall = write_stall;
        self
    }

    /// How long the first packet over UDP is waited for before TCP is asked for ([`Transports::UdpThenTcp`]).
    #[must_use]
    pub fn first_udp_packet(mut self, first_udp_packet: Duration) -> Self {
        self.first_udp_packet = first_udp_packet;
        self
    }

    /// How long a server that plays may send nothing at all before the client asks it for a sign of life ([`SERVER_SILENCE`]).
    ///
    /// If nothing comes within [`response_deadline`](Self::response_deadline), the client closes. Over UDP alone it also closes if
    /// no packet has come at all for this time, because a firewall is in the way. Before PLAY, while paused and while recording,
    /// keepalives ask the server, and the client closes if nothing has come for two session timeouts.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// How long a media may send no packet before the client tells it, or up to a second more ([`MEDIA_SILENCE`]).
    #[must_use]
    pub fn media_silence(mut self, media_silence: Duration) -> Self {
        self.media_silence = media_silence;
        self
    }

    /// The action to take when a media falls silent ([`MediaSilencePolicy::Tell`] by default).
    #[must_use]
    pub fn media_silence_policy(mut self, policy: MediaSilencePolicy) -> Self {
        self.media_silence_policy = policy;
        self
    }

    /// The most received packets that wait for the application. Beyond that the oldest are dropped and counted.
    ///
    /// A recording that plays over TCP at the client's pace (`Rate-Control: no`) loses no packet: the client stops reading while
    /// so many packets wait. Packets that are on their way still arrive: as many again and one block of the socket at most.
    ///
    /// After a loss, pictures continue at the next access point, within [`ACCESS_POINT_WAIT`](crate::limits::ACCESS_POINT_WAIT).
    /// The packets before it are dropped and counted as well.
    #[must_use]
    pub fn received_packets_max(mut self, received_packets_max: usize) -> Self {
        self.received_packets_max = received_packets_max;
        self
    }

    /// The most bytes of received packets that wait. Beyond that the oldest packets are dropped and counted.
    #[must_use]
    pub fn received_bytes_max(mut self, received_bytes_max: usize) -> Self {
        self.received_bytes_max = received_bytes_max;
        self
    }
}

impl ClientConfig {
    /// The transport for media of this URL, as long as nothing speaks against it.
    pub(super) fn lower(&self, url: &Url) -> Lower {
        match self.transports {
            Transports::Udp | Transports::Multicast => Lower::Udp,
            Transports::Tcp => Lower::Tcp,
            Transports::UdpThenTcp | Transports::MulticastThenTcp | Transports::Any => {
                let is_plain = !url.is_secure() && url.tunnel() == Tunnel::None;
                if is_plain { Lower::Udp } else { Lower::Tcp }
            }
        }
    }
}

/// The transports that media may use.
///
/// ```
/// use rtspan_core::client::{ClientConfig, Transports};
///
/// // A camera behind a firewall that lets only the connection through.
/// let config = ClientConfig::default().transports(Transports::Tcp);
/// assert_eq!(Transports::default(), Transports::UdpThenTcp);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transports {
    /// UDP, and TCP if UDP is refused or nothing comes through (the default).
    ///
    /// Over TLS this is TCP from the start, because media over UDP would not be encrypted. In tunnels it is TCP too, because they
    /// are for networks that let nothing else through.
    #[default]
    UdpThenTcp,
    /// UDP only.
    Udp,
    /// UDP to a multicast group only.
    ///
    /// Media of the client, such as a back channel or a stream that it publishes, goes over UDP to the server.
    Multicast,
    /// As [`Multicast`](Self::Multicast), and TCP if it is refused or nothing comes through.
    MulticastThenTcp,
    /// UDP to a multicast group if the description or the server's answer names one, and else as
    /// [`UdpThenTcp`](Self::UdpThenTcp).
    Any,
    /// TCP only, interleaved with the messages (RFC 2326, section 10.12).
    Tcp,
}

impl Transports {
    /// Returns `true` if TCP takes the place of UDP where that does not work.
    pub(super) fn fall_back_to_tcp(self) -> bool {
        matches!(self, Self::UdpThenTcp | Self::MulticastThenTcp | Self::Any)
    }
}

/// From where media is taken over UDP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourcePolicy {
    /// From the announced ports of the server or of the `source=` that it names (the default). Of a multicast group, from any
    /// port of those addresses.
    #[default]
    Announced,
    /// From any port of those addresses; the port of the first valid packet is kept.
    ///
    /// Freebox sends from other ports than it announces, OpenIPC announces none.
    AnyPort,
    /// From anywhere; the address of the first valid packet is kept.
    ///
    /// For servers behind NAT and clusters. An attacker that guesses the client's port can be first.
    AnyAddress,
}

/// How responses find their request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CSeqPolicy {
    /// By number, and when no number fits, to the oldest request (the default).
    ///
    /// TP-Link Tapo C520WS answers a refused `SET_PARAMETER` with the CSeq of the request before it; Foscam C1
    /// answers the first request with `Cseq: 0`.
    #[default]
    Lenient,
    /// By number only; other responses are ignored.
    Strict,
}

/// The action to take when a media sends no more packets, while the server is there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum MediaSilencePolicy {
    /// It goes on, and the application is told (the default).
    #[default]
    Tell,
    /// It is torn down.
    Close,
}

/// How the session is kept alive.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeepalivePolicy {
    /// By GET_PARAMETER if the server lists it and OPTIONS if not; one that is refused is followed by the other
    /// (the default).
    #[default]
    Automatic,
    /// By this method, even if the server does not list it. If it is refused, another follows.
    ///
    /// For EvoStream OPTIONS is no sign of life, and it does not list the GET_PARAMETER that it understands.
    Method(Method),
    /// Not at all.
    Never,
}
