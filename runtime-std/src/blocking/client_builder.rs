use rtspan_core::auth::Secret;
#[cfg(feature = "srtp")]
use rtspan_core::client::ClientSrtp;
use rtspan_core::client::{ClientConfig, MediaChoice, Playback, ReconnectPolicy, Transports};
use rtspan_core::description::Description;
use rtspan_core::timeline::Timeline;
use rtspan_core::udp::UdpPorts;

use super::{Client, FramePublisher, Frames, Packets, Publisher};
use crate::client::{self, Error};
use crate::net::{Dscp, Interface};
use crate::threads::{Threads, block_on};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ClientTls;

/// How a client is set up.
///
/// You may make the calls in any order; no call undoes a setting of another.
///
/// ```
/// use rtspan_std::{Client, MediaKind, ReconnectPolicy, Secret, Transports};
///
/// let camera = Client::builder("rtsp://camera/main")?
///     .credentials("viewer", Secret::password("s3cret"))
///     .medias([MediaKind::Video, MediaKind::Audio])
///     .transport(Transports::Tcp)
///     .reconnect(ReconnectPolicy::default());
/// let client = camera.build()?; // `play` connects and plays
/// assert_eq!(client.url().host(), "camera");
/// # Ok::<(), rtspan_std::Error>(())
/// ```
#[derive(Debug)]
pub struct ClientBuilder(pub(super) client::ClientBuilder<Threads>);

impl ClientBuilder {
    /// The transports that media may use ([`Transports::UdpThenTcp`] by default).
    #[must_use]
    pub fn transport(self, transports: Transports) -> Self {
        Self(self.0.transport(transports))
    }

    /// The name that the client gives itself; cameras refuse requests without one.
    #[must_use]
    pub fn user_agent(self, user_agent: &str) -> Self {
        Self(self.0.user_agent(user_agent))
    }

    /// The user and the password, or another secret ([`ClientConfig::credentials`]). Credentials in the URL take precedence.
    #[must_use]
    pub fn credentials(self, user: &str, secret: Secret) -> Self {
        Self(self.0.credentials(user, secret))
    }

    /// A token in the place of a user and a password ([`ClientConfig::token`]): it is sent over TLS only.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        Self(self.0.token(token))
    }

    /// Adds a header to each request ([`ClientConfig::header`]). One that cannot be sent fails with [`Error::Request`] when the
    /// client starts.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// The medias that [`play`](Self::play) sets up or [`publish`](Self::publish) announces: of some kinds, such as
    /// [`MediaKind::Video`](rtspan_core::MediaKind::Video), or with some indices. All by default.
    #[must_use]
    pub fn medias(self, medias: impl Into<MediaChoice>) -> Self {
        Self(self.0.medias(medias))
    }

    /// From where and how fast [`play`](Self::play) plays: a range, or a [`Playback`].
    #[must_use]
    pub fn playback(self, playback: impl Into<Playback>) -> Self {
        Self(self.0.playback(playback))
    }

    /// Asks for back channels, such as the voice for a camera's loudspeaker, and has [`play`](Self::play) set them up.
    ///
    /// [`Client::back_channels`] lists them, and [`Client::publisher`] takes their packets while the client plays.
    #[must_use]
    pub fn back_channel(self, back_channel: bool) -> Self {
        Self(self.0.back_channel(back_channel))
    }

    /// In an HTTP tunnel, sends packets unencoded over the connection of the GET, and only requests over that of the POST.
    ///
    /// Some ONVIF cameras expect the voice for their loudspeaker there. All other servers do not read from that connection.
    #[must_use]
    pub fn media_on_get(self, on_get: bool) -> Self {
        Self(self.0.media_on_get(on_get))
    }

    /// Has the client reconnect by itself when its session ends or its first connection does not come about
    /// ([`ClientConfig::reconnect`]); it does not by default.
    ///
    /// ```no_run
    /// use rtspan_std::{Client, ReconnectPolicy};
    ///
    /// // A camera that is off is waited for, and one that restarts is played again: for months, if need be.
    /// let camera = Client::builder("rtsp://camera/main")?.reconnect(ReconnectPolicy::default());
    /// for received in camera.play()? {
    ///     let received = received?;
    ///     if received.time.begins_anew {
    ///         println!("media {} goes on behind a gap, at {} ns", received.media, received.time.pts);
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`Packets`] go on behind a gap. A [`Publisher`] fails with
    /// [`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting) as long as there is no session. Commands wait
    /// until there is one.
    #[must_use]
    pub fn reconnect(self, policy: ReconnectPolicy) -> Self {
        Self(self.0.reconnect(policy))
    }

    /// The network interface on which multicast groups are joined ([`Transports::Multicast`]); by default the one that the
    /// connection to the server goes by.
    #[must_use]
    pub fn multicast_interface(self, interface: Interface) -> Self {
        Self(self.0.multicast_interface(interface))
    }

    /// The servers that are trusted where the URL is `rtsps` (the roots of the system by default).
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    #[must_use]
    pub fn tls(self, tls: ClientTls) -> Self {
        Self(self.0.tls(tls))
    }

    /// Configures SRTP: the encryption of published media, and a permission for keys to travel without TLS
    /// ([`ClientConfig::srtp`](rtspan_core::client::ClientConfig::srtp)). Media that a server describes as encrypted is always
    /// played so.
    #[cfg(feature = "srtp")]
    #[must_use]
    pub fn srtp(self, policy: ClientSrtp) -> Self {
        Self(self.0.srtp(policy))
    }

    /// The ports that media is received on over UDP (any free ones by default): a firewall may let through a range.
    #[must_use]
    pub fn udp_ports(self, ports: UdpPorts) -> Self {
        Self(self.0.udp_ports(ports))
    }

    /// Marks all sent packets with a class of service, over UDP and TCP; none by default.
    ///
    /// Windows ignores it, and its sockets of IPv6 for media refuse it.
    #[must_use]
    pub fn dscp(self, dscp: Dscp) -> Self {
        Self(self.0.dscp(dscp))
    }

    /// Allows fragments of published packets that are too big for a path over UDP; allowed by default. With `false` packets
    /// leave whole or not at all, and [`ClientEvent::PacketsTooBig`](crate::ClientEvent::PacketsTooBig) tells.
    #[must_use]
    pub fn fragments(self, allows: bool) -> Self {
        Self(self.0.fragments(allows))
    }

    /// Sets all further behaviour of the client. The other calls of the builder take precedence over it.
    #[must_use]
    pub fn config(self, config: ClientConfig) -> Self {
        Self(self.0.config(config))
    }

    /// Continues the time line of a former client ([`Client::timeline`]) that this client replaces.
    #[must_use]
    pub fn timeline(self, timeline: Timeline) -> Self {
        Self(self.0.timeline(timeline))
    }

    /// Starts the client, which connects with its first command: nothing is sent before, and no event is missed.
    ///
    /// # Errors
    ///
    /// A header cannot be sent ([`Error::Request`]), or the system's source of randomness or its threads are not available
    /// ([`Error::Start`]).
    pub fn build(self) -> Result<Client, Error> {
        self.0.build().map(Client)
    }

    /// Connects, and asks what the server can do.
    ///
    /// # Errors
    ///
    /// There is no connection, or the server refuses OPTIONS.
    pub fn connect(self) -> Result<Client, Error> {
        block_on(self.0.connect()).map(Client)
    }

    /// Connects, asks for all [`medias`](Self::medias) that are wanted and has them flow: DESCRIBE, SETUP of each, PLAY.
    ///
    /// A media that the server refuses is left out as long as there is another ([`Packets::refused`]). Back channels
    /// are left out too, unless they are [asked for](Self::back_channel) or chosen by their index. [`Packets::client`] leads
    /// to the client, to pause it, to go elsewhere, and for all else.
    ///
    /// # Errors
    ///
    /// There is no connection, the server refuses, or it has none of the medias
    /// ([`Misuse::NoneChosen`](rtspan_core::client::Misuse::NoneChosen)).
    pub fn play(self) -> Result<Packets, Error> {
        block_on(self.0.play()).map(Packets)
    }

    /// As [`play`](Self::play), for pictures and sound in place of packets.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    pub fn play_frames(self) -> Result<Frames, Error> {
        block_on(self.0.play_frames()).map(Frames)
    }

    /// As [`publish`](Self::publish), for pictures and sound in place of packets.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish), or a format is used in a way that is not supported.
    pub fn publish_frames(self, description: Description) -> Result<FramePublisher, Error> {
        block_on(self.0.publish_frames(description)).map(FramePublisher)
    }

    /// Connects and publishes: ANNOUNCE, SETUP of every media, RECORD.
    ///
    /// If [medias](Self::medias) are chosen only those are announced, and their indices are counted anew from zero.
    /// [`Publisher::client`] leads to the client.
    ///
    /// # Errors
    ///
    /// There is no connection, the server refuses, or the description has none of the medias
    /// ([`Misuse::NoneChosen`](rtspan_core::client::Misuse::NoneChosen)).
    pub fn publish(self, description: Description) -> Result<Publisher, Error> {
        block_on(self.0.publish(description)).map(Publisher)
    }
}
