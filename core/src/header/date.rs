use std::fmt;
use std::time::Duration;

use super::params::number;

/// Seconds of a day without leap second.
const DAY: u64 = 86_400;
/// Days between the first of March of the year 0, from where dates are counted, and 1970.
const TO_1970: u64 = 719_468;

/// A time of the Gregorian calendar in UTC, not before 1970 (RFC 2326, section 3.7).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UtcTime(Duration);

impl UtcTime {
    /// The time `since_1970` after the start of 1970.
    pub const fn from_unix(since_1970: Duration) -> Self {
        Self(since_1970)
    }

    /// The time since the start of 1970, without leap seconds.
    pub const fn to_unix(self) -> Duration {
        self.0
    }

    /// Reads `YYYYMMDDTHHMMSS[.fraction]Z`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix(['Z', 'z'])?.split_once(['T', 't'])?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [year, month, day] = fixed_fields(date, [4, 2, 2])?;
        let [hour, minute, second] = fixed_fields(time, [2, 2, 2])?;
        let days = days_since_1970(year, month, day);
        // A leap second is the first of the next minute.
        if date_of(days) != (year, month, day) || year < 1970 || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let minutes = hour.saturating_mul(60).saturating_add(minute);
        let seconds =
            days.saturating_mul(DAY).saturating_add(minutes.saturating_mul(60)).saturating_add(second);
        Some(Self(Duration::new(seconds, nanos(fraction)?)))
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (year, month, day) = date_of(seconds / DAY);
        let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
        write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}")?;
        // With the three digits of milliseconds, as ONVIF writes it: devices may read ".44" as 44 of them.
        match self.0.subsec_nanos() {
            0 => f.write_str("Z"),
            nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}Z", nanos / 1_000_000),
            _ => write!(f, "{}Z", Fraction(self.0)),
        }
    }
}

/// The fraction of a second with its dot and without zeros at its end; nothing for a whole second.
pub(crate) struct Fraction(pub(crate) Duration);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_nanos() {
            0 => Ok(()),
            nanos => write!(f, ".{}", format!("{nanos:09}").trim_end_matches('0')),
        }
    }
}

/// The nanoseconds of the digits behind a decimal point; those past the ninth are dropped.
pub(crate) fn nanos(fraction: &str) -> Option<u32> {
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let nine = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.then(|| nine.fold(0, |sum: u32, digit| sum.saturating_mul(10).saturating_add((digit & 15).into())))
}

/// Splits digits into numbers of the given widths.
fn fixed_fields(text: &str, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut rest = text;
    let mut fields = [0; 3];
    for (field, width) in fields.iter_mut().zip(widths) {
        let (digits, behind) = rest.split_at_checked(width)?;
        *field = number(digits)?;
        rest = behind;
    }
    rest.is_empty().then_some(fields)
}

/// Counts in years that start in March, so that a leap day is the last of its year.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month > 2 { year } else { year.saturating_sub(1) };
    let months = if month > 2 { month.saturating_sub(3) } else { month.saturating_add(9) };
    year.saturating_mul(365)
        .saturating_add(year / 4)
        .saturating_sub(year / 100)
        .saturating_add(year / 400)
        .saturating_add(months.saturating_mul(153).saturating_add(2) / 5)
        .saturating_add(day)
        .saturating_sub(TO_1970.saturating_add(1))
}

/// The inverse of [`days_since_1970`].
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(TO_1970);
    let (era, days) = (days / 146_097, days % 146_097);
    let year =
        days.saturating_sub(days / 1_460).saturating_add(days / 36_524).saturating_sub(days / 146_096) / 365;
    let days =
        days.saturating_sub(year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100));
    let months = days.saturating_mul(5).saturating_add(2) / 153;
    let day = days.saturating_sub(months.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let (month, next) =
        if months < 10 { (months.saturating_add(3), 0) } else { (months.saturating_sub(9), 1) };
    (era.saturating_mul(400).saturating_add(year).saturating_add(next), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, seconds, nanos) in [
            ("19700101T000000Z", 0, 0),
            ("19961108T142300Z", 847_462_980, 0),
            ("19961108T143720.250Z", 847_463_840, 250_000_000),
            ("20000229T235959.000000001Z", 951_868_799, 1),
            ("20200618T212222Z", 1_592_515_342, 0),
            ("21000301T000000Z", 4_107_542_400, 0),
            ("99991231T235959Z", 253_402_300_799, 0),
        ] {
            let time = UtcTime::from_unix(Duration::new(seconds, nanos));
            assert_eq!(UtcTime::parse(text), Some(time), "{text}");
            assert_eq!(time.to_string(), text);
            assert_eq!(time.to_unix(), Duration::new(seconds, nanos));
        }
    }

    #[test]
    fn a_leap_second_is_the_first_of_the_next_minute() {
        assert_eq!(UtcTime::parse("20161231T235960Z"), UtcTime::parse("20170101T000000Z"));
    }

    #[test]
    fn every_day_has_one_date() {
        let mut last = (1969, 12, 31);
        for day in 0..200 * 366 {
            let date = date_of(day);
            assert_eq!(days_since_1970(date.0, date.1, date.2), day);
            assert!(date > last, "{date:?} after {last:?}");
            last = date;
        }
    }

    #[test]
    fn what_is_no_date_is_not_read() {
        for text in [
            "",
            "Z",
            "aa",
            "19961108",
            "19961108T142300",
            "1996118T142300Z",
            "19961108T14230Z",
            "19961108T1423000Z",
            "19961308T142300Z",
            "19960008T142300Z",
            "19960100T142300Z",
            "20010229T000000Z",
            "21000229T000000Z",
            "19961108T240000Z",
            "19961108T146000Z",
            "19961108T142361Z",
            "19691231T235959Z",
            "99999999T999999Z",
            "00000000T000000Z",
            "+9961108T142300Z",
            "19961108T142300.xZ",
            "1996110éT142300Z",
        ] {
            assert_eq!(UtcTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_moment_can_be_written() {
        assert!(UtcTime::from_unix(Duration::MAX).to_string().ends_with(".999999999Z"));
    }
}
