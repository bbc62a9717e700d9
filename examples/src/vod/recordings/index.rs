//! Which segments a camera has, in the order in which they are played.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Section;
use crate::archive::{self, Segment};

/// A segment that follows another one, but for so long, goes on where that one ends, in nanoseconds.
const JOINT: i64 = 500_000_000;
/// How long it is before all days are looked at again, and the newest one.
const WHOLE_AGE: Duration = Duration::from_secs(10);
const NEWEST_AGE: Duration = Duration::from_millis(200);

/// The segments of a camera.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// One section behind the other, those of each in the order in which they were recorded.
    pub(super) segments: Vec<Segment>,
    /// The sections in the order of their beginnings. They overlap where a clock was set back.
    pub(super) sections: Vec<Section>,
    /// The number of the first segment of each section.
    firsts: Vec<usize>,
}

impl Index {
    /// The index of segments that are in the order in which they were recorded.
    fn new(recorded: Vec<Segment>) -> Self {
        let mut sections: Vec<(Section, Vec<Segment>)> = Vec::new();
        for segment in recorded {
            let Segment { start, end, .. } = segment;
            match sections.last_mut() {
                Some((section, its))
                    if segment.follows && start.saturating_sub(section.end).abs() <= JOINT =>
                {
                    section.end = end;
                    its.push(segment);
                }
                _ => sections.push((Section { start, end }, vec![segment])),
            }
        }
        sections.sort_by_key(|(section, _)| section.start);
        let mut index = Self::default();
        for (section, mut its) in sections {
            index.sections.push(section);
            index.firsts.push(index.segments.len());
            index.segments.append(&mut its);
        }
        index
    }

    /// The same without what was recorded before a segment.
    pub(super) fn since(&self, first: &Path) -> Self {
        let mut recorded = self.segments.clone();
        recorded.retain(|segment| segment.path.as_path() >= first);
        recorded.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Self::new(recorded)
    }

    /// A segment is the first one of its section.
    pub(super) fn opens_section(&self, place: usize) -> bool {
        self.firsts.binary_search(&place).is_ok()
    }

    /// Where a segment is; if it is gone, the place of the one that comes before it.
    pub(super) fn place_of(&self, segment: &Segment) -> Option<usize> {
        let found = self.segments.iter().rposition(|its| its.path == segment.path);
        found.or_else(|| self.segments.partition_point(|its| its.start < segment.start).checked_sub(1))
    }
}

/// The index of a camera, which its readers share.
#[derive(Debug)]
pub(super) struct Shared {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    index: Arc<Index>,
    /// When all days were looked at, and when the newest one was.
    whole: Option<Instant>,
    newest: Option<Instant>,
}

impl Shared {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, state: Mutex::default() }
    }

    /// The name of the camera.
    pub(super) fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The index of all that there is, not older than some seconds.
    pub(super) fn whole(&self) -> io::Result<Arc<Index>> {
        self.look(true)
    }

    /// The index with what was recorded just now.
    pub(super) fn newest(&self) -> io::Result<Arc<Index>> {
        self.look(false)
    }

    fn look(&self, is_whole: bool) -> io::Result<Arc<Index>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |at: Option<Instant>, age| at.is_none_or(|at| at.elapsed() >= age);
        if is_old(state.newest, NEWEST_AGE) {
            let newest = state.index.segments.iter().map(|segment| &segment.path).max();
            let day =
                newest.and_then(|path| day_of(path)).filter(|_| !is_whole || !is_old(state.whole, WHOLE_AGE));
            let mut recorded = archive::segments_from(&self.folder, day.unwrap_or_default())?;
            match day {
                Some(day) => {
                    let is_older = |segment: &&Segment| day_of(&segment.path).is_none_or(|its| its < day);
                    recorded.extend(state.index.segments.iter().filter(is_older).cloned());
                    recorded.sort_unstable_by(|one, other| one.path.cmp(&other.path));
                }
                None => state.whole = Some(Instant::now()),
            }
            state.newest = Some(Instant::now());
            let index = Index::new(recorded);
            if index.segments != state.index.segments {
                state.index = Arc::new(index);
            }
        }
        Ok(Arc::clone(&state.index))
    }
}

/// The folder of the day that a segment is in.
fn day_of(segment: &Path) -> Option<&str> {
    segment.parent()?.file_name()?.to_str()
}
