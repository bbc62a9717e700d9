use bytes::Bytes;
use rtspan_core::header::{Frames, NptTime, UtcTime};
use rtspan_core::payload::Parts;
use rtspan_core::{Format, Media, MediaKind};

use super::*;
use crate::vod::Section;

/// A picture every 40 ms, of which each fifth is a keyframe and each third one is not needed by others, and as much sound.
const STEP: i64 = 40_000_000;
const GROUP: i64 = 5;
const SECOND: i64 = 1_000_000_000;
/// When the recording begins: at a second of the year 2026.
const BEGIN: i64 = 1_790_000_000 * SECOND;

/// Two sections of ten pictures, with an hour between.
#[derive(Debug)]
struct Numbered {
    description: Description,
    sections: Vec<Section>,
    /// Frames that were recorded so far, in the order in which they are decoded.
    frames: Vec<Frame>,
    at: usize,
    is_growing: bool,
}

impl Numbered {
    fn new() -> Self {
        let video = Media::new(MediaKind::Video, vec![Format::h264(96, &[0x67, 66, 0, 30], &[0x68, 1])]);
        let sound = Media::new(MediaKind::Audio, vec![Format::pcma()]);
        let (mut sections, mut frames) = (Vec::new(), Vec::new());
        for section in 0..2 {
            let start = BEGIN + section * 3600 * SECOND;
            sections.push(Section { start, end: start + 10 * STEP });
            for picture in 0..10 {
                let pts = start + picture * STEP;
                let number = section * 10 + picture;
                let head = match picture {
                    picture if picture % GROUP == 0 => 0x65,
                    picture if picture % 3 == 2 => 0x01,
                    _ => 0x41,
                };
                let nal = Bytes::from(vec![head, 0x80, number as u8]);
                let mut frame = Frame::new(0, pts, Parts::from_iter([nal]));
                frame.is_keyframe = head == 0x65;
                frame.time.begins_anew = picture == 0;
                frames.push(frame);
                let mut frame = Frame::new(1, pts, vec![number as u8; 80]);
                frame.is_keyframe = true;
                frame.time.begins_anew = picture == 0;
                frames.push(frame);
            }
        }
        Self { description: Description::new(vec![video, sound]), sections, frames, at: 0, is_growing: false }
    }
}

impl Footage for Numbered {
    fn description(&self) -> &Description {
        &self.description
    }

    fn has_wall_clock(&self) -> bool {
        true
    }

    fn sections(&self) -> &[Section] {
        &self.sections
    }

    fn is_growing(&self) -> bool {
        self.is_growing
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let is_clean = |frame: &Frame| frame.media == 0 && frame.is_keyframe && frame.time.pts <= to;
        self.at = self.frames.iter().rposition(is_clean).unwrap_or(0);
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        let next = self.frames.get(self.at).cloned();
        self.at += usize::from(next.is_some());
        Ok(next)
    }
}

/// A frame as it was sent: its media and number, and what its extension tells by letters.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Sent {
    media: usize,
    number: u8,
    flags: String,
    timestamp: u32,
    due: Duration,
}

fn film(footage: Numbered) -> Film {
    Film::new(Box::new(footage), [7; 32]).unwrap()
}

/// Plays until nothing comes any more.
fn rest(film: &mut Film) -> Vec<Sent> {
    let mut sent = Vec::new();
    while let Due::In(due) = film.due().unwrap() {
        let step = film.take().unwrap();
        let [packet] = &step.packets[..] else { panic!("a packet for each frame") };
        let flags = OnvifExtension::of(packet).map(|extension| {
            assert_eq!(extension.cseq, 123);
            let bits = [
                (extension.is_clean_point, 'C'),
                (extension.ends_section, 'E'),
                (extension.is_discontinuous, 'D'),
                (extension.is_last, 'T'),
            ];
            let number = i64::from(*packet.payload().last().unwrap());
            let recorded = BEGIN + number / 10 * 3600 * SECOND + number % 10 * STEP;
            let apart = extension.ntp.to_unix().unwrap().as_nanos() as i64 - recorded;
            assert!(apart.abs() < 1000, "a frame tells when it was recorded");
            bits.into_iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect()
        });
        sent.push(Sent {
            media: step.media,
            number: *packet.payload().last().unwrap(),
            flags: flags.unwrap_or_default(),
            timestamp: packet.timestamp(),
            due,
        });
    }
    sent
}

/// The pictures alone, with what is told of them.
fn pictures(sent: &[Sent]) -> Vec<(u8, &str)> {
    let pictures = sent.iter().filter(|sent| sent.media == 0);
    pictures.map(|sent| (sent.number, sent.flags.as_str())).collect()
}

fn numbers(sent: &[Sent]) -> Vec<u8> {
    pictures(sent).into_iter().map(|(number, _)| number).collect()
}

/// A time so many pictures behind the beginning, and half a one.
fn clock(picture: i64) -> Option<UtcTime> {
    let nanos = BEGIN + picture * STEP + if picture % GROUP == 0 { 0 } else { STEP / 2 };
    Some(UtcTime::from_unix(Duration::from_nanos(nanos as u64)))
}

fn from(start: i64) -> Option<Range> {
    Some(Range::Clock { start: clock(start), end: None })
}

/// The number of pictures in an hour.
const HOUR: i64 = 3600 * SECOND / STEP;

fn replay(replay: Replay, range: Option<Range>, scale: f32) -> Wish {
    Wish { range, scale: Some(scale), speed: None, replayed: Some(Replayed { replay, cseq: 123 }) }
}

const AS_FAST: Replay = Replay::new().without_rate_control();

#[test]
fn gaps_and_the_end_are_told_with_the_last_frame_of_each_media() {
    let mut film = film(Numbered::new());
    let started = film.play(&replay(AS_FAST, from(0), 1.0)).unwrap();
    assert_eq!(started.range, Range::Clock { start: clock(0), end: clock(HOUR + 10) });
    let sent = rest(&mut film);
    assert_eq!(numbers(&sent), (0..20).collect::<Vec<_>>());
    for sent in &sent {
        let mut flags = String::new();
        flags.extend((sent.media == 1 || sent.number % 5 == 0).then_some('C'));
        flags.extend((sent.number % 10 == 9).then_some('E'));
        flags.extend((sent.number == 0).then_some('D'));
        flags.extend((sent.number == 19).then_some('T'));
        assert_eq!(sent.flags, flags, "{sent:?}");
        assert_eq!(sent.due, Duration::ZERO);
    }
    // Timestamps are those of the recording, an hour apart.
    let apart = sent[20].timestamp.wrapping_sub(sent[0].timestamp);
    assert_eq!(apart, 3600 * 90_000);
}

#[test]
fn now_is_the_newest_keyframe_and_goes_on_where_more_is_recorded() {
    let now = Some(Range::Npt { start: Some(NptTime::Now), end: None });
    for is_growing in [true, false] {
        let mut film = film(Numbered { is_growing, ..Numbered::new() });
        let started = film.play(&Wish { range: now, ..Wish::default() }).unwrap();
        let end = if is_growing { None } else { clock(HOUR + 10) };
        assert_eq!(started.range, Range::Clock { start: clock(HOUR + 5), end }, "{is_growing}");
        assert_eq!(numbers(&rest(&mut film)), (15..20).collect::<Vec<_>>());
        assert_eq!(film.due().unwrap(), if is_growing { Due::Later } else { Due::Never });
    }
    let mut film = film(Numbered::new());
    film.play(&Wish { range: now, scale: Some(-1.0), ..Wish::default() }).unwrap();
    assert_eq!(numbers(&rest(&mut film)), [15, 10, 5, 0]);
}

#[test]
fn backwards_groups_of_pictures_come_one_before_the_other() {
    let mut film = film(Numbered::new());
    film.play(&replay(AS_FAST, from(HOUR + 8), -1.0)).unwrap();
    let sent = rest(&mut film);
    let expected: Vec<u8> = [15..19, 10..15, 5..10, 0..5].into_iter().flatten().collect();
    assert_eq!(numbers(&sent), expected);
    assert!(sent.iter().all(|sent| sent.media == 0), "no sound");
    for (number, flags) in pictures(&sent) {
        let expected = match number {
            0 | 5 | 10 | 15 => "CD",
            14 => "E",
            4 => "ET",
            _ => "",
        };
        assert_eq!(flags, expected, "{number}");
    }
    // As forwards.
    let forwards = rest(&mut {
        film.play(&replay(AS_FAST, from(0), 1.0)).unwrap();
        film
    });
    for sent in sent {
        let same = forwards.iter().find(|other| (other.media, other.number) == (0, sent.number)).unwrap();
        assert_eq!(sent.timestamp, same.timestamp, "{}", sent.number);
    }
}

#[test]
fn each_media_is_a_track_of_the_recording() {
    let film = film(Numbered::new());
    let tracks: Vec<_> = film.description().medias.iter().map(|media| media.onvif_track.as_deref()).collect();
    assert_eq!(tracks, [Some("VIDEO001"), Some("AUDIO002")]);
}

#[test]
fn what_is_resumed_ends_where_its_range_does() {
    let mut film = film(Numbered::new());
    let range = Range::Clock { start: clock(0), end: clock(8) };
    film.play(&replay(AS_FAST, Some(range), 1.0)).unwrap();
    for _ in 0..4 {
        film.due().unwrap();
        film.take().unwrap();
    }
    let resumed = film.play(&replay(AS_FAST, None, 1.0)).unwrap();
    assert!(matches!(resumed.range, Range::Clock { end, .. } if end == clock(8)), "{resumed:?}");
    assert_eq!(numbers(&rest(&mut film)), (2..9).collect::<Vec<_>>());
    // It has ended, and goes on.
    film.play(&replay(AS_FAST, None, 1.0)).unwrap();
    let rest = numbers(&rest(&mut film));
    assert_eq!((rest.first(), rest.last()), (Some(&9), Some(&19)));
}

#[test]
fn a_range_has_the_groups_that_are_needed_for_it() {
    let mut film = film(Numbered::new());
    for (start, end, scale, expected) in [
        (6, 8, 1.0, vec![5, 6, 7, 8]),
        (8, 6, -1.0, vec![5, 6, 7, 8]),
        (6, 3, -1.0, vec![5, 6, 0, 1, 2, 3, 4]),
        // An increasing range backwards: from its later end.
        (3, 6, -1.0, vec![5, 6, 0, 1, 2, 3, 4]),
    ] {
        let range = Range::Clock { start: clock(start), end: clock(end) };
        film.play(&replay(AS_FAST, Some(range), scale)).unwrap();
        let sent = rest(&mut film);
        assert_eq!(numbers(&sent), expected, "{start} to {end}");
        let (last, flags) = *pictures(&sent).last().unwrap();
        // Picture 4 is the last of the group with which the section begins.
        assert_eq!(flags, if last == 4 { "ET" } else { "T" }, "{start} to {end}: {last}");
    }
    let reversed = Range::Clock { start: clock(8), end: clock(6) };
    assert!(matches!(film.play(&replay(AS_FAST, Some(reversed), 1.0)), Err(FilmError::NoSuchPlace)));
}

#[test]
fn a_range_that_ends_in_a_gap_ends_a_section() {
    let mut film = film(Numbered::new());
    for (start, end, scale, last) in [(6, HOUR / 2, 1.0, (9, "ET")), (HOUR + 8, HOUR / 2, -1.0, (14, "ET"))] {
        let range = Range::Clock { start: clock(start), end: clock(end) };
        film.play(&replay(AS_FAST, Some(range), scale)).unwrap();
        assert_eq!(pictures(&rest(&mut film)).last(), Some(&last), "{scale}");
    }
}

#[test]
fn in_a_gap_it_begins_with_what_comes_next_in_the_direction_of_play() {
    let mut film = film(Numbered::new());
    for (scale, expected) in [(1.0, vec![10, 11]), (-1.0, vec![5, 6])] {
        film.play(&replay(AS_FAST, from(HOUR / 2), scale)).unwrap();
        assert_eq!(numbers(&rest(&mut film))[..2], expected, "{scale}");
    }
}

#[test]
fn fewer_pictures_are_sent_where_fewer_are_wanted() {
    let mut film = film(Numbered::new());
    for (frames, scale, expected) in [
        (Frames::Predicted, 1.0, vec![0, 1, 3, 4, 5, 6, 7, 9]),
        (Frames::Predicted, -1.0, vec![5, 6, 7, 9, 0, 1, 3, 4]),
        (Frames::Intra { every: None }, 1.0, vec![0, 5]),
        (Frames::Intra { every: None }, -1.0, vec![5, 0]),
        (Frames::Intra { every: Some(Duration::from_millis(200)) }, 1.0, vec![0, 5]),
        (Frames::Intra { every: Some(Duration::from_millis(201)) }, 1.0, vec![0]),
        (Frames::Intra { every: Some(Duration::from_millis(201)) }, -1.0, vec![5]),
    ] {
        let mut range = Range::Clock { start: clock(0), end: clock(10) };
        if scale < 0.0 {
            range = Range::Clock { start: clock(9), end: clock(0) };
        }
        film.play(&replay(AS_FAST.only(frames), Some(range), scale)).unwrap();
        let sent = rest(&mut film);
        assert_eq!(numbers(&sent), expected, "{frames:?} {scale}");
        assert_eq!(sent.iter().any(|sent| sent.media == 1), scale > 0.0 && frames == Frames::Predicted);
    }
}

#[test]
fn without_replay_a_gap_is_passed_over_without_waiting() {
    let mut film = film(Numbered::new());
    let started =
        film.play(&Wish { range: Some(Range::from_npt(Duration::ZERO)), ..Wish::default() }).unwrap();
    let end = Some(NptTime::At(Duration::from_millis(800)));
    assert_eq!(started.range, Range::Npt { start: Some(NptTime::At(Duration::ZERO)), end });
    let sent = rest(&mut film);
    for (index, sent) in sent.iter().filter(|sent| sent.media == 0).enumerate() {
        assert_eq!((usize::from(sent.number), sent.flags.as_str()), (index, ""));
        assert_eq!(sent.due, Duration::from_millis(40) * index as u32);
    }
    let first = sent[0].timestamp;
    let last = sent.iter().rfind(|sent| sent.media == 0).unwrap();
    assert_eq!(last.timestamp.wrapping_sub(first), 19 * 3600);
    // Half a second of playing time is in the second section.
    film.play(&Wish { range: Some(Range::from_npt(Duration::from_millis(500))), ..Wish::default() }).unwrap();
    assert_eq!(numbers(&rest(&mut film))[0], 10);
}

#[test]
fn what_is_asked_for_faster_is_sent_faster_with_the_same_timestamps() {
    let mut film = film(Numbered::new());
    let mut timestamps = Vec::new();
    for speed in [None, Some(2.0)] {
        let wish = Wish { range: from(0), speed, ..Wish::default() };
        assert_eq!(film.play(&wish).unwrap().speed, speed);
        let sent = rest(&mut film);
        let last = sent.last().unwrap();
        assert_eq!(last.due, Duration::from_millis(19 * if speed.is_some() { 20 } else { 40 }));
        timestamps.push(last.timestamp.wrapping_sub(sent[1].timestamp));
    }
    assert_eq!(timestamps[0], timestamps[1]);
}

#[test]
fn what_is_still_recorded_has_no_end() {
    let mut footage = Numbered::new();
    footage.is_growing = true;
    let mut film = film(footage);
    film.play(&replay(AS_FAST, from(HOUR + 5), 1.0)).unwrap();
    let sent = rest(&mut film);
    assert_eq!(film.due().unwrap(), Due::Later);
    assert_eq!(pictures(&sent).last(), Some(&(19, "")));
}

#[test]
fn behind_the_end_of_a_range_it_goes_on_with_the_very_next_picture() {
    let mut film = film(Numbered::new());
    let range = Range::Clock { start: clock(0), end: clock(3) };
    film.play(&Wish { range: Some(range), ..Wish::default() }).unwrap();
    let mut sent = numbers(&rest(&mut film));
    film.play(&Wish::default()).unwrap();
    sent.extend(numbers(&rest(&mut film)));
    assert_eq!(sent, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_picture_behind_the_end_is_sent_if_one_before_it_needs_it() {
    let mut footage = Numbered::new();
    // Picture 7 is decoded before 6, which is shown before it.
    footage.frames.retain(|frame| frame.media == 0);
    footage.frames.swap(6, 7);
    let (early, late) = (footage.frames[7].dts, footage.frames[6].dts);
    (footage.frames[6].dts, footage.frames[7].dts) = (early, early + 1);
    assert!(early < late);
    let mut film = film(footage);
    for (end, expected) in [(7, vec![5, 7, 6]), (6, vec![5])] {
        let end = Some(UtcTime::from_unix(Duration::from_nanos((BEGIN + end * STEP) as u64)));
        let range = Range::Clock { start: clock(5), end };
        film.play(&Wish { range: Some(range), ..Wish::default() }).unwrap();
        assert_eq!(numbers(&rest(&mut film)), expected);
    }
}
