//! The stream of a path, which outlives the clients, nodes and films that its packets come from.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtspan_examples::Frame;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerStream;
use rtspan_std::{Description, NtpTime, Received, StreamId, WithCauses, WriteError};

use super::Over;
use super::splice::Splice;
use crate::serve::station::{Place, Station};

/// The stream of a path. Sources write to it one after the other, and readers see one stream.
#[derive(Default)]
pub(super) struct Relayed {
    stream: Option<ServerStream>,
    pub(super) was_live: bool,
    /// Since when it is lost.
    pub(super) lost: Option<Instant>,
    /// The media of the stream that each media of a camera is.
    pub(super) medias: Vec<Option<usize>>,
    /// The packets that sources before have written.
    splice: Splice,
}

/// Publishes the stream if it is not there yet, and lets those read it that wait for it.
///
/// # Errors
///
/// It cannot be published.
pub(super) async fn open<R: Runtime>(
    station: &Station<R>,
    place: &Place,
    own: &Mutex<Relayed>,
    description: impl FnOnce() -> Description,
) -> Result<(), Over> {
    if lock(own).stream.is_none() {
        let published = station.publish(place, &description()).await;
        let stream = published.map_err(|error| lock(own).over(WithCauses(&error)))?;
        let mut own = lock(own);
        (own.stream, own.was_live) = (Some(stream), true);
        own.splice = Splice::default();
    }
    station.live(place);
    Ok(())
}

pub(super) fn lock(own: &Mutex<Relayed>) -> MutexGuard<'_, Relayed> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relayed {
    /// Nothing yet, and nothing that it comes from.
    pub(super) fn lost() -> Self {
        Self { lost: Some(Instant::now()), ..Self::default() }
    }

    pub(super) fn stream_id(&self) -> Option<StreamId> {
        self.stream.as_ref().map(ServerStream::id)
    }

    /// Another one takes the path up, which has as much time as the first.
    pub(super) fn begin(&mut self) {
        if self.stream.is_none() {
            self.lost = None;
        }
    }

    /// Goes on with the stream of an earlier source, if there is one with the same medias: its readers stay.
    pub(super) fn take_up(&mut self, description: &Description) {
        self.splice.begin(Instant::now());
        self.reload(description);
    }

    /// The source is described in another way. Readers of other medias have to begin anew.
    pub(super) fn reload(&mut self, description: &Description) {
        if self.stream.as_ref().is_some_and(|stream| stream.reload(description).is_err()) {
            self.stream = None;
        }
    }

    /// Ends the stream.
    pub(super) fn end(&mut self) {
        self.stream = None;
    }

    /// Leaves the stream to the publisher that comes.
    pub(super) fn leave(&mut self, patience: Duration) {
        if let Some(stream) = self.stream.take() {
            stream.leave(patience);
        }
    }

    pub(super) fn over(&self, why: impl std::fmt::Display) -> Over {
        Over::Failed { why: why.to_string(), was_live: self.was_live }
    }

    /// Writes a packet with the camera's own time.
    pub(super) fn write(&mut self, received: Received) {
        let Received { media, packet, time, .. } = received;
        let Some(&Some(media)) = self.medias.get(media) else { return };
        let ntp = time.wall().map_or_else(NtpTime::default, |wall| wall.ntp);
        if let Some(stream) = &self.stream {
            let passed = self.splice.pass(Instant::now(), media, packet, time.pts, time.clock_rate());
            // A stream that the server has ended is found out by the client's end.
            let _ = passed.map(|packet| stream.write_with_ntp(media, packet, ntp));
        }
    }

    /// Writes a frame of a film, whose media has this clock rate.
    ///
    /// # Errors
    ///
    /// The stream is closed.
    pub(super) fn write_frame(&mut self, frame: Frame, clock_rate: u32) -> Result<(), WriteError> {
        let (now, media) = (Instant::now(), frame.media);
        let pass = |packet| self.splice.pass(now, media, packet, frame.pts, clock_rate);
        let packets: Vec<_> = frame.packets.into_iter().filter_map(pass).collect();
        self.stream.as_ref().map_or(Err(WriteError::Closed), |stream| stream.write_frame(media, &packets))
    }
}
