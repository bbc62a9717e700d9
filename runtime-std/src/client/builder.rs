use std::marker::PhantomData;
use std::sync::Arc;

use rtspan_core::auth::Secret;
#[cfg(feature = "srtp")]
use rtspan_core::client::ClientSrtp;
use rtspan_core::client::{
    Client as Core, ClientConfig, MediaChoice, Misuse, Playback, ReconnectPolicy, RequestError, Transports,
};
use rtspan_core::description::Description;
use rtspan_core::timeline::Timeline;
use rtspan_core::udp::UdpPorts;
use rtspan_core::url::Url;

use super::layers::Layers;
use super::shared::{Owner, Shared};
use super::sockets::Sockets;
use super::{Client, Error, FramePublisher, Frames, Packets, Publisher, driver};
use crate::net::{Dscp, Interface, SocketOptions};
use crate::runtime::Runtime;
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ClientTls;
use crate::trace::ClientTrace;

/// How a client is set up.
///
/// You may make the calls in any order; no call undoes a setting of another. A future of [`connect`](Self::connect),
/// [`play`](Self::play) or [`publish`](Self::publish) that is dropped before it is done leaves nothing behind: a session that
/// was begun is torn down.
///
/// ```no_run
/// # async fn play<R: rtspan_std::runtime::Runtime>() -> Result<(), Box<dyn std::error::Error>> {
/// use rtspan_std::client::Client;
/// use rtspan_std::{MediaKind, Secret, Transports};
///
/// let packets = Client::<R>::builder("rtsp://camera/main")?
///     .credentials("viewer", Secret::password("s3cret"))
///     .medias([MediaKind::Video, MediaKind::Audio])
///     .transport(Transports::Tcp)
///     .play()
///     .await?;
/// packets.client().pause().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ClientBuilder<R: Runtime> {
    url: Url,
    config: ClientConfig,
    own: Own,
    runtime: R,
    layers: Layers,
    options: SocketOptions,
    timeline: Timeline,
    interface: Option<Interface>,
}

/// The settings of the builder's own calls, which take precedence over the configuration.
#[derive(Debug, Default)]
struct Own {
    transports: Option<Transports>,
    #[cfg(feature = "srtp")]
    srtp: Option<ClientSrtp>,
    udp_ports: Option<UdpPorts>,
    back_channel: Option<bool>,
    reconnect: Option<ReconnectPolicy>,
    user_agent: Option<String>,
    credentials: Option<(String, Secret)>,
    /// Names and values; those of two headers may be secret, and are not shown.
    headers: Headers,
    medias: MediaChoice,
    playback: Playback,
}

#[derive(Default)]
struct Headers(Vec<(String, String)>);

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Own {
    fn apply(&mut self, mut config: ClientConfig) -> Result<ClientConfig, RequestError> {
        if let Some(transports) = self.transports {
            config = config.transports(transports);
        }
        #[cfg(feature = "srtp")]
        {
            if let Some(policy) = self.srtp {
                config = config.srtp(policy);
            }
            config = config.ciphers(crate::ciphers::ciphers());
        }
        if let Some(ports) = self.udp_ports {
            config = config.udp_ports(ports);
        }
        if let Some(back_channel) = self.back_channel {
            config = config.back_channel(back_channel);
        }
        if self.reconnect.is_some() {
            config = config.reconnect(self.reconnect.take());
        }
        if let Some(user_agent) = &self.user_agent {
            config = config.user_agent(user_agent);
        }
        if let Some((user, secret)) = self.credentials.take() {
            config = config.credentials(&user, secret);
        }
        self.headers.0.iter().try_fold(config, |config, (name, value)| config.header(name, value))
    }
}

impl<R: Runtime> ClientBuilder<R> {
    pub(super) fn new(url: Url) -> Self {
        Self {
            url,
            config: ClientConfig::default(),
            own: Own::default(),
            runtime: R::default(),
            layers: Layers::default(),
            options: SocketOptions::default(),
            timeline: Timeline::new(),
            interface: None,
        }
    }

    /// The transports that media may use ([`Transports::UdpThenTcp`] by default).
    #[must_use]
    pub fn transport(mut self, transports: Transports) -> Self {
        self.own.transports = Some(transports);
        self
    }

    /// The ports that media is received on over UDP (any free ones by default): a firewall may let through a range.
    #[must_use]
    pub fn udp_ports(mut self, ports: UdpPorts) -> Self {
        self.own.udp_ports = Some(ports);
        self
    }

    /// The name that the client gives itself; cameras refuse requests without one.
    #[must_use]
    pub fn user_agent(mut self, user_agent: &str) -> Self {
        self.own.user_agent = Some(user_agent.to_owned());
        self
    }

    /// The user and the password, or another secret ([`ClientConfig::credentials`]). Credentials in the URL take precedence.
    #[must_use]
    pub fn credentials(mut self, user: &str, secret: Secret) -> Self {
        self.own.credentials = Some((user.to_owned(), secret));
        self
    }

    /// A token in the place of a user and a password ([`ClientConfig::token`]): it is sent over TLS only.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.credentials("", Secret::token(token))
    }

    /// Adds a header to each request ([`ClientConfig::header`]). One that cannot be sent fails with [`Error::Request`] when the
    /// client starts.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.own.headers.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The medias that [`play`](Self::play) sets up or [`publish`](Self::publish) announces: of some kinds, such as
    /// [`MediaKind::Video`](rtspan_core::MediaKind::Video), or with some indices. All by default.
    #[must_use]
    pub fn medias(mut self, medias: impl Into<MediaChoice>) -> Self {
        self.own.medias = medias.into();
        self
    }

    /// From where and how fast [`play`](Self::play) plays: a range, or a [`Playback`].
    #[must_use]
    pub fn playback(mut self, playback: impl Into<Playback>) -> Self {
        self.own.playback = playback.into();
        self
    }

    /// Asks for back channels, such as the voice for a camera's loudspeaker, and has [`play`](Self::play) set them up.
    ///
    /// [`Client::back_channels`] lists them, and [`Client::publisher`] takes their packets while the client plays.
    #[must_use]
    pub fn back_channel(mut self, back_channel: bool) -> Self {
        self.own.back_channel = Some(back_channel);
        self
    }

    /// In an HTTP tunnel, sends packets unencoded over the connection of the GET, and only requests over that of the POST.
    ///
    /// Some ONVIF cameras expect the voice for their loudspeaker there. All other servers do not read from that connection.
    #[must_use]
    pub fn media_on_get(mut self, on_get: bool) -> Self {
        self.layers.media_on_get = on_get;
        self
    }

    /// Has the client reconnect by itself when its session ends or its first connection does not come about
    /// ([`ClientConfig::reconnect`]); it does not by default.
    ///
    /// [`Packets`] then continue: the first packet of each media after the gap is marked
    /// ([`MediaTime::begins_anew`](rtspan_core::timeline::MediaTime::begins_anew)). A [`Publisher`] fails with
    /// [`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting) as long as there is no session. Commands wait
    /// until there is one.
    #[must_use]
    pub fn reconnect(mut self, policy: ReconnectPolicy) -> Self {
        self.own.reconnect = Some(policy);
        self
    }

    /// Sets all further behaviour of the client. The other calls of the builder take precedence over it.
    #[must_use]
    pub fn config(mut self, config: ClientConfig) -> Self {
        self.config = config;
        self
    }

    /// Continues the time line of a former client ([`Client::timeline`]) that this client replaces.
    #[must_use]
    pub fn timeline(mut self, timeline: Timeline) -> Self {
        self.timeline = timeline;
        self
    }

    /// The network interface on which multicast groups are joined ([`Transports::Multicast`]); by default the one that the
    /// connection to the server goes by.
    #[must_use]
    pub fn multicast_interface(mut self, interface: Interface) -> Self {
        self.interface = Some(interface);
        self
    }

    /// The servers that are trusted where the URL is `rtsps` (the roots of the system by default).
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    #[must_use]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.layers.tls = tls;
        self
    }

    /// Configures SRTP: the encryption of published media, and a permission for keys to travel without TLS
    /// ([`ClientConfig::srtp`](rtspan_core::client::ClientConfig::srtp)). Media that a server describes as encrypted is always
    /// played so.
    #[cfg(feature = "srtp")]
    #[must_use]
    pub fn srtp(mut self, policy: ClientSrtp) -> Self {
        self.own.srtp = Some(policy);
        self
    }

    /// Marks all sent packets with a class of service, over UDP and TCP; none by default.
    ///
    /// Windows ignores it, and its sockets of IPv6 for media refuse it.
    #[must_use]
    pub fn dscp(mut self, dscp: Dscp) -> Self {
        self.options.dscp = Some(dscp);
        self
    }

    /// Allows fragments of published packets that are too big for a path over UDP; allowed by default. With `false` packets
    /// leave whole or not at all, and [`ClientEvent::PacketsTooBig`](rtspan_core::client::ClientEvent::PacketsTooBig) tells.
    #[must_use]
    pub fn fragments(mut self, allows: bool) -> Self {
        self.options.forbids_fragments = !allows;
        self
    }

    /// Runs the client on this runtime instead of the default one.
    #[must_use]
    pub fn runtime(mut self, runtime: R) -> Self {
        self.runtime = runtime;
        self
    }

    /// Starts the client, which connects with its first command: nothing is sent before, and no event is missed.
    ///
    /// # Errors
    ///
    /// A header cannot be sent ([`Error::Request`]), or the runtime or the system's source of randomness is not available
    /// ([`Error::Start`]).
    pub fn build(self) -> Result<Client<R>, Error> {
        let Self { url, config, mut own, runtime, layers, options, timeline, interface } = self;
        let (config, trace) = ClientTrace::of(own.apply(config)?, &url);
        let mut core = Core::new(url, config, runtime.seed().map_err(Error::Start)?);
        let clock = runtime.clock();
        core.set_wall_clock(clock.now(), clock.wall());
        core.continue_timeline(timeline);
        let sockets = Sockets::<R>::new(options, interface);
        let shared = Arc::new(Shared::new(core, trace, sockets, R::READERS_READ, clock));
        let driver = driver::drive(runtime.clone(), Arc::clone(&shared), layers);
        runtime.spawn(driver).map_err(Error::Start)?;
        Ok(Client { owner: Arc::new(Owner(shared)), runtime: PhantomData })
    }

    /// Connects, and asks what the server can do.
    ///
    /// # Errors
    ///
    /// There is no connection, or the server refuses OPTIONS.
    pub async fn connect(self) -> Result<Client<R>, Error> {
        let client = self.build()?;
        client.options().await?;
        Ok(client)
    }

    /// Connects, asks for all [`medias`](Self::medias) that are wanted and has them flow: DESCRIBE, SETUP of each, PLAY.
    ///
    /// A media that the server refuses is left out as long as there is another ([`Packets::refused`]). Back channels
    /// are left out too, unless they are [asked for](Self::back_channel) or chosen by their index. [`Packets::client`] leads
    /// to the client, to pause it, to go elsewhere, and for all else.
    ///
    /// # Errors
    ///
    /// There is no connection, the server refuses, or it has none of the medias ([`Misuse::NoneChosen`]).
    pub async fn play(mut self) -> Result<Packets<R>, Error> {
        let choice = std::mem::take(&mut self.own.medias);
        let playback = self.own.playback;
        let client = self.build()?;
        client.describe().await?;
        let medias = client.chosen_medias(&choice);
        let mut failure = Error::Misuse(Misuse::NoneChosen);
        let mut set_up = 0;
        for media in medias {
            match client.setup(media).await {
                Ok(_) => set_up += 1,
                Err(error @ Error::Command { .. }) => failure = error,
                Err(error) => return Err(error),
            }
        }
        if set_up == 0 {
            return Err(failure);
        }
        client.play(playback).await?;
        Ok(client.packets())
    }

    /// As [`play`](Self::play), for pictures and sound in place of packets.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    pub async fn play_frames(self) -> Result<Frames<R>, Error> {
        self.play().await.map(Packets::frames)
    }

    /// As [`publish`](Self::publish), for pictures and sound in place of packets.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish), or a format is used in a way that is not supported.
    pub async fn publish_frames(self, description: Description) -> Result<FramePublisher<R>, Error> {
        Ok(self.publish(description).await?.frames()?)
    }

    /// Connects and publishes: ANNOUNCE, SETUP of every media, RECORD.
    ///
    /// If [medias](Self::medias) are chosen only those are announced, and their indices are counted anew from zero.
    /// [`Publisher::client`] leads to the client.
    ///
    /// # Errors
    ///
    /// There is no connection, the server refuses, or the description has none of the medias ([`Misuse::NoneChosen`]).
    pub async fn publish(mut self, description: Description) -> Result<Publisher<R>, Error> {
        let description = std::mem::take(&mut self.own.medias).to_publish(description);
        let medias = description.medias.len();
        if medias == 0 {
            return Err(Error::Misuse(Misuse::NoneChosen));
        }
        let client = self.build()?;
        client.announce(description).await?;
        for media in 0..medias {
            client.setup(media).await?;
        }
        client.record().await?;
        Ok(client.publisher())
    }
}
