//! A segment that is being written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Cursor, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use rtspan_core::frame::Frame;

use super::Store;
use super::camera::{Camera, Media};
use super::disk::Place;
use super::event::{ArchiveEvent, TroubleError};
use super::index::{INDEX, append, line};
use super::name::Stamp;
use super::scan::{FOLLOWS, Tally};
use crate::mp4::{Mp4Error, Mp4Writer};

/// The longest fragment: what a recorder that is killed loses.
const FRAGMENT_MAX: Duration = Duration::from_secs(1);
/// A camera whose clock is wrong by more than this has its segments named by ours.
const CLOCK_TRUST: u64 = 60_000_000_000;
/// Names that are tried, if somebody has put files of these names there.
const NAMES_MAX: usize = 16;

/// Fragments are collected in memory, and each is written as a whole or cut off again.
#[derive(Debug)]
pub(super) struct Open {
    writer: Mp4Writer<Vec<u8>>,
    out: Option<Out>,
    tally: Tally,
    follows: Option<Stamp>,
    /// The decoding time of the first frame.
    pub(super) began: i64,
    /// The decoding time that the lead has come to.
    pub(super) lead_reached: Option<i64>,
    /// The wall clock time of presentation time zero, when the lead began.
    pub(super) zero: Option<i64>,
    /// It ends with the next keyframe.
    pub(super) is_cut: bool,
    /// The medias of which there are frames.
    begun: Vec<usize>,
    /// Frames that were taken.
    taken: u64,
}

/// Its file.
#[derive(Debug)]
struct Out {
    file: File,
    path: PathBuf,
    place: Place,
}

impl Open {
    pub(super) fn new(medias: &[Media], began: i64, follows: Option<Stamp>) -> Self {
        let mut writer =
            Mp4Writer::new(Vec::new(), medias.iter().map(|media| media.index)).fragment_max(FRAGMENT_MAX);
        for media in medias {
            writer.describe(media.index, &media.parameters, follows.is_some());
        }
        let tally = Tally::new(Stamp::of(0));
        let (lead_reached, zero, begun) = (None, None, Vec::new());
        Self { writer, out: None, tally, follows, began, lead_reached, zero, is_cut: false, begun, taken: 0 }
    }

    /// There are frames of a media.
    pub(super) fn has(&self, media: usize) -> bool {
        self.begun.contains(&media)
    }

    /// Bytes that are written.
    pub(super) fn bytes(&self) -> u64 {
        self.tally.bytes
    }

    /// Frames that were taken and are not written.
    pub(super) fn unwritten(&self) -> u64 {
        self.taken.saturating_sub(self.tally.frames)
    }

    pub(super) fn write(&mut self, frame: Frame, is_lead: bool) -> Result<(), Mp4Error> {
        if is_lead {
            self.lead_reached = Some(frame.dts);
        }
        let media = frame.media;
        self.writer.write(frame)?;
        self.taken += 1;
        if !self.has(media) {
            self.begun.push(media);
        }
        Ok(())
    }

    /// Writes what waits for the end of its fragment.
    pub(super) fn flush(&mut self, camera: &mut Camera, store: &mut Store) -> Result<(), TroubleError> {
        if self.unwritten() > 0 {
            self.writer.end()?;
        }
        self.commit(camera, store)
    }

    /// Writes the fragments that are whole. What cannot be written leaves no trace in the file.
    pub(super) fn commit(&mut self, camera: &mut Camera, store: &mut Store) -> Result<(), TroubleError> {
        let mut bytes = std::mem::take(self.writer.out_mut());
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(follows) = self.follows.filter(|_| self.out.is_none()) {
            insert_follows(&mut bytes, follows);
        }
        let mut tally = self.tally.clone();
        let failed = |path: PathBuf| |source| TroubleError::Write { path, source };
        let length = bytes.len() as u64;
        tally.read(&mut Cursor::new(&bytes), length).map_err(failed(PathBuf::new()))?;
        let (folder, names) = match &self.out {
            Some(out) => (out.path.clone(), None),
            None => {
                let stamp = camera.name_of(tally.first());
                (store.disk.folder(camera.number, &stamp.day()), Some(stamp))
            }
        };
        store.disk.make_room(length, &mut store.events).map_err(failed(folder.clone()))?;
        if let Some(stamp) = names {
            self.out = Some(Out::create(camera, stamp, store).map_err(failed(folder))?);
        }
        let Some(out) = &mut self.out else { return Ok(()) };
        if let Err(error) = out.file.write_all(&bytes) {
            // A rest that cannot be cut off now is cut off when the archive is opened again.
            let _ = out.file.set_len(self.tally.bytes);
            return Err(failed(out.path.clone())(error));
        }
        store.disk.grow(out.place, length);
        let is_first = self.tally.frames == 0;
        self.tally = tally;
        if is_first {
            let follows = self.follows.is_some();
            let (camera_name, path) = (camera.name.clone(), out.path.clone());
            if let (Some(from), Some(to), false) = (camera.ended, self.tally.first(), follows) {
                store.events.push(ArchiveEvent::Gap { camera: camera_name.clone(), from, to });
            }
            store.events.push(ArchiveEvent::Begun { camera: camera_name, path, follows });
        }
        camera.ended = Some(self.tally.end());
        Ok(())
    }

    /// Ends it as it is, and gives back its name if there is anything in it.
    pub(super) fn end(self, camera: &Camera, store: &mut Store) -> Option<Stamp> {
        let Out { file, path, place } = self.out?;
        drop(file);
        store.disk.end(place);
        let (stamp, number) = place;
        let day = stamp.day();
        let Some(mut segment) = self.tally.segment(&path) else {
            // Nothing could be written.
            let _ = fs::remove_file(&path);
            store.disk.forget(place);
            store.disk.remove_day(number, &day);
            return None;
        };
        segment.is_ended = true;
        let follows = self.follows.map(Stamp::file);
        let name = camera.name.clone();
        if let Err(error) = store.index(number, &day, &line(stamp, &segment, follows.as_deref())) {
            store.events.push(ArchiveEvent::NotIndexed { camera: name.clone(), path, error });
        }
        store.events.push(ArchiveEvent::Ended { camera: name, segment });
        Some(stamp)
    }
}

impl Out {
    /// Makes a file, and the folder of its day.
    fn create(camera: &mut Camera, mut stamp: Stamp, store: &mut Store) -> io::Result<Self> {
        let mut tried = 0;
        loop {
            let folder = store.disk.folder(camera.number, &stamp.day());
            fs::create_dir_all(&folder)?;
            let path = folder.join(stamp.file());
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tried < NAMES_MAX => {
                    (stamp, tried) = (stamp.after(), tried + 1);
                }
                file => {
                    let (file, place) = (file?, (stamp, camera.number));
                    store.disk.grow(place, 0);
                    store.disk.begin(place);
                    camera.newest = Some(stamp);
                    return Ok(Self { file, path, place });
                }
            }
        }
    }
}

impl Camera {
    /// The name of a segment that begins at this time: later than those before it.
    fn name_of(&self, first: Option<i64>) -> Stamp {
        let ours = self.came();
        let named = first.filter(|first| first.abs_diff(ours) <= CLOCK_TRUST).unwrap_or(ours);
        let stamp = Stamp::of(named);
        self.newest.map_or(stamp, |newest| stamp.max(newest.after()))
    }
}

impl Store {
    /// Appends a line to the index of a day.
    fn index(&mut self, camera: usize, day: &str, line: &str) -> io::Result<()> {
        self.disk.make_room(line.len() as u64, &mut self.events)?;
        let path = self.disk.folder(camera, day).join(INDEX);
        append(&path, line)?;
        self.disk.set_index(camera, day, fs::metadata(&path)?.len());
        Ok(())
    }
}

/// Tells behind the first box (`ftyp`) which segment this one follows.
fn insert_follows(bytes: &mut Vec<u8>, follows: Stamp) {
    let name = follows.file();
    let size = (8 + FOLLOWS.len() + name.len()) as u32;
    let its = [&size.to_be_bytes()[..], b"uuid", &FOLLOWS, name.as_bytes()].concat();
    let Some(first) = bytes.first_chunk::<4>().map(|size| u32::from_be_bytes(*size) as usize) else { return };
    if first <= bytes.len() {
        bytes.splice(first..first, its);
    }
}
