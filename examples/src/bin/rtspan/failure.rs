use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use rtspan_examples::Listen;
use rtspan_examples::archive::ArchiveError;
use rtspan_examples::recorder::RecordError;
use rtspan_examples::source::SourceError;
use rtspan_std::{AddStreamError, BindError, Error, WithCauses, WriteError};

use rtspan_std::tls::TlsConfigError;
use serde_json::{Value, json};

use crate::args::Target;
use crate::bench::{NoProcess, Trouble};
use crate::serve::Faults;
use crate::session::RefusedMedia;
use crate::text::counted;
use crate::users::UserError;

mod explain;
pub(crate) use explain::TOKEN_HELP;
mod help;
mod kind;

pub(crate) use kind::Kind;

/// Why a command failed, and who is at fault, in one line; [`help`](Self::help) says what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error("Ctrl-C cannot be listened to")]
    Signals(#[source] io::Error),
    #[error("{}", explain::output(.0))]
    Output(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("{}", explain::bind(.0).what)]
    Bind(BindError),
    #[error("statistics cannot be served at {at}")]
    Metrics { at: Listen, source: io::Error },
    #[error("the page cannot be served at {at}")]
    Web { at: Listen, source: io::Error },
    #[error("the control interface cannot be served at {at}")]
    Api { at: Listen, source: io::Error },
    #[error("a socket that was handed over cannot be served")]
    Handed(#[source] io::Error),
    #[error("TLS cannot be served with {}", .path.display())]
    Certificate { path: PathBuf, source: TlsConfigError },
    #[error("no certificate can be made for these names")]
    SelfSigned(#[source] rcgen::Error),
    #[error("the clip cannot be served")]
    AddStream(#[from] AddStreamError),
    #[error("the clip cannot be served")]
    Write(#[from] WriteError),
    #[error("{}", explain::play(.url, .error).what)]
    Play { url: Target, error: Box<Error> },
    #[error("{}", explain::publish(.url, .error).what)]
    Publish { url: Target, error: Box<Error> },
    #[error("nothing arrived from {url} over {over} in {seconds} s, though the server says that it plays")]
    NothingArrived { url: Target, over: &'static str, seconds: u64 },
    #[error("the stream at {url} ended before anything arrived")]
    Ended { url: Target },
    #[error("the server at {url} has refused a part of the stream: {}", explain::listed(.refused))]
    RefusedMedias { url: Target, refused: Vec<RefusedMedia> },
    #[error("{url} has {}, which are said above", counted(*.faults, "fault"))]
    Faulty { url: Target, faults: usize, kind: Kind },
    #[error("{url} has no back channel for {}", .law.unwrap_or("G.711"))]
    NoBackChannel { url: Target, law: Option<&'static str> },
    #[error("the name {} tells no kind of file", .path.display())]
    UnknownFile { path: PathBuf },
    #[error("standard output is a terminal, which cannot show {what}")]
    Terminal { what: &'static str },
    #[error("{url} plays no media that could be written to {}", .path.display())]
    NothingToWrite { url: Target, path: PathBuf },
    #[error(transparent)]
    Archive(ArchiveError),
    #[error("two cameras have the name {name}")]
    SameName { name: String },
    #[error("nothing was recorded of {}; what is wrong is said above", .names.join(", "))]
    NothingRecorded { names: Vec<String> },
    #[error("the thread that writes has failed")]
    Writer,
    #[error("{} cannot go on", .path.display())]
    Record { path: PathBuf, source: Box<RecordError> },
    #[error(
        "{url} has no {missing}, neither in its description nor among its packets, so that no picture can be decoded \
         and the file is empty"
    )]
    NoParameterSets { url: Target, missing: String },
    #[error("no keyframe arrived from {url}, so that nothing was written to {}", .path.display())]
    NoKeyframe { url: Target, path: PathBuf },
    #[error("{url} plays no H.264 and no Motion JPEG, of which a picture could be made")]
    NoPictures { url: Target },
    #[error("the picture cannot be written to {} as it is", .path.display())]
    OtherPicture { path: PathBuf, end: &'static str },
    #[error("nothing can be written in {}", .path.display())]
    WriteIn { path: PathBuf, source: io::Error },
    #[error("cannot read {}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("line {line} of {} is no user", .path.display())]
    User { path: PathBuf, line: usize, source: UserError },
    #[error(transparent)]
    Config(#[from] Faults),
    #[error("cannot write {}", .path.display())]
    WriteFile { path: PathBuf, source: io::Error },
    #[error("{} cannot be published", .path.display())]
    Source { path: PathBuf, source: Box<SourceError> },
    #[error("the demo failed: {0}")]
    Demo(DemoFailure),
    #[error("nobody can read {url}")]
    Bench {
        url: Target,
        #[source]
        trouble: Box<Trouble>,
    },
    #[error("{url} has no path that the number of a stream could stand behind")]
    NoPath { url: Target },
    #[error("cannot measure")]
    Measure(#[source] io::Error),
    #[error(transparent)]
    Process(#[from] NoProcess),
    #[error("these have grown: {grown}")]
    Grown { grown: String },
}

/// A failure that the demo found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoFailure {
    #[error("nothing arrived of media {media} over {over}")]
    NothingArrived { over: &'static str, media: usize },
    #[error("{lost} of {packets} packets of media {media} got lost over {over}")]
    Lost { over: &'static str, media: usize, lost: u64, packets: u64 },
    #[error("a stream ended over {over} before its time")]
    Ended { over: &'static str },
}

impl From<BindError> for Failure {
    fn from(error: BindError) -> Self {
        Self::Bind(error)
    }
}

impl Failure {
    /// The failure and its remedy, in one line.
    pub(crate) fn sentence(&self) -> String {
        if let Self::Config(faults) = self {
            // Each is in a line of its own above.
            return faults.summary();
        }
        match self.help() {
            Some(help) => format!("{}; {help}", WithCauses(self)),
            None => WithCauses(self).to_string(),
        }
    }

    /// The same for programs; `docs/tool.md` explains the fields.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "kind": self.kind().id(),
            "status": self.kind().status(),
            "message": WithCauses(self).to_string(),
            "help": self.help(),
            "url": self.url().map(ToString::to_string),
            "causes": self.causes(),
        })
    }

    /// The URL that it is about.
    fn url(&self) -> Option<&Target> {
        match self {
            Self::Play { url, .. }
            | Self::Publish { url, .. }
            | Self::NothingArrived { url, .. }
            | Self::Ended { url }
            | Self::RefusedMedias { url, .. }
            | Self::Faulty { url, .. }
            | Self::NoBackChannel { url, .. }
            | Self::NothingToWrite { url, .. }
            | Self::NoParameterSets { url, .. }
            | Self::NoKeyframe { url, .. }
            | Self::NoPictures { url }
            | Self::Bench { url, .. }
            | Self::NoPath { url } => Some(url),
            _ => None,
        }
    }

    /// The errors beneath, each the cause of the one before.
    fn causes(&self) -> Vec<String> {
        // The words of these have their errors in them.
        let first = match self {
            Self::Play { error, .. } | Self::Publish { error, .. } => {
                Some(&**error as &dyn std::error::Error)
            }
            Self::Bind(error) => Some(error as &dyn std::error::Error),
            _ => self.source(),
        };
        let errors = std::iter::successors(first, |error| (*error).source());
        let mut causes: Vec<String> = errors.map(ToString::to_string).collect();
        // Some errors only pass on what another says.
        causes.dedup();
        causes
    }
}
