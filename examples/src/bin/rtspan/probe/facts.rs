use std::collections::BTreeMap;

use rtspan_std::header::Methods;
use rtspan_std::{CommandError, Description, Error, SwitchReason, Tolerances, TrackStats};

use super::heard::Heard;
use super::measure::Measured;

/// All that an examination has brought to light.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The URL has credentials.
    pub(super) has_credentials: bool,
    pub(super) heard: Heard,
    pub(super) methods: Option<Methods>,
    pub(super) description: Option<Description>,
    /// The medias that were asked for.
    pub(super) tracks: Vec<Track>,
    /// The measures of each media, by its frames.
    pub(super) measured: BTreeMap<usize, Measured>,
    pub(super) switched: Option<SwitchReason>,
    pub(super) tolerances: Tolerances,
    /// The reason for which the examination went no further.
    pub(super) failure: Option<Failed>,
}

/// A step that has failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) step: Step,
    pub(super) error: Error,
}

/// The steps of an examination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Connect,
    Describe,
    Setup,
    Play,
    Receive,
}

impl Step {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Describe => "describe",
            Self::Setup => "setup",
            Self::Play => "play",
            Self::Receive => "receive",
        }
    }
}

/// A media that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Track {
    pub(super) media: usize,
    /// Such as `video`; text of the server's.
    pub(super) kind: String,
    /// Sound and pictures flow all the time; other medias may be quiet.
    pub(super) always_flows: bool,
    pub(super) outcome: Outcome,
}

/// The outcome of asking for a media.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Refused(CommandError),
    Played {
        /// `udp` or `tcp`.
        over: &'static str,
        stats: Box<TrackStats>,
    },
}

impl Track {
    pub(super) fn stats(&self) -> Option<&TrackStats> {
        match &self.outcome {
            Outcome::Played { stats, .. } => Some(stats),
            Outcome::Refused(_) => None,
        }
    }
}
