use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_lite::future::or;
use rtspan_examples::Synthetic;
use rtspan_std::Transports;
use rtspan_std::client::{Client, Publisher};
use rtspan_std::runtime::Runtime;
use serde_json::json;

use super::args::PublishArgs;
use super::dialogue::Over;
use crate::Failure;
use crate::args::Target;
use crate::stop::{is_interrupted, sleep, sleep_until, stop, unless_interrupted};

/// A delay that is not made up for.
const TOO_LATE: Duration = Duration::from_secs(1);
const CLOCK_RATE: f64 = 90_000.0;
/// How long a failure of one of the streams may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// What the streams tell.
type Failed = Arc<Mutex<Option<Failure>>>;

/// Publishes packets at a given rate.
pub(super) async fn run<R: Runtime>(args: &PublishArgs) -> Result<(), Failure> {
    let mut publishers = Vec::new();
    for number in 0..args.streams {
        let url = url_of(args, number);
        publishers.push(unless_interrupted(begin::<R>(args, url)).await?);
    }
    if !args.json {
        println!("publishing at {}", args.url);
    }
    let start = Instant::now();
    let failed = Failed::default();
    for (publisher, url) in &publishers {
        let feed = feed::<R>(Arc::clone(publisher), args.rate, Synthetic::new(args.size, args.burst));
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

    let elapsed = start.elapsed().as_secs_f64();
    let stats = publishers.iter().filter_map(|(publisher, _)| publisher.stats(0));
    let (packets, payload) = stats
        .fold((0, 0), |(packets, bytes), stats| (packets + stats.sent_packets, bytes + stats.sent_octets));
    if args.json {
        let report = json!({
            "url": args.url.to_string(),
            "transport": args.transport.as_str(),
            "streams": args.streams,
            "seconds": elapsed,
            "packets": packets,
            "packets_per_second": packets as f64 / elapsed,
            "payload_bytes": payload,
        });
        println!("{report}");
    } else {
        println!("{packets} packets, {:.0} a second", packets as f64 / elapsed);
    }
    ended
}

/// One stream is at the URL itself, several are beside each other.
fn url_of(args: &PublishArgs, number: u32) -> Target {
    if args.streams == 1 {
        return args.url.clone();
    }
    let text = format!("{}-{number}", args.url.as_str());
    text.parse().unwrap_or_else(|_| args.url.clone())
}

async fn begin<R: Runtime>(args: &PublishArgs, url: Target) -> Result<(Arc<Publisher>, Target), Failure> {
    let transports = match args.transport {
        Over::Udp => Transports::Udp,
        Over::Tcp => Transports::Tcp,
    };
    let builder = Client::<R>::builder(url.as_str()).expect("it was parsed before");
    match builder.transport(transports).publish(Synthetic::description()).await {
        Ok(publisher) => Ok((Arc::new(publisher), url)),
        Err(error) => Err(Failure::Publish { url, error: Box::new(error) }),
    }
}

/// Writes pictures when they are due, without end.
async fn feed<R: Runtime>(
    publisher: Arc<Publisher>,
    rate: u32,
    mut synthetic: Synthetic,
) -> Result<(), rtspan_std::Error> {
    let period = Duration::from_secs(1).mul_f64(f64::from(synthetic.burst()) / f64::from(rate));
    let start = Instant::now();
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
