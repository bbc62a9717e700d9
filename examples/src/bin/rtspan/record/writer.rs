use rtspan_examples::archive::{Archive, ArchiveEvent, CameraId};
use smol::channel::Receiver;

use super::Order;
use super::tell::Tell;

/// The thread that writes what all cameras send.
pub(super) struct Writer {
    archive: Archive,
    names: Vec<String>,
    cameras: Vec<Option<CameraId>>,
    recorded: Vec<Recorded>,
    tell: Tell,
}

/// The counts of a camera's recording.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recorded {
    pub(super) segments: u64,
    pub(super) frames: u64,
}

impl Writer {
    pub(super) fn new(archive: Archive, names: Vec<String>, tell: Tell) -> Self {
        let (cameras, recorded) = (vec![None; names.len()], vec![Recorded::default(); names.len()]);
        Self { archive, names, cameras, recorded, tell }
    }

    /// Writes until no camera is left, and says what there is.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> Vec<Recorded> {
        self.tell_events();
        while let Ok(order) = orders.recv_blocking() {
            match order {
                Order::Describe(number, description) => {
                    match self.archive.camera(&self.names[number], &description) {
                        Ok(camera) => self.cameras[number] = Some(camera),
                        Err(error) => self.tell.unfit(&self.names[number], &error),
                    }
                }
                Order::Frame(number, frame, now) => {
                    if let Some(camera) = self.cameras[number] {
                        self.archive.write(camera, *frame, now);
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
                let place = self.names.iter().position(|name| name == camera);
                if let Some(recorded) = place.and_then(|place| self.recorded.get_mut(place)) {
                    recorded.segments += 1;
                    recorded.frames += segment.frames;
                }
            }
            self.tell.archive(&event);
        }
    }
}
