use clap::Subcommand;
use clap::builder::RangedI64ValueParser;
use rtspan_examples::stamp;
use rtspan_examples::synthetic::KEYFRAME_EVERY;

use super::dialogue::Over;
use crate::Failure;
use crate::args::{Target, seconds};

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) command: BenchCommand,
}

impl BenchArgs {
    /// Results are told as JSON.
    pub(crate) fn is_json(&self) -> bool {
        match &self.command {
            BenchCommand::Read(args) => args.measure.json,
            BenchCommand::Publish(args) => args.json,
            BenchCommand::Churn(args) => args.measure.json,
            BenchCommand::Clients(args) => args.measure.json,
            BenchCommand::Soak(args) => args.measure.json,
        }
    }

    /// The URL of what is measured.
    pub(crate) fn target_mut(&mut self) -> &mut Target {
        match &mut self.command {
            BenchCommand::Read(args) => &mut args.streams.url,
            BenchCommand::Publish(args) => &mut args.streams.url,
            BenchCommand::Churn(args) => &mut args.url,
            BenchCommand::Clients(args) => &mut args.streams.url,
            BenchCommand::Soak(args) => &mut args.url,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Read a stream many times over, at next to no cost, and measure how it arrives.
    Read(ReadArgs),
    /// Publish packets at a given rate.
    Publish(PublishArgs),
    /// Open and close sessions (DESCRIBE, SETUP, PLAY, TEARDOWN), each on a new connection.
    Churn(ChurnArgs),
    /// Stay connected to many cameras in one process, and measure what that costs.
    Clients(ClientsArgs),
    /// Have publishers and readers come and go for hours, and fail if memory, descriptors or latency grow.
    Soak(SoakArgs),
}

/// Streams beside each other.
#[derive(Debug, clap::Args)]
pub(crate) struct StreamsArgs {
    /// Such as rtsp://127.0.0.1:8554/live
    pub(crate) url: Target,

    /// How many streams; several are at the URL with -0, -1 and so on behind.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count(100_000))]
    pub(crate) streams: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) streams: StreamsArgs,

    /// How many readers there are; several streams are read by turns.
    #[arg(long, value_name = "N", default_value = "1", value_parser = count(1_000_000))]
    pub(crate) readers: u32,

    /// Have N more readers, which stop reading as soon as they play, and are not counted.
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) stalled: u32,

    /// The transport of media.
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Over,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// How a server is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MeasureArgs {
    /// How long to measure, once it has begun.
    #[arg(long, value_name = "N", default_value = "10", value_parser = seconds())]
    pub(crate) seconds: u64,

    /// Look at what the server with this process number uses (Linux).
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,

    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    #[command(flatten)]
    pub(crate) streams: StreamsArgs,

    /// Packets in a second, of each stream.
    #[arg(long, value_name = "PPS", default_value = "500", value_parser = count(10_000_000))]
    pub(crate) rate: u32,

    /// Bytes of a packet, with its RTP header.
    #[arg(long, value_name = "BYTES", default_value = "1400", value_parser = sizes())]
    pub(crate) size: u16,

    /// Packets that are written at once, as those of a picture are.
    #[arg(long, value_name = "N", default_value = "20", value_parser = count(2_000))]
    pub(crate) burst: u32,

    /// Packets of a keyframe; as many as of any picture if not given.
    #[arg(long, value_name = "N", value_parser = count(100_000))]
    pub(crate) keyframe_burst: Option<u32>,

    /// Pictures from one keyframe to the next.
    #[arg(long, value_name = "N", default_value_t = KEYFRAME_EVERY, value_parser = count(1_000_000))]
    pub(crate) keyframe_every: u32,

    /// The transport of media.
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Over,

    /// Stop after so long; without, Ctrl-C stops it.
    #[arg(long, value_name = "N", value_parser = seconds())]
    pub(crate) seconds: Option<u64>,

    /// Look at what the server with this process number uses (Linux).
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,

    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClientsArgs {
    #[command(flatten)]
    pub(crate) streams: StreamsArgs,

    /// How many clients there are; several streams are played by turns.
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count(100_000))]
    pub(crate) clients: u32,

    /// Have the clients pause as soon as they play, and measure what they cost at rest.
    #[arg(long)]
    pub(crate) paused: bool,

    /// Seconds over which the clients begin, one after the other.
    #[arg(long, value_name = "N", default_value = "5", value_parser = seconds())]
    pub(crate) spread: u64,

    /// The transport of media.
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Over,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChurnArgs {
    /// Such as rtsp://127.0.0.1:8554/demo
    pub(crate) url: Target,

    /// How many sessions at once.
    #[arg(long, value_name = "N", default_value = "64", value_parser = count(100_000))]
    pub(crate) concurrency: u32,

    /// The transport that is asked for.
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Over,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// Such as rtsp://127.0.0.1:8554/soak; anybody has to be allowed to publish there, and at it with -0, -1 and so on behind
    pub(crate) url: Target,

    /// How many readers stay, over TCP and over UDP each.
    #[arg(long, value_name = "N", default_value = "20", value_parser = count(100_000))]
    pub(crate) readers: u32,

    /// How many publishers come and go, each with a client that connects to its stream again and again.
    #[arg(long, value_name = "N", default_value = "4", value_parser = count(10_000))]
    pub(crate) publishers: u32,

    /// How many sessions come and go at once, as fast as they can, over TCP and over UDP each.
    #[arg(long, value_name = "N", default_value = "8", value_parser = count(100_000))]
    pub(crate) concurrency: u32,

    /// Packets in a second of each stream, in bursts of 20.
    #[arg(long, value_name = "PPS", default_value = "500", value_parser = count(1_000_000))]
    pub(crate) rate: u32,

    /// How often it is looked what there is.
    #[arg(long, value_name = "N", default_value = "60", value_parser = RangedI64ValueParser::<u32>::new().range(10..=2_000))]
    pub(crate) samples: u32,

    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

impl StreamsArgs {
    /// The URL of each stream.
    pub(super) fn urls(&self) -> Result<Vec<Target>, Failure> {
        if self.streams == 1 {
            return Ok(vec![self.url.clone()]);
        }
        (0..self.streams)
            .map(|number| self.url.numbered(number))
            .collect::<Result<_, _>>()
            .map_err(|_| Failure::NoPath { url: self.url.clone() })
    }
}

fn count(max: u32) -> RangedI64ValueParser<u32> {
    RangedI64ValueParser::new().range(1..=max.into())
}

fn sizes() -> RangedI64ValueParser<u16> {
    RangedI64ValueParser::new().range(stamp::PACKET_BYTES_MIN as i64..=u16::MAX.into())
}
