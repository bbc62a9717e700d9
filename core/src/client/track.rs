mod sending;

use bytes::Bytes;

use super::TrackTransport;
use super::bygone::Bygone;
use super::datagrams::Datagrams;
use super::inbox::Inbox;
use super::keys::Guard;
use super::link::Link;
use super::presence::{Change, Presence};
use super::source::Source;
use crate::demux;
use crate::description::Description;
use crate::heard::{Losses, is_broken};
use crate::payload::probe::Probe;
use crate::random::Random;
use crate::rtp::rtcp::{self, Rtcp, SenderReport};
use crate::rtp::{self, ClockRates, Delivery, ReceiverStats, Receivers, RtpPacket, SenderStats, Senders};
use crate::silence::is_quiet;
use crate::stats::{Counted, MediaStats};
use crate::tap::Tap;
use crate::udp::{GroupSpec, Port};
use crate::url::Url;
use crate::{Instant, NtpTime, Tolerances, UdpId};

/// A media that is set up.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) media: usize,
    pub(super) url: Url,
    pub(super) path: Path,
    /// Other medias have the same control, so that they share the way, and their packets are told apart by payload type.
    pub(super) is_shared: bool,
    /// The client sends it: it is recorded, or a back channel.
    pub(super) is_sent: bool,
    /// The protection of its packets, if it is encrypted.
    pub(super) guard: Option<Box<Guard>>,
    /// Picks the RTCP that the application is told of.
    tap: Tap,
    clock_rates: ClockRates,
    /// The receivers of its packets, once played.
    receivers: Option<Receivers>,
    /// The sources whose packets may be from before PLAY.
    bygone: Option<Bygone>,
    /// The senders of its packets.
    senders: Senders,
    /// How access points are told from what is sent, for each payload type.
    probes: Vec<(u8, &'static Probe)>,
    /// When the next report is due.
    pub(super) report_at: Option<Instant>,
    /// When a receiver gives up a missing packet, or earlier.
    reorder_at: Option<Instant>,
    /// The presence of its packets; `None` until played.
    pub(super) presence: Option<Presence>,
    /// No packet may come for long.
    pub(super) is_quiet: bool,
    rtcp_received: Counted,
    rtcp_sent: Counted,
    rtp_errors: u64,
    rtcp_errors: u64,
    foreign: u64,
    /// Losses that the server reports of what is sent.
    losses: Losses,
}

/// The channels or sockets that a track travels over.
#[derive(Clone, Debug)]
pub(super) enum Path {
    Tcp { rtp: u8, rtcp: u8 },
    Udp { id: UdpId, client_ports: (u16, u16), source: Source },
}

impl Path {
    /// Returns `true` if both are the same channels, or the same sockets.
    pub(super) fn is_same_way(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp { rtp, rtcp }, Self::Tcp { rtp: other_rtp, rtcp: other_rtcp }) => {
                (rtp, rtcp) == (other_rtp, other_rtcp)
            }
            (Self::Udp { id, .. }, Self::Udp { id: other, .. }) => id == other,
            _ => false,
        }
    }

    pub(super) fn port_of_channel(&self, channel: u8) -> Option<Port> {
        match *self {
            Self::Tcp { rtp, .. } if channel == rtp => Some(Port::Rtp),
            Self::Tcp { rtcp, .. } if channel == rtcp => Some(Port::Rtcp),
            _ => None,
        }
    }

    pub(super) fn transport(&self) -> TrackTransport {
        match self {
            Self::Tcp { rtp, rtcp } => TrackTransport::Tcp { channels: (*rtp, *rtcp) },
            Self::Udp { client_ports, source, .. } => match source.group() {
                Some(&GroupSpec { group, ports, source, ttl }) => {
                    TrackTransport::Multicast { group, ports, source, ttl }
                }
                None => TrackTransport::Udp {
                    client_ports: *client_ports,
                    rtp: source.destination(Port::Rtp),
                    rtcp: source.destination(Port::Rtcp),
                },
            },
        }
    }

    /// The multicast group that it is received from.
    pub(super) fn group(&self) -> Option<&GroupSpec> {
        match self {
            Self::Udp { source, .. } => source.group(),
            Self::Tcp { .. } => None,
        }
    }

    /// Sends RTCP; returns `false` if it found no room and is left out.
    fn send_rtcp(&self, now: Instant, link: &mut Link, datagrams: &mut Datagrams, data: Bytes) -> bool {
        match self {
            Self::Tcp { rtcp, .. } => link.push_frame(now, *rtcp, data),
            Self::Udp { id, source, .. } => {
                source.destination(Port::Rtcp).is_some_and(|to| datagrams.push(*id, Port::Rtcp, to, data))
            }
        }
    }

    pub(super) fn udp_id(&self) -> Option<UdpId> {
        match self {
            Self::Udp { id, .. } => Some(*id),
            Self::Tcp { .. } => None,
        }
    }
}

impl Track {
    pub(super) fn new(media: usize, url: Url, path: Path, description: &Description, tap: Tap) -> Self {
        let described = description.medias.get(media);
        let formats = described.map(|media| media.formats.as_slice()).unwrap_or_default();
        let clock_rates = ClockRates::new(formats);
        Self {
            media,
            url,
            path,
            is_shared: false,
            is_sent: false,
            guard: None,
            tap,
            senders: Senders::new(clock_rates.clone()),
            probes: formats
                .iter()
                .filter_map(|format| Some((format.payload_type, Probe::of(&format.codec)?)))
                .collect(),
            clock_rates,
            receivers: None,
            bygone: None,
            report_at: None,
            reorder_at: None,
            presence: None,
            is_quiet: described.is_some_and(is_quiet),
            rtcp_received: Counted::default(),
            rtcp_sent: Counted::default(),
            rtp_errors: 0,
            rtcp_errors: 0,
            foreign: 0,
            losses: Losses::default(),
        }
    }

    /// The same for one that the client sends, where no packet comes.
    pub(super) fn sent(self, is_sent: bool) -> Self {
        Self { is_sent, is_quiet: self.is_quiet || is_sent, ..self }
    }

    /// Begins to receive; former counts are forgotten.
    pub(super) fn begin(&mut self, now: Instant, presence: Option<Presence>, random: &mut Random) {
        let delivery = match self.path {
            Path::Tcp { .. } => Delivery::Ordered,
            Path::Udp { .. } => Delivery::Unordered,
        };
        let played = self.receivers.as_ref().filter(|receivers| receivers.heard().is_some());
        let bygone = match played {
            Some(played) => Some(Bygone::new(played.reached(), !played.several_live(now))),
            None => self.bygone.take().map(Bygone::again),
        };
        self.bygone = bygone.filter(|_| delivery == Delivery::Unordered);
        let ssrc = self.guard.as_ref().map_or_else(|| random.next_u32(), |guard| guard.ssrc());
        self.receivers = Some(Receivers::new(self.clock_rates.clone(), delivery, ssrc));
        self.presence = presence;
    }

    /// Goes by the first sequence number that the answer to PLAY tells, if it does: packets that are held are handed out, but for
    /// those from before it.
    pub(super) fn begin_at(&mut self, now: Instant, first: Option<u16>, inbox: &mut Inbox) {
        let Some(mut bygone) = self.bygone.take() else { return };
        let held = match first.and_then(|first| bygone.tell(now, first)) {
            Some((held, left_out)) => {
                self.bygone = Some(bygone);
                self.receivers.iter_mut().for_each(|receivers| receivers.count_late(left_out));
                held
            }
            None => bygone.into_held(),
        };
        held.into_iter().for_each(|(came, packet)| self.receive(came, packet, inbox));
        // They came a while ago: those missing between them were waited for since then.
        self.expire(now, inbox);
    }

    /// Takes note of a packet.
    #[inline]
    fn hear(&mut self, now: Instant) -> Option<Change> {
        self.presence.as_mut()?.hear(now)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.presence.as_ref().is_some_and(Presence::has_ended)
    }

    /// Returns `true` if packets with this payload type belong to the media.
    #[inline]
    pub(super) fn announces(&self, payload_type: u8) -> bool {
        self.clock_rates.of(payload_type).is_some()
    }

    /// Takes data that came where `port` is expected. Returns its kind, `None` if it makes no sense here, and the change of
    /// the track by it.
    #[inline]
    pub(super) fn handle(
        &mut self,
        now: Instant,
        port: Port,
        data: Bytes,
        inbox: &mut Inbox,
        tolerances: &mut Tolerances,
    ) -> (Option<Port>, Option<Change>) {
        let is_announced = demux::payload_type(&data).is_some_and(|own| self.announces(own));
        let port = demux::port_of(port, &data, is_announced, tolerances);
        let data = match &mut self.guard {
            None => data,
            Some(guard) => match guard.open(port, data) {
                Some(data) => data,
                None => return (None, None),
            },
        };
        let (is_valid, change) = match port {
            Port::Rtp => {
                let is_valid = self.handle_rtp(now, is_announced, data, inbox, tolerances);
                (is_valid, if is_valid { self.hear(now) } else { None })
            }
            Port::Rtcp => {
                let (is_valid, loss) = self.handle_rtcp(now, &data, inbox, tolerances);
                let compound = self.tap.take(now, &data).filter(|_| is_valid);
                let is_news = compound.is_some() || loss.is_some();
                (is_valid, is_news.then_some(Change::Rtcp { compound, loss }))
            }
        };
        (is_valid.then_some(port), change)
    }

    /// Takes an RTP packet; `false` if it is none of this track.
    #[inline]
    fn handle_rtp(
        &mut self,
        now: Instant,
        is_announced: bool,
        data: Bytes,
        inbox: &mut Inbox,
        tolerances: &mut Tolerances,
    ) -> bool {
        let packet = RtpPacket::parse_with(data, tolerances);
        let (true, Ok(packet), Some(receivers)) = (is_announced, packet, &mut self.receivers) else {
            // Packets that come while nothing is to be received are not counted.
            self.rtp_errors = self.rtp_errors.saturating_add(self.receivers.is_some().into());
            return false;
        };
        let newest = receivers.newest();
        if let Some(newest) = newest {
            if let Some(lost) = newest.pass(now, &packet) {
                inbox.receive(now, self.media, packet, lost, newest.clock_rate());
                return true;
            }
        }
        self.handle_out_of_line(now, packet, inbox);
        true
    }

    /// Takes a packet that does not follow the one before.
    #[cold]
    fn handle_out_of_line(&mut self, now: Instant, packet: RtpPacket, inbox: &mut Inbox) {
        let Some(receivers) = &mut self.receivers else { return };
        self.bygone.take_if(|bygone| bygone.is_over(now));
        let packet = match &mut self.bygone {
            None => Some(packet),
            Some(bygone) => {
                let (packet, left_out) = bygone.take(now, packet);
                receivers.count_late(left_out);
                packet
            }
        };
        if let Some(packet) = packet {
            self.receive(now, packet, inbox);
        }
    }

    /// Puts a packet in its place among the others of the track.
    fn receive(&mut self, now: Instant, packet: RtpPacket, inbox: &mut Inbox) {
        let Some(receivers) = &mut self.receivers else { return };
        receivers.handle_packet(now, packet);
        self.reorder_at = earliest(self.reorder_at, receivers.poll_timeout());
        drain(now, self.media, receivers, inbox);
    }

    /// Takes RTCP; `false` if it is none. A loss that the server reports is returned, if it is time to tell of it.
    fn handle_rtcp(
        &mut self,
        now: Instant,
        data: &[u8],
        inbox: &mut Inbox,
        tolerances: &mut Tolerances,
    ) -> (bool, Option<(u8, i32)>) {
        let (mut is_valid, mut worst) = (false, None);
        let mut read = Tolerances::NONE;
        for packet in rtcp::parse(data, &mut read) {
            is_valid = true;
            match packet {
                Rtcp::SenderReport(report) => {
                    worst = self.senders.handle_report_blocks(now, &report.reports).or(worst);
                    if let Some(receivers) = &mut self.receivers {
                        receivers.handle_sender_report(now, report);
                        drain(now, self.media, receivers, inbox);
                    }
                }
                Rtcp::ReceiverReport(report) => {
                    worst = self.senders.handle_report_blocks(now, &report.reports).or(worst);
                }
                Rtcp::Goodbye(goodbye) => {
                    let mut heard = self.receivers.iter().flat_map(Receivers::ssrcs);
                    let leaves = heard.any(|ssrc| goodbye.sources.contains(&ssrc));
                    if let Some(presence) = self.presence.as_mut().filter(|_| leaves) {
                        presence.leave(now);
                    }
                }
                _ => {}
            }
        }
        tolerances.merge(read);
        self.rtcp_errors = self.rtcp_errors.saturating_add((!is_valid || is_broken(read)).into());
        if is_valid {
            self.rtcp_received.add(data.len());
        }
        (is_valid, worst.and_then(|block| self.losses.take(now, block)))
    }

    pub(super) fn count_foreign(&mut self) {
        self.foreign = self.foreign.saturating_add(1);
    }

    /// Counts a packet that is sent; `true` if it is the first of its source.
    pub(super) fn handle_sent(&mut self, now: Instant, packet: &RtpPacket) -> bool {
        let probe = self.probes.iter().find(|(payload_type, _)| *payload_type == packet.payload_type());
        let access_point = probe.and_then(|(_, probe)| (probe.contents)(packet.payload()).access_point);
        self.senders.handle_sent(now, packet, access_point.is_some())
    }

    /// Takes note that a packet that was sent belongs to this time.
    pub(super) fn set_reference(&mut self, packet: &RtpPacket, ntp: NtpTime) {
        self.senders.set_reference_of((packet.ssrc(), packet.payload_type()), ntp, packet.timestamp());
    }

    /// A sender report of this source.
    pub(super) fn sender_report(&self, ssrc: u32, now: Instant, wall: NtpTime, cname: &str) -> Option<Bytes> {
        self.senders.report(ssrc, now, wall, cname)
    }

    /// A sender report of each source that is active.
    pub(super) fn sender_reports(
        &self,
        now: Instant,
        wall: NtpTime,
        cname: &str,
    ) -> impl Iterator<Item = Bytes> {
        self.senders.ssrcs().filter_map(move |ssrc| self.senders.report(ssrc, now, wall, cname))
    }

    pub(super) fn receiver_report(&mut self, now: Instant, cname: &str) -> Option<Bytes> {
        self.receivers.as_mut()?.report(now, cname)
    }

    /// The compound which says that its sources leave, and that the client leaves the group that it has reported to.
    pub(super) fn goodbyes(&self, cname: &str) -> impl Iterator<Item = Bytes> {
        let has_reported = self.path.group().is_some() && self.rtcp_sent.packets > 0;
        let reporter = self.receivers.as_ref().filter(|_| has_reported).map(Receivers::local_ssrc);
        self.senders.ssrcs().chain(reporter).map(move |ssrc| rtcp::goodbye_compound(ssrc, cname, "teardown"))
    }

    /// Gives up the packets that were waited for long enough.
    pub(super) fn expire(&mut self, now: Instant, inbox: &mut Inbox) {
        if self.reorder_at.is_none_or(|at| at > now) {
            return;
        }
        self.reorder_at = None;
        if let Some(receivers) = &mut self.receivers {
            receivers.handle_timeout(now);
            self.reorder_at = receivers.poll_timeout();
            drain(now, self.media, receivers, inbox);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.report_at, self.reorder_at)
    }

    /// The counts of its sources, and of RTCP.
    ///
    /// `wall` is the wall clock time of `now`, if that is known.
    pub(super) fn stats(&self, now: Instant, wall: Option<NtpTime>) -> MediaStats {
        let mut formats = self.receivers.as_ref().map(Receivers::formats).unwrap_or_default();
        formats.extend(self.senders.formats(now, wall));
        MediaStats {
            media: self.media,
            rtcp_received: self.rtcp_received,
            rtcp_sent: self.rtcp_sent,
            rtp_errors: self.rtp_errors,
            rtcp_errors: self.rtcp_errors,
            unauthentic: self.unauthentic(),
            formats,
        }
    }

    /// The counts of what was received, of all sources together.
    pub(super) fn received_stats(&self) -> ReceiverStats {
        self.receivers.as_ref().map(Receivers::stats).unwrap_or_default()
    }

    /// The counts of what was sent, of all sources together.
    pub(super) fn sent_stats(&self) -> SenderStats {
        self.senders.stats()
    }

    /// Packets that the server says it has not received.
    pub(super) fn reported_lost(&self) -> i32 {
        self.senders.reported_lost()
    }

    /// Datagrams that came from elsewhere.
    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Packets and compounds of RTCP that could not be read.
    pub(super) fn invalid(&self) -> u64 {
        self.rtp_errors.saturating_add(self.rtcp_errors)
    }

    /// RTCP that has come, and that was sent.
    pub(super) fn rtcp(&self) -> (Counted, Counted) {
        (self.rtcp_received, self.rtcp_sent)
    }

    /// The time at which the last packet came.
    pub(super) fn heard(&self) -> Option<Instant> {
        self.receivers.as_ref()?.heard()
    }
}

/// Moves what came of sender reports, and the packets that are in order.
fn drain(now: Instant, media: usize, receivers: &mut Receivers, inbox: &mut Inbox) {
    while let Some(SenderReport { ssrc, ntp, rtp, .. }) = receivers.poll_clock() {
        inbox.timeline.set_reference(now, media, ssrc, ntp, rtp);
    }
    while let Some((rtp::Received { packet, lost }, clock_rate)) = receivers.poll_packet() {
        inbox.receive(now, media, packet, lost, clock_rate);
    }
}

pub(super) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}
