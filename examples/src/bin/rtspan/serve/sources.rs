//! The sources of paths: tasks that publish a stream for all readers together.

mod camera;
mod looped;
mod node;
mod relayed;
mod splice;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use rtspan_std::StreamId;
use rtspan_std::runtime::Runtime;
use smol::channel::Receiver;

use super::config::Source;
use super::station::{Place, Station};
use crate::record::until;
use crate::stop::sleep;

/// A source that fails is tried again after so long, and each time after twice as long up to a bound: cameras lock users out who
/// come too often.
pub(super) const AGAIN: Duration = Duration::from_secs(5);
pub(super) const AGAIN_MAX: Duration = Duration::from_secs(80);
/// How often it is looked whether somebody reads.
const GLANCE: Duration = Duration::from_millis(500);

/// Why a source is over.
enum Over {
    /// Nobody has read it for a while.
    Unread,
    /// It has failed or ended, and why. It had been live.
    Failed { why: String, was_live: bool },
    /// The nodes of the cluster that have it refuse this one, which is told once for each of them.
    Denied,
}

/// Runs the source of a path until it is stopped, or nobody reads it who has asked for it.
pub(super) async fn run<R: Runtime>(station: Station<R>, place: Place, stopped: Receiver<()>) {
    let mut again = AGAIN;
    loop {
        if place.plan.on_demand {
            station.tries(&place);
        }
        let is_clustered = station.is_clustered(&place.plan.source);
        let over = match &place.plan.source {
            _ if is_clustered => node::pull(&station, &place, &stopped).await,
            Source::Camera(camera) => {
                let stop = async {
                    let _ = stopped.recv().await;
                };
                camera::pull(&station, &place, camera, &Mutex::default(), stop).await.err()
            }
            Source::Looped(film) => {
                until(&stopped, looped::play(&station, &place, film, &Mutex::default())).await
            }
            Source::Demo { loudspeaker } => {
                let has_loudspeaker = loudspeaker.is_some();
                until(&stopped, looped::play_demo(&station, &place, has_loudspeaker, &Mutex::default())).await
            }
            Source::Publisher | Source::Shelf(_) | Source::Node => None,
        };
        match over {
            None => return,
            Some(Over::Unread) if station.leave(&place) => return,
            // A reader has come at the last moment.
            Some(Over::Unread) => continue,
            Some(Over::Failed { why, was_live }) => {
                again = if was_live { AGAIN } else { again };
                station.away(&place, &why, (!is_clustered).then_some(again));
            }
            Some(Over::Denied) => station.send_away(&place, node::DENIED, node::DENIED, None),
        }
        // The next reader asks the cluster again, or the path becomes this node's.
        if is_clustered {
            let is_own = place.plan.source.is_shared() && station.owns(&place.path);
            if !is_own && station.leave(&place) {
                return;
            }
            continue;
        }
        if until(&stopped, sleep::<R>(again)).await.is_none() {
            return;
        }
        if place.plan.on_demand && station.leave(&place) {
            return;
        }
        again = (again * 2).min(AGAIN_MAX);
    }
}

/// Waits until nobody has read a stream for as long as a source on demand is kept, if it is one. `stream` says which one it is now.
async fn unread<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    is_on_demand: bool,
    stream: impl Fn() -> Option<StreamId>,
) -> Over {
    let (mut read, mut was_live) = (Instant::now(), false);
    loop {
        sleep::<R>(GLANCE).await;
        let stream = stream().and_then(|stream| station.server().stream(stream));
        let begins = stream.is_some() && !was_live;
        was_live |= begins;
        if begins || stream.as_ref().is_some_and(|stream| !stream.readers.is_empty()) {
            read = Instant::now();
        }
        // Before it is live, readers wait for it.
        let patience =
            if was_live { place.plan.close_after } else { place.plan.wait + place.plan.close_after };
        if is_on_demand && read.elapsed() >= patience {
            return Over::Unread;
        }
    }
}
