use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use rtspan_core::frame::{Frame, FrameReader};
use rtspan_examples::mp4::Mp4Error;
use rtspan_examples::recorder::{FileKind, RecordError, Recorder, TsWriter};
use rtspan_std::{Codec, Description, Received};

use crate::Failure;
use crate::args::Target;

/// The path that stands for standard output.
const STDOUT: &str = "-";

/// A file that is being written from what is played.
pub(crate) struct Recording {
    path: PathBuf,
    reader: FrameReader,
    out: Out,
    medias: Vec<usize>,
    /// The media whose keyframe begins the file, and a description of what its decoder has to know and nobody has told.
    picture: Option<usize>,
    missing: Option<String>,
    has_keyframe: bool,
}

enum Out {
    File(Recorder<BufWriter<File>>),
    /// MPEG-TS on standard output.
    Pipe(TsWriter<Stdout>),
}

impl Recording {
    /// Begins a file of the medias that its kind can hold, as the end of its name tells; `-` stands for MPEG-TS on standard output.
    pub(crate) fn create(
        path: &Path,
        url: &Target,
        description: &Description,
        playing: &[usize],
    ) -> Result<Self, Failure> {
        let is_pipe = is_stdout(path);
        let kind = match FileKind::of(path) {
            _ if is_pipe => FileKind::Ts,
            Some(kind) if kind.is_written() => kind,
            // Such as /dev/null.
            None if path.extension().is_none() => FileKind::H264,
            _ => return Err(Failure::UnknownFile { path: path.into() }),
        };
        let mut medias = kind.medias(description);
        medias.retain(|media| playing.contains(media));
        if medias.is_empty() {
            return Err(Failure::NothingToWrite { url: url.clone(), path: path.into() });
        }
        let out = if is_pipe {
            Out::Pipe(TsWriter::new(io::stdout(), medias.clone()))
        } else {
            let file =
                File::create(path).map_err(|source| Failure::WriteFile { path: path.into(), source })?;
            Out::File(Recorder::new(kind, BufWriter::new(file), medias.clone()))
        };
        let mut reader = FrameReader::new(description);
        reader.set_form(kind.form());
        let is_picture = |media: &usize| {
            let format = description.medias[*media].formats.first();
            format.is_some_and(|format| matches!(format.codec, Codec::H264(_) | Codec::H265(_)))
        };
        let picture = medias.iter().copied().find(is_picture);
        Ok(Self { path: path.into(), reader, out, medias, picture, missing: None, has_keyframe: false })
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
        let frames = match self.out {
            Out::File(file) => file.finish(),
            Out::Pipe(mut file) => file.flush().map(|()| file.frames()),
        };
        let frames = match frames {
            Err(RecordError::Mp4(Mp4Error::NoTrack(_))) => 0,
            frames => frames.map_err(|source| failed(&self.path, source))?,
        };
        if frames > 0 && (self.has_keyframe || self.picture.is_none()) {
            return Ok(frames);
        }
        Err(match self.missing {
            Some(missing) => Failure::NoParameterSets { url: url.clone(), missing },
            None => Failure::NoKeyframe { url: url.clone(), path: self.path },
        })
    }

    fn write_ready(&mut self) -> Result<(), Failure> {
        while let Some(frame) = self.reader.poll() {
            self.learn(&frame);
            let written = match &mut self.out {
                Out::File(file) => file.write(frame),
                Out::Pipe(file) => file.write(&frame).and_then(|()| Ok(io::stdout().flush()?)),
            };
            written.map_err(|source| failed(&self.path, source))?;
        }
        Ok(())
    }

    /// Learns if a decoder can begin.
    fn learn(&mut self, frame: &Frame) {
        if self.picture != Some(frame.media) {
            return;
        }
        if let Some(parameters) = &frame.new_parameters {
            let sets = match &parameters.format.codec {
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

/// Returns `true` if a path stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new(STDOUT)
}

fn failed(path: &Path, error: RecordError) -> Failure {
    let path = path.to_owned();
    match error {
        RecordError::Write(source) => Failure::WriteFile { path, source },
        error => Failure::Record { path, source: Box::new(error) },
    }
}

#[cfg(test)]
mod tests;
