use std::time::Duration;

use bytes::Bytes;
use rtspan_core::Tolerances;
use rtspan_core::client::{
    ClientEvent, ClientStats, CommandError, CustomRequest, Farewell, MediaChoice, Playback, Playing,
    Received, State, SwitchReason, TrackInfo, TrackStats,
};
use rtspan_core::description::Description;
use rtspan_core::header::Methods;
use rtspan_core::timeline::{Timeline, TimelineStats};
use rtspan_core::url::{Url, UrlError};
use rtspan_core::wire::Response;

use super::{ClientBuilder, Frames, Publisher, TimedOut};
use crate::client::{self, Error};
use crate::threads::{Threads, block_on, block_on_for};

/// An RTSP client, driven by other threads than the caller's: it stays alive also while nobody calls it.
///
/// Clones are handles to the same client, and so are [`Packets`] and [`Publisher`]. Dropping the last handle tears the client
/// down; its task waits for the server's answer for [`TEARDOWN_DEADLINE`](rtspan_core::limits::TEARDOWN_DEADLINE) at most.
///
/// Dropping the last handle writes TEARDOWN at once, so that the server hears it also at the end of `main`. Without a connection,
/// with a full socket, while packets over UDP wait for their turn, and at [`std::process::exit`], which drops nothing, no
/// TEARDOWN is written. [`teardown`](Self::teardown) waits for all of this, and tells if the server has heard it.
///
/// ```
/// use rtspan_std::{Client, Description, Format, Frame, Media, MediaKind, Server, State};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
/// let mut hall = server.publish("/hall", Description::new(vec![sound]))?.into_frames()?;
///
/// // Step by step; `Client::builder(url)?.play()?` does all of it.
/// let client = Client::connect(&format!("rtsp://{}/hall", server.local_addr()))?;
/// for (media, about) in client.describe()?.medias.iter().enumerate() {
///     println!("{}: {:?}", about.kind, about.formats);
///     client.setup(media)?;
/// }
/// client.play(None)?;
/// assert_eq!(client.state(), State::Play);
/// hall.write(&Frame::new(0, 0, vec![0xd5; 160]))?;
/// let received = client.packets().next().ok_or("the stream has ended")??;
/// assert_eq!(received.packet.payload().len(), 160);
/// assert!(client.teardown()?.is_over());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client(pub(super) client::Client<Threads>);

impl Client {
    /// Sets up a client for a URL such as `rtsp://camera/main`.
    ///
    /// # Errors
    ///
    /// The URL is not an RTSP URL.
    pub fn builder(url: &str) -> Result<ClientBuilder, UrlError> {
        client::Client::builder(url).map(ClientBuilder)
    }

    /// Connects with all defaults, and asks for the methods of the server.
    ///
    /// # Errors
    ///
    /// The URL is not an RTSP URL, there is no connection, or the server refuses OPTIONS.
    pub fn connect(url: &str) -> Result<Self, Error> {
        block_on(client::Client::connect(url)).map(Self)
    }

    /// Asks for the methods of the server (OPTIONS).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn options(&self) -> Result<Methods, Error> {
        block_on(self.0.options())
    }

    /// Asks for the description of the stream (DESCRIBE).
    ///
    /// # Errors
    ///
    /// The command is not possible in this state, the server refuses it, or the client is closed.
    pub fn describe(&self) -> Result<Description, Error> {
        block_on(self.0.describe())
    }

    /// Asks for a media section of the description, counted from zero (SETUP).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn setup(&self, media: usize) -> Result<TrackInfo, Error> {
        block_on(self.0.setup(media))
    }

    /// Asks for the media to flow (PLAY): a [`Playback`], a range, or `None` for all of it, or for the rest of what was paused.
    /// [`packets`](Self::packets) yields it.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn play(&self, playback: impl Into<Playback>) -> Result<Playing, Error> {
        block_on(self.0.play(playback))
    }

    /// Plays from another place, or at another scale or speed, also while it plays: the media is paused first (RFC 2326,
    /// section 10.5).
    ///
    /// The time of packets goes on, and the first one from there [begins anew](rtspan_core::timeline::MediaTime::begins_anew).
    ///
    /// ```no_run
    /// # fn seek(client: rtspan_std::Client) -> Result<(), rtspan_std::Error> {
    /// use std::time::Duration;
    ///
    /// use rtspan_std::{Playback, Range};
    ///
    /// let minute = Range::from_npt(Duration::from_secs(60));
    /// let playing = client.seek(Playback::from(minute).scale(2.0))?;
    /// println!("plays {:?} times as fast", playing.scale.unwrap_or(1.0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe). If the server refuses the place, the media may stay paused: [`state`](Self::state)
    /// tells it.
    pub fn seek(&self, playback: impl Into<Playback>) -> Result<Playing, Error> {
        block_on(self.0.seek(playback))
    }

    /// Asks for the media to stop, for the time being (PAUSE).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn pause(&self) -> Result<(), Error> {
        block_on(self.0.pause())
    }

    /// Announces the description of the stream that follows (ANNOUNCE).
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn announce(&self, description: Description) -> Result<(), Error> {
        block_on(self.0.announce(description))
    }

    /// Begins to publish (RECORD); [`publisher`](Self::publisher) takes the packets.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn record(&self) -> Result<(), Error> {
        block_on(self.0.record())
    }

    /// Asks for parameters (GET_PARAMETER); the body is the server's, as `text/parameters`.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn get_parameter(&self, body: Bytes) -> Result<Bytes, Error> {
        block_on(self.0.get_parameter(body))
    }

    /// Sets parameters (SET_PARAMETER), as `text/parameters`.
    ///
    /// # Errors
    ///
    /// As [`describe`](Self::describe).
    pub fn set_parameter(&self, body: Bytes) -> Result<Bytes, Error> {
        block_on(self.0.set_parameter(body))
    }

    /// Sends a request of the application's own: any method that leaves the session as it is. Its answer may have any status;
    /// redirects are followed, and credentials given where they are asked for.
    ///
    /// ```no_run
    /// # fn reboot(client: rtspan_std::Client) -> Result<(), rtspan_std::Error> {
    /// use rtspan_std::{CustomRequest, Method};
    ///
    /// let request = CustomRequest::new(Method::from("X-REBOOT"))?.header("X-Delay", "5")?;
    /// let response = client.request(request)?;
    /// println!("{} {}", response.status, response.reason);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// There is no answer, or the client is closed.
    pub fn request(&self, request: CustomRequest) -> Result<Response, Error> {
        block_on(self.0.request(request))
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub fn teardown(&self) -> Result<Farewell, Error> {
        block_on(self.0.teardown())
    }

    /// The packets that come in; two of these share them.
    pub fn packets(&self) -> Packets {
        Packets(self.0.packets())
    }

    /// The handle that packets are published with, and those of back channels while the client plays.
    pub fn publisher(&self) -> Publisher {
        Publisher(self.0.publisher())
    }

    /// Sends RTCP for a media, such as a request for a keyframe (PLI, RFC 4585, section 6.3.1), and does not wait. Reports and
    /// goodbyes are sent besides.
    ///
    /// # Errors
    ///
    /// The client neither plays nor records, the media is not set up, the bytes are no RTCP, or too much waits to be sent.
    pub fn write_rtcp(&self, media: usize, compound: Bytes) -> Result<(), Error> {
        self.0.write_rtcp(media, compound)
    }

    /// Waits for the next event; `None` once the client is closed and all of them were taken.
    ///
    /// They wait in a queue of [`CLIENT_EVENTS_MAX`](rtspan_core::limits::CLIENT_EVENTS_MAX); when it is full the oldest
    /// is dropped, and [`ClientEvent::Missed`] stands in its place. Clones of the client share them. There is no
    /// [`ClientEvent::Done`] among them: a command returns its result.
    pub fn next_event(&self) -> Option<ClientEvent> {
        block_on(self.0.next_event())
    }

    /// Waits for the next event as [`next_event`](Self::next_event) does, but for so long at most.
    ///
    /// # Errors
    ///
    /// No event has come by then.
    pub fn next_event_timeout(&self, patience: Duration) -> Result<Option<ClientEvent>, TimedOut> {
        block_on_for(self.0.next_event(), patience).ok_or(TimedOut)
    }

    /// The next event, if one waits.
    pub fn try_next_event(&self) -> Option<ClientEvent> {
        self.0.try_next_event()
    }

    /// The medias of the description that are back channels, which [`publisher`](Self::publisher) takes packets for while
    /// the client plays; none unless they are asked for ([`ClientBuilder::back_channel`]).
    pub fn back_channels(&self) -> Vec<usize> {
        self.0.back_channels()
    }

    /// The description that the server has sent or the client has announced.
    pub fn description(&self) -> Option<Description> {
        self.0.description()
    }

    /// The state of the session.
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Returns `true` if there is no session at the moment, and the client reconnects by itself ([`ClientBuilder::reconnect`]).
    pub fn is_reconnecting(&self) -> bool {
        self.0.is_reconnecting()
    }

    /// How often the client has had a session or a connection again after it was lost.
    pub fn reconnects(&self) -> u64 {
        self.0.reconnects()
    }

    /// All that was counted: connections, the session by media and format, the time line, what was tolerated. It is true as of
    /// now, and also once the client has closed.
    ///
    /// It is put together when it is asked for, and holds up the client meanwhile: ask once a second, not for each packet.
    pub fn stats(&self) -> ClientStats {
        self.0.stats()
    }

    /// The counts of a media that is set up.
    pub fn media_stats(&self, media: usize) -> Option<TrackStats> {
        self.0.media_stats(media)
    }

    /// The time line of all medias as it is now: a client that takes the place of this one goes on with it
    /// ([`ClientBuilder::timeline`]).
    pub fn timeline(&self) -> Timeline {
        self.0.timeline()
    }

    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub fn timeline_stats(&self) -> TimelineStats {
        self.0.timeline_stats()
    }

    /// The indices of the chosen medias of the description, in its order. Back channels that are not wanted
    /// are among them only if they are chosen by their index.
    pub fn chosen_medias(&self, choice: &MediaChoice) -> Vec<usize> {
        self.0.chosen_medias(choice)
    }

    /// The URL that the client is at, which is another than it was given if a server has redirected it.
    pub fn url(&self) -> Url {
        self.0.url()
    }

    /// The medias that are left out of what plays because the server has refused them, each with the reason.
    pub fn refused(&self) -> Vec<(usize, CommandError)> {
        self.0.refused()
    }

    /// Returns `true` if a media that should not be quiet has sent nothing for too long
    /// ([`ClientConfig::media_silence`](rtspan_core::client::ClientConfig::media_silence)), though the server is there.
    pub fn is_silent(&self, media: usize) -> bool {
        self.0.is_silent(media)
    }

    /// Why media goes over TCP and not over UDP, if that was changed.
    pub fn switched(&self) -> Option<SwitchReason> {
        self.0.switched()
    }

    /// The server's deviations from the standard that were tolerated.
    pub fn tolerances(&self) -> Tolerances {
        self.0.tolerances()
    }
}

/// The packets that a client receives, in the order of each media: an iterator that waits for the next one.
///
/// They wait in a queue that is bounded in packets and bytes; a reader that is too slow loses the oldest, and can see how many
/// ([`dropped`](Self::dropped)). Up to [`RECEIVED_BATCH_MAX`](rtspan_core::limits::RECEIVED_BATCH_MAX) packets are held
/// here beside that queue; they are the oldest, and go back when this is dropped. It ends when all medias have ended or
/// the client was torn down; an error is the last item: the client is closed for another reason.
///
/// ```
/// use rtspan_std::{Client, Description, Format, Media, MediaKind, RtpHeader, RtpPacket, Server, Transports};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
/// let hall = server.publish("/hall", Description::new(vec![sound]))?;
///
/// let url = format!("rtsp://{}/hall", server.local_addr());
/// let packets = Client::builder(&url)?.transport(Transports::Tcp).play()?;
/// for sequence in 0..3 {
///     let timestamp = u32::from(sequence) * 160;
///     let header = RtpHeader { payload_type: 0, marker: false, sequence, timestamp, ssrc: 7 };
///     hall.write(0, RtpPacket::build(header, b"sound"))?;
/// }
/// drop(hall); // the end of the stream, and of the loop
/// let mut count = 0;
/// for received in packets {
///     let received = received?;
///     println!("media {} at {} ns, {} lost before", received.media, received.time.pts, received.lost);
///     count += 1;
/// }
/// assert_eq!(count, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Packets(pub(super) client::Packets<Threads>);

impl Packets {
    /// Puts frames together from the packets.
    pub fn frames(self) -> Frames {
        Frames(self.0.frames())
    }

    /// Waits for the next packet, but for so long at most; `None` as the iterator ends.
    ///
    /// # Errors
    ///
    /// No packet has come by then.
    pub fn next_timeout(&mut self, patience: Duration) -> Result<Option<Result<Received, Error>>, TimedOut> {
        if let Some(received) = self.0.try_next() {
            return Ok(Some(Ok(received)));
        }
        block_on_for(self.0.next(), patience).ok_or(TimedOut)
    }

    /// The client that receives them: pause it, or take its events.
    pub fn client(&self) -> Client {
        Client(self.0.client().clone())
    }

    /// The next packet, if it is here already.
    pub fn try_next(&mut self) -> Option<Received> {
        self.0.try_next()
    }

    /// The description that the server has sent.
    pub fn description(&self) -> Description {
        self.0.description()
    }

    /// The counts of a media that is set up; [`Client::stats`] has all that there are.
    pub fn media_stats(&self, media: usize) -> Option<TrackStats> {
        self.0.media_stats(media)
    }

    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub fn timeline_stats(&self) -> TimelineStats {
        self.0.timeline_stats()
    }

    /// The medias that are left out because the server has refused them, each with the reason.
    pub fn refused(&self) -> Vec<(usize, CommandError)> {
        self.0.refused()
    }

    /// Returns `true` if a media that should not be quiet has sent nothing for too long
    /// ([`ClientConfig::media_silence`](rtspan_core::client::ClientConfig::media_silence)), though the server is there.
    pub fn is_silent(&self, media: usize) -> bool {
        self.0.is_silent(media)
    }

    /// Packets of all medias that were dropped because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub fn teardown(self) -> Result<Farewell, Error> {
        block_on(self.0.teardown())
    }
}

impl Iterator for Packets {
    type Item = Result<Received, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        // Most often it is, and then nothing has to be set up to wait for it.
        self.0.try_next().map(Ok).or_else(|| block_on(self.0.next()))
    }
}
