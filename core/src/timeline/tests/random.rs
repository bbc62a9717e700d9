//! Sessions of chance, against the truth of when each frame was made.

use super::*;
use crate::random::Random;

/// A track of a sender: its clocks, and what becomes of its frames.
struct Sender {
    index: usize,
    rate: u32,
    ssrc: u32,
    first_rtp: u32,
    /// How much faster its timestamps are than they should be, in millionths.
    fast_ppm: i64,
    /// Milliseconds from the making of a frame to its arrival.
    delay: u64,
    /// Between two frames, in milliseconds, and whether they go back as B-frames do.
    step: u64,
    has_b_frames: bool,
    reports_from: u64,
    is_reported: bool,
    told: Vec<(u64, MediaTime)>,
}

fn below(random: &mut Random, bound: u32) -> u32 {
    random.next_u32() % bound
}

impl Sender {
    fn new(index: usize, random: &mut Random) -> Self {
        Self {
            index,
            rate: [90_000, 48_000, 8000, 44_100][below(random, 4) as usize],
            ssrc: random.next_u32(),
            first_rtp: random.next_u32(),
            fast_ppm: i64::from(below(random, 61)) - 30,
            delay: u64::from(below(random, 400)),
            step: [20, 40, 33, 100][below(random, 4) as usize],
            has_b_frames: below(random, 2) == 0,
            reports_from: u64::from(below(random, 20_000)),
            is_reported: false,
            told: Vec::new(),
        }
    }

    fn rtp(&self, made: u64) -> u32 {
        let made = made as i128 * (1_000_000 + i128::from(self.fast_ppm));
        self.first_rtp.wrapping_add((made * i128::from(self.rate) / 1_000_000_000) as u32)
    }

    /// The frames of the span in the order of decoding, each with when it was made and when it arrives.
    fn frames(&self, until: u64) -> Vec<(u64, u64)> {
        let made: Vec<u64> = (0..until / self.step).map(|number| number * self.step).collect();
        if !self.has_b_frames {
            return made.into_iter().map(|made| (made, made + self.delay)).collect();
        }
        // I B B P as I P B B: each frame waits for the last of the three.
        let groups = made.chunks_exact(3).map(|three| [three[2], three[0], three[1]]);
        groups.flat_map(|three| three.map(|made| (made, three[0] + self.delay))).collect()
    }
}

#[test]
fn in_any_session_pts_follow_timestamps_and_reports_bring_tracks_together_to_the_millisecond() {
    const SPAN: u64 = 90_000;
    for seed in 0..16 {
        let mut random = Random::new([seed; 32]);
        let mut senders: Vec<_> = (0..3).map(|index| Sender::new(index, &mut random)).collect();
        let set_at = (below(&mut random, 2) == 0).then(|| u64::from(below(&mut random, 50_000)) + 30_000);
        let mut arrivals: Vec<(u64, usize, Option<u64>)> = Vec::new();
        for sender in &senders {
            let frames = sender.frames(SPAN).into_iter();
            arrivals.extend(frames.map(|(made, at)| (at, sender.index, Some(made))));
            let reports = (sender.reports_from..SPAN).step_by(5000);
            arrivals.extend(reports.map(|at| (at, sender.index, None)));
        }
        arrivals.sort_by_key(|(at, index, _)| (*at, *index));

        let mut it = It::default();
        let mut reported_at = None;
        for (at, index, made) in arrivals {
            let sender = &mut senders[index];
            if let Some(made) = made {
                let time = it.packet(at, (index, sender.ssrc), sender.rtp(made), sender.rate);
                sender.told.push((made, time));
            } else if !sender.told.is_empty() || at < sender.delay {
                let set = set_at.filter(|set| at >= *set).map_or(0, |_| 7_000_000);
                it.report(at, (index, sender.ssrc), noon(at as i64 + set), sender.rtp(at));
                sender.is_reported = true;
                if senders.iter().all(|sender| sender.is_reported) && reported_at.is_none() {
                    reported_at = Some(at);
                }
            }
        }
        let reported_at = reported_at.expect("all reports have come within 30 s");
        for Sender { index, told, .. } in &senders {
            let mut in_order = told.clone();
            in_order.sort_by_key(|(_, time)| time.timestamp);
            assert!(in_order.is_sorted_by_key(|(made, _)| *made), "seed {seed}: timestamps of track {index}");
            let goes_back = in_order.windows(2).find(|pair| pair[0].1.pts >= pair[1].1.pts);
            assert_eq!(goes_back, None, "seed {seed}: PTS of track {index}");
            assert!(told.iter().all(|(_, time)| !time.begins_anew), "seed {seed}");
        }
        // How far each track is from the truth, less that of the first.
        let offsets = |sender: &Sender| -> Vec<(u64, i64)> {
            let told = sender.told.iter().filter(|(made, _)| *made > reported_at + 3000);
            let mut offsets: Vec<_> =
                told.map(|(made, time)| (*made, time.pts - *made as i64 * MILLI)).collect();
            offsets.sort_unstable();
            offsets
        };
        let all: Vec<_> = senders.iter().map(offsets).collect();
        for track in &all[1..] {
            for (made, offset) in track {
                let place = all[0].partition_point(|(other, _)| other < made).min(all[0].len() - 1);
                let (_, other) = all[0][place];
                let apart = offset.abs_diff(other);
                assert!(apart <= 1_000_000, "seed {seed}: {apart} ns apart at {made}");
            }
        }
    }
}
