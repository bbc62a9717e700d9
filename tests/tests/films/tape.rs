//! A recording in which each frame says its number: pictures and sound in sections with gaps between them.

use std::sync::Arc;
use std::time::Duration;

use rtspan_core::frame::Frame;
use rtspan_core::{Description, Format, Media, MediaKind, NtpTime};
use rtspan_examples::source::SourceError;
use rtspan_examples::vod::{Footage, Library, Section};

pub(crate) const PICTURE: usize = 0;
pub(crate) const SOUND: usize = 1;

/// Pictures from one that can be decoded by itself to the next.
pub(crate) const GROUP: u32 = 10;
/// Pictures of each section.
const SECTION: u32 = 250;
const SECTIONS: u32 = 4;
/// All pictures.
pub(crate) const PICTURES: u32 = SECTION * SECTIONS;
/// The time of a picture, and of a piece of sound, in nanoseconds.
pub(crate) const STEP: i64 = 40_000_000;
const SOUND_STEP: i64 = STEP / 2;
/// From the beginning of a section to that of the next: behind ten seconds of footage there are twenty of nothing.
const APART: i64 = 30_000_000_000;
/// When it was recorded, in nanoseconds since 1970.
pub(crate) const BEGIN: i64 = 1_700_000_000_000_000_000;

const KEYFRAME: u8 = 0x65;
const SLICE: u8 = 0x41;
/// The first bit of a slice says that it is the first one of its picture.
const FIRST: u8 = 0x80;

/// When a picture was recorded.
pub(crate) fn time_of(picture: u32) -> i64 {
    BEGIN + i64::from(picture / SECTION) * APART + i64::from(picture % SECTION) * STEP
}

/// When a piece of sound was recorded; each picture has two.
pub(crate) fn time_of_sound(piece: u32) -> i64 {
    time_of(piece / 2) + i64::from(piece % 2) * SOUND_STEP
}

/// The end of what was recorded.
pub(crate) fn end() -> i64 {
    time_of(PICTURES - 1) + STEP
}

pub(crate) fn is_keyframe(picture: u32) -> bool {
    picture % GROUP == 0
}

pub(crate) fn begins_section(picture: u32) -> bool {
    picture % SECTION == 0
}

/// Returns `true` if both are of one section.
pub(crate) fn is_one_section(one: u32, other: u32) -> bool {
    one / SECTION == other / SECTION
}

/// The last keyframe at or before a time, whatever gaps there are in between; the first, if there is none.
pub(crate) fn keyframe_before(time: i64) -> u32 {
    let keyframes = (0..PICTURES).filter(|picture| is_keyframe(*picture));
    keyframes.take_while(|picture| time_of(*picture) <= time).last().unwrap_or(0)
}

/// The last picture at or before a time; `None` in front of all.
pub(crate) fn picture_at(time: i64) -> Option<u32> {
    (0..PICTURES).rev().find(|picture| time_of(*picture) <= time)
}

/// The end of the section that a picture is in.
pub(crate) fn section_end(picture: u32) -> i64 {
    time_of(picture / SECTION * SECTION) + i64::from(SECTION) * STEP
}

/// The first picture of the section behind that of another one.
pub(crate) fn next_section(picture: u32) -> Option<u32> {
    Some((picture / SECTION + 1) * SECTION).filter(|next| *next < PICTURES)
}

/// The NAL unit of a picture: its number, and as many bytes as it takes, which are its own.
pub(crate) fn picture(number: u32) -> Vec<u8> {
    let kind = if is_keyframe(number) { KEYFRAME } else { SLICE };
    let length = if is_keyframe(number) { 5000 } else { 40 + number % 7 * 300 };
    let own = (0..length).map(|at| (number.wrapping_mul(31).wrapping_add(at) % 251) as u8);
    [kind, FIRST].into_iter().chain(digits(number)).chain(own).collect()
}

/// A piece of sound: its number, over and over.
pub(crate) fn sound(number: u32) -> Vec<u8> {
    digits(number).repeat(40)
}

/// A number in four bytes of which none is zero, since zeros stand between NAL units.
fn digits(number: u32) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| 0x80 | (number >> shift) as u8)
}

/// The number that stands at the beginning of a frame.
pub(crate) fn number_of(media: usize, bytes: &[u8]) -> u32 {
    let from = if media == PICTURE { 2 } else { 0 };
    bytes[from..from + 4].iter().fold(0, |number, digit| number << 7 | u32::from(digit & 0x7f))
}

/// The recording, as the server plays it.
#[derive(Debug)]
struct Tape {
    description: Description,
    sections: Arc<[Section]>,
    /// The frame that comes next: each picture is followed by its two pieces of sound.
    next: u32,
}

impl Tape {
    fn new() -> Self {
        let format = Format::h264(96, &[0x67, 0x42, 0, 0x1e], &[0x68, 0xce]);
        let mut video = Media::new(MediaKind::Video, vec![format]);
        video.onvif_track = Some("VIDEO001".to_owned());
        let mut audio = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        audio.onvif_track = Some("AUDIO001".to_owned());
        let first = |section| section * SECTION;
        let section = |first| Section { start: time_of(first), end: section_end(first) };
        let sections = (0..SECTIONS).map(first).map(section).collect();
        Self { description: Description::new(vec![video, audio]), sections, next: 0 }
    }
}

impl Footage for Tape {
    fn description(&self) -> &Description {
        &self.description
    }

    fn has_wall_clock(&self) -> bool {
        true
    }

    fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.next = keyframe_before(to) * 3;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let (number, part) = (self.next / 3, self.next % 3);
        if number == PICTURES {
            return Ok(None);
        }
        self.next += 1;
        let piece = number * 2 + part.saturating_sub(1);
        let mut frame = match part {
            0 => Frame::new(PICTURE, time_of(number), picture(number)),
            _ => Frame::new(SOUND, time_of_sound(piece), sound(piece)),
        };
        frame.is_keyframe = part > 0 || is_keyframe(number);
        frame.time.begins_anew = begins_section(number) && part < 2;
        let since_1970 = Duration::from_nanos(frame.time.pts.unsigned_abs());
        Ok(Some(frame.with_ntp(NtpTime::from_unix(since_1970))))
    }
}

/// The recording at each path.
#[derive(Debug)]
pub(crate) struct Tapes;

impl Library for Tapes {
    fn open(&self, _path: &str) -> Option<Result<Box<dyn Footage>, SourceError>> {
        Some(Ok(Box::new(Tape::new())))
    }
}
