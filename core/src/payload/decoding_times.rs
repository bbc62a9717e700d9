use super::FrameRate;
use crate::limits::REORDERING_MAX;

/// The time of a picture between two others, as long as no rate is told, in nanoseconds.
const FRAME_NANOSECONDS: i64 = 40_000_000;

/// The least time between two decoding times, where nothing else tells them apart: a unit of 90 kHz.
const STEP_NANOSECONDS: i64 = 11_112;

/// Finds the decoding times (DTS) of pictures, which come in the order of decoding, from their presentation times (PTS).
///
/// A picture that refers to a later one is decoded behind it. Nothing in RTP tells when; containers want to know. Where `n`
/// pictures at most are decoded ahead, the decoding time of a picture is the greatest PTS so far but `n`. So it is there
/// at once, never behind the PTS of its picture, and greater than the one before. The first `n` pictures get the times
/// before the first PTS, one frame after the other.
///
/// # Examples
///
/// ```
/// use rtspan_core::payload::DecodingTimes;
///
/// let mut times = DecodingTimes::new();
/// times.set_order(Some(1), None); // I P B B, 40 ms each
/// let pts = [0, 120_000_000, 40_000_000, 80_000_000, 240_000_000];
/// let dts = pts.map(|pts| times.next(pts).unwrap());
/// assert_eq!(dts, [-40_000_000, 0, 40_000_000, 80_000_000, 120_000_000]);
/// ```
#[derive(Clone, Debug)]
pub struct DecodingTimes {
    /// The greatest PTS that have come, ascending.
    greatest: Vec<i64>,
    /// The PTS of the first picture.
    first: Option<i64>,
    /// Pictures that are decoded ahead.
    reordering: usize,
    frame: i64,
    /// The last decoding time; the next is greater.
    last: Option<i64>,
}

impl Default for DecodingTimes {
    fn default() -> Self {
        Self::new()
    }
}

impl DecodingTimes {
    /// The times of a stream whose pictures are presented as they are decoded, until something else is told or seen.
    pub fn new() -> Self {
        Self { greatest: Vec::new(), first: None, reordering: 0, frame: FRAME_NANOSECONDS, last: None }
    }

    /// Sets what a parameter set tells: how many pictures are decoded ahead, and how many there are a second.
    ///
    /// `None` keeps what is known. The same again changes nothing, so that it can be called with each parameter set.
    pub fn set_order(&mut self, reordering: Option<u8>, frame_rate: Option<FrameRate>) {
        if let Some(rate) = frame_rate {
            self.frame = i64::try_from(rate.frame_duration().as_nanos()).unwrap_or(FRAME_NANOSECONDS);
        }
        if let Some(reordering) = reordering {
            self.reordering = usize::from(reordering).min(REORDERING_MAX);
        }
    }

    /// The decoding time of the next picture, in nanoseconds like its PTS.
    ///
    /// `None` if the picture is presented at the last decoding time or before it. The stream then decodes more pictures
    /// ahead than it has told; from then on as many are reckoned with.
    pub fn next(&mut self, pts: i64) -> Option<i64> {
        let first = *self.first.get_or_insert(pts);
        let place = self.greatest.partition_point(|other| *other <= pts);
        let later = self.greatest.len().saturating_sub(place);
        self.reordering = self.reordering.max(later).min(REORDERING_MAX);
        self.greatest.insert(place, pts);
        if self.greatest.len() > REORDERING_MAX.saturating_add(1) {
            self.greatest.remove(0);
        }
        if self.last.is_some_and(|last| pts <= last) {
            return None;
        }
        let needed = self.reordering.saturating_add(1);
        let dts = match self.greatest.len().checked_sub(needed) {
            Some(but) => *self.greatest.get(but)?,
            // Those that would have come before, had there been any.
            None => first.saturating_sub(self.frame.saturating_mul(self.missing(needed))),
        };
        let dts = self.last.map_or(dts, |last| dts.max(last.saturating_add(STEP_NANOSECONDS)).min(pts));
        self.last = Some(dts);
        Some(dts)
    }

    /// Forgets the pictures that have come, as before a jump back of the PTS.
    pub fn begin_anew(&mut self) {
        self.greatest.clear();
        (self.first, self.last) = (None, None);
    }

    fn missing(&self, needed: usize) -> i64 {
        i64::try_from(needed.saturating_sub(self.greatest.len())).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decoding times of pictures, both in frames of 40 ms.
    fn decoded(times: &mut DecodingTimes, pts: &[i64]) -> Vec<Option<f64>> {
        let in_frames = |dts: i64| dts as f64 / FRAME_NANOSECONDS as f64;
        pts.iter().map(|pts| times.next(pts * FRAME_NANOSECONDS).map(in_frames)).collect()
    }

    fn whole(dts: &[i64]) -> Vec<Option<f64>> {
        dts.iter().map(|dts| Some(*dts as f64)).collect()
    }

    #[test]
    fn pictures_in_order_are_decoded_when_they_are_presented() {
        assert_eq!(decoded(&mut DecodingTimes::new(), &[5, 6, 7, 9]), whole(&[5, 6, 7, 9]));
    }

    #[test]
    fn a_pyramid_is_decoded_two_ahead() {
        let mut times = DecodingTimes::new();
        times.set_order(Some(2), FrameRate::new(25, 1));
        let pts = [0, 4, 2, 1, 3, 8, 6, 5, 7, 9];
        assert_eq!(decoded(&mut times, &pts), whole(&[-2, -1, 0, 1, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn an_order_that_is_not_told_is_learned_from_the_first_picture_that_comes_late() {
        let mut times = DecodingTimes::new();
        let dts = decoded(&mut times, &[0, 3, 1, 2, 6, 4, 5, 9, 7]);
        assert_eq!(dts[..4], [Some(0.0), Some(3.0), None, None]);
        assert_eq!(dts[5..], whole(&[4, 5, 6, 7]), "{dts:?}");
        assert!(dts[4].is_some_and(|dts| dts > 3.0 && dts < 3.01), "{dts:?}");
        assert_eq!(times.reordering, 1);
    }

    #[test]
    fn a_loss_leaves_decoding_times_in_order_and_not_behind_presentation() {
        let mut times = DecodingTimes::new();
        times.set_order(Some(1), None);
        let pts = [0, 3, 1, 12, 10, 11, 15];
        let dts = decoded(&mut times, &pts);
        assert_eq!(dts, whole(&[-1, 0, 1, 3, 10, 11, 12]));
    }

    #[test]
    fn pictures_that_lead_the_first_are_not_taken_for_a_deeper_order() {
        let mut times = DecodingTimes::new();
        times.set_order(Some(1), FrameRate::new(25, 1));
        // I, and B B that refer to what came before it; then P B B.
        let dts = decoded(&mut times, &[2, 0, 1, 5, 3, 4, 8, 6]);
        assert_eq!(dts[..3], [Some(1.0), None, None]);
        assert_eq!(dts[3..], whole(&[2, 3, 4, 5, 6]));
        assert_eq!(times.reordering, 1);
    }

    #[test]
    fn two_pictures_of_one_time_do_not_count_as_order() {
        let mut times = DecodingTimes::new();
        assert_eq!(decoded(&mut times, &[0, 1, 1, 2]), [Some(0.0), Some(1.0), None, Some(2.0)]);
        assert_eq!(times.reordering, 0);
    }

    #[test]
    fn no_order_makes_the_memory_grow() {
        let mut times = DecodingTimes::new();
        times.set_order(Some(200), FrameRate::new(1, u32::MAX));
        for pts in (0..1000).rev().chain([i64::MIN, i64::MAX, 0]) {
            times.next(pts);
            assert!(times.greatest.len() <= REORDERING_MAX + 1);
        }
        times.begin_anew();
        assert!(times.next(i64::MIN).is_some());
    }
}
