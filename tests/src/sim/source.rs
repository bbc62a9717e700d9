use std::time::Duration;

use rtspan_core::rtp::{RtpHeader, RtpPacket};
use rtspan_core::{Description, Format, Instant, Media, MediaKind};

use super::choices::Chance;

/// Where packets come from. Each packet says in its payload which one it is.
#[derive(Debug)]
pub(super) struct Source {
    tracks: Vec<Track>,
    pub(super) interval: Duration,
    pub(super) next: Instant,
    /// Pictures from one keyframe to the next.
    group: u64,
    /// Packets of a keyframe at most.
    burst: u64,
    pictures: u64,
}

/// Who makes packets: no two makers make the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Origin(pub(super) u32);

impl Origin {
    /// Whose packets nobody may ever receive.
    pub(super) const FORGER: Self = Self(0xff_ffff);
}

#[derive(Debug)]
struct Track {
    kind: Kind,
    made: Made,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
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
    Vp8,
    Pcmu,
}

impl Kind {
    fn payload_type(self) -> u8 {
        match self {
            Self::H264 | Self::IntraRefresh | Self::OpenGroups | Self::Endless => 96,
            Self::Vp8 => 97,
            Self::Pcmu => 0,
        }
    }

    fn media(self) -> Media {
        match self {
            Self::H264 => {
                Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68])])
            }
            Self::IntraRefresh | Self::OpenGroups | Self::Endless => {
                Media::new(MediaKind::Video, vec![Format::new(96, "H264", 90_000)])
            }
            Self::Vp8 => Media::new(MediaKind::Video, vec![Format::new(97, "VP8", 90_000)]),
            Self::Pcmu => Media::new(MediaKind::Audio, vec![Format::pcmu()]),
        }
    }

    /// What a stream may consist of.
    pub(super) fn any(chance: &mut Chance<'_>) -> Vec<Self> {
        chance.pick(&[
            vec![Self::H264],
            vec![Self::H264, Self::Pcmu],
            vec![Self::Pcmu],
            vec![Self::Vp8],
            vec![Self::Pcmu, Self::H264, Self::Vp8],
            vec![Self::IntraRefresh, Self::Pcmu],
            vec![Self::OpenGroups, Self::Pcmu],
            vec![Self::Pcmu, Self::Endless],
        ])
    }

    /// What the payload of a packet begins with: the first of a picture that decoding can begin with, or another of it.
    fn nal(self, is_key: bool, is_first: bool) -> &'static [u8] {
        match self {
            Self::H264 if is_key => &[0x65],
            Self::IntraRefresh if is_key && is_first => &[0x06, 6, 1, 0xc4, 0x80],
            Self::OpenGroups if is_key && is_first => &[0x41, 0x88],
            _ => &[0x41],
        }
    }

    pub(super) fn describe(kinds: &[Self]) -> Description {
        Description::new(kinds.iter().map(|kind| kind.media()).collect())
    }
}

/// Which packet this is: its maker, its track, and its place among those of the track.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Made {
    pub(super) origin: Origin,
    pub(super) track: u8,
    pub(super) number: u32,
}

const MARK: [u8; 3] = *b"sim";
/// The mark, and which packet it is.
const NAME_BYTES: usize = MARK.len() + 8;
/// Where the mark may begin at the latest, behind what the NAL unit begins with.
const NAL_BYTES_MAX: usize = 5;

impl Made {
    /// What a packet says of itself; `None` if it was made by nobody here.
    ///
    /// # Panics
    ///
    /// If its bytes have changed on the way.
    pub(super) fn of(packet: &RtpPacket) -> Option<Self> {
        let payload = packet.payload();
        let mark = payload.windows(MARK.len()).take(NAL_BYTES_MAX + 1).position(|bytes| bytes == MARK)?;
        let name = payload.get(mark + MARK.len()..mark + NAME_BYTES)?;
        let number = u32::from_be_bytes(name[4..].try_into().expect("four bytes"));
        let filled = payload[mark + NAME_BYTES..].iter().all(|byte| *byte == number as u8);
        assert!(filled, "the payload of a packet has changed on its way: {packet:?}");
        let origin = Origin(u32::from_be_bytes([0, name[0], name[1], name[2]]));
        Some(Self { origin, track: name[3], number })
    }

    fn payload(self, nal: &[u8], bytes: usize) -> Vec<u8> {
        let mut payload = nal.to_vec();
        payload.extend(MARK);
        payload.extend(&self.origin.0.to_be_bytes()[1..]);
        payload.push(self.track);
        payload.extend(self.number.to_be_bytes());
        payload.resize(nal.len() + NAME_BYTES + bytes, self.number as u8);
        payload
    }
}

impl Source {
    pub(super) fn new(now: Instant, origin: Origin, kinds: &[Kind], chance: &mut Chance<'_>) -> Self {
        let tracks = kinds.iter().zip(0..).map(|(kind, track)| Track {
            kind: *kind,
            made: Made { origin, track, number: 0 },
            sequence: chance.pick(&[0, 1, 40_000, 65_500, 65_535]),
            timestamp: chance.below(1 << 32) as u32,
            ssrc: chance.below(1 << 32) as u32,
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
        }
    }

    /// What comes next: a picture, or some sound.
    pub(super) fn make(&mut self, chance: &mut Chance<'_>) -> Vec<(u8, RtpPacket)> {
        let index = chance.index(self.tracks.len());
        let is_key = self.pictures % self.group == 0;
        let track = &mut self.tracks[index];
        if chance.happens(3) {
            track.ssrc = chance.below(1 << 32) as u32;
            track.sequence = chance.below(1 << 16) as u16;
        }
        let packets = match track.kind {
            Kind::Pcmu => 1,
            _ if is_key => chance.between(1, self.burst),
            _ => chance.between(1, 3),
        };
        if track.kind != Kind::Pcmu {
            self.pictures += 1;
        }
        track.timestamp = track.timestamp.wrapping_add(3000);
        let bytes = if chance.happens(100) { chance.index(1300) } else { chance.index(30) };
        let mut packet = |n| track.packet(is_key, (n == 1, n == packets), bytes);
        (1..=packets).map(|n| (index as u8, packet(n))).collect()
    }

    /// What its tracks are.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.tracks.iter().map(|track| track.kind).collect()
    }

    /// The encoder of a track begins anew, in the same source or in another. Gives the source that says goodbye.
    pub(super) fn restart(&mut self, track: u8, chance: &mut Chance<'_>) -> Option<u32> {
        let track = self.tracks.get_mut(usize::from(track))?;
        let former = track.ssrc;
        if chance.happens(500) {
            track.ssrc = chance.below(1 << 32) as u32;
            track.sequence = chance.below(1 << 16) as u16;
            track.timestamp = chance.below(1 << 32) as u32;
        }
        Some(former)
    }

    /// Whether nothing was made yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.tracks.iter().all(|track| track.made.number == 0)
    }

    /// The number of the last packet of each track.
    pub(super) fn last(&self) -> impl Iterator<Item = Option<u32>> {
        self.tracks.iter().map(|track| track.made.number.checked_sub(1))
    }

    /// Tracks of pictures of which it cannot be told where a reader can start.
    pub(super) fn endless(&self) -> impl Iterator<Item = u8> {
        (0..).zip(&self.tracks).filter(|(_, track)| track.kind == Kind::Endless).map(|(index, _)| index)
    }

    /// A packet at which any reader can start, unless its track is endless, of one track in each round.
    pub(super) fn make_last(&mut self, round: u32) -> (u8, RtpPacket) {
        let index = round as usize % self.tracks.len();
        let track = &mut self.tracks[index];
        track.timestamp = track.timestamp.wrapping_add(3000);
        (index as u8, track.packet(true, (true, true), 0))
    }
}

impl Track {
    fn packet(&mut self, is_key: bool, (is_first, marker): (bool, bool), bytes: usize) -> RtpPacket {
        let nal = self.kind.nal(is_key, is_first);
        let header = RtpHeader {
            payload_type: self.kind.payload_type(),
            marker,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
        };
        let packet = RtpPacket::build(header, &self.made.payload(nal, bytes));
        self.sequence = self.sequence.wrapping_add(1);
        self.made.number += 1;
        packet
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
    RtpPacket::build(header, &made.payload(&[0x65], 4))
}
