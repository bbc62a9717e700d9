use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::HeaderError;
use super::date::{Fraction, UtcTime, nanos};
use super::params::{number, params};
use crate::{Tolerance, Tolerances};

const RANGE: &str = "Range";

/// A span of media, as the Range header and `a=range` of a description have it (RFC 2326, sections 3.5 to 3.7).
///
/// A missing end is open. Start and end may be equal or in reverse.
///
/// ```
/// use std::time::Duration;
///
/// use rtspan_core::header::Range;
/// use rtspan_core::Tolerances;
///
/// let from_a_minute = Range::from_npt(Duration::from_secs(60));
/// assert_eq!(from_a_minute.to_string(), "npt=60-");
/// let morning = Range::parse("clock=20260501T060000Z-20260501T070000Z", &mut Tolerances::NONE)?;
/// assert!(morning.has_end() && !morning.is_reversed());
/// # Ok::<(), rtspan_core::header::HeaderError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Range {
    /// Normal play time, counted from the start of the media.
    Npt {
        /// Where it starts; `None` to leave that open, with an end.
        start: Option<NptTime>,
        /// Where it ends.
        end: Option<NptTime>,
    },
    /// SMPTE time codes.
    Smpte {
        /// How frames are counted.
        rate: SmpteRate,
        /// Where it starts.
        start: Option<SmpteTime>,
        /// Where it ends.
        end: Option<SmpteTime>,
    },
    /// Wall clock time.
    Clock {
        /// Where it starts.
        start: Option<UtcTime>,
        /// Where it ends.
        end: Option<UtcTime>,
    },
}

/// A Range header with the time at which it takes effect (RFC 2326, section 12.29).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimedRange {
    /// The span of media.
    pub range: Range,
    /// When the request is to take effect; at once without it.
    pub time: Option<UtcTime>,
}

/// A normal play time.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum NptTime {
    /// The present of a live stream.
    Now,
    /// A time after the start of the media; at most [`u32::MAX`] seconds are read.
    At(Duration),
}

/// How SMPTE time codes count frames.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum SmpteRate {
    /// `smpte`, which is 29.97 frames a second with drop frames.
    #[default]
    Default,
    /// `smpte-30-drop`: the same by its full name.
    Drop30,
    /// `smpte-25`: 25 frames a second.
    Fps25,
}

/// A SMPTE time code.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SmpteTime {
    /// 0 to 99.
    pub hours: u8,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// Frames of the second.
    pub frames: u8,
    /// Hundredths of the frame.
    pub subframes: u8,
}

impl Range {
    /// From `start` to the end of the media.
    pub const fn from_npt(start: Duration) -> Self {
        Self::Npt { start: Some(NptTime::At(start)), end: None }
    }

    /// Returns true for a range with an end that will be reached; [`Now`](NptTime::Now) is none.
    pub fn has_end(&self) -> bool {
        match self {
            Self::Npt { end, .. } => matches!(end, Some(NptTime::At(_))),
            Self::Smpte { end, .. } => end.is_some(),
            Self::Clock { end, .. } => end.is_some(),
        }
    }

    /// Reads a value and passes over its `time` parameter.
    ///
    /// # Errors
    ///
    /// If there is no range in a known unit, or a time in it cannot be read.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        TimedRange::parse(value, tolerances).map(|timed| timed.range)
    }

    /// Returns `true` if the range ends before it starts, which only makes sense where media is played backwards (RFC 2326,
    /// section 12.34).
    pub fn is_reversed(&self) -> bool {
        match self {
            Self::Npt { start: Some(NptTime::At(start)), end: Some(NptTime::At(end)) } => end < start,
            Self::Npt { .. } => false,
            Self::Smpte { start, end, .. } => start.zip(*end).is_some_and(|(start, end)| end < start),
            Self::Clock { start, end } => start.zip(*end).is_some_and(|(start, end)| end < start),
        }
    }
}

impl TimedRange {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// If there is no range in a known unit, or a time in it cannot be read.
    pub fn parse(value: &str, tolerances: &mut Tolerances) -> Result<Self, HeaderError> {
        let params = params(value, b';', RANGE, tolerances)?;
        let found = params.iter().find_map(|param| Some((Unit::of(param.key)?, param.value?)));
        let (unit, span) = found.ok_or(HeaderError::Missing { header: RANGE, what: "known unit" })?;
        let range = unit.read(&decimal_points(span, tolerances), tolerances);
        let range = range.ok_or_else(|| unreadable(unit.as_str()))?;
        let time = match params.iter().find(|param| param.is("time")) {
            Some(param) => Some(UtcTime::parse(param.value.unwrap_or("")).ok_or_else(|| unreadable("time"))?),
            None => None,
        };
        Ok(Self { range, time })
    }
}

#[derive(Clone, Copy)]
enum Unit {
    Npt,
    Smpte(SmpteRate),
    Clock,
}

impl Unit {
    const ALL: [Self; 5] = [
        Self::Npt,
        Self::Smpte(SmpteRate::Default),
        Self::Smpte(SmpteRate::Drop30),
        Self::Smpte(SmpteRate::Fps25),
        Self::Clock,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Npt => "npt",
            Self::Smpte(SmpteRate::Default) => "smpte",
            Self::Smpte(SmpteRate::Drop30) => "smpte-30-drop",
            Self::Smpte(SmpteRate::Fps25) => "smpte-25",
            Self::Clock => "clock",
        }
    }

    fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str().eq_ignore_ascii_case(key))
    }

    fn read(self, span: &str, tolerances: &mut Tolerances) -> Option<Range> {
        if let Some(rest) = span.trim().strip_prefix("0.-").filter(|_| matches!(self, Self::Npt)) {
            let (below, end) = rest.split_once('-')?;
            number::<u32>(below)?;
            tolerances.record(Tolerance::NptBelowZero);
            let start = Some(NptTime::At(Duration::ZERO));
            return Some(Range::Npt { start, end: npt_end(end.trim(), tolerances)? });
        }
        let (start, end) = span.split_once('-')?;
        let (start, end) = (start.trim(), end.trim());
        if let (Self::Clock, "0", "") = (self, start, end) {
            tolerances.record(Tolerance::ZeroClock);
            return Some(Range::Clock { start: None, end: None });
        }
        if start.is_empty() && end.is_empty() {
            return None;
        }
        Some(match self {
            // Without a start, an end that is no time leaves nothing.
            Self::Npt if start.is_empty() => Range::Npt { start: None, end: Some(npt(end, tolerances)?) },
            Self::Npt => Range::Npt { start: Some(npt(start, tolerances)?), end: npt_end(end, tolerances)? },
            Self::Smpte(rate) => {
                Range::Smpte { rate, start: unless_empty(start, smpte)?, end: unless_empty(end, smpte)? }
            }
            Self::Clock => Range::Clock {
                start: unless_empty(start, UtcTime::parse)?,
                end: unless_empty(end, UtcTime::parse)?,
            },
        })
    }
}

/// No time has a comma of its own, so that one can only be a decimal sign.
fn decimal_points<'a>(span: &'a str, tolerances: &mut Tolerances) -> Cow<'a, str> {
    if !span.contains(',') {
        return span.into();
    }
    tolerances.record(Tolerance::DecimalComma);
    span.replace(',', ".").into()
}

fn unreadable(parameter: &'static str) -> HeaderError {
    HeaderError::Unreadable { header: RANGE, parameter }
}

fn unless_empty<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text.is_empty() { Some(None) } else { read(text).map(Some) }
}

/// Reads the end of a range; one that is a number but no time is open.
fn npt_end(text: &str, tolerances: &mut Tolerances) -> Option<Option<NptTime>> {
    if let Some(end) = unless_empty(text, |text| npt(text, tolerances)) {
        return Some(end);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let overflows = !whole.is_empty() && digits(whole) && digits(fraction);
    overflows.then(|| {
        tolerances.record(Tolerance::RangeEndOverflow);
        None
    })
}

/// Reads `now`, seconds, or hours and minutes with colons before the seconds.
fn npt(text: &str, tolerances: &mut Tolerances) -> Option<NptTime> {
    if text.eq_ignore_ascii_case("now") {
        return Some(NptTime::Now);
    }
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut seconds = 0_u64;
    let mut fields = 0_u8;
    let mut is_clock = true;
    for field in clock.split(':') {
        fields = fields.checked_add(1).filter(|fields| *fields <= 3)?;
        let value = number::<u32>(field)?;
        is_clock &= fields == 1 || value < 60;
        seconds = seconds.saturating_mul(60).saturating_add(value.into());
    }
    if fields == 2 || !is_clock {
        tolerances.record(Tolerance::NptFields);
    }
    let seconds = u32::try_from(seconds).ok()?;
    Some(NptTime::At(Duration::new(seconds.into(), nanos(fraction)?)))
}

/// Reads `h:mm:ss[:ff[.sf]]`.
fn smpte(text: &str) -> Option<SmpteTime> {
    let mut fields = text.splitn(4, ':');
    let mut time = SmpteTime {
        hours: below(fields.next()?, 100)?,
        minutes: below(fields.next()?, 60)?,
        seconds: below(fields.next()?, 60)?,
        ..SmpteTime::default()
    };
    if let Some(frames) = fields.next() {
        let (frames, subframes) = frames.split_once('.').unwrap_or((frames, "0"));
        time.frames = below(frames, 100)?;
        time.subframes = below(subframes, 100)?;
    }
    Some(time)
}

fn below(text: &str, limit: u8) -> Option<u8> {
    number(text).filter(|number| *number < limit)
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Npt { start, end } => write_span(f, Unit::Npt, start, end),
            Self::Smpte { rate, start, end } => write_span(f, Unit::Smpte(*rate), start, end),
            Self::Clock { start, end } => write_span(f, Unit::Clock, start, end),
        }
    }
}

fn write_span<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    unit: Unit,
    start: &Option<T>,
    end: &Option<T>,
) -> fmt::Result {
    write!(f, "{}=", unit.as_str())?;
    match (start, end) {
        (Some(start), Some(end)) => write!(f, "{start}-{end}"),
        (Some(start), None) => write!(f, "{start}-"),
        (None, Some(end)) => write!(f, "-{end}"),
        // A span open at both ends has no form of its own: it is all there is.
        (None, None) => f.write_str(if let Unit::Smpte(_) = unit { "0:00:00-" } else { "0-" }),
    }
}

impl fmt::Display for TimedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.range.fmt(f)?;
        match self.time {
            Some(time) => write!(f, ";time={time}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for NptTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::At(time) => write!(f, "{}{}", time.as_secs(), Fraction(*time)),
        }
    }
}

impl fmt::Display for SmpteTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:02}:{:02}", self.hours, self.minutes, self.seconds)?;
        match (self.frames, self.subframes) {
            (0, 0) => Ok(()),
            (frames, 0) => write!(f, ":{frames:02}"),
            (frames, subframes) => write!(f, ":{frames:02}.{subframes:02}"),
        }
    }
}

#[cfg(test)]
mod tests;
