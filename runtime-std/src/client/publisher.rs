use std::fmt;
use std::task::{Context, Poll};

use rtspan_core::NtpTime;
use rtspan_core::client::{Farewell, SendError, TrackStats};
use rtspan_core::payload::UnsupportedFormat;
use rtspan_core::rtp::RtpPacket;

use super::{Client, Error, FramePublisher};
use crate::runtime::Runtime;

/// Sends the packets of a client that publishes, or those of the back channels of one that plays.
pub struct Publisher<R: Runtime>(Client<R>);

impl<R: Runtime> Publisher<R> {
    pub(super) fn new(client: Client<R>) -> Self {
        Self(client)
    }

    /// The client that sends, for example to take its events.
    pub fn client(&self) -> &Client<R> {
        &self.0
    }

    /// Takes frames from now on, in place of packets.
    ///
    /// # Errors
    ///
    /// A format of the description is used in a way that is not supported.
    pub fn frames(self) -> Result<FramePublisher<R>, UnsupportedFormat> {
        let writer = self.0.owner.0.state().core.frame_writer()?;
        Ok(FramePublisher::new(self, writer))
    }

    /// Writes one packet of a media, and waits while there is no room. It was not taken if the future is dropped before it is done.
    ///
    /// # Errors
    ///
    /// As [`write_frame`](Self::write_frame).
    pub async fn write(&self, media: usize, packet: RtpPacket) -> Result<(), Error> {
        self.write_frame(media, &[packet]).await
    }

    /// Writes the packets of one frame, and waits while there is no room. The first of them may have been taken if the future is
    /// dropped before it is done; [`try_write_frame`](Self::try_write_frame) says how many were.
    ///
    /// # Errors
    ///
    /// The media is not set up, or is one that the server sends, a packet is too long for its transport, there is no session at
    /// the moment ([`SendError::Reconnecting`]: live media may be left out), or the client is closed.
    pub async fn write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<(), Error> {
        self.write_all(media, packets, NtpTime::default()).await
    }

    /// Writes one packet of a media that belongs to the wall clock time `ntp`, and waits while there is no room.
    ///
    /// For a source with a clock of its own, such as a camera that is passed on: sender reports of all medias tell that clock
    /// from then on. A time of zero, which a source without a clock gives, is left out.
    ///
    /// # Errors
    ///
    /// As [`write_frame`](Self::write_frame).
    pub async fn write_with_ntp(&self, media: usize, packet: RtpPacket, ntp: NtpTime) -> Result<(), Error> {
        self.write_all(media, &[packet], ntp).await
    }

    /// Writes as many packets of one frame as there is room for, and says how many.
    ///
    /// # Errors
    ///
    /// The media is not set up, a packet is too long for its transport, there is no session at the moment
    /// ([`SendError::Reconnecting`]: live media may be left out), or the client is closed.
    pub fn try_write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<usize, Error> {
        let mut rest = packets;
        match self.append(media, &mut rest, NtpTime::default()) {
            Ok(()) | Err(Error::Send(SendError::Full | SendError::Pausing)) => Ok(packets.len() - rest.len()),
            Err(error) => Err(error),
        }
    }

    /// The counts of a media; [`Client::stats`] has all that there are.
    pub fn media_stats(&self, media: usize) -> Option<TrackStats> {
        self.0.media_stats(media)
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub async fn teardown(self) -> Result<Farewell, Error> {
        self.0.teardown().await
    }

    /// Hands packets on that belong to a wall clock time, if that is not zero, and waits while there is no room.
    pub(super) async fn write_all(
        &self,
        media: usize,
        packets: &[RtpPacket],
        ntp: NtpTime,
    ) -> Result<(), Error> {
        let mut rest = packets;
        let look = |_: &mut Context<'_>| match self.append(media, &mut rest, ntp) {
            // The answer to a PAUSE is news that wakes as room does.
            Err(Error::Send(SendError::Full | SendError::Pausing)) => Poll::Pending,
            written => Poll::Ready(written),
        };
        self.0.owner.0.waiters.wait(look).await
    }

    /// Hands packets on, and takes those off `rest` that were taken.
    fn append(&self, media: usize, rest: &mut &[RtpPacket], ntp: NtpTime) -> Result<(), Error> {
        let shared = &self.0.owner.0;
        let mut state = shared.state();
        let now = shared.clock.now();
        let appended = loop {
            let Some((packet, behind)) = rest.split_first() else { break Ok(()) };
            match state.core.send_with_ntp(now, media, packet, ntp) {
                Ok(()) => *rest = behind,
                Err(SendError::Full) => {
                    state.starved = true;
                    break Err(SendError::Full.into());
                }
                Err(SendError::State(_)) if state.is_over() => break Err(state.closed_error()),
                Err(error) => break Err(error.into()),
            }
        };
        drop(state);
        shared.baton.driver.wake();
        appended
    }
}

impl<R: Runtime> fmt::Debug for Publisher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Publisher").field(&self.0).finish()
    }
}
