use std::time::{Duration, Instant, SystemTime};

use rtspan_examples::Frame;
use rtspan_std::NtpTime;
use rtspan_std::runtime::Runtime;

use crate::stop::sleep_until;

/// A delay that is not made up for: the machine has slept, and a burst would be of no use to anybody.
const TOO_LATE: Duration = Duration::from_secs(1);

/// Writes frames in real time, each with the wall clock time at which it is presented, until there are no more, or up to the first
/// error.
pub(crate) async fn feed<R: Runtime, E>(
    mut next: impl AsyncFnMut() -> Result<Option<Frame>, E>,
    mut write: impl AsyncFnMut(&Frame, NtpTime) -> Result<(), E>,
) -> Result<(), E> {
    let mut start = Instant::now();
    let mut wall = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    while let Some(frame) = next().await? {
        let due = start + frame.due;
        sleep_until::<R>(due).await;
        let late = due.elapsed();
        if late > TOO_LATE {
            start += late;
            wall += late;
        }
        let presented = Duration::from_nanos(frame.pts.unsigned_abs());
        let presented = if frame.pts < 0 { wall.saturating_sub(presented) } else { wall + presented };
        write(&frame, NtpTime::from_unix(presented)).await?;
    }
    Ok(())
}
