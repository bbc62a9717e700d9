//! The names of segments and of the folders of their days.

use std::time::Duration;

use rtspan_core::Tolerances;
use rtspan_core::header::{Range, UtcTime};

/// The end of a segment's name.
const END: &str = "Z.mp4";
/// The last millisecond of the year 9999, beyond which no name has room.
const LAST: u64 = 253_402_300_799_999;

/// The time that a segment is named by, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Stamp(u64);

impl Stamp {
    /// That of a wall clock time in nanoseconds since 1970.
    pub(super) fn of(wall: i64) -> Self {
        Self((wall.max(0).unsigned_abs() / 1_000_000).min(LAST))
    }

    pub(super) fn millis(self) -> u64 {
        self.0
    }

    /// The next one.
    pub(super) fn after(self) -> Self {
        Self(self.0.saturating_add(1).min(LAST))
    }

    fn second(self) -> String {
        UtcTime::from_unix(Duration::from_secs(self.0 / 1000)).to_string()
    }

    /// The folder of its day, such as `20261129`.
    pub(super) fn day(self) -> String {
        self.second().chars().take(8).collect()
    }

    /// The name of the file, such as `20261129T225245.123Z.mp4`.
    pub(super) fn file(self) -> String {
        let second = self.second();
        format!("{}.{:03}{END}", second.trim_end_matches('Z'), self.0 % 1000)
    }

    /// The one that a file is named by, if that is a segment's name.
    pub(super) fn parse(file: &str) -> Option<Self> {
        let time = file.strip_suffix(".mp4")?;
        let range = Range::parse(&format!("clock={time}-"), &mut Tolerances::default()).ok()?;
        let Range::Clock { start: Some(start), .. } = range else { return None };
        let stamp = Self(u64::try_from(start.to_unix().as_millis()).ok()?);
        (stamp.file() == file).then_some(stamp)
    }
}

/// Returns `true` if a folder's name is that of a day.
pub(super) fn is_day(name: &str) -> bool {
    name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns `true` if a camera may have this name: letters, digits, and `-`, `_` and `.` within.
pub fn is_camera(name: &str) -> bool {
    let is_fit = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.chars().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_time_and_are_in_its_order() {
        let stamp = Stamp::of(1_795_997_565_123_999_999);
        assert_eq!((stamp.day().as_str(), stamp.file().as_str()), ("20261130", "20261130T001245.123Z.mp4"));
        assert_eq!(Stamp::parse("20261130T001245.123Z.mp4"), Some(stamp));
        assert!(stamp.after().file() > stamp.file());
        assert_eq!(Stamp::of(-5).file(), "19700101T000000.000Z.mp4");
        assert_eq!(Stamp::of(i64::MAX).file(), "22620411T234716.854Z.mp4");
        for other in
            ["20261130T001245Z.mp4", "20261130T001245.123Z.mp4.part", "index.jsonl", "x.mp4", "é.mp4"]
        {
            assert_eq!(Stamp::parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_name_of_a_camera_leads_out_of_its_folder() {
        assert!(["gate", "cam-1.main", "A_b"].into_iter().all(is_camera));
        assert!(
            !["", ".", "..", ".lock", "a/b", "a\\b", "a b", "ü", &"x".repeat(101)].into_iter().any(is_camera)
        );
    }
}
