use std::time::Duration;

use rtspan_core::description::Description;
use rtspan_core::frame::{Frame, FrameWriter};

use super::{FileSource, Looped, SourceError};
use crate::clip;

/// The frames of a file as packets, each when it is due.
#[derive(Debug)]
pub struct Packets {
    source: Looped,
    repeats: bool,
    writer: FrameWriter,
    /// The decoding time of the first frame.
    start: Option<i64>,
}

impl Packets {
    /// The packets of a file, with SSRCs, sequence numbers and timestamps from `seed`; it begins again behind its end if it
    /// `repeats`. They fit the profiles of `description`, which is that of the file otherwise.
    ///
    /// # Errors
    ///
    /// A format in it is used in a way that is not supported.
    pub fn new(
        source: FileSource,
        description: &Description,
        repeats: bool,
        seed: [u8; 32],
    ) -> Result<Self, SourceError> {
        let writer = FrameWriter::new(description, seed)?;
        Ok(Self { source: Looped::new(source), repeats, writer, start: None })
    }

    /// The SSRCs of each media.
    pub fn ssrcs(&self) -> impl Iterator<Item = (usize, u32)> {
        self.writer.ssrcs()
    }

    fn read(&mut self) -> Result<Option<Frame>, SourceError> {
        if self.repeats { self.source.next() } else { self.source.next_once() }
    }
}

impl Iterator for Packets {
    type Item = Result<clip::Frame, SourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let frame = match self.read() {
            Ok(frame) => frame?,
            Err(error) => return Some(Err(error)),
        };
        let start = *self.start.get_or_insert(frame.dts);
        let mut packets = Vec::new();
        // A part of a frame that no packet can carry is left out.
        let _ = self.writer.write(&frame, |packet| packets.push(packet));
        let due = Duration::from_nanos(u64::try_from(frame.dts - start).unwrap_or_default());
        Some(Ok(clip::Frame { media: frame.media, due, pts: frame.time.pts - start, packets }))
    }
}
