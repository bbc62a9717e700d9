use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;

use super::{DatagramSink, Port, UdpSpec};
use crate::conn::{Inbound, Report};
use crate::ingest::{Ingest, Pulse};
use crate::limits::{SENDER_REPORT_PERIOD, UDP_REPORTS_WAITING_MAX};
use crate::stream::{Packet, Streams};
use crate::subscription::Subscription;
use crate::{Instant, SessionId, StreamId, UdpId};

/// Packets of one stream that are handed to all its readers in one go.
const BATCH: usize = 64;

/// An order of the control plane to a UDP pair.
#[derive(Debug)]
pub struct UdpCommand(pub(crate) UdpOrder);

#[derive(Debug)]
pub(crate) enum UdpOrder {
    /// Packets of a stream go to a session.
    Attach(DatagramReader),
    /// Nothing more is sent to a session.
    Detach(SessionId),
    /// The session's stream has ended: the rest of it, then BYE, then [`Report::Ended`].
    End(SessionId),
    /// Tracks of a publisher come from these addresses: of its packets and of its reports.
    Publish(Vec<(SocketAddr, SocketAddr, Ingest)>),
    /// Packets of a session are no longer wanted.
    Unpublish(SessionId),
}

/// A reader of a stream over UDP.
#[derive(Debug)]
pub(crate) struct DatagramReader {
    pub(crate) subscription: Subscription,
    /// Per track: where its packets and its reports go.
    pub(crate) peers: Vec<Option<(SocketAddr, SocketAddr)>>,
}

/// The media that goes through one pair of UDP sockets, for all sessions that share it.
#[derive(Debug)]
pub struct UdpMedia {
    id: UdpId,
    spec: UdpSpec,
    readers: BTreeMap<StreamId, Vec<DatagramReader>>,
    publishers: Vec<Publishing>,
    sources: BTreeMap<(Port, SocketAddr), Source>,
    inbound: VecDeque<Inbound>,
    outgoing: VecDeque<(Port, SocketAddr, Bytes)>,
    batch: Vec<Packet>,
    due: Option<Instant>,
}

#[derive(Debug)]
struct Publishing {
    rtcp: SocketAddr,
    ingest: Ingest,
}

#[derive(Debug)]
enum Source {
    /// Which of the publishers' tracks.
    Publisher(usize),
    Reader(SessionId, Pulse),
}

impl UdpMedia {
    pub(crate) fn new(id: UdpId, spec: UdpSpec) -> Self {
        Self {
            id,
            spec,
            readers: BTreeMap::new(),
            publishers: Vec::new(),
            sources: BTreeMap::new(),
            inbound: VecDeque::new(),
            outgoing: VecDeque::new(),
            batch: Vec::new(),
            due: None,
        }
    }

    /// The pair's handle.
    pub fn id(&self) -> UdpId {
        self.id
    }

    /// What is to be opened.
    pub fn spec(&self) -> &UdpSpec {
        &self.spec
    }

    /// Takes an order of the control plane.
    pub fn handle_command(&mut self, now: Instant, command: UdpCommand) {
        match command.0 {
            UdpOrder::Attach(reader) => {
                let session = reader.subscription.session();
                for (_, rtcp) in reader.peers.iter().flatten() {
                    self.sources.insert((Port::Rtcp, *rtcp), Source::Reader(session, Pulse::default()));
                }
                self.readers.entry(reader.subscription.stream()).or_default().push(reader);
            }
            UdpOrder::Detach(session) => self.forget_reader(session),
            UdpOrder::End(session) => {
                let mut readers = self.readers.values_mut().flatten();
                match readers.find(|reader| reader.subscription.session() == session) {
                    Some(reader) => reader.subscription.end(),
                    None => self.inbound.push_back(Inbound::Report(Report::Ended(session))),
                }
            }
            UdpOrder::Publish(tracks) => tracks.into_iter().for_each(|track| self.add_publisher(track)),
            UdpOrder::Unpublish(session) => self.forget_publisher(session),
        }
        self.due = Some(now);
    }

    /// Takes a datagram; one from an address that belongs to no session is left out.
    pub fn handle_datagram(&mut self, now: Instant, port: Port, from: SocketAddr, data: Bytes) {
        match self.sources.get_mut(&(port, from)) {
            Some(Source::Publisher(index)) => {
                let Some(Publishing { ingest, .. }) = self.publishers.get_mut(*index) else { return };
                match port {
                    Port::Rtp => ingest.handle_rtp(now, data, &mut self.inbound),
                    Port::Rtcp => ingest.handle_rtcp(now, &data, &mut self.inbound),
                }
                let next = ingest.poll_timeout();
                self.due = Some(self.due.map_or(next, |due| due.min(next)));
            }
            Some(Source::Reader(session, pulse)) => pulse.beat(now, *session, &mut self.inbound),
            None => {}
        }
    }

    /// What comes next of what came in: media and reports.
    #[must_use]
    pub fn poll_input(&mut self, _now: Instant) -> Option<Inbound> {
        self.inbound.pop_front()
    }

    /// Sends what the logs hold for the readers, and reports; whether the sink stopped it, so that it is to be called
    /// again when the socket is writable.
    pub fn flush(&mut self, now: Instant, streams: &dyn Streams, sink: &mut dyn DatagramSink) -> bool {
        let Self { readers, outgoing, inbound, batch, .. } = self;
        if !send_waiting(outgoing, sink) {
            return true;
        }
        for (stream, readers) in readers.iter_mut() {
            if flush_stream(now, *stream, readers, streams, batch, outgoing, inbound, sink) {
                return true;
            }
        }
        for session in self.finished() {
            self.forget_reader(session);
        }
        !send_waiting(&mut self.outgoing, sink)
    }

    /// The streams that are read over this pair.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.readers.keys().copied()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Lets time pass; what comes of it is polled and flushed.
    pub fn handle_timeout(&mut self, now: Instant) {
        for track in self.publishers.iter_mut().filter(|track| now >= track.ingest.poll_timeout()) {
            if let Some(report) = track.ingest.handle_timeout(now, &mut self.inbound) {
                push_report(&mut self.outgoing, track.rtcp, report);
            }
        }
        let publishers = self.publishers.iter().map(|track| track.ingest.poll_timeout());
        let readers = self.readers.values().flatten().map(|reader| {
            let due = reader.subscription.poll_timeout();
            // What is due already is sent by the flush that follows, and then a period later.
            if due > now { due } else { now + SENDER_REPORT_PERIOD }
        });
        self.due = publishers.chain(readers).min();
    }

    fn add_publisher(&mut self, (rtp, rtcp, ingest): (SocketAddr, SocketAddr, Ingest)) {
        let index = self.publishers.len();
        self.publishers.push(Publishing { rtcp, ingest });
        for (port, from, punch) in [(Port::Rtp, rtp, PUNCH_RTP), (Port::Rtcp, rtcp, PUNCH_RTCP)] {
            self.sources.insert((port, from), Source::Publisher(index));
            self.outgoing.push_back((port, from, Bytes::from_static(punch)));
        }
    }

    fn forget_publisher(&mut self, session: SessionId) {
        let mut kept = Vec::new();
        let places: Vec<Option<usize>> = std::mem::take(&mut self.publishers)
            .into_iter()
            .map(|track| {
                let place = (track.ingest.session() != session).then_some(kept.len());
                if place.is_some() {
                    kept.push(track);
                }
                place
            })
            .collect();
        self.publishers = kept;
        self.sources.retain(|_, source| match source {
            Source::Publisher(index) => match places.get(*index).copied().flatten() {
                Some(place) => {
                    *index = place;
                    true
                }
                None => false,
            },
            Source::Reader(..) => true,
        });
    }

    fn forget_reader(&mut self, session: SessionId) {
        self.sources.retain(|_, source| !matches!(source, Source::Reader(own, _) if *own == session));
        self.readers.retain(|_, readers| {
            readers.retain(|reader| reader.subscription.session() != session);
            !readers.is_empty()
        });
    }

    fn finished(&self) -> Vec<SessionId> {
        let readers = self.readers.values().flatten();
        readers
            .filter(|reader| reader.subscription.is_finished())
            .map(|reader| reader.subscription.session())
            .collect()
    }
}

/// An RTP packet without payload, which opens the way through a firewall for the publisher's.
const PUNCH_RTP: &[u8] = &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// An empty receiver report, likewise.
const PUNCH_RTCP: &[u8] = &[0x80, 0xc9, 0, 1, 0, 0, 0, 0];

fn push_report(outgoing: &mut VecDeque<(Port, SocketAddr, Bytes)>, to: SocketAddr, report: Bytes) {
    if outgoing.len() < UDP_REPORTS_WAITING_MAX {
        outgoing.push_back((Port::Rtcp, to, report));
    }
}

/// Sends reports that wait; `false` if the sink would block.
fn send_waiting(outgoing: &mut VecDeque<(Port, SocketAddr, Bytes)>, sink: &mut dyn DatagramSink) -> bool {
    while let Some((port, to, datagram)) = outgoing.front() {
        if !sink.send(*port, *to, datagram) {
            return false;
        }
        outgoing.pop_front();
    }
    true
}

/// Sends one stream to all its readers, a batch at a time, up to where its log stood; whether the sink stopped it.
#[allow(clippy::too_many_arguments)]
fn flush_stream(
    now: Instant,
    stream: StreamId,
    readers: &mut [DatagramReader],
    streams: &dyn Streams,
    batch: &mut Vec<Packet>,
    outgoing: &mut VecDeque<(Port, SocketAddr, Bytes)>,
    inbound: &mut VecDeque<Inbound>,
    sink: &mut dyn DatagramSink,
) -> bool {
    let mut until = None;
    loop {
        let mut from = 0;
        let known = streams.read(stream, &mut |log| {
            for reader in readers.iter_mut() {
                let peers = &reader.peers;
                let rtcp_of =
                    |track: u8| peers.get(usize::from(track)).copied().flatten().map(|(_, rtcp)| rtcp);
                reader.subscription.reports_due(now, log, |track, report| {
                    if let Some(to) = rtcp_of(track) {
                        push_report(outgoing, to, report);
                    }
                });
                inbound.extend(reader.subscription.catch_up(now, log).map(Inbound::Report));
            }
            from = readers.iter().map(|reader| reader.subscription.next()).min().unwrap_or(0);
            let until = *until.get_or_insert_with(|| log.head());
            let count = usize::try_from(until.saturating_sub(from)).unwrap_or(BATCH).min(BATCH);
            batch.extend(log.from(from).take(count).cloned());
        });
        if !send_waiting(outgoing, sink) {
            batch.clear();
            return true;
        }
        let sent = readers.iter_mut().all(|reader| reader.send(from, batch, sink));
        let drained = batch.is_empty();
        batch.clear();
        if !sent {
            return true;
        }
        if drained || !known {
            for reader in readers.iter_mut() {
                reader.say_goodbye_at_end(known, outgoing, inbound);
            }
            return false;
        }
    }
}

impl DatagramReader {
    /// Sends what of the batch, which starts at `from`, is still to come; `false` if the sink would block.
    fn send(&mut self, from: u64, batch: &[Packet], sink: &mut dyn DatagramSink) -> bool {
        let skip = usize::try_from(self.subscription.next().saturating_sub(from)).unwrap_or(usize::MAX);
        for packet in batch.get(skip..).unwrap_or_default() {
            let peer = self.peers.get(usize::from(packet.track)).copied().flatten();
            if let (true, Some((rtp, _))) = (self.subscription.wants(packet), peer) {
                if !sink.send(Port::Rtp, rtp, packet.rtp.as_bytes()) {
                    return false;
                }
            }
            self.subscription.take(packet);
        }
        true
    }

    fn say_goodbye_at_end(
        &mut self,
        log_is_there: bool,
        outgoing: &mut VecDeque<(Port, SocketAddr, Bytes)>,
        inbound: &mut VecDeque<Inbound>,
    ) {
        if !log_is_there {
            self.subscription.end();
        }
        self.subscription.mark_drained();
        if self.subscription.is_at_end(log_is_there) {
            for (track, goodbye) in self.subscription.goodbyes() {
                if let Some((_, rtcp)) = self.peers.get(usize::from(track)).copied().flatten() {
                    push_report(outgoing, rtcp, goodbye);
                }
            }
            inbound.push_back(Inbound::Report(Report::Ended(self.subscription.session())));
        }
    }
}
