//! Predicts how the fan-out of one stream scales to more cores than there are here: `cores`.
//!
//! It plays through one burst, step by step as the server takes them (`runtime-std/src/server/registry.rs` and `conn.rs`),
//! and follows each cache line that cores share: who has it, and until when. A line that another core has is fetched,
//! which takes as long as is measured here between two cores; while it is fetched nobody else gets it. All else is work of
//! a core for itself: the system's part, which is taken to scale, as it does by sockets.

use std::collections::HashMap;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// Nanoseconds of an access to a line that the core has.
const HIT: f64 = 5.0;
/// Nanoseconds of a reader's turn beside its shared lines: the task, and a `writev` of its first packet and of each more.
const TURN: f64 = 3_000.0;
const PACKET: f64 = 500.0;
/// Nanoseconds of putting a task into a queue, beside the lines of the task.
const QUEUE: f64 = 30.0;
/// Lines of a log's packets that a burst of one packet touches.
const LOG_LINES: usize = 2;

/// The lines that cores share.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Line {
    /// The lock of the log, and one of its packets.
    Lock,
    Log(usize),
    /// The lock of the list of those who are woken; of a part of it.
    List(usize),
    /// The counts of a block's owners.
    Block(usize),
    /// A reader's flag with its waker, and its task.
    Wake(usize),
    Task(usize),
}

/// The core that has a line, and the time until which it is on its way.
#[derive(Clone, Debug, Default)]
struct Held {
    by: Vec<usize>,
    free: f64,
}

struct Machine {
    /// The time of each core.
    time: Vec<f64>,
    lines: HashMap<Line, Held>,
    fetch: f64,
    fetched: u64,
}

impl Machine {
    fn new(cores: usize, fetch: f64) -> Self {
        Self { time: vec![0.0; cores], lines: HashMap::new(), fetch, fetched: 0 }
    }

    fn access(&mut self, core: usize, line: Line, writes: bool) {
        let held = self.lines.entry(line).or_default();
        let is_there = if writes { held.by == [core] } else { held.by.contains(&core) };
        if is_there {
            self.time[core] += HIT;
            return;
        }
        self.fetched += 1;
        self.time[core] = self.time[core].max(held.free) + self.fetch;
        held.free = self.time[core];
        if writes {
            held.by.clear();
        }
        held.by.push(core);
    }

    fn write(&mut self, core: usize, line: Line) {
        self.access(core, line, true);
    }

    fn read(&mut self, core: usize, line: Line) {
        self.access(core, line, false);
    }
}

#[derive(Clone, Copy)]
struct Work {
    readers: usize,
    burst: usize,
    /// Readers that are woken by one of them, instead of by the publisher; all by the publisher if it is 0.
    group: usize,
}

/// The time of one burst, and the lines that were fetched for it: that of the second one, when all is where it belongs.
fn burst(cores: usize, fetch: f64, work: Work) -> (f64, u64) {
    let mut machine = Machine::new(cores, fetch);
    let mut last = (0.0, 0);
    for _ in 0..3 {
        let (start, before) = (machine.time.iter().copied().fold(0.0, f64::max), machine.fetched);
        machine.time.fill(start);
        machine.lines.values_mut().for_each(|held| held.free = held.free.min(start));
        play(&mut machine, work);
        last = (machine.time.iter().copied().fold(0.0, f64::max) - start, machine.fetched - before);
    }
    last
}

fn play(machine: &mut Machine, Work { readers, burst, group }: Work) {
    let cores = machine.time.len();
    let logs = burst * LOG_LINES;
    // Each reader stays on its core; the publisher is on the first.
    let core_of = |reader: usize| reader % cores;
    machine.write(0, Line::Lock);
    (0..logs).for_each(|line| machine.write(0, Line::Log(line)));
    machine.write(0, Line::Lock);
    // When each reader is woken, and by whom those of its group are.
    let mut ready = vec![0.0; readers];
    let wake = |machine: &mut Machine, core: usize, reader: usize, ready: &mut Vec<f64>| {
        machine.write(core, Line::Wake(reader));
        machine.write(core, Line::Task(reader));
        machine.time[core] += QUEUE;
        ready[reader] = machine.time[core];
    };
    // The readers of a core that wake others come first, in the order in which they are woken.
    let leads = |reader: usize| group > 0 && reader < readers.div_ceil(group);
    let groups = if group == 0 { 0 } else { readers.div_ceil(group) };
    machine.write(0, Line::List(0));
    let by_publisher = if group == 0 { readers } else { groups };
    (0..by_publisher).for_each(|reader| wake(machine, 0, reader, &mut ready));
    let mut has_copied = vec![false; cores];
    for reader in 0..readers {
        let core = core_of(reader);
        if !leads(reader) && group > 0 {
            continue;
        }
        turn(machine, core, reader, burst, logs, ready[reader], &mut has_copied);
        if group > 0 {
            machine.write(core, Line::List(1 + reader));
            let followers = (reader + groups..readers).step_by(groups);
            followers.for_each(|follower| wake(machine, core, follower, &mut ready));
        }
    }
    for reader in by_publisher..readers {
        turn(machine, core_of(reader), reader, burst, logs, ready[reader], &mut has_copied);
    }
}

/// A reader has its turn.
fn turn(machine: &mut Machine, core: usize, reader: usize, burst: usize, logs: usize, ready: f64, copied: &mut [bool]) {
    machine.time[core] = machine.time[core].max(ready);
    machine.write(core, Line::Task(reader));
    machine.write(core, Line::Wake(reader));
    machine.write(core, Line::Lock);
    (0..logs).for_each(|line| machine.read(core, Line::Log(line)));
    if !std::mem::replace(&mut copied[core], true) {
        // The thread keeps the packets, and lets those of the burst before go.
        (0..2 * burst).for_each(|packet| machine.write(core, Line::Block(packet / 44)));
    }
    machine.write(core, Line::Lock);
    machine.time[core] += TURN + PACKET * burst as f64;
}

/// Nanoseconds in which a line gets from one core to the other: the least of many rounds, as others use the cores as well.
fn measure() -> f64 {
    const ROUNDS: usize = 200;
    const TURNS: u64 = 10_000;
    let round = || {
        let line = AtomicU64::new(0);
        let play = |own: u64| {
            for turn in (own..TURNS).step_by(2) {
                while line.load(Ordering::Acquire) != turn {
                    spin_loop();
                }
                line.store(turn + 1, Ordering::Release);
            }
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                play(0);
                Instant::now()
            });
            while line.load(Ordering::Acquire) == 0 {
                spin_loop();
            }
            let start = Instant::now();
            play(1);
            first.join().map_or(f64::INFINITY, |end| end.duration_since(start).as_nanos() as f64)
        })
    };
    (0..ROUNDS).map(|_| round() / TURNS as f64).fold(f64::INFINITY, f64::min)
}

fn main() {
    let fetch = std::env::args().nth(1).and_then(|given| given.parse().ok()).unwrap_or_else(measure);
    println!("a line gets from core to core in {fetch:.0} ns");
    println!("readers burst group: for each number of cores, million packets a second (share of what that many would do apart; lines fetched for a reader)");
    for (readers, packets) in [(1_000, 20), (1_000, 1), (10_000, 20), (10_000, 1)] {
        for group in [0, 64] {
            print!("{readers:>6} {packets:>3} {group:>3}:");
            for cores in [1, 2, 4, 16, 64] {
                let (time, fetched) = burst(cores, fetch, Work { readers, burst: packets, group });
                let alone = burst(1, fetch, Work { readers, burst: packets, group: 0 }).0 / cores as f64;
                let rate = (readers * packets) as f64 * 1e3 / time;
                let share = 100.0 * alone / time;
                print!("  {cores}: {rate:.2} ({share:.0} %; {:.1})", fetched as f64 / readers as f64);
            }
            println!();
        }
    }
}
