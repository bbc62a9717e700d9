//! A clip that is streamed in a loop: the embedded one, or a file of H.264.

use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtspan_core::limits::{PACKET_BYTES_MAX, PROTECTION_BYTES};
use rtspan_core::payload::{PacketizerConfig, g711, h264};
use rtspan_core::rtp::RtpPacket;
use rtspan_core::{Description, Format, Media, MediaKind};
use rtspan_std::ServerStream;

use crate::source::nal::Syntax;

const PICTURES: &[u8] = include_bytes!("../clip/demo.h264");
const PICTURES_PER_SECOND: f64 = 25.0;
/// G.711 µ-law.
const SOUND: &[u8] = include_bytes!("../clip/demo.ulaw");

const VIDEO: usize = 0;
const AUDIO: usize = 1;
const VIDEO_PAYLOAD_TYPE: u8 = 96;
const AUDIO_PAYLOAD_TYPE: u8 = 0;
const VIDEO_CLOCK: f64 = 90_000.0;
const SAMPLES_PER_SECOND: u64 = 8000;
/// 20 ms of sound.
const BLOCK_SAMPLES: usize = 160;
const SYNTAX: Syntax = Syntax::H264;
/// The types of NAL units (H.264, table 7-1).
const SPS: u8 = 7;
const PPS: u8 = 8;

/// Pictures, and perhaps sound, that are streamed in a loop without a jump in time.
#[derive(Clone, Debug)]
pub struct Clip {
    pictures: Vec<Vec<Bytes>>,
    pictures_per_second: f64,
    sps: Bytes,
    pps: Bytes,
    sound: Option<Bytes>,
}

/// A picture or a block of sound.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// Index of the media in the description.
    pub media: usize,
    /// When it is due, after the start.
    pub due: Duration,
    /// Its time in units of the media's clock rate, from zero; it wraps around.
    pub timestamp: u32,
    /// Its content.
    pub content: Content<'a>,
}

/// The content of a unit.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// The NAL units of a picture.
    Picture(&'a [Bytes]),
    /// Samples.
    Sound(&'a [u8]),
}

/// The packets of a picture or of a block of sound.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Index of the media in the description.
    pub media: usize,
    /// When it is due, after the start.
    pub due: Duration,
    /// By how many nanoseconds after the start it is presented, which is later where pictures are sent in another order.
    pub pts: i64,
    /// Its packets, in order.
    pub packets: Vec<RtpPacket>,
}

/// Why a file cannot be streamed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// There is no picture in it.
    #[error("there is no H.264 picture in it")]
    NoPicture,
    /// The parameter sets that a decoder needs are not in it.
    #[error("it has no sequence and picture parameter sets")]
    NoParameterSets,
}

impl Clip {
    /// The embedded clip: six seconds of H.264 at 25 pictures a second, with sound in G.711.
    pub fn demo() -> Self {
        let clip = Self::from_annex_b(Bytes::from_static(PICTURES), PICTURES_PER_SECOND);
        let clip = clip.expect("the embedded clip has pictures and parameter sets");
        Self { sound: Some(Bytes::from_static(SOUND)), ..clip }
    }

    /// The pictures of an H.264 byte stream (Annex B), without sound.
    ///
    /// # Errors
    ///
    /// It has no pictures or no parameter sets.
    pub fn from_annex_b(stream: Bytes, pictures_per_second: f64) -> Result<Self, ClipError> {
        let mut pictures = Vec::new();
        let mut picture = Vec::new();
        let mut has_slice = false;
        let [mut sps, mut pps] = [None, None];
        for nal in h264::split_annex_b(&stream) {
            let nal = stream.slice_ref(nal);
            if has_slice && SYNTAX.begins_picture(&nal) {
                pictures.push(std::mem::take(&mut picture));
                has_slice = false;
            }
            has_slice |= SYNTAX.is_slice(&nal);
            match SYNTAX.kind(&nal) {
                SPS => drop(sps.get_or_insert_with(|| nal.clone())),
                PPS => drop(pps.get_or_insert_with(|| nal.clone())),
                _ => {}
            }
            picture.push(nal);
        }
        if has_slice {
            pictures.push(picture);
        }
        if pictures.is_empty() {
            return Err(ClipError::NoPicture);
        }
        let (Some(sps), Some(pps)) = (sps, pps) else { return Err(ClipError::NoParameterSets) };
        Ok(Self { pictures, pictures_per_second, sps, pps, sound: None })
    }

    /// How many pictures there are before it begins again.
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Writes it to a stream in real time, until the stream or its server is closed.
    pub fn feed(&self, stream: &ServerStream) {
        let start = Instant::now();
        for frame in self.frames() {
            thread::sleep((start + frame.due).saturating_duration_since(Instant::now()));
            if stream.write_frame(frame.media, &frame.packets).is_err() {
                return;
            }
        }
    }

    /// The description that announces it.
    pub fn description(&self) -> Description {
        let format = Format::h264(VIDEO_PAYLOAD_TYPE, &self.sps, &self.pps);
        let mut medias = vec![Media::new(MediaKind::Video, vec![format])];
        if self.sound.is_some() {
            medias.push(Media::new(MediaKind::Audio, vec![Format::pcmu()]));
        }
        let mut description = Description::new(medias);
        description.title = "rtspan".to_owned();
        description
    }

    /// Pictures and sound in the order in which they are due, without end.
    pub fn units(&self) -> impl Iterator<Item = Unit<'_>> {
        let mut pictures = self.endless_pictures().peekable();
        let mut blocks = self.endless_blocks().peekable();
        std::iter::from_fn(move || {
            let sound_is_first = blocks
                .peek()
                .is_some_and(|block| pictures.peek().is_none_or(|picture| block.due < picture.due));
            if sound_is_first { blocks.next() } else { pictures.next() }
        })
    }

    /// Pictures and sound in the order in which they are due, as packets, without end.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        self.frames_of(PACKET_BYTES_MAX)
    }

    /// The same with room in each packet for the tag of SRTP.
    pub fn frames_to_protect(&self) -> impl Iterator<Item = Frame> {
        self.frames_of(PACKET_BYTES_MAX - PROTECTION_BYTES)
    }

    fn frames_of(&self, packet_bytes_max: usize) -> impl Iterator<Item = Frame> {
        // Sequences begin anywhere (RFC 3550, section 5.1).
        let config = |payload_type| PacketizerConfig {
            packet_bytes_max,
            ..PacketizerConfig::new(payload_type, random(), random() as u16)
        };
        let mut video = h264::Packetizer::new(config(VIDEO_PAYLOAD_TYPE));
        let mut audio = g711::Packetizer::new(config(AUDIO_PAYLOAD_TYPE), 1);
        self.units().map(move |Unit { media, due, timestamp, content }| {
            let mut packets = Vec::new();
            let sink = |packet| packets.push(packet);
            // A NAL unit of a file that no packet can carry is left out.
            let _ = match content {
                Content::Picture(nals) => video.packetize(nals.iter().map(|nal| &nal[..]), timestamp, sink),
                Content::Sound(samples) => audio.packetize([samples], timestamp, sink),
            };
            let pts = i64::try_from(due.as_nanos()).unwrap_or(i64::MAX);
            Frame { media, due, pts, packets }
        })
    }

    fn endless_pictures(&self) -> impl Iterator<Item = Unit<'_>> {
        (0_u64..).zip(self.pictures.iter().cycle()).map(|(number, picture)| {
            let seconds = number as f64 / self.pictures_per_second;
            Unit {
                media: VIDEO,
                due: Duration::from_secs_f64(seconds),
                timestamp: (seconds * VIDEO_CLOCK).round() as u64 as u32,
                content: Content::Picture(picture),
            }
        })
    }

    fn endless_blocks(&self) -> impl Iterator<Item = Unit<'_>> {
        let blocks = self.sound.iter().flat_map(|sound| sound.chunks_exact(BLOCK_SAMPLES));
        (0_u64..).zip(blocks.cycle()).map(|(number, block)| {
            let samples = number * BLOCK_SAMPLES as u64;
            Unit {
                media: AUDIO,
                due: Duration::from_nanos(samples * (1_000_000_000 / SAMPLES_PER_SECOND)),
                timestamp: samples as u32,
                content: Content::Sound(block),
            }
        })
    }
}

/// Chance for the first numbers of a [`FrameWriter`](rtspan_core::frame::FrameWriter).
pub fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    // Without chance the numbers are those of zero, which are as good where nobody attacks.
    let _ = getrandom::fill(&mut seed);
    seed
}

/// A synchronization source; two of the same matter only within one session, where they are told apart by media.
fn random() -> u32 {
    getrandom::u32().unwrap_or(0x7274_7370)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clip_goes_on_without_a_jump_when_it_begins_again() {
        let clip = Clip::demo();
        let units: Vec<_> = clip.units().take_while(|unit| unit.due < Duration::from_secs(20)).collect();
        assert!(units.is_sorted_by_key(|unit| unit.due));
        for (media, count, step) in [(VIDEO, 20 * 25, 3600), (AUDIO, 20 * 50, 160)] {
            let times: Vec<_> =
                units.iter().filter(|unit| unit.media == media).map(|unit| unit.timestamp).collect();
            assert_eq!(times.len(), count);
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] == step), "media {media}");
        }
    }

    #[test]
    fn every_picture_comes_whole_out_of_its_packets() {
        let clip = Clip::demo();
        let mut depacketizer = h264::Depacketizer::new();
        let frames = clip.frames().filter(|frame| frame.media == VIDEO);
        let mut keyframes = 0;
        for (frame, picture) in frames.zip(&clip.pictures) {
            for packet in &frame.packets {
                depacketizer.push(packet, 0).unwrap();
            }
            let unit = depacketizer.poll().unwrap();
            assert!(unit.parts == *picture && !unit.is_damaged);
            keyframes += usize::from(unit.is_keyframe);
        }
        assert_eq!((clip.pictures.len(), keyframes), (150, 6));
    }

    #[test]
    fn slices_of_one_picture_stay_together() {
        let stream: &[u8] = &[
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0x88, 1, 0, 0, 1,
            0x65, 0x44, 2, 0, 0, 1, 0x41, 0x9a, 3, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x41, 0x9b, 4,
        ];
        let clip = Clip::from_annex_b(Bytes::from_static(stream), 25.0).unwrap();
        let sizes: Vec<_> = clip.pictures.iter().map(Vec::len).collect();
        assert_eq!(sizes, [4, 1, 2]);
        assert_eq!(clip.description().medias.len(), 1);
    }

    #[test]
    fn what_cannot_be_streamed_is_an_error() {
        let clip = |stream: &'static [u8]| Clip::from_annex_b(Bytes::from_static(stream), 25.0).map(drop);
        assert_eq!(clip(&[]), Err(ClipError::NoPicture));
        assert_eq!(clip(&[0, 0, 1, 0x67, 1, 2, 3]), Err(ClipError::NoPicture));
        assert_eq!(clip(&[0, 0, 1, 0x65, 0x88, 1]), Err(ClipError::NoParameterSets));
    }
}
