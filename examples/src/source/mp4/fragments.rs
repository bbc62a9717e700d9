use std::collections::VecDeque;
use std::fs::File;

use mp4_atom::{Atom as _, Moof, Traf, Trex};

use super::{Sample, SourceError, Times, Track, malformed, next_box, read};

/// The flag of a sample that needs others (section 8.8.3.1).
const NEEDS_OTHERS: u32 = 0x1_0000;
/// Samples of a fragment, beyond which no more are read.
const SAMPLES_MAX: usize = 1 << 20;

/// The fragments of a file, and a place in them.
#[derive(Debug)]
pub(super) struct Fragments {
    /// Where each begins.
    places: Vec<u64>,
    /// The one that is read next.
    next: usize,
    defaults: Vec<Trex>,
    /// Where each track goes on if a fragment does not tell, by its number.
    ends: Vec<(u32, i64)>,
    /// Samples of the fragment that is being read.
    ready: VecDeque<Sample>,
}

impl Fragments {
    pub(super) fn new(places: Vec<u64>, defaults: Vec<Trex>) -> Self {
        Self { places, next: 0, defaults, ends: Vec::new(), ready: VecDeque::new() }
    }

    /// The next sample.
    pub(super) fn next(&mut self, file: &mut File, tracks: &[Track]) -> Result<Option<Sample>, SourceError> {
        while self.ready.is_empty() && self.next < self.places.len() {
            self.ready = self.samples_of(self.next, file, tracks)?.into();
            self.next += 1;
        }
        Ok(self.ready.pop_front())
    }

    /// The samples of a fragment in the order in which they are decoded.
    fn samples_of(
        &mut self,
        number: usize,
        file: &mut File,
        tracks: &[Track],
    ) -> Result<Vec<Sample>, SourceError> {
        let Some(&at) = self.places.get(number) else { return Ok(Vec::new()) };
        let Some((_, body, end)) = next_box(file, at)? else { return Ok(Vec::new()) };
        let moof = Moof::decode_body(&mut &*read(file, body, end)?).map_err(malformed)?;
        let mut samples = Vec::new();
        for traf in &moof.traf {
            let place = tracks.iter().position(|track| track.id == traf.tfhd.track_id);
            if let Some(place) = place {
                self.samples_of_track((place, &tracks[place]), traf, at, &mut samples);
            }
        }
        samples.sort_by_key(|sample| sample.dts);
        Ok(samples)
    }

    fn samples_of_track(
        &mut self,
        (place, track): (usize, &Track),
        traf: &Traf,
        at: u64,
        samples: &mut Vec<Sample>,
    ) {
        let head = &traf.tfhd;
        let own_defaults = self.defaults.iter().find(|trex| trex.track_id == track.id);
        let defaults = own_defaults.cloned().unwrap_or_default();
        let end = self.ends.iter().position(|(id, _)| *id == track.id).unwrap_or_else(|| {
            self.ends.push((track.id, 0));
            self.ends.len() - 1
        });
        let told =
            traf.tfdt.as_ref().map(|tfdt| i64::try_from(tfdt.base_media_decode_time).unwrap_or(i64::MAX));
        let mut dts = told.unwrap_or(self.ends[end].1);
        let base = head.base_data_offset.unwrap_or(at);
        let mut offset = base;
        for trun in &traf.trun {
            if let Some(from) = trun.data_offset {
                offset = base.saturating_add_signed(from.into());
            }
            for entry in trun.samples.iter().take(SAMPLES_MAX - samples.len().min(SAMPLES_MAX)) {
                let bytes = entry.size.or(head.default_sample_size).unwrap_or(defaults.default_sample_size);
                let flags =
                    entry.flags.or(head.default_sample_flags).unwrap_or(defaults.default_sample_flags);
                let lasts = entry.duration.or(head.default_sample_duration);
                let lasts = lasts.unwrap_or(defaults.default_sample_duration);
                let (pts, time) = track.times(Times { dts, ahead: entry.cts.unwrap_or_default() });
                samples.push(Sample {
                    track: place,
                    offset,
                    bytes,
                    dts: time,
                    pts,
                    is_keyframe: !track.is_video() || flags & NEEDS_OTHERS == 0,
                });
                offset = offset.saturating_add(bytes.into());
                dts = dts.saturating_add(lasts.into());
            }
        }
        self.ends[end].1 = dts;
    }

    /// Goes to the last keyframe of a track at or before a time, or to the first.
    pub(super) fn seek(
        &mut self,
        file: &mut File,
        tracks: &[Track],
        lead: usize,
        to: i64,
    ) -> Result<(), SourceError> {
        // The fragment `low` begins at or before the time, or is the first; `high` begins behind it.
        let (mut low, mut high) = (0, self.places.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let samples = self.samples_of(middle, file, tracks)?;
            let first = samples.iter().find(|sample| sample.track == lead);
            if first.is_none_or(|first| first.dts <= to) {
                low = middle;
            } else {
                high = middle;
            }
        }
        loop {
            let mut samples = self.samples_of(low, file, tracks)?;
            let is_start = |sample: &&Sample| sample.track == lead && sample.is_keyframe && sample.pts <= to;
            let start = samples.iter().rfind(is_start).map(|sample| (sample.dts, sample.pts));
            if let Some((dts, pts)) = start {
                samples.retain(
                    |sample| {
                        if sample.track == lead { sample.dts >= dts } else { sample.pts >= pts }
                    },
                );
            } else if low > 0 {
                low -= 1;
                continue;
            }
            (self.ready, self.next) = (samples.into(), low + 1);
            return Ok(());
        }
    }
}
