use std::fmt;

/// Where a client stands (RFC 2326, appendix A.1).
///
/// ```text
///           SETUP               PLAY
/// Initial ─────────▶ PrePlay ◀────────▶ Play
///    │                         PAUSE
///    │ ANNOUNCE                RECORD
///    └─────────────▶ PreRecord ◀──────▶ Record
///                      ↻ SETUP PAUSE
/// ```
///
/// TEARDOWN leads from everywhere back to `Initial`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum State {
    /// No session.
    #[default]
    Initial,
    /// At least one media is set up to be played.
    PrePlay,
    /// The server sends.
    Play,
    /// A description is announced.
    PreRecord,
    /// The client sends.
    Record,
}

impl State {
    /// The state once a command has succeeded; the same where it makes no sense.
    pub(super) fn after(self, verb: Verb) -> Self {
        next(self, verb).unwrap_or(self)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "nothing is set up",
            Self::PrePlay => "ready to play",
            Self::Play => "playing",
            Self::PreRecord => "ready to record",
            Self::Record => "recording",
        })
    }
}

/// The kind of a command, as far as states matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    /// OPTIONS, GET_PARAMETER, SET_PARAMETER.
    Ask,
    Describe,
    Announce,
    Setup,
    Play,
    /// PLAY, also while it plays.
    Seek,
    Pause,
    Record,
    Teardown,
}

/// The state that a command leads to when it succeeds; `None` if it makes no sense in `state`.
pub(super) const fn next(state: State, verb: Verb) -> Option<State> {
    Some(match (verb, state) {
        (Verb::Ask, state) => state,
        (Verb::Describe, State::Initial) => State::Initial,
        (Verb::Announce, State::Initial) => State::PreRecord,
        (Verb::Setup, State::Initial | State::PrePlay) => State::PrePlay,
        (Verb::Setup, State::PreRecord) => State::PreRecord,
        (Verb::Play, State::PrePlay) => State::Play,
        (Verb::Seek, State::PrePlay | State::Play) => State::Play,
        (Verb::Pause, State::Play) => State::PrePlay,
        (Verb::Pause, State::Record) => State::PreRecord,
        (Verb::Record, State::PreRecord) => State::Record,
        (Verb::Teardown, _) => State::Initial,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::State::{Initial, Play, PrePlay, PreRecord, Record};
    use super::*;

    #[test]
    fn each_command_is_possible_where_it_makes_sense_and_nowhere_else() {
        let states = [Initial, PrePlay, Play, PreRecord, Record];
        let table = [
            (Verb::Ask, states.map(Some)),
            (Verb::Describe, [Some(Initial), None, None, None, None]),
            (Verb::Announce, [Some(PreRecord), None, None, None, None]),
            (Verb::Setup, [Some(PrePlay), Some(PrePlay), None, Some(PreRecord), None]),
            (Verb::Play, [None, Some(Play), None, None, None]),
            (Verb::Seek, [None, Some(Play), Some(Play), None, None]),
            (Verb::Pause, [None, None, Some(PrePlay), None, Some(PreRecord)]),
            (Verb::Record, [None, None, None, Some(Record), None]),
            (Verb::Teardown, [Some(Initial); 5]),
        ];
        for (verb, row) in table {
            assert_eq!(states.map(|state| next(state, verb)), row, "{verb:?}");
        }
    }
}
