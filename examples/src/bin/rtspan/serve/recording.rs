//! Records what is published at paths, be it a publisher's or a camera's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtspan_core::Description;
use rtspan_core::frame::FrameReader;
use rtspan_examples::archive::{Archive, ArchiveConfig, ArchiveError};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::{Server, StreamPacket};
use rtspan_std::{Form, Received, StartAt, StreamId};
use smol::channel::{Receiver, Sender, bounded};

use super::config::{Recording, Settings};
use crate::args::EventsFormat;
use crate::record::{Order, Recorded, Tell, WAITING_MAX, Writer, now, tick, until};

/// How often it is looked whether a stream is described otherwise.
const GLANCE: Duration = Duration::from_secs(1);

/// The name that a path is recorded at: folders of recordings have no folders within.
pub(crate) fn name(path: &str) -> String {
    path.replace('/', "-")
}

/// The threads that write, one for each folder.
pub(super) struct Recorders {
    tell: Tell,
    writing: Mutex<HashMap<PathBuf, Writing>>,
}

struct Writing {
    recording: Recording,
    orders: Sender<Order>,
    thread: JoinHandle<HashMap<String, Recorded>>,
}

impl Writing {
    /// Waits until all that was ordered is written.
    fn end(self) {
        self.orders.close();
        // A thread that has failed has said so.
        let _ = self.thread.join();
    }
}

impl Recorders {
    pub(super) fn new(format: EventsFormat) -> Self {
        Self { tell: Tell { json: format == EventsFormat::Json }, writing: Mutex::default() }
    }

    /// Opens the folders that are recorded to, and closes those that are not any more. `clock` is to tell a
    /// writer the time.
    ///
    /// # Errors
    ///
    /// A folder cannot be written to, or another recorder does. The others are open.
    pub(super) fn keep(
        &self,
        settings: &Settings,
        mut clock: impl FnMut(Sender<Order>),
    ) -> Result<(), ArchiveError> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted: Vec<_> = settings.paths.iter().filter_map(|plan| plan.record.clone()).collect();
        let (kept, others): (HashMap<_, _>, HashMap<_, _>) =
            std::mem::take(&mut *writing).into_iter().partition(|(_, own)| wanted.contains(&own.recording));
        *writing = kept;
        others.into_values().for_each(Writing::end);
        for recording in wanted {
            if writing.contains_key(&recording.folder) {
                continue;
            }
            let config = ArchiveConfig::new(recording.segment);
            let config = recording.keep.into_iter().fold(config, ArchiveConfig::keep);
            let config = recording.keep_for.into_iter().fold(config, ArchiveConfig::keep_for);
            let archive = Archive::open(&recording.folder, config, now())?;
            let (orders, received) = bounded(WAITING_MAX);
            let writer = Writer::new(archive, self.tell);
            let thread = thread::spawn(move || writer.run(&received));
            clock(orders.clone());
            writing.insert(recording.folder.clone(), Writing { recording, orders, thread });
        }
        Ok(())
    }

    /// Where orders for this recording go.
    pub(super) fn orders(&self, recording: &Recording) -> Option<Sender<Order>> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let own = writing.get(&recording.folder).filter(|own| own.recording == *recording)?;
        Some(own.orders.clone())
    }

    /// Ends them all.
    pub(super) fn end(&self) {
        let all = std::mem::take(&mut *self.writing.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_values().for_each(Writing::end);
    }
}

/// Tells a writer the time, as long as it writes.
pub(super) async fn clock<R: Runtime>(orders: Sender<Order>) {
    tick::<R>(&orders).await;
}

/// Has the frames of a stream written, to its end or until it is to be recorded no more.
pub(super) async fn record<R: Runtime>(
    server: Arc<Server<R>>,
    stream: StreamId,
    path: String,
    orders: Sender<Order>,
    stopped: Receiver<()>,
) {
    let Some(mut packets) = server.read(stream, StartAt::Keyframe) else { return };
    let name: Arc<str> = name(&path).into();
    let mut described = Description::default();
    let mut frames = FrameReader::new(&described);
    frames.set_form(Form::Container);
    let mut looked: Option<Instant> = None;
    while let Some(Some(packet)) = until(&stopped, packets.next()).await {
        let mut news = Vec::new();
        if looked.is_none_or(|looked| looked.elapsed() >= GLANCE) {
            looked = Some(Instant::now());
            let description = server.description(stream).unwrap_or_default();
            if description != described {
                frames.set_description(&description);
                described.clone_from(&description);
                news.push(Order::Describe(Arc::clone(&name), Box::new(description)));
            }
        }
        // A packet that cannot be read is counted, and its frame is left out.
        let _ = frames.push(&received(packet));
        while let Some(frame) = frames.poll() {
            news.push(Order::Frame(Arc::clone(&name), Box::new(frame), now()));
        }
        for order in news {
            if orders.send(order).await.is_err() {
                return;
            }
        }
    }
    // It is closed when all recordings end, and then has ended this one too.
    let _ = orders.send(Order::Gap(name)).await;
}

/// A packet of a stream, as clients receive it.
fn received(packet: StreamPacket) -> Received {
    let lost = u16::try_from(packet.missed).unwrap_or(u16::MAX);
    Received::new(packet.media, packet.packet, packet.time).with_lost(lost)
}
