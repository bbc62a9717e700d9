//! Records cameras: a task for each, and one thread that writes.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use futures_lite::future::or;
use rtspan_core::Description;
use rtspan_core::frame::Frame;
use rtspan_examples::archive::{Archive, ArchiveConfig};
use rtspan_std::runtime::Runtime;
use rtspan_std::{ClientConfig, NtpTime, ReconnectPolicy};
use smol::channel::{Receiver, Sender, bounded};

use crate::Failure;
use crate::args::RecordArgs;
use crate::output::result;
use crate::stop::{sleep, stop};
use crate::text::counted;

mod camera;
mod tell;
mod writer;

pub(crate) use tell::Tell;
pub(crate) use writer::{Recorded, Writer};

/// Frames that wait to be written. Where they are too many, cameras are not read.
pub(crate) const WAITING_MAX: usize = 1024;
/// How often it is looked if all have said goodbye.
const GLANCE: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_secs(1);
/// How long the goodbyes to all cameras may take in the end.
const GOODBYE: Duration = Duration::from_secs(3);

/// An order to the writer, about the camera of a name.
pub(crate) enum Order {
    /// The description of a camera's medias.
    Describe(Arc<str>, Box<Description>),
    Frame(Arc<str>, Box<Frame>, NtpTime),
    /// Nothing comes of a camera any more.
    Gap(Arc<str>),
    Tick(NtpTime),
}

/// Records until somebody stops it.
pub(crate) async fn run<R: Runtime>(args: &RecordArgs) -> Result<(), Failure> {
    let mut names: Vec<String> = args.cameras.iter().map(|camera| camera.name.clone()).collect();
    if let Some(name) = repeated(&names) {
        return Err(Failure::SameName { name: name.to_owned() });
    }
    let client =
        ClientConfig::default().transports(args.transport.into()).reconnect(Some(ReconnectPolicy::default()));
    let client = args.requests.apply(client).map_err(|error| {
        let url = args.cameras[0].url.clone();
        Failure::Play { url, error: Box::new(error) }
    })?;
    let config = ArchiveConfig::new(args.segment);
    let config = args.keep.into_iter().fold(config, ArchiveConfig::keep);
    let config = args.keep_for.into_iter().fold(config, ArchiveConfig::keep_for);
    let archive = Archive::open(&args.to, config, now()).map_err(Failure::Archive)?;
    let tell = Tell { json: args.json };
    let (orders, received) = bounded(WAITING_MAX);
    let writer = Writer::new(archive, tell);
    let writer = thread::spawn(move || writer.run(&received));
    let (stopper, stopped) = bounded::<()>(1);
    for camera in &args.cameras {
        let task = camera::record::<R>(camera.clone(), client.clone(), orders.clone(), stopped.clone(), tell);
        R::default().spawn(task).map_err(Failure::Runtime)?;
    }
    or(stop::<R>(args.seconds), tick::<R>(&orders)).await;
    drop((stopper, stopped));
    // The last camera that has said goodbye closes it.
    let cameras = orders.downgrade();
    drop(orders);
    let all_gone = async {
        while cameras.upgrade().is_some() {
            sleep::<R>(GLANCE).await;
        }
    };
    or(all_gone, sleep::<R>(GOODBYE)).await;
    if let Some(orders) = cameras.upgrade() {
        orders.close();
    }
    let recorded = writer.join().map_err(|_| Failure::Writer)?;
    let recorded = |name: &String| recorded.get(name).copied().unwrap_or_default();
    if !args.json {
        for name in &names {
            let recorded = recorded(name);
            let (frames, files) = (counted(recorded.frames, "frame"), counted(recorded.segments, "file"));
            result(format_args!("{name}: {frames} in {files}"));
        }
    }
    names.retain(|name| recorded(name).frames == 0);
    if names.is_empty() { Ok(()) } else { Err(Failure::NothingRecorded { names }) }
}

/// Tells the writer the time, until it has ended.
pub(crate) async fn tick<R: Runtime>(orders: &Sender<Order>) {
    while !orders.is_closed() {
        sleep::<R>(TICK).await;
        // One that does not fit in comes again.
        let _ = orders.try_send(Order::Tick(now()));
    }
}

/// A name that is there twice.
fn repeated(names: &[String]) -> Option<&str> {
    let twice = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name));
    twice.map(|(_, name)| name.as_str())
}

pub(crate) fn now() -> NtpTime {
    NtpTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

/// Does something until it is over or all is to stop, which is `None`.
pub(crate) async fn until<T>(stopped: &Receiver<()>, work: impl Future<Output = T>) -> Option<T> {
    let stopped = async {
        let _ = stopped.recv().await;
        None
    };
    or(async { Some(work.await) }, stopped).await
}
