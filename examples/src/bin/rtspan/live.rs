use std::future::pending;
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_std::Printable;
use rtspan_std::runtime::Runtime;

use crate::figures::{Figures, Meter};
use crate::output::{Display, progress};
use crate::screen;
use crate::stop::sleep_until;

const PERIOD: Duration = Duration::from_secs(1);

/// Says on a terminal what is waited for, if it takes more than a moment.
pub(crate) async fn patiently<R: Runtime, T>(what: String, work: impl Future<Output = T>) -> T {
    let said = async {
        sleep_until::<R>(Instant::now() + PERIOD).await;
        let display = Display::new();
        if let Some(size) = screen::drawable() {
            display.draw(&[screen::cut(&Printable(what).to_string(), size.columns.saturating_sub(1))]);
        }
        pending().await
    };
    or(work, said).await
}

/// Shows figures every second, on standard error, until it is dropped: on a terminal the same lines again and again, as wide as it is
/// at that moment; else one line for each second.
pub(crate) async fn watch<R: Runtime, T>(quiet: bool, mut figures: impl FnMut() -> Vec<Figures>) -> T {
    if quiet {
        return pending().await;
    }
    let start = Instant::now();
    let mut meter = Meter::new();
    let display = Display::new();
    let mut seconds = 0;
    loop {
        seconds += 1;
        sleep_until::<R>(start + PERIOD * seconds).await;
        let figures = figures();
        match screen::drawable() {
            Some(size) => {
                // A terminal breaks a line that is as wide as itself.
                let mut lines = meter.lines(&figures, size.columns.saturating_sub(1));
                lines.truncate(size.rows.saturating_sub(1));
                display.draw(&lines);
            }
            None => {
                let line = meter.lines(&figures, usize::MAX).join("; ");
                let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
                progress(format!("{seconds} s: {line}\n"));
            }
        }
    }
}
