use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::proxy::{NoHeader, ProxyHeader};
use super::{CloseReason, Inbound, Report};
use crate::deadline::Doubt;
use crate::heard::Heard;
use crate::ingest::{Ingest, Pulse};
use crate::keying::PeerKeys;
use crate::limits::REQUESTS_WAITING_MAX;
use crate::stats::StatsPart;
use crate::stream::Media;
use crate::udp::Port;
use crate::wire::{Decoder, DecoderLimits, Frame, Item, Message};
use crate::{ConnId, Instant, SessionId, Tolerances};

mod stats;

/// An order of the control plane to the half of a connection that reads.
#[derive(Debug)]
pub struct RxCommand(pub(crate) RxOrder);

#[derive(Debug)]
pub(crate) enum RxOrder {
    /// A request has been answered, so that the next may be parsed.
    Answered,
    /// The connection is being closed: bytes that were read are still parsed, and no more are read.
    Finish,
    /// Frames of these channels belong to a session from now on.
    Route(Routes),
    /// Frames of a session are no longer wanted.
    Unroute(SessionId),
    /// RTCP of the application's for the publisher of this session and track.
    Rtcp(SessionId, u8, Bytes),
    /// A session protects this track by other keys from now on.
    Rekey(SessionId, u8, Box<PeerKeys>),
    /// Have the counts told.
    TellStats,
}

/// The channels that a session receives on, and what they are for.
#[derive(Debug)]
pub(crate) enum Routes {
    /// A publisher's tracks: each with its two channels.
    Publisher(Vec<(u8, u8, Ingest)>),
    /// A reader's channels for its reports, each with its track and what takes them.
    Reader(SessionId, Vec<(u8, u8, Heard)>),
}

/// The half of a connection that reads.
///
/// It parses on demand: without polls it parses nothing, and then nothing more is to be read.
#[derive(Debug)]
pub struct ConnRx {
    id: ConnId,
    message_deadline: Duration,
    /// A proxy is still to say where the connection comes from.
    awaits_proxy: bool,
    decoder: Decoder,
    publishers: Vec<Publishing>,
    readers: Vec<Reading>,
    inbound: VecDeque<Inbound>,
    unanswered: usize,
    /// Deviations that were told; each is told once, however often it comes.
    told: Tolerances,
    begun: Option<(u64, Instant)>,
    /// Since when a layer beneath has begun something and not completed it.
    beneath: Option<Instant>,
    /// The doubt about the deadline of a message.
    doubt: Doubt,
    failure: Option<CloseReason>,
    is_finishing: bool,
    /// Nothing has come since [`poll_input`](Self::poll_input) had nothing more.
    is_dry: bool,
}

#[derive(Debug)]
struct Publishing {
    rtp: u8,
    rtcp: u8,
    ingest: Ingest,
}

/// A channel for a reader's reports.
#[derive(Debug)]
struct Reading {
    rtcp: u8,
    track: u8,
    session: SessionId,
    pulse: Pulse,
    heard: Heard,
}

impl ConnRx {
    pub(crate) fn new(id: ConnId, limits: DecoderLimits, message_deadline: Duration) -> Self {
        let mut decoder = Decoder::new(limits);
        decoder.set_strict_beginning();
        Self {
            id,
            message_deadline,
            awaits_proxy: false,
            decoder,
            publishers: Vec::new(),
            readers: Vec::new(),
            inbound: VecDeque::new(),
            unanswered: 0,
            told: Tolerances::NONE,
            begun: None,
            beneath: None,
            doubt: Doubt::default(),
            failure: None,
            is_finishing: false,
            is_dry: true,
        }
    }

    /// The same behind a proxy, which says first where the connection comes from.
    pub(crate) fn behind_proxy(self) -> Self {
        Self { awaits_proxy: true, ..self }
    }

    /// Takes an order of the control plane.
    pub fn handle_command(&mut self, now: Instant, command: RxCommand) {
        match command.0 {
            RxOrder::Answered => {
                self.is_dry &= !self.is_paused();
                self.unanswered = self.unanswered.saturating_sub(1);
                return;
            }
            RxOrder::Finish => {
                self.is_finishing = true;
                return;
            }
            RxOrder::Route(Routes::Publisher(tracks)) => {
                let tracks = tracks.into_iter().map(|(rtp, rtcp, ingest)| Publishing { rtp, rtcp, ingest });
                self.publishers.extend(tracks);
            }
            RxOrder::Route(Routes::Reader(session, channels)) => {
                self.readers.reserve_exact(channels.len());
                self.readers.extend(channels.into_iter().map(|(rtcp, track, heard)| Reading {
                    rtcp,
                    track,
                    session,
                    pulse: Pulse::default(),
                    heard,
                }));
            }
            RxOrder::Rtcp(session, track, compound) => {
                let own = |publisher: &&mut Publishing| publisher.ingest.is_of(session, track);
                if let Some(publisher) = self.publishers.iter_mut().find(own) {
                    let channel = publisher.rtcp;
                    let reply = publisher.ingest.send(compound).map(|payload| Frame { channel, payload });
                    self.inbound.extend(reply.map(Inbound::Reply));
                }
            }
            RxOrder::Rekey(session, track, keys) => {
                let publishers = self.publishers.iter_mut().map(|publisher| &mut publisher.ingest);
                publishers.filter(|own| own.is_of(session, track)).for_each(|own| own.rekey(&keys));
                let readers =
                    self.readers.iter_mut().filter(|own| (own.session, own.track) == (session, track));
                readers.for_each(|own| own.heard.rekey(&keys));
                return;
            }
            RxOrder::Unroute(session) => {
                let own = |track: &Publishing| track.ingest.session() == session;
                let channels = self.publishers.iter().filter(|track| own(track)).map(|track| track.rtcp);
                let channels: Vec<u8> = channels.collect();
                // A report that is not polled yet would come behind the answer to TEARDOWN.
                self.inbound.retain(|inbound| match inbound {
                    Inbound::Reply(frame) => !channels.contains(&frame.channel),
                    _ => true,
                });
                let part = StatsPart { session, is_last: true, stats: self.stats_of(now, session) };
                self.publishers.retain(|track| !own(track));
                self.readers.retain(|reader| reader.session != session);
                let report = self.report_of(vec![part], false);
                self.inbound.push_back(Inbound::Report(report));
            }
            RxOrder::TellStats => {
                let report = self.report_of(self.parts(now, false), true);
                self.inbound.push_back(Inbound::Report(report));
                return;
            }
        }
        let publishers = self.publishers.iter().flat_map(|track| [track.rtp, track.rtcp]);
        self.decoder.set_known_channels(publishers.chain(self.readers.iter().map(|reader| reader.rtcp)));
    }

    /// Room to read into; never empty.
    pub fn read_buf(&mut self) -> &mut [u8] {
        self.decoder.read_buf()
    }

    /// Takes note that the first `n` bytes of [`read_buf`](Self::read_buf) were filled.
    pub fn handle_read(&mut self, _now: Instant, n: usize) {
        self.is_dry &= n == 0;
        self.decoder.handle_read(n);
    }

    /// Lends the free part of the buffer to `read`, which appends the bytes that it reads. For runtimes that can read into
    /// uninitialised memory.
    ///
    /// This is [`read_buf`](Self::read_buf) and [`handle_read`](Self::handle_read) in one. The capacity is as large as the room
    /// of `read_buf`; append no more than that.
    pub fn read_with<T>(&mut self, _now: Instant, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        self.is_dry = false;
        self.decoder.read_with(read)
    }

    /// Takes note that a layer beneath, such as TLS, is in the middle of something that its peer has to complete, or no longer is:
    /// a handshake has as long as a message has, from its first byte on.
    pub fn handle_beneath(&mut self, now: Instant, has_begun: bool) {
        self.beneath = has_begun.then(|| self.beneath.unwrap_or(now));
    }

    /// Reads into memory that others use as well, if it has none of its own; it is allocated if there is none yet.
    pub fn lend(&mut self, memory: impl FnOnce() -> BytesMut) {
        self.decoder.lend(memory);
    }

    /// Gives lent memory back, except what was read into that is still to be handed on or held on to.
    ///
    /// With it, a connection that receives only now and then allocates no buffer for reading.
    pub fn take_memory(&mut self) -> Option<BytesMut> {
        self.decoder.take_lent()
    }

    /// Returns `true` if something can be [polled](Self::poll_input) for which nothing needs to be read.
    pub fn has_input(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// Returns `true` if a proxy is still to say where the connection comes from.
    pub fn awaits_proxy(&self) -> bool {
        self.awaits_proxy
    }

    /// The connection's handle.
    pub(crate) fn id(&self) -> ConnId {
        self.id
    }

    /// Returns `true` if there is nothing to poll, neither of what was read nor anything else.
    pub(crate) fn is_dry(&self) -> bool {
        self.is_dry && self.inbound.is_empty()
    }

    /// Returns `true` if more is to be read: not after a failure, during a close, or while too much waits for its answer.
    pub fn wants_read(&self) -> bool {
        self.failure.is_none() && !self.is_finishing && !self.decoder.is_held()
    }

    /// Bytes that were read and not parsed yet.
    pub fn buffered(&self) -> usize {
        self.decoder.buffered()
    }

    /// Returns the next input of what was read.
    ///
    /// # Errors
    ///
    /// The peer sent bytes that cannot be read, or did not complete a message in time. From then on the same error comes back,
    /// except for reports that [`has_input`](Self::has_input) tells of: an order may still end a session.
    pub fn poll_input(&mut self, now: Instant) -> Result<Option<Inbound>, CloseReason> {
        loop {
            if let Some(inbound) = self.inbound.pop_front() {
                if let Inbound::Media(_, Media::Packet { packet, .. }) = &inbound {
                    self.decoder.handle_kept(packet.len());
                }
                return Ok(Some(inbound));
            }
            if let Some(failure) = &self.failure {
                self.is_dry = true;
                return Err(failure.clone());
            }
            if let Some(channel) = self.decoder.next_frame() {
                let payload = self.decoder.take_frame();
                self.handle_frame(now, channel, payload);
                continue;
            }
            if self.awaits_proxy {
                self.take_proxy_header();
                if self.awaits_proxy && self.failure.is_none() {
                    self.watch(now);
                    return Ok(None);
                }
                continue;
            }
            self.decoder.set_pause_messages(self.is_paused());
            let item = self.decoder.poll();
            let told = self.told;
            self.told.merge(self.decoder.take_tolerances());
            if self.told != told {
                self.inbound.push_back(Inbound::Report(Report::Tolerated(self.id, self.told)));
            }
            match item {
                Ok(Some(Item::Frame(frame))) => self.handle_frame(now, frame.channel, frame.payload),
                Ok(Some(Item::Message(message))) => {
                    if matches!(message, Message::Request(_)) {
                        self.unanswered = self.unanswered.saturating_add(1);
                    }
                    return Ok(Some(Inbound::Message(message)));
                }
                Ok(None) => {
                    self.watch(now);
                    return Ok(self.inbound.pop_front());
                }
                Err(error) => self.failure = Some(error.into()),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let reports = self.publishers.iter().map(|track| track.ingest.poll_timeout()).min();
        let message = self.since().map(|at| self.doubt.look_at(at + self.message_deadline));
        reports.into_iter().chain(message).min().filter(|_| self.failure.is_none())
    }

    /// Lets time pass; poll what comes of it.
    pub fn handle_timeout(&mut self, now: Instant) {
        let begun = self.since().filter(|_| self.failure.is_none());
        if begun.is_some_and(|at| self.doubt.is_over(now, at + self.message_deadline)) {
            (self.failure, self.is_dry) = (Some(CloseReason::MessageTimeout), false);
        }
        for track in self.publishers.iter_mut().filter(|track| now >= track.ingest.poll_timeout()) {
            if let Some(payload) = track.ingest.handle_timeout(now, &mut self.inbound) {
                self.inbound.push_back(Inbound::Reply(Frame { channel: track.rtcp, payload }));
            }
        }
    }

    fn take_proxy_header(&mut self) {
        match ProxyHeader::parse(self.decoder.buffered_bytes()) {
            Ok(None) => {}
            Ok(Some(header)) => {
                self.awaits_proxy = false;
                self.decoder.discard(header.len);
                let report = header.source.map(|source| Report::Proxied(self.id, source));
                self.inbound.extend(report.map(Inbound::Report));
            }
            Err(NoHeader) => self.failure = Some(CloseReason::NoProxyHeader),
        }
    }

    /// Since when the peer has begun something and not completed it.
    fn since(&self) -> Option<Instant> {
        self.begun.map(|(_, at)| at).into_iter().chain(self.beneath).min()
    }

    fn is_paused(&self) -> bool {
        self.unanswered >= REQUESTS_WAITING_MAX
    }

    /// Frames on channels of no session are left out: live555 before 2017.06.04 writes those of an older session, and a
    /// frame may be under way when its session ends.
    fn handle_frame(&mut self, now: Instant, channel: u8, payload: Bytes) {
        let out = &mut self.inbound;
        if let Some(track) = self.publishers.iter_mut().find(|track| track.rtp == channel) {
            track.ingest.handle(now, Port::Rtp, payload, out);
        } else if let Some(track) = self.publishers.iter_mut().find(|track| track.rtcp == channel) {
            track.ingest.handle(now, Port::Rtcp, payload, out);
        } else if let Some(reader) = self.readers.iter_mut().find(|reader| reader.rtcp == channel) {
            reader.pulse.beat(now, reader.session, out);
            reader.heard.handle_rtcp(now, (reader.session, reader.track), &payload, out);
        }
    }

    /// Starts the clock of a message at its first byte, and keeps it while no byte completes it.
    fn watch(&mut self, now: Instant) {
        self.is_dry = true;
        let offset = self.decoder.offset();
        self.begun = match self.begun {
            _ if self.is_paused() || !self.decoder.begun() => None,
            Some((began, at)) if began == offset => Some((began, at)),
            _ => Some((offset, now)),
        };
    }
}
