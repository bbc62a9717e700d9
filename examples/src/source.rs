//! Files that frames are read from, of a kind that the end of their name tells: what [`recorder`](crate::recorder) writes, and what
//! other programs do.
//!
//! Frames are read one after the other as they are asked for. A file is never in memory as a whole, and a source has no more
//! state than one reader needs: its place in the file, and of MP4 the tables of the samples.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rtspan_core::frame::Frame;
use rtspan_core::payload::UnsupportedFormat;
use rtspan_core::{Description, Format, Media, MediaKind};

use crate::recorder::FileKind;

mod byte_stream;
mod documents;
mod entry;
mod framed;
mod input;
mod looped;
mod mkv;
mod mp4;
pub(crate) mod nal;
mod ogg;
mod packets;
mod sound;
mod ts;
mod wav;

pub use looped::Looped;
pub use packets::Packets;

use input::Input;
use nal::Syntax;

/// Payload types from here on have no fixed meaning (RFC 3551, section 3).
const FIRST_PAYLOAD_TYPE: u8 = 96;
/// Bytes of a frame that is read.
const FRAME_BYTES_MAX: usize = 64 << 20;
const NANOS: i128 = 1_000_000_000;
/// Bytes at the beginning of a pipe that tell its kind.
const SNIFFED_BYTES: u64 = 377;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The system gives no more of it.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// The end of its name stands for nothing that can be read.
    #[error("its name ends in none of {}", FileKind::ends().map(|end| format!(".{end}")).collect::<Vec<_>>().join(", "))]
    UnknownKind,
    /// It is not what its name says, or is broken.
    #[error("it is no {kind}, or broken: {reason}")]
    Malformed {
        /// The kind that it should be.
        kind: &'static str,
        /// The kind that was found.
        reason: String,
    },
    /// Nothing in it can be sent over RTP; what is in it.
    #[error("nothing in it can be sent{}", found(.0))]
    Nothing(Vec<String>),
    /// A format in it is used in a way that is not supported.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedFormat),
    /// The segment of a recording has another format than those before it.
    #[error("{} was recorded in another format than what is played", .0.display())]
    FormatChanged(PathBuf),
    /// This kind cannot be read through a pipe.
    #[error(
        "{0} cannot be read through a pipe, since it is not read from its beginning to its end; send MPEG-TS (-f mpegts of \
         ffmpeg), or write a file first"
    )]
    NotFromPipe(&'static str),
    /// The first bytes of a pipe are those of no kind that is known.
    #[error("what comes through the pipe is of no kind that is known; say which by --format")]
    UnknownPipe,
    /// A pipe has no earlier or later places.
    #[error("a pipe can only be read from its beginning to its end")]
    Pipe,
}

fn found(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(": it has {}", names.join(", ")) }
}

/// The medias of a file, and its reader.
struct Opened {
    medias: Vec<Media>,
    /// The tracks that cannot be sent.
    left_out: Vec<String>,
    demuxer: Box<dyn Demuxer>,
}

/// A reader of one kind of file.
trait Demuxer: Debug + Send {
    /// The next frame, in the order in which they are decoded.
    fn next(&mut self) -> Result<Option<Frame>, SourceError>;

    /// Goes to the last keyframe at or before a time, so that it is the next picture; without pictures, to the sound there.
    fn seek(&mut self, to: i64) -> Result<(), SourceError>;
}

/// A file that frames are read from.
#[derive(Debug)]
pub struct FileSource {
    description: Description,
    left_out: Vec<String>,
    demuxer: Box<dyn Demuxer>,
}

impl FileSource {
    /// Opens a file of a kind that the end of its name tells: without an end it is H.264. `pictures_per_second` is for files that
    /// tell no times.
    ///
    /// # Errors
    ///
    /// It cannot be read, or nothing in it can be sent.
    pub fn open(path: &Path, pictures_per_second: f64) -> Result<Self, SourceError> {
        let kind = match FileKind::of(path) {
            Some(kind) => kind,
            None if path.extension().is_none() => FileKind::H264,
            None => return Err(SourceError::UnknownKind),
        };
        Self::open_as(path, kind, pictures_per_second)
    }

    /// Opens a file of this kind, with any name.
    ///
    /// # Errors
    ///
    /// It cannot be read, or nothing in it can be sent.
    pub fn open_as(path: &Path, kind: FileKind, pictures_per_second: f64) -> Result<Self, SourceError> {
        let file = File::open(path)?;
        match kind {
            FileKind::Mp4 => Self::new(mp4::open(file)?),
            FileKind::Mkv => Self::new(mkv::open(file)?),
            FileKind::Ogg => Self::new(ogg::open(file)?),
            FileKind::Xml => Self::new(documents::open(file)?),
            kind => Self::streamed(Input::from(file), kind, pictures_per_second),
        }
    }

    /// Reads what comes through a pipe, such as standard input. Its kind is told by its first bytes if it is not given. MP4,
    /// Matroska and Ogg are not read at one place after the other, so that there have to be files of them.
    ///
    /// # Errors
    ///
    /// It cannot be read, or nothing in it can be sent.
    pub fn from_pipe(
        from: impl Read + Send + 'static,
        kind: Option<FileKind>,
        pictures_per_second: f64,
    ) -> Result<Self, SourceError> {
        let mut input = Input::pipe(from);
        let kind = match kind {
            Some(kind) => kind,
            None => FileKind::beginning_with(&input.peek(SNIFFED_BYTES)?).ok_or(SourceError::UnknownPipe)?,
        };
        Self::streamed(input, kind, pictures_per_second)
    }

    /// Reads a kind that has one frame behind the other.
    fn streamed(input: Input, kind: FileKind, rate: f64) -> Result<Self, SourceError> {
        Self::new(match kind {
            FileKind::Ts => ts::open(input)?,
            FileKind::H264 => byte_stream::open(input, Some(Syntax::H264), rate)?,
            FileKind::H265 => byte_stream::open(input, Some(Syntax::H265), rate)?,
            FileKind::Jpeg | FileKind::Mjpeg => byte_stream::open(input, None, rate)?,
            FileKind::Aac => sound::open(input, framed::Framing::Adts)?,
            FileKind::Mp3 => sound::open(input, framed::Framing::MpegAudio)?,
            FileKind::Wav => wav::open(input)?,
            FileKind::Mp4 | FileKind::Mkv | FileKind::Ogg | FileKind::Xml => {
                return Err(SourceError::NotFromPipe(kind.end()));
            }
        })
    }

    /// Opens a segment of a recording: a fragmented MP4 file, whose times are those of the wall clock, in nanoseconds since 1970.
    /// `zero` is time zero of the file, where nothing in it tells. Keyframes have their parameter sets in front.
    pub(crate) fn recorded(path: &Path, zero: i64) -> Result<Self, SourceError> {
        Self::new(mp4::open_recorded(File::open(path)?, zero)?)
    }

    fn new(opened: Opened) -> Result<Self, SourceError> {
        let Opened { medias, left_out, demuxer } = opened;
        if medias.is_empty() {
            return Err(SourceError::Nothing(left_out));
        }
        let mut description = Description::new(medias);
        description.title = "rtspan".to_owned();
        Ok(Self { description, left_out, demuxer })
    }

    /// The description that announces it.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The names of what is in the file and cannot be sent.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The next frame in the order in which they are decoded, in [`Form::Parts`](rtspan_core::frame::Form::Parts); `None` at the
    /// end.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is broken.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        self.demuxer.next()
    }

    /// The presentation times in nanoseconds at which the first frame begins and the last one ends. It goes back to the beginning.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is broken, or is a pipe.
    pub fn span(&mut self) -> Result<(i64, i64), SourceError> {
        self.seek(i64::MIN)?;
        let first = self.next()?.map_or(0, |frame| frame.time.pts);
        self.seek(i64::MAX)?;
        let (mut end, mut last) = (first, vec![None; self.description.medias.len()]);
        while let Some(frame) = self.next()? {
            let before = last.get_mut(frame.media).and_then(|last| last.replace(frame.dts));
            // A frame lasts as long as the one before it.
            end = end.max(frame.time.pts + before.map_or(0, |before| frame.dts - before));
        }
        self.seek(i64::MIN)?;
        Ok((first, end))
    }

    /// Goes to the last keyframe at or before a presentation time in nanoseconds, so that it is the next picture.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is broken, or is a pipe.
    pub fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        self.demuxer.seek(to)
    }
}

/// A media of one format.
fn media(kind: MediaKind, format: Format) -> Media {
    Media::new(kind, vec![format])
}

/// The payload type of a media.
fn payload_type(media: usize) -> u8 {
    u8::try_from(media).unwrap_or(u8::MAX).saturating_add(FIRST_PAYLOAD_TYPE).min(127)
}

/// A frame of a file.
fn frame(
    media: usize,
    (pts, dts): (i64, i64),
    is_keyframe: bool,
    data: rtspan_core::payload::Parts,
) -> Frame {
    let mut frame = Frame::new(media, pts, data);
    (frame.dts, frame.is_keyframe) = (dts, is_keyframe);
    frame
}

/// Units of a clock in nanoseconds, to the nearest.
fn nanos(units: i64, clock: u32) -> i64 {
    let clock = i128::from(clock.max(1));
    i64::try_from((i128::from(units) * NANOS + clock / 2).div_euclid(clock)).unwrap_or(i64::MAX)
}
