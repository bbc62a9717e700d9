//! Readers: where they are sent, trees of nodes that pull for them, and what they may see.

use std::time::{Duration, Instant};

use rtspan_examples::cluster::View;

use crate::program::Program;

use super::pictures::{Kind, Publisher, Reader, until};
use super::registries::{Node, Registry, TTL};

#[test]
fn readers_are_spread_over_the_nodes_that_have_the_stream_and_those_that_do_not_follow_are_served() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = [0, 1, 2].map(|number| etcd.node_with(number, "redirect = true", ""));
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    // A reader that does not follow is served by the node that it has asked.
    let stubborn = Reader::start(Kind::Retina, &third.url, "cam");
    stubborn.sees(publisher.now());
    assert_eq!((first.readers(), second.readers(), third.readers()), (1, 0, 1));
    until("the others are told", || {
        let view = etcd.view();
        relay(&view, 2).is_some() && view.nodes["node-2"].load == 1
    });
    second.looks();
    let kinds = [Kind::Rtspan, Kind::Ffmpeg, Kind::Gstreamer, Kind::Rtspan];
    let readers = kinds.iter().chain(&kinds).map(|kind| {
        let reader = Reader::start(*kind, &second.url, "cam");
        reader.sees(publisher.now() + 10);
        reader
    });
    let readers: Vec<_> = readers.collect();
    let spread = [first.readers() - 1, second.readers(), third.readers() - 1];
    println!("8 readers that ask one node of three are at {spread:?}");
    assert_eq!(spread.iter().sum::<usize>(), readers.len());
    assert!(spread[0] >= 2 && spread[2] >= 2, "{spread:?}");
}

#[test]
fn readers_are_sent_to_other_nodes_once_there_are_as_many_as_a_node_takes() {
    let Some(etcd) = Registry::etcd() else { return };
    let nodes = [0, 1, 2].map(|number| etcd.node_with(number, "readers = 2", ""));
    let publisher = Publisher::start(&[&nodes[0].url], "cam", 0);
    publisher.comes_to(0);
    let come = |kind| {
        let reader = Reader::start(kind, &nodes[0].url, "cam");
        reader.sees(publisher.now());
        reader
    };
    let load = |number: usize| {
        let told = etcd.view().nodes[&format!("node-{number}")].clone();
        (told.load, told.is_full)
    };
    let mut readers = vec![come(Kind::Rtspan), come(Kind::Ffmpeg)];
    until("it is told that the node is full", || load(0) == (2, true));
    readers.extend([Kind::Rtspan, Kind::Ffmpeg, Kind::Gstreamer, Kind::Rtspan].map(come));
    until("it is told that all are full", || [0, 1, 2].map(load) == [(2, true); 3]);
    nodes[0].looks();
    // The others pull from the first one, which are no readers.
    assert_eq!([0, 1, 2].map(|number| nodes[number].readers()), [4, 2, 2]);
    // One that does not follow is served where it asks, and so is one that no other node would take.
    readers.extend([Kind::Retina, Kind::Rtspan].map(come));
    until("they are told", || [0, 1, 2].map(load) == [(4, true), (2, true), (2, true)]);
}

#[test]
fn a_reader_that_has_been_sent_is_served_also_by_a_node_that_is_full() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second] = [0, 1].map(|number| etcd.node_with(number, "readers = 1", ""));
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let reader = Reader::start(Kind::Rtspan, &first.url, "cam");
    reader.sees(publisher.now());
    let found = Some(format!("{}/cam?a=b&rtspan-sent", second.url));
    let sent = ("RTSP/1.0 302 Moved Temporarily".to_owned(), found);
    until("the first node is full", || first.describe("cam?a=b", "Location") == sent);
    // The other one may have become full meanwhile, and not know that this one is.
    assert_eq!(first.describe("cam?a=b&rtspan-sent", "Location"), ("RTSP/1.0 200 OK".to_owned(), None));
}

/// The depth of a node in the tree of the stream, and the node that it pulls it from.
fn relay(view: &View, number: usize) -> Option<(u8, String)> {
    let relay = view.nodes.get(&format!("node-{number}"))?.relays.get("cam")?;
    Some((relay.depth, relay.from.clone()))
}

/// The longest time between two pictures that these readers see when a node ends.
#[track_caller]
fn go_on(readers: &[Reader], publisher: &Publisher, since: Instant, bound: Duration, what: &str) {
    let number = publisher.now() + 25;
    for reader in readers {
        reader.sees(number);
        let gap = reader.gap(since);
        println!("{gap:?} between two pictures when {what}");
        assert!(gap < bound, "{gap:?}");
    }
}

#[test]
fn a_tree_is_three_deep_and_grows_together_again_when_a_node_in_it_stands_still_or_dies() {
    let Some(etcd) = Registry::etcd() else { return };
    let nodes = [0, 1, 2, 3].map(|number| etcd.node_with(number, "fan_out = 1", ""));
    let publisher = Publisher::start(&[&nodes[0].url], "cam", 0);
    publisher.comes_to(0);
    let mut readers = Vec::new();
    for (number, node) in nodes.iter().enumerate().skip(1) {
        // It knows the node that has come before it.
        node.looks();
        let reader = Reader::start(Kind::Rtspan, &node.url, "cam");
        reader.sees(publisher.now());
        readers.push(reader);
        let parent = (number as u8, format!("node-{}", number - 1));
        until("the node has told", || relay(&etcd.view(), number).is_some());
        assert_eq!(relay(&etcd.view(), number), Some(parent));
    }
    // The one next to the owner stands still. The others take it for dead when its lease is over.
    let stopped = Instant::now();
    nodes[1].program.signal("STOP");
    let bound = Duration::from_secs(TTL + 2);
    go_on(&readers[1..], &publisher, stopped, bound, "a node of the tree stood still");
    until("the tree is told", || relay(&etcd.view(), 2) == Some((1, "node-0".to_owned())));
    nodes[1].program.signal("CONT");
    readers[0].sees(publisher.now());
    until("it is told again", || relay(&etcd.view(), 1) == Some((1, "node-0".to_owned())));
    // The one that the last one pulls from dies, which is noticed at once.
    assert_eq!(relay(&etcd.view(), 3).unwrap().1, "node-2");
    let killed = Instant::now();
    nodes[2].program.signal("KILL");
    go_on(
        &readers[2..],
        &publisher,
        killed,
        Duration::from_millis(1500),
        "the middle of the tree was killed",
    );
    until("the tree is told", || relay(&etcd.view(), 3).is_some_and(|(_, from)| from != "node-2"));
}

const USERS: &str = r#"
[[users]]
name = "wall"
password = "correct-horse"
read = ["cam"]
[[users]]
name = "camera"
password = "staple-battery"
publish = ["cam"]
[[users]]
name = "guest"
password = "other-words"
read = ["yard"]
"#;

/// The URL of a node, with a user and a password in it.
fn as_user(node: &Node, user: &str) -> String {
    node.url.replace("rtsp://", &format!("rtsp://{user}@"))
}

#[test]
fn readers_without_a_right_see_nothing_at_any_node_and_a_node_with_a_wrong_secret_neither() {
    let Some(etcd) = Registry::etcd() else { return };
    let secrets = ["one", "one", "another"].map(|secret| format!("secret = \"{secret} secret of nodes\""));
    let [first, second, mut third] = [0, 1, 2].map(|number| etcd.node_with(number, &secrets[number], USERS));
    let publisher = Publisher::start(&[&as_user(&first, "camera:staple-battery")], "cam", 0);
    publisher.comes_to(0);
    let readers = [&first, &second].map(|node| {
        let reader = Reader::start(Kind::Rtspan, &as_user(node, "wall:correct-horse"), "cam");
        reader.sees(publisher.now());
        reader
    });
    until("the second node has told", || relay(&etcd.view(), 1).is_some());
    let refused = |url: &str, why: &str| {
        let reason = Program::rtspan(&format!("play {url}/cam --no-reconnect --seconds 1")).end().reason();
        assert!(reason.contains(why), "{url}: {reason}");
    };
    for node in [&first, &second, &third] {
        refused(&node.url, "asks for a password");
        refused(&as_user(node, "wall:wrong"), "refuses user and password");
        refused(&as_user(node, "guest:other-words"), "403");
        refused(&as_user(node, "rtspan-node:another%20secret"), "refuses user and password");
    }
    // The third one asks the others with a secret that they do not know. It says so once for each of them, and its readers hear it.
    let refused_by_all = || {
        refused(
            &as_user(&third, "wall:correct-horse"),
            "503 the servers of the cluster that have this path refuse this one",
        );
    };
    (0..3).for_each(|_| refused_by_all());
    // A node that the registry takes for dead meanwhile is no other node.
    second.program.signal("STOP");
    until("its lease has run out", || !etcd.view().nodes.contains_key("node-1"));
    refused_by_all();
    second.program.signal("CONT");
    until("the second node has told again", || relay(&etcd.view(), 1).is_some());
    refused_by_all();
    drop(readers);
    third.program.signal("INT");
    let said = third.program.ends().stdout;
    for (number, other) in [&first, &second].iter().enumerate() {
        let line =
            format!("the node node-{number} at {} refuses this one: it does not know the secret", other.url);
        assert_eq!(said.matches(&line).count(), 1, "{said}");
    }
    // A user without the right to publish a path gets it at no node.
    let publish =
        format!("publish {}/cam --no-reconnect --seconds 1", as_user(&second, "wall:correct-horse"));
    assert!(Program::rtspan(&publish).end().reason().contains("403"));
    assert_eq!(etcd.view().claims["cam"].node, "node-0");
}
