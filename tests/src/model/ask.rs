/// A request, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) conn: usize,
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    pub(super) track: Option<usize>,
    pub(super) session: Option<Named>,
    pub(super) offer: Offer,
    /// The mode of the offer: true if it is to record.
    pub(super) records: Option<bool>,
    /// How many medias are announced.
    pub(super) medias: usize,
    pub(super) has_body: bool,
    pub(super) requires: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    Options,
    Describe,
    Announce,
    Setup,
    Play,
    Pause,
    Record,
    Teardown,
    GetParameter,
    SetParameter,
    Unknown,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Named {
    Session(usize),
    Nonsense,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Offer {
    Missing,
    Broken,
    Multicast,
    Tcp(Option<u8>),
    Udp(u16),
}

/// All of them, and one that nobody knows.
pub(super) const VERBS: [Verb; 11] = [
    Verb::Options,
    Verb::Describe,
    Verb::Announce,
    Verb::Setup,
    Verb::Play,
    Verb::Pause,
    Verb::Record,
    Verb::Teardown,
    Verb::GetParameter,
    Verb::SetParameter,
    Verb::Unknown,
];

impl Verb {
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Announce => "ANNOUNCE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Pause => "PAUSE",
            Self::Record => "RECORD",
            Self::Teardown => "TEARDOWN",
            Self::GetParameter => "GET_PARAMETER",
            Self::SetParameter => "SET_PARAMETER",
            Self::Unknown => "DANCE",
        }
    }
}
