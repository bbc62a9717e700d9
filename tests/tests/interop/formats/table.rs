//! The table of all formats.

mod documents;
mod others;
mod sound;
mod speech;
mod video;

use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use rtspan_std::{Format, MediaKind};

use super::material::Material;
use super::units::Units;

/// All formats, as they stand in the page.
pub(super) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    [video::rows(), sound::rows(), speech::rows(), documents::rows(), others::rows()]
        .into_iter()
        .flatten()
        .collect()
});

/// A program at the other end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Peer {
    Ffmpeg,
    Gstreamer,
}

impl Peer {
    pub(super) fn reads(self, row: &Row) -> bool {
        match self {
            Self::Ffmpeg => row.ffmpeg.reads.is_ok(),
            Self::Gstreamer => row.gstreamer.reads.is_ok(),
        }
    }

    pub(super) fn sends(self, row: &Row) -> bool {
        match self {
            Self::Ffmpeg => row.ffmpeg.sends.is_ok(),
            Self::Gstreamer => row.gstreamer.sends.is_ok(),
        }
    }
}

/// Why a program does not send or read a format.
pub(super) type Reason = &'static str;

/// A format, and all that is to be known to try it out.
pub(super) struct Row {
    /// Its name.
    pub(super) name: &'static str,
    /// The document that says how its packets are made.
    pub(super) rfc: &'static str,
    /// Its name in a description.
    pub(super) encoding: &'static str,
    /// The parameters in a description that are read or written.
    pub(super) parameters: &'static [&'static str],
    /// The configuration that is told for a container.
    pub(super) container: Option<&'static str>,
    /// The outcome of a frame of which a packet is lost.
    pub(super) loss: Loss,
    pub(super) kind: MediaKind,
    pub(super) source: Source,
    /// The arguments with which FFmpeg reads a file of it.
    pub(super) demuxer: &'static [&'static str],
    /// The format as a description of ours has it.
    pub(super) format: fn(&Material) -> Format,
    pub(super) units: Units,
    /// Frames at the end that both programs never send: they wait for more to fill a packet with.
    pub(super) kept: usize,
    /// The facts that one has to know of the programs.
    pub(super) note: Option<&'static str>,
    pub(super) ffmpeg: Ffmpeg,
    pub(super) gstreamer: Gstreamer,
    /// Its frames, once they are made.
    pub(super) material: OnceLock<Material>,
}

/// The outcome of a frame of which a packet is lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Loss {
    /// The rest of it comes out, and is marked.
    Marks,
    /// It does not come out.
    LeavesOut,
    /// It does not come out, and one behind it is marked if it is not sure where that begins.
    Doubts,
}

/// The origin of frames.
pub(super) enum Source {
    /// FFmpeg makes a file with such an end.
    Encoded { input: &'static str, encoder: &'static [&'static str], end: &'static str },
    /// FFmpeg makes a transport stream, which has no frames: it is cut into pieces.
    Cut { input: &'static str, encoder: &'static [&'static str], bytes: usize },
    /// They have the right shape, and each lasts so many nanoseconds. Where FFmpeg reads a file of them, that begins with
    /// `head`.
    Made { frames: fn() -> Vec<Vec<u8>>, lasts: i64, head: Option<&'static [u8]> },
}

/// The arguments of FFmpeg.
pub(super) struct Ffmpeg {
    pub(super) reads: Result<(), Reason>,
    /// The part of its reading that is compared, if that is less than can be expected.
    pub(super) units: Option<Units>,
    /// Options of its publisher.
    pub(super) sends: Result<&'static [&'static str], Reason>,
}

/// The description of a pipeline of GStreamer.
pub(super) struct Gstreamer {
    /// The elements from the depayloader on.
    pub(super) reads: Result<&'static str, Reason>,
    /// Headers that stand in front of the frames, as in a file.
    pub(super) headers: fn(&Material) -> Vec<Bytes>,
    /// Frames in front that its depayloader spoils.
    pub(super) spoils: usize,
    /// The kind of the frames, and the elements down to the payloader.
    pub(super) sends: Result<(&'static str, &'static str), Reason>,
}

/// Two seconds of pictures that all differ.
const PICTURES: &str = "testsrc2=size=320x240:rate=25:duration=2";
/// Two seconds of noise, so that no two pieces of sound are the same.
const NOISE: &str = "anoisesrc=sample_rate=48000:seed=7:amplitude=0.2:duration=2";

const FFMPEG_HAS_NO_PACKETIZER: Reason = "it has no packetizer";
const GSTREAMER_HAS_NO_ELEMENT: Reason = "it has no element";

impl Row {
    /// A format of `kind` that both programs read and send as it is.
    fn new(
        kind: MediaKind,
        (name, rfc): (&'static str, &'static str),
        source: Source,
        format: fn(&Material) -> Format,
    ) -> Self {
        Self {
            name,
            rfc,
            encoding: "",
            parameters: &[],
            container: None,
            loss: Loss::LeavesOut,
            kind,
            source,
            demuxer: &[],
            format,
            units: Units::Whole,
            kept: 0,
            note: None,
            ffmpeg: Ffmpeg { reads: Ok(()), units: None, sends: Ok(&[]) },
            gstreamer: Gstreamer {
                reads: Err(GSTREAMER_HAS_NO_ELEMENT),
                headers: |_| Vec::new(),
                spoils: 0,
                sends: Err(GSTREAMER_HAS_NO_ELEMENT),
            },
            material: OnceLock::new(),
        }
    }

    /// A format that neither program can be tried with.
    fn untried(
        (name, rfc): (&'static str, &'static str),
        encoding: &'static str,
        parameters: &'static [&'static str],
        reason: Reason,
    ) -> Self {
        let source = Source::Made { frames: Vec::new, lasts: 0, head: None };
        let mut row =
            Self::new(MediaKind::Application, (name, rfc), source, |_| unreachable!("it is not tried"));
        row.ffmpeg = Ffmpeg { reads: Err(reason), units: None, sends: Err(reason) };
        row.gstreamer.reads = Err(reason);
        row.gstreamer.sends = Err(reason);
        row.described(encoding, parameters)
    }

    fn video(
        names: (&'static str, &'static str),
        encoder: &'static [&'static str],
        format: fn(&Material) -> Format,
    ) -> Self {
        let source = Source::Encoded { input: PICTURES, encoder, end: "nut" };
        Self::new(MediaKind::Video, names, source, format)
    }

    fn sound(
        names: (&'static str, &'static str),
        encoder: &'static [&'static str],
        format: fn(&Material) -> Format,
    ) -> Self {
        let source = Source::Encoded { input: NOISE, encoder, end: "nut" };
        Self::new(MediaKind::Audio, names, source, format)
    }

    /// Demands that a description has the format as the table does.
    pub(super) fn is_right_of(&self, format: &Format) {
        assert!(
            self.encoding.eq_ignore_ascii_case(format.encoding()),
            "{}: {}",
            self.name,
            format.encoding()
        );
    }

    /// Demands that a description of ours has no parameters but those in the table.
    pub(super) fn has_all_of(&self, format: &Format) {
        let parameters = format.fmtp().unwrap_or_default().split(';');
        for parameter in parameters.filter_map(|parameter| parameter.split_once('=')) {
            assert!(self.parameters.contains(&parameter.0.trim()), "{}: {parameter:?}", self.name);
        }
    }

    /// Its name and its parameters in a description.
    fn described(self, encoding: &'static str, parameters: &'static [&'static str]) -> Self {
        Self { encoding, parameters, ..self }
    }

    fn container(self, container: &'static str) -> Self {
        Self { container: Some(container), ..self }
    }

    /// The rest of a frame comes out.
    fn marked(self) -> Self {
        Self { loss: Loss::Marks, ..self }
    }

    /// Nothing says where a frame begins.
    fn doubted(self) -> Self {
        Self { loss: Loss::Doubts, ..self }
    }

    fn units(self, units: Units) -> Self {
        Self { units, ..self }
    }

    fn noted(self, note: &'static str) -> Self {
        Self { note: Some(note), ..self }
    }

    fn kept(self, kept: usize) -> Self {
        Self { kept, ..self }
    }

    /// A file of another kind, and what FFmpeg has to be told to read it.
    fn file(mut self, kind: &'static str, options: &'static [&'static str]) -> Self {
        if let Source::Encoded { end, .. } = &mut self.source {
            *end = kind;
        }
        Self { demuxer: options, ..self }
    }

    fn ffmpeg_reads_not(mut self, reason: Reason) -> Self {
        self.ffmpeg.reads = Err(reason);
        self
    }

    /// FFmpeg hands out something else than frames.
    fn ffmpeg_reads(mut self, units: Units) -> Self {
        self.ffmpeg.units = Some(units);
        self
    }

    fn ffmpeg_sends(mut self, options: &'static [&'static str]) -> Self {
        self.ffmpeg.sends = Ok(options);
        self
    }

    fn ffmpeg_sends_not(mut self, reason: Reason) -> Self {
        self.ffmpeg.sends = Err(reason);
        self
    }

    fn gstreamer_headers(mut self, headers: fn(&Material) -> Vec<Bytes>) -> Self {
        self.gstreamer.headers = headers;
        self
    }

    fn gstreamer_spoils(mut self, frames: usize) -> Self {
        self.gstreamer.spoils = frames;
        self
    }

    fn gstreamer_reads(mut self, reads: &'static str) -> Self {
        self.gstreamer.reads = Ok(reads);
        self
    }

    fn gstreamer_sends(mut self, caps: &'static str, chain: &'static str) -> Self {
        self.gstreamer.sends = Ok((caps, chain));
        self
    }
}
