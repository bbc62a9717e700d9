//! Which places of footage a Range header means.

use std::time::Duration;

use rtspan_core::header::{NptTime, Range, UtcTime};

use super::{FilmError, Section};

/// The units of a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Units {
    /// Playing time since the beginning, which gaps do not count for.
    Npt,
    /// Wall clock time.
    Clock,
}

/// Where footage is played from, and where it ends: times of the footage. What is not said is left open.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Span {
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
}

impl Units {
    /// Those of a range that is asked for, and answered in.
    ///
    /// # Errors
    ///
    /// The footage is not counted in these. `now` is only a time of live events (RFC 2326, section 3.6), so footage without a
    /// wall clock has none.
    pub(super) fn of(range: &Range, has_wall_clock: bool) -> Result<Self, FilmError> {
        let now = Some(NptTime::Now);
        match range {
            Range::Npt { start, end } if *start != now && *end != now => Ok(Self::Npt),
            Range::Npt { .. } | Range::Clock { .. } if has_wall_clock => Ok(Self::Clock),
            _ => Err(FilmError::NoSuchPlace),
        }
    }

    /// The places that a range means. `now` is the end of the footage, or the end of time where it is being recorded.
    pub(super) fn read(range: &Range, sections: &[Section], now: i64) -> Span {
        let npt = |time| match time {
            Some(NptTime::At(time)) => Some(at_npt(sections, nanos(time))),
            Some(NptTime::Now) => Some(now),
            _ => None,
        };
        let clock = |time: Option<UtcTime>| time.map(|time| nanos(time.to_unix()));
        match *range {
            Range::Npt { start, end } => Span { start: npt(start), end: npt(end) },
            Range::Clock { start, end } => Span { start: clock(start), end: clock(end) },
            Range::Smpte { .. } => Span::default(),
        }
    }

    /// The range between two places; one without an end is open.
    pub(super) fn range(self, from: i64, to: Option<i64>, sections: &[Section]) -> Range {
        match self {
            Self::Npt => {
                let time = |time| Some(NptTime::At(duration(npt_of(sections, time))));
                Range::Npt { start: time(from), end: to.and_then(time) }
            }
            Self::Clock => {
                let time = |time| UtcTime::from_unix(duration(time));
                Range::Clock { start: Some(time(from)), end: to.map(time) }
            }
        }
    }
}

/// The place that is reached after playing for so long from the beginning.
fn at_npt(sections: &[Section], npt: i64) -> i64 {
    let (mut left, mut place) = (npt, npt);
    for Section { start, end } in sections {
        place = start.saturating_add(left);
        if place < *end {
            break;
        }
        left -= end - start;
    }
    place
}

/// How long it is played from the beginning to this place.
fn npt_of(sections: &[Section], place: i64) -> i64 {
    let before = sections.iter().take_while(|section| section.start < place);
    before.map(|section| section.end.min(place) - section.start).sum()
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTIONS: [Section; 2] = [Section { start: 100, end: 200 }, Section { start: 1000, end: 1500 }];

    #[test]
    fn gaps_count_for_the_clock_and_not_for_playing_time() {
        for (npt, place) in [(0, 100), (99, 199), (100, 1000), (150, 1050), (599, 1499), (650, 1550)] {
            assert_eq!(at_npt(&SECTIONS, npt), place, "{npt}");
        }
        for (place, npt) in
            [(100, 0), (150, 50), (200, 100), (700, 100), (1000, 100), (1050, 150), (2000, 600)]
        {
            assert_eq!(npt_of(&SECTIONS, place), npt, "{place}");
        }
    }

    #[test]
    fn clock_ranges_are_of_footage_that_has_a_clock() {
        let clock = Range::Clock { start: Some(UtcTime::from_unix(Duration::from_nanos(1010))), end: None };
        assert!(matches!(Units::of(&clock, false), Err(FilmError::NoSuchPlace)));
        assert_eq!(Units::of(&clock, true).unwrap(), Units::Clock);
        assert_eq!(Units::read(&clock, &SECTIONS, 1500), Span { start: Some(1010), end: None });
        assert_eq!(Units::Clock.range(1010, None, &SECTIONS), clock);
    }

    #[test]
    fn now_is_a_time_of_footage_that_has_a_clock() {
        let now = Range::Npt { start: Some(NptTime::Now), end: None };
        assert!(matches!(Units::of(&now, false), Err(FilmError::NoSuchPlace)));
        assert_eq!(Units::of(&now, true).unwrap(), Units::Clock);
        assert_eq!(Units::read(&now, &SECTIONS, 1500), Span { start: Some(1500), end: None });
        let until_now =
            Range::Npt { start: Some(NptTime::At(Duration::from_nanos(150))), end: Some(NptTime::Now) };
        assert!(matches!(Units::of(&until_now, false), Err(FilmError::NoSuchPlace)));
        assert_eq!(Units::read(&until_now, &SECTIONS, 1500), Span { start: Some(1050), end: Some(1500) });
    }
}
