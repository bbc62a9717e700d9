use rtspan_core::frame::Frame;

use super::{FileSource, SourceError};

/// How long a frame lasts that is the only one, in nanoseconds.
const ALONE: i64 = 1_000_000_000;

/// A file that begins again behind its end, without a jump in time.
#[derive(Debug)]
pub struct Looped {
    source: FileSource,
    /// The first time of all medias, in the file.
    start: Option<i64>,
    /// The time at which the last frame of all medias ends, in the file.
    end: i64,
    /// How much later than in the file frames are now.
    offset: i64,
    /// The time of the last frame of each media.
    last: Vec<Option<i64>>,
    /// Frames have come since it began, or began again.
    has_frames: bool,
}

impl Looped {
    /// A file from where it stands.
    pub fn new(source: FileSource) -> Self {
        let last = vec![None; source.description().medias.len()];
        Self { source, start: None, end: i64::MIN, offset: 0, last, has_frames: false }
    }

    /// The file.
    pub fn source(&self) -> &FileSource {
        &self.source
    }

    /// The next frame; `None` if there is none in the file at all.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is a pipe that has ended.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        loop {
            if let Some(mut frame) = self.source.next()? {
                self.learn(&frame);
                frame.time.pts += self.offset;
                frame.dts += self.offset;
                return Ok(Some(frame));
            }
            let Some(start) = self.start.filter(|_| self.has_frames) else { return Ok(None) };
            self.source.seek(i64::MIN)?;
            self.offset += if self.end > start { self.end - start } else { ALONE };
            self.has_frames = false;
            self.last.fill(None);
        }
    }

    /// The next frame up to the end of the file.
    pub(super) fn next_once(&mut self) -> Result<Option<Frame>, SourceError> {
        self.source.next()
    }

    fn learn(&mut self, frame: &Frame) {
        let (pts, dts) = (frame.time.pts, frame.dts);
        self.has_frames = true;
        self.start = Some(self.start.map_or(pts, |start| start.min(pts)));
        let before = self.last.get_mut(frame.media).and_then(|last| last.replace(dts));
        // A frame lasts as long as the one before it.
        let lasts = before.map_or(0, |before| dts - before);
        self.end = self.end.max(pts + lasts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_is_the_only_one_comes_each_second() {
        let path = std::env::temp_dir().join(format!("rtspan-{}-one.xml", std::process::id()));
        std::fs::write(&path, "<MetadataStream></MetadataStream>").unwrap();
        let mut looped = Looped::new(FileSource::open(&path, 25.0).unwrap());
        std::fs::remove_file(&path).unwrap();
        let times: Vec<i64> = (0..3).map(|_| looped.next().unwrap().unwrap().time.pts).collect();
        assert_eq!(times, [0, ALONE, 2 * ALONE]);
    }
}
