use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rtspan_core::Format;
use rtspan_core::payload::{AccessUnit, ParameterWatch};

use super::super::FileSource;
use super::*;
use crate::mp4::Mp4Writer;

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const SECOND: i64 = 1_000_000_000;
/// The wall clock time of the first picture, in seconds since 1970.
const BEGUN: u64 = 1_790_000_000;

/// A file that goes when its test ends.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("rtspan-{}-{name}.mp4", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn open(&self) -> Result<FileSource, SourceError> {
        FileSource::open(&self.0, 25.0)
    }

    fn append(&self, bytes: &[u8]) {
        OpenOptions::new().append(true).open(&self.0).unwrap().write_all(bytes).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Pictures of H.264 ten times a second and G.711, with a keyframe each second, and a wall clock that goes on by `ntp(pts)`.
fn film(seconds: i64, ntp: impl Fn(i64) -> NtpTime) -> Vec<u8> {
    let formats = [Format::h264(96, SPS, PPS), Format::pcma()];
    let mut new_parameters: Vec<_> =
        formats.iter().map(|format| Some(Box::new(ParameterWatch::new(format).parameters()))).collect();
    let mut writer = Mp4Writer::new(Vec::new(), [0, 1]);
    for number in 0..seconds * 10 {
        let pts = number * SECOND / 10;
        for media in [0, 1] {
            let is_keyframe = media == 1 || number % 10 == 0;
            let nal = [if is_keyframe { 0x65 } else { 0x41 }, number as u8, 1, 2];
            let data = if media == 0 { [&[0, 0, 0, 4][..], &nal].concat() } else { vec![number as u8; 800] };
            let mut frame = Frame::new(media, pts, data).with_ntp(ntp(pts));
            frame.is_keyframe = is_keyframe;
            frame.new_parameters = new_parameters[media].take();
            writer.write(frame).unwrap();
        }
    }
    writer.finish().unwrap()
}

fn even(pts: i64) -> NtpTime {
    NtpTime::from_unix(Duration::from_secs(BEGUN) + Duration::from_nanos(pts.unsigned_abs()))
}

/// The presentation times of the pictures that are still to come, in tenths of a second.
fn pictures(source: &mut FileSource) -> Vec<i64> {
    let mut times = Vec::new();
    while let Some(frame) = source.next().unwrap() {
        times.extend((frame.media == 0).then_some(frame.time.pts * 10 / SECOND));
    }
    times
}

#[test]
fn each_frame_of_a_fragment_has_the_wall_clock_time_of_its_recording() {
    // The wall clock goes faster than the media, as that of another machine does.
    let ntp = |pts: i64| even(pts + pts / SECOND * 3_000_000);
    let file = Temporary::new("wall", &film(4, ntp));
    let mut source = file.open().unwrap();
    let mut count = 0;
    while let Some(frame) = source.next().unwrap() {
        let told = frame.time.reported_ntp().and_then(NtpTime::to_unix).unwrap();
        let wanted = ntp(frame.time.pts).to_unix().unwrap();
        assert!(told.abs_diff(wanted) < Duration::from_micros(20), "{told:?} instead of {wanted:?}");
        count += 1;
    }
    assert_eq!(count, 80);
}

#[test]
fn a_file_that_is_being_written_is_played_up_to_its_last_whole_fragment_and_then_on() {
    let whole = film(3, even);
    // In the data of the second fragment, in the boxes before them, and in those behind them.
    let places: Vec<usize> =
        whole.windows(4).enumerate().filter(|(_, name)| name == b"moof").map(|(at, _)| at).collect();
    let [_, second, third] = places[..] else { panic!("{places:?}") };
    for (name, cut, seconds) in [("data", third - 60, 1), ("moof", second + 30, 1), ("between", third - 4, 2)]
    {
        let file = Temporary::new(name, &whole[..cut]);
        let mut source = file.open().unwrap();
        let all: Vec<i64> = (0..30).collect();
        assert_eq!(pictures(&mut source), all[..seconds * 10], "{name}");
        assert!(source.next().unwrap().is_none(), "{name}: nothing has come");
        file.append(&whole[cut..]);
        assert_eq!(pictures(&mut source), all[seconds * 10..], "{name}");
        source.seek(SECOND * 5 / 2).unwrap();
        assert_eq!(pictures(&mut source), all[20..], "{name}");
    }
}

#[test]
fn what_lies_behind_the_last_fragment_does_no_harm() {
    let whole = film(2, even);
    for (name, rest) in
        [("zeros", &[0; 5_000][..]), ("words", &[0, 0, 0, 3, 9, 9, 9, 9, 1, 2]), ("huge", &[255; 64])]
    {
        let mut source = Temporary::new(name, &[&whole, rest].concat()).open().unwrap();
        assert_eq!(pictures(&mut source), (0..20).collect::<Vec<i64>>(), "{name}");
    }
}

/// The first bytes of FFmpeg's encoders, of pictures of 64 by 48.
const MPEG2: &[u8] = b"\0\0\x01\xb3\x04\x00\x30\x23\xff\xff\xe0\x18\0\0\x01\xb5\x14\x8a\x00\x01\x00\x00\0\0\x01\xb8\x00\x08\x00\x40";
const MPEG4: &[u8] =
    b"\0\0\x01\xb0\x01\0\0\x01\xb5\x89\x13\0\0\x01\0\0\0\x01\x20\0\xc4\x8d\x88\x00\xcd\x02\x04\x06\x14\x43";
const JPEG: &[u8] =
    b"\xff\xd8\xff\xc0\x00\x11\x08\x00\x30\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xda";

#[test]
fn formats_that_are_written_are_read() {
    for (number, (format, unit)) in [
        (Format::pcma(), &[1; 160][..]),
        (Format::pcmu(), &[2; 160]),
        (Format::new(96, "PCMU", 16_000).with_channels(2), &[3; 640]),
        (Format::pcm(96, 8, 8_000, 1), &[4; 160]),
        (Format::pcm(96, 16, 44_100, 2), &[5; 882]),
        (Format::pcm(96, 24, 48_000, 2), &[6; 600]),
        (Format::mpeg4_video(96, MPEG4), MPEG4),
        (Format::mpeg_video(), MPEG2),
        (Format::jpeg(), JPEG),
    ]
    .into_iter()
    .enumerate()
    {
        let mut watch = ParameterWatch::new(&format);
        let parts = bytes::Bytes::copy_from_slice(unit);
        watch.look(&AccessUnit::new(0, parts).with_keyframe(true));
        let mut frame = Frame::new(0, 0, unit.to_vec());
        (frame.is_keyframe, frame.new_parameters) = (true, Some(Box::new(watch.parameters())));
        let mut writer = Mp4Writer::new(Vec::new(), [0]);
        writer.write(frame).unwrap();
        let file = Temporary::new(&format!("format-{number}"), &writer.finish().unwrap());
        let mut source = file.open().unwrap();
        assert_eq!(source.description().medias[0].formats, [format]);
        assert_eq!(source.next().unwrap().unwrap().data.iter().next().unwrap(), unit);
    }
}

/// Numbers that are as good as any.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// Breaks a file at some places of its boxes.
fn broken(whole: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..1 + chance.below(4) {
        let at = chance.below(bytes.len().saturating_sub(8));
        match chance.below(5) {
            0 => bytes[at] ^= 1 << chance.below(8),
            1 => bytes.truncate(at.max(bytes.len() / 2)),
            2 => drop(bytes.splice(at..at, whole[..chance.below(64)].iter().copied())),
            _ => {
                let words = [0, 1, 7, 0x7fff_ffff, u32::MAX, whole.len() as u32];
                let word = words[chance.below(words.len())].to_be_bytes();
                bytes[at..at + 4].copy_from_slice(&word);
            }
        }
    }
    bytes
}

#[test]
fn a_broken_file_costs_nothing_but_its_frames() {
    let whole = film(3, even);
    // Data take most of the file, and are as good as any: what is broken are the boxes.
    let header = whole.windows(4).position(|name| name == b"mdat").unwrap();
    let (mut played, mut refused) = (0, 0);
    for seed in 0..1_000 {
        let mut chance = Chance(seed);
        let front = broken(&whole[..header + 8], &mut chance);
        let bytes =
            if seed % 2 == 0 { [&front, &whole[header + 8..]].concat() } else { broken(&whole, &mut chance) };
        let file = Temporary::new("broken", &bytes);
        let Ok(mut source) = file.open() else {
            refused += 1;
            continue;
        };
        for to in [None, Some(i64::MIN), Some(SECOND), Some(i64::MAX)] {
            if to.is_some_and(|to| source.seek(to).is_err()) {
                continue;
            }
            // Samples of no bytes may be many.
            for _ in 0..500 {
                let Ok(Some(frame)) = source.next() else { break };
                let size = frame.data.total_bytes();
                assert!(size <= bytes.len() + 64, "seed {seed}: {size} bytes of a file of {}", bytes.len());
                played += 1;
            }
        }
        let _ = source.span();
    }
    assert!(played > 5_000 && refused > 100, "{played} frames played, {refused} files refused");
}

#[test]
fn tables_of_a_box_that_is_too_long_are_not_read() {
    let whole = film(1, even);
    let at = whole.windows(4).position(|name| name == b"moov").unwrap() - 4;
    let mut bytes = whole;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let error = Temporary::new("long", &bytes).open().unwrap_err();
    assert!(matches!(error, SourceError::Malformed { kind: "MP4", .. }), "{error}");
    assert!(FileSource::open(Path::new("/nowhere.mp4"), 25.0).is_err());
}
