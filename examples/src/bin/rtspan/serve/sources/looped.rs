//! A film that runs in a loop, for all readers together.

use std::path::Path;

use futures_lite::future::or;
use rtspan_examples::source::{FileSource, Packets};
use rtspan_examples::{Clip, Frame, clip};
use rtspan_std::Description;
use rtspan_std::WithCauses;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerStream;

use super::{Over, unread};
use crate::feed::{Pace, read_ahead};
use crate::serve::station::{Place, Station};
use crate::voice::with_loudspeaker;

/// Plays a file until it cannot be read any more, or nobody reads it.
pub(super) async fn play<R: Runtime>(station: &Station<R>, place: &Place, film: &Path) -> Over {
    let failed = |error: &(dyn std::error::Error + 'static)| Over::Failed {
        why: format!("{} cannot be played: {}", film.display(), WithCauses(error)),
        was_live: false,
    };
    let packets = FileSource::open(film, 25.0).and_then(|source| {
        let description = source.description().clone();
        Ok((Packets::new(source, &description, true, clip::seed())?, description))
    });
    let (packets, description) = match packets {
        Ok(packets) => packets,
        Err(error) => return failed(&error),
    };
    let stream = match publish(station, place, &description).await {
        Ok(stream) => stream,
        Err(over) => return over,
    };
    let frames = read_ahead(packets);
    let play = async {
        let mut pace = Pace::new();
        while let Ok(frame) = frames.recv().await {
            match frame {
                Ok(frame) => {
                    if let Err(over) = write::<R>(&stream, &mut pace, &frame).await {
                        return over;
                    }
                }
                Err(error) => return failed(&error),
            }
        }
        Over::Failed { why: format!("{} has ended", film.display()), was_live: true }
    };
    or(play, unread(station, place, || Some(stream.id()))).await
}

/// Plays the embedded clip, perhaps with a loudspeaker beside it.
pub(super) async fn play_demo<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    has_loudspeaker: bool,
) -> Over {
    let clip = Clip::demo();
    let description = clip.description();
    let description = if has_loudspeaker { with_loudspeaker(description) } else { description };
    let stream = match publish(station, place, &description).await {
        Ok(stream) => stream,
        Err(over) => return over,
    };
    let mut pace = Pace::new();
    for frame in clip.frames() {
        if let Err(over) = write::<R>(&stream, &mut pace, &frame).await {
            return over;
        }
    }
    Over::Unread
}

async fn publish<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    description: &Description,
) -> Result<ServerStream, Over> {
    let published = station.publish(place, description).await;
    let stream =
        published.map_err(|error| Over::Failed { why: WithCauses(&error).to_string(), was_live: false })?;
    station.live(place);
    Ok(stream)
}

async fn write<R: Runtime>(stream: &ServerStream, pace: &mut Pace, frame: &Frame) -> Result<(), Over> {
    pace.wait::<R>(frame).await;
    let written = stream.write_frame(frame.media, &frame.packets);
    written.map_err(|error| Over::Failed { why: WithCauses(&error).to_string(), was_live: true })
}
