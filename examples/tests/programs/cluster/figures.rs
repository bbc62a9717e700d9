//! How long readers wait: `cargo test -p rtspan --test programs cluster::figures -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use super::pictures::{Kind, Publisher, Reader};
use super::registries::Registry;

const ROUNDS: usize = 10;

/// Says the median and the worst.
fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, worst) = (times[times.len() / 2].as_millis(), times[times.len() - 1].as_millis());
    println!("{what}: median {median} ms, worst {worst} ms, {} times", times.len());
}

#[test]
#[ignore = "it measures"]
fn the_first_picture_at_another_node() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, _third] = etcd.nodes();
    let times = (0..ROUNDS).map(|round| {
        let path = format!("cam-{round}");
        let publisher = Publisher::start(&[&first.url], &path, 0);
        publisher.comes_to(0);
        let published = Instant::now();
        let reader = Reader::start(Kind::Rtspan, &second.url, &path);
        reader.sees(0);
        reader.seen()[0].1 - published
    });
    tell("from a new stream to its first picture at another node", times.collect());
}

#[test]
#[ignore = "it measures"]
fn the_gap_when_a_publisher_moves() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = etcd.nodes();
    let mut publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let reader = Reader::start(Kind::Rtspan, &second.url, "cam");
    reader.sees(publisher.now());
    let times = (0..ROUNDS).map(|round| {
        let (moved, now) = (Instant::now(), publisher.now());
        let to = if round % 2 == 0 { &third } else { &first };
        let next = Publisher::start(&[&to.url], "cam", now + 1);
        std::mem::replace(&mut publisher, next).end();
        publisher.comes_to(0);
        reader.sees(publisher.now() + 25);
        reader.gap(moved)
    });
    tell("a publisher ends here and begins at another node", times.collect());
}

#[test]
#[ignore = "it measures"]
fn the_gap_when_the_node_of_the_publisher_is_killed() {
    let Some(etcd) = Registry::etcd() else { return };
    let times = (0..ROUNDS).map(|round| {
        let [first, second, third] = etcd.nodes();
        let publisher = Publisher::start(&[&first.url, &third.url], "cam", 0);
        publisher.comes_to(0);
        let reader = Reader::start(Kind::Rtspan, &second.url, "cam");
        // At another moment of its lease each time.
        reader.sees(publisher.now() + 25 + 10 * round as u16);
        let killed = Instant::now();
        first.program.signal("KILL");
        publisher.comes_to(1);
        reader.sees(publisher.now() + 25);
        let gap = reader.gap(killed);
        publisher.end();
        gap
    });
    tell("the node of the publisher is killed", times.collect());
}
