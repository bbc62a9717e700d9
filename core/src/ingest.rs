use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::conn::{Inbound, Report};
use crate::demux;
use crate::description;
use crate::limits::{RECEIVER_REPORT_PERIOD, REORDER_DELAY};
use crate::rtp::{self, Delivery, Receiver, RtpPacket, rtcp};
use crate::silence::Silence;
use crate::stream::Media;
use crate::udp::Port;
use crate::{Instant, SessionId, StreamId, Tolerances};

/// How often the control plane is told that a session lives.
pub(crate) const ALIVE_PERIOD: Duration = Duration::from_secs(1);

/// Tells the control plane of life, seldom enough not to burden it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulse {
    next: Instant,
}

impl Pulse {
    /// Whether the control plane is told now.
    pub(crate) fn beat(&mut self, now: Instant, session: SessionId, out: &mut VecDeque<Inbound>) -> bool {
        let beats = now >= self.next;
        if beats {
            self.next = now + ALIVE_PERIOD;
            out.push_back(Inbound::Report(Report::Alive(session)));
        }
        beats
    }
}

/// One track of a publisher: its packets on their way into the log, whatever they came over.
#[derive(Debug)]
pub(crate) struct Ingest {
    session: SessionId,
    stream: StreamId,
    track: u8,
    payload_types: Vec<u8>,
    receiver: Receiver,
    next_report: Instant,
    cname: Box<str>,
    /// Of its packets, and of its reports.
    pulses: [Pulse; 2],
    silence: Silence,
    tolerances: Tolerances,
    told: Tolerances,
}

impl Ingest {
    pub(crate) fn new(
        now: Instant,
        session: SessionId,
        stream: StreamId,
        (track, media): (u8, &description::Media),
        delivery: Delivery,
        (local_ssrc, cname): (u32, &str),
        silence: Duration,
    ) -> Self {
        let clock_rate = media.formats.first().map_or(0, |format| format.clock_rate);
        Self {
            session,
            stream,
            track,
            payload_types: media.formats.iter().map(|format| format.payload_type).collect(),
            receiver: Receiver::new(clock_rate, delivery, local_ssrc),
            next_report: now + RECEIVER_REPORT_PERIOD,
            cname: cname.into(),
            pulses: [Pulse::default(); 2],
            silence: Silence::new(now, media, silence),
            tolerances: Tolerances::NONE,
            told: Tolerances::NONE,
        }
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    pub(crate) fn stream(&self) -> StreamId {
        self.stream
    }

    /// Takes what came on the channel or port of RTP or of RTCP.
    pub(crate) fn handle(&mut self, now: Instant, port: Port, data: Bytes, out: &mut VecDeque<Inbound>) {
        let announced = |payload_type| self.payload_types.contains(&payload_type);
        match demux::port_of(port, &data, announced, &mut self.tolerances) {
            Port::Rtp => self.handle_rtp(now, data, out),
            Port::Rtcp => self.handle_rtcp(now, &data, out),
        }
    }

    /// Takes a packet as it came; one that is none, or of a format not announced, is left out.
    fn handle_rtp(&mut self, now: Instant, data: Bytes, out: &mut VecDeque<Inbound>) {
        let Ok(packet) = RtpPacket::parse_with(data, &mut self.tolerances) else { return };
        if !self.payload_types.contains(&packet.payload_type()) {
            return;
        }
        let [pulse, _] = &mut self.pulses;
        if pulse.beat(now, self.session, out) && self.silence.hear(now) {
            out.push_back(Inbound::Report(Report::MediaResumed(self.session, self.stream, self.track)));
        }
        self.receiver.handle_packet(now, packet);
        self.drain(out);
        self.tell_tolerances(out);
    }

    fn handle_rtcp(&mut self, now: Instant, data: &[u8], out: &mut VecDeque<Inbound>) {
        let [_, pulse] = &mut self.pulses;
        pulse.beat(now, self.session, out);
        for packet in rtcp::parse(data, &mut self.tolerances) {
            if let rtcp::Rtcp::SenderReport(report) = packet {
                self.receiver.handle_sender_report(now, &report);
                let clock =
                    Media::Clock { track: self.track, ssrc: report.ssrc, ntp: report.ntp, rtp: report.rtp };
                out.push_back(Inbound::Media(self.stream, clock));
            }
        }
        self.tell_tolerances(out);
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let next = self.next_report.min(self.silence.poll_timeout());
        self.receiver.poll_timeout().map_or(next, |reorder| reorder.min(next))
    }

    /// Lets go what was held back too long; the receiver report that is due, if one is.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Inbound>) -> Option<Bytes> {
        self.receiver.handle_timeout(now);
        self.drain(out);
        if self.silence.begins(now) {
            // The next packet is told of at once.
            self.pulses = [Pulse::default(); 2];
            out.push_back(Inbound::Report(Report::MediaSilent(self.session, self.stream, self.track)));
        }
        if now < self.next_report {
            return None;
        }
        self.next_report = now + RECEIVER_REPORT_PERIOD;
        self.receiver.report(now, &self.cname)
    }

    /// Tells of each deviation once.
    fn tell_tolerances(&mut self, out: &mut VecDeque<Inbound>) {
        if self.tolerances != self.told {
            self.told = self.tolerances;
            out.push_back(Inbound::Report(Report::MediaTolerated(self.session, self.told)));
        }
    }

    /// Gives up what is still waited for: the publisher sends no more.
    pub(crate) fn finish(&mut self, now: Instant, out: &mut VecDeque<Inbound>) {
        self.receiver.handle_timeout(now + REORDER_DELAY);
        self.drain(out);
    }

    fn drain(&mut self, out: &mut VecDeque<Inbound>) {
        while let Some(rtp::Received { packet, .. }) = self.receiver.poll_packet() {
            out.push_back(Inbound::Media(self.stream, Media::Packet { track: self.track, packet }));
        }
    }
}
