use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::time::Instant;

use rtspan_core::payload::{AccessUnit, ParameterWatch};
use rtspan_core::{Format, Media, NtpTime};

use super::*;
use crate::archive::{Archive, ArchiveConfig, CameraId};

mod played;

const MILLI: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
/// Half an hour before midnight, in nanoseconds since 1970.
const BEGUN: i64 = 1_790_033_400 * SECOND;
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x03, 0xc5, 0x68, 0x40];
const OTHER_SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0xd9, 0x03, 0xc5, 0x68, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
/// Four pictures a second, a keyframe every two seconds.
const PICTURE: i64 = SECOND / 4;
const GROUP: u32 = 8;

/// A folder that goes when its test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rtspan-{}-recordings-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> Box<dyn Footage> {
        Recordings::new(&self.0).open("/gate").unwrap().unwrap()
    }

    fn segments(&self) -> Vec<Segment> {
        archive::segments(&self.0.join("gate")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A camera that is recorded by a clock of our own. Each of its pictures has its number in it.
struct Recorder {
    archive: Archive,
    gate: CameraId,
    number: u32,
    /// The camera's media time of the next picture, and the wall clock time.
    pts: i64,
    wall: i64,
    has_sound: bool,
}

fn ntp(wall: i64) -> NtpTime {
    NtpTime::from_unix(Duration::from_nanos(wall.unsigned_abs()))
}

fn described(sps: &[u8], has_sound: bool) -> Description {
    let mut medias = vec![Media::new(MediaKind::Video, vec![Format::h264(96, sps, PPS)])];
    medias.extend(has_sound.then(|| Media::new(MediaKind::Audio, vec![Format::pcma()])));
    Description::new(medias)
}

impl Recorder {
    fn new(folder: &Folder, has_sound: bool) -> Self {
        let config = ArchiveConfig::new(Duration::from_secs(60));
        let mut archive = Archive::open(&folder.0, config, ntp(BEGUN)).unwrap();
        let gate = archive.camera("gate", &described(SPS, has_sound)).unwrap();
        Self { archive, gate, number: 0, pts: 0, wall: BEGUN, has_sound }
    }

    /// Records so many pictures, and the sound beside them; each with its time.
    fn record(&mut self, pictures: u32) -> Vec<(u32, i64)> {
        let mut recorded = Vec::new();
        for _ in 0..pictures {
            // Seven bits in each byte, so that none is zero.
            let [a, b, c, d] = [21, 14, 7, 0].map(|shift| (self.number >> shift) as u8 | 0x80);
            let is_keyframe = self.number.is_multiple_of(GROUP);
            let nal = [0, 0, 0, 6, if is_keyframe { 0x65 } else { 0x41 }, 0x88, a, b, c, d];
            let mut frame = Frame::new(0, self.pts, nal.to_vec()).with_ntp(ntp(self.wall));
            frame.is_keyframe = is_keyframe;
            self.archive.write(self.gate, frame, ntp(self.wall));
            if self.has_sound {
                self.sound();
            }
            recorded.push((self.number, self.wall));
            self.number += 1;
            self.pts += PICTURE;
            // The camera's clock is not the wall clock: it goes slower by one part in ten thousand.
            self.wall += PICTURE + PICTURE / 10_000;
        }
        recorded
    }

    fn sound(&mut self) {
        let mut sound = Frame::new(1, self.pts, vec![self.number as u8; 2_000]).with_ntp(ntp(self.wall));
        sound.is_keyframe = true;
        self.archive.write(self.gate, sound, ntp(self.wall));
    }

    /// The camera is gone for a time, and begins with a keyframe when it is back.
    fn gap(&mut self, time: i64) {
        self.archive.gap(self.gate);
        self.wall += time;
        self.number = self.number.next_multiple_of(GROUP);
    }
}

/// The number of a picture.
fn number_of(frame: &Frame) -> u32 {
    let nal = frame.data.slices().last().unwrap();
    nal[nal.len() - 4..].iter().fold(0, |number, byte| number << 7 | u32::from(byte & 0x7f))
}

fn wall_of(frame: &Frame) -> i64 {
    i64::try_from(frame.time.reported_ntp().and_then(NtpTime::to_unix).unwrap().as_nanos()).unwrap()
}

/// All pictures that are still to come: their numbers, wall clock times, and those that come behind a gap.
fn pictures(footage: &mut dyn Footage) -> (Vec<(u32, i64)>, Vec<u32>) {
    let (mut pictures, mut anew) = (Vec::new(), Vec::new());
    while let Some(frame) = footage.next().unwrap() {
        if frame.media == 0 {
            assert!((frame.time.pts - wall_of(&frame)).abs() < MILLI / 2, "it is the time of the footage");
            anew.extend(frame.time.begins_anew.then(|| number_of(&frame)));
            pictures.push((number_of(&frame), wall_of(&frame)));
        }
    }
    (pictures, anew)
}

fn assert_same(played: &[(u32, i64)], recorded: &[(u32, i64)]) {
    assert_eq!(played.len(), recorded.len());
    for (played, recorded) in played.iter().zip(recorded) {
        assert_eq!(played.0, recorded.0);
        assert!((played.1 - recorded.1).abs() < MILLI / 2, "{played:?} instead of {recorded:?}");
    }
}

/// An hour with three gaps; the first one is at the end of a segment. The pictures of each section.
fn an_hour(folder: &Folder, has_sound: bool) -> Vec<Vec<(u32, i64)>> {
    let mut recorder = Recorder::new(folder, has_sound);
    let mut sections = Vec::new();
    for (pictures, gap) in [(12 * 60 * 4, 150), (1_000 * 4 + 5, 7), (10 * 60 * 4 + 50, 95), (0, 0)] {
        let left = (BEGUN + 3_600 * SECOND - recorder.wall) / PICTURE;
        sections.push(recorder.record(if pictures == 0 { left as u32 } else { pictures }));
        recorder.gap(gap * SECOND);
    }
    drop(recorder);
    // It was recorded long ago, so that nobody waits for more.
    let newest = OpenOptions::new().append(true).open(&folder.segments().last().unwrap().path).unwrap();
    newest.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    sections
}

#[test]
fn an_hour_with_gaps_is_one_stream() {
    let folder = Folder::new("hour");
    let sections = an_hour(&folder, true);
    let all = sections.concat();
    let firsts: Vec<u32> = sections.iter().map(|section| section[0].0).collect();
    let mut footage = folder.open();
    assert_eq!(footage.sections().len(), 4);
    for (found, section) in footage.sections().iter().zip(&sections) {
        assert!((found.start - section[0].1).abs() < MILLI, "{found:?}");
        assert!((found.end - section.last().unwrap().1 - PICTURE).abs() < MILLI, "{found:?}");
    }
    let (played, anew) = pictures(&mut *footage);
    assert_same(&played, &all);
    assert_eq!(anew, firsts);

    // Backwards, as a player does: one group of pictures before the other.
    let mut backwards = Vec::new();
    let (mut to, mut anew) = (i64::MAX, Vec::new());
    loop {
        footage.seek(to).unwrap();
        let mut group = Vec::new();
        while let Some(frame) = footage.next().unwrap() {
            if frame.media != 0 {
                continue;
            }
            if frame.is_keyframe && !group.is_empty() {
                break;
            }
            if group.is_empty() {
                assert!(frame.is_keyframe);
                anew.extend(frame.time.begins_anew.then(|| number_of(&frame)));
                to = frame.time.pts - 1;
            }
            group.push((number_of(&frame), wall_of(&frame)));
        }
        let first = group[0].0;
        backwards.push(group);
        if first == 0 {
            break;
        }
    }
    backwards.reverse();
    assert_same(&backwards.concat(), &all);
    anew.reverse();
    assert_eq!(anew, firsts);
}

#[test]
fn a_time_leads_to_the_clean_point_before_it_and_in_a_gap_to_that_before_the_gap() {
    let folder = Folder::new("seek");
    let sections = an_hour(&folder, false);
    let mut footage = folder.open();
    let mut first = |to| {
        footage.seek(to).unwrap();
        let frame = footage.next().unwrap().unwrap();
        (number_of(&frame), frame.time.begins_anew)
    };
    // Every hundredth picture, and all those around the gaps.
    for section in &sections {
        let begin = section[0].0;
        for (number, wall) in section.iter().filter(|(number, _)| number % 100 == 0 || number - begin < 30) {
            let wanted = number - number % GROUP;
            for to in [wall + MILLI, wall + PICTURE - MILLI] {
                assert_eq!(first(to), (wanted, wanted == begin), "picture {number}");
            }
        }
    }
    for pair in sections.windows(2) {
        let (last, next) = (*pair[0].last().unwrap(), pair[1][0]);
        for to in [last.1 + PICTURE, (last.1 + next.1) / 2, next.1 - MILLI] {
            assert_eq!(first(to), (last.0 - last.0 % GROUP, false), "{to}");
        }
    }
    for (number, section) in folder.open().sections().iter().enumerate() {
        assert_eq!(first(section.start), (sections[number][0].0, true));
    }
    assert_eq!(first(i64::MIN), (0, true));
    let last = sections[3].last().unwrap().0;
    assert_eq!(first(i64::MAX), (last - last % GROUP, false));
}

/// Waits for the next pictures of footage that is being recorded.
fn await_pictures(footage: &mut dyn Footage, numbers: Range<u32>) -> bool {
    let (begun, mut has_gap) = (Instant::now(), false);
    for number in numbers {
        let frame = loop {
            assert!(begun.elapsed() < Duration::from_secs(20), "picture {number} does not come");
            match footage.next().unwrap() {
                Some(frame) => break frame,
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        assert_eq!(number_of(&frame), number);
        has_gap |= frame.time.begins_anew;
    }
    has_gap
}

#[test]
fn what_is_being_recorded_is_played_up_to_its_last_whole_fragment_and_then_on() {
    let folder = Folder::new("live");
    let mut recorder = Recorder::new(&folder, false);
    recorder.record(4 * 30);
    let mut footage = folder.open();
    assert!(footage.is_growing());
    // A fragment is written when it is whole, which takes a second.
    let come = pictures(&mut *footage).0.len() as u32;
    assert!((4 * 28..4 * 30).contains(&come), "{come} pictures");
    // Over the ends of two segments.
    recorder.record(4 * 120);
    assert!(!await_pictures(&mut *footage, come..4 * 148), "nothing is missing");
    // It begins again behind a gap.
    recorder.gap(20 * SECOND);
    await_pictures(&mut *footage, 4 * 148..4 * 150);
    let anew = recorder.number;
    recorder.record(4 * 10);
    assert!(await_pictures(&mut *footage, anew..anew + 4 * 8));
    // The last minute, as somebody asks for it who comes now.
    let wall = recorder.wall;
    let mut other = folder.open();
    other.seek(wall - 40 * SECOND).unwrap();
    assert!(number_of(&other.next().unwrap().unwrap()) > 4 * 120);
    // Its newest picture, which was not recorded when it was opened.
    recorder.record(4 * 4);
    other.seek(i64::MAX).unwrap();
    assert!(number_of(&other.next().unwrap().unwrap()) >= anew + 4 * 10);
    recorder.archive.end();
    await_pictures(&mut *footage, anew + 4 * 8..anew + 4 * 14);
    drop(recorder);
    let begun = Instant::now();
    while footage.is_growing() {
        assert!(begun.elapsed() < Duration::from_secs(20) && footage.next().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A fragment ends where the first keyframe comes: the first one of a camera has only sound in it.
#[test]
fn a_recording_of_which_only_sound_is_whole_yet_is_waited_for_and_played_from_its_first_picture_on() {
    let folder = Folder::new("begun");
    let mut recorder = Recorder::new(&folder, true);
    let begun = recorder.wall;
    for _ in 0..8 {
        recorder.sound();
        (recorder.pts, recorder.wall) = (recorder.pts + PICTURE, recorder.wall + PICTURE);
    }
    let wait = Instant::now();
    while folder.segments().is_empty() {
        assert!(wait.elapsed() < Duration::from_secs(20), "the segment does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut footage = folder.open();
    footage.seek(begun).unwrap();
    let next = footage.next().unwrap();
    assert!(next.is_none() && footage.is_growing(), "{next:?}");
    recorder.record(4 * 5);
    let mut pictures = Vec::new();
    while pictures.len() < 4 * 3 {
        assert!(wait.elapsed() < Duration::from_secs(20), "{pictures:?}");
        match footage.next().unwrap() {
            Some(frame) if frame.media == 0 => pictures.push(number_of(&frame)),
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    assert_eq!(pictures, (0..4 * 3).collect::<Vec<_>>());
}

#[test]
fn what_a_crash_has_left_is_played() {
    let folder = Folder::new("torn");
    let mut recorder = Recorder::new(&folder, false);
    let recorded = recorder.record(4 * 100);
    let newest = folder.segments().last().unwrap().path.clone();
    let whole = fs::read(&newest).unwrap();
    let all = pictures(&mut *folder.open()).0.len();
    assert!(all >= 4 * 98, "{all} pictures");
    for cut in [1, 20, 60, 100, 140, 300, 1_000] {
        fs::write(&newest, &whole[..whole.len() - cut]).unwrap();
        let (played, anew) = pictures(&mut *folder.open());
        assert_same(&played, &recorded[..played.len()]);
        assert_eq!(anew, [0]);
        // A fragment, of a second at most, has a hundred bytes at least.
        let torn = cut.div_ceil(100) * 5;
        assert!((all - torn..all).contains(&played.len()), "{} pictures of {all}", played.len());
    }
    // Bytes that were never written, although the file had become longer.
    fs::write(&newest, [&whole[..], &[0; 4096]].concat()).unwrap();
    assert_eq!(pictures(&mut *folder.open()).0.len(), all);
}

#[test]
fn segments_that_are_removed_or_broken_are_a_gap() {
    let folder = Folder::new("removed");
    let recorded = Recorder::new(&folder, false).record(4 * 60 * 8);
    let mut footage = folder.open();
    await_pictures(&mut *footage, 0..10);
    let segments = folder.segments();
    assert_eq!((segments.len(), footage.sections().len()), (8, 1));
    fs::remove_file(&segments[2].path).unwrap();
    fs::remove_file(&segments[3].path).unwrap();
    // The second fragment of another one is no fragment.
    let mut bytes = fs::read(&segments[5].path).unwrap();
    let moofs: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, name)| name == b"moof").map(|(at, _)| at).collect();
    bytes[moofs[1] + 4..moofs[1] + 16].fill(0xff);
    fs::write(&segments[5].path, &bytes).unwrap();
    let (played, anew) = pictures(&mut *footage);
    let first_of = |segment: usize| (segments[segment].start - BEGUN) / PICTURE;
    let numbers: Vec<i64> = played.iter().map(|(number, _)| i64::from(*number)).collect();
    let kept = |range: Range<i64>| range.filter(|number| numbers.contains(number)).count() as i64;
    assert_eq!(kept(10..first_of(2)), first_of(2) - 10);
    assert_eq!(kept(first_of(2)..first_of(4)), 0);
    assert_eq!(kept(first_of(4)..first_of(5)), first_of(5) - first_of(4));
    assert!((1..8).contains(&kept(first_of(5)..first_of(6))), "up to the broken one");
    assert_eq!(numbers.last(), Some(&(recorded.len() as i64 - 1)));
    assert_eq!(anew.iter().map(|number| i64::from(*number)).collect::<Vec<_>>(), [first_of(4), first_of(6)]);
    // In a segment that is gone, the one before counts.
    footage.seek(segments[3].start + SECOND).unwrap();
    assert!(i64::from(number_of(&footage.next().unwrap().unwrap())) < first_of(2));
}

#[test]
fn other_parameters_are_told_in_band() {
    let folder = Folder::new("parameters");
    let mut recorder = Recorder::new(&folder, false);
    recorder.record(GROUP * 4);
    recorder.archive.camera("gate", &described(OTHER_SPS, false)).unwrap();
    recorder.record(GROUP * 4);
    drop(recorder);
    let mut footage = folder.open();
    let mut told = Vec::new();
    while let Some(frame) = footage.next().unwrap() {
        let nals: Vec<&[u8]> = frame.data.slices().collect();
        assert_eq!(nals.len(), if frame.is_keyframe { 3 } else { 1 });
        told.extend(frame.is_keyframe.then(|| nals[0].to_vec()));
    }
    assert_eq!(told, [[SPS; 4], [OTHER_SPS; 4]].concat());
}

#[test]
fn footage_has_the_formats_of_the_newest_segment() {
    let folder = Folder::new("formats");
    let mut recorder = Recorder::new(&folder, false);
    recorder.record(4 * 60 * 5);
    let vp8 = Format::vp8(96);
    let described = Description::new(vec![Media::new(MediaKind::Video, vec![vp8.clone()])]);
    recorder.archive.camera("gate", &described).unwrap();
    let picture = b"\x10\x25\x00\x9d\x01\x2a\x40\x00\x30\x00\x00\x47";
    let mut watch = ParameterWatch::new(&vp8);
    let parts = bytes::Bytes::from_static(picture);
    watch.look(&AccessUnit::new(0, parts).with_keyframe(true));
    let mut parameters = Some(Box::new(watch.parameters()));
    let since = recorder.wall;
    for number in 0..40 {
        let mut frame = Frame::new(0, recorder.pts, picture.to_vec());
        frame = frame.with_ntp(ntp(recorder.wall));
        frame.is_keyframe = number % 8 == 0;
        frame.new_parameters = parameters.take();
        recorder.archive.write(recorder.gate, frame, ntp(recorder.wall));
        recorder.pts += PICTURE;
        recorder.wall += PICTURE;
    }
    drop(recorder);
    let mut footage = folder.open();
    assert_eq!(footage.description().medias[0].formats, [vp8]);
    assert!(footage.sections()[0].start >= since, "what comes before is other footage");
    let mut count = 0;
    while footage.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 40);
}

#[test]
fn ten_thousand_segments_are_known_by_the_index_and_opened_when_they_are_reached() {
    let folder = Folder::new("many");
    Recorder::new(&folder, false).record(GROUP);
    let one = folder.segments().remove(0);
    let bytes = fs::read(&one.path).unwrap();
    let camera = folder.0.join("gate");
    // Of two seconds each, before those that are there.
    let day = camera.join("20260601");
    fs::create_dir_all(&day).unwrap();
    let template = folder.0.join("template");
    fs::write(&template, &bytes).unwrap();
    let mut index = OpenOptions::new().create(true).append(true).open(day.join("index.jsonl")).unwrap();
    let midnight = 1_780_272_000 * SECOND;
    let (mut before, mut lines) = (None::<String>, String::new());
    for number in 0..10_000 {
        let at = number * 2;
        let name = format!("20260601T{:02}{:02}{:02}.000Z.mp4", at / 3600, at / 60 % 60, at % 60);
        fs::hard_link(&template, day.join(&name)).unwrap();
        let follows = before.as_ref().map_or_else(|| "null".to_owned(), |name| format!("{name:?}"));
        let (start, length) = (midnight + at * SECOND, bytes.len());
        let end = start + 2 * SECOND;
        lines += &format!(
            "{{\"file\":{name:?},\"start\":{start},\"end\":{end},\"bytes\":{length},\"frames\":8,\"follows\":{follows}}}\n"
        );
        before = Some(name);
    }
    index.write_all(lines.as_bytes()).unwrap();
    drop(index);
    let recordings = Recordings::new(&folder.0);
    let begun = Instant::now();
    let mut footage = recordings.open("gate").unwrap().unwrap();
    let took = begun.elapsed();
    assert_eq!(footage.sections().len(), 2);
    println!("10,000 segments are known in {took:?}");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    // The index is shared by those that come within a moment.
    let begun = Instant::now();
    let others: Vec<_> = (0..50).map(|_| recordings.open("gate").unwrap().unwrap()).collect();
    let took = begun.elapsed() / others.len() as u32;
    assert!(took < Duration::from_millis(500), "it took {took:?} each");
    footage.seek(midnight + 10_000 * SECOND).unwrap();
    for _ in 0..100 {
        footage.next().unwrap().unwrap();
    }
    #[cfg(target_os = "linux")]
    {
        let open =
            fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
        assert!(open.filter(|file| file.starts_with(&day)).count() <= 1);
    }
}

#[test]
fn only_cameras_have_footage() {
    let folder = Folder::new("names");
    Recorder::new(&folder, false).record(GROUP);
    fs::create_dir_all(folder.0.join("empty")).unwrap();
    let recordings = Recordings::new(&folder.0);
    for path in ["", "/", "/..", "/gate/..", "/empty", "/nobody", "/gate/20260921", "/.lock"] {
        assert!(recordings.open(path).is_none(), "{path}");
    }
    assert!(recordings.open("/gate/").is_some());
}
