use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::door::Door;
use super::udp::{self, Sending};
use crate::alarm::Alarm;
use crate::runtime::Runtime;

/// How old the wall clock time may be that sender reports are reckoned from.
const WALL_CLOCK_AGE: Duration = Duration::from_secs(60);

/// Keeps the time of the control plane, and opens what it asks for, until the server stops.
pub(crate) async fn keep<R: Runtime>(runtime: R, door: Arc<Door>, sending: Sending) {
    // A runtime that is shut down takes this task with it: then nothing of the server can go on.
    let door = StopOnDrop(door);
    let door = &door.0;
    let mut alarm = Alarm::new(runtime.timer());
    let mut wall_clock = door.clock().now() + WALL_CLOCK_AGE;
    poll_fn(|cx| {
        door.keeper().register(cx);
        loop {
            if door.is_stopped() {
                return Poll::Ready(());
            }
            udp::open_groups(&runtime, door, &sending);
            let deadline = door.arm().into_iter().chain([wall_clock]).min();
            if !alarm.is_due(cx, door.clock(), deadline) {
                return Poll::Pending;
            }
            if door.clock().now() >= wall_clock {
                wall_clock = door.clock().now() + WALL_CLOCK_AGE;
                door.registry().set_wall_clock();
            }
            door.handle_timeout();
        }
    })
    .await;
}

struct StopOnDrop(Arc<Door>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}
