//! The time in front of lines about events, unless the journal of systemd writes it there.

use std::fmt::Display;
use std::io;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rtspan_std::header::UtcTime;

use crate::output::{news, notice};

/// Says an event on standard output.
pub(crate) fn event(line: impl Display) {
    static IS_JOURNAL: LazyLock<bool> = LazyLock::new(|| is_journal(&io::stdout()));
    news(stamped(line, *IS_JOURNAL));
}

/// Says an event on standard error.
pub(crate) fn event_notice(line: impl Display) {
    static IS_JOURNAL: LazyLock<bool> = LazyLock::new(|| is_journal(&io::stderr()));
    notice(stamped(line, *IS_JOURNAL));
}

fn stamped(line: impl Display, is_journal: bool) -> String {
    if is_journal {
        return line.to_string();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{} {line}", time(now.as_secs()))
}

/// A time in seconds since 1970, such as `2026-11-30T08:14:00Z`.
fn time(seconds: u64) -> String {
    let basic = UtcTime::from_unix(Duration::from_secs(seconds)).to_string();
    let part = |from, to| basic.get(from..to).unwrap_or_default();
    let (date, time) = ([part(0, 4), part(4, 6), part(6, 8)], [part(9, 11), part(11, 13), part(13, 15)]);
    format!("{}T{}Z", date.join("-"), time.join(":"))
}

/// Systemd names the journal by the device and the inode of its stream. Programs that a service has started inherit the name, but
/// perhaps not the stream.
#[cfg(unix)]
fn is_journal(stream: &impl std::os::fd::AsFd) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Ok(journal) = std::env::var("JOURNAL_STREAM") else { return false };
    let stream = stream.as_fd().try_clone_to_owned().map(std::fs::File::from);
    let place =
        stream.and_then(|stream| stream.metadata()).map(|data| format!("{}:{}", data.dev(), data.ino()));
    place.is_ok_and(|place| place == journal)
}

#[cfg(not(unix))]
fn is_journal<T>(_: &T) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_in_front_unless_the_journal_writes_it() {
        assert_eq!(time(1_796_026_440), "2026-11-30T08:14:00Z");
        let line = stamped("gate is published", false);
        assert!(line.ends_with("Z gate is published") && line.len() == 38, "{line}");
        assert_eq!(stamped("gate is published", true), "gate is published");
    }
}
