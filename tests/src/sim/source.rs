use std::collections::VecDeque;
use std::time::Duration;

use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::{Description, Format, Instant, Media, MediaKind, StreamId};

use super::choices::Chance;

/// Where packets come from. Each packet says in its payload which one it is.
#[derive(Clone, Debug)]
pub(super) struct Source {
    tracks: Vec<Track>,
    pub(super) interval: Duration,
    pub(super) next: Instant,
    /// Pictures from one keyframe to the next.
    group: u64,
    /// Packets of a keyframe at most.
    burst: u64,
    pictures: u64,
    /// How often a voice has begun anew.
    changes: u32,
    /// The last packets, and the stream that they were made for.
    recent: VecDeque<(u8, RtpPacket)>,
    stream: Option<StreamId>,
}

/// A maker of packets: no two makers make the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Origin(pub(super) u32);

impl Origin {
    /// The maker of packets that nobody may ever receive.
    pub(super) const FORGER: Self = Self(0xff_ffff);
    /// The maker of packets that have a publisher's address on them, so that readers may get some.
    pub(super) const SPOOFER: Self = Self(0xff_fffe);
}

#[derive(Clone, Debug)]
struct Track {
    kind: Kind,
    made: Made,
    voices: Vec<Voice>,
    /// The voice that has spoken last.
    last: usize,
    /// Packets of it that have to be sent until the newest is taken: one since its publisher came back, and two since one could not be
    /// sent, where the second proves the first behind the gap.
    behind: u32,
}

/// A format of a track, with an SSRC of its own.
#[derive(Clone, Debug)]
struct Voice {
    payload_type: u8,
    clock_rate: u32,
    sequence: u16,
    /// The timestamp of time zero.
    base: u32,
    /// That of the newest packet, as it counts from the base.
    units: u64,
    ssrc: u32,
    /// Packets with this SSRC, and changes of the whole source before the first.
    run: u32,
    changes_before: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Video whose keyframes can be told.
    H264,
    /// Video with recovery points, and no keyframes.
    IntraRefresh,
    /// Video with I pictures, and no keyframes.
    OpenGroups,
    /// Video whose keyframes could be told, and that has none.
    Endless,
    /// Video whose keyframes cannot.
    H263,
    /// Video whose keyframes can be told, and packets that are sent again in a format of their own.
    Retransmitted,
    Pcmu,
    /// Sound in three formats.
    Sounds,
}

impl Kind {
    fn media(self) -> Media {
        let h264 = || Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68]);
        match self {
            Self::H264 => Media::new(MediaKind::Video, vec![h264()]),
            Self::Retransmitted => Media::new(MediaKind::Video, vec![h264(), Format::new(98, "rtx", 90_000)]),
            Self::IntraRefresh | Self::OpenGroups | Self::Endless => {
                Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])
            }
            Self::H263 => Media::new(MediaKind::Video, vec![Format::new(97, "H263-1998", 90_000)]),
            Self::Pcmu => Media::new(MediaKind::Audio, vec![Format::pcmu()]),
            Self::Sounds => Media::new(
                MediaKind::Audio,
                vec![Format::pcmu(), Format::new(99, "PCMA", 16_000), Format::new(100, "L16", 44_100)],
            ),
        }
    }

    pub(super) fn is_sound(self) -> bool {
        matches!(self, Self::Pcmu | Self::Sounds)
    }

    fn voices(self, chance: &mut Chance<'_>) -> Vec<Voice> {
        let voice = |format: &Format| Voice {
            payload_type: format.payload_type,
            clock_rate: format.clock_rate(),
            sequence: chance.pick(&[0, 1, 40_000, 65_500, 65_535]),
            base: chance.below(1 << 32) as u32,
            units: 0,
            ssrc: chance.below(1 << 32) as u32,
            run: 0,
            changes_before: 0,
        };
        self.media().formats.iter().map(voice).collect()
    }

    /// Tracks that a stream may consist of.
    pub(super) fn any(chance: &mut Chance<'_>) -> Vec<Self> {
        chance.pick(&[
            vec![Self::H264],
            vec![Self::H264, Self::Pcmu],
            vec![Self::Pcmu],
            vec![Self::H263],
            vec![Self::Pcmu, Self::H264, Self::H263],
            vec![Self::IntraRefresh, Self::Pcmu],
            vec![Self::OpenGroups, Self::Pcmu],
            vec![Self::Pcmu, Self::Endless],
            vec![Self::Sounds],
            vec![Self::Retransmitted, Self::Sounds],
        ])
    }

    /// The bytes that begin the payload of a packet: the first of a picture that decoding can begin with, or another of it.
    fn nal(self, is_key: bool, is_first: bool) -> &'static [u8] {
        match self {
            Self::H264 | Self::Retransmitted if is_key => &[0x65],
            Self::IntraRefresh if is_key && is_first => &[0x06, 6, 1, 0xc4, 0x80],
            Self::OpenGroups if is_key && is_first => &[0x41, 0x88],
            _ => &[0x41],
        }
    }

    pub(super) fn describe(kinds: &[Self]) -> Description {
        Description::new(kinds.iter().map(|kind| kind.media()).collect())
    }
}

/// The name of a packet: its maker, its track, and its place among those of the track.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Made {
    pub(super) origin: Origin,
    pub(super) track: u8,
    pub(super) number: u32,
}

const MARK: [u8; 3] = *b"sim";
/// The mark, which packet it is, and when it was made.
const NAME_BYTES: usize = MARK.len() + 8 + 8;
/// Packets that may be sent once more: fewer than those that are known to be late.
const RECENT_PACKETS: usize = 20;
/// Packets of a voice after which it must have been taken: its first ones have to prove it, and so do others at once.
const SETTLED_RUN: u32 = 6;
/// Where the mark may begin at the latest, behind what the NAL unit begins with.
const NAL_BYTES_MAX: usize = 5;

impl Made {
    /// The name that a packet tells; `None` if it was made by nobody here.
    ///
    /// # Panics
    ///
    /// If its bytes have changed on the way.
    pub(super) fn of(packet: &RtpPacket) -> Option<Self> {
        Self::read(packet).map(|(made, _)| made)
    }

    /// When a packet was made.
    pub(super) fn time_of(packet: &RtpPacket) -> Option<Instant> {
        Self::read(packet).map(|(_, at)| at)
    }

    fn read(packet: &RtpPacket) -> Option<(Self, Instant)> {
        let payload = packet.payload();
        let mark = payload.windows(MARK.len()).take(NAL_BYTES_MAX + 1).position(|bytes| bytes == MARK)?;
        let name = payload.get(mark + MARK.len()..mark + NAME_BYTES)?;
        let number = u32::from_be_bytes(name[4..8].try_into().expect("four bytes"));
        let nanos = u64::from_be_bytes(name[8..].try_into().expect("eight bytes"));
        let filled = payload[mark + NAME_BYTES..].iter().all(|byte| *byte == number as u8);
        assert!(filled, "the payload of a packet has changed on its way: {packet:?}");
        let origin = Origin(u32::from_be_bytes([0, name[0], name[1], name[2]]));
        Some((Self { origin, track: name[3], number }, Instant::ZERO + Duration::from_nanos(nanos)))
    }

    pub(super) fn payload(self, now: Instant, nal: &[u8], bytes: usize) -> Vec<u8> {
        let mut payload = nal.to_vec();
        payload.extend(MARK);
        payload.extend(&self.origin.0.to_be_bytes()[1..]);
        payload.push(self.track);
        payload.extend(self.number.to_be_bytes());
        payload.extend(now.as_nanos().to_be_bytes());
        payload.resize(nal.len() + NAME_BYTES + bytes, self.number as u8);
        payload
    }
}

impl Source {
    pub(super) fn new(now: Instant, origin: Origin, kinds: &[Kind], chance: &mut Chance<'_>) -> Self {
        let tracks = kinds.iter().zip(0..).map(|(kind, track)| Track {
            kind: *kind,
            made: Made { origin, track, number: 0 },
            voices: kind.voices(chance),
            last: 0,
            behind: 0,
        });
        let tracks = tracks.collect();
        Self {
            tracks,
            // Some are quiet by nature.
            interval: if chance.happens(100) { chance.millis(5_000, 40_000) } else { chance.millis(20, 900) },
            next: now,
            group: chance.between(1, 30),
            burst: chance.pick(&[1, 4, 40, 90]),
            pictures: 0,
            changes: 0,
            recent: VecDeque::new(),
            stream: None,
        }
    }

    /// Makes the next picture, or some sound.
    pub(super) fn make(&mut self, now: Instant, chance: &mut Chance<'_>) -> Vec<(u8, RtpPacket)> {
        let index = chance.index(self.tracks.len());
        let is_key = self.pictures % self.group == 0;
        let track = &mut self.tracks[index];
        track.last = match track.kind {
            Kind::Sounds => chance.index(track.voices.len()),
            Kind::Retransmitted => usize::from(!is_key && chance.happens(200)),
            _ => 0,
        };
        if chance.happens(3) {
            self.changes += 1;
            track.voices[track.last].begin_anew(self.changes, chance);
        }
        let packets = match track.kind {
            kind if kind.is_sound() => 1,
            _ if is_key => chance.between(1, self.burst),
            _ => chance.between(1, 3),
        };
        if !track.kind.is_sound() {
            self.pictures += 1;
        }
        track.voices[track.last].pass_time(now);
        let bytes = if chance.happens(100) { chance.index(1300) } else { chance.index(30) };
        let mut packet = |n| track.packet(now, is_key, (n == 1, n == packets), bytes);
        let packets: Vec<_> = (1..=packets).map(|n| (index as u8, packet(n))).collect();
        self.recent.extend(packets.iter().cloned());
        self.recent.drain(..self.recent.len().saturating_sub(RECENT_PACKETS));
        packets
    }

    /// The same where its publisher has lost its session and comes back: the encoder has gone on.
    pub(super) fn go_on(&self, now: Instant) -> Self {
        let mut source = self.clone();
        source.next = now;
        source.tracks.iter_mut().for_each(|track| track.behind = 1);
        source
    }

    /// Its packets go into this stream from now on; those that were made for another are not sent again.
    pub(super) fn begin_in(&mut self, stream: Option<StreamId>) {
        if stream.is_none() || self.stream != stream {
            self.recent.clear();
        }
        self.stream = stream;
    }

    /// Some of the last packets once more: nobody knows whether they have come.
    pub(super) fn repeat(&mut self, chance: &mut Chance<'_>) -> impl Iterator<Item = (u8, RtpPacket)> {
        let left_out = chance.index(self.recent.len() + 1);
        std::mem::take(&mut self.recent).into_iter().skip(left_out)
    }

    /// The kinds of its tracks.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.tracks.iter().map(|track| track.kind).collect()
    }

    /// The encoder of a track begins anew, in the same sources or in others. Gives the sources that say goodbye.
    pub(super) fn restart(&mut self, track: u8, chance: &mut Chance<'_>) -> Vec<u32> {
        let Some(track) = self.tracks.get_mut(usize::from(track)) else { return Vec::new() };
        let is_same = chance.happens(500);
        let restart = |voice: &mut Voice| {
            let former = voice.ssrc;
            if !is_same {
                self.changes += 1;
                voice.begin_anew(self.changes, chance);
            }
            former
        };
        track.voices.iter_mut().map(restart).collect()
    }

    /// The header that the next packet of a track might begin with.
    pub(super) fn next_header(&self, now: Instant, track: u8) -> Option<RtpHeader> {
        let track = self.tracks.get(usize::from(track))?;
        let voice = &track.voices[track.last];
        Some(RtpHeader {
            payload_type: voice.payload_type,
            marker: true,
            sequence: voice.sequence,
            timestamp: voice.base.wrapping_add(voice.units_at(now) as u32),
            ssrc: voice.ssrc,
        })
    }

    /// Returns `true` if nothing was made yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.tracks.iter().all(|track| track.made.number == 0)
    }

    /// The client has not taken the newest packet of a track.
    pub(super) fn was_refused(&mut self, track: u8) {
        self.tracks[usize::from(track)].behind = 2;
    }

    /// The number of the last packet of each track that its publisher has sent, if it did.
    pub(super) fn last(&self) -> impl Iterator<Item = (u8, Option<u32>)> {
        let tracks = self.tracks.iter().filter(|track| track.behind == 0);
        tracks.map(|track| (track.made.track, track.made.number.checked_sub(1)))
    }

    /// The number of the last packet of each track whose voice must have been taken by now, however many have begun anew
    /// since.
    pub(super) fn settled(&self) -> impl Iterator<Item = (u8, u32)> {
        let is_settled = |track: &&Track| {
            let voice = &track.voices[track.last];
            voice.run > SETTLED_RUN + (self.changes - voice.changes_before)
        };
        self.tracks.iter().filter(is_settled).map(|track| (track.made.track, track.made.number - 1))
    }

    /// Tracks of pictures of which it cannot be told where a reader can start.
    pub(super) fn endless(&self) -> impl Iterator<Item = u8> {
        (0..).zip(&self.tracks).filter(|(_, track)| track.kind == Kind::Endless).map(|(index, _)| index)
    }

    /// A packet at which any reader can start, unless its track is endless, of one track in each round.
    pub(super) fn make_last(&mut self, now: Instant, round: u32) -> (u8, RtpPacket) {
        let index = round as usize % self.tracks.len();
        let track = &mut self.tracks[index];
        track.last = 0;
        track.voices[0].pass_time(now);
        (index as u8, track.packet(now, true, (true, true), 0))
    }
}

impl Track {
    fn packet(
        &mut self,
        now: Instant,
        is_key: bool,
        (is_first, marker): (bool, bool),
        bytes: usize,
    ) -> RtpPacket {
        let nal = self.kind.nal(is_key, is_first);
        let voice = &mut self.voices[self.last];
        let header = RtpHeader {
            payload_type: voice.payload_type,
            marker,
            sequence: voice.sequence,
            timestamp: voice.base.wrapping_add(voice.units as u32),
            ssrc: voice.ssrc,
        };
        let packet = RtpPacket::build(header, &self.made.payload(now, nal, bytes));
        voice.sequence = voice.sequence.wrapping_add(1);
        voice.run += 1;
        self.made.number += 1;
        self.behind = self.behind.saturating_sub(1);
        packet
    }
}

impl Voice {
    fn begin_anew(&mut self, changes: u32, chance: &mut Chance<'_>) {
        self.ssrc = chance.below(1 << 32) as u32;
        self.sequence = chance.below(1 << 16) as u16;
        self.base = chance.below(1 << 32) as u32;
        self.run = 0;
        self.changes_before = changes;
    }

    /// Its timestamps go by the clock, and no two pictures have the same.
    fn pass_time(&mut self, now: Instant) {
        self.units = self.units_at(now).max(self.units + 1);
    }

    fn units_at(&self, now: Instant) -> u64 {
        (u128::from(now.as_nanos()) * u128::from(self.clock_rate) / 1_000_000_000) as u64
    }
}

/// A packet that nobody may ever receive.
pub(super) fn forged(chance: &mut Chance<'_>) -> RtpPacket {
    let made = Made { origin: Origin::FORGER, track: 0, number: chance.below(1 << 32) as u32 };
    let header = RtpHeader {
        payload_type: chance.pick(&[96, 97, 0]),
        sequence: chance.below(1 << 16) as u16,
        ..RtpHeader::default()
    };
    RtpPacket::build(header, &made.payload(Instant::ZERO, &[0x65], 4))
}
