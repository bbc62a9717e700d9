use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use rtspan_core::client::{CommandError, Farewell, Received, TrackStats};
use rtspan_core::description::Description;
use rtspan_core::timeline::TimelineStats;

use super::shared::Shared;
use super::{Client, Error, Frames};
use crate::runtime::Runtime;
use crate::wake::Place;

/// The packets that a client receives, in the order of each media: by [`next`](Self::next), or as a
/// [`Stream`](futures_core::Stream) for code that combines streams.
///
/// They wait in a queue that is bounded in packets and bytes; a reader that is too slow loses the oldest, and can see how many
/// ([`dropped`](Self::dropped)). Beside that queue, up to
/// [`RECEIVED_BATCH_MAX`](rtspan_core::limits::RECEIVED_BATCH_MAX) packets are held here, and an eighth of the bounds of
/// the queue at most; they are the oldest, and go back into the queue when this is dropped.
pub struct Packets<R: Runtime> {
    client: Client<R>,
    /// Taken from the queue together, so that its lock is not taken for each.
    batch: VecDeque<Received>,
    /// Its place among those who wait, if it is polled as a stream.
    place: u64,
}

impl<R: Runtime> Packets<R> {
    pub(super) fn new(client: Client<R>) -> Self {
        client.owner.0.state().readers += 1;
        let place = client.owner.0.waiters.place_number();
        Self { client, batch: VecDeque::new(), place }
    }

    /// The client that receives them: pause it, or take its events.
    pub fn client(&self) -> &Client<R> {
        &self.client
    }

    /// Puts frames together from the packets.
    pub fn frames(self) -> Frames<R> {
        Frames::new(self)
    }

    /// The next packet; `None` when all medias have ended or the client was torn down.
    ///
    /// An error comes once, before `None`: it is the reason for which the client has closed. No packet is lost when the future
    /// is dropped. If you keep the future, poll it whenever its task is woken. It reads the sockets; until it is polled, the client's
    /// own task reads them only at a command or a timer.
    pub async fn next(&mut self) -> Option<Result<Received, Error>> {
        if let Some(received) = self.batch.pop_front() {
            return Some(Ok(received));
        }
        let Self { client, batch, .. } = self;
        let shared = &*client.owner.0;
        let mut waiting = Waiting { shared, batch, place: shared.waiters.place(), has_baton: false };
        poll_fn(|cx| waiting.poll(cx)).await
    }

    /// The next packet, if it is here already.
    pub fn try_next(&mut self) -> Option<Received> {
        if self.batch.is_empty() {
            let shared = &self.client.owner.0;
            shared.take_packets(&mut shared.state(), &mut self.batch);
        }
        self.batch.pop_front()
    }

    /// The description that the server has sent.
    pub fn description(&self) -> Description {
        self.client.description().unwrap_or_default()
    }

    /// The counts of a media that is set up; [`Client::stats`] has all that there are.
    pub fn media_stats(&self, media: usize) -> Option<TrackStats> {
        self.client.media_stats(media)
    }

    /// Counts of the time line of all medias: gaps, corrections, reports that were not believed.
    pub fn timeline_stats(&self) -> TimelineStats {
        self.client.timeline_stats()
    }

    /// The medias that are left out because the server has refused them, each with the reason.
    pub fn refused(&self) -> Vec<(usize, CommandError)> {
        self.client.refused()
    }

    /// Returns `true` if a media that should not be quiet has sent nothing for too long
    /// ([`ClientConfig::media_silence`](rtspan_core::client::ClientConfig::media_silence)), though the server is there.
    pub fn is_silent(&self, media: usize) -> bool {
        self.client.is_silent(media)
    }

    /// Packets of all medias that were dropped because they were not taken in time.
    pub fn dropped(&self) -> u64 {
        self.client.stats().tracks.iter().map(|track| track.dropped).sum()
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub async fn teardown(self) -> Result<Farewell, Error> {
        self.client.teardown().await
    }
}

/// As [`next`](Packets::next), but the client's own task reads the sockets, so a pause in polling does no harm. That costs a
/// little more for each packet.
impl<R: Runtime> Stream for Packets<R> {
    type Item = Result<Received, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let packets = self.get_mut();
        if let Some(received) = packets.try_next() {
            return Poll::Ready(Some(Ok(received)));
        }
        let shared = &packets.client.owner.0;
        shared.waiters.register(packets.place, cx);
        // It may have come since.
        let mut state = shared.state();
        shared.take_packets(&mut state, &mut packets.batch);
        match packets.batch.pop_front() {
            Some(received) => Poll::Ready(Some(Ok(received))),
            None => state.poll_end(),
        }
    }
}

/// A task that waits for a packet, and reads the sockets meanwhile.
struct Waiting<'a> {
    shared: &'a Shared,
    batch: &'a mut VecDeque<Received>,
    place: Place<'a>,
    has_baton: bool,
}

impl Waiting<'_> {
    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Received, Error>>> {
        let Self { shared, batch, .. } = self;
        let was_woken = std::mem::take(&mut self.has_baton) && shared.baton.give_back();
        let mut state = shared.state();
        shared.take_packets(&mut state, batch);
        if batch.is_empty() || was_woken {
            shared.receive(&mut state);
            shared.take_packets(&mut state, batch);
            if state.readers > 1 && state.core.has_packets() {
                shared.waiters.wake_all();
            }
        }
        if let Some(received) = batch.pop_front() {
            return Poll::Ready(Some(Ok(received)));
        }
        self.place.register(cx);
        self.has_baton = shared.take_baton(cx);
        state.poll_end()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let baton = &self.shared.baton;
        if self.has_baton && baton.give_back() {
            // Something has come, and nobody has looked at it.
            baton.driver.wake();
        }
    }
}

impl<R: Runtime> fmt::Debug for Packets<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets").field("client", &self.client).finish_non_exhaustive()
    }
}

impl<R: Runtime> Drop for Packets<R> {
    fn drop(&mut self) {
        let shared = &self.client.owner.0;
        shared.waiters.forget(self.place);
        let mut state = shared.state();
        state.readers -= 1;
        if !self.batch.is_empty() {
            state.core.return_packets(&mut self.batch);
            drop(state);
            // Another may wait for them.
            shared.waiters.wake_all();
        }
    }
}
