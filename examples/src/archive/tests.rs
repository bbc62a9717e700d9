use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use rtspan_core::{Format, Media, MediaKind};

use super::*;
use crate::source::FileSource;

const SPS: [u8; 26] = [
    0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
    0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x19, 0x60,
];
const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];
const OTHER_PPS: [u8; 4] = [0x68, 0xee, 0x3c, 0x80];
/// 2026-11-29 23:59:55 UTC.
const START: i64 = 1_795_996_795_000_000_000;
const SECOND: i64 = 1_000_000_000;
const PICTURE: i64 = SECOND / 25;
const GROUP: i64 = 50;
/// Of pictures, in bytes.
const SIZE: usize = 1000;

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("rtspan-archive-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn segments(&self) -> Vec<Segment> {
        segments(&self.0.join("gate")).unwrap()
    }

    /// Bytes of all recordings and indexes.
    fn bytes(&self) -> u64 {
        fn of(dir: &Path) -> u64 {
            let entries =
                fs::read_dir(dir).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != LOCK);
            entries
                .map(
                    |entry| {
                        if entry.path().is_dir() {
                            of(&entry.path())
                        } else {
                            entry.metadata().unwrap().len()
                        }
                    },
                )
                .sum()
        }
        of(&self.0)
    }

    /// The numbers of the pictures that are in all segments, one behind the other.
    fn pictures(&self) -> Vec<i64> {
        self.segments().iter().flat_map(|segment| numbers(&segment.path, 0)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The numbers of the frames of a media in a file.
fn numbers(path: &Path, media: usize) -> Vec<i64> {
    let mut source = FileSource::open(path, 25.0).unwrap();
    let mut numbers = Vec::new();
    while let Some(frame) = source.next().unwrap() {
        if frame.media == media {
            let bytes = frame.data.iter().last().unwrap();
            numbers.push(i64::from_be_bytes(bytes[1..9].try_into().unwrap()));
        }
    }
    numbers
}

fn description() -> Description {
    let sound = Media::new(MediaKind::Audio, vec![Format::mpeg4_audio(97, &[0x15, 0x88]).unwrap()]);
    Description::new(vec![Media::new(MediaKind::Video, vec![Format::h264(96, &SPS, &PPS)]), sound])
}

/// A picture, or a piece of sound, that has its number in it and is recorded at its time.
fn frame(media: usize, number: i64, pts: i64) -> Frame {
    let is_keyframe = media == 1 || number % GROUP == 0;
    let kind = if is_keyframe { 0x65 } else { 0x41 };
    let mut nal = vec![kind];
    nal.extend(number.to_be_bytes());
    nal.resize(SIZE, 0x55);
    let length = if media == 0 { (SIZE as u32).to_be_bytes().to_vec() } else { Vec::new() };
    let mut frame = Frame::new(media, pts, [length, nal].concat());
    frame.is_keyframe = is_keyframe;
    frame
}

fn at(since_start: i64) -> NtpTime {
    scan::ntp_of(START + since_start)
}

/// A camera of two medias, and the clock of the machine.
struct Recording {
    archive: Archive,
    gate: CameraId,
    /// By how much the camera's clock and the machine's are ahead.
    ahead: Cell<i64>,
    machine_ahead: Cell<i64>,
    events: Vec<ArchiveEvent>,
}

impl Recording {
    fn new(folder: &Folder, config: ArchiveConfig) -> Self {
        let mut archive = Archive::open(&folder.0, config, at(0)).unwrap();
        let gate = archive.camera("gate", &description()).unwrap();
        Self { archive, gate, ahead: Cell::new(0), machine_ahead: Cell::new(0), events: Vec::new() }
    }

    /// Pictures of these numbers, with the sound between them; the first ones behind a gap, if there is one.
    fn pictures(&mut self, numbers: std::ops::Range<i64>, behind_gap: bool) {
        for number in numbers.clone() {
            for media in 0..2 {
                let pts = number * PICTURE + media as i64 * 7_000_000;
                let mut frame = frame(media, number, pts).with_ntp(at(pts + self.ahead.get()));
                frame.time.begins_anew = behind_gap && number == numbers.start;
                self.archive.write(self.gate, frame, at(pts + self.machine_ahead.get()));
            }
            self.collect();
        }
    }

    fn collect(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.archive.poll_event()));
    }

    fn count(&self, is_it: impl Fn(&ArchiveEvent) -> bool) -> usize {
        self.events.iter().filter(|event| is_it(event)).count()
    }
}

fn minute() -> ArchiveConfig {
    ArchiveConfig::new(Duration::from_secs(60))
}

#[test]
fn every_frame_is_written_once_and_the_index_can_be_rebuilt() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 200, false);
    let open = folder.segments().last().cloned().unwrap();
    assert!(!open.is_ended && open.frames > 0);
    drop(recording);
    assert_eq!(folder.pictures(), (0..25 * 200).collect::<Vec<_>>());
    let segments = folder.segments();
    let sounds: Vec<i64> = segments.iter().flat_map(|segment| numbers(&segment.path, 1)).collect();
    assert_eq!(sounds, (0..25 * 200).collect::<Vec<_>>());
    let starts: Vec<i64> = segments.iter().map(|segment| segment.start - START).collect();
    assert_eq!(starts, [0, 60 * SECOND, 120 * SECOND, 180 * SECOND], "cut at keyframes, beyond midnight");
    assert_eq!(segments.iter().map(|segment| segment.follows).collect::<Vec<_>>(), [false, true, true, true]);
    assert!(
        segments
            .iter()
            .all(|segment| segment.is_ended && segment.bytes == segment.path.metadata().unwrap().len())
    );
    let days = index::days(&folder.0.join("gate")).unwrap();
    assert_eq!(days, ["20261129", "20261130"]);
    assert_eq!(
        segments_from(&folder.0.join("gate"), "20261130").unwrap(),
        segments[1..],
        "it follows one of the day before"
    );
    // An index that is gone, and one that is torn in its last line.
    let indexes: Vec<PathBuf> =
        days.iter().map(|day| folder.0.join("gate").join(day).join("index.jsonl")).collect();
    let before: Vec<String> = indexes.iter().map(|index| fs::read_to_string(index).unwrap()).collect();
    fs::remove_file(&indexes[0]).unwrap();
    fs::write(&indexes[1], &before[1][..before[1].len() - 30]).unwrap();
    let looked_into = folder.segments();
    assert_eq!(looked_into.iter().filter(|segment| !segment.is_ended).count(), 2);
    let ended = |segment: Segment| Segment { is_ended: true, ..segment };
    assert_eq!(looked_into.into_iter().map(ended).collect::<Vec<_>>(), segments);
    drop(Archive::open(&folder.0, minute(), at(0)).unwrap());
    assert_eq!(fs::read_to_string(&indexes[0]).unwrap(), before[0]);
    assert_eq!(folder.segments(), segments);
}

#[test]
fn a_camera_that_goes_and_comes_back_leaves_a_gap_and_nothing_else() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 70, false);
    // It comes back within a group of pictures: those before its keyframe cannot be decoded.
    recording.pictures(25 * 90 + 20..25 * 100, true);
    recording.collect();
    drop(recording.archive);
    let segments = folder.segments();
    assert_eq!(segments.iter().map(|segment| segment.follows).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(segments[1].end - START, 70 * SECOND + 7_000_000 - PICTURE + PICTURE);
    assert_eq!(segments[2].start - START, 92 * SECOND, "the first keyframe");
    let expected: Vec<i64> = (0..25 * 70).chain(25 * 92..25 * 100).collect();
    assert_eq!(folder.pictures(), expected);
    let gaps: Vec<(i64, i64)> = recording
        .events
        .iter()
        .filter_map(|event| match event {
            ArchiveEvent::Gap { from, to, .. } => Some((from - START, to - START)),
            _ => None,
        })
        .collect();
    let sound = (25 * 90 + 20) * PICTURE + 7_000_000;
    assert_eq!(gaps, [(70 * SECOND + 7_000_000, sound)]);
}

#[test]
fn a_segment_that_is_torn_anywhere_has_its_whole_fragments() {
    let tens = || ArchiveConfig::new(Duration::from_secs(10));
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, tens());
    recording.pictures(0..25 * 14, false);
    recording.archive.end();
    drop(recording);
    let whole = folder.segments();
    let last = fs::read(&whole[1].path).unwrap();
    for cut in (0..last.len()).step_by(1999) {
        fs::create_dir_all(whole[1].path.parent().unwrap()).unwrap();
        fs::write(&whole[1].path, &last[..cut]).unwrap();
        let mut archive = Archive::open(&folder.0, tens(), at(0)).unwrap();
        let told = std::iter::from_fn(|| archive.poll_event())
            .any(|event| matches!(event, ArchiveEvent::Repaired { .. }));
        let pictures = folder.pictures();
        assert_eq!(pictures, (0..pictures.len() as i64).collect::<Vec<_>>(), "at {cut}");
        assert!(pictures.len() >= 25 * 10);
        let bytes = whole[1].path.metadata().map_or(0, |file| file.len());
        assert!(
            bytes <= cut as u64 && (cut as u64) < bytes + 60_000,
            "a fragment at most is gone: {bytes} of {cut}"
        );
        assert_eq!(told, bytes < cut as u64);
        assert_eq!(archive.bytes(), folder.bytes());
    }
}

#[test]
fn the_oldest_of_all_cameras_go_before_the_bound_is_passed() {
    const KEEP: u64 = 8_000_000;
    let folder = Folder::new();
    let mut archive = Archive::open(&folder.0, minute().keep(KEEP), at(0)).unwrap();
    let cameras = ["gate", "yard"].map(|name| archive.camera(name, &description()).unwrap());
    let (mut removed, mut highest) = (Vec::new(), 0);
    for number in 0..25 * 400 {
        for camera in cameras {
            archive.write(
                camera,
                frame(0, number, number * PICTURE).with_ntp(at(number * PICTURE)),
                at(number * PICTURE),
            );
            while let Some(event) = archive.poll_event() {
                match event {
                    ArchiveEvent::Removed { path, cause: Cause::Room, .. } => removed.push(path),
                    ArchiveEvent::Begun { .. } | ArchiveEvent::Ended { .. } => {}
                    event => panic!("{event:?}"),
                }
            }
        }
        if number % 5 == 0 {
            let bytes = folder.bytes();
            assert_eq!(bytes, archive.bytes());
            highest = bytes.max(highest);
        }
    }
    assert!((KEEP - 1_500_000..=KEEP).contains(&highest), "{highest}");
    drop(archive);
    let names: Vec<_> = removed.iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert!(removed.len() > 8 && names.is_sorted(), "{removed:?}");
    let kept = folder.segments();
    assert!(
        kept.iter()
            .map(|segment| segment.path.file_name().unwrap())
            .all(|kept| kept >= names.last().unwrap())
    );
    assert_eq!(
        kept.iter().filter(|segment| !segment.follows).count(),
        1,
        "the first, before which all was removed"
    );
    let pictures = folder.pictures();
    assert_eq!(pictures, (pictures[0]..25 * 400).collect::<Vec<_>>());
}

#[test]
fn a_segment_that_cannot_be_removed_is_told_once_and_others_go() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute().keep(8_000_000));
    recording.pictures(0..25 * 90, false);
    let first = folder.segments()[0].path.clone();
    // A folder with something in it is where the file was.
    fs::remove_file(&first).unwrap();
    fs::create_dir(&first).unwrap();
    fs::write(first.join("other"), b"").unwrap();
    recording.pictures(25 * 90..25 * 300, false);
    let stuck =
        |event: &ArchiveEvent| matches!(event, ArchiveEvent::NotRemoved { path, .. } if *path == first);
    assert_eq!(recording.count(stuck), 1);
    let removed = recording.count(|event| matches!(event, ArchiveEvent::Removed { .. }));
    assert!(removed >= 2, "{removed}");
    assert_eq!(recording.count(|event| matches!(event, ArchiveEvent::Trouble { .. })), 0);
    fs::remove_dir_all(&first).unwrap();
    recording.pictures(25 * 300..25 * 400, false);
    assert_eq!(
        recording.count(|event| matches!(event, ArchiveEvent::Removed { path, .. } if *path == first)),
        1
    );
}

#[test]
fn whatever_is_in_a_file_looking_into_it_ends() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 5, false);
    recording.archive.end();
    let path = folder.segments()[0].path.clone();
    let whole = fs::read(&path).unwrap();
    let mut state = 7_u32;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    };
    let mut found = 0;
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..=chance(6) {
            // Where the boxes are that tell of all others, for the most part.
            let place = if chance(4) > 0 { chance(1500) } else { chance(whole.len()) };
            bytes[place] = [0, 1, 0x7f, 0x80, 0xff, chance(256) as u8][chance(6)];
        }
        fs::write(&path, &bytes).unwrap();
        found += scan(&path).unwrap().map_or(0, |segment| segment.frames);
    }
    assert!(found > 100_000, "most is not broken: {found}");
}

#[test]
fn a_bound_that_is_too_low_for_one_fragment_is_held_and_told() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute().keep(20_000));
    recording.pictures(0..500, false);
    drop(recording.archive);
    assert!(folder.bytes() <= 20_000);
    let is_quota = |event: &ArchiveEvent| {
        matches!(
            event,
            ArchiveEvent::Trouble { error: TroubleError::Write { source, .. }, .. }
                if source.kind() == io::ErrorKind::QuotaExceeded
        )
    };
    assert!(recording.events.iter().any(is_quota));
}

#[test]
fn clocks_that_are_set_change_no_order_of_names_and_no_times_of_frames() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 30, false);
    for (clock, times) in [(-3600 * SECOND, 1), (86_400 * SECOND, 2)] {
        recording.ahead.set(clock);
        recording.machine_ahead.set(clock);
        recording.pictures(25 * 30 * times..25 * 30 * (times + 1), false);
    }
    recording.collect();
    assert_eq!(recording.count(|event| matches!(event, ArchiveEvent::ClockSet { .. })), 2);
    let set: Vec<i64> = recording
        .events
        .iter()
        .filter_map(|event| match event {
            ArchiveEvent::CameraClockSet { by, .. } => Some(*by),
            _ => None,
        })
        .collect();
    assert_eq!(set, [-3600 * SECOND, 90_000 * SECOND]);
    drop(recording.archive);
    assert_eq!(folder.pictures(), (0..25 * 90).collect::<Vec<_>>(), "in the order of names");
    let starts: Vec<i64> = folder.segments().iter().map(|segment| (segment.start - START) / SECOND).collect();
    assert_eq!(starts, [0, 30 - 3600, 60 + 86_400]);
    assert!(folder.segments()[1..].iter().all(|segment| segment.follows));
}

#[test]
fn nothing_is_removed_for_its_age_by_a_clock_that_has_just_been_set() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute().keep_for(Duration::from_secs(3600)));
    recording.pictures(0..25 * 130, false);
    let year = 365 * 86_400 * SECOND;
    let removed = |recording: &mut Recording| {
        recording.collect();
        recording.count(|event| matches!(event, ArchiveEvent::Removed { cause: Cause::Age, .. }))
    };
    for second in 0..599 {
        recording.archive.tick(at(year + second * SECOND));
    }
    assert_eq!((removed(&mut recording), folder.segments().len()), (0, 3));
    recording.archive.tick(at(year + 600 * SECOND));
    assert_eq!(
        (removed(&mut recording), folder.segments().len()),
        (2, 1),
        "never the one that is being written"
    );
}

#[test]
fn other_parameters_begin_another_segment_and_no_frame_is_lost() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 10, false);
    let other = Format::h264(96, &SPS, &OTHER_PPS);
    for number in 25 * 10..25 * 20 {
        let mut frame = frame(0, number, number * PICTURE).with_ntp(at(number * PICTURE));
        frame.new_parameters = (number == 25 * 10)
            .then(|| Box::new(rtspan_core::payload::ParameterWatch::new(&other).parameters()));
        recording.archive.write(recording.gate, frame, at(number * PICTURE));
    }
    drop(recording.archive);
    let segments = folder.segments();
    assert_eq!(segments.iter().map(|segment| segment.follows).collect::<Vec<_>>(), [false, true]);
    assert_eq!(segments[1].start - START, 10 * SECOND);
    assert_eq!(folder.pictures(), (0..25 * 20).collect::<Vec<_>>());
}

#[test]
fn a_camera_that_is_described_anew_keeps_the_parameters_that_its_frames_have_told() {
    let folder = Folder::new();
    let mut archive = Archive::open(&folder.0, minute(), at(0)).unwrap();
    let unknown = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1");
    let mut description = Description::new(vec![Media::new(MediaKind::Video, vec![unknown])]);
    let told = rtspan_core::payload::ParameterWatch::new(&Format::h264(96, &SPS, &PPS)).parameters();
    for number in 0..200 {
        description.title = format!("session {}", number / GROUP);
        let camera = archive.camera("gate", &description).unwrap();
        let mut frame = frame(0, number, number * PICTURE).with_ntp(at(number * PICTURE));
        frame.new_parameters = (number == 0).then(|| Box::new(told.clone()));
        archive.write(camera, frame, at(number * PICTURE));
    }
    drop(archive);
    assert_eq!(folder.pictures(), (0..200).collect::<Vec<_>>());
    assert_eq!(folder.segments().iter().map(|segment| segment.follows).collect::<Vec<_>>(), [false; 4]);
}

#[test]
fn a_folder_that_takes_nothing_for_a_while_costs_what_came_then() {
    let folder = Folder::new();
    let mut recording = Recording::new(&folder, minute());
    recording.pictures(0..25 * 10, false);
    recording.archive.gap(recording.gate);
    // A file is where the folder was.
    let (gate, away) = (folder.0.join("gate"), folder.0.join("away"));
    fs::rename(&gate, &away).unwrap();
    fs::write(&gate, b"").unwrap();
    recording.pictures(25 * 10..25 * 20, false);
    fs::remove_file(&gate).unwrap();
    fs::rename(&away, &gate).unwrap();
    recording.pictures(25 * 20..25 * 30, false);
    recording.archive.end();
    recording.collect();
    assert_eq!(recording.count(|event| matches!(event, ArchiveEvent::Trouble { .. })), 1, "told once");
    let lost: Vec<u64> = recording
        .events
        .iter()
        .filter_map(|event| match event {
            ArchiveEvent::Resumed { lost, .. } => Some(*lost),
            _ => None,
        })
        .collect();
    assert_eq!(lost, [500]);
    assert_eq!(folder.pictures(), (0..25 * 10).chain(25 * 20..25 * 30).collect::<Vec<_>>());
    assert!(folder.segments().iter().all(|segment| !segment.follows));
}

#[test]
fn a_folder_has_one_recorder_and_cameras_have_names() {
    let folder = Folder::new();
    let mut archive = Archive::open(&folder.0, minute(), at(0)).unwrap();
    let second = Archive::open(&folder.0, minute(), at(0)).unwrap_err();
    assert!(second.to_string().contains(&format!("(process {})", std::process::id())), "{second}");
    assert!(matches!(archive.camera("../gate", &description()), Err(ArchiveError::Name(_))));
    let text = Description::new(vec![Media::new(
        MediaKind::Other("text".into()),
        vec![Format::new(96, "T140", 1000)],
    )]);
    assert!(matches!(archive.camera("text", &text), Err(ArchiveError::Nothing(_))));
    drop(archive);
    assert!(Archive::open(&folder.0, minute(), at(0)).is_ok());
    let file = folder.0.join("file");
    fs::write(&file, b"").unwrap();
    assert!(matches!(Archive::open(&file, minute(), at(0)), Err(ArchiveError::Folder { .. })));
}
