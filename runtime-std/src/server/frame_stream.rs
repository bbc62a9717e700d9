use std::fmt;

use rtspan_core::frame::{Frame, FrameWriter};
use rtspan_core::rtp::RtpPacket;

use super::{ServerStream, WriteError};

/// Writes the frames of a stream that the application publishes; the stream ends when this is dropped.
///
/// SSRCs, sequence numbers and timestamps are its own; the timestamps follow the presentation times of the frames. Writing
/// never waits.
///
/// ```
/// use bytes::Bytes;
/// use rtspan_std::payload::Parts;
/// use rtspan_std::{Description, Format, Frame, Media, MediaKind, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let video = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=1");
/// let description = Description::new(vec![Media::new(MediaKind::Video, vec![video])]);
/// let mut frames = server.publish("/cam1", description)?.into_frames()?;
/// // A picture as an encoder gives it, at 40 ms: NAL units behind start codes.
/// let picture = Bytes::from_static(&[0, 0, 0, 1, 0x65, 0x88, 0x80]);
/// frames.write(&Frame::new(0, 40_000_000, Parts::from_annex_b(&picture)))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
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
