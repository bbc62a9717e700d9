//! A film that runs in a loop, for all readers together.

use std::path::Path;
use std::sync::Mutex;

use futures_lite::future::or;
use rtspan_examples::source::{FileSource, Packets};
use rtspan_examples::{Clip, Frame, clip};
use rtspan_std::runtime::Runtime;
use rtspan_std::{Description, WithCauses};

use super::relayed::{Relayed, lock, open};
use super::{Over, unread};
use crate::feed::{Pace, read_ahead};
use crate::serve::station::{Place, Station};
use crate::voice::with_loudspeaker;

/// Plays a file until it cannot be read any more, or nobody reads it. `own` stays: the stream may have come from elsewhere, and may
/// go on from elsewhere.
pub(super) async fn play<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    film: &Path,
    own: &Mutex<Relayed>,
) -> Over {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        lock(own).over(format!("{} cannot be played: {}", film.display(), WithCauses(error)))
    };
    let packets = FileSource::open(film, 25.0).and_then(|source| {
        let description = source.description().clone();
        Ok((Packets::new(source, &description, true, clip::seed())?, description))
    });
    let (packets, description) = match packets {
        Ok(packets) => packets,
        Err(error) => return failed(&error),
    };
    let frames = read_ahead(packets);
    let play = async {
        let mut stage = match Stage::begin(station, place, own, &description).await {
            Ok(stage) => stage,
            Err(over) => return over,
        };
        while let Ok(frame) = frames.recv().await {
            match frame {
                Ok(frame) => {
                    if let Err(over) = stage.show::<R>(frame).await {
                        return over;
                    }
                }
                Err(error) => return failed(&error),
            }
        }
        lock(own).over(format!("{} has ended", film.display()))
    };
    or(play, unread(station, place, place.plan.on_demand, || lock(own).stream_id())).await
}

/// Plays the embedded clip, perhaps with a loudspeaker beside it.
pub(super) async fn play_demo<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    has_loudspeaker: bool,
    own: &Mutex<Relayed>,
) -> Over {
    let clip = Clip::demo();
    let description = clip.description();
    let description = if has_loudspeaker { with_loudspeaker(description) } else { description };
    let mut stage = match Stage::begin(station, place, own, &description).await {
        Ok(stage) => stage,
        Err(over) => return over,
    };
    for frame in clip.frames() {
        if let Err(over) = stage.show::<R>(frame).await {
            return over;
        }
    }
    Over::Unread
}

/// The place where a film runs.
struct Stage<'a> {
    own: &'a Mutex<Relayed>,
    pace: Pace,
    /// Of each media.
    clock_rates: Vec<u32>,
}

impl<'a> Stage<'a> {
    async fn begin<R: Runtime>(
        station: &Station<R>,
        place: &Place,
        own: &'a Mutex<Relayed>,
        description: &Description,
    ) -> Result<Self, Over> {
        lock(own).take_up(description);
        open(station, place, own, || description.clone()).await?;
        lock(own).lost = None;
        let formats = description.medias.iter().map(|media| media.formats.first());
        let clock_rates = formats.map(|format| format.map_or(0, |format| format.clock_rate())).collect();
        Ok(Self { own, pace: Pace::new(), clock_rates })
    }

    async fn show<R: Runtime>(&mut self, frame: Frame) -> Result<(), Over> {
        self.pace.wait::<R>(&frame).await;
        let clock_rate = self.clock_rates.get(frame.media).copied().unwrap_or_default();
        let mut own = lock(self.own);
        own.write_frame(frame, clock_rate).map_err(|error| own.over(WithCauses(&error)))
    }
}
