//! The films and recordings of a station's paths.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rtspan_examples::source::{FileSource, SourceError};
use rtspan_examples::vod::{FileFootage, Folder, Footage, Library, Recordings};
use rtspan_std::runtime::Runtime;

use super::config::{Shelf, path_name};
use super::station::Station;

/// Libraries of paths, made when they are first asked for.
pub(super) struct Shelves<R: Runtime> {
    station: Station<R>,
    recordings: Mutex<HashMap<PathBuf, Arc<Recordings>>>,
}

impl<R: Runtime> Shelves<R> {
    pub(super) fn new(station: Station<R>) -> Self {
        Self { station, recordings: Mutex::default() }
    }

    /// The index of recordings is kept from one reader to the next.
    fn recordings(&self, folder: &PathBuf) -> Arc<Recordings> {
        let mut all = self.recordings.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(folder.clone()).or_insert_with(|| Arc::new(Recordings::new(folder))))
    }
}

impl<R: Runtime> Library for Shelves<R> {
    fn open(&self, path: &str) -> Option<Result<Box<dyn Footage>, SourceError>> {
        let settings = self.station.settings();
        settings.shelves(&path_name(path)).find_map(|(shelf, rest)| match shelf {
            Shelf::Film(film) => {
                let footage = FileSource::open(film, 25.0).and_then(FileFootage::new);
                Some(footage.map(|footage| Box::new(footage) as Box<dyn Footage>))
            }
            Shelf::Films(folder) => Folder::new(folder).open(rest),
            Shelf::Recordings(folder) => self.recordings(folder).open(rest),
        })
    }
}

impl<R: Runtime> fmt::Debug for Shelves<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelves").field("station", &self.station).finish_non_exhaustive()
    }
}
