use std::fmt;

use rtspan_core::client::Farewell;
use rtspan_core::frame::{Frame, FrameWriter};
use rtspan_core::rtp::RtpPacket;

use super::{Client, Error, Publisher};
use crate::runtime::Runtime;

/// Sends the frames of a client that publishes, or those of the back channels of one that plays.
///
/// SSRCs, sequence numbers and timestamps are its own; the timestamps follow the presentation times of the frames.
pub struct FramePublisher<R: Runtime> {
    publisher: Publisher<R>,
    writer: FrameWriter,
    /// The packets of a frame.
    packets: Vec<RtpPacket>,
}

impl<R: Runtime> FramePublisher<R> {
    pub(super) fn new(publisher: Publisher<R>, writer: FrameWriter) -> Self {
        Self { publisher, writer, packets: Vec::new() }
    }

    /// The client that sends, for example to take its events.
    pub fn client(&self) -> &Client<R> {
        self.publisher.client()
    }

    /// Writes a frame, and waits while there is no room. The time at which it is due is up to the caller.
    ///
    /// A frame with a wall clock time has sender reports tell that clock from then on.
    ///
    /// # Errors
    ///
    /// The frame has no place in the description or cannot be sent ([`Error::Frame`]), there is no session at the moment
    /// ([`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting): live media may be left out), or the
    /// client is closed.
    pub async fn write(&mut self, frame: &Frame) -> Result<(), Error> {
        let packets = &mut self.packets;
        packets.clear();
        self.writer.write(frame, |packet| packets.push(packet))?;
        let ntp = frame.time.reported_ntp().unwrap_or_default();
        self.publisher.write_all(frame.media, packets, ntp).await
    }

    /// Ends the session and closes the client (TEARDOWN), and tells if the server has received it.
    ///
    /// # Errors
    ///
    /// The client was closed before.
    pub async fn teardown(self) -> Result<Farewell, Error> {
        self.publisher.teardown().await
    }
}

impl<R: Runtime> fmt::Debug for FramePublisher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FramePublisher").field("publisher", &self.publisher).finish_non_exhaustive()
    }
}
