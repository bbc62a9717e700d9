use rtspan_examples::recorder::FileKind;

use super::{DemoFailure, Failure, explain};
use crate::probe;

/// The page of the doctor.
const PROBE: &str = "look at its description with `rtspan probe`";

impl Failure {
    /// The remedy, for a person.
    pub(crate) fn help(&self) -> Option<String> {
        let fixed = match self {
            Self::Play { url, error } => {
                return explain::play(url, error).help.or_else(|| probe::explained(url, error).1);
            }
            Self::Publish { url, error } => return explain::publish(url, error).help,
            Self::Bench { url, trouble } => return trouble.explained(url).1,
            Self::Bind(error) => return explain::bind(error).help,
            Self::UnknownFile { .. } => return Some(format!("let it end in {}", ends())),
            Self::OtherPicture { end, .. } => return Some(format!("let its name end in .{end}")),
            Self::NothingArrived { over, .. } => match *over {
                "udp" => {
                    "is somebody publishing there, or does a firewall hold UDP back (try --transport tcp)?"
                }
                "multicast" => {
                    "is somebody publishing there, or does the network pass no multicast on (try --transport udp, or \
                     --multicast-interface)?"
                }
                _ => "is somebody publishing there?",
            },
            Self::Metrics { .. } | Self::Web { .. } | Self::Api { .. } => "is the port in use?",
            Self::Ended { .. } => "has its publisher stopped?",
            Self::NoBackChannel { .. } | Self::NoParameterSets { .. } | Self::NoPictures { .. } => PROBE,
            Self::NothingToWrite { .. } => "choose another kind of file, or leave out --out",
            Self::SameName { .. } => "give them names of their own, as in gate=rtsp://camera/main",
            Self::NoKeyframe { .. } => "play for longer",
            Self::Terminal { .. } => "put a pipe or a file behind it, or give --force",
            Self::Demo(DemoFailure::Lost { .. }) => "is the machine very busy?",
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

/// The ends of names that tell the kind of a file.
fn ends() -> String {
    FileKind::written_ends().map(|end| format!(".{end}")).collect::<Vec<_>>().join(", ")
}
