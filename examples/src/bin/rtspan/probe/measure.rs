//! The measures of each media, by its frames: size, rates, profile, bitrate, the time from keyframe to keyframe.

use std::collections::BTreeMap;

use rtspan_core::frame::FrameReader;
use rtspan_core::payload::{FrameRate, Parameters};
use rtspan_std::{Description, Frame, Media, Received};
use serde_json::{Value, json};

use super::profile::profile;
use crate::text::counted;

/// So much of a media has to come before its rates are believed, in nanoseconds.
const SPAN_MIN: i64 = 1_000_000_000;
/// Frames of a media that are measured.
const FRAMES_MAX: usize = 4096;
/// Frames at each end that tell nothing of the rate.
const EDGE_FRAMES: usize = 4;
/// Timestamps so far apart, in nanoseconds, are of different sources.
const JUMP_MIN: i64 = 10_000_000_000;
/// The part by which a rate that is told may differ from the measured one, and is still the one to tell.
const RATE_ERROR_MAX: f64 = 0.05;

/// Puts frames together and measures them.
#[derive(Debug)]
pub(super) struct Measure {
    reader: FrameReader,
    clock_rates: Vec<u32>,
    medias: BTreeMap<usize, Measured>,
}

/// The measures of a media.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    parameters: Option<Parameters>,
    clock: MediaClock,
    /// The times of frames, in nanoseconds.
    frames: Vec<i64>,
    keyframes: Vec<i64>,
    /// Bytes of the frames behind the first, and behind those that came in one packet with it.
    bytes: u64,
}

/// The time of a media by its timestamps alone, which nothing corrects.
#[derive(Clone, Copy, Debug, Default)]
struct MediaClock {
    before: Option<u32>,
    nanos: i64,
}

impl Measure {
    pub(super) fn new(description: &Description) -> Self {
        let rate = |media: &Media| media.formats.first().map_or(0, |format| format.clock_rate());
        Self {
            reader: FrameReader::new(description),
            clock_rates: description.medias.iter().map(rate).collect(),
            medias: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, received: &Received) {
        // A packet that cannot be read costs one frame.
        let _ = self.reader.push(received);
        let measured = self.medias.entry(received.media).or_default();
        let rate = self.clock_rates.get(received.media).copied().unwrap_or_default();
        let at = measured.clock.at(received.packet.timestamp(), rate);
        while let Some(frame) = self.reader.poll() {
            measured.take(at, frame);
        }
    }

    /// Enough of a media has come, or its packets tell nothing.
    pub(super) fn is_enough(&self, media: usize) -> bool {
        let can_be_read = self.reader.stats(media).is_some();
        !can_be_read || self.medias.get(&media).is_some_and(Measured::is_enough)
    }

    pub(super) fn into_medias(self) -> BTreeMap<usize, Measured> {
        self.medias
    }
}

impl MediaClock {
    fn at(&mut self, timestamp: u32, rate: u32) -> i64 {
        let passed = timestamp.wrapping_sub(self.before.unwrap_or(timestamp)) as i32;
        let nanos = (i64::from(passed) * 1_000_000_000).checked_div(rate.into()).unwrap_or_default();
        // A source that has begun anew goes on where the other was.
        if nanos.abs() < JUMP_MIN {
            self.nanos += nanos;
        }
        self.before = Some(timestamp);
        self.nanos
    }
}

/// The time from the first to the last.
fn span(times: &[i64]) -> i64 {
    let bounds = times.iter().min().zip(times.iter().max());
    bounds.map_or(0, |(first, last)| last - first)
}

/// Seconds from one to the next on average; `None` before the second.
fn interval(times: &[i64]) -> Option<f64> {
    let steps = times.len().checked_sub(1).filter(|_| span(times) > 0)?;
    Some(span(times) as f64 / 1e9 / steps as f64)
}

impl Measured {
    fn take(&mut self, at: i64, frame: Frame) {
        if self.frames.len() >= FRAMES_MAX {
            return;
        }
        if self.frames.first().is_some_and(|first| *first != at) {
            self.bytes = self.bytes.saturating_add(frame.data.total_bytes() as u64);
        }
        self.frames.push(at);
        if frame.is_keyframe {
            self.keyframes.push(at);
        }
        if let Some(parameters) = frame.new_parameters {
            self.parameters = Some(*parameters);
        }
    }

    fn is_video(&self) -> bool {
        self.parameters.as_ref().is_some_and(|parameters| parameters.video.is_some())
    }

    fn is_enough(&self) -> bool {
        self.frames.len() >= FRAMES_MAX || span(&self.frames) >= SPAN_MIN && self.keyframes.len() >= 2
    }

    /// Pictures a second: as the stream tells, if it keeps what it tells; else as measured.
    fn frame_rate(&self) -> Option<f64> {
        let video = self.parameters.as_ref()?.video?;
        let told = video.frame_rate.map(FrameRate::as_f64);
        let mut times = self.frames.clone();
        times.sort_unstable();
        // Pictures at both ends may have come before or without those that are presented before them.
        let edge = EDGE_FRAMES.min(times.len() / 8);
        let times = times.get(edge..times.len() - edge)?;
        let Some(measured) = interval(times).map(|interval| 1.0 / interval) else { return told };
        Some(told.filter(|told| (told - measured).abs() <= measured * RATE_ERROR_MAX).unwrap_or(measured))
    }

    /// Bits a second, without the headers of packets.
    fn bitrate(&self) -> Option<u64> {
        let nanos = Some(span(&self.frames)).filter(|nanos| *nanos > 0)?;
        Some((self.bytes as f64 * 8e9 / nanos as f64).round() as u64)
    }

    fn keyframe_interval(&self) -> Option<f64> {
        interval(&self.keyframes).filter(|_| self.is_video())
    }

    /// In a line for a person; `None` if nothing is known.
    pub(super) fn line(&self) -> Option<String> {
        let mut parts = Vec::new();
        if let Some((profile, level)) = self.profile() {
            parts.push(profile);
            parts.extend(level.map(|level| format!("level {level}")));
        }
        let parameters = self.parameters.as_ref();
        if let Some(video) = parameters.and_then(|parameters| parameters.video) {
            parts.push(format!("{}x{}", video.width, video.height));
        }
        parts.extend(self.frame_rate().map(|rate| counted(rounded(rate, 100.0), "picture") + "/s"));
        if let Some(audio) = parameters.and_then(|parameters| parameters.audio) {
            parts.push(format!("{} Hz", audio.sample_rate));
            parts.extend((audio.channels > 0).then(|| counted(audio.channels, "channel")));
        }
        parts.extend(self.bitrate().map(|bits| format!("{} kbit/s", bits.div_ceil(1000))));
        let interval = self.keyframe_interval();
        parts.extend(interval.map(|seconds| format!("a keyframe every {} s", rounded(seconds, 100.0))));
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    pub(super) fn to_json(&self) -> Value {
        let parameters = self.parameters.as_ref();
        let video = parameters.and_then(|parameters| parameters.video);
        let audio = parameters.and_then(|parameters| parameters.audio);
        let (profile, level) = self.profile().unzip();
        json!({
            "codec": parameters.and_then(|parameters| parameters.codec.as_deref()),
            "profile": profile,
            "level": level.flatten(),
            "width": video.map(|video| video.width),
            "height": video.map(|video| video.height),
            "pixel_aspect": video.and_then(|video| video.pixel_aspect).map(|(width, height)| [width, height]),
            "frame_rate": self.frame_rate(),
            "keyframe_interval": self.keyframe_interval(),
            "bitrate": self.bitrate(),
            "sample_rate": audio.map(|audio| audio.sample_rate),
            "channels": audio.map(|audio| audio.channels).filter(|channels| *channels > 0),
        })
    }

    fn profile(&self) -> Option<(String, Option<String>)> {
        profile(self.parameters.as_ref()?.codec.as_deref()?)
    }
}

/// A number with as many digits as are of use.
fn rounded(number: f64, unit: f64) -> f64 {
    (number * unit).round() / unit
}

#[cfg(test)]
mod tests {
    use rtspan_core::payload::ParameterWatch;
    use rtspan_std::Format;

    use super::*;

    /// Frames of 1000 bytes, 40 ms apart, every tenth a keyframe.
    fn measured(format: &Format, count: i64) -> Measured {
        let mut measured = Measured::default();
        for number in 0..count {
            let at = number * 40_000_000;
            let mut frame = Frame::new(0, at, vec![0; 1000]);
            frame.is_keyframe = number % 10 == 0;
            if number == 0 {
                frame.new_parameters = Some(Box::new(ParameterWatch::new(format).parameters()));
            }
            measured.take(at, frame);
        }
        measured
    }

    /// 1280 x 720, High, 30 pictures a second.
    fn video() -> Format {
        let sps = [
            0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0, 0, 3, 0, 0x10, 0, 0,
            3, 3, 0xc8, 0xf1, 0x83, 0x19, 0x60,
        ];
        Format::h264(96, &sps, &[0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0])
    }

    #[test]
    fn a_rate_that_is_told_and_not_kept_is_measured() {
        let video = measured(&video(), 26);
        assert_eq!(
            video.line().as_deref(),
            Some("High, level 3.1, 1280x720, 25 pictures/s, 200 kbit/s, a keyframe every 0.4 s")
        );
        let json = video.to_json();
        assert_eq!((&json["width"], &json["codec"]), (&json!(1280), &json!("avc1.64001F")));
        assert_eq!((&json["bitrate"], &json["sample_rate"]), (&json!(200_000), &Value::Null));
    }

    #[test]
    fn sound_has_no_keyframes_to_tell() {
        let sound = measured(&Format::pcma(), 26);
        assert_eq!(sound.line().as_deref(), Some("8000 Hz, 1 channel, 200 kbit/s"));
        assert_eq!(sound.to_json()["keyframe_interval"], Value::Null);
    }

    #[test]
    fn the_clock_goes_on_over_the_wrap_of_timestamps_and_over_a_jump() {
        let mut clock = MediaClock::default();
        let times = [u32::MAX - 8999, 0, 9000, 4500, 3_000_000_000, 3_000_009_000];
        let times = times.map(|timestamp| clock.at(timestamp, 90_000) / 1_000_000);
        assert_eq!(times, [0, 100, 200, 150, 150, 250]);
    }

    #[test]
    fn enough_is_a_second_and_two_keyframes() {
        assert!(!measured(&video(), 25).is_enough());
        assert!(measured(&video(), 26).is_enough());
        assert_eq!(measured(&video(), 1).bitrate(), None);
        assert_eq!(Measured::default().line(), None);
    }
}
