use std::fmt::Debug;

use rtspan_core::Description;
use rtspan_core::frame::Frame;

use crate::source::{FileSource, SourceError};

/// Something that was recorded and can be played, such as a file.
///
/// It has one time line, in nanoseconds: that of the file, or of the [wall clock](Self::has_wall_clock).
pub trait Footage: Debug + Send {
    /// The description of its medias.
    fn description(&self) -> &Description;

    /// Returns `true` if its times are those of the wall clock at which it was recorded, in nanoseconds since 1970.
    fn has_wall_clock(&self) -> bool {
        false
    }

    /// The spans that were recorded without a gap, in the order of time. There may be more of it whenever frames were read.
    fn sections(&self) -> &[Section];

    /// Returns `true` if more may be recorded behind its end: then [`next`](Self::next) may give a frame where it gave none.
    fn is_growing(&self) -> bool {
        false
    }

    /// Goes to the last clean point at or before a time, whatever gaps there are in between, so that it is the next picture;
    /// to the first one, if there is none before. Without pictures, it goes to the sound there.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is broken.
    fn seek(&mut self, to: i64) -> Result<(), SourceError>;

    /// The next frame in the order in which they are decoded; `None` at the end.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is broken.
    fn next(&mut self) -> Result<Option<Frame>, SourceError>;
}

/// A span of footage without a gap.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Section {
    /// The presentation time of its first clean point.
    pub start: i64,
    /// The presentation time at which its last frame ends.
    pub end: i64,
}

/// A file, which is one section.
#[derive(Debug)]
pub struct FileFootage {
    source: FileSource,
    section: Section,
}

impl FileFootage {
    /// A file at its beginning.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is broken, or is a pipe.
    pub fn new(mut source: FileSource) -> Result<Self, SourceError> {
        let (start, end) = source.span()?;
        Ok(Self { source, section: Section { start, end } })
    }
}

impl Footage for FileFootage {
    fn description(&self) -> &Description {
        self.source.description()
    }

    fn sections(&self) -> &[Section] {
        std::slice::from_ref(&self.section)
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.source.seek(to)
    }

    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        self.source.next()
    }
}
