//! Films on demand: each reader has a stream of its own, goes where it likes in it, and plays it as fast as it likes.

mod course;
mod film;
mod films;
mod footage;
mod library;
mod places;
mod player;
mod recordings;
mod reel;
mod timing;

pub use film::{Due, Film, FilmError, Replayed, Started, Step, Wish};
pub use films::{Films, asks};
pub use footage::{FileFootage, Footage, Section};
pub use library::{Folder, Library};
pub use recordings::Recordings;
