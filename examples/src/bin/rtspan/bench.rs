//! Measures a server, by readers that cost next to nothing themselves, and what many clients cost.

mod args;
mod churn;
mod clients;
mod datagrams;
mod dialogue;
mod player;
mod process;
mod publish;
mod read;
mod soak;
mod splitter;
mod swarm;
mod tally;
mod trouble;

pub(crate) use args::BenchArgs;
use args::BenchCommand;
pub(crate) use process::NoProcess;
use rtspan_std::runtime::Runtime;
pub(crate) use trouble::Trouble;

use crate::Failure;

/// Reads, publishes, opens and closes sessions, stays connected to many cameras, or does all of it for hours.
pub(crate) async fn run<R: Runtime>(args: &BenchArgs) -> Result<(), Failure> {
    match &args.command {
        BenchCommand::Read(args) => read::run(args),
        BenchCommand::Churn(args) => churn::run(args),
        BenchCommand::Clients(args) => clients::run::<R>(args).await,
        BenchCommand::Publish(args) => publish::run::<R>(args).await,
        BenchCommand::Soak(args) => soak::run::<R>(args).await,
    }
}
