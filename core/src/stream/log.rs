use std::collections::VecDeque;

use bytes::Bytes;

use super::media::Media;
use super::rtcp::{Compound, Compounds};
use super::secure::SecureLog;
use super::track::{Track, TrackSet};
use crate::description::Description;
use crate::limits::{LOG_BYTES, LOG_PACKETS};
use crate::payload::parameter_sets::ParameterSets;
use crate::rtp::rtcp::{self, BadCompound};
use crate::rtp::{Past, RtpPacket};
use crate::timeline::{MediaTime, Timeline};
use crate::{Instant, NtpTime};

/// A packet of a stream's log; a clone shares its bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Packet {
    /// The index of its media in the description.
    pub track: u8,
    /// `true` if a reader that has missed packets may continue here with this media.
    ///
    /// It is `true` if its packets show that decoding can begin: at a keyframe, a recovery point, an I picture. It is `true` at
    /// each picture of formats that are not read, and of a stream without any access point for
    /// [`ACCESS_POINT_WAIT`](crate::limits::ACCESS_POINT_WAIT). Only video has access points.
    pub access_point: bool,
    /// When it was appended.
    pub at: Instant,
    /// The packet.
    pub rtp: RtpPacket,
}

/// Why a track was not given an SSRC.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SsrcError {
    /// The stream has no such track.
    #[error("the stream has no media {0}")]
    NoSuchTrack(u8),
    /// Another track of the stream has that SSRC.
    #[error("media {0} of the stream has that SSRC; choose another")]
    InUse(u8),
}

/// How much a log keeps; the oldest packets leave when either bound is passed.
///
/// ```
/// use rtspan_core::server::ServerConfig;
/// use rtspan_core::stream::LogLimits;
///
/// let config = ServerConfig::default().log(LogLimits::default().packets(2_000).bytes(4 << 20));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogLimits {
    packets: usize,
    bytes: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { packets: LOG_PACKETS, bytes: LOG_BYTES }
    }
}

impl LogLimits {
    /// Packets kept, at least one ([`LOG_PACKETS`] by default).
    #[must_use]
    pub fn packets(self, packets: usize) -> Self {
        Self { packets: packets.max(1), ..self }
    }

    /// Bytes of packets kept ([`LOG_BYTES`] by default).
    #[must_use]
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    pub(crate) fn bytes_kept(self) -> usize {
        self.bytes
    }
}

/// The newest packets of a stream, numbered from zero without a gap.
#[derive(Debug)]
pub struct StreamLog {
    pub(super) tracks: Vec<Track>,
    pub(super) packets: VecDeque<Packet>,
    tail: u64,
    pub(super) bytes: usize,
    limits: LogLimits,
    /// RTCP of the application's own.
    compounds: Compounds,
    /// A moment, and the time on the server's wall clock then.
    wall: Option<(Instant, NtpTime)>,
    /// A moment, and the time on the publisher's wall clock then; it goes before the server's.
    publishers_wall: Option<(Instant, NtpTime)>,
    /// The same packets, encrypted.
    pub(super) secure: Vec<SecureLog>,
    /// In a log of encrypted packets: the numbers of the packets that could not be encrypted, whose places are empty.
    pub(super) voids: VecDeque<u64>,
    /// The client has the pace of what is sent.
    is_unpaced: bool,
    closed: bool,
}

impl StreamLog {
    /// An empty log for a stream of these medias.
    pub fn new(description: &Description, limits: LogLimits) -> Self {
        Self {
            tracks: description.medias.iter().map(Track::new).collect(),
            packets: VecDeque::new(),
            tail: 0,
            bytes: 0,
            limits,
            compounds: Compounds::default(),
            wall: None,
            publishers_wall: None,
            secure: Vec::new(),
            voids: VecDeque::new(),
            is_unpaced: false,
            closed: false,
        }
    }

    /// The same log without its packets.
    pub(super) fn without_packets(&self) -> Self {
        Self {
            tracks: self.tracks.iter().map(Track::of_copies).collect(),
            packets: VecDeque::new(),
            bytes: 0,
            compounds: self.compounds.clone(),
            secure: Vec::new(),
            voids: VecDeque::new(),
            ..*self
        }
    }

    /// Tells the logs of encrypted packets what this one is told.
    fn tell_secure(&mut self, tell: impl Fn(&mut Self)) {
        self.secure.iter_mut().for_each(|secure| tell(secure.log_mut()));
    }

    /// Sets what the wall clock shows at `now`; without it no sender report is made.
    pub fn set_wall_clock(&mut self, now: Instant, wall: NtpTime) {
        self.wall = Some((now, wall));
        self.tell_secure(|log| log.set_wall_clock(now, wall));
    }

    /// Appends what a publisher's connection yielded.
    pub fn handle_media(&mut self, now: Instant, media: Media) {
        match media {
            Media::Begin { track } => {
                self.tracks.get_mut(usize::from(track)).into_iter().for_each(Track::begin);
            }
            Media::Packet { track, packet } => {
                self.push(now, track, packet);
            }
            Media::Clock { track, ssrc, ntp, rtp } => self.set_reference(now, track, ssrc, ntp, rtp),
        }
    }

    /// Sets the wall clock time of a timestamp of `ssrc` in `track`, by a clock that shows `ntp` about `now`.
    ///
    /// Sender reports of all tracks use that clock from then on, so that tracks of the publisher stay synchronised. An SSRC that
    /// no packet of the track has is ignored, and so is a time of zero, which a sender without a clock gives.
    pub fn set_reference(&mut self, now: Instant, track: u8, ssrc: u32, ntp: NtpTime, rtp: u32) {
        if ntp == NtpTime::default() {
            return;
        }
        let Some(own) = self.tracks.get_mut(usize::from(track)) else { return };
        let (ssrc, rtp) = own.pass_time(ssrc, rtp);
        if own.set_reference(ssrc, ntp, rtp) {
            self.publishers_wall = Some((now, ntp));
        }
        self.tell_secure(|log| log.set_reference(now, track, ssrc, ntp, rtp));
    }

    /// Appends a packet of `track`; `false` if there is no such track or the log is closed.
    pub fn push(&mut self, now: Instant, track: u8, mut rtp: RtpPacket) -> bool {
        let number = self.head();
        let Some(state) = self.tracks.get_mut(usize::from(track)).filter(|_| !self.closed) else {
            return false;
        };
        state.pass(now, &mut rtp);
        let access_point = state.push(now, number, &rtp);
        self.keep(Packet { track, access_point, at: now, rtp });
        if !self.secure.is_empty() {
            self.push_secure(now);
        }
        true
    }

    #[inline]
    pub(super) fn keep(&mut self, packet: Packet) {
        self.bytes = self.bytes.saturating_add(packet.rtp.len());
        self.packets.push_back(packet);
        self.trim();
    }

    /// Appends a packet of `track` that belongs to the wall clock time `ntp`; `false` as [`push`](Self::push) does.
    ///
    /// Sender reports use that clock from then on, as with [`set_reference`](Self::set_reference). Each SSRC has a time line of
    /// its own, by the clock rate of the packet's format. A time of zero is ignored.
    pub fn push_with_ntp(&mut self, now: Instant, track: u8, rtp: RtpPacket, ntp: NtpTime) -> bool {
        let is_pushed = self.push(now, track, rtp);
        let pushed = self.packets.back().filter(|_| is_pushed && ntp != NtpTime::default());
        if let Some(Packet { rtp, .. }) = pushed {
            let header = (rtp.ssrc(), rtp.payload_type(), rtp.timestamp());
            self.set_reference_of(now, track, header, ntp);
        }
        is_pushed
    }

    fn set_reference_of(&mut self, now: Instant, track: u8, header: (u32, u8, u32), ntp: NtpTime) {
        if let Some(state) = self.tracks.get_mut(usize::from(track)) {
            state.set_reference_of(header, ntp);
            self.publishers_wall = Some((now, ntp));
        }
        self.tell_secure(|log| log.set_reference_of(now, track, header, ntp));
    }

    /// Appends RTCP of the application for the readers of `track`, who get it after the packets that are in the log; `false` if
    /// there is no such track or the log is closed.
    ///
    /// The newest [`RTCP_WAITING_MAX`](crate::limits::RTCP_WAITING_MAX) are kept. The log makes sender reports in addition.
    ///
    /// # Errors
    ///
    /// It is no RTCP compound, or one too large for a datagram.
    pub fn push_rtcp(&mut self, track: u8, compound: Bytes) -> Result<bool, BadCompound> {
        rtcp::check_compound(&compound)?;
        let is_taken = !self.closed && usize::from(track) < self.tracks.len();
        if is_taken {
            let compound = Compound { before: self.head(), track, bytes: compound };
            self.secure.iter_mut().for_each(|secure| secure.log_mut().compounds.push(compound.clone()));
            self.compounds.push(compound);
        }
        Ok(is_taken)
    }

    /// Replaces the description by another one with as many medias of the same kinds; the packets stay.
    ///
    /// Parameter sets count as new again once they differ from those that are described there.
    pub fn reload(&mut self, description: &Description) {
        for (track, media) in self.tracks.iter_mut().zip(&description.medias) {
            track.reload(media);
        }
        self.tell_secure(|log| log.reload(description));
    }

    /// Sets the SSRC of a track that readers are told before its first packet. The SSRC of that packet counts from then on.
    ///
    /// # Errors
    ///
    /// Another track has that SSRC, or there is no such track.
    pub fn set_ssrc(&mut self, track: u8, ssrc: u32) -> Result<(), SsrcError> {
        if !self.numbered().any(|(index, _)| index == track) {
            return Err(SsrcError::NoSuchTrack(track));
        }
        let mut all = self.numbered();
        let other =
            all.find(|(index, other)| *index != track && other.has_ssrc(ssrc)).map(|(index, _)| index);
        drop(all);
        if let Some(other) = other {
            return Err(SsrcError::InUse(other));
        }
        if let Some(track) = self.tracks.get_mut(usize::from(track)) {
            track.announce_ssrc(ssrc);
        }
        Ok(())
    }

    /// Keeps no more than so much from here on.
    pub fn set_limits(&mut self, limits: LogLimits) {
        self.limits = limits;
        self.trim();
        self.packets.shrink_to(self.packets.len().saturating_mul(2));
        self.tell_secure(|log| log.set_limits(limits));
    }

    fn trim(&mut self) {
        while self.packets.len() > self.limits.packets
            || (self.bytes > self.limits.bytes && self.packets.len() > 1)
        {
            let Some(oldest) = self.packets.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.rtp.len());
            self.tail = self.tail.saturating_add(1);
        }
    }

    /// Sets the rate control: packets are sent at the speed at which they are played (`true`, the default), or as fast as their
    /// readers read.
    ///
    /// Without rate control (ONVIF Streaming Specification, section 6.5.2) the log makes no sender reports, because the time of
    /// sending says nothing about the recording. A reader over TCP may stop reading for as long as it wants, if it sends a
    /// request now and then.
    pub fn set_rate_control(&mut self, is_rate_controlled: bool) {
        self.is_unpaced = !is_rate_controlled;
        self.tell_secure(|log| log.set_rate_control(is_rate_controlled));
    }

    /// Returns the rate control that was [set](Self::set_rate_control).
    pub fn is_rate_controlled(&self) -> bool {
        !self.is_unpaced
    }

    /// Ends the stream: nothing is appended any more.
    pub fn close(&mut self) {
        self.closed = true;
        self.tell_secure(Self::close);
    }

    /// Returns `true` if the stream has ended.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number that the next packet gets.
    #[inline]
    pub fn head(&self) -> u64 {
        self.tail.saturating_add(self.packets.len() as u64)
    }

    /// The number of the oldest packet that is kept.
    #[inline]
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// The number of the packet where decoding of `tracks` can begin: the newest access point that was told and is kept,
    /// of several medias the oldest of theirs.
    pub fn access_point(&self, tracks: TrackSet) -> Option<u64> {
        let told = self.numbered().filter(|(index, _)| tracks.contains(*index));
        told.filter_map(|(_, track)| track.access_point()).filter(|number| *number >= self.tail).min()
    }

    /// Those of `tracks` that have pictures.
    pub(crate) fn videos(&self, tracks: TrackSet) -> TrackSet {
        let videos = self.numbered().filter(|(_, track)| track.is_video()).map(|(index, _)| index);
        videos.filter(|index| tracks.contains(*index)).collect()
    }

    /// The parameter sets of each track and payload type of which others have come than were announced.
    pub(crate) fn new_parameter_sets(&self) -> Vec<(u8, u8, ParameterSets)> {
        let news = self.numbered().flat_map(|(index, track)| {
            track.new_parameter_sets().map(move |(payload_type, sets)| (index, payload_type, sets.clone()))
        });
        news.collect()
    }

    /// The last packet of each source of a track: its publisher, if it comes back, goes on behind them.
    pub(crate) fn past(&self, track: u8) -> Vec<Past> {
        self.tracks.get(usize::from(track)).map(Track::past).unwrap_or_default()
    }

    fn numbered(&self) -> impl Iterator<Item = (u8, &Track)> {
        (0..).zip(&self.tracks)
    }

    /// The number of the first packet of the newest picture; of the next packet, if there is no video.
    pub fn newest(&self) -> u64 {
        let pictures = self.tracks.iter().filter(|track| track.is_video()).filter_map(Track::access_unit);
        pictures.min().map_or_else(|| self.head(), |number| number.max(self.tail))
    }

    /// The packet with this number, if it is kept.
    #[inline]
    pub fn get(&self, number: u64) -> Option<&Packet> {
        self.packets.get(usize::try_from(number.checked_sub(self.tail)?).ok()?)
    }

    /// The packets from `number` on, as far as they are kept.
    #[inline]
    pub fn packets_from(&self, number: u64) -> impl Iterator<Item = &Packet> {
        let skip = usize::try_from(number.saturating_sub(self.tail)).unwrap_or(usize::MAX);
        self.packets.range(skip.min(self.packets.len())..)
    }

    /// The packets from `number` on and before `until`, as far as they are kept.
    #[inline]
    pub(crate) fn between(&self, number: u64, until: u64) -> impl Iterator<Item = &Packet> {
        let place = |number: u64| usize::try_from(number.saturating_sub(self.tail)).unwrap_or(usize::MAX);
        let end = place(until).min(self.packets.len());
        self.packets.range(place(number).min(end)..end)
    }

    /// The number that the next compound of the application gets.
    #[inline]
    pub(crate) fn rtcp_head(&self) -> u64 {
        self.compounds.head()
    }

    /// The number of the first compound for a reader that begins with the packet `packet`.
    pub(crate) fn first_rtcp(&self, packet: u64) -> u64 {
        self.compounds.first_behind(packet)
    }

    /// The compound with this number, or the oldest that is kept, and its number.
    pub(crate) fn rtcp(&self, number: u64) -> Option<(u64, &Compound)> {
        self.compounds.get(number)
    }

    /// Returns `true` if a packet stays when as much again is appended as there is from it on.
    pub(crate) fn keeps(&self, number: u64) -> bool {
        let sizes = self.packets_from(number).map(|packet| packet.rtp.len());
        let (packets, bytes) = sizes.fold((0_usize, 0_usize), |(packets, bytes), len| {
            (packets.saturating_add(2), bytes.saturating_add(len.saturating_mul(2)))
        });
        packets <= self.limits.packets && bytes <= self.limits.bytes
    }

    /// Returns `true` if so many of the newest packets are always kept, however large they are.
    pub(crate) fn always_keeps(&self, packets: usize) -> bool {
        packets <= self.limits.packets && packets.saturating_mul(u16::MAX.into()) <= self.limits.bytes
    }

    /// Sequence number and timestamp of the first packet of `track` that a reader at `number` gets (RFC 2326, 12.33).
    ///
    /// Exact if that packet is in the log; otherwise what follows if the track goes on as it did; `None` before its
    /// first packet.
    pub fn position(&self, track: u8, number: u64) -> Option<(u16, u32)> {
        self.first_kept(track, number).or_else(|| self.tracks.get(usize::from(track))?.next())
    }

    /// As [`position`](Self::position), of a packet that is in the log only.
    fn first_kept(&self, track: u8, number: u64) -> Option<(u16, u32)> {
        let kept = self.packets_from(number).find(|packet| packet.track == track);
        kept.map(|packet| (packet.rtp.sequence(), packet.rtp.timestamp()))
    }

    /// The wall clock time at `now`, by the publisher's clock rather than the server's; `None` if neither is known.
    pub(crate) fn wall_at(&self, now: Instant) -> Option<NtpTime> {
        let (at, wall) = self.publishers_wall.or(self.wall)?;
        Some(wall + now.since(at))
    }

    /// The SSRC of the newest packet of `track`; before the first, the one that was [set](Self::set_ssrc).
    pub fn ssrc(&self, track: u8) -> Option<u32> {
        self.tracks.get(usize::from(track))?.ssrc()
    }

    /// The wall clock time of a packet of the log by its publisher's clock, once a [reference](Self::set_reference) of its
    /// SSRC was set.
    pub fn publishers_time(&self, packet: &Packet) -> Option<NtpTime> {
        self.tracks.get(usize::from(packet.track))?.source_time(&packet.rtp)
    }

    /// The time of a packet of the log, on the time line of a reader that takes packets in their order.
    pub fn time_of(&self, packet: &Packet, timeline: &mut Timeline) -> MediaTime {
        let Some(track) = self.tracks.get(usize::from(packet.track)) else { return MediaTime::default() };
        if let Some((at, wall)) = self.wall {
            timeline.set_wall_clock(at, wall);
        }
        // The source may be known by now from packets that the reader has not come to yet.
        let now = self.packets.back().map_or(packet.at, |newest| newest.at);
        let (index, ssrc) = (packet.track.into(), packet.rtp.ssrc());
        if let Some((ntp, rtp)) = track.senders.reference_of(ssrc) {
            timeline.set_reference(now, index, ssrc, ntp, rtp);
        }
        timeline.time_of(packet.at, index, &packet.rtp, track.senders.clock_rate_for(&packet.rtp))
    }

    /// A sender report of `ssrc` in `track`, with its SDES (RFC 3550, section 6.4.1).
    ///
    /// `None` before its first packet, once other SSRCs of the track have sent for two periods and it has not, and without
    /// [rate control](Self::set_rate_control).
    pub fn sender_report(&self, track: u8, ssrc: u32, now: Instant, cname: &str) -> Option<Bytes> {
        if self.is_unpaced {
            return None;
        }
        self.tracks.get(usize::from(track))?.report(ssrc, now, self.wall_at(now)?, cname)
    }
}
