use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use super::MESSAGES;

/// The level from which on things are told, by the beginning of their target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Filter(Vec<(String, LevelFilter)>);

/// `RTSPAN_LOG` cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "RTSPAN_LOG has {0:?}: give levels (error, warn, info, debug, trace, off), with commas between, each for all or for a \
     target, as in debug or rtspan::message=trace,warn"
)]
pub(crate) struct BadFilter(String);

impl Filter {
    /// The level that so many `-v` ask for: the dialogue and what is worth a line, all that happens, each call that reads or writes.
    pub(super) fn verbose(times: u8) -> Self {
        let of = |all, messages| Self(vec![(String::new(), all), (MESSAGES.to_owned(), messages)]);
        match times {
            0 => Self(Vec::new()),
            1 => of(LevelFilter::INFO, LevelFilter::TRACE),
            2 => of(LevelFilter::DEBUG, LevelFilter::TRACE),
            _ => of(LevelFilter::TRACE, LevelFilter::TRACE),
        }
    }

    pub(super) fn is_off(&self) -> bool {
        self.most() == LevelFilter::OFF
    }

    /// The most that is told of anything.
    pub(super) fn most(&self) -> LevelFilter {
        self.0.iter().map(|(_, level)| *level).max().unwrap_or(LevelFilter::OFF)
    }

    /// The level of a target: that of the longest beginning.
    pub(super) fn of(&self, target: &str) -> LevelFilter {
        let fitting = self.0.iter().filter(|(start, _)| target.starts_with(start.as_str()));
        fitting.max_by_key(|(start, _)| start.len()).map_or(LevelFilter::OFF, |(_, level)| *level)
    }
}

impl FromStr for Filter {
    type Err = BadFilter;

    fn from_str(text: &str) -> Result<Self, BadFilter> {
        let one = |part: &str| {
            let (target, level) = part.split_once('=').unwrap_or(("", part));
            let is_level = !level.trim().is_empty() && !level.trim().chars().all(|c| c.is_ascii_digit());
            let level = level.trim().parse().ok().filter(|_| is_level);
            level.map(|level| (target.trim().to_owned(), level)).ok_or_else(|| BadFilter(part.to_owned()))
        };
        text.split(',').filter(|part| !part.trim().is_empty()).map(one).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_of_a_target_decides() {
        let filter: Filter = "rtspan::message=trace, warn,rtspan::io=off".parse().unwrap();
        assert_eq!(filter.of("rtspan::message"), LevelFilter::TRACE);
        assert_eq!(filter.of("rtspan::server"), LevelFilter::WARN);
        assert_eq!(filter.of("rtspan::io"), LevelFilter::OFF);
        assert_eq!(filter.most(), LevelFilter::TRACE);
        let filter: Filter = "rtspan=debug".parse().unwrap();
        assert_eq!((filter.of("rtspan::client"), filter.of("other")), (LevelFilter::DEBUG, LevelFilter::OFF));
    }

    #[test]
    fn what_is_no_filter_is_told_with_what_would_be_one() {
        for text in ["loud", "rtspan=", "rtspan=7", "debug,=loud"] {
            let error = text.parse::<Filter>().unwrap_err();
            assert!(error.to_string().contains("rtspan::message=trace,warn"), "{error}");
        }
        assert!("".parse::<Filter>().unwrap().is_off());
    }

    #[test]
    fn each_v_tells_more() {
        let levels = |times| {
            ["rtspan::message", "rtspan::client", "rtspan::io"]
                .map(|target| Filter::verbose(times).of(target))
        };
        assert!(Filter::verbose(0).is_off());
        assert_eq!(levels(1), [LevelFilter::TRACE, LevelFilter::INFO, LevelFilter::INFO]);
        assert_eq!(levels(2), [LevelFilter::TRACE, LevelFilter::DEBUG, LevelFilter::DEBUG]);
        assert_eq!(levels(3), [LevelFilter::TRACE; 3]);
    }
}
