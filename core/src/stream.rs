//! One published stream: a log that is appended to once, and a cursor per reader.
//!
//! Publishing costs the same for any number of readers; a reader that lags is a number that lags, and costs nobody else
//! anything. The log is a plain value: a runtime wraps it in its lock and lends it through [`Streams`].

mod cursor;
mod log;
mod media;
mod retreat;
mod rtcp;
mod secure;
mod start;
mod stats;
mod track;

pub use cursor::{Cursor, LagPolicy, Overtaken, StartAt};
pub use log::{LogLimits, Packet, SsrcError, StreamLog};
pub use media::Media;
pub(crate) use retreat::Retreat;
pub use secure::SecureOrder;
#[cfg(feature = "srtp")]
pub(crate) use secure::Secured;
pub use track::TrackSet;

use crate::StreamId;

/// Where the logs of a server's streams are found: implemented by the runtime, around its locks.
pub trait Streams {
    /// Lends the log of `stream` for reading; `false` if there is no such stream.
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool;
}

#[cfg(test)]
mod tests;
