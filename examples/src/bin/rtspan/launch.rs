use std::future::Future;
use std::io;

use rtspan_smol::Smol;
use rtspan_std::runtime::Runtime;
use rtspan_std::threads::{self, Threads};

use crate::args::{Command, RuntimeName};
use crate::{Failure, run};

/// A runtime that can be entered from `main`.
trait Launch: Runtime {
    /// Runs a future to its end; `on_one_thread` if there is but one stream, and more would only wait for each other.
    fn block_on<T>(on_one_thread: bool, future: impl Future<Output = T>) -> io::Result<T>;
}

impl Launch for Threads {
    fn block_on<T>(_: bool, future: impl Future<Output = T>) -> io::Result<T> {
        Ok(threads::block_on(future))
    }
}

impl Launch for Smol {
    fn block_on<T>(_: bool, future: impl Future<Output = T>) -> io::Result<T> {
        Ok(async_io::block_on(future))
    }
}

#[cfg(feature = "tokio")]
impl Launch for rtspan_tokio::Tokio {
    fn block_on<T>(on_one_thread: bool, future: impl Future<Output = T>) -> io::Result<T> {
        let mut builder = match on_one_thread {
            true => tokio::runtime::Builder::new_current_thread(),
            false => tokio::runtime::Builder::new_multi_thread(),
        };
        Ok(builder.enable_all().build()?.block_on(future))
    }
}

/// Runs a command to its end on a runtime.
pub(crate) fn launch(runtime: RuntimeName, command: Command) -> Result<(), Failure> {
    match runtime {
        RuntimeName::Std => launch_on::<Threads>(command),
        RuntimeName::Smol => launch_on::<Smol>(command),
        #[cfg(feature = "tokio")]
        RuntimeName::Tokio => launch_on::<rtspan_tokio::Tokio>(command),
    }
}

fn launch_on<R: Launch>(command: Command) -> Result<(), Failure> {
    let on_one_thread =
        matches!(command, Command::Play(_) | Command::Publish(_) | Command::Probe(_) | Command::Snapshot(_));
    R::block_on(on_one_thread, run::<R>(command)).map_err(Failure::Runtime)?
}
