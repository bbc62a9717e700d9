use std::time::{Duration, Instant};

use rtspan_examples::Clip;
use rtspan_std::RtpPacket;
use rtspan_std::runtime::Runtime;

use crate::stop::sleep_until;

/// A delay that is not made up for: the machine has slept, and a burst would be of no use to anybody.
const TOO_LATE: Duration = Duration::from_secs(1);

/// Writes a clip in a loop and in real time; ends with the first error.
pub(crate) async fn feed<R: Runtime, E>(
    clip: &Clip,
    mut write: impl AsyncFnMut(usize, &[RtpPacket]) -> Result<(), E>,
) -> Result<(), E> {
    let mut start = Instant::now();
    for frame in clip.frames() {
        let due = start + frame.due;
        sleep_until::<R>(due).await;
        let late = due.elapsed();
        if late > TOO_LATE {
            start += late;
        }
        write(frame.media, &frame.packets).await?;
    }
    Ok(())
}
