use std::collections::VecDeque;
use std::fs::File;
use std::time::Duration;

use mp4_atom::{Atom as _, Moof, Prft, ReferenceTime, Traf, Trex};
use rtspan_core::NtpTime;

use super::{Sample, SourceError, Times, Track, malformed, next_box, read};

/// The flag of a sample that needs others (section 8.8.3.1).
const NEEDS_OTHERS: u32 = 0x1_0000;
/// Fragments of a file, and samples of a fragment, beyond which no more are read.
const FRAGMENTS_MAX: usize = 1 << 20;
const SAMPLES_MAX: usize = 1 << 20;
/// Bytes of what is read of a fragment before its data.
const FRAGMENT_BYTES_MAX: u64 = 32 << 20;

/// The fragments of a file, and a place in them.
///
/// Those count whose data are in the file as a whole: it may still be written, or have been when its writer was killed.
#[derive(Debug)]
pub(super) struct Fragments {
    places: Vec<Place>,
    /// Where the boxes begin that come behind the last of them.
    end: u64,
    /// The one that is read next.
    next: usize,
    defaults: Vec<Trex>,
    /// Where each track goes on if a fragment does not tell, by its number.
    ends: Vec<(u32, i64)>,
    /// Samples of the fragment that is being read.
    ready: VecDeque<Sample>,
    /// Times are those of the wall clock, in nanoseconds since 1970. Where nothing tells it, this is time zero of the file.
    wall: Option<i64>,
}

/// Where a fragment is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where its `moof` begins, and the first of the boxes in front of it that tell its wall clock time.
    at: u64,
    clocks: u64,
}

/// The wall clock time of a presentation time of a track, from which those of its samples in a fragment are counted.
#[derive(Clone, Copy, Debug)]
struct Clock {
    track: usize,
    ntp: NtpTime,
    pts: i64,
}

impl Clock {
    fn at(self, pts: i64) -> NtpTime {
        let apart = Duration::from_nanos(pts.abs_diff(self.pts));
        if pts < self.pts { self.ntp - apart } else { self.ntp + apart }
    }

    /// The wall clock time of time zero, in nanoseconds since 1970.
    fn zero(self) -> Option<i64> {
        let wall = i64::try_from(self.ntp.to_unix()?.as_nanos()).ok()?;
        Some(wall.saturating_sub(self.pts))
    }
}

impl Fragments {
    /// None yet of a file whose description ends there.
    pub(super) fn new(end: u64, defaults: Vec<Trex>) -> Self {
        let (places, ends, ready) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { places, end, next: 0, defaults, ends, ready, wall: None }
    }

    /// Has times be those of the wall clock. Where nothing tells it, time zero of the file is that time.
    pub(super) fn set_wall(&mut self, zero: i64) {
        self.wall = Some(zero);
    }

    /// Finds the fragments that were written since it has looked for them; only where they are is read.
    pub(super) fn find_more(&mut self, file: &mut File) -> Result<(), SourceError> {
        let length = file.metadata()?.len();
        let (mut at, mut clocks, mut begun) = (self.end, None, None);
        while let Some((kind, _, end)) = next_box(file, length, at)? {
            if end > length || self.places.len() == FRAGMENTS_MAX {
                break;
            }
            match &kind {
                b"prft" => clocks = clocks.or(Some(at)),
                b"moof" => begun = Some(Place { at, clocks: clocks.take().unwrap_or(at) }),
                b"mdat" => {
                    self.places.extend(begun.take());
                    self.end = end;
                }
                _ => {}
            }
            at = end;
        }
        Ok(())
    }

    /// The next sample. At the end of the file it looks if there is more by now.
    pub(super) fn next(&mut self, file: &mut File, tracks: &[Track]) -> Result<Option<Sample>, SourceError> {
        while self.ready.is_empty() {
            if self.next == self.places.len() {
                self.find_more(file)?;
            }
            if self.next == self.places.len() {
                break;
            }
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
        let Some(&Place { at, clocks: mut before }) = self.places.get(number) else { return Ok(Vec::new()) };
        let length = file.metadata()?.len();
        let (mut clocks, mut moof) = (Vec::new(), None);
        while let Some((kind, body, end)) = next_box(file, length, before)?.filter(|_| before <= at) {
            match &kind {
                b"moof" => moof = Some(read(file, length, (body, end), FRAGMENT_BYTES_MAX)?),
                b"prft" if clocks.len() < tracks.len() => {
                    clocks.extend(clock_of(&read(file, length, (body, end), FRAGMENT_BYTES_MAX)?, tracks));
                }
                _ => {}
            }
            before = end;
        }
        let moof = moof.ok_or_else(|| malformed("it has become shorter"))?;
        let moof = Moof::decode_body(&mut &*moof).map_err(malformed)?;
        let mut samples = Vec::new();
        for traf in &moof.traf {
            let place = tracks.iter().position(|track| track.id == traf.tfhd.track_id);
            if let Some(place) = place {
                self.samples_of_track((place, &tracks[place]), traf, (at, length), &mut samples);
            }
        }
        for sample in &mut samples {
            // All tracks have one time line, so that one tells the time of another.
            let own = clocks.iter().find(|clock| clock.track == sample.track);
            let clock = own.or_else(|| clocks.first());
            sample.ntp = clock.map(|clock| clock.at(sample.pts));
            if let Some(fallback) = self.wall {
                let zero = clock.and_then(|clock| clock.zero()).unwrap_or(fallback);
                sample.pts = sample.pts.saturating_add(zero);
                sample.dts = sample.dts.saturating_add(zero);
            }
        }
        samples.sort_by_key(|sample| sample.dts);
        Ok(samples)
    }

    fn samples_of_track(
        &mut self,
        (place, track): (usize, &Track),
        traf: &Traf,
        (at, length): (u64, u64),
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
            // There are not more than there are bytes.
            let most = SAMPLES_MAX.min(usize::try_from(length).unwrap_or(SAMPLES_MAX));
            for entry in trun.samples.iter().take(most.saturating_sub(samples.len())) {
                let bytes = entry.size.or(head.default_sample_size).unwrap_or(defaults.default_sample_size);
                let flags =
                    entry.flags.or(head.default_sample_flags).unwrap_or(defaults.default_sample_flags);
                let lasts = entry.duration.or(head.default_sample_duration);
                let lasts = lasts.unwrap_or(defaults.default_sample_duration);
                let (pts, time) = track.times(Times { dts, ahead: entry.cts.unwrap_or_default() });
                let is_keyframe = !track.is_video() || flags & NEEDS_OTHERS == 0;
                // A sample that is empty or not in the file is none; a broken file may tell of very many.
                if (1..=length).contains(&u64::from(bytes)) && offset <= length {
                    let dts = time;
                    samples.push(Sample { track: place, offset, bytes, dts, pts, is_keyframe, ntp: None });
                }
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
        self.find_more(file)?;
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
            (self.ready, self.next) = (samples.into(), (low + 1).min(self.places.len()));
            return Ok(());
        }
    }
}

/// The time that a `prft` tells (section 8.16.5), where it is that of a picture or of sound and not of its fragment.
fn clock_of(body: &[u8], tracks: &[Track]) -> Option<Clock> {
    let prft = Prft::decode_body(&mut &*body).ok()?;
    let is_of_media = !matches!(prft.utc_time_semantics, ReferenceTime::Finalised | ReferenceTime::Written);
    let is_its = |track: &Track| is_of_media && track.id == prft.reference_track_id;
    let track = tracks.iter().position(is_its)?;
    let (pts, _) = tracks[track].times(Times { dts: 0, ahead: i64::try_from(prft.media_time).ok()? });
    Some(Clock { track, ntp: NtpTime::from_bits(prft.ntp_timestamp), pts })
}
