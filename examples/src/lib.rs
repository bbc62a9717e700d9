//! What the command-line tool and the example programs share.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod clip;

pub use clip::{Clip, ClipError, Frame};
