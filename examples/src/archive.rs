//! Recordings of many cameras in one folder.
//!
//! ```text
//! DIR/.lock                                         whose recorder it is
//! DIR/gate/20261129/20261129T225245.123Z.mp4        a segment: fragmented MP4, from a keyframe on
//! DIR/gate/20261129/index.jsonl                     a line for each segment of the day that has ended
//! ```
//!
//! * **Files** say which segments there are, and the index what is in them. A line without its file counts for nothing; a file
//!   without a line, or of another length, is looked into ([`scan`]). So nothing breaks if the index is torn, old or gone, and the
//!   segment that is being written has no line.
//! * **Names** are in the order of recording. They are the wall clock time of the first frame, or a millisecond more than the
//!   name before where a clock was set back. The recorder's clock counts where a camera's is wrong by more than a minute.
//! * **Cuts and gaps**: a segment names the one that it follows with nothing between, in its line and in a `uuid` box of its own. One
//!   that names none, or one that is not there, begins behind a gap. Within a segment there is no gap.
//! * **Times**: each fragment has a `prft` box, for each track whose clock differs from that of the first one. A frame's wall
//!   clock time is that of the box and what lies between its presentation time and the box's, to the millisecond. A fragment ends
//!   where that would no longer be true. A clock that jumps ends the segment with the next keyframe.
//! * A **fragment** has a second at most. It is written as a whole; the torn end of a file is cut off when the archive is opened again.
//!
//! The archive holds no clock: the time is given to it.
//!
//! # Examples
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::{Duration, SystemTime};
//!
//! use rtspan_examples::archive::{Archive, ArchiveConfig};
//! use rtspan_std::{Client, Form, NtpTime};
//!
//! let now = || NtpTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
//! let config = ArchiveConfig::new(Duration::from_secs(60)).keep(2_000_000_000);
//! let mut archive = Archive::open(Path::new("recordings"), config, now())?;
//! let frames = Client::builder("rtsp://camera/main")?.play_frames()?.form(Form::Container);
//! let gate = archive.camera("gate", &frames.client().description().unwrap_or_default())?;
//! for frame in frames {
//!     archive.write(gate, frame?, now());
//!     while let Some(event) = archive.poll_event() {
//!         println!("{event:?}");
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rtspan_core::frame::Frame;
use rtspan_core::{Description, NtpTime};

mod camera;
mod clock;
mod disk;
mod event;
mod index;
mod name;
mod open;
mod recover;
mod scan;

use camera::Camera;
use disk::Disk;
use event::Events;
use scan::since_1970;

pub use event::{ArchiveEvent, Cause, TroubleError};
pub use index::{cameras, segments, segments_from};
pub use name::is_camera;
pub use scan::scan;

/// The name of the file that a recorder holds locked.
const LOCK: &str = ".lock";
/// A clock that goes on by more than this between two calls, or back by more than the other, was set; in nanoseconds.
const STEP_FORWARD: i64 = 60_000_000_000;
const STEP_BACK: i64 = -1_000_000_000;
/// Nothing is removed for its age before the clock has gone evenly for so long, in nanoseconds.
const CLOCK_PROVED: i64 = 600_000_000_000;
/// Each camera has room for so many segments, where there is a bound for all.
const SEGMENTS_MIN: u64 = 4;

/// A segment of a camera. Times are wall clock times in nanoseconds since 1970.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Segment {
    /// Its file.
    pub path: PathBuf,
    /// When the first keyframe of the picture is shown; without pictures, the first frame.
    pub start: i64,
    /// When the last frame ends.
    pub end: i64,
    /// Bytes of its whole fragments. What stands behind them in the file is being written, or torn.
    pub bytes: u64,
    /// Its frames.
    pub frames: u64,
    /// Its first frame is the one behind the last of the segment before; there is a gap otherwise.
    pub follows: bool,
    /// It has a line in the index. The newest segment of a camera that has none is being written, or its recorder has died.
    pub is_ended: bool,
}

/// How long segments are, and how long they are kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ArchiveConfig {
    segment: Duration,
    keep: Option<u64>,
    keep_for: Option<Duration>,
}

impl ArchiveConfig {
    /// Segments end with the first keyframe after so long.
    pub fn new(segment: Duration) -> Self {
        Self { segment, keep: None, keep_for: None }
    }

    /// All recordings in the folder take so many bytes at most, at any time: the oldest segments are removed, those of whichever
    /// camera.
    #[must_use]
    pub fn keep(self, bytes: u64) -> Self {
        Self { keep: Some(bytes), ..self }
    }

    /// Segments are removed after so long.
    #[must_use]
    pub fn keep_for(self, time: Duration) -> Self {
        Self { keep_for: Some(time), ..self }
    }
}

/// Why an archive cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The folder cannot be made, read or written to.
    #[error("{} cannot be written to", .path.display())]
    Folder {
        /// The folder, or what in it.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another recorder writes there.
    #[error("another recorder writes to {}{}; choose another folder, or end that one", .path.display(), process(.by))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The number of its process, as it has written it down.
        by: String,
    },
    /// The name cannot be that of a folder.
    #[error("{0:?} cannot be the name of a camera: letters, digits and - _ . are taken, and no dot in front")]
    Name(String),
    /// The camera sends nothing that MP4 can hold.
    #[error("{0} sends nothing that MP4 can hold")]
    Nothing(String),
}

fn process(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!(" (process {by})") }
}

/// A camera of an [`Archive`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CameraId(usize);

/// A folder that is recorded to. See the [module](self) for what is in it.
///
/// Segments that are open end when it is dropped.
#[derive(Debug)]
pub struct Archive {
    /// Locked as long as it is open.
    _lock: File,
    store: Store,
    cameras: Vec<Camera>,
    /// The last time that was told, and since when the clock goes evenly.
    now: i64,
    even_since: i64,
}

/// The parts that all cameras share.
#[derive(Debug)]
struct Store {
    config: ArchiveConfig,
    disk: Disk,
    events: Events,
    /// How many cameras are recorded.
    recorded: u64,
}

impl Store {
    /// A segment of so many bytes ends early, so that the oldest are not all that there is.
    fn segment_bytes_max(&self) -> Option<u64> {
        Some(self.disk.keep()? / SEGMENTS_MIN / self.recorded.max(1))
    }
}

impl Archive {
    /// Opens a folder, which is made if it is not there. What an earlier recorder has left unfinished is put in order.
    ///
    /// # Errors
    ///
    /// The folder cannot be written to, or another recorder does.
    pub fn open(dir: &Path, config: ArchiveConfig, now: NtpTime) -> Result<Self, ArchiveError> {
        let failed = |source| ArchiveError::Folder { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = lock(dir)?;
        let disk = Disk::new(dir, config.keep, config.keep_for);
        let mut store = Store { config, disk, events: Events::default(), recorded: 0 };
        recover::recover(dir, &mut store)?;
        // They may be more than are to be kept now.
        store.disk.make_room(0, &mut store.events).map_err(failed)?;
        let now = since_1970(now);
        Ok(Self { _lock: lock, store, cameras: Vec::new(), now, even_since: now })
    }

    /// A camera by its name, and what it sends. The medias that MP4 cannot hold are left out ([`medias`](Self::medias)). If a camera
    /// is described again and otherwise, it begins another segment.
    ///
    /// # Errors
    ///
    /// The name cannot be that of a folder, or nothing can be recorded.
    pub fn camera(&mut self, name: &str, description: &Description) -> Result<CameraId, ArchiveError> {
        if !is_camera(name) {
            return Err(ArchiveError::Name(name.to_owned()));
        }
        let known = self.cameras.iter().position(|camera| camera.name == name);
        let place = known.unwrap_or_else(|| {
            let number = self.store.disk.camera(name);
            self.cameras.push(Camera::new(name, number, self.store.disk.newest(number)));
            self.store.recorded += 1;
            self.cameras.len() - 1
        });
        let camera = &mut self.cameras[place];
        camera.describe(description, &mut self.store);
        match camera.medias().next() {
            Some(_) => Ok(CameraId(place)),
            None => Err(ArchiveError::Nothing(name.to_owned())),
        }
    }

    /// The indices of the medias that are recorded of a camera.
    pub fn medias(&self, camera: CameraId) -> Vec<usize> {
        self.cameras[camera.0].medias().collect()
    }

    /// Takes a frame, in [`Form::Container`](rtspan_core::frame::Form::Container). It is written with the fragment that it is in.
    /// A failure to write is told by an event, and writing is tried again with later frames.
    pub fn write(&mut self, camera: CameraId, frame: Frame, now: NtpTime) {
        self.look_at_clock(now);
        self.cameras[camera.0].write(frame, now, &mut self.store);
    }

    /// Something is missing from here on: ends the segment of a camera, and the next does not follow it. A frame that
    /// [begins anew](rtspan_core::timeline::MediaTime::begins_anew) tells the same.
    pub fn gap(&mut self, camera: CameraId) {
        self.cameras[camera.0].gap(&mut self.store);
    }

    /// To be called every second: writes what waits of cameras that have fallen silent, and removes what is too old.
    pub fn tick(&mut self, now: NtpTime) {
        self.look_at_clock(now);
        for camera in &mut self.cameras {
            camera.flush_idle(self.now, &mut self.store);
        }
        if self.now.saturating_sub(self.even_since) >= CLOCK_PROVED {
            self.store.disk.remove_old(self.now, self.store.config.segment, &mut self.store.events);
        }
    }

    /// Ends all segments that are being written.
    pub fn end(&mut self) {
        for camera in &mut self.cameras {
            camera.gap(&mut self.store);
        }
    }

    /// The next event, or `None`.
    pub fn poll_event(&mut self) -> Option<ArchiveEvent> {
        self.store.events.poll()
    }

    /// Bytes of all recordings in the folder.
    pub fn bytes(&self) -> u64 {
        self.store.disk.total()
    }

    fn look_at_clock(&mut self, now: NtpTime) {
        let now = since_1970(now);
        let by = now.saturating_sub(self.now);
        self.now = now;
        if !(STEP_BACK..=STEP_FORWARD).contains(&by) {
            self.even_since = now;
            self.store.events.push(ArchiveEvent::ClockSet { by });
        }
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.end();
    }
}

/// Locks a folder for this process; the system unlocks it when the process ends, however it does.
fn lock(dir: &Path) -> Result<File, ArchiveError> {
    let path = dir.join(LOCK);
    let failed = |source| ArchiveError::Folder { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            // It is only told.
            let _ = (&file).take(20).read_to_string(&mut by);
            return Err(ArchiveError::Locked { path: dir.to_owned(), by: by.trim().to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    // That a full disk does not take it says nothing of the folder.
    let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

// The dependencies of this package need a newer Rust than that anyway.
#[allow(clippy::incompatible_msrv)]
fn try_lock(file: &File) -> Result<(), TryLockError> {
    file.try_lock()
}

#[cfg(test)]
mod tests;
