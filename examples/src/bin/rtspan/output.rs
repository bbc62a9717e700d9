//! What the program says: no task ever waits for its reader.
//!
//! Standard output and standard error have a thread each that writes what is queued. News that find no room, since the
//! reader has stopped reading, are left out and counted; a line says how many once it reads again. Results are what a
//! command is for: they are never left out, and the program fails if it cannot write them. So a reader that has gone ends
//! nothing that serves or plays, but makes a report that nobody got a failure.

mod writer;

use std::fmt::Display;
use std::io;
use std::sync::LazyLock;
use std::time::Duration;

use rtspan_std::Printable;
use serde_json::Value;

use crate::Failure;
use crate::text::json_line;
use writer::{Patience, Text, Writer};

/// Lines that may wait for each output, and their bytes; news beyond are left out.
const LINES_MAX: usize = 1000;
const BYTES_MAX: usize = 256 << 10;

/// How long the end waits: for news, and for everything once the user wants to stop; and for results, as long as the
/// reader takes some of them now and then.
const PATIENCE: Patience = Patience { at_most: Duration::from_millis(500), between: Duration::from_secs(10) };

static STDOUT: LazyLock<Writer> = LazyLock::new(|| Writer::start(io::stdout));
static STDERR: LazyLock<Writer> = LazyLock::new(|| Writer::start(io::stderr));

/// Says what goes on, in one line on standard output.
pub(crate) fn news(line: impl Display) {
    STDOUT.push(Text::news(format!("{}\n", Printable(line))));
}

/// Says a line of what the command is for, on standard output.
pub(crate) fn result(line: impl Display) {
    STDOUT.push(Text::result(format!("{}\n", Printable(line))));
}

/// Says what the command is for in one line of JSON.
pub(crate) fn result_json(value: &Value) {
    STDOUT.push(Text::result(json_line(value) + "\n"));
}

/// Shows how it goes, on standard error: a text that is made for a terminal, and printable but for that.
pub(crate) fn progress(text: String) {
    STDERR.push(Text::news(text));
}

/// Waits until all is written, for a while.
///
/// # Errors
///
/// If a result was lost.
pub(crate) fn finish() -> Result<(), Failure> {
    STDOUT.finish(PATIENCE).map_err(Failure::Output)?;
    // Only progress is there.
    let _ = STDERR.finish(PATIENCE);
    Ok(())
}

/// Says why the program fails, on standard error, and waits until that is written, for a while.
pub(crate) fn fail(failure: &Failure) {
    STDERR.push(Text::result(format!("rtspan: {}\n", Printable(failure))));
    // There is nobody left who could be told.
    let _ = STDERR.finish(Patience { between: PATIENCE.at_most, ..PATIENCE });
}

/// Waits no longer for readers that take nothing: the user wants to stop.
pub(crate) fn hurry() {
    STDOUT.hurry();
    STDERR.hurry();
}
