use std::collections::HashMap;
use std::time::{Duration, Instant};

use rtspan_std::WithCauses;
use serde_json::{Value, json};

use super::args::ChurnArgs;
use super::process::Usage;
use super::swarm::{News, Swarm};
use super::tally::Times;
use super::trouble::Trouble;
use crate::Failure;
use crate::output::{result, result_json};
use crate::stop::is_interrupted;

/// How long Ctrl-C may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// Counts of the cycles.
#[derive(Debug, Default)]
struct Cycles {
    done: u64,
    failed: u64,
    trouble: Option<Trouble>,
    times: Times,
}

/// Opens and closes sessions, and tells how it went.
pub(super) fn run(args: &ChurnArgs) -> Result<(), Failure> {
    let failed = |trouble| Failure::Bench { url: args.url.clone(), trouble: Box::new(trouble) };
    let usage = || args.measure.pid.map(Usage::of).transpose();
    let mut swarm = Swarm::new(vec![args.url.url().clone()], args.transport).map_err(failed)?;
    let (server, own, start) = (usage()?, Usage::own(), Instant::now());
    let mut cycles = Cycles::default();
    churn(args, &mut swarm, &mut cycles)?;
    let elapsed = start.elapsed();
    let (server, own) = (server.zip(usage()?), (own, Usage::own()));
    swarm.close();
    if let Some(trouble) = cycles.trouble.take_if(|_| cycles.done == 0) {
        return Err(failed(trouble));
    }
    let report = report(args, &cycles, server, own, elapsed);
    if args.measure.json {
        result_json(report);
    } else {
        print(&report);
    }
    Ok(())
}

fn churn(args: &ChurnArgs, swarm: &mut Swarm, cycles: &mut Cycles) -> Result<(), Failure> {
    let wanted = args.concurrency as usize;
    let end = Instant::now() + Duration::from_secs(args.measure.seconds);
    // When each began.
    let mut open = HashMap::new();
    let mut news = Vec::new();
    while Instant::now() < end && !is_interrupted() {
        while open.len() < wanted && !cycles.is_hopeless(wanted) {
            match swarm.open() {
                Ok(place) => drop(open.insert(place, Instant::now())),
                Err(trouble) => {
                    cycles.fail(trouble);
                    break;
                }
            }
        }
        if cycles.is_hopeless(wanted) {
            break;
        }
        swarm.turn(end.min(Instant::now() + GLANCE), &mut news).map_err(Failure::Measure)?;
        for news in news.drain(..) {
            match news {
                News::Playing(place) => swarm.tear_down(place),
                News::Over(place) => {
                    cycles.done += 1;
                    if let Some(begun) = open.remove(&place) {
                        cycles.times.take(begun.elapsed());
                    }
                }
                News::Failed { place, trouble, .. } => {
                    open.remove(&place);
                    cycles.fail(trouble);
                }
            }
        }
    }
    Ok(())
}

impl Cycles {
    fn fail(&mut self, trouble: Trouble) {
        self.failed += 1;
        self.trouble.get_or_insert(trouble);
    }

    /// Returns `true` if it makes no sense to try again.
    fn is_hopeless(&self, concurrency: usize) -> bool {
        self.done == 0 && self.failed > 2 * concurrency as u64
    }
}

fn report(
    args: &ChurnArgs,
    cycles: &Cycles,
    server: Option<(Usage, Usage)>,
    own: (Usage, Usage),
    elapsed: Duration,
) -> Value {
    let quantile = |share| cycles.times.quantile(share).map(|time| time.as_micros());
    let seconds = elapsed.as_secs_f64().max(0.001);
    let mut report = json!({
        "url": args.url.to_string(),
        "transport": args.transport.as_str(),
        "concurrency": args.concurrency,
        "seconds": seconds,
        "cycles": cycles.done,
        "cycles_per_second": cycles.done as f64 / seconds,
        "failed": cycles.failed,
        "trouble": cycles.trouble.as_ref().map(|trouble| WithCauses(trouble).to_string()),
        "cycle_us": { "p50": quantile(0.5), "p99": quantile(0.99), "max": quantile(1.0) },
    });
    for (who, usage) in [("server", server), ("own", Some(own))] {
        let Some((before, after)) = usage else { continue };
        report[who] = after.to_json(&before, elapsed);
        report[who]["microseconds_per_cycle"] =
            (after.cpu_since(&before).as_secs_f64() * 1e6 / cycles.done.max(1) as f64).into();
    }
    report
}

fn print(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    result(format_args!(
        "{} sessions of {} at once, {:.0} a second, {} failed",
        report["cycles"],
        report["concurrency"],
        number(&report["cycles_per_second"]),
        report["failed"]
    ));
    if let Some(trouble) = report["trouble"].as_str() {
        result(format_args!("the first that failed: {trouble}"));
    }
    let times = &report["cycle_us"];
    result(format_args!(
        "half within {} µs, 99 % within {} µs, all within {} µs",
        times["p50"], times["p99"], times["max"]
    ));
    for (who, usage) in [("server", &report["server"]), ("this side", &report["own"])] {
        if usage.is_object() {
            result(format_args!(
                "{who}: {:.1} µs a session, {:.2} cores, {:.1} MB resident",
                number(&usage["microseconds_per_cycle"]),
                number(&usage["cores"]),
                number(&usage["resident_bytes"]) / 1e6
            ));
        }
    }
}
