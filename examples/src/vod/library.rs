use std::fmt::Debug;
use std::path::{Component, Path, PathBuf};

use super::{FileFootage, Footage};
use crate::recorder::FileKind;
use crate::source::{FileSource, SourceError};

/// Footage that can be played, each at a path.
pub trait Library: Debug + Send {
    /// Opens what is at the path of a URL; `None` if there is nothing.
    fn open(&self, path: &str) -> Option<Result<Box<dyn Footage>, SourceError>>;
}

/// Several, of which the first that has something at a path gives it.
impl Library for Vec<Box<dyn Library>> {
    fn open(&self, path: &str) -> Option<Result<Box<dyn Footage>, SourceError>> {
        self.iter().find_map(|library| library.open(path))
    }
}

/// A folder of films, each at the path of its file. A path leads out of the folder only by a link in it.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The films in a folder and in those below it.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    fn find(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path.trim_start_matches('/'));
        let is_below = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let file = self.0.join(relative);
        (is_below && FileKind::of(&file).is_some() && file.is_file()).then_some(file)
    }
}

impl Library for Folder {
    fn open(&self, path: &str) -> Option<Result<Box<dyn Footage>, SourceError>> {
        let source = FileSource::open(&self.find(path)?, 25.0);
        let footage = source.and_then(FileFootage::new);
        Some(footage.map(|footage| Box::new(footage) as Box<dyn Footage>))
    }
}
