use crate::wire::Method;

/// The states of a session (RFC 2326, appendix A.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum StateKind {
    Initial,
    PrePlay,
    Play,
    PreRecord,
    Record,
}

/// Where a request leads from a state when it succeeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transition {
    To(StateKind),
    /// To no state: the session ends.
    End,
    /// To nowhere: the request is not valid in this state (455).
    Invalid,
}

/// The transition table.
///
/// SETUP while playing or recording would change the transport, which a server may refuse (RFC 2326, section 10.4).
pub(super) fn transition(state: StateKind, method: &Method) -> Transition {
    use StateKind::{Initial, Play, PrePlay, PreRecord, Record};
    use Transition::{End, Invalid, To};
    match (method, state) {
        (Method::Announce, Initial) => To(PreRecord),
        (Method::Setup, Initial | PrePlay) => To(PrePlay),
        (Method::Setup, PreRecord) => To(PreRecord),
        (Method::Play, PrePlay | Play) => To(Play),
        (Method::Record, PreRecord | Record) => To(Record),
        (Method::Pause, PrePlay | Play) => To(PrePlay),
        (Method::Pause, PreRecord | Record) => To(PreRecord),
        (Method::Teardown, _) => End,
        (Method::Options | Method::Describe | Method::GetParameter | Method::SetParameter, state) => {
            To(state)
        }
        _ => Invalid,
    }
}

/// The methods that are valid in a state, as the Allow header names them.
pub(super) fn allowed(state: StateKind) -> impl Iterator<Item = Method> {
    SUPPORTED.iter().filter(move |method| transition(state, method) != Transition::Invalid).cloned()
}

/// The methods that the server knows.
pub(super) const SUPPORTED: &[Method] = &[
    Method::Options,
    Method::Describe,
    Method::Announce,
    Method::Setup,
    Method::Play,
    Method::Pause,
    Method::Record,
    Method::Teardown,
    Method::GetParameter,
    Method::SetParameter,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_rfc() {
        use StateKind::{Initial, Play, PrePlay, PreRecord, Record};
        let table = [
            (Initial, "SETUP ANNOUNCE"),
            (PrePlay, "SETUP PLAY PAUSE"),
            (Play, "PLAY PAUSE"),
            (PreRecord, "SETUP RECORD PAUSE"),
            (Record, "RECORD PAUSE"),
        ];
        for (state, methods) in table {
            let always = ["OPTIONS", "DESCRIBE", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"];
            for method in SUPPORTED {
                let valid = methods.split(' ').chain(always).any(|name| name == method.as_str());
                let told = allowed(state).any(|allowed| allowed == *method);
                assert_eq!(told, valid, "{method} in {state:?}");
            }
        }
    }
}
