//! Films on demand: each reader has a stream of its own, goes where it likes in it, and plays it as fast as it likes.

mod film;
mod films;
mod footage;
mod library;

pub use film::{Film, FilmError, Started, Step};
pub use films::{Films, asks};
pub use footage::{FileFootage, Footage, Section};
pub use library::{Folder, Library};
