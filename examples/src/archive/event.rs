use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use super::Segment;
use crate::mp4::Mp4Error;

/// Events that nobody has asked for, beyond which the oldest is forgotten.
const EVENTS_MAX: usize = 4096;

/// An event of an [`Archive`](super::Archive). Times are wall clock times in nanoseconds since 1970.
#[derive(Debug)]
#[non_exhaustive]
pub enum ArchiveEvent {
    /// A segment has begun: its first fragment is written.
    Begun {
        /// The camera.
        camera: String,
        /// Its file.
        path: PathBuf,
        /// Its first frame is the one behind the last of the segment before.
        follows: bool,
    },
    /// A segment has ended.
    Ended {
        /// The camera.
        camera: String,
        /// The segment.
        segment: Segment,
    },
    /// A segment was removed.
    Removed {
        /// The camera.
        camera: String,
        /// Its file.
        path: PathBuf,
        /// Its bytes.
        bytes: u64,
        /// Why it had to go.
        cause: Cause,
    },
    /// A segment should be removed and cannot be.
    NotRemoved {
        /// The camera.
        camera: String,
        /// Its file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Nothing was recorded for some time.
    Gap {
        /// The camera.
        camera: String,
        /// The end of the last frame before.
        from: i64,
        /// The first frame behind.
        to: i64,
    },
    /// Pictures were left out, since they came before the first keyframe and cannot be decoded.
    LeftOut {
        /// The camera.
        camera: String,
        /// How many.
        pictures: u64,
    },
    /// Frames cannot be written, and are lost until [`Resumed`](Self::Resumed). Writing is tried again every second.
    Trouble {
        /// The camera.
        camera: String,
        /// The error of the system.
        error: TroubleError,
    },
    /// It is written again.
    Resumed {
        /// The camera.
        camera: String,
        /// How many frames were lost.
        lost: u64,
    },
    /// A segment has ended, and its line could not be written into the index; it is looked into when it is read.
    NotIndexed {
        /// The camera.
        camera: String,
        /// Its file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The end of a segment was torn when the recorder ended, and is cut off.
    Repaired {
        /// The camera.
        camera: String,
        /// Its file, which is gone if nothing whole was in it.
        path: PathBuf,
        /// How many bytes are gone.
        bytes: u64,
    },
    /// The clock of this machine was set: by so many nanoseconds, back if below zero.
    ClockSet {
        /// By how much.
        by: i64,
    },
    /// The clock of a camera was set, or is known only now. Frames have the times that it tells.
    CameraClockSet {
        /// The camera.
        camera: String,
        /// By how much, in nanoseconds, back if below zero.
        by: i64,
    },
    /// Events were forgotten, since nobody has asked for them.
    Missed {
        /// How many.
        count: u64,
    },
}

/// Why a segment was removed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// There has to be room for others.
    Room,
    /// It is too old.
    Age,
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TroubleError {
    /// The system takes nothing.
    #[error("{} cannot be written", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The frames make no file.
    #[error(transparent)]
    Mp4(#[from] Mp4Error),
}

/// Events that wait to be asked for.
#[derive(Debug, Default)]
pub(super) struct Events {
    waiting: VecDeque<ArchiveEvent>,
    missed: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: ArchiveEvent) {
        if self.waiting.len() == EVENTS_MAX {
            self.waiting.pop_front();
            self.missed += 1;
        }
        self.waiting.push_back(event);
    }

    pub(super) fn poll(&mut self) -> Option<ArchiveEvent> {
        match std::mem::take(&mut self.missed) {
            0 => self.waiting.pop_front(),
            count => Some(ArchiveEvent::Missed { count }),
        }
    }
}
