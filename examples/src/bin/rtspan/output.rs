//! The output of the tool. Results are the purpose of a command, and the tool fails if it cannot write them. A reader that
//! has gone ends nothing that serves or plays, but a report that nobody got is a failure.

use std::fmt::Display;
use std::time::Duration;

use rtspan_examples::output::{Patience, STDERR, STDOUT, Text};
use rtspan_std::{Printable, WithCauses};
use serde_json::Value;

use crate::Failure;
use crate::text::json_line;

pub(crate) use rtspan_examples::say as news;

/// How long the end waits.
const PATIENCE: Patience = Patience { at_most: Duration::from_millis(500), between: Duration::from_secs(10) };

/// Says a line of what the command is for, on standard output.
pub(crate) fn result(line: impl Display) {
    STDOUT.push(Text::result(format!("{}\n", Printable(line))));
}

/// Says what the command is for in one line of JSON.
pub(crate) fn result_json(value: &Value) {
    STDOUT.push(Text::result(json_line(value) + "\n"));
}

/// Says what goes on in one line of JSON on standard output; lines that are left out are told in one, too.
pub(crate) fn news_json(value: &Value) {
    STDOUT.push(Text::news_json(json_line(value) + "\n"));
}

/// Shows how it goes, on standard error: a text that is made for a terminal, and printable but for that.
pub(crate) fn progress(text: String) {
    STDERR.push(Text::news(text));
}

/// Says what a person is to know of, in one line on standard error.
pub(crate) fn notice(line: impl Display) {
    STDERR.push(Text::news(format!("{}\n", Printable(line))));
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
    STDERR.push(Text::result(format!("rtspan: {}\n", WithCauses(failure))));
    // There is nobody left who could be told.
    let _ = STDERR.finish(Patience { between: PATIENCE.at_most, ..PATIENCE });
}

/// Waits no longer for readers that take nothing: the user wants to stop.
pub(crate) fn hurry() {
    STDOUT.hurry();
    STDERR.hurry();
}
