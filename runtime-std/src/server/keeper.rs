use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rtspan_core::udp::UdpOpenError;

use super::door::{Door, Opening};
use super::udp;
use crate::alarm::Alarm;
use crate::net::{UdpPair, bind_pair};
use crate::runtime::Runtime;

/// How old the wall clock time may be that sender reports are reckoned from.
const WALL_CLOCK_AGE: Duration = Duration::from_secs(60);

/// Keeps the time of the control plane and opens its sockets, until the server stops.
pub(crate) async fn keep<R: Runtime>(runtime: R, door: Arc<Door>) {
    // A runtime that is shut down takes this task with it: then nothing of the server can go on.
    let door = StopOnDrop(door);
    let door = &door.0;
    let mut alarm = Alarm::new(runtime.timer());
    let mut opening = Vec::new();
    let mut wall_clock = door.clock().now() + WALL_CLOCK_AGE;
    poll_fn(|cx| {
        door.keeper().register(cx);
        loop {
            if door.is_stopped() {
                return Poll::Ready(());
            }
            let deadline = door.duties(&mut opening);
            if !opening.is_empty() {
                for opening in opening.drain(..) {
                    // One that fails is the server's to deal with: it has been told.
                    let _ = open(&runtime, door, opening);
                }
                continue;
            }
            if !alarm.is_due(cx, door.clock(), deadline.into_iter().chain([wall_clock]).min()) {
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

/// Opens what the server asks for as soon as it is made, so that whoever makes it learns whether it can be had.
pub(crate) fn open_first<R: Runtime>(runtime: &R, door: &Arc<Door>) -> Result<(), UdpOpenError> {
    let mut opening = Vec::new();
    door.duties(&mut opening);
    opening.into_iter().try_for_each(|opening| open(runtime, door, opening))
}

fn open<R: Runtime>(runtime: &R, door: &Arc<Door>, opening: Opening) -> Result<(), UdpOpenError> {
    let id = opening.media.id();
    let opened = bind_pair(runtime, opening.media.spec()).and_then(|(sockets, ports)| {
        let refused = |error: io::Error| UdpOpenError::Io(error.into());
        let pair = UdpPair::new(sockets).map_err(refused)?;
        let task = udp::serve(runtime, door, pair, opening);
        runtime.spawn(task).map_err(refused)?;
        Ok(ports)
    });
    door.udp_opened(id, opened.clone());
    opened.map(drop)
}
