use std::collections::HashMap;

use rtspan_examples::archive::{Archive, ArchiveEvent, CameraId};
use smol::channel::Receiver;

use super::Order;
use super::tell::Tell;

/// The thread that writes what all cameras send.
pub(crate) struct Writer {
    archive: Archive,
    cameras: HashMap<String, CameraId>,
    recorded: HashMap<String, Recorded>,
    tell: Tell,
}

/// The counts of a camera's recording.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) segments: u64,
    pub(crate) frames: u64,
}

impl Writer {
    pub(crate) fn new(archive: Archive, tell: Tell) -> Self {
        Self { archive, cameras: HashMap::new(), recorded: HashMap::new(), tell }
    }

    /// Writes until no camera is left, and gives what there is of each.
    pub(crate) fn run(mut self, orders: &Receiver<Order>) -> HashMap<String, Recorded> {
        self.tell_events();
        while let Ok(order) = orders.recv_blocking() {
            match order {
                Order::Describe(name, description) => match self.archive.camera(&name, &description) {
                    Ok(camera) => drop(self.cameras.insert(name.to_string(), camera)),
                    Err(error) => self.tell.unfit(&name, &error),
                },
                Order::Frame(name, frame, now) => {
                    if let Some(camera) = self.cameras.get(&*name) {
                        self.archive.write(*camera, *frame, now);
                    }
                }
                Order::Gap(name) => {
                    if let Some(camera) = self.cameras.get(&*name) {
                        self.archive.gap(*camera);
                    }
                }
                Order::Tick(now) => self.archive.tick(now),
            }
            self.tell_events();
        }
        self.archive.end();
        self.tell_events();
        self.recorded
    }

    fn tell_events(&mut self) {
        while let Some(event) = self.archive.poll_event() {
            if let ArchiveEvent::Ended { camera, segment } = &event {
                let recorded = self.recorded.entry(camera.clone()).or_default();
                recorded.segments += 1;
                recorded.frames += segment.frames;
            }
            self.tell.archive(&event);
        }
    }
}
