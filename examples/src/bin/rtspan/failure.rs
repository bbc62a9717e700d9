use std::io;
use std::path::PathBuf;

use rtspan_examples::Listen;
use rtspan_examples::archive::ArchiveError;
use rtspan_examples::recorder::{FileKind, RecordError};
use rtspan_examples::source::SourceError;
use rtspan_std::{
    AddStreamError, BindError, ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Error, Misuse,
    StatusCode, WithCauses, WriteError,
};

use rtspan_std::tls::TlsConfigError;

use crate::args::Target;
use crate::bench::{NoProcess, Trouble};
use crate::serve::Faults;
use crate::session::RefusedMedia;
use crate::users::UserError;

/// Why a command failed: who is at fault, and what to do about it, in one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the runtime cannot be started")]
    Runtime(#[source] io::Error),
    #[error("Ctrl-C cannot be listened to")]
    Signals(#[source] io::Error),
    #[error("{}", explain_output(.0))]
    Output(#[source] io::Error),
    #[error("interrupted")]
    Interrupted,
    #[error("{}", explain_bind(.0))]
    Bind(#[from] BindError),
    #[error("statistics cannot be served at {at} (is the port in use?)")]
    Metrics { at: Listen, source: io::Error },
    #[error("TLS cannot be served with {}", .path.display())]
    Certificate { path: PathBuf, source: TlsConfigError },
    #[error("no certificate can be made for these names")]
    SelfSigned(#[source] rcgen::Error),
    #[error("the clip cannot be served")]
    AddStream(#[from] AddStreamError),
    #[error("the clip cannot be served")]
    Write(#[from] WriteError),
    #[error("{}", explain_play(.url, .error))]
    Play { url: Target, error: Box<Error> },
    #[error("{}", explain_publish(.url, .error))]
    Publish { url: Target, error: Box<Error> },
    #[error(
        "nothing arrived from {url} over {over} in {seconds} s, though the server says that it plays; \
         is somebody publishing there{hint}?",
        hint = match *.over {
            "udp" => ", or does a firewall hold UDP back (try --transport tcp)",
            "multicast" => ", or does the network pass no multicast on (try --transport udp, or --multicast-interface)",
            _ => "",
        }
    )]
    NothingArrived { url: Target, over: &'static str, seconds: u64 },
    #[error("the stream at {url} ended before anything arrived; has its publisher stopped?")]
    Ended { url: Target },
    #[error("the server at {url} has refused a part of the stream: {}", joined(.refused.iter()))]
    RefusedMedias { url: Target, refused: Vec<RefusedMedia> },
    #[error("{url} has {faults} {}, which are said above", if *.faults == 1 { "fault" } else { "faults" })]
    Faulty { url: Target, faults: usize },
    #[error(
        "{url} has no back channel for {law}; look at its description with `rtspan probe`",
        law = .law.unwrap_or("G.711")
    )]
    NoBackChannel { url: Target, law: Option<&'static str> },
    #[error("the name {} tells no kind of file; let it end in {}", .path.display(), ends())]
    UnknownFile { path: PathBuf },
    #[error("{url} plays no media that could be written to {}; choose another kind of file, or leave out --out", .path.display())]
    NothingToWrite { url: Target, path: PathBuf },
    #[error(transparent)]
    Archive(ArchiveError),
    #[error("two cameras have the name {name}; give them names of their own, as in gate=rtsp://camera/main")]
    SameName { name: String },
    #[error("nothing was recorded of {}; what is wrong is said above", .names.join(", "))]
    NothingRecorded { names: Vec<String> },
    #[error("the thread that writes has failed")]
    Writer,
    #[error("{} cannot go on", .path.display())]
    Record { path: PathBuf, source: Box<RecordError> },
    #[error(
        "{url} has no {missing}, neither in its description nor among its packets, so that no picture can be decoded \
         and the file is empty; look at its description with `rtspan probe`"
    )]
    NoParameterSets { url: Target, missing: String },
    #[error("no keyframe arrived from {url}, so that nothing was written to {}; play for longer", .path.display())]
    NoKeyframe { url: Target, path: PathBuf },
    #[error(
        "{url} plays no H.264 and no Motion JPEG, of which a picture could be made; look at it with `rtspan probe`"
    )]
    NoPictures { url: Target },
    #[error("the picture cannot be written to {}: let its name end in .{end}", .path.display())]
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
        trouble: Trouble,
    },
    #[error("{url} has no path that the number of a stream could stand behind")]
    NoPath { url: Target },
    #[error("cannot measure")]
    Measure(#[source] io::Error),
    #[error(transparent)]
    Process(#[from] NoProcess),
}

/// A failure that the demo found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoFailure {
    #[error("nothing arrived of media {media} over {over}")]
    NothingArrived { over: &'static str, media: usize },
    #[error("{lost} of {packets} packets of media {media} got lost over {over}; is the machine very busy?")]
    Lost { over: &'static str, media: usize, lost: u64, packets: u64 },
    #[error("a stream ended over {over} before its time")]
    Ended { over: &'static str },
}

/// The ends of names that tell the kind of a file.
fn ends() -> String {
    FileKind::written_ends().map(|end| format!(".{end}")).collect::<Vec<_>>().join(", ")
}

fn explain_output(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => "the result cannot be written: its reader has gone".to_owned(),
        io::ErrorKind::TimedOut => "the result cannot be written: its reader does not read".to_owned(),
        _ => "the result cannot be written".to_owned(),
    }
}

fn explain_bind(error: &BindError) -> String {
    match error {
        BindError::Listen { addr, source } if source.kind() == io::ErrorKind::AddrInUse => {
            format!("{addr} is in use by another program; choose another address with --listen")
        }
        BindError::Listen { .. } => {
            "the server cannot start; choose another address with --listen".to_owned()
        }
        BindError::Udp(_) => "the server cannot start; choose other ports with --udp-ports".to_owned(),
        _ => "the server cannot start".to_owned(),
    }
}

fn explain_play(url: &Target, error: &Error) -> String {
    match error {
        Error::Command {
            error: error @ CommandError::Status { status: StatusCode::NOT_FOUND, .. }, ..
        } => {
            format!("the server has nothing at {url} ({error}); is the path right?")
        }
        Error::Command {
            error: CommandError::Status { status: StatusCode::UNSUPPORTED_TRANSPORT, .. },
            ..
        } => {
            format!("the server at {url} does not offer this transport; try another --transport")
        }
        Error::Misuse(Misuse::NothingSetUp | Misuse::NoneChosen) => {
            format!("the server has no media that can be played at {url}")
        }
        _ => explain(url, error),
    }
}

fn explain_publish(url: &Target, error: &Error) -> String {
    match error {
        Error::Command {
            error: error @ CommandError::Status { status: StatusCode::FORBIDDEN, .. }, ..
        } => format!(
            "the server does not let us publish at {url} ({error}); if somebody else publishes there, choose another path"
        ),
        Error::Command {
            error: CommandError::Status { status: StatusCode::UNSUPPORTED_TRANSPORT, .. },
            ..
        } => {
            format!("the server at {url} does not offer this transport; try another --transport")
        }
        Error::Command {
            error:
                error @ CommandError::Status {
                    status: StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED,
                    ..
                },
            ..
        } => format!("the server at {url} takes no publishers ({error})"),
        _ => explain(url, error),
    }
}

fn explain(url: &Target, error: &Error) -> String {
    match error {
        Error::Closed(ClientCloseReason::Connect(error)) => match error {
            ConnectError::Unresolved(error) => {
                format!("the host of {url} is unknown ({error}); is its name right?")
            }
            ConnectError::Refused(tried) => {
                format!("cannot connect to {url} ({}); is a server running there?", listed(tried))
            }
            ConnectError::Timeout(tried) if tried.is_empty() => {
                format!("cannot connect to {url}: no name server has answered; is the network up?")
            }
            ConnectError::Timeout(tried) => format!(
                "cannot connect to {url} ({}); is the host on, and not behind a firewall?",
                listed(tried)
            ),
            ConnectError::Unreachable(tried) => {
                format!("cannot connect to {url} ({}); is there a way into its network?", listed(tried))
            }
            ConnectError::Failed(tried) => format!("cannot connect to {url} ({})", listed(tried)),
            error => format!("cannot connect to {url}: {}", WithCauses(error)),
        },
        Error::Closed(ClientCloseReason::NothingOverUdp { waited, tcp_refused: None }) => format!(
            "nothing arrived from {url} over UDP in {} s, though the server says that it plays; \
             does a firewall hold UDP back (try --transport tcp)?",
            waited.as_secs()
        ),
        Error::Closed(reason) => format!("the connection to {url} is over: {}", WithCauses(reason)),
        Error::Command { error: CommandError::Unauthorized(_), .. } => {
            format!(
                "the server at {url} asks for credentials; put them into the URL, as in rtsp://user:password@host/"
            )
        }
        Error::Command { error: CommandError::CredentialsRefused(_), .. } => {
            format!("the server at {url} refuses the credentials; are user and password right?")
        }
        Error::Command { method, error, .. } => {
            format!("the server at {url} did not do as asked by {method}: {}", WithCauses(error))
        }
        error => format!("{url}: {}", WithCauses(error)),
    }
}

/// Several errors with their causes.
fn listed(all: &[ConnectAttempt]) -> String {
    joined(all.iter().map(|error| WithCauses(error)))
}

/// Several things, one behind the other.
fn joined<T: ToString>(all: impl Iterator<Item = T>) -> String {
    all.map(|one| one.to_string()).collect::<Vec<_>>().join("; ")
}
