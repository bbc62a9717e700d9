//! Matroska and WebM.

use std::fmt;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};

use matroska_demuxer::{DemuxError, MatroskaFile};
use rtspan_core::MediaKind;
use rtspan_core::frame::Frame;
use rtspan_core::payload::{DecodingTimes, ParameterWatch};

use super::entry::Entry;
use super::{Demuxer, Opened, SourceError, frame, media, payload_type};

mod clusters;

use clusters::{Cluster, Shared, clusters};

struct Mkv {
    file: MatroskaFile<Shared>,
    /// As it was when it had been opened, which goes on anywhere.
    opened: MatroskaFile<Shared>,
    shared: Shared,
    tracks: Vec<Track>,
    /// Nanoseconds of a unit of time.
    unit: i64,
    /// A frame that was read and is next.
    ready: Option<Frame>,
}

#[derive(Debug)]
struct Track {
    number: u64,
    entry: Entry,
    decoding: DecodingTimes,
}

impl fmt::Debug for Mkv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mkv").field("tracks", &self.tracks).finish_non_exhaustive()
    }
}

pub(super) fn open(file: File) -> Result<Opened, SourceError> {
    let shared = Shared::new(file);
    let file = MatroskaFile::open(shared.clone()).map_err(malformed)?;
    let (mut tracks, mut medias, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for track in file.tracks() {
        // Encodings compress or encrypt what is in the blocks.
        let known = Some(track).filter(|track| track.content_encodings().is_none());
        let Some(entry) = known.and_then(|track| Entry::of_mkv(payload_type(tracks.len()), track)) else {
            left_out.push(track.codec_id().to_owned());
            continue;
        };
        medias.push(media(entry.kind.clone(), entry.format.clone()));
        let number = track.track_number().get();
        tracks.push(Track { number, decoding: decoding(&entry), entry });
    }
    let unit = i64::try_from(file.info().timestamp_scale().get()).unwrap_or(i64::MAX);
    let mkv = Mkv { opened: file.clone(), file, shared, tracks, unit, ready: None };
    Ok(Opened { medias, left_out, demuxer: Box::new(mkv) })
}

fn malformed(error: DemuxError) -> SourceError {
    SourceError::Malformed { kind: "Matroska", reason: error.to_string() }
}

/// Blocks tell when they are presented only.
fn decoding(entry: &Entry) -> DecodingTimes {
    let mut decoding = DecodingTimes::new();
    if let Some(video) = ParameterWatch::new(&entry.format).parameters().video {
        decoding.set_order(video.reordering, video.frame_rate);
    }
    decoding
}

impl Mkv {
    fn read(&mut self) -> Result<Option<Frame>, SourceError> {
        let mut block = matroska_demuxer::Frame::default();
        loop {
            if !self.file.next_frame(&mut block).map_err(malformed)? {
                return Ok(None);
            }
            let Some(media) = self.tracks.iter().position(|track| track.number == block.track) else {
                continue;
            };
            let track = &mut self.tracks[media];
            let pts = i64::try_from(block.timestamp).unwrap_or(i64::MAX).saturating_mul(self.unit);
            let is_video = track.entry.kind == MediaKind::Video;
            let dts = if is_video { track.decoding.next(pts).unwrap_or(pts) } else { pts };
            let told = block.is_keyframe;
            let is_keyframe =
                |data: &[u8]| !is_video || told.unwrap_or_else(|| track.entry.is_keyframe(data));
            let is_keyframe = is_keyframe(&block.data);
            let parts = track.entry.parts(std::mem::take(&mut block.data), is_keyframe);
            return Ok(Some(frame(media, (pts, dts), is_keyframe, parts)));
        }
    }

    /// Goes to a cluster.
    fn go_to(&mut self, at: u64) -> Result<(), SourceError> {
        self.file = self.opened.clone();
        self.shared.seek(SeekFrom::Start(at))?;
        for track in &mut self.tracks {
            track.decoding = decoding(&track.entry);
        }
        self.ready = None;
        Ok(())
    }

    /// The time of the last keyframe at or before a time, from a cluster on.
    fn keyframe_before(&mut self, to: i64, lead: usize) -> Result<Option<i64>, SourceError> {
        let mut start = None;
        while let Some(frame) = self.read()? {
            if frame.media == lead && frame.dts > to {
                break;
            }
            if frame.media == lead && frame.is_keyframe && frame.time.pts <= to {
                start = Some(frame.time.pts);
            }
        }
        Ok(start)
    }
}

impl Demuxer for Mkv {
    fn next(&mut self) -> Result<Option<Frame>, SourceError> {
        match self.ready.take() {
            Some(frame) => Ok(Some(frame)),
            None => self.read(),
        }
    }

    fn seek(&mut self, to: i64) -> Result<(), SourceError> {
        let lead = self.tracks.iter().position(|track| track.entry.kind == MediaKind::Video);
        let lead = lead.unwrap_or(0);
        let clusters = clusters(&mut self.shared)?;
        let time =
            |cluster: &Cluster| i64::try_from(cluster.time).unwrap_or(i64::MAX).saturating_mul(self.unit);
        let before = clusters.partition_point(|cluster| time(cluster) <= to);
        // The keyframe may be in an earlier cluster than the time.
        for cluster in clusters[..before].iter().rev() {
            self.go_to(cluster.at)?;
            if let Some(start) = self.keyframe_before(to, lead)? {
                self.go_to(cluster.at)?;
                while let Some(frame) = self.read()? {
                    if frame.media == lead && frame.time.pts == start && frame.is_keyframe {
                        self.ready = Some(frame);
                        break;
                    }
                }
                return Ok(());
            }
        }
        self.go_to(clusters.first().map_or(0, |cluster| cluster.at))
    }
}
