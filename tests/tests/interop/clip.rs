//! Known material: pictures that all differ, with sound, made once per run of the tests.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::access_unit::AccessUnit;
use crate::program::Program;

/// Pictures a second.
const RATE: usize = 25;

/// How long the clips are that are read from their start to their end, in seconds.
const BRIEF_SECONDS: usize = 3;

/// How long the others are, in seconds. They end when all readers have read enough of them, however long a busy machine
/// takes to start these.
const LIVE_SECONDS: usize = 100;

/// A clip: H.264 with a keyframe each second, and PCMU.
#[derive(Debug)]
pub(crate) struct Clip {
    /// A QuickTime file with picture and sound.
    pub(crate) mov: PathBuf,
    /// The pictures alone, as a byte stream.
    pub(crate) h264: PathBuf,
    /// Its access units.
    pub(crate) units: Vec<AccessUnit>,
    /// How long it is.
    seconds: usize,
}

/// Three slices to a picture, no reordering.
const BASELINE: [&str; 6] = ["-b:v", "600k", "-profile:v", "baseline", "-x264-params", "slices=3:bframes=0"];

/// B pictures, so that presentation is not in the order of decoding.
const HIGH: [&str; 6] = ["-b:v", "600k", "-profile:v", "high", "-x264-params", "bframes=2:b-adapt=0"];

impl Clip {
    /// Baseline profile, to be stopped.
    pub(crate) fn baseline() -> &'static Self {
        static CLIP: OnceLock<Clip> = OnceLock::new();
        CLIP.get_or_init(|| Self::make("baseline", LIVE_SECONDS, "320x240", &BASELINE))
    }

    /// High profile, to be stopped.
    pub(crate) fn high() -> &'static Self {
        static CLIP: OnceLock<Clip> = OnceLock::new();
        CLIP.get_or_init(|| Self::make("high", LIVE_SECONDS, "320x240", &HIGH))
    }

    /// Baseline profile, to be read as a whole.
    pub(crate) fn brief_baseline() -> &'static Self {
        static CLIP: OnceLock<Clip> = OnceLock::new();
        CLIP.get_or_init(|| Self::make("brief_baseline", BRIEF_SECONDS, "320x240", &BASELINE))
    }

    /// High profile, to be read as a whole.
    pub(crate) fn brief_high() -> &'static Self {
        static CLIP: OnceLock<Clip> = OnceLock::new();
        CLIP.get_or_init(|| Self::make("brief_high", BRIEF_SECONDS, "320x240", &HIGH))
    }

    /// Noise, at more than 30 Mbit/s: more than the buffers between a server and a reader hold.
    pub(crate) fn heavy() -> &'static Self {
        static CLIP: OnceLock<Clip> = OnceLock::new();
        let options = ["-vf", "noise=alls=100:allf=t", "-qp", "18"];
        CLIP.get_or_init(|| Self::make("heavy", LIVE_SECONDS / 5, "640x360", &options))
    }

    /// The seconds that our own publisher is told to publish: it would begin anew after the end.
    pub(crate) fn seconds_published(&self) -> usize {
        self.seconds - 1
    }

    /// How many access units our own publisher publishes.
    pub(crate) fn units_published(&self) -> usize {
        RATE * self.seconds_published()
    }

    /// Bytes that hold so many access units at least, wherever in the clip they are.
    pub(crate) fn bytes_of(&self, units: usize) -> u64 {
        let runs = self.units.windows(units).map(|run| run.iter().map(AccessUnit::bytes).sum::<usize>());
        runs.max().unwrap_or_default() as u64
    }

    fn make(name: &str, seconds: usize, size: &str, options: &[&str]) -> Self {
        let [mov, h264] = ["mov", "h264"].map(|kind| folder().join(format!("{name}.{kind}")));
        let pictures = format!("testsrc2=size={size}:rate={RATE}:duration={seconds}");
        let sound = format!("sine=frequency=440:sample_rate=8000:duration={seconds}");
        let mut encode = ffmpeg();
        encode.args(["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &sound]);
        encode.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]).args(options);
        encode.args(["-g", &RATE.to_string(), "-sc_threshold", "0"]);
        encode.args(["-c:a", "pcm_mulaw", "-ac", "1"]).arg(&mov);
        Program::start("ffmpeg, making a clip", &mut encode).finish();
        let mut extract = ffmpeg();
        extract.arg("-i").arg(&mov).args(["-map", "0:v", "-c", "copy", "-f", "h264"]).arg(&h264);
        Program::start("ffmpeg, extracting pictures", &mut extract).finish();

        let units = units_of(&h264);
        assert_eq!(units.len(), RATE * seconds, "pictures in {name}");
        let keyframes = units.iter().filter(|unit| unit.is_keyframe()).count();
        assert_eq!(keyframes, seconds, "keyframes in {name}");
        let different: HashSet<&AccessUnit> = units.iter().collect();
        assert_eq!(different.len(), units.len(), "no two pictures of {name} are the same");
        Self { mov, h264, units, seconds }
    }
}

/// The access units of a file that holds a byte stream.
pub(crate) fn units_of(path: &Path) -> Vec<AccessUnit> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    AccessUnit::split_annex_b(&bytes)
}

/// FFmpeg, quiet except for its warnings.
pub(crate) fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-y"]);
    command
}

/// The path of a file that this run of the tests may write, no two the same.
pub(crate) fn file() -> PathBuf {
    static FILES: AtomicU32 = AtomicU32::new(0);
    let file = folder().join(FILES.fetch_add(1, Ordering::Relaxed).to_string());
    assert!(!file.exists(), "{} is there already: another file has a number behind its name", file.display());
    file
}

/// The folder of this run's files. Those of earlier runs go when it is made.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folders = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop");
        fs::create_dir_all(&folders).expect("a folder for files of the tests can be made");
        for old in fs::read_dir(&folders).expect("it was just made").flatten() {
            let alive = Path::new("/proc").join(old.file_name()).exists();
            if !alive {
                // Another run that starts may be faster, which is as well.
                let _ = fs::remove_dir_all(old.path());
            }
        }
        let folder = folders.join(process::id().to_string());
        empty(&folder);
        folder
    })
}

/// Makes a folder that is named by the number of this process. An earlier process may have had the number, in a container
/// always, and left its files: they go.
pub(crate) fn empty(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder for files of the tests can be made");
    let left = fs::read_dir(folder).expect("it was just made").count();
    assert_eq!(left, 0, "files of an earlier run are left in {}", folder.display());
}

#[test]
fn files_of_an_earlier_run_with_the_same_number_are_gone() {
    let folder = folder().join("earlier");
    empty(&folder);
    fs::create_dir(folder.join("0")).unwrap();
    fs::write(folder.join("1"), "heard before").unwrap();
    empty(&folder);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}
