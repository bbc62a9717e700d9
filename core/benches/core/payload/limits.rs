//! Holds packetizers against bare copies of the same bytes, and depacketizers against a time, all in one run.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures time")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use divan::black_box;

use super::samples::{FORMATS, Sample};

/// Formats that the limits are for.
const LIMITED: [&str; 2] = ["h264", "h265"];
/// How many times as long a packetizer may take as a copy of each payload to a buffer of its own.
const PACKETIZE_TIMES: f64 = 1.5;
/// Nanoseconds that a depacketizer may take for a packet.
const DEPACKETIZE_NANOS: f64 = 40.0;

const ROUNDS: usize = 5_000;

/// The medians of all rounds, in nanoseconds for each packet.
struct Row {
    copy: f64,
    owned_copy: f64,
    packetize: f64,
    depacketize: f64,
}

/// Prints a row for each format, and fails if a limited one is over a limit.
///
/// `copy` goes into buffers that there are already; `owned` makes a buffer for each packet, since packets own their memory.
/// Behind what a packetizer takes stand its ratios to both.
pub(crate) fn compare() -> ExitCode {
    println!("{:>12} {:>8} {:>8} {:>19} {:>14}", "ns a packet", "copy", "owned", "packetize", "depacketize");
    let mut failures = 0;
    for name in FORMATS {
        let Row { copy, owned_copy, packetize, depacketize } = Row::of(&Sample::of(name));
        let (ratio, owned_ratio) = (packetize / copy, packetize / owned_copy);
        let is_over = owned_ratio > PACKETIZE_TIMES || depacketize > DEPACKETIZE_NANOS;
        let verdict = if is_over && LIMITED.contains(&name) { "  << over a limit" } else { "" };
        failures += usize::from(!verdict.is_empty());
        println!(
            "{name:>12} {copy:>8.1} {owned_copy:>8.1} {packetize:>8.1} {ratio:>5.2} {owned_ratio:>4.2} \
             {depacketize:>14.1}{verdict}"
        );
    }
    if failures > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

impl Row {
    /// A round does everything once, one right behind the other, so that all see the same machine. Memory is given back
    /// outside of the time.
    fn of(sample: &Sample) -> Self {
        let packets = sample.packets();
        let (mut packetizer, mut depacketizer) = (sample.packetizer(), sample.depacketizer());
        let mut copies: Vec<Vec<u8>> = packets.iter().map(|packet| packet.payload().to_vec()).collect();
        let mut owned_copies = Vec::with_capacity(packets.len());
        let mut made = Vec::with_capacity(packets.len());
        let mut units = Vec::with_capacity(packets.len());
        let rounds: Vec<[Duration; 4]> = (0..ROUNDS)
            .map(|_| {
                let copy = time(|| {
                    for (copy, packet) in copies.iter_mut().zip(black_box(&packets)) {
                        copy.copy_from_slice(packet.payload());
                    }
                    black_box(&copies);
                });
                let owned_copy = time(|| {
                    owned_copies.extend(black_box(&packets).iter().map(|packet| packet.payload().to_vec()));
                });
                black_box(&mut owned_copies).clear();
                let packetize = time(|| black_box(sample).packetize(&mut packetizer, &mut made));
                black_box(&mut made).clear();
                let depacketize = time(|| {
                    for packet in black_box(&packets) {
                        depacketizer.push(packet, 0).expect("a packet in order");
                        units.extend(depacketizer.poll());
                    }
                });
                black_box(&mut units).clear();
                [copy, owned_copy, packetize, depacketize]
            })
            .collect();
        let [copy, owned_copy, packetize, depacketize] = [0, 1, 2, 3].map(|step| {
            let mut times: Vec<Duration> = rounds.iter().map(|round| round[step]).collect();
            times.sort_unstable();
            times[ROUNDS / 2].as_nanos() as f64 / packets.len() as f64
        });
        Self { copy, owned_copy, packetize, depacketize }
    }
}

fn time(step: impl FnOnce()) -> Duration {
    let start = Instant::now();
    step();
    start.elapsed()
}
