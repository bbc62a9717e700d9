//! An hour of ten cameras and ten readers, and how long it takes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rtspan_std::Transports;
use rtspan_std::sim::{Client, Sim, sleep};

use super::world::{MINUTE, config, description, packet, serve};

const CAMERAS: u64 = 10;
const PICTURES_PER_SECOND: u64 = 25;
const PACKETS_PER_PICTURE: u64 = 2;

/// Half of them speak over TCP, the others over UDP.
fn builder(number: u64) -> rtspan_std::sim::ClientBuilder {
    let transports = if number % 2 == 0 { Transports::Tcp } else { Transports::Udp };
    Client::builder(&format!("rtsp://10.0.0.1/{number}")).unwrap().transport(transports)
}

async fn publish(number: u64) {
    let publisher = builder(number).publish(description()).await.unwrap();
    for picture in 0.. {
        let first = picture * PACKETS_PER_PICTURE;
        let packets: Vec<_> =
            (first..first + PACKETS_PER_PICTURE).map(|at| packet(at as u16, 1000)).collect();
        publisher.write_frame(0, &packets).await.unwrap();
        sleep(Duration::from_secs(1) / PICTURES_PER_SECOND as u32).await;
    }
}

async fn play(number: u64, count: Arc<AtomicU64>) {
    sleep(Duration::from_secs(1)).await;
    let mut packets = builder(number).play().await.unwrap();
    loop {
        let received = packets.next().await.unwrap().unwrap();
        assert_eq!(received.lost, 0);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Without optimisation a minute has to do.
#[test]
fn an_hour_of_ten_cameras_and_ten_readers_passes_in_seconds() {
    let time = if cfg!(debug_assertions) { MINUTE } else { MINUTE * 60 };
    let begun = Instant::now();
    let sim = Sim::new(7);
    let (_host, _server) = serve(&sim, config());
    let counts: Vec<_> = (0..CAMERAS).map(|_| Arc::<AtomicU64>::default()).collect();
    for (number, count) in (0..).zip(&counts) {
        sim.host(&format!("10.0.1.{number}")).spawn(publish(number));
        sim.host(&format!("10.0.2.{number}")).spawn(play(number, Arc::clone(count)));
    }
    sim.run_for(time).unwrap();
    let took = begun.elapsed();
    let read: u64 = counts.iter().map(|count| count.load(Ordering::Relaxed)).sum();
    println!("{time:?} with {read} packets read took {took:?}, {} turns", sim.turns());
    let per_camera = (time.as_secs() - 2) * PICTURES_PER_SECOND * PACKETS_PER_PICTURE;
    // A sleep takes a little longer than it is asked to.
    assert!(read >= CAMERAS * per_camera * 98 / 100, "{read}");
    assert!(took < time, "{took:?}");
}
