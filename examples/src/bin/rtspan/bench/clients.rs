use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rtspan_std::client::Client;
use rtspan_std::runtime::Runtime;
use rtspan_std::{ReconnectPolicy, Transports};
use serde_json::{Value, json};

use super::args::ClientsArgs;
use super::dialogue::Over;
use super::process::Usage;
use crate::Failure;
use crate::args::Target;
use crate::output::{result, result_json};
use crate::stop::{is_interrupted, sleep, unless_interrupted};

/// A camera that does not play so long after its turn is not waited for.
const PLAYS_BY: Duration = Duration::from_secs(20);
/// Packets that come so soon after the last client has begun to play are not measured.
const SETTLING: Duration = Duration::from_secs(1);
/// The time between two looks at the clients.
const GLANCE: Duration = Duration::from_millis(50);

/// Counts of all clients.
#[derive(Debug, Default)]
struct Counts {
    playing: AtomicU64,
    failed: AtomicU64,
    packets: AtomicU64,
    bytes: AtomicU64,
    lost: AtomicU64,
    reconnects: AtomicU64,
}

/// Stays connected to many cameras, and tells what that costs this process, and the one that serves them.
pub(super) async fn run<R: Runtime>(args: &ClientsArgs) -> Result<(), Failure> {
    let idle = Usage::own();
    let server = || args.measure.pid.map(Usage::of).transpose();
    let counts = Arc::new(Counts::default());
    let (paused, pauses) = mpsc::channel();
    let paused = args.paused.then_some(paused);
    let urls = args.streams.urls()?;
    let started = Instant::now();
    for (number, url) in (0..args.clients).zip(urls.iter().cycle()) {
        let start = Duration::from_secs(args.spread).mul_f64(f64::from(number) / f64::from(args.clients));
        let camera = watch::<R>(start, url.clone(), args.transport, Arc::clone(&counts), paused.clone());
        R::default().spawn(camera).map_err(Failure::Runtime)?;
    }
    let until = started + Duration::from_secs(args.spread) + PLAYS_BY;
    let begun = || counts.playing.load(Ordering::Relaxed) + counts.failed.load(Ordering::Relaxed);
    while begun() < args.clients.into() && Instant::now() < until && !is_interrupted() {
        sleep::<R>(GLANCE).await;
    }
    pause::<R>(SETTLING).await?;
    let resting: Vec<Client<R>> = pauses.try_iter().collect();
    let said = spoken(&resting);
    let (served, before, start) = (server()?, Usage::own(), Instant::now());
    let (packets, bytes) = (counts.packets.load(Ordering::Relaxed), counts.bytes.load(Ordering::Relaxed));
    pause::<R>(Duration::from_secs(args.measure.seconds)).await?;
    let (after, elapsed) = (Usage::own(), start.elapsed());
    let served = served.zip(server()?);
    let packets = counts.packets.load(Ordering::Relaxed) - packets;
    let mut report = json!({
        "url": args.streams.url.to_string(),
        "transport": args.transport.as_str(),
        "clients": args.clients,
        "playing": counts.playing.load(Ordering::Relaxed),
        "failed": counts.failed.load(Ordering::Relaxed),
        "reconnects": counts.reconnects.load(Ordering::Relaxed),
        "seconds": elapsed.as_secs_f64(),
        "packets": packets,
        "bytes": counts.bytes.load(Ordering::Relaxed) - bytes,
        "packets_per_second": packets as f64 / elapsed.as_secs_f64().max(0.001),
        "lost": counts.lost.load(Ordering::Relaxed),
    });
    report["own"] = after.to_json(&before, elapsed);
    let per_packet =
        |[before, after]: [&Usage; 2]| after.cpu_since(before).as_nanos() as f64 / packets.max(1) as f64;
    report["own"]["nanoseconds_per_packet"] = per_packet([&before, &after]).into();
    if let Some((before, after)) = &served {
        report["server"] = after.to_json(before, elapsed);
        report["server"]["nanoseconds_per_packet"] = per_packet([before, after]).into();
    }
    report["own"]["resident_bytes_per_client"] = after.resident_since(&idle, args.clients as usize).into();
    if args.paused {
        let said = spoken(&resting) - said;
        let cost = |[before, after]: [&Usage; 2]| {
            let an_hour = |of_all: f64| of_all * 3600.0 / elapsed.as_secs_f64() / resting.len().max(1) as f64;
            json!({
                "wakeups": an_hour(after.wakeups_since(before) as f64),
                "cpu_milliseconds": an_hour(after.cpu_since(before).as_secs_f64() * 1e3),
                "bytes": an_hour(said as f64),
            })
        };
        report["own"]["hour_of_a_client"] = cost([&before, &after]);
        if let Some((before, after)) = &served {
            report["server"]["hour_of_a_client"] = cost([before, after]);
        }
    }
    if args.measure.json {
        result_json(report);
    } else {
        print(&report);
    }
    Ok(())
}

/// The bytes of all that clients and their server have said.
fn spoken<R: Runtime>(clients: &[Client<R>]) -> u64 {
    clients.iter().map(|client| client.stats().conn).map(|conn| conn.bytes_received + conn.bytes_sent).sum()
}

async fn pause<R: Runtime>(time: Duration) -> Result<(), Failure> {
    unless_interrupted(async {
        sleep::<R>(time).await;
        Ok(())
    })
    .await
}

/// Plays one camera when its turn has come, and stays connected to it. If there is a place for those that pause, it pauses, and is
/// told there.
async fn watch<R: Runtime>(
    start: Duration,
    url: Target,
    over: Over,
    counts: Arc<Counts>,
    paused: Option<mpsc::Sender<Client<R>>>,
) {
    sleep::<R>(start).await;
    let transports = match over {
        Over::Udp => Transports::Udp,
        Over::Tcp => Transports::Tcp,
    };
    let builder = url.client::<R>();
    let policy = ReconnectPolicy::default();
    let Ok(mut packets) = builder.transport(transports).reconnect(policy).play().await else {
        counts.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    if let Some(paused) = paused {
        if packets.client().pause().await.is_err() {
            counts.failed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Nobody takes it where the measurement was given up.
        let _ = paused.send(packets.client().clone());
    }
    counts.playing.fetch_add(1, Ordering::Relaxed);
    let mut reconnects = 0;
    while let Some(Ok(received)) = packets.next().await {
        counts.packets.fetch_add(1, Ordering::Relaxed);
        counts.bytes.fetch_add(received.packet.len() as u64, Ordering::Relaxed);
        counts.lost.fetch_add(received.lost.into(), Ordering::Relaxed);
        if received.time.begins_anew {
            let own = packets.client().reconnects();
            counts.reconnects.fetch_add(own - reconnects, Ordering::Relaxed);
            reconnects = own;
        }
    }
    counts.failed.fetch_add(1, Ordering::Relaxed);
}

fn print(report: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(0.0);
    let own = &report["own"];
    result(format_args!(
        "{} of {} cameras play, {} failed, {} reconnects; {} packets, {:.0} a second, {} lost",
        report["playing"],
        report["clients"],
        report["failed"],
        report["reconnects"],
        report["packets"],
        number(&report["packets_per_second"]),
        report["lost"]
    ));
    result(format_args!(
        "this process: {:.0} ns a packet, {:.2} cores, {:.1} KiB for each camera",
        number(&own["nanoseconds_per_packet"]),
        number(&own["cores"]),
        number(&own["resident_bytes_per_client"]) / 1024.0
    ));
    let server = &report["server"];
    if server.is_object() {
        result(format_args!(
            "server: {:.0} ns a packet, {:.2} cores",
            number(&server["nanoseconds_per_packet"]),
            number(&server["cores"])
        ));
    }
    for (who, of) in [("here", own), ("at the server", server)] {
        let hour = &of["hour_of_a_client"];
        if hour.is_object() {
            result(format_args!(
                "a paused session for an hour, {who}: {:.0} wake-ups, {:.1} ms of the processor, {:.0} bytes",
                number(&hour["wakeups"]),
                number(&hour["cpu_milliseconds"]),
                number(&hour["bytes"])
            ));
        }
    }
}
