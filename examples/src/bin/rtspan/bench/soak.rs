use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rtspan_std::runtime::Runtime;
use serde_json::{Map, Value, json};

mod control;
mod crowd;
mod flat;

use control::Control;
use crowd::Counts;
use flat::{Bound, Series};

use super::args::SoakArgs;
use super::dialogue::Over;
use super::process::Holdings;
use super::publish;
use super::swarm::{News, Swarm};
use super::tally::Tally;
use super::trouble::Trouble;
use crate::Failure;
use crate::output::{result, result_json};
use crate::stop::{is_interrupted, sleep};

/// How long the end may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// Memory: the allocator keeps some in pieces.
const MEMORY: Bound = Bound { share: 0.05, least: 4e6 };
/// Descriptors and threads of those who are just coming and going.
const COUNT: Bound = Bound { share: 0.05, least: 8.0 };
/// Microseconds.
const LATENCY: Bound = Bound { share: 0.5, least: 500.0 };

/// One look at everything.
#[derive(Clone, Copy, Debug)]
struct Look {
    server: Option<Holdings>,
    own: Option<Holdings>,
    /// Of the readers that stay, over TCP and over UDP.
    tcp: Interval,
    udp: Interval,
    /// Microseconds that most datagrams between two threads of this process took, however busy others keep the machine.
    control: f64,
}

/// Counts of readers that stay, since the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Interval {
    packets: u64,
    lost: u64,
    /// Microseconds within which half, 99 % and 99.9 % of the packets came.
    latency: [f64; 3],
}

/// Has publishers, readers and sessions come and go, and tells whether anything has grown.
pub(super) async fn run<R: Runtime>(args: &SoakArgs) -> Result<(), Failure> {
    let counts = Arc::new(Counts::default());
    begin::<R>(args, &counts).await?;
    let start = Instant::now();
    let [tcp, udp] = [Over::Tcp, Over::Udp].map(|over| Steady::begin(args, over, &counts));
    let churn = [Over::Tcp, Over::Udp].map(|over| churn(args, over, &counts));

    let control = Control::begin(&counts).map_err(Failure::Measure)?;
    let mut looks = Vec::new();
    let whole = Duration::from_secs(args.measure.seconds);
    while looks.len() < args.samples as usize && !is_interrupted() {
        let next = start + whole * (looks.len() as u32 + 1) / args.samples;
        while Instant::now() < next && !is_interrupted() {
            sleep::<R>(GLANCE.min(next.saturating_duration_since(Instant::now()))).await;
        }
        let server = args.measure.pid.map(Holdings::of).transpose()?;
        let own = Holdings::of(std::process::id()).ok();
        let Some((tcp, udp)) = tcp.look().zip(udp.look()) else { break };
        looks.push(Look { server, own, tcp, udp, control: control.look() });
    }
    counts.end();
    for thread in churn.into_iter().chain([tcp.thread, udp.thread]) {
        thread.join().unwrap_or_else(|_| Err(Failure::Measure(ErrorKind::Other.into())))?;
    }

    let control = Series::new("control p99", LATENCY, looks.iter().map(|look| look.control));
    let series = series(&looks, &control);
    let mut report = report(args, &looks, &series, &counts, start.elapsed());
    report["control_p99"] = control.to_json();
    if args.measure.json {
        result_json(report);
    } else {
        print(&report);
    }
    let grown: Vec<_> = series.iter().filter(|series| !series.is_flat()).map(|series| series.name).collect();
    if grown.is_empty() { Ok(()) } else { Err(Failure::Grown { grown: grown.join(", ") }) }
}

/// Has the publisher that stays begin, and those that come and go with their clients.
async fn begin<R: Runtime>(args: &SoakArgs, counts: &Arc<Counts>) -> Result<(), Failure> {
    let (publisher, _) = publish::begin::<R>(Over::Tcp, args.url.clone()).await?;
    let stay = crowd::stay::<R>(publisher, args.rate, Arc::clone(counts));
    R::default().spawn(stay).map_err(Failure::Runtime)?;
    for number in 0..args.publishers {
        let url = args.url.numbered(number).map_err(|_| Failure::NoPath { url: args.url.clone() })?;
        let publisher = crowd::publish::<R>(url.clone(), number, args.rate, Arc::clone(counts));
        R::default().spawn(publisher).map_err(Failure::Runtime)?;
        R::default().spawn(crowd::watch::<R>(url, Arc::clone(counts))).map_err(Failure::Runtime)?;
    }
    Ok(())
}

/// Readers that stay, in a thread of their own.
struct Steady {
    /// Those who want to see the counts.
    looks: Sender<Sender<Interval>>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl Steady {
    fn begin(args: &SoakArgs, over: Over, counts: &Arc<Counts>) -> Self {
        let (looks, wanted) = channel::<Sender<Interval>>();
        let (args, counts) = (args.clone(), Arc::clone(counts));
        let thread = thread::spawn(move || {
            let mut swarm = swarm(&args, over)?;
            let mut news = Vec::new();
            for _ in 0..args.readers {
                swarm.open().map_err(|trouble| failed(&args, trouble))?;
            }
            while !counts.is_over() {
                swarm.turn(Instant::now() + GLANCE, &mut news).map_err(Failure::Measure)?;
                for news in news.drain(..) {
                    match news {
                        News::Playing(place) => swarm.keep_alive(place),
                        News::Over(_) => return Err(failed(&args, Trouble::Closed)),
                        News::Failed { trouble, .. } => return Err(failed(&args, trouble)),
                    }
                }
                for look in wanted.try_iter() {
                    // The one that has asked may have gone.
                    let _ = look.send(Interval::of(swarm.tally()));
                    swarm.restart();
                }
            }
            swarm.close();
            Ok(())
        });
        Self { looks, thread }
    }

    /// The counts since the last look; nothing if the readers are gone, which their thread then tells.
    fn look(&self) -> Option<Interval> {
        let (look, seen) = channel();
        self.looks.send(look).ok()?;
        seen.recv().ok()
    }
}

impl Interval {
    fn of(tally: &Tally) -> Self {
        let latency = [0.5, 0.99, 0.999]
            .map(|share| tally.latency.quantile(share).map_or(0.0, |time| time.as_micros() as f64));
        Self { packets: tally.packets, lost: tally.lost, latency }
    }
}

fn swarm(args: &SoakArgs, over: Over) -> Result<Swarm, Failure> {
    Swarm::new(vec![args.url.url().clone()], over).map_err(|trouble| failed(args, trouble))
}

fn failed(args: &SoakArgs, trouble: Trouble) -> Failure {
    Failure::Bench { url: args.url.clone(), trouble: Box::new(trouble) }
}

/// Has sessions come and go, in a thread of their own.
fn churn(args: &SoakArgs, over: Over, counts: &Arc<Counts>) -> JoinHandle<Result<(), Failure>> {
    let (args, counts) = (args.clone(), Arc::clone(counts));
    thread::spawn(move || {
        crowd::churn(&mut swarm(&args, over)?, args.concurrency, &counts).map_err(Failure::Measure)
    })
}

fn series(looks: &[Look], control: &Series) -> Vec<Series> {
    let held = |name, bound, of: fn(&Look) -> Option<Holdings>, what: fn(Holdings) -> u64| {
        Series::new(name, bound, looks.iter().filter_map(of).map(|held| what(held) as f64))
    };
    // An age that is longer everywhere has not grown here.
    let bound = Bound { share: LATENCY.share + control.growth_share().max(0.0), ..LATENCY };
    let late = |name, of: fn(&Look) -> f64| Series::new(name, bound, looks.iter().map(of));
    vec![
        held("server memory", MEMORY, |look| look.server, |held| held.resident),
        held("server descriptors", COUNT, |look| look.server, |held| held.descriptors),
        held("server threads", COUNT, |look| look.server, |held| held.threads),
        held("own memory", MEMORY, |look| look.own, |held| held.resident),
        held("own descriptors", COUNT, |look| look.own, |held| held.descriptors),
        held("own threads", COUNT, |look| look.own, |held| held.threads),
        late("TCP p50", |look| look.tcp.latency[0]),
        late("TCP p99", |look| look.tcp.latency[1]),
        late("TCP p99.9", |look| look.tcp.latency[2]),
        late("UDP p50", |look| look.udp.latency[0]),
        late("UDP p99", |look| look.udp.latency[1]),
        late("UDP p99.9", |look| look.udp.latency[2]),
    ]
}

fn report(args: &SoakArgs, looks: &[Look], series: &[Series], counts: &Counts, elapsed: Duration) -> Value {
    let sum = |of: fn(&Look) -> u64| looks.iter().map(of).sum::<u64>();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let series: Map<_, _> = series.iter().map(|series| (series.name.to_owned(), series.to_json())).collect();
    json!({
        "url": args.url.to_string(),
        "seconds": elapsed.as_secs_f64(),
        "looks": looks.len(),
        "packets": sum(|look| look.tcp.packets + look.udp.packets),
        "lost_tcp": sum(|look| look.tcp.lost),
        "lost_udp": sum(|look| look.udp.lost),
        "sessions": count(&counts.sessions),
        "vanished": count(&counts.vanished),
        "publishers": count(&counts.publishers),
        "publishers_refused": count(&counts.refused),
        "reconnects": count(&counts.reconnects),
        "failed": count(&counts.failed),
        "series": series,
    })
}

fn print(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    result(format_args!(
        "{} sessions came and went in {:.0} s, {} vanished, {} failed; {} publishers, {} refused at first; {} \
         reconnects",
        report["sessions"],
        number(&report["seconds"]),
        report["vanished"],
        report["failed"],
        report["publishers"],
        report["publishers_refused"],
        report["reconnects"]
    ));
    result(format_args!(
        "{} packets for the readers that stayed, {} lost over TCP, {} over UDP",
        report["packets"], report["lost_tcp"], report["lost_udp"]
    ));
    let control = &report["control_p99"];
    result(format_args!(
        "99 % of datagrams between two threads, in µs: {} first, {} median, {} last; the machine itself",
        control["first"], control["median"], control["last"]
    ));
    for (name, series) in report["series"].as_object().into_iter().flatten() {
        result(format_args!(
            "{name}: {:.0} first, {:.0} median, {:.0} last; grown by {:.0}, {:.0} allowed{}",
            number(&series["first"]),
            number(&series["median"]),
            number(&series["last"]),
            number(&series["growth"]),
            number(&series["allowed"]),
            if series["flat"] == true { "" } else { ": NOT FLAT" }
        ));
    }
}
