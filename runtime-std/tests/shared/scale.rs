//! Much at once.

use std::cell::Cell;
use std::time::Duration;

use rtspan_std::client::{Client, Publisher};
use rtspan_std::runtime::Runtime;
use rtspan_std::server::Server;
use rtspan_std::{Event, ServerConfig, Transports};

use super::{both, description, event, number, packet, pause, read, serve, url};

/// Pictures of a second.
const PICTURES: u16 = 25;
/// Packets of a keyframe of 2 MB, and of the other pictures: together 100 Mbit in a second.
const KEYFRAME: u16 = 1490;
const PICTURE: u16 = 310;
const PACKET_BYTES: usize = 1388;

/// A second of 100 Mbit/s, as it comes from a camera: a keyframe goes out as fast as it can be sent.
///
/// On a machine that is too busy for that the publisher waits for the reader, which is then behind by a picture at most.
pub(crate) async fn large_keyframes_lose_nothing_at_a_healthy_reader<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let publisher = publish::<R>(&server, "/live").await;
    event(&server, |event| matches!(event, Event::Published { .. }).then_some(())).await;
    let mut packets = read(&server, "/live", Transports::Tcp).await;
    let read = Cell::new(0);
    let publishing = async {
        let runtime = R::default();
        let (mut due, mut sent) = (runtime.clock().now(), 0);
        for count in pictures() {
            runtime.sleep_until(due).await;
            while sent > read.get() + PICTURE {
                pause::<R>().await;
            }
            let frame: Vec<_> = (sent..sent + count).map(|number| packet(0, number, PACKET_BYTES)).collect();
            publisher.write_frame(0, &frame).await.unwrap();
            sent += count;
            due = due + Duration::from_secs(1) / u32::from(PICTURES);
        }
    };
    let all = pictures().sum();
    let reading = async {
        for expected in 0..all {
            let received = packets.next().await.unwrap().unwrap();
            assert_eq!((number(&received), received.lost), (expected, 0));
            read.set(expected + 1);
        }
    };
    both(publishing, reading).await;
    let stats = packets.media_stats(0).unwrap();
    assert_eq!((stats.packets, stats.lost, packets.dropped()), (u64::from(all), 0, 0));
}

/// Packets of each picture; the first and the last are keyframes.
fn pictures() -> impl Iterator<Item = u16> {
    (0..=PICTURES).map(|picture| if picture % PICTURES == 0 { KEYFRAME } else { PICTURE })
}

pub(crate) async fn hundreds_of_publishers_are_recorded_and_read<R: Runtime>() {
    const PUBLISHERS: usize = 200;
    /// How many are read at the same time.
    const READ: usize = 20;
    let server = serve::<R>(ServerConfig::default()).await;
    let path = |number: usize| format!("/live{number}");
    let mut publishers = Vec::new();
    for number in 0..PUBLISHERS {
        publishers.push(publish::<R>(&server, &path(number)).await);
    }
    for (turn, first) in (1..).zip((0..PUBLISHERS).step_by(READ)) {
        let mut readers = Vec::new();
        for number in first..first + READ {
            readers.push(read(&server, &path(number), Transports::Tcp).await);
        }
        for publisher in &publishers {
            publisher.write_frame(0, &[packet(0, turn, 1000)]).await.unwrap();
        }
        for packets in &mut readers {
            let mut received = packets.next().await.unwrap().unwrap();
            // It may have begun with a picture before: publishers are not waited for.
            while number(&received) < turn {
                received = packets.next().await.unwrap().unwrap();
            }
            assert_eq!((number(&received), received.lost), (turn, 0));
        }
    }
    for publisher in &publishers {
        assert_eq!(publisher.media_stats(0).unwrap().sent_packets, (PUBLISHERS / READ) as u64);
    }
}

async fn publish<R: Runtime>(server: &Server<R>, path: &str) -> Publisher<R> {
    let builder = Client::<R>::builder(&url(server, path)).unwrap().transport(Transports::Tcp);
    builder.publish(description()).await.unwrap()
}
