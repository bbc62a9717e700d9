//! First packets, their sender reports and RTP-Info may come in any order.

use super::*;

/// How many milliseconds later than the first track each track's first packet was made.
const MADE: [i64; 3] = [0, 150, -70];

#[derive(Clone, Copy, Debug)]
enum First {
    Packet(usize),
    Report(usize),
    RtpInfo,
}

/// The timestamp of what a track made so many milliseconds behind its first packet.
fn rtp(track: usize, millis: i64) -> u32 {
    let first = 1_000_000 * (track as i64 + 1);
    (first + millis * i64::from(VIDEO / 1000)) as u32
}

fn packet(it: &mut It, millis: u64, track: usize) -> i64 {
    it.packet(millis, (track, track as u32), rtp(track, millis as i64), VIDEO).pts
}

/// Calls with each order of what is left, behind what was chosen already.
fn each_order(left: &mut Vec<First>, chosen: &mut Vec<First>, check: &mut dyn FnMut(&[First])) {
    if left.is_empty() {
        return check(chosen);
    }
    for index in 0..left.len() {
        chosen.push(left.remove(index));
        each_order(left, chosen, check);
        left.extend(chosen.pop());
        let last = left.len() - 1;
        left[index..=last].rotate_right(1);
    }
}

#[test]
fn whatever_comes_first_tracks_are_brought_together_once() {
    let mut firsts = vec![First::RtpInfo];
    firsts.extend((0..MADE.len()).flat_map(|track| [First::Packet(track), First::Report(track)]));
    let mut orders = 0;
    each_order(&mut firsts, &mut Vec::new(), &mut |order| {
        orders += 1;
        let mut it = It::default();
        for first in order {
            match *first {
                First::Packet(track) => drop(packet(&mut it, 0, track)),
                // A report is of a moment a little behind the first packet, a different one for each track.
                First::Report(track) => {
                    let behind = 5 * track as i64 + 3;
                    let ntp = noon(MADE[track] + behind);
                    it.report(0, (track, track as u32), ntp, rtp(track, behind));
                }
                First::RtpInfo => {
                    let tracks = MADE.iter().enumerate();
                    it.0.set_start(None, tracks.map(|(track, made)| (track, rtp(track, -made))));
                }
            }
        }
        let mut last = [0; MADE.len()];
        for millis in (100..=4000).step_by(100) {
            last = std::array::from_fn(|track| packet(&mut it, millis, track));
        }
        for (track, made) in MADE.iter().enumerate() {
            let error = (last[track] - last[0] - made * MILLI).abs();
            assert!(error < MILLI, "{order:?}: track {track} is wrong by {error} ns");
        }
    });
    assert_eq!(orders, (1..=7).product::<usize>());
}
