use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::{ClientCloseReason, CommandError, RedirectAttempt};
use crate::description::Description;
use crate::header::{Methods, Range};
use crate::rtp::RtpPacket;
use crate::timeline::MediaTime;
use crate::tunnel::Tunnel;
use crate::udp::{GroupSpec, Port, UdpSpec};
use crate::url::Url;
use crate::wire::{Response, StatusCode};
use crate::{Instant, Profile, TracedMessage, UdpId};

/// A command of a client, to find its [`Done`](ClientEvent::Done).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CommandId(pub(super) u64);

/// The orders of a client to its runtime, and its events for the application, in order.
#[non_exhaustive]
pub enum ClientOutput {
    /// Connect; the answer is [`handle_connected`](super::Client::handle_connected).
    Connect {
        /// Host name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// True if the connection uses TLS.
        secure: bool,
        /// The tunnel that carries RTSP in it. Its handshake is a part of connecting.
        tunnel: Tunnel,
        /// Path and query of the URL, which the requests of a tunnel name.
        target: String,
        /// The answer is waited for until then; a runtime that gives up by then can say what it tried.
        deadline: Instant,
    },
    /// Give up the connection, or the attempt at one.
    ///
    /// Bytes that [`io_slices`](super::Client::io_slices) still has are written as far as possible without waiting.
    Disconnect,
    /// Open a pair of UDP sockets; the answer is [`handle_udp_opened`](super::Client::handle_udp_opened).
    OpenUdp(UdpId, UdpSpec),
    /// Open a pair of UDP sockets that are bound to a multicast group, and join it with both; the answer is
    /// [`handle_udp_opened`](super::Client::handle_udp_opened) with the ports of the group.
    JoinGroup(UdpId, GroupSpec),
    /// Close a pair of UDP sockets, or the attempt to open one.
    ///
    /// Datagrams that [`flush`](super::Client::flush) still has for it are sent as far as possible without waiting.
    CloseUdp(UdpId),
    /// Tell the application.
    Event(ClientEvent),
}

debug_variants_without_secrets!(ClientOutput {
    OpenUdp(id, spec), JoinGroup(id, spec), CloseUdp(id), Event(event);
    Connect { target; host, port, secure, tunnel, deadline },
    Disconnect {;},
});

/// An event for the application.
///
/// With a runtime, `Client::next_event` returns them. In this example they come from the client of the core.
///
/// ```
/// use rtspan_core::client::{Client, ClientConfig, ClientEvent, ClientOutput};
/// use rtspan_core::{Instant, Url};
///
/// fn tell(event: &ClientEvent) -> Option<String> {
///     match event {
///         ClientEvent::Reconnecting { cause, attempt, wait } => {
///             Some(format!("{cause}; attempt {attempt} in {wait:?}"))
///         }
///         ClientEvent::MediaSilent(media) => Some(format!("media {media} sends nothing")),
///         ClientEvent::TransportSwitched(reason) => Some(format!("over TCP from here on: {reason:?}")),
///         ClientEvent::Closed(reason) => Some(format!("closed: {reason}")),
///         _ => None,
///     }
/// }
///
/// let now = Instant::ZERO;
/// let mut client = Client::new(Url::parse("rtsp://camera/main")?, ClientConfig::default(), [7; 32]);
/// client.teardown(now)?;
/// let mut told = Vec::new();
/// while let Some(output) = client.poll_output() {
///     if let ClientOutput::Event(event) = output {
///         told.extend(tell(&event));
///     }
/// }
/// assert_eq!(told, ["closed: torn down"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A command is done; each has exactly one of these.
    Done(CommandId, Result<Reply, CommandError>),
    /// Media goes over TCP from here on.
    TransportSwitched(SwitchReason),
    /// Nothing came over UDP, and the server refuses TCP with this status: media goes over UDP again, and stays there.
    TcpRefused(StatusCode),
    /// The media of this index is left out of what plays, because its SETUP failed; told once the others play.
    MediaRefused(usize, CommandError),
    /// The server refuses to be asked for [back channels](super::ClientConfig::back_channel): by this status, which should be
    /// 551, or by no answer at all. The client goes on without asking.
    BackChannelRefused(CommandError),
    /// The server says that the media of this index has ended (RTCP BYE), and nothing has come of it since.
    Ended(usize),
    /// The media of this index goes on after the server has said that it ends, as cameras do that restart an encoder.
    Restarted(usize),
    /// No packet of the media of this index has come for [`ClientConfig::media_silence`](super::ClientConfig::media_silence).
    ///
    /// Medias other than audio and video are quiet by nature, and not told of.
    MediaSilent(usize),
    /// Packets of a media that was silent come again.
    MediaResumed(usize),
    /// The connection has ended, and the session goes on over UDP. The client connects again: while it plays or records at once, to
    /// ask the server if it still has the session, and otherwise for the next request.
    Disconnected,
    /// The session has ended, or there was no connection, and the client tries again by itself
    /// ([`ClientConfig::reconnect`](super::ClientConfig::reconnect)).
    Reconnecting {
        /// The cause, which would have closed the client otherwise.
        cause: ClientCloseReason,
        /// The number of the attempt that follows, counted from one; a row of them ends once media has flowed.
        attempt: u32,
        /// How long is waited before that attempt.
        wait: Duration,
    },
    /// The client has reconnected: it is connected, and medias are set up, played or recorded again as they were.
    Reconnected {
        /// How many attempts it took.
        attempts: u32,
        /// For how long there was no session.
        away: Duration,
    },
    /// The server describes the stream otherwise than before: this is the new description. It is told while the client reconnects
    /// or follows a redirect, before the medias that no longer fit are told as refused.
    ///
    /// A description that the server announces (RFC 2326, section 10.3) is told too. Medias that are set up go on as they
    /// were described before. If only parameters of formats are others, [`Client::description`](super::Client::description) is
    /// the new one from here on; other medias need another session.
    DescriptionChanged(Box<Description>),
    /// The server sends the client to this URL, where it goes on: by its answer to a request, or by REDIRECT
    /// (RFC 2326, section 10.10). A stream that has played plays again there, and nothing comes in between.
    Redirected(Url),
    /// Nobody answers at the place that a redirect has led to; the client goes on at its first URL, once.
    RedirectFailed(RedirectAttempt),
    /// A media comes from this address, where it need not come from the one that was announced ([`SourcePolicy`]): nothing is taken
    /// from any other from here on. It is told once for each port of a media that is set up.
    ///
    /// [`SourcePolicy`]: super::SourcePolicy
    SourceLearnt {
        /// Index of the media in the description.
        media: usize,
        /// Packets or reports.
        port: Port,
        /// Where they come from.
        source: SocketAddr,
    },
    /// RTCP has come for a media, if that is [wanted](super::ClientConfig::rtcp_events): the first
    /// [`RTCP_TOLD_MAX`](crate::limits::RTCP_TOLD_MAX) compounds of each second.
    RtcpReceived {
        /// Index of the media in the description.
        media: usize,
        /// Its packets, one behind the other (RFC 3550, section 6.1).
        compound: Bytes,
    },
    /// The server reports that packets have not reached it (RFC 3550, section 6.4.1). Each media is told of once a second at
    /// most. These are the numbers of the server, of the source that it has lost most of.
    LossReported {
        /// Index of the media in the description.
        media: usize,
        /// Packets lost since its report before, in 256ths of those expected; never 0.
        fraction_lost: u8,
        /// Packets lost since it began; negative when more came twice than were lost.
        lost: i32,
    },
    /// Packets that are published over UDP were too big for the path, and nothing may be cut into fragments: told once a second
    /// at most.
    PacketsTooBig {
        /// How many did not leave, since this was last told.
        packets: u64,
        /// Bytes of the largest of them, without the headers of UDP and IP.
        bytes: usize,
    },
    /// A message is sent, if that is [wanted](super::ClientConfig::trace): a request, or an answer to one of the server's.
    MessageSent(Box<TracedMessage>),
    /// A message has come, if that is [wanted](super::ClientConfig::trace): an answer, or a request of the server's.
    MessageReceived(Box<TracedMessage>),
    /// The number of events that are missing here, because the application did not take them. Only a bounded queue, such as
    /// that of a runtime, has this event; the core never does.
    Missed(u64),
    /// The client is closed. This is the last event.
    Closed(ClientCloseReason),
}

/// Why media goes over TCP and not over UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SwitchReason {
    /// No UDP sockets could be opened.
    NoSockets,
    /// The server refused UDP (461).
    Refused,
    /// The server answered with TCP, or with a multicast group that was not asked for.
    Answered,
    /// The server does not say from which ports it sends.
    NoServerPorts,
    /// The server does not say which multicast group it sends to.
    NoGroup,
    /// No packet came through.
    NothingHeard,
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reply {
    /// OPTIONS: the methods of the server.
    Options(Methods),
    /// DESCRIBE: the description of the stream.
    Described(Description),
    /// ANNOUNCE.
    Announced,
    /// SETUP: how the media travels.
    Setup(TrackInfo),
    /// PLAY: where it starts.
    Playing(Playing),
    /// RECORD.
    Recording,
    /// PAUSE.
    Paused,
    /// GET_PARAMETER and SET_PARAMETER: the body of the answer.
    Body(Bytes),
    /// A request of the application's own: the answer, whatever its status.
    Response(Response),
    /// TEARDOWN: the server's part in it.
    TornDown(Farewell),
}

/// The server's part in the end of a session. The client is closed in any case.
///
/// ```
/// use rtspan_core::client::Farewell;
///
/// assert!(Farewell::NoSession.is_over());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Farewell {
    /// The server has answered: the session is over there as well.
    Heard,
    /// There was no session that the server could have been told the end of.
    NoSession,
    /// The server has closed the connection in place of an answer. Many do once they have read a TEARDOWN; one that has not read
    /// it keeps the session until it times out.
    Closed,
    /// The server has refused TEARDOWN with this status, and may keep the session until it times out.
    Refused(StatusCode),
    /// The server has not answered in time, or there was no connection to it: it may keep the session until it times out.
    Unheard,
}

impl Farewell {
    /// Returns `true` if the server has said that there is no session any more, or there never was one.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Heard | Self::NoSession)
    }
}

/// How a media travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrackInfo {
    /// Index of the media in the description.
    pub media: usize,
    /// Over what.
    pub transport: TrackTransport,
    /// The synchronization source that the server announced.
    pub ssrc: Option<u32>,
    /// The client sends it: it is to be recorded, or is a back channel.
    pub is_sent: bool,
    /// The profile, by which the media is encrypted or not.
    pub profile: Profile,
}

/// The transport of a media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrackTransport {
    /// The RTSP connection.
    Tcp {
        /// The channels of RTP and RTCP.
        channels: (u8, u8),
    },
    /// Datagrams.
    Udp {
        /// The client's ports for RTP and RTCP.
        client_ports: (u16, u16),
        /// Where RTP is sent to, as far as it is known.
        rtp: Option<SocketAddr>,
        /// Where RTCP is sent to, as far as it is known.
        rtcp: Option<SocketAddr>,
    },
    /// Datagrams to a multicast group.
    Multicast {
        /// The address of the group.
        group: IpAddr,
        /// Its ports for RTP and RTCP.
        ports: (u16, u16),
        /// The only source that is heard, or all that may be the server.
        source: Option<IpAddr>,
        /// The time to live of what is sent to the group.
        ttl: u8,
    },
}

/// Where playing starts.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Playing {
    /// The range that the server plays.
    pub range: Option<Range>,
    /// The scale that the server plays at (RFC 2326, section 12.34); one that says nothing of it plays at 1.
    pub scale: Option<f32>,
    /// The speed that the server sends at (RFC 2326, section 12.35); one that says nothing of it sends at 1.
    pub speed: Option<f32>,
    /// The starts of the medias that are set up, from RTP-Info.
    pub tracks: Vec<TrackStart>,
    /// The number of the PLAY that is answered, of which the packets of a replay carry the lowest byte
    /// ([`MediaTime::replay`]).
    pub cseq: u32,
}

/// The first packet of a media (RFC 2326, section 12.33).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrackStart {
    /// Index of the media in the description.
    pub media: usize,
    /// Sequence number of the first packet.
    pub sequence: Option<u16>,
    /// RTP timestamp of the start of the range.
    pub timestamp: Option<u32>,
}

/// A packet of a media, in order.
///
/// ```
/// use rtspan_core::client::Received;
/// use rtspan_core::rtp::{RtpHeader, RtpPacket};
/// use rtspan_core::timeline::Timeline;
/// use rtspan_core::Instant;
///
/// fn tell(received: &Received) -> String {
///     let Received { media, packet, lost, time, .. } = received;
///     format!("media {media} at {} ns: {} bytes, {lost} lost before", time.pts, packet.payload().len())
/// }
///
/// let header = RtpHeader { payload_type: 0, marker: false, sequence: 1, timestamp: 160, ssrc: 7 };
/// let packet = RtpPacket::build(header, b"sound");
/// let time = Timeline::new().time_of(Instant::ZERO, 0, &packet, 8_000);
/// assert_eq!(tell(&Received::new(0, packet, time).with_lost(2)), "media 0 at 0 ns: 5 bytes, 2 lost before");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// Index of the media in the description.
    pub media: usize,
    /// The packet.
    pub packet: RtpPacket,
    /// Packets missing before this one: lost, or dropped because the application did not keep up.
    pub lost: u16,
    /// The time of the frame that the packet is of.
    pub time: MediaTime,
}

impl Received {
    /// A packet of the media of this index, with its time. None is missing before it.
    pub fn new(media: usize, packet: RtpPacket, time: MediaTime) -> Self {
        Self { media, packet, lost: 0, time }
    }

    /// Sets how many packets are missing before it.
    #[must_use]
    pub fn with_lost(mut self, lost: u16) -> Self {
        self.lost = lost;
        self
    }
}

/// Where a client's datagrams go: the runtime's batch of system calls.
pub trait ClientSink {
    /// Takes a datagram for `to`; `false` if the socket would block and it was not taken.
    ///
    /// One for sockets that are closed is taken, and lost.
    fn send(&mut self, id: UdpId, port: Port, to: SocketAddr, datagram: &Bytes) -> bool;
}
