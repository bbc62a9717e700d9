//! The Date header (RFC 2326, section 12.18), as standards and as cameras write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, or `Sun, Nov 06 1994 08:49:37 GMT` as LIVE555 and the many cameras
/// that are built with it write it.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    for word in text.split([' ', ',', '-', '\t']).filter(|word| !word.is_empty()) {
        if word.contains(':') {
            time = time.or(Some(seconds_of(word)?));
        } else if let Ok(number) = word.parse::<u64>() {
            let place = if word.len() > 2 { &mut year } else { &mut day };
            place.get_or_insert(number);
        } else if let Some(found) = MONTHS.iter().position(|own| word.eq_ignore_ascii_case(own)) {
            month = month.or_else(|| u64::try_from(found).ok());
        }
    }
    let (day, month, year, time) = (day?, month?, year?, time?);
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let days = days_since_1970(year, month + 1, day);
    Some(UNIX_EPOCH + Duration::from_secs(days * 86_400 + time))
}

/// By how many seconds a time is ahead of another one; below zero if it is behind.
pub(super) fn ahead(of: SystemTime, now: SystemTime) -> f64 {
    match of.duration_since(now) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    }
}

fn seconds_of(time: &str) -> Option<u64> {
    let fields = time.split(':').map(|field| field.parse().ok()).collect::<Option<Vec<u64>>>()?;
    match *fields {
        [hour @ 0..=23, minute @ 0..=59, second @ 0..=60] => Some((hour * 60 + minute) * 60 + second),
        _ => None,
    }
}

/// The number of a day; the year begins with March, so that the day of a leap year is the last one.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        Some(parse(text)?.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn dates_are_read_as_standards_and_as_cameras_write_them() {
        for (text, expected) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sun, Nov 06 1994 08:49:37 GMT", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799),
            ("Wed, Mar 01 2000 00:00:00 GMT", 951_868_800),
            ("Mon, 1 Mar 2100 00:00:00 GMT", 4_107_542_400),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_date_is_none() {
        for text in
            ["", "now", "Sun, 06 Nov 1994", "06 Nov 1994 25:00:00", "32 Nov 1994 00:00:00", "0 0 0:0:0"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("1 Jan 0001 00:00:00"), None);
    }

    #[test]
    fn the_distance_of_two_times_has_a_sign() {
        let (early, late) = (UNIX_EPOCH, UNIX_EPOCH + Duration::from_secs(3));
        assert_eq!((ahead(late, early), ahead(early, late)), (3.0, -3.0));
    }
}
