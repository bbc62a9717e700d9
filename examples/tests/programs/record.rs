//! `rtspan record`, with cameras whose pictures have their numbers in them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rtspan_core::frame::Frame;
use rtspan_examples::archive::{Archive, ArchiveConfig, Segment, segments};
use rtspan_examples::source::FileSource;
use rtspan_std::{NtpTime, Server};
use serde_json::Value;

use crate::program::{LIMIT, Program, RUNTIMES, beside};
use crate::stall::{self, Meter};

/// A picture each 20 ms, and a keyframe each half second.
const PICTURE: Duration = Duration::from_millis(20);
const GROUP: i64 = 25;
/// An SEI message of the user's: 24 bytes, of which the last eight are digits.
const NUMBERED: &[u8] = b"\x06\x05\x18rtspan test: no.";

/// A camera at `/gate`, that shows the embedded clip.
struct Camera {
    url: String,
    /// The number of the picture that was written last.
    sent: Arc<AtomicI64>,
    off: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Camera {
    /// Begins with a picture that has this number.
    fn on(addr: &str, first: i64) -> Self {
        let server = Server::builder().bind(addr).unwrap();
        let url = format!("rtsp://{}/gate", server.local_addr());
        let (sent, off) = (Arc::new(AtomicI64::new(-1)), Arc::new(AtomicBool::new(false)));
        let (its_sent, its_off) = (Arc::clone(&sent), Arc::clone(&off));
        let thread = thread::spawn(move || show(&server, first, &its_sent, &its_off));
        while sent.load(Ordering::SeqCst) < 0 {
            thread::sleep(Duration::from_millis(1));
        }
        Self { url, sent, off, thread: Some(thread) }
    }

    fn addr(&self) -> &str {
        self.url.trim_start_matches("rtsp://").trim_end_matches("/gate")
    }

    fn sent(&self) -> i64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// Turns it off.
impl Drop for Camera {
    fn drop(&mut self) {
        self.off.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn show(server: &Server, first: i64, sent: &AtomicI64, off: &AtomicBool) {
    let clip = Path::new(env!("CARGO_MANIFEST_DIR")).join("clip/demo.h264");
    let mut source = FileSource::open(&clip, 25.0).unwrap();
    let mut pictures = Vec::new();
    while let Some(picture) = source.next().unwrap() {
        pictures.push(picture);
    }
    let mut frames = server.publish("/gate", source.description().clone()).unwrap().into_frames().unwrap();
    let (start, wall) = (Instant::now(), SystemTime::UNIX_EPOCH.elapsed().unwrap());
    for number in 0.. {
        let due = PICTURE * number;
        thread::sleep((start + due).saturating_duration_since(Instant::now()));
        if off.load(Ordering::SeqCst) {
            return server.close();
        }
        let picture = &pictures[number as usize % pictures.len()];
        let number = first + i64::from(number);
        let sei = [NUMBERED, format!("{number:08}").as_bytes(), &[0x80]].concat();
        let parts = [Bytes::from(sei)].into_iter().chain(picture.data.iter().cloned());
        let pts = due.as_nanos() as i64;
        let parts: rtspan_core::payload::Parts = parts.collect();
        frames.write(&Frame::new(0, pts, parts).with_ntp(NtpTime::from_unix(wall + due))).unwrap();
        sent.store(number, Ordering::SeqCst);
    }
}

/// The meter of a recorder, and of the camera in this process.
fn meter(recorder: &Program) -> Meter {
    let meter = stall::meter();
    meter.watch(recorder.pid(), true);
    meter.watch(std::process::id(), true);
    meter
}

/// The pictures that may be on their way from the camera to the file: those of a fifth of a second, and of the time since a moment for
/// which the machine kept the two from running.
fn on_their_way(meter: &Meter, since: Instant) -> i64 {
    10 + (meter.since(since).as_millis() / PICTURE.as_millis()) as i64
}

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("rtspan-record-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The numbers of the pictures of a segment.
fn numbers(segment: &Segment) -> Vec<i64> {
    let mut source = FileSource::open(&segment.path, 25.0).unwrap();
    let mut numbers = Vec::new();
    while let Some(frame) = source.next().unwrap() {
        let number = frame.data.iter().find_map(|part| part.strip_prefix(NUMBERED)).unwrap();
        numbers.push(std::str::from_utf8(&number[..8]).unwrap().parse().unwrap());
    }
    numbers
}

/// The runs of pictures without a gap in a folder, each from its first to its last; a segment that does not follow begins one.
fn runs(folder: &Path) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for segment in segments(&folder.join("gate")).unwrap() {
        let numbers = numbers(&segment);
        let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
        assert_eq!(numbers, (first..=last).collect::<Vec<_>>(), "each once and in order: {segment:?}");
        match runs.last_mut() {
            Some((_, end)) if segment.follows => {
                assert_eq!(first, *end + 1, "nothing is missing at a cut: {segment:?}");
                *end = last;
            }
            _ => runs.push((first, last)),
        }
    }
    runs
}

/// Plays every segment with FFmpeg; the hashes of all pictures.
fn played(folder: &Path) -> Option<Vec<String>> {
    if Command::new("ffmpeg").arg("-version").output().is_err() {
        assert!(std::env::var("INTEROP").is_err(), "ffmpeg is not installed, and INTEROP is set");
        eprintln!("skipped: ffmpeg is not installed");
        return None;
    }
    let paths = segments(folder).unwrap().into_iter().map(|segment| segment.path);
    Some(paths.flat_map(|path| hashes(&path)).collect())
}

fn hashes(path: &Path) -> Vec<String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    let lines = String::from_utf8(output.stdout).unwrap();
    let hash = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
    lines.lines().filter(|line| !line.starts_with('#')).map(hash).collect()
}

/// Waits for an event of this name.
fn event(program: &mut Program, name: &str) -> Value {
    serde_json::from_str(&program.line(&format!("\"event\":\"{name}\""))).unwrap()
}

#[test]
fn a_recorder_that_is_killed_loses_a_fragment_at_most() {
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    println!("seed {seed}");
    let camera = Camera::on("127.0.0.1:0", 0);
    // Ten moments of three seconds.
    let moments: Vec<(u64, u32)> =
        (0..10).map(|number| (number, seed.wrapping_mul(2 * number as u32 + 1) >> 8)).collect();
    beside(&moments, |(number, chance)| {
        let folder = Folder::new(&format!("killed-{number}"));
        let args = format!("record gate={} --to {} --segment 1s --json", camera.url, folder.0.display());
        let mut recorder = Program::rtspan(&args);
        let (meter, begun) = (meter(&recorder), Instant::now());
        event(&mut recorder, "segment_begun");
        thread::sleep(Duration::from_millis(u64::from(chance % 3000)));
        recorder.signal("KILL");
        let (sent, way) = (camera.sent(), on_their_way(&meter, begun));
        recorder.end();
        // The next recorder finds what is torn.
        let now = NtpTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap());
        drop(Archive::open(&folder.0, ArchiveConfig::new(LIMIT), now).unwrap());
        let runs = runs(&folder.0);
        let [(first, last)] = runs[..] else { panic!("{runs:?}") };
        println!("{number}: {first} to {last} of {sent} are there, and {way} may have been on their way");
        assert_eq!(first % GROUP, 0);
        // The fragment that was collected is not.
        assert!(last >= sent - GROUP - way, "{first} to {last} of {sent}");
        if let Some(played) = played(&folder.0.join("gate")) {
            assert_eq!(played.len() as i64, last - first + 1);
        }
    });
}

#[test]
fn a_camera_that_goes_and_comes_back_leaves_a_gap_and_all_that_it_has_sent() {
    let folder = Folder::new("gone");
    let camera = Camera::on("127.0.0.1:0", 0);
    let addr = camera.addr().to_owned();
    let args = format!("record gate={} --to {} --segment 1s --json", camera.url, folder.0.display());
    let mut recorder = Program::rtspan(&args);
    for _ in 0..2 {
        event(&mut recorder, "segment_ended");
    }
    let sent = camera.sent();
    drop(camera);
    event(&mut recorder, "reconnecting");
    let camera = Camera::on(&addr, 100_000);
    event(&mut recorder, "reconnected");
    let gap = event(&mut recorder, "gap");
    for _ in 0..2 {
        event(&mut recorder, "segment_ended");
    }
    recorder.interrupt().well();
    let runs = runs(&folder.0);
    let [(_, last), (first, _)] = runs[..] else { panic!("{runs:?}") };
    assert!(last >= sent, "all that was sent before it went is there: {last} of {sent}");
    assert!(first >= 100_000 && first % GROUP == 0, "{first}");
    assert!(gap["from"].as_str().unwrap() < gap["to"].as_str().unwrap(), "{gap}");
    drop(camera);
}

#[test]
fn what_is_recorded_is_what_was_shown_on_each_runtime() {
    let (_server, url) = Program::serve("smol");
    beside(RUNTIMES, |runtime| {
        let folder = Folder::new(runtime);
        let to = folder.0.display();
        let args = format!(
            "record gate={url}/demo {url}/demo --to {to} --segment 2s --seconds 8 --transport tcp --runtime {runtime}"
        );
        let said = Program::rtspan(&args).end().well();
        assert!(said.contains("gate: ") && said.contains("-demo: "), "{said}");
        let segments = segments(&folder.0.join("gate")).unwrap();
        assert!(segments.len() >= 3 && segments[1..].iter().all(|segment| segment.follows), "{segments:?}");
        let Some(played) = played(&folder.0.join("gate")) else { return };
        let clip = hashes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("clip/demo.h264"));
        let places: HashMap<&String, usize> =
            clip.iter().enumerate().map(|(place, hash)| (hash, place)).collect();
        assert_eq!(places.len(), clip.len(), "no two pictures are the same");
        let places: Vec<usize> = played.iter().map(|hash| places[hash]).collect();
        let expected: Vec<usize> =
            (0..places.len()).map(|number| (places[0] + number) % clip.len()).collect();
        assert_eq!(places, expected, "{runtime}");
    });
}

#[test]
fn the_example_of_a_recorder_records() {
    let folder = Folder::new("example");
    let camera = Camera::on("127.0.0.1:0", 0);
    let mut recorder = Program::example("recorder", &format!("{} gate={}", folder.0.display(), camera.url));
    recorder.line("Begun");
    recorder.signal("KILL");
    recorder.end();
    let [(first, last)] = runs(&folder.0)[..] else { panic!("one run") };
    assert!(first % GROUP == 0 && last >= first + GROUP - 1, "{first} to {last}");
}

#[test]
fn a_folder_that_cannot_be_had_ends_the_recorder_with_a_reason() {
    let folder = Folder::new("refused");
    let camera = Camera::on("127.0.0.1:0", 0);
    let args = |to: &Path| format!("record gate={} --to {} --json", camera.url, to.display());
    let mut first = Program::rtspan(&args(&folder.0));
    event(&mut first, "segment_begun");
    let second = Program::rtspan(&args(&folder.0)).end().reason();
    assert!(
        second.contains(&format!(
            "another recorder writes to {} (process {})",
            folder.0.display(),
            first.pid()
        )),
        "{second}"
    );
    let file = folder.0.join("file");
    fs::write(&file, b"").unwrap();
    let reason = Program::rtspan(&args(&file.join("below"))).end().reason();
    assert!(reason.contains("cannot be written to"), "{reason}");
    let twice = Program::rtspan(&format!("{} gate=rtsp://127.0.0.1:1/", args(&folder.0))).end().reason();
    assert!(twice.contains("two cameras have the name gate"), "{twice}");
    first.interrupt().well();
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_costs_what_came_while_it_was_full() {
    let folder = Folder::new("full");
    let camera = Camera::on("127.0.0.1:0", 0);
    let to = folder.0.display();
    let args = format!("record gate={} --to {to} --segment 1s --json", camera.url);
    // A disk of 700 kB, of which 300 are taken by something else.
    let prepare = format!("mount -t tmpfs -o size=700k tmpfs {to} && head -c 300000 /dev/zero > {to}/other");
    let Some(mut recorder) = Program::rtspan_in_mounts(&prepare, &args) else {
        return eprintln!("skipped: no file system can be mounted");
    };
    let (meter, begun) = (meter(&recorder), Instant::now());
    let error = event(&mut recorder, "error");
    let (full, way) = (camera.sent(), on_their_way(&meter, begun));
    assert!(error["reason"].as_str().unwrap().contains("No space left on device"), "{error}");
    // Its folder, as it sees it.
    let within = PathBuf::from(format!("/proc/{}/root{to}", recorder.pid()));
    let before = runs(&within);
    let [(_, before_full)] = before[..] else { panic!("{before:?}") };
    assert!(before_full >= full - 2 * GROUP - way, "what was written stays: {before_full} of {full}");
    fs::remove_file(within.join("other")).unwrap();
    let resumed = event(&mut recorder, "resumed");
    event(&mut recorder, "segment_ended");
    recorder.signal("STOP");
    let runs = runs(&within);
    recorder.signal("CONT");
    let [(_, last), (first, _)] = runs[..] else { panic!("{runs:?}") };
    assert_eq!((last, resumed["lost"].as_i64().unwrap()), (before_full, first - last - 1), "told exactly");
    recorder.interrupt().well();
}
