use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::conn::{Inbound, Report, SourceDoubts};
use crate::demux;
use crate::description;
use crate::heard::is_broken;
use crate::keying::{Opener, PeerKeys, Sealer};
use crate::limits::{RECEIVER_REPORT_PERIOD, REORDER_DELAY};
use crate::rtp::{ClockRates, Delivery, Past, Receivers, RtpPacket, rtcp};
use crate::silence::{Silence, is_quiet};
use crate::stats::{MediaStats, SessionStats};
use crate::stream::Media;
use crate::tap::Tap;
use crate::trouble::Trouble;
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
    /// Tells the control plane that the session lives, if that is due; returns `true` if it was.
    pub(crate) fn beat(&mut self, now: Instant, session: SessionId, out: &mut VecDeque<Inbound>) -> bool {
        let beats = now >= self.next;
        if beats {
            self.next = now + ALIVE_PERIOD;
            out.push_back(Inbound::Report(Report::Alive(session)));
        }
        beats
    }
}

/// One track of a publisher, or a back channel of a reader: its packets on their way into the log, whatever they came over.
#[derive(Debug)]
pub(crate) struct Ingest {
    session: SessionId,
    stream: StreamId,
    track: u8,
    receivers: Receivers,
    /// Its first packet is still to come, on a stream that has had packets.
    begins: bool,
    tap: Tap,
    next_report: Instant,
    cname: Box<str>,
    /// The pulse of its packets, and that of its reports.
    pulses: [Pulse; 2],
    silence: Silence,
    tolerances: Tolerances,
    told: Tolerances,
    /// The doubts that were told, and when more may be told.
    doubts: SourceDoubts,
    next_doubts: Instant,
    trouble: Trouble,
    shield: Option<Box<Shield>>,
    counts: MediaStats,
}

/// Protects a track: it decrypts what arrives, and encrypts the reports that are sent for it.
#[derive(Debug)]
pub(crate) struct Shield {
    pub(crate) opener: Opener,
    pub(crate) sealer: Sealer,
}

/// The part of an announced media that is needed to take its packets: it is kept where a description is not.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    clock_rates: ClockRates,
    /// It sends seldom by nature.
    is_quiet: bool,
    /// The last packets that its sources have sent before.
    past: Vec<Past>,
}

impl Intake {
    /// The same for a publisher whose sources have sent before: it goes on behind that.
    pub(crate) fn behind(self, past: Vec<Past>) -> Self {
        Self { past, ..self }
    }
}

impl Intake {
    /// The same for a media that may be silent for as long as it likes: somebody speaks now and then.
    pub(crate) fn quiet(self) -> Self {
        Self { is_quiet: true, ..self }
    }
}

impl From<&description::Media> for Intake {
    fn from(media: &description::Media) -> Self {
        Self { clock_rates: ClockRates::new(&media.formats), is_quiet: is_quiet(media), past: Vec::new() }
    }
}

impl Ingest {
    pub(crate) fn new(
        now: Instant,
        session: SessionId,
        stream: StreamId,
        (track, media): (u8, Intake),
        delivery: Delivery,
        (local_ssrc, cname): (u32, &str),
        silence: Duration,
    ) -> Self {
        Self {
            session,
            stream,
            track,
            begins: !media.past.is_empty(),
            receivers: Receivers::new(media.clock_rates, delivery, local_ssrc).behind(media.past),
            next_report: now + RECEIVER_REPORT_PERIOD,
            cname: cname.into(),
            pulses: [Pulse::default(); 2],
            silence: Silence::of(now, media.is_quiet, silence),
            tolerances: Tolerances::NONE,
            told: Tolerances::NONE,
            doubts: SourceDoubts::default(),
            next_doubts: now,
            trouble: Trouble::new(now, session, track),
            tap: Tap::default(),
            shield: None,
            counts: MediaStats { media: track.into(), ..MediaStats::default() },
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
        let is_announced = demux::payload_type(&data).is_some_and(|own| self.receivers.has_format(own));
        let port = demux::port_of(port, &data, is_announced, &mut self.tolerances);
        let data = match &mut self.shield {
            None => data,
            Some(shield) => {
                let opened = match port {
                    Port::Rtp => shield.opener.rtp(data),
                    Port::Rtcp => shield.opener.rtcp(data),
                };
                let Some(opened) = opened else {
                    self.trouble.unauthentic();
                    return self.tell_trouble(now, out);
                };
                opened
            }
        };
        match port {
            Port::Rtp => self.handle_rtp(now, is_announced, data, out),
            Port::Rtcp => self.handle_rtcp(now, &data, out),
        }
    }

    /// Has the application look at its RTCP.
    pub(crate) fn with_tap(self, tap: Tap) -> Self {
        Self { tap, ..self }
    }

    /// Has what comes be protected, and its reports.
    pub(crate) fn behind_shield(self, shield: Option<Box<Shield>>) -> Self {
        Self { shield, ..self }
    }

    /// Takes what comes under other keys, if it is protected.
    pub(crate) fn rekey(&mut self, keys: &PeerKeys) {
        if let Some(shield) = &mut self.shield {
            shield.opener.rekey(keys);
        }
    }

    /// Returns `true` if it is of this track of this session.
    pub(crate) fn is_of(&self, session: SessionId, track: u8) -> bool {
        (self.session, self.track) == (session, track)
    }

    /// RTCP as it is sent to the publisher, counted; `None` if it must not be sent.
    pub(crate) fn send(&mut self, compound: Bytes) -> Option<Bytes> {
        let sent = match &mut self.shield {
            None => compound,
            Some(shield) => shield.sealer.rtcp(&compound).ok()?,
        };
        self.counts.rtcp_sent.add(sent.len());
        Some(sent)
    }

    /// Takes a packet as it came; one that is none, or of a format not announced, is left out.
    fn handle_rtp(&mut self, now: Instant, is_announced: bool, data: Bytes, out: &mut VecDeque<Inbound>) {
        let Ok(packet) = RtpPacket::parse_with(data, &mut self.tolerances) else {
            self.counts.rtp_errors = self.counts.rtp_errors.saturating_add(1);
            self.trouble.malformed();
            return self.tell_trouble(now, out);
        };
        if !is_announced {
            self.counts.rtp_errors = self.counts.rtp_errors.saturating_add(1);
            self.trouble.unannounced();
            return self.tell_trouble(now, out);
        }
        let [pulse, _] = &mut self.pulses;
        if pulse.beat(now, self.session, out) && self.silence.hear(now) {
            out.push_back(Inbound::Report(Report::MediaResumed(self.session, self.stream, self.track)));
        }
        if self.receivers.newest().is_some_and(|newest| newest.pass(now, &packet).is_some()) {
            out.push_back(Inbound::Media(self.stream, Media::Packet { track: self.track, packet }));
        } else {
            self.receivers.handle_packet(now, packet);
            self.drain(out);
            self.tell_doubts(now, out);
            self.tell_trouble(now, out);
        }
        self.tell_tolerances(out);
    }

    fn handle_rtcp(&mut self, now: Instant, data: &[u8], out: &mut VecDeque<Inbound>) {
        let [_, pulse] = &mut self.pulses;
        pulse.beat(now, self.session, out);
        let mut tolerances = Tolerances::NONE;
        for packet in rtcp::parse(data, &mut tolerances) {
            if let rtcp::Rtcp::SenderReport(report) = packet {
                self.receivers.handle_sender_report(now, report);
            }
        }
        if let Some(compound) = self.tap.take(now, data) {
            let (session, media) = (self.session, self.track);
            out.push_back(Inbound::Report(Report::RtcpReceived { session, media, compound }));
        }
        self.counts.rtcp_received.add(data.len());
        if is_broken(tolerances) {
            self.counts.rtcp_errors = self.counts.rtcp_errors.saturating_add(1);
        }
        self.tolerances.merge(tolerances);
        self.drain(out);
        self.tell_doubts(now, out);
        self.tell_tolerances(out);
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        let next = self.next_report.min(self.silence.poll_timeout());
        self.receivers.poll_timeout().map_or(next, |reorder| reorder.min(next))
    }

    /// Lets go what was held back too long; the receiver report that is due, if one is.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut VecDeque<Inbound>) -> Option<Bytes> {
        self.receivers.handle_timeout(now);
        self.drain(out);
        self.tell_doubts(now, out);
        self.tell_trouble(now, out);
        if self.silence.begins(now) {
            // The next packet is told of at once.
            self.pulses = [Pulse::default(); 2];
            out.push_back(Inbound::Report(Report::MediaSilent(self.session, self.stream, self.track)));
        }
        if now < self.next_report {
            return None;
        }
        self.next_report = now + RECEIVER_REPORT_PERIOD;
        let report = self.receivers.report(now, &self.cname)?;
        self.send(report)
    }

    /// Adds what was counted to the statistics of the session.
    pub(crate) fn tell(&self, stats: &mut SessionStats) {
        let unauthentic = self.shield.as_ref().map_or(0, |shield| shield.opener.refused());
        let media = MediaStats { formats: self.receivers.formats(), unauthentic, ..self.counts.clone() };
        stats.media(self.track.into()).absorb(&media);
    }

    /// Tells of each deviation once.
    fn tell_tolerances(&mut self, out: &mut VecDeque<Inbound>) {
        if self.tolerances != self.told {
            self.told = self.tolerances;
            out.push_back(Inbound::Report(Report::MediaTolerated(self.session, self.told)));
        }
    }

    /// Tells of packets and reports that may not be the publisher's, at most once in a while.
    fn tell_doubts(&mut self, now: Instant, out: &mut VecDeque<Inbound>) {
        if now < self.next_doubts {
            return;
        }
        let stats = self.receivers.stats();
        let doubts = SourceDoubts {
            strays: stats.strays,
            restarts: stats.restarts,
            reports_refused: stats.reports_refused,
        };
        if doubts != self.doubts {
            (self.doubts, self.next_doubts) = (doubts, now + ALIVE_PERIOD);
            let (session, media) = (self.session, self.track);
            out.push_back(Inbound::Report(Report::SourceDoubted { session, media, doubts }));
        }
    }

    fn tell_trouble(&mut self, now: Instant, out: &mut VecDeque<Inbound>) {
        self.trouble.tell(now, self.receivers.stats().lost, out);
    }

    /// Gives up what is still waited for: the publisher sends no more.
    pub(crate) fn finish(&mut self, now: Instant, out: &mut VecDeque<Inbound>) {
        self.receivers.handle_timeout(now + REORDER_DELAY);
        self.drain(out);
    }

    fn drain(&mut self, out: &mut VecDeque<Inbound>) {
        let track = self.track;
        while let Some((received, _)) = self.receivers.poll_packet() {
            if std::mem::take(&mut self.begins) {
                out.push_back(Inbound::Media(self.stream, Media::Begin { track }));
            }
            out.push_back(Inbound::Media(self.stream, Media::Packet { track, packet: received.packet }));
        }
        while let Some(rtcp::SenderReport { ssrc, ntp, rtp, .. }) = self.receivers.poll_clock() {
            out.push_back(Inbound::Media(self.stream, Media::Clock { track, ssrc, ntp, rtp }));
        }
    }
}
