use std::collections::VecDeque;

use super::form::Wish;
use super::times::Times;
use super::{Form, Frame, ParameterSetsIn};
use crate::Tolerances;
use crate::client::Received;
use crate::description::{Description, Format};
use crate::payload::{
    AccessUnit, DecodingTimes, Depacketizer, ParameterWatch, Parameters, PayloadError, UnsupportedFormat,
};

/// The least time between the decoding times of two frames, in nanoseconds: a unit of 90 kHz.
const STEP: i64 = 11_112;

/// Puts the frames of all tracks together from their packets.
///
/// A frame comes out with its last packet, so that it is there without waiting for the next one. Packets of formats that the
/// description does not have are left out.
#[derive(Debug)]
pub struct FrameReader {
    tracks: Vec<Track>,
    unsupported: Vec<(usize, UnsupportedFormat)>,
    wish: Wish,
    ready: VecDeque<Frame>,
}

/// Counts of a track.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameStats {
    /// Frames that have come out.
    pub frames: u64,
    /// Keyframes among them.
    pub keyframes: u64,
    /// Frames among them of which a part is missing, or may be.
    pub damaged: u64,
    /// Packets that could not be read.
    pub errors: u64,
    /// The reason of the last of those.
    pub last_error: Option<PayloadError>,
    /// The deviations from the standard that were read all the same.
    pub tolerances: Tolerances,
}

impl FrameReader {
    /// A reader of the medias of a description.
    pub fn new(description: &Description) -> Self {
        let mut reader = Self {
            tracks: Vec::new(),
            unsupported: Vec::new(),
            wish: Wish::default(),
            ready: VecDeque::new(),
        };
        reader.set_description(description);
        reader
    }

    /// Sets the form in which frames come out from now on.
    pub fn set_form(&mut self, form: Form) {
        self.wish.form = form;
    }

    /// Sets where parameter sets are wanted, if not where they are usual in the form.
    pub fn set_parameter_sets(&mut self, sets: ParameterSetsIn) {
        self.wish.sets = Some(sets);
    }

    /// Goes by another description from now on. Tracks that are the same go on as they are; the others end with the frames
    /// that wait for further packets.
    pub fn set_description(&mut self, description: &Description) {
        let before = std::mem::take(&mut self.tracks);
        self.unsupported.clear();
        let (mut kept, mut others) = (Vec::new(), before);
        for (media, format) in all_formats(description) {
            let same = others.iter().position(|track| track.media == media && track.format == *format);
            match same.map(|same| others.remove(same)) {
                Some(track) => kept.push(track),
                None => match Depacketizer::new(format) {
                    Ok(depacketizer) => kept.push(Track::new(media, format, depacketizer)),
                    Err(unsupported) => self.unsupported.push((media, unsupported)),
                },
            }
        }
        for track in &mut others {
            track.flush(self.wish, &mut self.ready);
        }
        self.tracks = kept;
    }

    /// The formats of the description that are used in a way that is not supported; their packets are left out.
    pub fn unsupported(&self) -> impl Iterator<Item = (usize, &UnsupportedFormat)> {
        self.unsupported.iter().map(|(media, unsupported)| (*media, unsupported))
    }

    /// Takes the next packet.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit. It is counted, the frame is marked as damaged, and the next packet
    /// can be pushed all the same.
    pub fn push(&mut self, received: &Received) -> Result<(), PayloadError> {
        let payload_type = received.packet.payload_type();
        let is_its =
            |track: &&mut Track| track.media == received.media && track.format.payload_type == payload_type;
        let Some(track) = self.tracks.iter_mut().find(is_its) else { return Ok(()) };
        track.push(received, self.wish, &mut self.ready)
    }

    /// The next frame.
    #[must_use]
    pub fn poll(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }

    /// Ends the frames that wait for further packets, at the end of the stream.
    pub fn flush(&mut self) {
        for track in &mut self.tracks {
            track.flush(self.wish, &mut self.ready);
        }
    }

    /// The parameters of the first format of a media, as far as they are known now.
    pub fn parameters(&self, media: usize) -> Option<Parameters> {
        Some(self.tracks.iter().find(|track| track.media == media)?.watch.parameters())
    }

    /// The counts of the first format of a media.
    pub fn stats(&self, media: usize) -> Option<FrameStats> {
        Some(self.tracks.iter().find(|track| track.media == media)?.stats)
    }
}

fn all_formats(description: &Description) -> impl Iterator<Item = (usize, &Format)> {
    let medias = description.medias.iter().enumerate();
    medias.flat_map(|(media, its)| its.formats.iter().map(move |format| (media, format)))
}

/// A format of a media.
#[derive(Debug)]
struct Track {
    media: usize,
    format: Format,
    depacketizer: Depacketizer,
    watch: ParameterWatch,
    /// Parameters have changed, or were not yet told.
    has_news: bool,
    times: Times,
    /// The next frame is the first one behind a gap.
    begins_anew: bool,
    decoding: DecodingTimes,
    /// The last decoding time.
    decoded: Option<i64>,
    /// Packets that are missing since the last frame.
    lost: u32,
    stats: FrameStats,
}

impl Track {
    fn new(media: usize, format: &Format, depacketizer: Depacketizer) -> Self {
        let mut track = Self {
            media,
            format: format.clone(),
            depacketizer,
            watch: ParameterWatch::new(format),
            has_news: true,
            times: Times::default(),
            begins_anew: false,
            decoding: DecodingTimes::new(),
            decoded: None,
            lost: 0,
            stats: FrameStats::default(),
        };
        track.learn_order();
        track
    }

    fn push(
        &mut self,
        received: &Received,
        wish: Wish,
        ready: &mut VecDeque<Frame>,
    ) -> Result<(), PayloadError> {
        if received.time.begins_anew {
            self.flush(wish, ready);
            self.decoding.begin_anew();
            // Timestamps may come again, at another time.
            self.times = Times::default();
            self.begins_anew = true;
        }
        self.times.insert(received.packet.timestamp(), received.time);
        self.lost = self.lost.saturating_add(received.lost.into());
        let result = self.depacketizer.push(&received.packet, received.lost);
        if let Err(error) = result {
            self.stats.errors = self.stats.errors.wrapping_add(1);
            self.stats.last_error = Some(error);
        }
        self.finish_ready(wish, ready);
        result
    }

    fn flush(&mut self, wish: Wish, ready: &mut VecDeque<Frame>) {
        self.depacketizer.flush();
        self.finish_ready(wish, ready);
    }

    fn finish_ready(&mut self, wish: Wish, ready: &mut VecDeque<Frame>) {
        while let Some(unit) = self.depacketizer.poll() {
            let frame = self.finish(unit, wish);
            ready.push_back(frame);
        }
        self.stats.tolerances.merge(self.depacketizer.take_tolerances());
    }

    fn finish(&mut self, unit: AccessUnit, wish: Wish) -> Frame {
        if self.watch.look(&unit) {
            self.has_news = true;
            self.learn_order();
        }
        let new_parameters = std::mem::take(&mut self.has_news).then(|| Box::new(self.watch.parameters()));
        let mut time = self.times.of(unit.timestamp);
        // Also where the packet that began was none of a frame.
        time.begins_anew = std::mem::take(&mut self.begins_anew);
        let stats = &mut self.stats;
        stats.frames = stats.frames.wrapping_add(1);
        stats.keyframes = stats.keyframes.wrapping_add(unit.is_keyframe.into());
        stats.damaged = stats.damaged.wrapping_add(unit.is_damaged.into());
        Frame {
            media: self.media,
            payload_type: Some(self.format.payload_type),
            time,
            dts: self.decoding_time(time.pts),
            is_keyframe: unit.is_keyframe,
            is_damaged: unit.is_damaged,
            lost: std::mem::take(&mut self.lost),
            new_parameters,
            data: wish.apply(&self.format, &self.watch, unit),
        }
    }

    fn decoding_time(&mut self, pts: i64) -> i64 {
        let after_last = self.decoded.map(|last| last.saturating_add(STEP));
        let told = self.decoding.next(pts);
        let dts = told.or(after_last).unwrap_or(pts);
        let dts = after_last.map_or(dts, |least| dts.max(least));
        self.decoded = Some(dts);
        dts
    }

    fn learn_order(&mut self) {
        if let Some(video) = self.watch.parameters().video {
            self.decoding.set_order(video.reordering, video.frame_rate);
        }
    }
}
