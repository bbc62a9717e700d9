//! A client: one session with one server, from OPTIONS to TEARDOWN, and all of its media.
//!
//! A [`Client`] does nothing by itself. Commands and `handle_*` calls tell it what happens, in any order;
//! [`poll_output`](Client::poll_output) returns what is to be done. Every call tells it the time, and
//! [`poll_timeout`](Client::poll_timeout) returns the time of the next call.
//!
//! ```
//! use rtspan_core::client::{Client, ClientConfig, ClientEvent, ClientOutput, Reply};
//! use rtspan_core::{Instant, Url};
//!
//! let now = Instant::ZERO;
//! let mut client = Client::new(Url::parse("rtsp://camera/main")?, ClientConfig::default(), [7; 32]);
//! let command = client.options(now)?;
//! assert!(matches!(client.poll_output(), Some(ClientOutput::Connect { port: 554, .. })));
//! client.handle_connected(now, Ok("192.0.2.1:554".parse()?));
//!
//! let mut slices = [std::io::IoSlice::new(&[])];
//! assert_eq!(client.io_slices(&mut slices), 1);
//! assert!(slices[0].starts_with(b"OPTIONS rtsp://camera/main RTSP/1.0\r\nCSeq: 1\r\n"));
//! let written = slices[0].len();
//! client.handle_written(now, written);
//!
//! let answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY, TEARDOWN\r\n\r\n";
//! client.read_buf()[..answer.len()].copy_from_slice(answer);
//! client.handle_read(now, answer.len());
//! let Some(ClientOutput::Event(ClientEvent::Done(done, Ok(Reply::Options(_))))) = client.poll_output() else {
//!     panic!("the server has answered");
//! };
//! assert_eq!(done, command);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod agree;
mod answer;
mod auth;
mod back_channel;
mod bygone;
mod choice;
mod command;
mod config;
mod connection;
mod counted;
mod datagrams;
mod describe;
mod error;
mod event;
mod groups;
mod hold_up;
mod inbox;
mod keepalive;
#[cfg_attr(not(feature = "srtp"), path = "client/no_keys.rs")]
mod keys;
mod link;
mod liveness;
mod media;
mod outlive;
mod own;
mod play;
mod presence;
mod reconnect;
mod record;
mod redirect;
mod reports;
mod request;
mod restart;
mod seek;
mod setup;
mod source;
mod stats;
mod switch;
mod table;
mod teardown;
mod trace;
mod track;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

pub use choice::MediaChoice;
pub use config::{CSeqPolicy, ClientConfig, KeepalivePolicy, MediaSilencePolicy, SourcePolicy, Transports};
#[cfg(feature = "srtp")]
pub use error::SrtpError;
pub use error::{
    AuthDemand, ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Misuse, RedirectAttempt,
    RedirectError, SendError,
};
pub use event::{
    ClientEvent, ClientOutput, ClientSink, CommandId, Farewell, Playing, Received, Reply, SwitchReason,
    TrackInfo, TrackStart, TrackTransport,
};
#[cfg(feature = "srtp")]
pub use keys::ClientSrtp;
pub use own::{CustomRequest, RequestError};
pub use reconnect::ReconnectPolicy;
pub use seek::Playback;
pub use stats::{ClientStats, TrackStats};
pub use table::State;

use crate::description::Description;
use crate::frame::FrameWriter;
use crate::header::{HeaderError, Lower, Methods};
use crate::payload::UnsupportedFormat;
use crate::random::{HexId, Random};
use crate::stats::{ConnStats, Rounds};
use crate::udp::TooBig;
use crate::url::Url;
use crate::{Instant, IoError, NtpTime, Tolerance, Tolerances, UdpId};
use auth::Auth;
use back_channel::BackChannel;
use command::{Command, Running, Task};
use counted::Former;
use datagrams::{Datagrams, Held};
use describe::Presentation;
use inbox::Inbox;
use keepalive::Keepalive;
use keys::Keys;
use link::Link;
use liveness::Liveness;
use reconnect::Reconnect;
use redirect::Redirects;
use request::{Requests, Session};
use setup::Setup;
use switch::Fallback;
use track::Track;

/// An RTSP client.
///
/// Commands may be given one after another without waiting: they run in order, one at a time, and one fails if it
/// needs another before it that has failed.
#[derive(Debug)]
pub struct Client {
    config: ClientConfig,
    random: Random,
    cname: HexId,
    url: Url,
    state: State,
    link: Link,
    requests: Requests,
    session: Session,
    auth: Auth,
    keepalive: Keepalive,
    queue: VecDeque<Task>,
    running: Option<Running>,
    /// The error that the connection has just ended by.
    broken: Option<IoError>,
    /// No connection is tried before.
    reconnect_at: Option<Instant>,
    reconnect: Reconnect,
    /// How many commands there were.
    commands: u64,
    /// How many pairs of UDP sockets there were.
    udps: u32,
    /// OPTIONS was sent on this connection.
    probed: bool,
    methods: Option<Methods>,
    presentation: Option<Presentation>,
    redirects: Redirects,
    keys: Keys,
    /// The transport that media is to travel over.
    lower: Lower,
    fallback: Fallback,
    back_channel: BackChannel,
    /// Medias whose SETUP has failed, told of when the others play.
    refused: BTreeMap<usize, CommandError>,
    tracks: Vec<Track>,
    former: Former,
    /// The range and pace that were asked for last.
    playback: Playback,
    /// The server is held up, or was until it is read again.
    holds_up: bool,
    /// A PLAY has succeeded in this session, so that another goes on from where it was paused.
    has_played: bool,
    liveness: Liveness,
    inbox: Inbox,
    datagrams: Datagrams,
    too_big: TooBig,
    /// Set while output waits for datagrams that belong before it.
    held: Option<Held>,
    wall: Option<(Instant, NtpTime)>,
    /// The wall clock of the media that is sent, where it has its own.
    sources_wall: Option<(Instant, NtpTime)>,
    /// Bytes of all connections so far.
    moved: ConnStats,
    /// How many connections there were.
    connections: u64,
    rounds: Rounds,
    /// Why media goes over TCP, once it was to go over UDP.
    switched: Option<SwitchReason>,
    outputs: VecDeque<ClientOutput>,
    tolerances: Tolerances,
    /// TEARDOWN was asked for.
    is_torn_down: bool,
    /// The last event is out.
    is_finished: bool,
}

/// Commands. Each is told to be [done](ClientEvent::Done) exactly once.
///
/// A redirect that answers one is followed ([`ClientEvent::Redirected`]): at the new place the medias are set up again, play
/// again if they played, and then the command is given there. A client that records is told the new place, and ends.
///
/// # Errors
///
/// All fail, and send nothing, if the command makes no sense in the [`State`] that the commands before it lead to,
/// if the client is closed, or if too many commands or outputs wait.
impl Client {
    /// A client for the stream at `url`. It connects with the first command.
    ///
    /// All chance comes from `seed`.
    pub fn new(url: Url, config: ClientConfig, seed: [u8; 32]) -> Self {
        let mut random = Random::new(seed);
        let lower = config.lower(&url);
        let tolerances = url.tolerances();
        Self {
            cname: random.hex_id(),
            auth: Auth::new(url.clone()),
            requests: Requests::new(config.cseq),
            inbox: Inbox::new(config.received_packets_max, config.received_bytes_max),
            datagrams: Datagrams::new(config.udp_burst),
            too_big: TooBig::default(),
            held: None,
            link: Link::new(config.write_stall),
            liveness: Liveness::new(&config),
            config,
            random,
            redirects: Redirects::new(url.clone()),
            url,
            state: State::Initial,
            session: Session::default(),
            keepalive: Keepalive::default(),
            queue: VecDeque::new(),
            running: None,
            broken: None,
            reconnect_at: None,
            reconnect: Reconnect::default(),
            commands: 0,
            udps: 0,
            probed: false,
            methods: None,
            presentation: None,
            keys: Keys::default(),
            lower,
            fallback: Fallback::default(),
            back_channel: BackChannel::default(),
            refused: BTreeMap::new(),
            tracks: Vec::new(),
            former: Former::default(),
            playback: Playback::new(),
            holds_up: false,
            has_played: false,
            wall: None,
            sources_wall: None,
            moved: ConnStats::default(),
            connections: 0,
            rounds: Rounds::default(),
            switched: None,
            outputs: VecDeque::new(),
            tolerances,
            is_torn_down: false,
            is_finished: false,
        }
    }

    /// Asks what the server can do.
    pub fn options(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Options)
    }

    /// Asks what there is to be played.
    pub fn describe(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Describe)
    }

    /// Sets up the media of this index, to be played after DESCRIBE and to be recorded after ANNOUNCE.
    pub fn setup(&mut self, now: Instant, media: usize) -> Result<CommandId, Misuse> {
        self.command(now, Command::Setup(Setup::new(media)))
    }

    /// Plays the medias that are set up: a [`Playback`], a range, or `None` for the whole stream, or for its rest after a
    /// pause.
    ///
    /// A scale or speed that is no number, zero or, of a speed, below zero fails with [`Misuse::Rate`].
    pub fn play(&mut self, now: Instant, playback: impl Into<Playback>) -> Result<CommandId, Misuse> {
        self.command(now, Command::Play(playback.into()))
    }

    /// Plays from elsewhere, or at another scale or speed, also while it plays.
    ///
    /// A client that plays pauses first, and then plays from there: many servers refuse a PLAY while they play, and begin
    /// with others only when what plays has ended (RFC 2326, section 10.5). If PLAY is refused then, it stays paused. A server
    /// that knows no PAUSE is sent PLAY at once. The answer is that of PLAY ([`Reply::Playing`]).
    pub fn seek(&mut self, now: Instant, playback: impl Into<Playback>) -> Result<CommandId, Misuse> {
        self.command(now, Command::Seek(playback.into()))
    }

    /// Pauses playing or recording.
    pub fn pause(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Pause)
    }

    /// Announces what is to be recorded; the controls of the medias are named by the client, and keys are its own.
    pub fn announce(&mut self, now: Instant, description: Description) -> Result<CommandId, Misuse> {
        let description = self.to_announce(description.with_track_controls().without_keys());
        self.command(now, Command::Announce(Box::new(description)))
    }

    /// Begins to record.
    pub fn record(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Record)
    }

    /// Asks for parameters, one name a line (`text/parameters`).
    pub fn get_parameter(&mut self, now: Instant, body: Bytes) -> Result<CommandId, Misuse> {
        self.command(now, Command::GetParameter(body))
    }

    /// Sets parameters, one `name: value` a line (`text/parameters`).
    pub fn set_parameter(&mut self, now: Instant, body: Bytes) -> Result<CommandId, Misuse> {
        self.command(now, Command::SetParameter(body))
    }

    /// Sends a request of the application's own, and tells its answer ([`Reply::Response`]) with any status; redirects are
    /// followed.
    pub fn request(&mut self, now: Instant, request: CustomRequest) -> Result<CommandId, Misuse> {
        self.command(now, Command::Custom(Box::new(request)))
    }

    /// Tells the wall clock time of `now`, without which no sender reports are sent.
    pub fn set_wall_clock(&mut self, now: Instant, wall: NtpTime) {
        self.wall = Some((now, wall));
        self.inbox.timeline.set_wall_clock(now, wall);
    }
}

/// The state of a client, and the facts that it knows.
impl Client {
    /// The state that the client is in.
    pub fn state(&self) -> State {
        self.state
    }

    /// The stream, where redirects have led to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The description that was received or announced.
    pub fn description(&self) -> Option<&Description> {
        self.presentation.as_ref().map(|presentation| &presentation.description)
    }

    /// Makes the packets of frames to send, with SSRCs, sequence numbers and timestamps that are drawn here.
    ///
    /// # Errors
    ///
    /// A format of the description is used in a way that is not supported.
    pub fn frame_writer(&mut self) -> Result<FrameWriter, UnsupportedFormat> {
        let (none, seed) = (Description::default(), self.keys.writer_seed(&mut self.random));
        let writer = FrameWriter::new(self.description().unwrap_or(&none), seed)?;
        self.keys.handle_writer(&writer);
        Ok(writer)
    }

    /// The methods that the server says it supports.
    pub fn methods(&self) -> Option<&Methods> {
        self.methods.as_ref()
    }

    /// The server's identifier of the session.
    pub fn session_id(&self) -> Option<&str> {
        self.session.id()
    }

    /// The deviations of the server, and of the URL, from the standard.
    pub fn tolerances(&self) -> Tolerances {
        let mut all = self.tolerances;
        all.merge(self.inbox.timeline.tolerances());
        all
    }

    /// The URL that stands for the whole stream.
    fn base(&self) -> &Url {
        self.presentation.as_ref().map_or(&self.url, |presentation| &presentation.base)
    }

    fn next_udp_id(&mut self) -> UdpId {
        self.udps = self.udps.wrapping_add(1);
        UdpId::from(crate::id::RawId::numbered(self.udps))
    }

    /// Reads a header that can be done without.
    fn tolerated<T>(
        &mut self,
        value: &str,
        parse: impl FnOnce(&str, &mut Tolerances) -> Result<T, HeaderError>,
    ) -> Option<T> {
        let read = parse(value, &mut self.tolerances);
        if read.is_err() {
            self.tolerances.record(Tolerance::UnreadableHeader);
        }
        read.ok()
    }
}

#[cfg(test)]
mod tests;
