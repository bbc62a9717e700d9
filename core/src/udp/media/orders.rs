//! The orders of the control plane to a pair of sockets.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{Publishing, Readers, Source, UdpMedia, both_ports, logs_of, reader_of, stats};
use crate::conn::{Inbound, Report};
use crate::ingest::{Ingest, Pulse};
use crate::limits::PROOF_LASTS;
use crate::udp::order::{UdpCommand, UdpOrder};
use crate::udp::pace::Pace;
use crate::udp::reader::DatagramReader;
use crate::udp::{Port, Trust};
use crate::{Instant, SessionId, StreamId};

/// An RTP packet without payload, which opens the way through a firewall for the publisher's.
const PUNCH_RTP: &[u8] = &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// An empty receiver report, likewise.
const PUNCH_RTCP: &[u8] = &[0x80, 0xc9, 0, 1, 0, 0, 0, 0];

impl UdpMedia {
    /// Takes an order of the control plane.
    pub fn handle_command(&mut self, now: Instant, command: UdpCommand) {
        match command.0 {
            UdpOrder::Attach(mut reader) => {
                self.recall(now, &mut reader);
                self.attach(*reader);
            }
            UdpOrder::Join(reader) => {
                let there = self.readers.get_mut(&reader.subscription.log_id());
                match there.and_then(|readers| readers.all.first_mut()) {
                    Some(group) => group.join(now, *reader),
                    None => self.attach(*reader),
                }
            }
            UdpOrder::Detach(stream, session) => self.detach(stream, session, None),
            UdpOrder::Dismiss(stream, session, reason) => self.detach(stream, session, Some(&reason)),
            UdpOrder::DropTrack(stream, session, track) => {
                if let Some(reader) = self.reader(stream, session) {
                    reader.drop_track(track);
                }
            }
            UdpOrder::Expect(stream, session, peers) => {
                for source in both_ports(peers) {
                    let reader = Source::Reader {
                        stream,
                        session,
                        pulse: Pulse::default(),
                        heard: None,
                        bytes_left: 0,
                    };
                    self.sources.insert(source, reader);
                }
            }
            UdpOrder::Forget(peers) => {
                both_ports(peers).for_each(|source| _ = self.sources.remove(&source));
            }
            UdpOrder::ToPublisher(to, compound) => {
                let Some(Source::Publisher(track)) = self.sources.get(&(Port::Rtcp, to)) else { return };
                let Some(Publishing { ingest, local, rtcp }) = self.publishers.get_mut(*track) else {
                    return;
                };
                if let Some(compound) = ingest.send(compound) {
                    self.queues.report(Port::Rtcp, *local, *rtcp, compound);
                }
            }
            UdpOrder::ToReader(stream, session, track, compound) => {
                let Self { readers, queues, .. } = self;
                if let Some(reader) = reader_of(readers, stream, session) {
                    reader.send_rtcp(track, compound, queues);
                }
            }
            UdpOrder::Credit(stream, session, bytes) => {
                if let Some(reader) = self.reader(stream, session) {
                    reader.trust.grant(bytes);
                }
            }
            UdpOrder::End(stream, session) => match self.reader(stream, session) {
                Some(reader) => reader.subscription.end(),
                None => self.queues.inbound.push_back(Inbound::Report(Report::Ended(session))),
            },
            UdpOrder::Publish(local, tracks) => {
                let peers: Vec<_> = tracks.iter().map(|(rtp, rtcp, _)| (*rtp, *rtcp)).collect();
                tracks.into_iter().for_each(|track| self.add_publisher(local, track));
                self.take_early(now, peers);
            }
            UdpOrder::Resume(local, tracks) => {
                tracks.into_iter().for_each(|track| self.add_publisher(local, track));
            }
            UdpOrder::Unpublish(peers) => self.forget_publisher(now, peers),
            UdpOrder::Rekey(stream, session, track, keys) => {
                let publishers = self.publishers.values_mut().map(|publisher| &mut publisher.ingest);
                publishers.filter(|own| own.is_of(session, track)).for_each(|own| own.rekey(&keys));
                if let Some(reader) = self.reader(stream, session) {
                    reader.rekey(session, track, &keys);
                }
            }
            UdpOrder::TellSent(stream, session, number) => {
                self.ask_if_sent(stream, session, number);
            }
            UdpOrder::TellStats => self.is_asked = true,
            UdpOrder::Close => self.is_closing = true,
        }
        self.due = Some(now);
    }

    fn add_publisher(
        &mut self,
        local: Option<IpAddr>,
        (rtp, rtcp, ingest): (SocketAddr, SocketAddr, Ingest),
    ) {
        let track = self.publishers.insert_with(|_| Publishing { local, rtcp, ingest });
        for (port, from, punch) in [(Port::Rtp, rtp, PUNCH_RTP), (Port::Rtcp, rtcp, PUNCH_RTCP)] {
            self.sources.insert((port, from), Source::Publisher(track));
            self.queues.report(port, local, from, Bytes::from_static(punch));
        }
    }

    /// Takes what came from these addresses before it was known whose they are.
    fn take_early(&mut self, now: Instant, peers: Vec<(SocketAddr, SocketAddr)>) {
        for (port, from) in both_ports(peers) {
            for data in self.early.claim(now, port, from) {
                self.handle_datagram(now, port, from, data);
            }
        }
    }

    fn forget_publisher(&mut self, now: Instant, peers: Vec<(SocketAddr, SocketAddr)>) {
        let (mut stream, mut gone) = (None, Vec::new());
        for source in both_ports(peers) {
            let Some(Source::Publisher(track)) = self.sources.remove(&source) else { continue };
            if let Some(Publishing { mut ingest, .. }) = self.publishers.remove(track) {
                ingest.finish(now, &mut self.queues.inbound);
                stream = Some(ingest.stream());
                gone.push(ingest);
            }
        }
        self.report_stats(stats::parts_of(now, gone.iter(), true), false);
        self.queues.inbound.extend(stream.map(|stream| Inbound::Report(Report::Drained(stream))));
    }

    fn attach(&mut self, reader: DatagramReader) {
        let readers = || Readers { pace: Pace::new(self.burst), all: Vec::new() };
        let all = &mut self.readers.entry(reader.subscription.log_id()).or_insert_with(readers).all;
        all.insert(all.partition_point(|own| own.local <= reader.local), reader);
    }

    /// Sends nothing more to a session, but a goodbye if there is a reason; a group goes on while others read.
    fn detach(&mut self, stream: StreamId, session: SessionId, goodbye: Option<&str>) {
        let found = logs_of(&mut self.readers, stream).find_map(|(log, readers)| {
            let place = readers.all.iter().position(|reader| reader.is_of(session))?;
            Some((*log, readers, place))
        });
        let Some((log, readers, place)) = found else { return };
        self.has_left |= self.group.is_some();
        if !readers.all.get_mut(place).is_some_and(|reader| reader.leave(session)) {
            return;
        }
        let mut reader = readers.all.remove(place);
        if readers.all.is_empty() {
            self.readers.remove(&log);
        }
        goodbye.into_iter().for_each(|reason| reader.send_goodbyes(reason, &mut self.queues));
        let own = both_ports(reader.peers.iter().flatten().copied()).next();
        if let Some(Source::Reader { bytes_left, .. }) = own.and_then(|own| self.sources.get_mut(&own)) {
            *bytes_left = reader.trust.bytes_left();
        }
        self.leaving.push(reader);
    }

    /// Recalls what is known of a reader that is attached, maybe again. It is proven if something has come from it not long
    /// ago. Otherwise it has the bytes that it was not sent before.
    fn recall(&self, now: Instant, DatagramReader { peers, trust, .. }: &mut DatagramReader) {
        for source in both_ports(peers.iter().flatten().copied()) {
            if let Some(Source::Reader { heard, bytes_left, .. }) = self.sources.get(&source) {
                if heard.is_some_and(|heard| now < heard + PROOF_LASTS) {
                    *trust = Trust::Proven;
                }
                trust.grant(*bytes_left);
            }
        }
    }
}
