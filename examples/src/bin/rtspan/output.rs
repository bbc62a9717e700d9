//! The output of the tool. Results are the purpose of a command, and the tool fails if it cannot write them. A reader that
//! has gone ends nothing that serves or plays, but a report that nobody got is a failure.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rtspan_examples::output::{Patience, STDERR, STDOUT, Text};
use rtspan_std::Printable;
use serde_json::{Value, json};

use crate::Failure;
use crate::failure::Kind;
use crate::screen;
use crate::text::json_line;

pub(crate) use rtspan_examples::say as news;

/// How long the end waits.
const PATIENCE: Patience = Patience { at_most: Duration::from_millis(500), between: Duration::from_secs(10) };

/// Says a line of what the command is for, on standard output; on a terminal in as many as it takes.
pub(crate) fn result(line: impl fmt::Display) {
    let line = Printable(line).to_string();
    let lines = match screen::columns() {
        Some(columns) => screen::wrapped(&line, columns).join("\n"),
        None => line,
    };
    STDOUT.push(Text::result(lines + "\n"));
}

/// Says a text that is for a file or another program, as it is.
pub(crate) fn document(text: String) {
    STDOUT.push(Text::result(text));
}

/// Says what the command is for in one line of JSON, [in the end](conclude).
pub(crate) fn result_json(value: Value) {
    *report() = Some(value);
}

fn report() -> MutexGuard<'static, Option<Value>> {
    static REPORT: Mutex<Option<Value>> = Mutex::new(None);
    REPORT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says for programs that the tool was called wrongly, as the text tells.
pub(crate) fn refuse(text: &str) {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let message = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let error = json!({
        "kind": Kind::Usage.id(),
        "status": Kind::Usage.status(),
        "message": message,
        "help": lines.collect::<Vec<_>>().join(" "),
        "url": null,
        "causes": [],
    });
    result_json(json!({ "event": "failed", "error": error }));
    conclude(None);
}

/// Says the report, if there is one, in which the failure has its place; without a report the failure is the object.
pub(crate) fn conclude(failure: Option<&Failure>) {
    let report = report().take();
    let told = match failure {
        None => report,
        Some(failure) => {
            let mut told = report.unwrap_or_else(|| json!({}));
            told["event"] = "failed".into();
            told["error"] = failure.to_json();
            Some(told)
        }
    };
    if let Some(told) = told {
        STDOUT.push(Text::result(json_line(&told) + "\n"));
    }
}

/// Says what goes on in one line of JSON on standard output; lines that are left out are told in one, too.
pub(crate) fn news_json(value: &Value) {
    STDOUT.push(Text::news_json(json_line(value) + "\n"));
}

/// Shows how it goes, on standard error.
pub(crate) fn progress(text: String) {
    STDERR.push(Text::news(text));
}

/// Says what a person is to know of, in one line on standard error, above what is drawn there.
pub(crate) fn notice(line: impl fmt::Display) {
    let mut drawn = drawn();
    let line = Printable(line);
    STDERR.push(Text::news(match drawn.take() {
        None => format!("{line}\n"),
        // A terminal that has become narrower would break its lines.
        Some(Drawn { width, .. }) if screen::drawable().is_none_or(|size| size.columns <= width) => {
            format!("{CLEAR}{line}\n")
        }
        Some(again) => {
            let text = format!("{CLEAR}{line}\n{}", again.text);
            *drawn = Some(again);
            text
        }
    }));
}

/// To the left edge, and away with all that is below.
const CLEAR: &str = "\r\x1b[J";

/// Lines below the cursor.
struct Drawn {
    text: String,
    /// The columns of the widest one.
    width: usize,
}

/// The figures that are drawn. The lock is held until the text that changes them is queued.
fn drawn() -> MutexGuard<'static, Option<Drawn>> {
    static DRAWN: Mutex<Option<Drawn>> = Mutex::new(None);
    DRAWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lines on the terminal that is standard error, which are drawn again and again. The cursor stays on the first of them, so that it is
/// there also after the terminal has broken them because it has become narrower. They are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Display(());

impl Display {
    pub(crate) fn new() -> Self {
        Self(())
    }

    /// Draws printable lines, each of which fits into the width of the terminal, and all of which into its height.
    pub(crate) fn draw(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let text = format!("{}\n\x1b[{}A", lines.join("\n"), lines.len());
        let width = lines.iter().map(|line| screen::width(line)).max().unwrap_or_default();
        let mut drawn = drawn();
        progress(format!("{CLEAR}{text}"));
        *drawn = Some(Drawn { text, width });
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let mut drawn = drawn();
        if drawn.take().is_some() {
            progress(CLEAR.to_owned());
            drop(drawn);
            // Standard output may be the same terminal.
            let _ = STDERR.finish(PATIENCE);
        }
    }
}

/// Clears what is drawn: the process ends at once.
pub(crate) fn clear() {
    if drawn().is_some() {
        let _ = io::stderr().write_all(CLEAR.as_bytes());
    }
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
    // As other programs end whose reader has gone.
    if failure.kind() != Kind::ReaderGone {
        STDERR.push(Text::result(format!("rtspan: {}\n", Printable(failure.sentence()))));
    }
    // There is nobody left who could be told.
    let _ = STDERR.finish(Patience { between: PATIENCE.at_most, ..PATIENCE });
}

/// Waits no longer for readers that take nothing: the user wants to stop.
pub(crate) fn hurry() {
    STDOUT.hurry();
    STDERR.hurry();
}
