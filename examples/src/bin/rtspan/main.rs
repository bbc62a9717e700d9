//! `rtspan`: serves, plays, publishes, records, examines and measures RTSP streams.
#![cfg_attr(test, allow(clippy::unwrap_used))]
// All that is said goes through `output`, where nothing waits for its reader.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(test)]
#[macro_use]
#[path = "../../../../tests/told.rs"]
mod told;

#[cfg(test)]
#[path = "../../../../tests/refusing.rs"]
mod refusing;

mod args;
mod bench;
mod clock;
mod demo;
#[cfg(test)]
mod errors;
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
mod screen;
mod secure;
mod serve;
mod session;
mod shell;
mod sink;
mod snapshot;
mod stop;
mod text;
mod users;
mod voice;
mod wish;

use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use rtspan_std::runtime::Runtime;

use args::{Args, Command, EventsFormat};
use failure::Failure;

fn main() -> ExitCode {
    let parsed = args::command().try_get_matches().and_then(|matches| Args::from_arg_matches(&matches));
    let args = match parsed {
        Ok(args) => args,
        Err(error) => return refuse(&args::hide_secrets(error)),
    };
    if let Err(error) = log::begin(&args) {
        return refuse(&args::command().error(ErrorKind::InvalidValue, error));
    }
    let Args { runtime, reach, mut command, .. } = args;
    if let Err(error) = command.targets_mut().into_iter().try_for_each(|target| target.reach(&reach)) {
        return refuse(&args::command().error(ErrorKind::ValueValidation, error));
    }
    if let Command::Serve(serve) = &mut command {
        serve.network = reach.network;
        if serve.json {
            serve.events = EventsFormat::Json;
        }
    }
    let json = command.is_json();
    let hangs_up = matches!(&command, Command::Serve(serve) if serve.config.is_some());
    let ended = stop::listen(hangs_up).and_then(|()| launch::launch(runtime, command));
    output::conclude(ended.as_ref().err().filter(|_| json));
    let written = output::finish();
    match ended.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::fail(&failure);
            failure.kind().status().into()
        }
    }
}

/// Says that the tool was called wrongly, or what was asked of the command line itself.
fn refuse(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
        output::refuse(&error.to_string());
        let _ = output::finish();
    }
    // There is nobody left who could be told.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
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
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
    }
}
