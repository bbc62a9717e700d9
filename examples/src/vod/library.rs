use std::path::{Component, Path, PathBuf};

use crate::recorder::FileKind;
use crate::source::{FileSource, SourceError};

/// A folder of films, each at the path of its file.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// The films in a folder and in those below it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Opens the film at the path of a URL; `None` if there is none. A path leads out of the folder only by a link in it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or nothing in it can be sent.
    pub fn open(&self, path: &str) -> Option<Result<FileSource, SourceError>> {
        let file = self.find(path)?;
        Some(FileSource::open(&file, 25.0))
    }

    fn find(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path.trim_start_matches('/'));
        let is_below = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.folder.join(relative);
        (is_below && FileKind::of(&file).is_some() && file.is_file()).then_some(file)
    }
}
