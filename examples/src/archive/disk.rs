//! The room that recordings take, and which of them go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::event::{ArchiveEvent, Cause, Events};
use super::index::INDEX;
use super::name::Stamp;

/// Segments that cannot be removed, beyond which no others are tried: nothing can be removed, it seems.
const STUCK_MAX: usize = 8;

/// Where a segment is: what it is named by, and the number of its camera. The oldest of all cameras is the first.
pub(super) type Place = (Stamp, usize);

/// All segments in the folder.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    keep: Option<u64>,
    keep_for: Option<Duration>,
    /// The names of the cameras, those included that nobody records any more.
    cameras: Vec<String>,
    segments: BTreeMap<Place, u64>,
    /// Bytes of the index of each camera's days.
    indexes: BTreeMap<(usize, String), u64>,
    /// Those that are being written.
    writing: BTreeSet<Place>,
    /// Those that could not be removed, which was told.
    stuck: BTreeSet<Place>,
    total: u64,
}

impl Disk {
    pub(super) fn new(dir: &Path, keep: Option<u64>, keep_for: Option<Duration>) -> Self {
        Self {
            dir: dir.to_owned(),
            keep,
            keep_for,
            cameras: Vec::new(),
            segments: BTreeMap::new(),
            indexes: BTreeMap::new(),
            writing: BTreeSet::new(),
            stuck: BTreeSet::new(),
            total: 0,
        }
    }

    /// The number of a camera.
    pub(super) fn camera(&mut self, name: &str) -> usize {
        self.cameras.iter().position(|its| its == name).unwrap_or_else(|| {
            self.cameras.push(name.to_owned());
            self.cameras.len() - 1
        })
    }

    pub(super) fn folder(&self, camera: usize, day: &str) -> PathBuf {
        self.dir.join(&self.cameras[camera]).join(day)
    }

    fn path(&self, (stamp, camera): Place) -> PathBuf {
        self.folder(camera, &stamp.day()).join(stamp.file())
    }

    /// The newest segment of a camera.
    pub(super) fn newest(&self, camera: usize) -> Option<Stamp> {
        self.segments.keys().rev().find(|(_, its)| *its == camera).map(|(stamp, _)| *stamp)
    }

    /// Bytes of all segments and indexes.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that all segments may take together.
    pub(super) fn keep(&self) -> Option<u64> {
        self.keep
    }

    pub(super) fn grow(&mut self, place: Place, bytes: u64) {
        *self.segments.entry(place).or_default() += bytes;
        self.total += bytes;
    }

    pub(super) fn set_index(&mut self, camera: usize, day: &str, bytes: u64) {
        let before = self.indexes.insert((camera, day.to_owned()), bytes).unwrap_or_default();
        self.total = self.total.saturating_sub(before) + bytes;
    }

    pub(super) fn begin(&mut self, place: Place) {
        self.writing.insert(place);
    }

    pub(super) fn end(&mut self, place: Place) {
        self.writing.remove(&place);
    }

    /// Forgets a segment that is not there.
    pub(super) fn forget(&mut self, place: Place) {
        self.total -= self.segments.remove(&place).unwrap_or_default();
        self.stuck.remove(&place);
    }

    /// Removes the oldest segments until there is room for so many bytes.
    ///
    /// # Errors
    ///
    /// There is no room, and nothing more that can go.
    pub(super) fn make_room(&mut self, bytes: u64, events: &mut Events) -> io::Result<()> {
        let Some(keep) = self.keep else { return Ok(()) };
        let is_full = |disk: &Self| disk.total.saturating_add(bytes) > keep;
        self.remove_while(Cause::Room, events, |disk, _| is_full(disk))?;
        if !is_full(self) {
            return Ok(());
        }
        let full =
            format!("all {keep} bytes that recordings may take are taken by those that are being written");
        Err(io::Error::new(io::ErrorKind::QuotaExceeded, full))
    }

    /// Removes what is too old at a time in nanoseconds since 1970. What cannot be removed is tried again the next time.
    pub(super) fn remove_old(&mut self, now: i64, segment: Duration, events: &mut Events) {
        let Some(keep_for) = self.keep_for else { return };
        // A segment is as old as its last frame.
        let age = i64::try_from((keep_for + segment).as_nanos()).unwrap_or(i64::MAX);
        let limit = Stamp::of(now.saturating_sub(age));
        let _ = self.remove_while(Cause::Age, events, |_, (stamp, _)| stamp < limit);
    }

    /// Removes the oldest segments as long as it is due. Those that cannot be removed are passed over, unless they are many.
    fn remove_while(
        &mut self,
        cause: Cause,
        events: &mut Events,
        is_due: impl Fn(&Self, Place) -> bool,
    ) -> io::Result<()> {
        let mut passed_over = Vec::new();
        loop {
            let may_go = |place: &&Place| !self.writing.contains(place) && !passed_over.contains(*place);
            let oldest = self.segments.keys().find(may_go).copied();
            let Some(oldest) = oldest.filter(|oldest| is_due(self, *oldest)) else { return Ok(()) };
            if let Err(error) = self.remove(oldest, cause, events) {
                passed_over.push(oldest);
                if passed_over.len() == STUCK_MAX {
                    return Err(error);
                }
            }
        }
    }

    fn remove(&mut self, place: Place, cause: Cause, events: &mut Events) -> io::Result<()> {
        let path = self.path(place);
        let (stamp, number) = place;
        let camera = self.cameras[number].clone();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let told = io::Error::new(error.kind(), error.to_string());
                if self.stuck.insert(place) {
                    events.push(ArchiveEvent::NotRemoved { camera, path, error });
                }
                return Err(told);
            }
            _ => {}
        }
        let bytes = self.segments.get(&place).copied().unwrap_or_default();
        self.forget(place);
        events.push(ArchiveEvent::Removed { camera, path, bytes, cause });
        self.remove_day(number, &stamp.day());
        Ok(())
    }

    /// Removes the folder of a day that has no segment any more.
    pub(super) fn remove_day(&mut self, camera: usize, day: &str) {
        let is_its = |(stamp, its): &Place| *its == camera && stamp.day() == day;
        // Those of a day stand together, but for other cameras.
        if self.segments.keys().take_while(|(stamp, _)| stamp.day().as_str() <= day).any(is_its) {
            return;
        }
        let folder = self.folder(camera, day);
        // A folder in which somebody has put something else stays.
        let _ = fs::remove_file(folder.join(INDEX));
        let _ = fs::remove_dir(&folder);
        let index = self.indexes.remove(&(camera, day.to_owned())).unwrap_or_default();
        self.total -= index;
    }
}
