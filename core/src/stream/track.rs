use bytes::Bytes;

use crate::description::{Format, Media, MediaKind};
use crate::payload::Access;
use crate::payload::parameter_sets::ParameterSets;
use crate::payload::probe::Probe;
use crate::rtp::{ClockRates, Past, RtpPacket, Senders, Splice};
use crate::{Instant, NtpTime};

/// A set of tracks of one stream, by their index.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TrackSet(u32);

impl TrackSet {
    /// No track.
    pub const NONE: Self = Self(0);
    /// Every track.
    pub const ALL: Self = Self(u32::MAX);

    /// Returns `true` if `track` is in the set.
    pub fn contains(self, track: u8) -> bool {
        1_u32.checked_shl(u32::from(track)).is_some_and(|bit| self.0 & bit != 0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn remove(&mut self, track: u8) {
        self.0 &= !1_u32.checked_shl(u32::from(track)).unwrap_or_default();
    }

    /// Adds `track`; one beyond the 32 that a stream may have is left out.
    pub fn insert(&mut self, track: u8) {
        self.0 |= 1_u32.checked_shl(u32::from(track)).unwrap_or_default();
    }
}

impl FromIterator<u8> for TrackSet {
    fn from_iter<I: IntoIterator<Item = u8>>(tracks: I) -> Self {
        let mut set = Self::NONE;
        tracks.into_iter().for_each(|track| set.insert(track));
        set
    }
}

/// A format whose packets tell something.
#[derive(Clone, Debug)]
struct Known {
    payload_type: u8,
    probe: &'static Probe,
    sets: ParameterSets,
}

impl Known {
    fn all_of(media: &Media) -> Vec<Self> {
        media.formats.iter().filter_map(Self::new).collect()
    }

    fn new(format: &Format) -> Option<Self> {
        let probe = Probe::of(&format.codec)?;
        Some(Self { payload_type: format.payload_type, probe, sets: ParameterSets::announced(probe, format) })
    }
}

/// The state of one track of a log.
#[derive(Clone, Debug)]
pub(super) struct Track {
    is_video: bool,
    known: Vec<Known>,
    pub(super) access: Access,
    pub(super) senders: Senders,
    /// The SSRC that is told before the first packet.
    announced_ssrc: Option<u32>,
    newest: Option<Newest>,
    /// A publisher has followed on others, or on itself.
    splice: Option<Box<Splice>>,
}

/// The newest packet of a track.
#[derive(Clone, Copy, Debug)]
struct Newest {
    sequence: u16,
    timestamp: u32,
    /// Timestamp units between the last two access units.
    step: u32,
    /// Number in the log of the first packet with this timestamp.
    access_unit: u64,
}

impl Track {
    pub(super) fn new(media: &Media) -> Self {
        Self {
            is_video: media.kind == MediaKind::Video,
            known: Known::all_of(media),
            access: Access::default(),
            senders: Senders::new(ClockRates::new(&media.formats)),
            announced_ssrc: None,
            newest: None,
            splice: None,
        }
    }

    /// The same track of a log that gets its packets from this one.
    pub(super) fn of_copies(&self) -> Self {
        Self { splice: None, ..self.clone() }
    }

    /// A publisher begins, or begins again: its packets go on behind those that are there.
    pub(super) fn begin(&mut self) {
        if self.newest.is_some() {
            self.splice.get_or_insert_default().begin();
        }
    }

    /// Gives a packet of a publisher the numbers that readers see.
    pub(super) fn pass(&mut self, now: Instant, packet: &mut RtpPacket) {
        if let Some(splice) = &mut self.splice {
            splice.pass(now, packet, &mut self.senders);
        }
    }

    /// A publisher's source and a timestamp of it, as readers see them.
    pub(super) fn pass_time(&self, source: u32, timestamp: u32) -> (u32, u32) {
        self.splice.as_ref().map_or((source, timestamp), |splice| splice.pass_time(source, timestamp))
    }

    /// Goes by what another description says of the media.
    pub(super) fn reload(&mut self, media: &Media) {
        self.known = Known::all_of(media);
        self.senders.set_clock_rates(ClockRates::new(&media.formats));
    }

    pub(super) fn is_video(&self) -> bool {
        self.is_video
    }

    /// The number of the first packet of the newest access point that was told from its packets.
    pub(super) fn access_point(&self) -> Option<u64> {
        self.access.told()
    }

    /// The parameter sets of a format, if others have come than were announced.
    pub(super) fn new_parameter_sets(&self) -> impl Iterator<Item = (u8, &ParameterSets)> {
        self.known.iter().filter(|known| known.sets.are_news()).map(|known| (known.payload_type, &known.sets))
    }

    /// Takes note of the packet that gets `number`. Returns `true` if a reader that waits may go on at it.
    pub(super) fn push(&mut self, now: Instant, number: u64, packet: &RtpPacket) -> bool {
        let (sequence, timestamp) = (packet.sequence(), packet.timestamp());
        let starts_unit = self.newest.is_none_or(|newest| newest.timestamp != timestamp);
        self.newest = Some(match self.newest {
            Some(newest) if !starts_unit => Newest { sequence, ..newest },
            newest => {
                let step = newest.map_or(0, |newest| timestamp.wrapping_sub(newest.timestamp));
                Newest { sequence, timestamp, step, access_unit: number }
            }
        });
        if self.known.is_empty() {
            self.senders.handle_sent(now, packet, false);
            return self.is_video && starts_unit;
        }
        let payload_type = packet.payload_type();
        let known = self.known.iter_mut().find(|known| known.payload_type == payload_type);
        let access_point = known.and_then(|known| {
            let contents = (known.probe.contents)(packet.payload());
            if contents.has_parameter_sets {
                known.sets.learn_from(packet.payload());
            }
            contents.access_point
        });
        self.senders.handle_sent(now, packet, access_point.is_some());
        self.access.take(now, access_point, (number, timestamp), starts_unit)
    }

    /// Tells which wall clock time a timestamp of `ssrc` is; `false` if no packet has it.
    pub(super) fn set_reference(&mut self, ssrc: u32, ntp: NtpTime, rtp: u32) -> bool {
        self.senders.set_reference(ssrc, ntp, rtp)
    }

    /// Tells which wall clock time the timestamp of a packet is: its SSRC, payload type and timestamp.
    pub(super) fn set_reference_of(&mut self, (ssrc, payload_type, rtp): (u32, u8, u32), ntp: NtpTime) {
        self.senders.set_reference_of((ssrc, payload_type), ntp, rtp);
    }

    /// The wall clock time of a packet by the clock of its source, once that was told.
    pub(super) fn source_time(&self, packet: &RtpPacket) -> Option<NtpTime> {
        self.senders.source_time(packet)
    }

    pub(super) fn report(&self, ssrc: u32, now: Instant, wall: NtpTime, cname: &str) -> Option<Bytes> {
        self.senders.report(ssrc, now, wall, cname)
    }

    pub(super) fn ssrc(&self) -> Option<u32> {
        self.senders.newest().or(self.announced_ssrc)
    }

    pub(super) fn announce_ssrc(&mut self, ssrc: u32) {
        self.announced_ssrc = Some(ssrc);
    }

    pub(super) fn has_ssrc(&self, ssrc: u32) -> bool {
        self.announced_ssrc == Some(ssrc) || self.senders.ssrcs().any(|own| own == ssrc)
    }

    /// The last packet of each source, with the numbers that it had there.
    pub(super) fn past(&self) -> Vec<Past> {
        match &self.splice {
            None => self.senders.past().collect(),
            Some(splice) => splice.past(&self.senders).collect(),
        }
    }

    /// Number in the log of the first packet of the newest access unit.
    pub(super) fn access_unit(&self) -> Option<u64> {
        self.newest.map(|newest| newest.access_unit)
    }

    /// Sequence number and timestamp of the packet that comes next, if the track goes on as it did.
    pub(super) fn next(&self) -> Option<(u16, u32)> {
        self.newest
            .map(|newest| (newest.sequence.wrapping_add(1), newest.timestamp.wrapping_add(newest.step)))
    }
}
