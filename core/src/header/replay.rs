//! The headers by which PLAY asks a recorder for more than RTSP has (ONVIF Streaming Specification, sections 6.4 and 6.5).

use std::fmt;
use std::time::Duration;

use super::HeaderError;
use super::params::number;
use crate::wire::{Headers, name};

/// The option tag of requests for a replay, in a Require header.
pub const ONVIF_REPLAY: &str = "onvif-replay";

/// How a recording is to be played, besides its [`Range`](super::Range) and its scale.
///
/// ```
/// use std::time::Duration;
/// use rtspan_core::header::{Frames, Replay};
/// use rtspan_core::wire::Headers;
///
/// let mut headers = Headers::default();
/// headers.set("Rate-Control", "no");
/// headers.set("Frames", "intra/4000");
/// let replay = Replay::of(&headers)?;
/// assert!(!replay.is_rate_controlled);
/// assert_eq!(replay.frames, Frames::Intra { every: Some(Duration::from_secs(4)) });
/// # Ok::<(), rtspan_core::header::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Replay {
    /// The server sends at the speed at which it is played (`Rate-Control: yes`, the default). Otherwise it sends as fast as
    /// it can, the client sets the pace by reading, and timestamps are those of the recording.
    pub is_rate_controlled: bool,
    /// The frames that are wanted.
    pub frames: Frames,
    /// The media that is being played is given up for this at once (`Immediate: yes`).
    pub is_immediate: bool,
}

/// Which frames of a recording are sent.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Frames {
    /// All of them.
    #[default]
    All,
    /// Those that others are decoded from.
    Predicted,
    /// Those that can be decoded by themselves.
    Intra {
        /// At least so much of the recording lies between two of them.
        every: Option<Duration>,
    },
}

/// As without any of the headers.
impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

impl Replay {
    /// All frames, at the speed at which they are played.
    pub const fn new() -> Self {
        Self { is_rate_controlled: true, frames: Frames::All, is_immediate: false }
    }

    /// As fast as the client reads.
    #[must_use]
    pub const fn without_rate_control(self) -> Self {
        Self { is_rate_controlled: false, ..self }
    }

    /// These frames alone.
    #[must_use]
    pub const fn only(self, frames: Frames) -> Self {
        Self { frames, ..self }
    }

    /// In the place of what is being played, at once.
    #[must_use]
    pub const fn immediate(self) -> Self {
        Self { is_immediate: true, ..self }
    }

    /// Reads the headers of a request; what is not there is as by default.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read: what is played otherwise is not what was asked for.
    pub fn of(headers: &Headers) -> Result<Self, HeaderError> {
        let is_rate_controlled = yes_or_no(headers, name::RATE_CONTROL)?;
        let is_immediate = yes_or_no(headers, name::IMMEDIATE)?;
        Ok(Self {
            is_rate_controlled: is_rate_controlled.unwrap_or(true),
            frames: headers.get(name::FRAMES).map_or(Ok(Frames::All), Frames::parse)?,
            is_immediate: is_immediate.unwrap_or(false),
        })
    }

    /// Writes the headers of a request: those that say something else than the default.
    pub fn write_to(&self, headers: &mut Headers) {
        if !self.is_rate_controlled {
            headers.set(name::RATE_CONTROL, "no");
        }
        if self.frames != Frames::All {
            headers.set(name::FRAMES, self.frames);
        }
        if self.is_immediate {
            headers.set(name::IMMEDIATE, "yes");
        }
    }
}

impl Frames {
    /// Reads the value of a Frames header.
    ///
    /// # Errors
    ///
    /// If it names no frames that are known, or an interval that is no number.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let (kind, interval) = match value.trim().split_once('/') {
            Some((kind, interval)) => (kind.trim(), Some(interval.trim())),
            None => (value.trim(), None),
        };
        let unreadable = |parameter| HeaderError::Unreadable { header: name::FRAMES, parameter };
        match (kind.to_ascii_lowercase().as_str(), interval) {
            ("all", None) => Ok(Self::All),
            ("predicted", None) => Ok(Self::Predicted),
            ("intra", None) => Ok(Self::Intra { every: None }),
            ("intra", Some(interval)) => {
                let millis = number::<u32>(interval).ok_or_else(|| unreadable("interval"))?;
                Ok(Self::Intra { every: Some(Duration::from_millis(millis.into())) })
            }
            _ => Err(unreadable("kind of frames")),
        }
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Predicted => f.write_str("predicted"),
            Self::Intra { every: None } => f.write_str("intra"),
            Self::Intra { every: Some(every) } => write!(f, "intra/{}", every.as_millis()),
        }
    }
}

/// Reads a header whose value is yes or no; `None` if it is not there.
fn yes_or_no(headers: &Headers, header: &'static str) -> Result<Option<bool>, HeaderError> {
    let Some(value) = headers.get(header) else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err(HeaderError::Unreadable { header, parameter: "yes or no" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let half = Some(Duration::from_millis(500));
        for (frames, text) in [
            (Frames::All, "all"),
            (Frames::Predicted, "predicted"),
            (Frames::Intra { every: None }, "intra"),
            (Frames::Intra { every: half }, "intra/500"),
        ] {
            assert_eq!((frames.to_string().as_str(), Frames::parse(text)), (text, Ok(frames)));
            for (is_rate_controlled, is_immediate) in
                [(true, false), (true, true), (false, false), (false, true)]
            {
                let replay = Replay { is_rate_controlled, frames, is_immediate };
                let mut headers = Headers::default();
                replay.write_to(&mut headers);
                assert_eq!(Replay::of(&headers), Ok(replay));
                assert_eq!(headers.iter().count() == 0, replay == Replay::default(), "{replay:?}");
            }
        }
    }

    #[test]
    fn another_value_is_an_error_that_names_its_header() {
        for (header, good, bad) in [
            ("Rate-Control", &["yes", " No ", "NO"][..], &["", "maybe", "1"][..]),
            ("Immediate", &["yes", "no"], &["true"]),
            (
                "Frames",
                &["All", "intra / 40", "PREDICTED"],
                &["", "intra/", "intra/-1", "intra/4294967296", "all/3", "b"],
            ),
        ] {
            let read = |value: &str| {
                let mut headers = Headers::default();
                headers.set(header, value);
                Replay::of(&headers)
            };
            good.iter().for_each(|value| assert!(read(value).is_ok(), "{header}: {value}"));
            for value in bad {
                let error = read(value).unwrap_err();
                assert!(error.to_string().starts_with(header), "{error}");
            }
        }
    }
}
