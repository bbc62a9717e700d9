use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rtspan_core::frame::{Frame, FrameReader};
use rtspan_examples::mp4::Mp4Error;
use rtspan_examples::recorder::{FileKind, RecordError, Recorder};
use rtspan_std::{Codec, Description, Received};

use crate::Failure;
use crate::args::{OutArgs, Target};
use crate::sink::{self, Sink, is_standard};

/// A file that is being written from what is played.
pub(crate) struct Recording {
    path: PathBuf,
    reader: FrameReader,
    recorder: Recorder<Sink>,
    medias: Vec<usize>,
    /// The media whose keyframe begins the file, and a description of what its decoder has to know and nobody has told.
    picture: Option<usize>,
    missing: Option<String>,
    has_keyframe: bool,
}

impl Recording {
    /// Begins a file of the medias that its kind can hold: the one that is given, or that of the end of its name. `-` stands for
    /// standard output, and MPEG-TS unless another kind is given.
    pub(crate) fn create(
        out: &OutArgs,
        path: &Path,
        url: &Target,
        description: &Description,
        playing: &[usize],
    ) -> Result<Self, Failure> {
        let kind = match FileKind::of(path) {
            _ if out.format.is_some() => out.format,
            _ if is_standard(path) => Some(FileKind::Ts),
            Some(kind) => Some(kind).filter(|kind| kind.is_written()),
            // Such as /dev/null.
            None => path.extension().is_none().then_some(FileKind::H264),
        };
        let kind = kind.ok_or_else(|| Failure::UnknownFile { path: path.into() })?;
        let mut medias = kind.medias(description);
        medias.retain(|media| playing.contains(media));
        if medias.is_empty() {
            return Err(Failure::NothingToWrite { url: url.clone(), path: path.into() });
        }
        let sink = Sink::create(path, "a stream", out.force)?;
        let recorder = Recorder::new(kind, sink, medias.clone());
        let mut reader = FrameReader::new(description);
        reader.set_form(kind.form());
        let is_picture = |media: &usize| {
            let format = description.medias[*media].formats.first();
            format.is_some_and(|format| matches!(format.codec(), Codec::H264(_) | Codec::H265(_)))
        };
        let picture = medias.iter().copied().find(is_picture);
        Ok(Self { path: path.into(), reader, recorder, medias, picture, missing: None, has_keyframe: false })
    }

    /// The medias that are left out, since the kind of the file cannot hold them.
    pub(crate) fn left_out(&self, playing: &[usize]) -> Vec<usize> {
        playing.iter().copied().filter(|media| !self.medias.contains(media)).collect()
    }

    /// Writes the frames that a packet completes.
    pub(crate) fn take(&mut self, received: &Received) -> Result<(), Failure> {
        // A packet that cannot be read costs one frame.
        let _ = self.reader.push(received);
        self.write_ready()
    }

    /// Ends the file, and says how many frames are in it.
    pub(crate) fn finish(mut self, url: &Target) -> Result<u64, Failure> {
        self.reader.flush();
        self.write_ready()?;
        let frames = match self.recorder.finish() {
            Err(RecordError::Mp4(Mp4Error::NoTrack(_))) => 0,
            frames => frames.map_err(|source| failed(&self.path, source))?,
        };
        if is_standard(&self.path) {
            io::stdout().flush().map_err(|source| sink::failed(&self.path, source))?;
        }
        if frames > 0 && (self.has_keyframe || self.picture.is_none()) {
            return Ok(frames);
        }
        Err(match self.missing {
            Some(missing) => Failure::NoParameterSets { url: url.clone(), missing },
            None => Failure::NoKeyframe { url: url.clone(), path: self.path },
        })
    }

    fn write_ready(&mut self) -> Result<(), Failure> {
        let mut has_written = false;
        while let Some(frame) = self.reader.poll() {
            self.learn(&frame);
            self.recorder.write(frame).map_err(|source| failed(&self.path, source))?;
            has_written = true;
        }
        // A reader of the pipe wants each frame as it comes.
        if has_written && is_standard(&self.path) {
            io::stdout().flush().map_err(|source| sink::failed(&self.path, source))?;
        }
        Ok(())
    }

    /// Learns if a decoder can begin.
    fn learn(&mut self, frame: &Frame) {
        if self.picture != Some(frame.media) {
            return;
        }
        if let Some(parameters) = &frame.new_parameters {
            let sets = match parameters.format.codec() {
                Codec::H264(h264) => vec![("SPS", h264.sps.is_none()), ("PPS", h264.pps.is_none())],
                Codec::H265(h265) => {
                    vec![
                        ("VPS", h265.vps.is_none()),
                        ("SPS", h265.sps.is_none()),
                        ("PPS", h265.pps.is_none()),
                    ]
                }
                _ => Vec::new(),
            };
            let missing: Vec<&str> =
                sets.into_iter().filter(|(_, is_missing)| *is_missing).map(|(name, _)| name).collect();
            self.missing = (!missing.is_empty()).then(|| missing.join(" and no "));
        }
        self.has_keyframe |= frame.is_keyframe && self.missing.is_none();
    }
}

fn failed(path: &Path, error: RecordError) -> Failure {
    match error {
        RecordError::Write(source) | RecordError::Mp4(Mp4Error::Write(source)) => sink::failed(path, source),
        error => Failure::Record { path: path.into(), source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests;
