//! Files that frames are written to, of a kind that the end of their name tells.

use std::io::{self, Seek, Write};
use std::path::Path;

use rtspan_core::description::MetadataCoding;
use rtspan_core::frame::{Form, Frame};
use rtspan_core::payload::document::UnpackError;
use rtspan_core::{Codec, Description, Format};

use crate::mp4::{self, Mp4Error, Mp4Writer};

mod documents;
mod ogg;
mod stream;
mod ts;
mod wav;

pub use documents::DocumentWriter;
pub use ogg::OggWriter;
pub use stream::StreamWriter;
pub use ts::TsWriter;
pub use wav::WavWriter;

/// The kind of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FileKind {
    /// Fragmented MP4: H.264, H.265, AV1, VP8, VP9, MPEG-1, MPEG-2 and MPEG-4 Part 2 video, Motion JPEG, AAC, Opus, Vorbis, MPEG
    /// audio, AC-3, E-AC-3, G.711, and linear samples of 8, 16 and 24 bits.
    Mp4,
    /// MPEG-TS: H.264, H.265, AAC, MPEG audio, AC-3, E-AC-3.
    Ts,
    /// H.264 with start codes (annex B).
    H264,
    /// H.265 with start codes (annex B).
    H265,
    /// AAC with ADTS headers.
    Aac,
    /// MPEG audio.
    Mp3,
    /// Sound as it is: G.711, or linear.
    Wav,
    /// Opus in Ogg.
    Ogg,
    /// Matroska, which is read and not written.
    Mkv,
    /// A picture of JPEG: the first.
    Jpeg,
    /// Pictures of JPEG, one behind the other.
    Mjpeg,
    /// Metadata of ONVIF as XML, one document behind the other.
    Xml,
}

/// Each kind with the ends of names that stand for it.
const KINDS: [(FileKind, &[&str]); 12] = [
    (FileKind::Mp4, &["mp4", "m4v", "m4a", "mov"]),
    (FileKind::Ts, &["ts", "m2ts"]),
    (FileKind::H264, &["h264", "264", "avc"]),
    (FileKind::H265, &["h265", "265", "hevc"]),
    (FileKind::Aac, &["aac"]),
    (FileKind::Mp3, &["mp3", "mp2", "mpa"]),
    (FileKind::Wav, &["wav"]),
    (FileKind::Ogg, &["ogg", "opus"]),
    (FileKind::Mkv, &["mkv", "webm"]),
    (FileKind::Jpeg, &["jpg", "jpeg"]),
    (FileKind::Mjpeg, &["mjpeg", "mjpg"]),
    (FileKind::Xml, &["xml"]),
];

impl FileKind {
    /// The kind that the end of a file's name stands for.
    pub fn of(path: &Path) -> Option<Self> {
        let end = path.extension()?.to_str()?.to_ascii_lowercase();
        KINDS.into_iter().find(|(_, ends)| ends.contains(&end.as_str())).map(|(kind, _)| kind)
    }

    /// The kind that a first end of a name stands for.
    pub fn named(end: &str) -> Option<Self> {
        KINDS.into_iter().find(|(_, ends)| ends.first() == Some(&end)).map(|(kind, _)| kind)
    }

    /// The first end of a name that stands for it.
    pub fn end(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).and_then(|(_, ends)| ends.first()).unwrap_or(&"")
    }

    /// The kind whose files begin with these bytes. A few hundred are enough.
    pub fn beginning_with(head: &[u8]) -> Option<Self> {
        // Packets of MPEG-TS have 188 bytes, and the first byte of each is the same.
        let is_ts = |at: usize| head.get(at).is_none_or(|byte| *byte == 0x47);
        let behind_start_code = head.strip_prefix(&[0, 0, 0, 1]).or_else(|| head.strip_prefix(&[0, 0, 1]));
        match (head, behind_start_code) {
            // The access unit delimiter or the VPS of H.265, whose header has two bytes (ITU-T H.265, section 7.3.1.2).
            (_, Some([0x40 | 0x46, 0x01, ..])) => Some(Self::H265),
            (_, Some([_, ..])) => Some(Self::H264),
            ([0x47, ..], _) if is_ts(188) && is_ts(376) => Some(Self::Ts),
            ([0x1a, 0x45, 0xdf, 0xa3, ..], _) => Some(Self::Mkv),
            ([_, _, _, _, b'f', b't', b'y', b'p', ..], _) => Some(Self::Mp4),
            ([b'O', b'g', b'g', b'S', ..], _) => Some(Self::Ogg),
            ([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..], _) => Some(Self::Wav),
            ([0xff, 0xd8, 0xff, ..], _) => Some(Self::Mjpeg),
            // The synchronisation of ADTS, whose layer is 0, and of MPEG audio, whose is not.
            ([0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..], _) => Some(Self::Aac),
            ([0xff, 0xe0..=0xff, ..] | [b'I', b'D', b'3', ..], _) => Some(Self::Mp3),
            _ => None,
        }
    }

    /// The first end of a name that stands for each kind.
    pub fn ends() -> impl Iterator<Item = &'static str> {
        KINDS.into_iter().filter_map(|(_, ends)| ends.first().copied())
    }

    /// The same of each kind that is written.
    pub fn written_ends() -> impl Iterator<Item = &'static str> {
        let written = KINDS.into_iter().filter(|(kind, _)| kind.is_written());
        written.filter_map(|(_, ends)| ends.first().copied())
    }

    /// Such files are written, and not only [read](crate::source).
    pub fn is_written(self) -> bool {
        self != Self::Mkv
    }

    /// The form in which its frames have to be.
    pub fn form(self) -> Form {
        match self {
            Self::Mp4 | Self::Mkv => Form::Container,
            Self::Ts | Self::H264 | Self::H265 | Self::Aac | Self::Mp3 | Self::Jpeg | Self::Mjpeg => {
                Form::ByteStream
            }
            Self::Wav | Self::Ogg | Self::Xml => Form::Parts,
        }
    }

    /// Returns `true` if such a file can hold a format.
    pub fn holds(self, format: &Format) -> bool {
        let codec = format.codec();
        match self {
            Self::Mp4 => mp4::holds(format),
            Self::Ts => ts::holds(codec),
            Self::H264 => matches!(codec, Codec::H264(_)),
            Self::H265 => matches!(codec, Codec::H265(_)),
            Self::Aac => matches!(codec, Codec::Mpeg4Audio(_)),
            Self::Mp3 => matches!(codec, Codec::MpegAudio),
            Self::Wav => wav::Samples::of(format).is_some(),
            Self::Ogg => matches!(codec, Codec::Opus(_)),
            Self::Mkv => false,
            Self::Jpeg | Self::Mjpeg => matches!(codec, Codec::Jpeg),
            Self::Xml => {
                matches!(codec, Codec::OnvifMetadata(MetadataCoding::Xml | MetadataCoding::Gzip))
            }
        }
    }

    /// Returns `true` if such a file holds one media only.
    fn holds_one(self) -> bool {
        !matches!(self, Self::Mp4 | Self::Ts)
    }

    /// The medias of a description that such a file takes.
    pub fn medias(self, description: &Description) -> Vec<usize> {
        let medias = description.medias.iter().enumerate();
        let held = medias.filter(|(_, media)| media.formats.first().is_some_and(|format| self.holds(format)));
        held.map(|(index, _)| index).take(if self.holds_one() { 1 } else { usize::MAX }).collect()
    }
}

/// Why a frame was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The output fails.
    #[error("the file cannot be written")]
    Write(#[from] io::Error),
    /// The MP4 file cannot go on.
    #[error(transparent)]
    Mp4(#[from] Mp4Error),
    /// The sound goes on with another number of channels or samples a second, which no header can tell.
    #[error("media {0} goes on with other parameters: begin another file")]
    ParametersChanged(usize),
    /// A document cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
}

/// A file that is being written.
#[derive(Debug)]
pub struct Recorder<W: Write> {
    medias: Vec<usize>,
    file: File<W>,
}

#[derive(Debug)]
enum File<W: Write> {
    Mp4(Mp4Writer<W>),
    Ts(TsWriter<W>),
    Stream(StreamWriter<W>),
    Wav(WavWriter<W>),
    Ogg(OggWriter<W>),
    Documents(DocumentWriter<W>),
}

impl<W: Write + Seek> Recorder<W> {
    /// Begins a file of these medias, whose frames come in the [form](FileKind::form) of the kind.
    pub fn new(kind: FileKind, out: W, medias: Vec<usize>) -> Self {
        let file = match kind {
            FileKind::Mp4 => File::Mp4(Mp4Writer::new(out, medias.clone())),
            FileKind::Ts => File::Ts(TsWriter::new(out, medias.clone())),
            FileKind::Jpeg => File::Stream(StreamWriter::one(out)),
            // Nothing is held by Matroska.
            FileKind::H264
            | FileKind::H265
            | FileKind::Aac
            | FileKind::Mp3
            | FileKind::Mjpeg
            | FileKind::Mkv => File::Stream(StreamWriter::new(out)),
            FileKind::Wav => File::Wav(WavWriter::new(out)),
            FileKind::Ogg => File::Ogg(OggWriter::new(out)),
            FileKind::Xml => File::Documents(DocumentWriter::new(out)),
        };
        Self { medias, file }
    }

    /// Takes a frame; those of other medias are left out, and pictures before the first keyframe that can be decoded.
    ///
    /// # Errors
    ///
    /// The output fails, or the file cannot go on.
    pub fn write(&mut self, frame: Frame) -> Result<(), RecordError> {
        if !self.medias.contains(&frame.media) {
            return Ok(());
        }
        match &mut self.file {
            File::Mp4(file) => Ok(file.write(frame)?),
            File::Ts(file) => file.write(&frame),
            File::Stream(file) => file.write(&frame),
            File::Wav(file) => file.write(&frame),
            File::Ogg(file) => file.write(&frame),
            File::Documents(file) => file.write(&frame),
        }
    }

    /// Frames that the file holds so far; those that wait in an MP4 file for the end of a fragment do not count.
    pub fn frames(&self) -> u64 {
        match &self.file {
            File::Mp4(file) => file.frames(),
            File::Ts(file) => file.frames(),
            File::Stream(file) => file.frames(),
            File::Wav(file) => file.frames(),
            File::Ogg(file) => file.frames(),
            File::Documents(file) => file.frames(),
        }
    }

    /// Ends the file, and gives back the number of its frames.
    ///
    /// # Errors
    ///
    /// The output fails.
    pub fn finish(self) -> Result<u64, RecordError> {
        match self.file {
            File::Mp4(mut file) => {
                file.end()?;
                Ok(file.frames())
            }
            File::Ts(mut file) => {
                file.flush()?;
                Ok(file.frames())
            }
            File::Stream(file) => file.finish(),
            File::Wav(file) => file.finish(),
            File::Ogg(file) => file.finish(),
            File::Documents(file) => file.finish(),
        }
    }
}
