use rtspan_core::NtpTime;
use rtspan_core::client::{Farewell, TrackStats};
use rtspan_core::payload::UnsupportedFormat;
use rtspan_core::rtp::RtpPacket;

use super::{Client, FramePublisher};
use crate::client::{self, Error};
use crate::threads::{Threads, block_on};

/// Sends the packets of a client that publishes, or those of the back channels of one that plays.
///
/// ```
/// use rtspan_std::{Client, Description, Event, Format, Media, MediaKind, RtpHeader, RtpPacket, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?; // it takes whoever publishes
/// let url = format!("rtsp://{}/live", server.local_addr());
/// let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
/// let publisher = Client::builder(&url)?.publish(Description::new(vec![sound]))?;
/// let header = RtpHeader { payload_type: 0, marker: false, sequence: 1, timestamp: 0, ssrc: 7 };
/// publisher.write(0, RtpPacket::build(header, b"sound"))?; // waits while there is no room
/// publisher.teardown()?;
///
/// let published = std::iter::from_fn(|| server.next()).find(|event| matches!(event, Event::Published { .. }));
/// assert!(published.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Publisher(pub(super) client::Publisher<Threads>);

impl Publisher {
    /// The client that publishes: for its events, and all else.
    pub fn client(&self) -> Client {
        Client(self.0.client().clone())
    }

    /// Takes frames from now on, in place of packets.
    ///
    /// # Errors
    ///
    /// A format of the description is used in a way that is not supported.
    pub fn frames(self) -> Result<FramePublisher, UnsupportedFormat> {
        self.0.frames().map(FramePublisher)
    }

    /// Writes one packet of a media, and waits while there is no room.
    ///
    /// # Errors
    ///
    /// As [`write_frame`](Self::write_frame).
    pub fn write(&self, media: usize, packet: RtpPacket) -> Result<(), Error> {
        block_on(self.0.write(media, packet))
    }

    /// Writes the packets of one frame, and waits while there is no room.
    ///
    /// # Errors
    ///
    /// The media is not set up, a packet is too long for its transport, there is no session at the moment
    /// ([`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting): live media may be left out), or the
    /// client is closed.
    pub fn write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<(), Error> {
        block_on(self.0.write_frame(media, packets))
    }

    /// Writes one packet of a media that belongs to the wall clock time `ntp`, and waits while there is no room.
    ///
    /// For a source with a clock of its own, such as a camera that is passed on: sender reports of all medias tell that clock
    /// from then on. A time of zero, which a source without a clock gives, is left out.
    ///
    /// # Errors
    ///
    /// As [`write_frame`](Self::write_frame).
    pub fn write_with_ntp(&self, media: usize, packet: RtpPacket, ntp: NtpTime) -> Result<(), Error> {
        block_on(self.0.write_with_ntp(media, packet, ntp))
    }

    /// Writes as many packets of one frame as there is room for, and says how many.
    ///
    /// # Errors
    ///
    /// The media is not set up, a packet is too long for its transport, there is no session at the moment
    /// ([`SendError::Reconnecting`](rtspan_core::client::SendError::Reconnecting): live media may be left out), or the
    /// client is closed.
    pub fn try_write_frame(&self, media: usize, packets: &[RtpPacket]) -> Result<usize, Error> {
        self.0.try_write_frame(media, packets)
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
    pub fn teardown(self) -> Result<Farewell, Error> {
        block_on(self.0.teardown())
    }
}
