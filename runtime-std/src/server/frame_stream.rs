use std::fmt;

use rtspan_core::frame::{Frame, FrameWriter};
use rtspan_core::rtp::RtpPacket;

use super::{ServerStream, WriteError};

/// Writes the frames of a stream that the application publishes; the stream ends when this is dropped.
///
/// SSRCs, sequence numbers and timestamps are its own; the timestamps follow the presentation times of the frames. Writing
/// never waits.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (sps, pps, picture): (&[u8], &[u8], bytes::Bytes) = (&[], &[], bytes::Bytes::new());
/// use rtspan_std::frame::Frame;
/// use rtspan_std::payload::Parts;
/// use rtspan_std::{Description, Format, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("0.0.0.0:8554")?;
/// let video = Media::new(MediaKind::Video, vec![Format::h264(96, sps, pps)]);
/// let mut frames = server.publish("/cam1", Description::new(vec![video]))?.into_frames()?;
/// // A picture as an encoder gives it, at 40 ms.
/// frames.write(&Frame::new(0, 40_000_000, Parts::from_annex_b(&picture)))?;
/// # Ok(())
/// # }
/// ```
pub struct FrameStream {
    stream: ServerStream,
    writer: FrameWriter,
    /// The packets of a frame.
    packets: Vec<RtpPacket>,
}

impl FrameStream {
    pub(super) fn new(stream: ServerStream, writer: FrameWriter) -> Self {
        Self { stream, writer, packets: Vec::new() }
    }

    /// The stream: for all else.
    pub fn stream(&self) -> &ServerStream {
        &self.stream
    }

    /// Writes a frame, and wakes the readers once.
    ///
    /// A frame with a wall clock time has sender reports tell that clock from then on.
    ///
    /// # Errors
    ///
    /// The frame has no place in the description or cannot be sent, or the stream is closed.
    pub fn write(&mut self, frame: &Frame) -> Result<(), WriteError> {
        let packets = &mut self.packets;
        packets.clear();
        self.writer.write(frame, |packet| packets.push(packet))?;
        let ntp = frame.time.reported_ntp().unwrap_or_default();
        self.stream.append(frame.media, packets.iter().cloned(), ntp)
    }
}

impl fmt::Debug for FrameStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}
