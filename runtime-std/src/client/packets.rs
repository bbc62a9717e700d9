use std::future::poll_fn;
use std::sync::Arc;

use rtspan_core::client::{Received, TrackStats};
use rtspan_core::description::Description;

use super::Error;
use super::shared::Owner;

/// The packets that a client receives, in the order of each media.
///
/// They wait in a queue that is bounded in packets and bytes; whoever is too slow loses the oldest, and can see how many
/// ([`dropped`](Self::dropped)).
#[derive(Debug)]
pub struct Packets(Arc<Owner>);

impl Packets {
    pub(super) fn new(owner: &Arc<Owner>) -> Self {
        Self(Arc::clone(owner))
    }

    /// The next packet; `None` when all medias have ended or the client was torn down.
    ///
    /// An error is the last but `None`: the client is closed for another reason.
    pub async fn next(&mut self) -> Option<Result<Received, Error>> {
        poll_fn(|cx| self.0.0.poll_packet(cx)).await
    }

    /// What the server has described.
    pub fn description(&self) -> Description {
        self.0.0.state().core.description().cloned().unwrap_or_default()
    }

    /// What was counted for a media that is set up.
    pub fn stats(&self, media: usize) -> Option<TrackStats> {
        self.0.0.state().core.stats(media)
    }

    /// Packets of all medias that were dropped because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        let state = self.0.0.state();
        let medias = state.core.description().map_or(0, |description| description.medias.len());
        (0..medias).filter_map(|media| state.core.stats(media)).map(|stats| stats.dropped).sum()
    }

    /// Ends the session and closes the client (TEARDOWN).
    ///
    /// # Errors
    ///
    /// The server does not answer; the client is closed all the same.
    pub async fn teardown(self) -> Result<(), Error> {
        self.0.0.command(|core, now| core.teardown(now)).await.map(drop)
    }
}
