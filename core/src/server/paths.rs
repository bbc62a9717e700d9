use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::url::canonical;
use crate::{SessionId, StreamId};

/// Where the URLs of a stream's tracks go on behind that of the stream.
const TRACK: &str = "/trackID=";

/// The occupant of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// A stream that can be read.
    Stream(StreamId),
    /// A publisher that has announced and not recorded yet.
    Announced(SessionId),
}

/// Why nothing can be published at a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Taken {
    /// Something is there.
    By(Place),
    /// The path is that of a track of another stream, or one of the stream's tracks would have another's path.
    Track,
}

/// The paths that are taken. Those that are the same once they are decoded are one.
#[derive(Debug, Default)]
pub(super) struct Paths(BTreeMap<Box<str>, Place>);

impl Paths {
    pub(super) fn get(&self, path: &str) -> Option<Place> {
        self.0.get(&*key(path)).copied()
    }

    pub(super) fn insert(&mut self, path: &str, place: Place) {
        self.0.insert(key(path).into(), place);
    }

    pub(super) fn remove(&mut self, path: &str) {
        self.0.remove(&*key(path));
    }

    /// Looks whether a stream can be published at a path, by what is there already.
    pub(super) fn check_free(&self, path: &str) -> Result<(), Taken> {
        let path = key(path);
        if let Some(place) = self.0.get(&*path) {
            return Err(Taken::By(*place));
        }
        let is_track = path.match_indices(TRACK).any(|(at, _)| {
            let stream = path.get(..at).filter(|stream| !stream.is_empty());
            self.0.contains_key(stream.unwrap_or("/"))
        });
        let tracks = [path.trim_end_matches('/'), TRACK].concat();
        let has_track = || {
            let behind = (Bound::Included(&*tracks), Bound::Unbounded);
            self.0.range::<str, _>(behind).next().is_some_and(|(taken, _)| taken.starts_with(&tracks))
        };
        if is_track || has_track() { Err(Taken::Track) } else { Ok(()) }
    }

    /// The streams, in the order of their paths.
    pub(super) fn streams(&self) -> impl Iterator<Item = StreamId> {
        self.0.values().filter_map(|place| match place {
            Place::Stream(stream) => Some(*stream),
            Place::Announced(_) => None,
        })
    }
}

/// The form in which paths are compared; any number of slashes in front of a track's name is one.
fn key(path: &str) -> Cow<'_, str> {
    let form = canonical(path);
    if !form.contains("//trackID=") {
        return form;
    }
    let pieces: Vec<&str> = form.split(TRACK).map(|piece| piece.trim_end_matches('/')).collect();
    Cow::Owned(pieces.join(TRACK))
}
