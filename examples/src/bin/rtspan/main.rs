//! `rtspan`: serves, plays, publishes, records, examines and measures RTSP streams.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// All that is said goes through `output`, where nothing waits for its reader.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod args;
mod bench;
mod demo;
mod events;
mod failure;
mod feed;
mod figures;
mod launch;
mod live;
mod log;
mod output;
mod play;
mod probe;
mod publish;
mod reconnect;
mod record;
mod recording;
mod secure;
mod serve;
mod session;
mod snapshot;
mod stop;
mod text;
mod users;
mod voice;
mod wish;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use rtspan_std::runtime::Runtime;

use args::{Args, Command};
use failure::Failure;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(error) = log::begin(&args) {
        Args::command().error(ErrorKind::InvalidValue, error).exit();
    }
    let Args { runtime, reach, mut command, .. } = args;
    if let Err(error) = command.targets_mut().into_iter().try_for_each(|target| target.reach(&reach)) {
        Args::command().error(ErrorKind::ValueValidation, error).exit();
    }
    if let Command::Serve(serve) = &mut command {
        serve.network = reach.network;
    }
    let hangs_up = matches!(&command, Command::Serve(serve) if serve.config.is_some());
    let ended = stop::listen(hangs_up).and_then(|()| launch::launch(runtime, command));
    let written = output::finish();
    match ended.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::fail(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Runs a command on any runtime.
async fn run<R: Runtime>(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run::<R>(&args).await,
        Command::Probe(args) => probe::run::<R>(&args).await,
        Command::Play(args) => play::run::<R>(&args).await,
        Command::Publish(args) => publish::run::<R>(&args).await,
        Command::Record(args) => record::run::<R>(&args).await,
        Command::Snapshot(args) => snapshot::run::<R>(&args).await,
        Command::Demo(args) => demo::run::<R>(&args).await,
        Command::Bench(args) => bench::run::<R>(&args).await,
    }
}
