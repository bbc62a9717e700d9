use std::fmt::Write as _;
use std::future::pending;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use rtspan_std::runtime::Runtime;

use crate::figures::{Figures, Meter};
use crate::output::progress;
use crate::stop::sleep_until;

const PERIOD: Duration = Duration::from_secs(1);

/// Shows figures every second, on stderr, until it is dropped: on a terminal the same lines again and again, else
/// one line for each second.
pub(crate) async fn watch<R: Runtime, T>(quiet: bool, mut figures: impl FnMut() -> Vec<Figures>) -> T {
    if quiet {
        return pending().await;
    }
    let start = Instant::now();
    let mut meter = Meter::new();
    let mut lines_up = 0;
    let is_terminal = io::stderr().is_terminal();
    let mut seconds = 0;
    loop {
        seconds += 1;
        sleep_until::<R>(start + PERIOD * seconds).await;
        let lines = meter.lines(&figures());
        let mut text = String::new();
        if is_terminal {
            if lines_up > 0 {
                // Up again, to write over them.
                let _ = write!(text, "\x1b[{lines_up}A");
            }
            for line in &lines {
                let _ = writeln!(text, "\r\x1b[K{line}");
            }
            lines_up = lines.len();
        } else {
            let line = lines.join("; ").split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(text, "{seconds} s: {line}");
        }
        progress(text);
    }
}
