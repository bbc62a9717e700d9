use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_examples::Synthetic;
use rtspan_std::Transports;
use rtspan_std::client::Publisher;
use rtspan_std::runtime::Runtime;
use serde_json::{Value, json};

use super::args::PublishArgs;
use super::dialogue::Over;
use super::process::Usage;
use crate::Failure;
use crate::args::Target;
use crate::output::{news, result, result_json};
use crate::stop::{is_interrupted, sleep, sleep_until, stop, unless_interrupted};

/// A delay that is not made up for.
const TOO_LATE: Duration = Duration::from_secs(1);
const CLOCK_RATE: f64 = 90_000.0;
/// How long a failure of one of the streams may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// The first failure of the streams.
type Failed = Arc<Mutex<Option<Failure>>>;

/// Publishes packets at a given rate.
pub(super) async fn run<R: Runtime>(args: &PublishArgs) -> Result<(), Failure> {
    let usage = || args.pid.map(Usage::of).transpose();
    let idle = usage()?;
    let mut publishers = Vec::new();
    for url in args.streams.urls()? {
        publishers.push(unless_interrupted(begin::<R>(args.transport, url)).await?);
    }
    if !args.json {
        news(format_args!("publishing at {}", args.streams.url));
    }
    let (server, start) = (usage()?, Instant::now());
    let failed = Failed::default();
    for ((publisher, url), number) in publishers.iter().zip(0..) {
        let feed = feed::<R>(Arc::clone(publisher), args, number);
        let (failed, url) = (Arc::clone(&failed), url.clone());
        let task = async move {
            if let Err(error) = feed.await {
                let failure = Failure::Publish { url, error: Box::new(error) };
                failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
            }
        };
        R::default().spawn(task).map_err(Failure::Runtime)?;
    }
    let watch = async {
        loop {
            if let Some(failure) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Err(failure);
            }
            sleep::<R>(GLANCE).await;
        }
    };
    let stopped = async {
        stop::<R>(args.seconds).await;
        Ok(())
    };
    let ended = or(watch, stopped).await;

    let elapsed = start.elapsed();
    let mut report = report(args, &publishers, elapsed);
    if let (Some(idle), Some(before), Ok(Some(after))) = (idle, server, usage()) {
        report["server"] = used(&report, &idle, &before, &after, elapsed);
    }
    if args.json {
        result_json(report);
    } else {
        print(&report);
    }
    ended
}

pub(super) async fn begin<R: Runtime>(
    over: Over,
    url: Target,
) -> Result<(Arc<Publisher<R>>, Target), Failure> {
    let transports = match over {
        Over::Udp => Transports::Udp,
        Over::Tcp => Transports::Tcp,
    };
    let builder = url.client::<R>();
    match builder.transport(transports).publish(Synthetic::description()).await {
        Ok(publisher) => Ok((Arc::new(publisher), url)),
        Err(error) => Err(Failure::Publish { url, error: Box::new(error) }),
    }
}

/// Writes the pictures of a stream when they are due, without end; those of several streams in turn.
fn feed<R: Runtime>(
    publisher: Arc<Publisher<R>>,
    args: &PublishArgs,
    number: u32,
) -> impl Future<Output = Result<(), rtspan_std::Error>> + Send + use<R> {
    let keyframe_burst = args.keyframe_burst.unwrap_or(args.burst);
    let mut synthetic = Synthetic::new(args.size, args.burst).keyframes(keyframe_burst, args.keyframe_every);
    let period = synthetic.period(args.rate.into());
    let start = Instant::now() + period.mul_f64(f64::from(number) / f64::from(args.streams.streams));
    async move {
        let mut due = start;
        let mut packets = Vec::new();
        while !is_interrupted() {
            sleep_until::<R>(due).await;
            if due.elapsed() > TOO_LATE {
                due = Instant::now();
            }
            let ticks = due.duration_since(start).as_secs_f64() * CLOCK_RATE;
            // The clock wraps around.
            synthetic.picture(ticks as u64 as u32, &mut packets);
            publisher.write_frame(0, &packets).await?;
            due += period;
        }
        Ok(())
    }
}

fn report<R: Runtime>(
    args: &PublishArgs,
    publishers: &[(Arc<Publisher<R>>, Target)],
    elapsed: Duration,
) -> Value {
    let stats = publishers.iter().filter_map(|(publisher, _)| publisher.media_stats(0));
    let (packets, payload) = stats
        .fold((0, 0), |(packets, bytes), stats| (packets + stats.sent_packets, bytes + stats.sent_octets));
    json!({
        "url": args.streams.url.to_string(),
        "transport": args.transport.as_str(),
        "streams": args.streams.streams,
        "seconds": elapsed.as_secs_f64(),
        "packets": packets,
        "packets_per_second": packets as f64 / elapsed.as_secs_f64().max(0.001),
        "payload_bytes": payload,
    })
}

/// The usage of the server: `idle` was before there were publishers, `before` when they began to send.
fn used(report: &Value, idle: &Usage, before: &Usage, after: &Usage, elapsed: Duration) -> Value {
    let streams = report["streams"].as_u64().unwrap_or(1) as usize;
    let packets = report["packets"].as_f64().unwrap_or(0.0).max(1.0);
    let mut used = after.to_json(before, elapsed);
    used["nanoseconds_per_packet"] = (after.cpu_since(before).as_nanos() as f64 / packets).into();
    used["resident_bytes_per_silent_stream"] = before.resident_since(idle, streams).into();
    used["resident_bytes_per_stream"] = after.resident_since(idle, streams).into();
    used
}

fn print(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    result(format_args!(
        "{} packets, {:.0} a second",
        report["packets"],
        number(&report["packets_per_second"])
    ));
    let server = &report["server"];
    if server.is_object() {
        result(format_args!(
            "server: {:.0} ns a packet, {:.2} cores, {:.1} KiB for each stream before its first packet, {:.1} KiB now",
            number(&server["nanoseconds_per_packet"]),
            number(&server["cores"]),
            number(&server["resident_bytes_per_silent_stream"]) / 1024.0,
            number(&server["resident_bytes_per_stream"]) / 1024.0
        ));
    }
}
