use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use rtspan_examples::recorder::FileKind;
use rtspan_std::srtp::Suite;
use rtspan_std::{Transports, without_secrets};

use crate::bench::BenchArgs;
use crate::wish::{PlaybackArgs, RequestArgs};

mod examples;
mod layout;
mod multicast;
mod network;
mod record;
mod serve;
mod target;

pub(crate) use layout::command;
use multicast::MulticastArgs;
use network::NetworkArgs;
pub(crate) use network::ports;
pub(crate) use record::{NamedTarget, RecordArgs, size, span};
pub(crate) use serve::{AuthKind, EventsFormat, SecureArgs, ServeArgs, Srtp, Start};
pub(crate) use target::{BadTarget, ReachArgs, Target};

/// Serves, plays, publishes, records, examines and measures RTSP streams.
///
/// Exits with 0 after success, with 2 after a wrong call, and else with another status and a reason: docs/tool.md lists them. A slow
/// reader of the output does not hold the tool up: lines are left out and counted.
#[derive(Debug, Parser)]
#[command(
    name = "rtspan",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(
    after_help = "Try `rtspan demo` first. `rtspan COMMAND -h` is short, `rtspan COMMAND --help` has examples."
)]
pub(crate) struct Args {
    /// Run on threads that block (std), on smol, or on tokio if it is built in.
    #[arg(
        long,
        global = true,
        default_value = "smol",
        value_name = "NAME",
        help_heading = "Runtime",
        hide_short_help = true
    )]
    pub(crate) runtime: RuntimeName,

    #[command(flatten)]
    pub(crate) reach: ReachArgs,

    /// Say on standard error what goes on: -v each message, without secrets, -vv all that happens, -vvv each call that reads
    /// or writes. The variable RTSPAN_LOG chooses more exactly: debug, or rtspan::message=trace,warn.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Command {
    /// The URLs of a command that is a client.
    pub(crate) fn targets_mut(&mut self) -> Vec<&mut Target> {
        match self {
            Self::Play(args) => vec![&mut args.url],
            Self::Publish(args) => vec![&mut args.url],
            Self::Record(args) => args.cameras.iter_mut().map(|camera| &mut camera.url).collect(),
            Self::Snapshot(args) => vec![&mut args.url],
            Self::Probe(args) => vec![&mut args.url],
            Self::Bench(args) => vec![args.target_mut()],
            Self::Demo(_) | Self::Serve(_) | Self::Completions(_) | Self::Man(_) => Vec::new(),
        }
    }

    /// Results and failures are told as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match self {
            Self::Demo(args) => args.json,
            Self::Serve(args) => args.events == EventsFormat::Json,
            Self::Play(args) => args.json,
            Self::Publish(args) => args.json,
            Self::Record(args) => args.json,
            Self::Snapshot(args) => args.json,
            Self::Probe(args) => args.json,
            Self::Bench(args) => args.is_json(),
            Self::Completions(_) | Self::Man(_) => false,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve and play a clip over UDP and TCP at once: shows that everything works here.
    #[command(after_long_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Serve: a client that announces a path publishes it, one that asks for it reads it; a clip is at /demo.
    #[command(after_long_help = examples::SERVE)]
    Serve(Box<ServeArgs>),
    /// Play a stream and show what arrives.
    #[command(after_long_help = examples::PLAY)]
    Play(PlayArgs),
    /// Publish a clip, or a file, in a loop and in real time.
    #[command(after_long_help = examples::PUBLISH)]
    Publish(PublishArgs),
    /// Record cameras, for as long as there is room: files of MP4 by wall clock time, a folder for each camera.
    ///
    /// Cameras that go away are waited for. A file begins with a keyframe, and no frame is lost between two files.
    /// docs/recorded.md says what is in the folder.
    #[command(after_long_help = examples::RECORD)]
    Record(RecordArgs),
    /// Write a picture of a stream to a file: PNG of H.264, JPEG of Motion JPEG.
    #[command(after_long_help = examples::SNAPSHOT)]
    Snapshot(SnapshotArgs),
    /// Examine a server: what it offers, what it does wrong, and what to do about it.
    ///
    /// Connects, plays for a moment, over TCP if nothing comes over UDP, and says all that was found: faults, because of which
    /// the stream or a part of it does not play; warnings; and notes on that which the server does otherwise than the standard
    /// says. docs/probe.md names all findings and the fields of --json.
    #[command(after_long_help = examples::PROBE)]
    Probe(ProbeArgs),
    /// Measure what a server can do, this one or any other.
    #[command(after_long_help = examples::BENCH)]
    Bench(BenchArgs),
    /// Print a script that completes commands, options and values in a shell.
    #[command(after_long_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command into a folder.
    #[command(after_long_help = examples::MAN)]
    Man(ManArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, which is made if it is not there.
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

/// A file that a stream is written to.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct OutArgs {
    /// Write what is played to a file, from the first keyframe on; - is standard output. The end of its name tells its kind, if
    /// --format does not.
    ///
    /// Kinds: .mp4 (fragmented, with the wall clock), .ts, .h264, .h265, .aac, .mp3, .wav, .ogg, .mjpeg, .jpg (the first picture),
    /// .xml (metadata of ONVIF). Without an end it is .h264. Medias that such a file cannot hold are left out: .mp4 holds
    /// pictures of all formats but H.266, and of sound AAC, Opus, Vorbis, MPEG audio, AC-3, E-AC-3, G.711 and samples of 8,
    /// 16 and 24 bits.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,

    /// The kind of the file that is written, whatever it is called; of - it is ts if nothing is said.
    #[arg(long, value_name = "KIND", requires = "out", value_parser = kinds(FileKind::written_ends()))]
    pub(crate) format: Option<FileKind>,

    /// Write to standard output although it is a terminal.
    #[arg(long, requires = "out", hide_short_help = true)]
    pub(crate) force: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How long to play.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds())]
    pub(crate) seconds: u64,

    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlayArgs {
    /// Such as rtsp://127.0.0.1:8554/demo
    pub(crate) url: Target,

    /// The transport of media; auto is UDP, and TCP where UDP is refused or nothing comes through.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: PlayTransport,

    #[command(flatten)]
    pub(crate) playback: PlaybackArgs,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    /// Stop after so long; without, Ctrl-C stops it.
    #[arg(long, value_name = "N", value_parser = seconds())]
    pub(crate) seconds: Option<u64>,

    /// End when the server goes away or the stream ends, and do not wait for it to come back.
    #[arg(long)]
    pub(crate) no_reconnect: bool,

    /// Fail in the end if the server has refused to play a media of the stream, though others have played.
    #[arg(long)]
    pub(crate) strict: bool,

    /// Say each message that is sent and received, without credentials, tokens and keys (as -v).
    #[arg(long)]
    pub(crate) trace: bool,

    /// Speak into the back channel of the server (ONVIF), in real time: a file of G.711 without a header, in the law that its
    /// name tells (.ulaw, .alaw) or the first that the server takes.
    #[arg(long, value_name = "FILE")]
    pub(crate) backchannel: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) out: OutArgs,

    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// Such as rtsp://127.0.0.1:8554/live
    pub(crate) url: Target,

    /// The transport of media.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: PublishTransport,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    /// Stop after so long; without, Ctrl-C stops it.
    #[arg(long, value_name = "N", value_parser = seconds())]
    pub(crate) seconds: Option<u64>,

    /// End when the server goes away, and do not wait for it to come back.
    #[arg(long)]
    pub(crate) no_reconnect: bool,

    /// Publish this file and not the embedded clip; - is standard input. The end of its name tells its kind, if --format does not:
    /// .mp4, .mkv, .ts, .h264, .h265, .mjpeg, .jpg, .aac, .mp3, .wav, .ogg, .xml (metadata of ONVIF). Without an end it is .h264.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// The kind of the file, whatever it is called; that of - is told by its first bytes if nothing is said. Through a pipe come
    /// ts, h264, h265, mjpeg, aac, mp3 and wav.
    #[arg(long, value_name = "KIND", requires = "file", value_parser = kinds(FileKind::ends()))]
    pub(crate) format: Option<FileKind>,

    /// Pictures of the file in a second, if it tells no times.
    #[arg(long, value_name = "N", default_value = "25", value_parser = fps, requires = "file")]
    pub(crate) fps: f64,

    /// Stop at the end of the file, and do not begin it again.
    #[arg(long, requires = "file")]
    pub(crate) once: bool,

    /// Encrypt what is published (SRTP), by this cipher suite. Keys travel over TLS only: the URL is rtsps.
    #[arg(
        long,
        value_name = "SUITE",
        value_parser = suite,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = Suite::AesCm128HmacSha1_80.as_str()
    )]
    pub(crate) srtp: Option<Suite>,

    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SnapshotArgs {
    /// Such as rtsp://127.0.0.1:8554/demo
    pub(crate) url: Target,

    /// The file; its name ends in .png, or in .jpg for Motion JPEG. - is standard output.
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Write to standard output although it is a terminal.
    #[arg(long, hide_short_help = true)]
    pub(crate) force: bool,

    /// The transport of media; auto is UDP, and TCP where UDP is refused or nothing comes through.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: PlayTransport,

    #[command(flatten)]
    pub(crate) requests: RequestArgs,

    /// Wait so long for a picture that can be decoded by itself.
    #[arg(long, value_name = "N", default_value = "15", value_parser = seconds())]
    pub(crate) seconds: u64,

    /// Print where and how large it is as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProbeArgs {
    /// Such as rtsp://127.0.0.1:8554/demo
    pub(crate) url: Target,

    /// The transport of media; auto is UDP, and TCP where UDP is refused or nothing comes through.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) transport: PlayTransport,

    /// Wait so long for media, at most.
    #[arg(long, value_name = "N", default_value = "6", value_parser = seconds())]
    pub(crate) seconds: u64,

    /// Print it as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum PlayTransport {
    #[default]
    Auto,
    Udp,
    Tcp,
    Multicast,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum PublishTransport {
    Udp,
    #[default]
    Tcp,
}

impl From<PlayTransport> for Transports {
    fn from(transport: PlayTransport) -> Self {
        match transport {
            PlayTransport::Auto => Self::UdpThenTcp,
            PlayTransport::Udp => Self::Udp,
            PlayTransport::Tcp => Self::Tcp,
            PlayTransport::Multicast => Self::Multicast,
        }
    }
}

impl From<PublishTransport> for Transports {
    fn from(transport: PublishTransport) -> Self {
        match transport {
            PublishTransport::Udp => Self::Udp,
            PublishTransport::Tcp => Self::Tcp,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeName {
    Std,
    Smol,
    #[cfg(feature = "tokio")]
    Tokio,
}

impl FromStr for RuntimeName {
    type Err = UnknownRuntime;

    fn from_str(name: &str) -> Result<Self, UnknownRuntime> {
        match name {
            "std" => Ok(Self::Std),
            "smol" => Ok(Self::Smol),
            #[cfg(feature = "tokio")]
            "tokio" => Ok(Self::Tokio),
            #[cfg(not(feature = "tokio"))]
            "tokio" => Err(UnknownRuntime::NotBuiltIn),
            _ => Err(UnknownRuntime::Unknown),
        }
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum UnknownRuntime {
    #[cfg(not(feature = "tokio"))]
    #[error("tokio is not built in; build with `--features tokio`, or take std or smol")]
    NotBuiltIn,
    #[error("there are std, smol and tokio")]
    Unknown,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum BadNumber {
    #[error(
        "two port numbers with a dash between are needed, the smaller one first, such as 8000-8001 or 8000-8099"
    )]
    Ports,
    #[error("a number from 1 to 1000 is needed")]
    Fps,
}

/// Kinds of files by the ends of their names.
fn kinds(ends: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = FileKind> {
    PossibleValuesParser::new(ends.collect::<Vec<_>>())
        .try_map(|end| FileKind::named(&end).ok_or("there is no such kind"))
}

pub(crate) fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=1_000_000)
}

fn suite(text: &str) -> Result<Suite, String> {
    Suite::from_name(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("the cipher suites are {}", Suite::ALL.map(Suite::as_str).join(", ")))
}

fn fps(text: &str) -> Result<f64, BadNumber> {
    text.parse().ok().filter(|fps| (1.0..=1000.0).contains(fps)).ok_or(BadNumber::Fps)
}

/// The same error without the passwords of the value that it quotes: logs of services keep what is written here.
pub(crate) fn hide_secrets(mut error: clap::Error) -> clap::Error {
    let is_user = matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(arg)) if arg.starts_with("--user "));
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) {
        let shown = if is_user { "***".into() } else { without_secrets(value) };
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

#[cfg(test)]
mod tests;
