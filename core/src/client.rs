//! A client: one session with one server, from OPTIONS to TEARDOWN, and all of its media.
//!
//! A [`Client`] does nothing by itself. Commands and `handle_*` calls tell it what happens, in any order;
//! [`poll_output`](Client::poll_output) tells what is to be done. It is told the time by every call, and
//! [`poll_timeout`](Client::poll_timeout) says when it wants to be called again.
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
mod command;
mod config;
mod datagrams;
mod describe;
mod error;
mod event;
mod inbox;
mod keepalive;
mod link;
mod liveness;
mod media;
mod play;
mod presence;
mod reconnect;
mod record;
mod redirect;
mod request;
mod restart;
mod setup;
mod source;
mod switch;
mod table;
mod teardown;
mod trace;
mod track;

use std::collections::{BTreeMap, VecDeque};
use std::io::IoSlice;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};

pub use config::{CSeqPolicy, ClientConfig, KeepalivePolicy, MediaSilencePolicy, SourcePolicy, Transports};
pub use error::{
    ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Misuse, RedirectAttempt, RedirectError,
    SendError,
};
pub use event::{
    ClientEvent, ClientOutput, ClientSink, CommandId, Playing, Received, Reply, SwitchReason, TrackInfo,
    TrackStart, TrackStats, TrackTransport,
};
pub use table::State;

use crate::description::Description;
use crate::header::{HeaderError, Lower, Methods, Range};
use crate::random::{HexId, Random};
use crate::url::{Scheme, Url};
use crate::wire::{Frame, Item, Message, WireError};
use crate::{Instant, NtpTime, Tolerance, Tolerances, UdpId};
use auth::Auth;
use command::{Command, Running, Task, Wait};
use datagrams::{Datagrams, Held};
use describe::Presentation;
use inbox::Inbox;
use keepalive::Keepalive;
use link::Link;
use liveness::Liveness;
use redirect::Redirects;
use request::{Requests, Session};
use setup::Setup;
use switch::Fallback;
use track::{Track, earliest};

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
    /// No connection is tried before.
    reconnect_at: Option<Instant>,
    /// How many commands there were.
    commands: u64,
    /// How many pairs of UDP sockets there were.
    udps: u32,
    /// OPTIONS was sent on this connection.
    probed: bool,
    methods: Option<Methods>,
    presentation: Option<Presentation>,
    redirects: Redirects,
    /// What media is to travel over.
    lower: Lower,
    fallback: Fallback,
    /// Medias whose SETUP has failed, told of when the others play.
    refused: BTreeMap<usize, CommandError>,
    tracks: Vec<Track>,
    /// The range that was played last.
    range: Option<Range>,
    /// A PLAY has succeeded in this session, so that another goes on from where it was paused.
    has_played: bool,
    liveness: Liveness,
    inbox: Inbox,
    datagrams: Datagrams,
    /// What is to be written waits for some of them.
    held: Option<Held>,
    wall: Option<(Instant, NtpTime)>,
    outputs: VecDeque<ClientOutput>,
    tolerances: Tolerances,
    /// TEARDOWN was asked for.
    is_torn_down: bool,
    /// The last event is out.
    is_finished: bool,
}

/// Commands. Each is told to be [done](ClientEvent::Done) exactly once.
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
        let lower = match config.transports {
            Transports::Udp => Lower::Udp,
            Transports::UdpThenTcp if url.scheme() == Scheme::Rtsp => Lower::Udp,
            Transports::UdpThenTcp | Transports::Tcp => Lower::Tcp,
        };
        let tolerances = url.tolerances();
        Self {
            cname: random.hex_id(),
            auth: Auth::new(url.clone()),
            requests: Requests::new(config.cseq),
            inbox: Inbox::new(config.received_packets_max, config.received_bytes_max),
            datagrams: Datagrams::new(config.udp_burst),
            held: None,
            config,
            random,
            redirects: Redirects::new(url.clone()),
            url,
            state: State::Initial,
            link: Link::new(),
            session: Session::default(),
            keepalive: Keepalive::default(),
            queue: VecDeque::new(),
            running: None,
            reconnect_at: None,
            commands: 0,
            udps: 0,
            probed: false,
            methods: None,
            presentation: None,
            lower,
            fallback: Fallback::default(),
            refused: BTreeMap::new(),
            tracks: Vec::new(),
            range: None,
            has_played: false,
            liveness: Liveness::default(),
            wall: None,
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

    /// Asks what there is to be played; redirects are followed.
    pub fn describe(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Describe)
    }

    /// Sets up the media of this index, to be played after DESCRIBE and to be recorded after ANNOUNCE.
    pub fn setup(&mut self, now: Instant, media: usize) -> Result<CommandId, Misuse> {
        self.command(now, Command::Setup(Setup::new(media)))
    }

    /// Plays what is set up; without a range from the start, or from where it was paused.
    pub fn play(&mut self, now: Instant, range: Option<Range>) -> Result<CommandId, Misuse> {
        self.command(now, Command::Play(range))
    }

    /// Pauses playing or recording.
    pub fn pause(&mut self, now: Instant) -> Result<CommandId, Misuse> {
        self.command(now, Command::Pause)
    }

    /// Announces what is to be recorded; the controls of the medias are named by the client.
    pub fn announce(&mut self, now: Instant, description: Description) -> Result<CommandId, Misuse> {
        self.command(now, Command::Announce(Box::new(description.with_track_controls())))
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

    /// Tells the wall clock time of `now`, without which no sender reports are sent.
    pub fn set_wall_clock(&mut self, now: Instant, wall: NtpTime) {
        self.wall = Some((now, wall));
        self.inbox.timeline.set_wall_clock(now, wall);
    }
}

/// The connection.
impl Client {
    /// Takes the result of [`ClientOutput::Connect`]; one that is not waited for is ignored.
    pub fn handle_connected(&mut self, now: Instant, result: Result<SocketAddr, ConnectError>) {
        if !self.link.is_connecting() {
            return;
        }
        match result {
            Ok(peer) => {
                self.link.handle_connected(peer);
                self.auth.connected();
                if let Some(running) = self.running.take_if(|running| running.wait == Wait::Connection) {
                    return self.request_teardown(now, running.task);
                }
                self.advance(now);
                self.send_keepalive(now);
            }
            Err(error) => self.connection_failed(now, error),
        }
    }

    /// Where to read to; never empty.
    pub fn read_buf(&mut self) -> &mut [u8] {
        self.link.decoder.read_buf()
    }

    /// Whether there is a connection to be read.
    pub fn wants_read(&self) -> bool {
        self.link.is_up()
    }

    /// Has `read` append what it reads, for those who can do that without room that is initialised, and takes it.
    ///
    /// This is [`read_buf`](Self::read_buf) and [`handle_read`](Self::handle_read) in one. There is capacity for what
    /// is read, as the one has room; more is not to be appended.
    pub fn read_with<T>(&mut self, now: Instant, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        let before = self.link.decoder.buffered();
        let read = self.link.decoder.read_with(read);
        if self.link.is_up() && self.link.decoder.buffered() > before {
            self.handle_bytes(now);
        }
        read
    }

    /// Takes `n` bytes that were read into [`read_buf`](Self::read_buf).
    pub fn handle_read(&mut self, now: Instant, n: usize) {
        if !self.link.is_up() {
            return;
        }
        self.link.decoder.handle_read(n);
        if n > 0 {
            self.handle_bytes(now);
        }
    }

    fn handle_bytes(&mut self, now: Instant) {
        self.liveness.handle_heard(now);
        let pushed = self.inbox.pushed();
        self.handle_items(now);
        self.link.decoder.handle_kept(self.inbox.pushed().wrapping_sub(pushed));
    }

    fn handle_items(&mut self, now: Instant) {
        while self.link.is_up() {
            let frame = match self.link.decoder.next_frame() {
                Some(channel) => Frame { channel, payload: self.link.decoder.take_frame() },
                None => match self.poll_item() {
                    Ok(Some(Item::Frame(frame))) => frame,
                    Ok(Some(Item::Message(message))) => {
                        self.handle_message(now, message);
                        continue;
                    }
                    Ok(None) => break,
                    Err(error) => return self.close(now, ClientCloseReason::Wire(error)),
                },
            };
            self.handle_frame(now, frame.channel, frame.payload);
        }
    }

    fn poll_item(&mut self) -> Result<Option<Item>, WireError> {
        let polled = self.link.decoder.poll();
        self.tolerances.merge(self.link.decoder.take_tolerances());
        polled
    }

    fn handle_message(&mut self, now: Instant, message: Message) {
        self.trace_received(&message);
        match message {
            Message::Response(response) => self.handle_response(now, response),
            Message::Request(request) => self.handle_request(now, &request),
        }
    }

    /// Whether [`io_slices`](Self::io_slices) has something to write.
    pub fn wants_write(&self) -> bool {
        self.held.is_none() && self.link.wants_write()
    }

    /// Fills `slices` with what is to be written, and says how many it filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.held.is_some() { 0 } else { self.link.io_slices(slices) }
    }

    /// Takes note that `n` bytes were written.
    pub fn handle_written(&mut self, now: Instant, n: usize) {
        self.link.handle_written(now, n);
        let restart = |running: &mut Running| running.wait == Wait::Written && !self.link.wants_write();
        if let Some(running) = self.running.take_if(restart) {
            self.restart_answered(now, running.task);
        }
    }

    /// Whether [`flush`](Self::flush) has datagrams to send that may leave now.
    pub fn wants_flush(&self) -> bool {
        self.datagrams.wants_flush()
    }

    /// Sends datagrams, as many as may leave at once ([`ClientConfig::udp_burst`]), until the sink takes no more; whether
    /// it did not, so that this is to be called again when the socket is writable.
    ///
    /// What may leave later is announced by [`poll_timeout`](Self::poll_timeout). Datagrams are to be sent before what is
    /// [written](Self::wants_write): PAUSE and TEARDOWN wait for those that belong before them.
    pub fn flush(&mut self, now: Instant, sink: &mut dyn ClientSink) -> bool {
        let is_blocked = self.datagrams.flush(now, sink);
        self.held.take_if(|held| held.behind <= self.datagrams.sent());
        is_blocked
    }

    /// Whether [`poll_output`](Self::poll_output) has something.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// The next thing to be done, or to be told to the application.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while nothing is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.link.is_closed() {
            return None;
        }
        let running = self.running.as_ref().map(Running::poll_timeout);
        let deadlines = [
            self.link.poll_timeout(),
            running,
            self.keepalive_deadline(),
            self.silence_deadline(),
            self.reconnect_deadline(),
            self.datagrams.poll_timeout(),
            self.held.as_ref().map(|held| held.until),
        ];
        let tracks = self.tracks.iter().map(Track::poll_timeout);
        deadlines.into_iter().chain(tracks).fold(None, earliest)
    }

    /// Does what is due at `now`; a call too early or too late does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.link.is_over(now) {
            if !self.link.is_connecting() {
                return self.close(now, ClientCloseReason::Stalled);
            }
            self.outputs.push_back(ClientOutput::Disconnect);
            self.connection_failed(now, ConnectError::Timeout);
        }
        self.datagrams.handle_timeout(now);
        self.held.take_if(|held| held.until <= now);
        self.expire_command(now);
        self.expire_media(now);
        self.send_keepalive(now);
        self.check_silence(now);
        self.advance(now);
    }
}

/// What is known.
impl Client {
    /// Where the client stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// The stream, where redirects have led to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What was described or announced.
    pub fn description(&self) -> Option<&Description> {
        self.presentation.as_ref().map(|presentation| &presentation.description)
    }

    /// What the server says that it can do.
    pub fn methods(&self) -> Option<&Methods> {
        self.methods.as_ref()
    }

    /// What the server calls the session.
    pub fn session_id(&self) -> Option<&str> {
        self.session.id()
    }

    /// What the server, and the URL, do differently from the standard.
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
