//! The client: its handles, generic over the runtime, and the task behind them.

mod builder;
mod connect;
mod driver;
mod events;
mod frame_publisher;
mod frames;
mod layers;
mod packets;
mod publisher;
mod shared;
mod sockets;

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use rtspan_core::client::{
    Client as Core, ClientCloseReason, ClientEvent, ClientStats, CommandError, CommandId, CustomRequest,
    Farewell, MediaChoice, Misuse, Playback, Playing, Reply, RequestError, SendError, State, SwitchReason,
    TrackInfo, TrackStats,
};
use rtspan_core::description::Description;
use rtspan_core::frame::FrameError;
use rtspan_core::header::Methods;
use rtspan_core::payload::UnsupportedFormat;
use rtspan_core::timeline::{Timeline, TimelineStats};
use rtspan_core::url::{Url, UrlError};
use rtspan_core::wire::{Method, Response};
use rtspan_core::{Instant, Tolerances};

pub use builder::ClientBuilder;
pub use frame_publisher::FramePublisher;
pub use frames::Frames;
pub use packets::Packets;
pub use publisher::Publisher;

use crate::runtime::Runtime;
use shared::Owner;

/// A failure of a client.
///
/// ```
/// use rtspan_std::{Client, CommandError, Error, Server, StatusCode, WithCauses};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let url = format!("rtsp://{}/nothing", server.local_addr());
/// match Client::builder(&url)?.play() {
///     Err(Error::Command { error: CommandError::Status { status: StatusCode::NOT_FOUND, .. }, .. }) => {
///         println!("look at the path of the URL");
///     }
///     Err(Error::Command { error: CommandError::Unauthorized(_), .. }) => println!("give a user and a password"),
///     Err(Error::Closed(reason)) => println!("try again later: {}", WithCauses(&reason)),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is not an RTSP URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The command makes no sense here; nothing was sent.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The server did not do what it was asked for; the session goes on.
    #[error("{method} {url} failed")]
    Command {
        /// The command, by the method of its first request.
        method: Method,
        /// Where the client was when it failed; a password is not shown.
        url: Box<Url>,
        /// Why it failed.
        #[source]
        error: CommandError,
    },
    /// The client is closed.
    #[error(transparent)]
    Closed(ClientCloseReason),
    /// A header or a request of the application's cannot be sent.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The packet was not taken.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A frame has no place in the description, or cannot be sent.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A format is used in a way that is not supported.
    #[error(transparent)]
    UnsupportedFormat(#[from] UnsupportedFormat),
    /// The runtime or the system's source of randomness is not available.
    #[error("the client cannot be started")]
    Start(#[source] io::Error),
    /// The runtime was shut down under the client.
    #[error("the runtime has stopped")]
    Stopped,
}

/// An RTSP client. A task of its own drives it, so its session stays alive while the program does something else.
///
/// A command begins when its future is polled for the first time. It runs to its end even if the future is dropped; the next
/// command runs after it.
///
/// Clones are handles to the same client, and so are [`Packets`] and [`Publisher`]. Dropping the last handle tears the client
/// down; its task waits for the server's answer for [`TEARDOWN_DEADLINE`](rtspan_core::limits::TEARDOWN_DEADLINE) at most.
///
/// Dropping the last handle writes TEARDOWN at once, so the server receives it even at the end of `main`, or when the runtime
/// is shut down. No TEARDOWN is written if there is no connection, if the socket is full, if packets over UDP wait for their
/// turn, or at [`std::process::exit`], which drops nothing. [`teardown`](Self::teardown) waits for all of this, and tells if
/// the server has received it.
pub struct Client<R: Runtime> {
    owner: Arc<Owner>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Client<R> {
    /// Sets up a client for a URL such as `rtsp://camera/main`.
    ///
    /// # Errors
    ///
    /// The URL is not an RTSP URL.
    pub fn builder(url: &str) -> Result<ClientBuilder<R>, UrlError> {
        Url::parse(url).map(ClientBuilder::new)
    }

    /// Connects with all defaults, and asks for the methods of the server.
    ///
    /// # Errors
    ///
    /// The URL is not an RTSP URL, there is no connection, or the server refuses OPTIONS.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url)?.connect().await
    }

    /// Asks for the methods of the server (OPTIONS).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn options(&self) -> Result<Methods, Error> {
        match self.command(Method::Options, Core::options).await? {
            Reply::Options(methods) => Ok(methods),
            _ => Ok(Methods::default()),
        }
    }

    /// Asks for the description of the stream (DESCRIBE).
    ///
    /// # Errors
    ///
    /// The command is not possible in this state, the server refuses it, or the client is closed.
    pub async fn describe(&self) -> Result<Description, Error> {
        match self.command(Method::Describe, Core::describe).await? {
            Reply::Described(description) => Ok(description),
            _ => Err(Error::Stopped),
        }
    }

    /// Asks for a media section of the description, counted from zero (SETUP).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn setup(&self, media: usize) -> Result<TrackInfo, Error> {
        match self.command(Method::Setup, |core, now| core.setup(now, media)).await? {
            Reply::Setup(info) => Ok(info),
            _ => Err(Error::Stopped),
        }
    }

    /// Asks for the media to flow (PLAY): a [`Playback`], a range, or `None` for all of it, or for the rest of what was paused.
    /// [`packets`](Self::packets) yields it.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn play(&self, playback: impl Into<Playback>) -> Result<Playing, Error> {
        let playback = playback.into();
        match self.command(Method::Play, |core, now| core.play(now, playback)).await? {
            Reply::Playing(playing) => Ok(playing),
            _ => Err(Error::Stopped),
        }
    }

    /// Plays from another place, or at another scale or speed, also while it plays: the media is paused first (RFC 2326,
    /// section 10.5).
    ///
    /// The time of packets goes on, and the first one from there [begins anew](rtspan_core::timeline::MediaTime::begins_anew).
    ///
    /// ```no_run
    /// # async fn seek<R: rtspan_std::runtime::Runtime>(client: rtspan_std::client::Client<R>) -> Result<(), rtspan_std::Error> {
    /// use std::time::Duration;
    ///
    /// use rtspan_std::{Playback, Range};
    ///
    /// let minute = Range::from_npt(Duration::from_secs(60));
    /// let playing = client.seek(Playback::from(minute).scale(2.0)).await?;
    /// println!("plays {:?} times as fast", playing.scale.unwrap_or(1.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe). If the server refuses the place, the media may stay paused: [`state`](Self::state)
    /// tells it.
    pub async fn seek(&self, playback: impl Into<Playback>) -> Result<Playing, Error> {
        let playback = playback.into();
        match self.command(Method::Play, |core, now| core.seek(now, playback)).await? {
            Reply::Playing(playing) => Ok(playing),
            _ => Err(Error::Stopped),
        }
    }

    /// Asks for the media to stop, for the time being (PAUSE).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn pause(&self) -> Result<(), Error> {
        self.command(Method::Pause, Core::pause).await.map(drop)
    }

    /// Announces the description of the stream that follows (ANNOUNCE).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn announce(&self, description: Description) -> Result<(), Error> {
        self.command(Method::Announce, |core, now| core.announce(now, description)).await.map(drop)
    }

    /// Begins to publish (RECORD); [`publisher`](Self::publisher) takes the packets.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn record(&self) -> Result<(), Error> {
        self.command(Method::Record, Core::record).await.map(drop)
    }

    /// Asks for parameters (GET_PARAMETER); the body is the server's, as `text/parameters`.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn get_parameter(&self, body: Bytes) -> Result<Bytes, Error> {
        match self.command(Method::GetParameter, |core, now| core.get_parameter(now, body)).await? {
            Reply::Body(body) => Ok(body),
            _ => Ok(Bytes::new()),
        }
    }

    /// Sets parameters (SET_PARAMETER), as `text/parameters`.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub async fn set_parameter(&self, body: Bytes) -> Result<Bytes, Error> {
        match self.command(Method::SetParameter, |core, now| core.set_parameter(now, body)).await? {
            Reply::Body(body) => Ok(body),
            _ => Ok(Bytes::new()),
        }
    }

    /// Sends a request of the application's own: any method that leaves the session as it is. Its answer may have any status;
    /// redirects are followed, and credentials given where they are asked for.
    ///
    /// ```no_run
    /// # async fn reboot<R: rtspan_std::runtime::Runtime>(client: rtspan_std::client::Client<R>) -> Result<(), rtspan_std::Error> {
    /// use rtspan_std::{CustomRequest, Method};
    ///
    /// let request = CustomRequest::new(Method::from("X-REBOOT"))?.header("X-Delay", "5")?;
    /// let response = client.request(request).await?;
    /// println!("{} {}", response.status, response.reason);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no answer, or the client is closed.
    pub async fn request(&self, request: CustomRequest) -> Result<Response, Error> {
        match self.command(request.method().clone(), |core, now| core.request(now, request)).await? {
            Reply::Response(response) => Ok(response),
            _ => Err(Error::Stopped),
        }
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// It is not an error if the server has not received it: the client is closed in any case, and there is nothing left to do.
    ///
    /// ```no_run
    /// # async fn end<R: rtspan_std::runtime::Runtime>(client: rtspan_std::client::Client<R>) -> Result<(), rtspan_std::Error> {
    /// let farewell = client.teardown().await?;
    /// if !farewell.is_over() {
    ///     println!("the camera may keep the session for a while: {farewell:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub async fn teardown(&self) -> Result<Farewell, Error> {
        match self.command(Method::Teardown, Core::teardown).await? {
            Reply::TornDown(farewell) => Ok(farewell),
            _ => Err(Error::Stopped),
        }
    }

    /// The packets that come in; two of these share them.
    pub fn packets(&self) -> Packets<R> {
        Packets::new(self.clone())
    }

    /// The handle that packets are published with, and those of back channels while the client plays.
    pub fn publisher(&self) -> Publisher<R> {
        Publisher::new(self.clone())
    }

    /// The next event; `None` once the client is closed and all of them were taken.
    ///
    /// They wait in a queue of [`CLIENT_EVENTS_MAX`](rtspan_core::limits::CLIENT_EVENTS_MAX); when it is full the oldest
    /// is dropped, and [`ClientEvent::Missed`] stands in its place. Clones of the client share them. There is no
    /// [`ClientEvent::Done`] among them: a command returns its result. No event is lost when the future is dropped.
    pub async fn next_event(&self) -> Option<ClientEvent> {
        let shared = &self.owner.0;
        shared.waiters.wait(|_| shared.state().poll_event()).await
    }

    /// The next event, if one waits.
    pub fn try_next_event(&self) -> Option<ClientEvent> {
        self.owner.0.state().take_event()
    }

    /// Sends RTCP for a media, such as a request for a keyframe (PLI, RFC 4585, section 6.3.1), and does not wait. Reports and
    /// goodbyes are sent besides.
    ///
    /// # Errors
    ///
    /// The client neither plays nor records, the media is not set up, the bytes are no RTCP, or too much waits to be sent.
    pub fn write_rtcp(&self, media: usize, compound: Bytes) -> Result<(), Error> {
        let shared = &self.owner.0;
        shared.state().core.write_rtcp(shared.clock.now(), media, compound)?;
        shared.baton.driver.wake();
        Ok(())
    }

    /// The medias of the description that are back channels, which [`publisher`](Self::publisher) takes packets for while
    /// the client plays; none unless they are asked for ([`ClientBuilder::back_channel`]).
    pub fn back_channels(&self) -> Vec<usize> {
        self.owner.0.state().core.back_channels().collect()
    }

    /// The description that the server has sent or the client has announced.
    pub fn description(&self) -> Option<Description> {
        self.owner.0.state().core.description().cloned()
    }

    /// The indices of the chosen medias of the description, in its order. Back channels that are not wanted
    /// are among them only if they are chosen by their index.
    pub fn chosen_medias(&self, choice: &MediaChoice) -> Vec<usize> {
        self.owner.0.state().core.chosen_medias(choice)
    }

    /// The URL that the client is at, which is another than it was given if a server has redirected it.
    pub fn url(&self) -> Url {
        self.owner.0.state().core.url().clone()
    }

    /// The state of the session.
    pub fn state(&self) -> State {
        self.owner.0.state().core.state()
    }

    /// Returns `true` if there is no session at the moment, and the client reconnects by itself ([`ClientBuilder::reconnect`]).
    pub fn is_reconnecting(&self) -> bool {
        self.owner.0.state().core.is_reconnecting()
    }

    /// How often the client has had a session or a connection again after it was lost.
    pub fn reconnects(&self) -> u64 {
        self.owner.0.state().core.reconnects()
    }

    /// All that was counted: connections, the session by media and format, the time line, what was tolerated. It is true as of
    /// now, and also once the client has closed.
    ///
    /// It is put together when it is asked for, and holds up the client meanwhile: ask once a second, not for each packet.
    pub fn stats(&self) -> ClientStats {
        self.owner.0.state().core.stats(self.owner.0.clock.now())
    }

    /// The counts of a media that is set up.
    pub fn media_stats(&self, media: usize) -> Option<TrackStats> {
        self.owner.0.state().core.media_stats(self.owner.0.clock.now(), media)
    }

    /// The time line of all medias as it is now: a client that takes the place of this one goes on with it
    /// ([`ClientBuilder::timeline`]).
    pub fn timeline(&self) -> Timeline {
        self.owner.0.state().core.timeline().clone()
    }

    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub fn timeline_stats(&self) -> TimelineStats {
        self.owner.0.state().core.timeline_stats()
    }

    /// The medias that are left out of what plays because the server has refused them, each with the reason.
    pub fn refused(&self) -> Vec<(usize, CommandError)> {
        self.owner.0.state().refused()
    }

    /// Returns `true` if a media that should not be quiet has sent nothing for too long
    /// ([`ClientConfig::media_silence`](rtspan_core::client::ClientConfig::media_silence)), though the server is there.
    pub fn is_silent(&self, media: usize) -> bool {
        self.owner.0.state().is_silent(media)
    }

    /// Why media goes over TCP and not over UDP, if that was changed.
    pub fn switched(&self) -> Option<SwitchReason> {
        self.owner.0.state().core.switched()
    }

    /// The server's deviations from the standard that were tolerated.
    pub fn tolerances(&self) -> Tolerances {
        self.owner.0.state().core.tolerances()
    }

    async fn command(
        &self,
        method: Method,
        give: impl FnOnce(&mut Core, Instant) -> Result<CommandId, Misuse>,
    ) -> Result<Reply, Error> {
        self.owner.0.command(method, give).await
    }
}

impl<R: Runtime> Clone for Client<R> {
    fn clone(&self) -> Self {
        Self { owner: Arc::clone(&self.owner), runtime: PhantomData }
    }
}

impl<R: Runtime> fmt::Debug for Client<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}
