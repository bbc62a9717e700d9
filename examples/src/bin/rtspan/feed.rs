use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rtspan_examples::Frame;
use rtspan_examples::source::{Packets, SourceError};
use rtspan_std::NtpTime;
use rtspan_std::runtime::Runtime;
use smol::channel::{Receiver, bounded};

use crate::stop::sleep_until;

/// A delay that is not made up for: the machine has slept, and a burst would be of no use to anybody.
const TOO_LATE: Duration = Duration::from_secs(1);

/// Frames of a file that are read ahead.
const AHEAD: usize = 32;

/// Says when frames are due, in real time.
#[derive(Debug)]
pub(crate) struct Pace {
    start: Instant,
    wall: Duration,
}

impl Pace {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), wall: SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default() }
    }

    /// Waits until a frame is due; the wall clock time at which it is presented.
    pub(crate) async fn wait<R: Runtime>(&mut self, frame: &Frame) -> NtpTime {
        let due = self.start + frame.due;
        sleep_until::<R>(due).await;
        let late = due.elapsed();
        if late > TOO_LATE {
            self.start += late;
            self.wall += late;
        }
        let presented = Duration::from_nanos(frame.pts.unsigned_abs());
        let presented =
            if frame.pts < 0 { self.wall.saturating_sub(presented) } else { self.wall + presented };
        NtpTime::from_unix(presented)
    }
}

/// Writes frames in real time, each with the wall clock time at which it is presented, until there are no more, or up to the first
/// error.
pub(crate) async fn feed<R: Runtime, E>(
    mut next: impl AsyncFnMut() -> Result<Option<Frame>, E>,
    mut write: impl AsyncFnMut(&Frame, NtpTime) -> Result<(), E>,
) -> Result<(), E> {
    let mut pace = Pace::new();
    while let Some(frame) = next().await? {
        let presented = pace.wait::<R>(&frame).await;
        write(&frame, presented).await?;
    }
    Ok(())
}

/// Reads a file in a thread of its own, which waits where nobody else has to.
pub(crate) fn read_ahead(packets: Packets) -> Receiver<Result<Frame, SourceError>> {
    let (sender, receiver) = bounded(AHEAD);
    thread::spawn(move || {
        // Nobody receives any more when all is over.
        for frame in packets {
            if sender.send_blocking(frame).is_err() {
                return;
            }
        }
    });
    receiver
}
