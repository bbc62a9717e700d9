//! Programs that end and machines that lose their power at any moment: the others get along or are told, and nothing is left
//! behind.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rtspan_std::sim::{Client, Host, Server, Sim, sleep};
use rtspan_std::{ClientEvent, Event, ReconnectPolicy, StartAt, Transports};

use super::seeds;
use super::world::{MINUTE, URL, config, description, packet, serve, write_until_closed};

const LIVE: &str = "rtsp://10.0.0.1/live";
/// The time within which the others have found out.
const PATIENCE: Duration = Duration::from_secs(180);

/// One of the machines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    Server,
    Publisher,
    Reader,
}

/// Publishes until that fails.
async fn publish(transports: Transports) {
    let builder = Client::builder(LIVE).unwrap().transport(transports);
    let Ok(publisher) = builder.publish(description()).await else { return };
    for number in 0.. {
        if publisher.write(0, packet(number, 200)).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// Plays until that has ended, and counts what has come.
async fn play(transports: Transports, count: Arc<AtomicUsize>) {
    let Ok(mut packets) = Client::builder(LIVE).unwrap().transport(transports).play().await else { return };
    while let Some(Ok(_)) = packets.next().await {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads in the process whatever is published.
async fn record(server: Arc<Server>) {
    while let Some(event) = server.next().await {
        let Event::Published { stream, .. } = event else { continue };
        let Some(mut packets) = server.read(stream, StartAt::Live) else { continue };
        while packets.next().await.is_some() {}
    }
}

fn is_bare(host: &Host) -> bool {
    (host.tasks(), host.sockets()) == (0, 0)
}

/// Has one of three machines end at a moment of its session, and says whether that had come to play by then.
fn end(who: Who, with_power: bool, transports: Transports, at: Duration, seed: u64) -> bool {
    let sim = Sim::new(seed);
    let what = || format!("{who:?}, {with_power}, {transports:?}, {at:?}, seed {seed}");
    let (host, server) = serve(&sim, config());
    let server = Arc::new(server);
    host.spawn(record(Arc::clone(&server)));
    let before = (host.tasks(), host.sockets());
    let [publisher, reader, other] = ["10.0.0.2", "10.0.0.3", "10.0.0.4"].map(|ip| sim.host(ip));
    let counts = [(); 2].map(|()| Arc::<AtomicUsize>::default());
    publisher.spawn(publish(transports));
    let looks = Arc::clone(&server);
    let published = async move {
        while looks.streams().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    sim.run(&host, MINUTE, published).unwrap();
    reader.spawn(play(transports, Arc::clone(&counts[0])));
    other.spawn(play(Transports::Tcp, Arc::clone(&counts[1])));
    sim.run_for(at).unwrap();
    let ended = match who {
        Who::Server => &host,
        Who::Publisher => &publisher,
        Who::Reader => &reader,
    };
    let plays = counts[0].load(Ordering::Relaxed) > 0;
    if with_power {
        ended.kill()
    } else {
        ended.cut_power()
    }
    assert!(is_bare(ended), "{}", what());
    sim.run_for(PATIENCE).unwrap_or_else(|error| panic!("{error}, {}", what()));
    match who {
        Who::Reader => {
            assert_eq!((server.sessions().len(), server.connections().len()), (2, 2), "{}", what());
            let had = counts[1].load(Ordering::Relaxed);
            sim.run_for(MINUTE).unwrap();
            assert!(counts[1].load(Ordering::Relaxed) >= had + 290, "{}", what());
        }
        Who::Publisher => {
            assert!(is_bare(&reader) && is_bare(&other), "{}", what());
            assert!(server.sessions().is_empty() && server.connections().is_empty(), "{}", what());
            assert_eq!((host.tasks(), host.sockets()), before, "{}", what());
        }
        Who::Server => assert!([publisher, reader, other].iter().all(is_bare), "{}", what()),
    }
    plays
}

#[test]
fn whoever_is_left_when_one_ends_gets_along_or_is_told() {
    for seed in seeds() {
        for transports in [Transports::Tcp, Transports::Udp] {
            for who in [Who::Server, Who::Publisher, Who::Reader] {
                for with_power in [true, false] {
                    let mut plays = false;
                    for step in 0..4 {
                        let at = Duration::from_micros(seed % 900 + step * step * 900);
                        plays = end(who, with_power, transports, at, seed.wrapping_add(step));
                    }
                    assert!(plays, "all moments up to where it plays were tried");
                }
            }
        }
    }
}

#[test]
fn a_reader_over_udp_soon_notices_that_a_server_has_begun_again() {
    for seed in seeds() {
        for away in [Duration::ZERO, Duration::from_millis(300), Duration::from_secs(10)] {
            let sim = Sim::new(seed);
            let (host, server) = serve(&sim, config());
            host.spawn(write_until_closed(server.publish("/cam", description()).unwrap()));
            let reader = sim.host("10.0.0.2");
            let play = async {
                let builder = Client::builder(URL).unwrap().transport(Transports::Udp);
                builder.reconnect(ReconnectPolicy::default()).play().await.unwrap()
            };
            let mut packets = sim.run(&reader, MINUTE, play).unwrap();
            sim.run_for(Duration::from_secs(20)).unwrap();
            host.kill();
            let killed = sim.now();
            drop(server);
            sim.run_for(away).unwrap();
            let (host, server) = serve(&sim, config());
            host.spawn(write_until_closed(server.publish("/cam", description()).unwrap()));
            if away < Duration::from_secs(3) {
                let noticed = async {
                    while !matches!(
                        packets.client().next_event().await,
                        Some(ClientEvent::Reconnecting { .. })
                    ) {}
                };
                sim.run(&reader, Duration::from_secs(3), noticed).unwrap();
                let took = sim.now().since(killed);
                assert!(took < Duration::from_secs(3), "{took:?}, {away:?}, seed {seed}");
            }
            let again = async { while !packets.next().await.unwrap().unwrap().time.begins_anew {} };
            sim.run(&reader, MINUTE, again).unwrap_or_else(|error| panic!("{error}, {away:?}, seed {seed}"));
        }
    }
}
