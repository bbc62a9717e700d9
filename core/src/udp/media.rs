use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::batch::Batch;
use super::early::Early;
use super::fanout::Fanout;
use super::pace::Pace;
use super::queues::Queues;
use super::reader::DatagramReader;
use super::{DatagramSink, GroupTarget, Port, Trust, UdpSpec};
use crate::conn::Inbound;
use crate::id::{Arena, RawId};
use crate::ingest::{Ingest, Pulse};
use crate::limits::SENDER_REPORT_PERIOD;
use crate::stream::{Media, Streams};
use crate::subscription::LogId;
use crate::thrift::Thrift;
use crate::{Instant, SessionId, StreamId, UdpId};

mod orders;
mod sent;
mod stats;

use sent::Asked;

/// The media that goes through one pair of UDP sockets, for all sessions that share it.
#[derive(Debug)]
pub struct UdpMedia {
    id: UdpId,
    spec: UdpSpec,
    /// The group that it sends to, if it is not for peers.
    group: Option<GroupTarget>,
    burst: usize,
    readers: BTreeMap<LogId, Readers>,
    publishers: Arena<Publishing>,
    sources: BTreeMap<(Port, SocketAddr), Source>,
    early: Early,
    queues: Queues,
    batch: Batch,
    thrift: Thrift,
    due: Option<Instant>,
    /// Readers that nothing is sent to any more and that are still to be told of.
    leaving: Vec<DatagramReader>,
    /// Some have left a group.
    has_left: bool,
    /// The readers that it is to be told of when they have been sent what there was.
    asked: Vec<Asked>,
    /// Have the counts told.
    is_asked: bool,
    is_closing: bool,
}

/// Those who read one log, and how fast it goes to them.
#[derive(Debug)]
pub(super) struct Readers {
    pub(super) pace: Pace,
    /// In the order of the addresses that they are sent from: those with the same one are sent to by one call.
    pub(super) all: Vec<DatagramReader>,
}

impl Readers {
    /// When there is something to be sent.
    fn due(&self) -> Option<Instant> {
        let waits = |reader: &DatagramReader| reader.subscription.poll_timeout();
        // Until it resumes nothing is sent, and something may wait.
        self.pace.resumes_at().or_else(|| self.all.iter().filter_map(waits).min())
    }
}

#[derive(Debug)]
struct Publishing {
    /// The address of the server's that it has talked to.
    local: Option<IpAddr>,
    rtcp: SocketAddr,
    ingest: Ingest,
}

#[derive(Debug)]
enum Source {
    /// The track of a publisher.
    Publisher(RawId),
    Reader {
        stream: StreamId,
        session: SessionId,
        pulse: Pulse,
        /// When the last datagram came from there.
        heard: Option<Instant>,
        /// Bytes that the reader was granted and not sent when it was last detached.
        bytes_left: usize,
    },
}

impl UdpMedia {
    /// A pair that sends each reader so many packets of a stream at once.
    pub(crate) fn new(id: UdpId, spec: UdpSpec, burst: usize) -> Self {
        Self {
            id,
            spec,
            group: None,
            burst,
            readers: BTreeMap::new(),
            publishers: Arena::default(),
            sources: BTreeMap::new(),
            early: Early::default(),
            queues: Queues::default(),
            batch: Batch::default(),
            thrift: Thrift::default(),
            due: None,
            leaving: Vec::new(),
            has_left: false,
            asked: Vec::new(),
            is_asked: false,
            is_closing: false,
        }
    }

    /// Has it send to a group.
    pub(crate) fn sending_to(self, group: GroupTarget) -> Self {
        Self { group: Some(group), ..self }
    }

    /// The pair's handle.
    pub fn id(&self) -> UdpId {
        self.id
    }

    /// The sockets to be opened.
    pub fn spec(&self) -> &UdpSpec {
        &self.spec
    }

    /// The group that they send to; `None` for those of peers.
    pub fn group(&self) -> Option<&GroupTarget> {
        self.group.as_ref()
    }

    /// Returns `true` once nothing will come of it any more: its sockets are to be closed.
    pub fn is_over(&self) -> bool {
        let is_told = !self.is_asked && !self.has_left && self.leaving.is_empty() && !self.has_input();
        self.is_closing && is_told && self.readers.is_empty() && !self.queues.has_reports()
    }

    /// Takes a datagram; one from an address that belongs to no session is left out.
    pub fn handle_datagram(&mut self, now: Instant, port: Port, from: SocketAddr, data: Bytes) {
        self.thrift.pass(data.len());
        match self.sources.get_mut(&(port, from)) {
            Some(Source::Publisher(track)) => {
                let Some(Publishing { ingest, .. }) = self.publishers.get_mut(*track) else { return };
                let data = if self.thrift.copies() { Bytes::copy_from_slice(&data) } else { data };
                ingest.handle(now, port, data, &mut self.queues.inbound);
                let next = ingest.poll_timeout();
                self.due = Some(self.due.map_or(next, |due| due.min(next)));
            }
            Some(Source::Reader { stream, session, pulse, heard, .. }) => {
                let (stream, session) = (*stream, *session);
                pulse.beat(now, session, &mut self.queues.inbound);
                *heard = Some(now);
                self.hear(now, (stream, session), port, from, &data);
            }
            None if self.group.is_some() => self.hear_member(now, port, from, &data),
            None => self.early.keep(now, port, from, data),
        }
    }

    /// Takes note that the system has refused a datagram of so many bytes to `to`, because it was too big for the path there.
    pub fn handle_too_big(&mut self, now: Instant, to: SocketAddr, bytes: usize) {
        if let Some(Source::Reader { stream, session, .. }) = self.sources.get(&(Port::Rtp, to)) {
            if let Some(reader) = reader_of(&mut self.readers, *stream, *session) {
                reader.handle_too_big(now, bytes, &mut self.queues);
            }
        }
    }

    /// Returns the next media or report that came in.
    #[must_use]
    pub fn poll_input(&mut self, _now: Instant) -> Option<Inbound> {
        let inbound = self.queues.inbound.pop_front();
        if let Some(Inbound::Media(_, Media::Packet { packet, .. })) = &inbound {
            self.thrift.keep(packet.len());
        }
        inbound
    }

    /// Returns `true` if [`poll_input`](Self::poll_input) has something.
    pub(crate) fn has_input(&self) -> bool {
        !self.queues.inbound.is_empty()
    }

    /// Returns `true` if something waits that may leave now, because nobody has flushed it.
    pub(crate) fn is_behind(&self, now: Instant, streams: &dyn Streams) -> bool {
        let mut is_behind = self.queues.has_reports();
        for (log, readers) in &self.readers {
            if readers.pace.resumes_at().is_none_or(|at| at <= now) {
                let mut readers = readers.all.iter();
                streams.read(log.stream, &mut |log| {
                    is_behind |= readers.any(|reader| reader.subscription.is_behind(now, log));
                });
            }
        }
        is_behind
    }

    /// Sends what the logs hold for the readers, and reports. Returns `true` if the sink stopped it: call it again when the
    /// socket is writable.
    pub fn flush(&mut self, now: Instant, streams: &dyn Streams, sink: &mut dyn DatagramSink) -> bool {
        if self.is_asked || self.has_left || !self.leaving.is_empty() {
            self.tell_stats(now, streams);
        }
        let Self { readers, queues, batch, .. } = self;
        if !queues.send_reports(sink) {
            return true;
        }
        let mut fanout = Fanout { now, streams, sink, queues, batch };
        for (log, readers) in readers.iter_mut() {
            if !fanout.flush(*log, readers) {
                return true;
            }
        }
        if !self.asked.is_empty() {
            self.tell_sent();
        }
        self.let_go_of_finished(now, streams);
        self.due = self.due.into_iter().chain(self.readers.values().filter_map(Readers::due)).min();
        !self.queues.send_reports(sink)
    }

    /// The streams that are read over this pair, and those that something is still to be told of.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        let leaving = self.leaving.iter().map(|reader| reader.subscription.stream());
        self.readers.keys().map(|log| log.stream).chain(leaving)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Lets time pass; poll and flush what comes of it.
    pub fn handle_timeout(&mut self, now: Instant) {
        for track in self.publishers.values_mut().filter(|track| now >= track.ingest.poll_timeout()) {
            if let Some(report) = track.ingest.handle_timeout(now, &mut self.queues.inbound) {
                self.queues.report(Port::Rtcp, track.local, track.rtcp, report);
            }
        }
        let publishers = self.publishers.values_mut().map(|track| track.ingest.poll_timeout());
        let readers = self.readers.values().flat_map(|readers| &readers.all);
        let readers = readers.filter_map(|reader| reader.subscription.poll_timeout()).map(|due| {
            // A report that is due already is sent by the flush that follows, and then a period later.
            if due > now { due } else { now + SENDER_REPORT_PERIOD }
        });
        self.due = publishers.chain(readers).min();
    }

    fn reader(&mut self, stream: StreamId, session: SessionId) -> Option<&mut DatagramReader> {
        reader_of(&mut self.readers, stream, session)
    }

    /// Somebody is where the packets of this session go, and may have sent a report.
    fn hear(
        &mut self,
        now: Instant,
        (stream, session): (StreamId, SessionId),
        port: Port,
        from: SocketAddr,
        data: &[u8],
    ) {
        let Self { readers, queues, .. } = self;
        if let Some(reader) = reader_of(readers, stream, session) {
            reader.trust = Trust::Proven;
            if port == Port::Rtcp {
                reader.hear(now, from, data, queues);
            }
        }
    }

    /// A reader of the group may have sent a report.
    fn hear_member(&mut self, now: Instant, port: Port, from: SocketAddr, data: &[u8]) {
        if port == Port::Rtp {
            return;
        }
        let readers = self.readers.values_mut().flat_map(|readers| &mut readers.all);
        for members in readers.filter_map(|reader| reader.members.as_mut()) {
            members.hear(now, from.ip(), data, &mut self.queues);
        }
    }
}

fn reader_of(
    readers: &mut BTreeMap<LogId, Readers>,
    stream: StreamId,
    session: SessionId,
) -> Option<&mut DatagramReader> {
    let mut all = logs_of(readers, stream).flat_map(|(_, readers)| &mut readers.all);
    all.find(|reader| reader.is_of(session))
}

/// The logs of a stream, clear and encrypted, with those who read them.
fn logs_of(
    readers: &mut BTreeMap<LogId, Readers>,
    stream: StreamId,
) -> impl Iterator<Item = (&LogId, &mut Readers)> {
    readers.range_mut(LogId { stream, secure: None }..=LogId { stream, secure: Some(u32::MAX) })
}

/// The sources of each pair of addresses: both ports, each with the address that sends to it.
fn both_ports(
    peers: impl IntoIterator<Item = (SocketAddr, SocketAddr)>,
) -> impl Iterator<Item = (Port, SocketAddr)> {
    peers.into_iter().flat_map(|(rtp, rtcp)| [(Port::Rtp, rtp), (Port::Rtcp, rtcp)])
}
