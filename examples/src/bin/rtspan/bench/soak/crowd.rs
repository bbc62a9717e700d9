//! Those who come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rtspan_examples::Synthetic;
use rtspan_std::ReconnectPolicy;
use rtspan_std::client::Publisher;
use rtspan_std::runtime::Runtime;

use super::super::dialogue::Over;
use super::super::publish::begin;
use super::super::swarm::{News, Swarm};
use crate::args::Target;
use crate::stop::{is_interrupted, sleep, sleep_until};

/// Packets of a picture, and bytes of a packet.
const BURST: u32 = 20;
const SIZE: u16 = 1400;
/// One packet in so many is left out by those who come and go.
const LOSS: usize = 50;
const CLOCK_RATE: f64 = 90_000.0;
/// The least time that a publisher stays; some stay ten times as long.
const STAY: Duration = Duration::from_millis(200);
/// The time after which somebody who has failed tries again, and that a missing stream is waited for.
const REST: Duration = Duration::from_millis(100);
/// Sessions that go without a word: over UDP a server sends to them until their time is over.
const VANISH_EVERY: Duration = Duration::from_secs(1);
/// Readers that have stopped reading, at once.
const STALLED_MAX: usize = 4;
/// How long the end may go unnoticed.
const GLANCE: Duration = Duration::from_millis(100);

/// Counts of those who have come and gone.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sessions: AtomicU64,
    pub(super) vanished: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) publishers: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) reconnects: AtomicU64,
    is_over: AtomicBool,
}

impl Counts {
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed) || is_interrupted()
    }
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Publishes without a loss to the end.
pub(super) async fn stay<R: Runtime>(publisher: Arc<Publisher<R>>, rate: u32, counts: Arc<Counts>) {
    if feed(&publisher, rate, None, || counts.is_over()).await.is_err() {
        count(&counts.failed, 1);
    }
}

/// Writes pictures when they are due, and leaves out one of `loss` packets.
async fn feed<R: Runtime>(
    publisher: &Publisher<R>,
    rate: u32,
    loss: Option<usize>,
    is_over: impl Fn() -> bool,
) -> Result<(), rtspan_std::Error> {
    let (start, mut packets) = (Instant::now(), Vec::new());
    let mut synthetic = Synthetic::new(SIZE, BURST);
    let (mut due, mut place) = (start, 0);
    while !is_over() {
        sleep_until::<R>(due).await;
        let ticks = due.duration_since(start).as_secs_f64() * CLOCK_RATE;
        // The clock wraps around.
        synthetic.picture(ticks as u64 as u32, &mut packets);
        packets.retain(|_| {
            place += 1;
            loss.is_none_or(|loss| place % loss != 0)
        });
        publisher.write_frame(0, &packets).await?;
        due += synthetic.period(rate.into());
    }
    Ok(())
}

/// Publishes, goes and comes back, with TEARDOWN or without, over TCP and UDP by turns. Packets are missing of what it sends.
pub(super) async fn publish<R: Runtime>(url: Target, number: u32, rate: u32, counts: Arc<Counts>) {
    for round in number.. {
        let over = if round % 4 < 2 { Over::Tcp } else { Over::Udp };
        if counts.is_over() {
            return;
        }
        let Ok((publisher, _)) = begin::<R>(over, url.clone()).await else {
            // Its former self may still be there, over UDP for as long as a session lasts.
            count(&counts.refused, 1);
            sleep::<R>(REST).await;
            continue;
        };
        let end = Instant::now() + STAY * (1 + round * 7 % 10);
        // One whose server has lost it goes as well.
        let _ = feed(&publisher, rate, Some(LOSS), || counts.is_over() || Instant::now() > end).await;
        count(&counts.publishers, 1);
        if round % 2 == 0
            && let Ok(publisher) = Arc::try_unwrap(publisher).map_err(drop)
        {
            // A server that does not answer is no failure of those who leave.
            let _ = publisher.teardown().await;
        }
    }
}

/// Plays a stream that comes and goes, and connects again whenever it is there.
pub(super) async fn watch<R: Runtime>(url: Target, counts: Arc<Counts>) {
    let policy = ReconnectPolicy::default().wait(REST, REST).missing_max(u32::MAX);
    while !counts.is_over() {
        let Ok(mut packets) = url.client::<R>().reconnect(policy).play().await else {
            sleep::<R>(REST).await;
            continue;
        };
        let mut reconnects = 0;
        while let Some(Ok(received)) = packets.next().await {
            if received.time.begins_anew {
                let own = packets.client().reconnects();
                count(&counts.reconnects, own - reconnects);
                reconnects = own;
            }
            if counts.is_over() {
                return;
            }
        }
    }
}

/// Opens sessions as fast as it can. Most say goodbye; some go without a word, some first stop reading.
pub(super) fn churn(swarm: &mut Swarm, concurrency: u32, counts: &Counts) -> std::io::Result<()> {
    let (mut open, mut news, mut vanished) = (0, Vec::new(), Instant::now());
    while !counts.is_over() {
        while open < concurrency {
            if swarm.open().is_err() {
                count(&counts.failed, 1);
                break;
            }
            open += 1;
        }
        swarm.turn(Instant::now() + GLANCE, &mut news)?;
        for news in news.drain(..) {
            match news {
                // Readers that have stopped are there from the start: what grows then is not theirs.
                News::Playing(place)
                    if swarm.stalled() < STALLED_MAX || vanished.elapsed() > VANISH_EVERY =>
                {
                    vanished = Instant::now();
                    count(&counts.vanished, 1);
                    let is_even = counts.vanished.load(Ordering::Relaxed).is_multiple_of(2);
                    if is_even && swarm.stalled() == STALLED_MAX {
                        swarm.drop_off(place);
                    } else {
                        swarm.stall(place);
                        swarm.stalled_max(STALLED_MAX);
                    }
                }
                News::Playing(place) => {
                    swarm.tear_down(place);
                    continue;
                }
                News::Over(_) => count(&counts.sessions, 1),
                News::Failed { .. } => count(&counts.failed, 1),
            }
            open -= 1;
        }
    }
    Ok(())
}
