use std::io::Write;

use rtspan_core::Codec;
use rtspan_core::frame::Frame;

use super::RecordError;

/// Writes the frames of one media one behind the other, as they are, from the first on at which decoding can begin. They have to be
/// in [`Form::ByteStream`](rtspan_core::frame::Form::ByteStream).
#[derive(Debug)]
pub struct StreamWriter<W> {
    out: W,
    /// All that a decoder has to know has been told.
    is_known: bool,
    frames: u64,
    /// Frames behind these are left out.
    frames_max: u64,
}

impl<W: Write> StreamWriter<W> {
    /// An empty file.
    pub fn new(out: W) -> Self {
        Self { out, is_known: false, frames: 0, frames_max: u64::MAX }
    }

    /// An empty file that takes one frame only.
    pub fn one(out: W) -> Self {
        Self { frames_max: 1, ..Self::new(out) }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn write(&mut self, frame: &Frame) -> Result<(), RecordError> {
        if let Some(parameters) = &frame.new_parameters {
            self.is_known = match parameters.format.codec() {
                Codec::H264(h264) => h264.parameter_sets().is_some(),
                Codec::H265(h265) => h265.parameter_sets().is_some(),
                _ => true,
            };
        }
        let may_begin = frame.is_keyframe && self.is_known;
        if (self.frames == 0 && !may_begin) || self.frames == self.frames_max {
            return Ok(());
        }
        for part in &frame.data {
            self.out.write_all(part)?;
        }
        self.frames += 1;
        Ok(())
    }

    /// Frames that the file holds.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Ends the file, and gives back the number of its frames.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(mut self) -> Result<u64, RecordError> {
        self.out.flush()?;
        Ok(self.frames)
    }
}

#[cfg(test)]
mod tests {
    use rtspan_core::Format;
    use rtspan_core::payload::ParameterWatch;

    use super::*;

    #[test]
    fn a_file_of_one_picture_takes_the_first() {
        let picture = |bytes: &[u8]| {
            let mut frame = Frame::new(0, 0, bytes.to_vec());
            frame.is_keyframe = true;
            frame.new_parameters = Some(Box::new(ParameterWatch::new(&Format::jpeg()).parameters()));
            frame
        };
        for (is_one, written) in [(true, &b"first"[..]), (false, b"firstsecond")] {
            let mut bytes = Vec::new();
            let mut file = if is_one { StreamWriter::one(&mut bytes) } else { StreamWriter::new(&mut bytes) };
            file.write(&picture(b"first")).unwrap();
            file.write(&picture(b"second")).unwrap();
            assert_eq!(file.finish().unwrap(), if is_one { 1 } else { 2 });
            assert_eq!(bytes, written);
        }
    }
}
