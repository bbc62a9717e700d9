use std::time::{Duration, Instant};

use rtspan_std::WithCauses;
use serde_json::{Value, json};

use super::args::ReadArgs;
use super::process::Usage;
use super::swarm::{News, Swarm};
use super::tally::Tally;
use super::trouble::Trouble;
use crate::Failure;
use crate::output::{result, result_json};
use crate::stop::is_interrupted;

/// Readers that are asking at the same time.
const ASKING_MAX: usize = 64;
/// The time after the last reader has begun to play in which nothing is measured.
const SETTLING: Duration = Duration::from_secs(1);
/// How long Ctrl-C may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// The usage between two looks.
#[derive(Debug)]
struct Used {
    /// The usage of the server without readers.
    idle: Option<Usage>,
    server: Option<[Usage; 2]>,
    own: [Usage; 2],
}

/// Reads a stream many times over and tells how it went.
pub(super) fn run(args: &ReadArgs) -> Result<(), Failure> {
    let usage = || args.measure.pid.map(Usage::of).transpose();
    let idle = usage()?;
    let urls = args.streams.urls()?.iter().map(|url| url.url().clone()).collect();
    let mut swarm = Swarm::new(urls, args.transport)
        .map_err(|trouble| Failure::Bench { url: args.streams.url.clone(), trouble: Box::new(trouble) })?;
    let mut readers = Readers { to_stall: args.stalled as usize, ..Readers::default() };
    readers.gather(&mut swarm, args)?;
    readers.wait(&mut swarm, SETTLING)?;

    swarm.restart();
    let (server, own, start) = (usage()?, Usage::own(), Instant::now());
    readers.wait(&mut swarm, Duration::from_secs(args.measure.seconds))?;
    let elapsed = start.elapsed();
    let server = server.zip(usage()?).map(|(before, after)| [before, after]);
    let used = Used { idle, server, own: [own, Usage::own()] };

    let report = report(args, &mut swarm, &readers, &used, elapsed);
    swarm.close();
    if args.measure.json {
        result_json(report);
    } else {
        print(&report);
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Readers {
    asking: usize,
    playing: usize,
    failed: usize,
    /// Those that play, but do not read; and how many more of them there are to be.
    stalled: usize,
    to_stall: usize,
    /// Why the first of them failed.
    trouble: Option<Trouble>,
    news: Vec<News>,
}

impl Readers {
    /// Has all readers play, or fail.
    fn gather(&mut self, swarm: &mut Swarm, args: &ReadArgs) -> Result<(), Failure> {
        let wanted = args.readers as usize + args.stalled as usize;
        loop {
            while self.asking < ASKING_MAX && self.count() < wanted {
                match swarm.open() {
                    Ok(_) => self.asking += 1,
                    Err(trouble) => self.fail(trouble),
                }
            }
            if is_interrupted() {
                return Err(Failure::Interrupted);
            }
            if self.asking == 0 {
                break;
            }
            self.turn(swarm, Instant::now() + GLANCE)?;
        }
        match self.trouble.take_if(|_| self.playing == 0) {
            Some(trouble) => {
                Err(Failure::Bench { url: args.streams.url.clone(), trouble: Box::new(trouble) })
            }
            None => Ok(()),
        }
    }

    /// Has them read for some time.
    fn wait(&mut self, swarm: &mut Swarm, time: Duration) -> Result<(), Failure> {
        let end = Instant::now() + time;
        while Instant::now() < end && !is_interrupted() {
            self.turn(swarm, end.min(Instant::now() + GLANCE))?;
        }
        Ok(())
    }

    fn turn(&mut self, swarm: &mut Swarm, until: Instant) -> Result<(), Failure> {
        let mut news = std::mem::take(&mut self.news);
        swarm.turn(until, &mut news).map_err(Failure::Measure)?;
        for news in news.drain(..) {
            match news {
                News::Playing(place) if self.stalled < self.to_stall => {
                    swarm.stall(place);
                    (self.asking, self.stalled) = (self.asking - 1, self.stalled + 1);
                }
                News::Playing(place) => {
                    swarm.keep_alive(place);
                    (self.asking, self.playing) = (self.asking - 1, self.playing + 1);
                }
                News::Over(_) => self.fail(Trouble::Closed),
                News::Failed { was_playing, trouble, .. } => {
                    *if was_playing { &mut self.playing } else { &mut self.asking } -= 1;
                    self.fail(trouble);
                }
            }
        }
        self.news = news;
        Ok(())
    }

    fn count(&self) -> usize {
        self.asking + self.playing + self.stalled + self.failed
    }

    fn fail(&mut self, trouble: Trouble) {
        self.failed += 1;
        self.trouble.get_or_insert(trouble);
    }
}

fn report(args: &ReadArgs, swarm: &mut Swarm, readers: &Readers, used: &Used, elapsed: Duration) -> Value {
    let silent = swarm.silent();
    let Tally { packets, bytes, lost, longest_gap, latency } = swarm.tally();
    let seconds = elapsed.as_secs_f64().max(0.001);
    let per_packet = |usage: &[Usage; 2]| {
        let [before, after] = usage;
        (*packets > 0).then(|| after.cpu_since(before).as_nanos() as f64 / *packets as f64)
    };
    let quantile = |share| latency.quantile(share).map(|time| time.as_micros());
    let mut report = json!({
        "url": args.streams.url.to_string(),
        "transport": args.transport.as_str(),
        "seconds": seconds,
        "readers": args.readers,
        "playing": readers.playing,
        "stalled": readers.stalled,
        "failed": readers.failed,
        "silent": silent,
        "packets": packets,
        "bytes": bytes,
        "packets_per_second": *packets as f64 / seconds,
        "bytes_per_second": *bytes as f64 / seconds,
        "lost": lost,
        "longest_gap_ms": longest_gap.as_secs_f64() * 1e3,
        "latency_us": { "p50": quantile(0.5), "p99": quantile(0.99), "p999": quantile(0.999), "max": quantile(1.0) },
        "trouble": readers.trouble.as_ref().map(|trouble| WithCauses(trouble).to_string()),
    });
    let [before, after] = &used.own;
    report["own"] = after.to_json(before, elapsed);
    report["own"]["nanoseconds_per_packet"] = per_packet(&used.own).into();
    if let (Some(usage), Some(idle)) = (&used.server, &used.idle) {
        let [before, after] = usage;
        report["server"] = after.to_json(before, elapsed);
        report["server"]["nanoseconds_per_packet"] = per_packet(usage).into();
        report["server"]["resident_bytes_per_reader"] = after.resident_since(idle, readers.playing).into();
    }
    report
}

fn print(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let number_of = |name: &str| number(&report[name]);
    result(format_args!(
        "{} readers over {} for {:.1} s: {} play, {} stalled, {} failed, {} got nothing",
        report["readers"],
        report["transport"].as_str().unwrap_or_default(),
        number_of("seconds"),
        report["playing"],
        report["stalled"],
        report["failed"],
        report["silent"]
    ));
    if let Some(trouble) = report["trouble"].as_str() {
        result(format_args!("the first that failed: {trouble}"));
    }
    result(format_args!(
        "{:.0} packets and {:.1} MB a second, {} lost, longest gap {:.0} ms",
        number_of("packets_per_second"),
        number_of("bytes_per_second") / 1e6,
        report["lost"],
        number_of("longest_gap_ms")
    ));
    let latency = &report["latency_us"];
    if !latency["p50"].is_null() {
        result(format_args!(
            "from writing to reading: half within {} µs, 99 % within {} µs, 99.9 % within {} µs, all within {} µs",
            latency["p50"], latency["p99"], latency["p999"], latency["max"]
        ));
    }
    for (who, usage) in [("server", &report["server"]), ("these readers", &report["own"])] {
        if usage.is_object() {
            result(format_args!(
                "{who}: {:.0} ns a packet, {:.2} cores, {:.1} MB resident",
                number(&usage["nanoseconds_per_packet"]),
                number(&usage["cores"]),
                number(&usage["resident_bytes"]) / 1e6
            ));
        }
    }
    if let Some(bytes) = report["server"]["resident_bytes_per_reader"].as_f64() {
        result(format_args!("server: {:.1} KiB more for each reader", bytes / 1024.0));
    }
}
