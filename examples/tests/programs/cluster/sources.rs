//! Where streams come from: cameras that several nodes have, and publishers that come to a node which relays their path.

use std::fs;
use std::time::{Duration, Instant};

use crate::refusing::Refusing;
use crate::stall;

use super::pictures::{Kind, Publisher, Reader, film, until};
use super::registries::{Node, Registry, TTL};

/// A path goes to another node after so long.
const MOVED: Duration = Duration::from_secs(2 * TTL);

/// The settings of a path that is pulled from a camera, and of all others.
fn pulled(camera: &Node, settings: &str) -> String {
    format!("[paths.gate]\nsource = \"{}/cam\"\ntransport = \"tcp\"\n{settings}\n[paths.\"*\"]", camera.url)
}

/// The number of the node that has a path.
fn owner(registry: &Registry, path: &str) -> Option<usize> {
    let view = registry.view();
    view.claims.get(path).map(|claim| claim.node.trim_start_matches("node-").parse().unwrap())
}

#[track_caller]
fn all_see(readers: &[Reader], publisher: &Publisher) {
    let number = publisher.now() + 25;
    readers.iter().for_each(|reader| reader.sees(number));
}

#[test]
fn a_camera_of_two_nodes_is_pulled_by_one_and_by_the_other_one_when_that_dies() {
    let (Some(etcd), Some(apart)) = (Registry::etcd(), Registry::etcd()) else { return };
    // A server of its own stands for the camera.
    let camera = apart.node(0);
    let publisher = Publisher::start(&[&camera.url], "cam", 0);
    publisher.comes_to(0);
    let settings = pulled(&camera, "");
    let mut nodes: Vec<_> = [&*settings, &settings, ""]
        .iter()
        .enumerate()
        .map(|(number, settings)| Some(etcd.node_with(number, "", settings)))
        .collect();
    until("a node has the camera", || owner(&etcd, "gate").is_some());
    let mut readers: Vec<_> = nodes
        .iter()
        .flatten()
        .map(|node| {
            let reader = Reader::start(Kind::Rtspan, &node.url, "gate");
            reader.sees(publisher.now());
            reader
        })
        .collect();
    all_see(&readers, &publisher);
    assert_eq!(camera.readers(), 1);
    let first = owner(&etcd, "gate").unwrap();
    let mut there = readers.remove(first);
    let killed = Instant::now();
    nodes[first].take().unwrap().program.signal("KILL");
    until("readers of the node end", || there.is_over());
    all_see(&readers, &publisher);
    for reader in &readers {
        let gap = reader.gap(killed);
        println!("{gap:?} between two pictures when the node that pulled the camera was killed");
        assert!(gap < MOVED, "{gap:?}");
    }
    assert_eq!((camera.readers(), owner(&etcd, "gate")), (1, Some(1 - first)));
}

#[test]
fn a_camera_on_demand_is_pulled_when_somebody_reads_it_at_any_node_and_not_for_longer() {
    let (Some(etcd), Some(apart)) = (Registry::etcd(), Registry::etcd()) else { return };
    let camera = apart.node(0);
    let publisher = Publisher::start(&[&camera.url], "cam", 0);
    publisher.comes_to(0);
    let settings = pulled(&camera, "on_demand = true\nclose_after = \"1s\"");
    let (first, second) = (etcd.node_with(0, "", &settings), etcd.node(1));
    until("it is told who has the camera", || etcd.view().nodes.values().any(|told| !told.offers.is_empty()));
    assert_eq!((camera.readers(), owner(&etcd, "gate")), (0, None));
    let reader = Reader::start(Kind::Rtspan, &second.url, "gate");
    reader.sees(publisher.now());
    assert_eq!((camera.readers(), owner(&etcd, "gate")), (1, Some(0)));
    let beside = Reader::start(Kind::Rtspan, &first.url, "gate");
    beside.sees(publisher.now());
    assert_eq!(camera.readers(), 1);
    drop((reader, beside));
    until("the camera is left alone", || camera.readers() == 0 && owner(&etcd, "gate").is_none());
}

#[test]
fn a_publisher_that_comes_to_a_node_which_relays_its_path_takes_its_readers() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = etcd.nodes();
    let publisher = Publisher::start(&[&first.url, &second.url], "cam", 0);
    publisher.comes_to(0);
    let readers = [&second, &third].map(|node| Reader::start(Kind::Rtspan, &node.url, "cam"));
    all_see(&readers, &publisher);
    let killed = Instant::now();
    first.program.signal("KILL");
    publisher.comes_to(1);
    all_see(&readers, &publisher);
    for reader in &readers {
        let gap = reader.gap(killed);
        println!("{gap:?} between two pictures when the publisher came to a node that relayed its path");
        assert!(gap < MOVED, "{gap:?}");
    }
    assert_eq!(owner(&etcd, "cam"), Some(1));
}

/// The node that has a path is killed, and the other one of the first two goes on. Readers at all nodes that live stay.
fn goes_over(etcd: &Registry, settings: &str, path: &str, kinds: &[Kind]) {
    let mut nodes: Vec<_> = [settings, settings, ""]
        .iter()
        .enumerate()
        .map(|(number, settings)| Some(etcd.node_with(number, "", settings)))
        .collect();
    until("a node has it", || owner(etcd, path).is_some());
    let first = owner(etcd, path).unwrap();
    let others = nodes.iter().enumerate().filter(|(number, _)| *number != first);
    let others = others.flat_map(|(_, node)| node.iter());
    let mut readers: Vec<_> =
        others.flat_map(|node| kinds.iter().map(|kind| Reader::start(*kind, &node.url, path))).collect();
    let sees = |reader: &Reader, since: Instant| {
        let more = |(_, at): &&(u16, Instant)| *at > since;
        until("it goes on", || reader.seen().iter().filter(more).count() > 25);
    };
    let begun = Instant::now();
    readers.iter().for_each(|reader| sees(reader, begun));
    let killed = Instant::now();
    nodes[first].take().unwrap().program.signal("KILL");
    // The packets that were on their way have come.
    readers.iter().for_each(|reader| sees(reader, killed + Duration::from_millis(500)));
    for reader in &mut readers {
        let gap = reader.wait(killed);
        println!("{gap:?} between two pictures of {path} when the node that had it was killed");
        assert!(gap < MOVED && !reader.is_over(), "{gap:?}");
    }
    assert_eq!(owner(etcd, path), Some(1 - first));
}

#[test]
fn a_film_in_a_loop_of_two_nodes_goes_on_at_the_other_one_and_its_readers_stay() {
    let Some(etcd) = Registry::etcd() else { return };
    let path = std::env::temp_dir().join(format!("rtspan-film-{}.h264", std::process::id()));
    fs::write(&path, film(2000)).unwrap();
    let settings = format!("[paths.hall]\nlooped = \"{}\"\n[paths.\"*\"]", path.display());
    goes_over(&etcd, &settings, "hall", &Kind::ALL);
    fs::remove_file(path).unwrap();
}

#[test]
fn the_clip_goes_on_at_another_node_and_its_readers_stay() {
    let Some(etcd) = Registry::etcd() else { return };
    goes_over(&etcd, "demo = true\n[paths.\"*\"]", "demo", &[Kind::Ffmpeg, Kind::Gstreamer]);
}

#[test]
fn readers_at_a_node_that_does_not_reach_its_camera_see_it_when_another_node_does() {
    let (Some(etcd), Some(apart)) = (Registry::etcd(), Registry::etcd()) else { return };
    let camera = apart.node(0);
    let publisher = Publisher::start(&[&camera.url], "cam", 0);
    publisher.comes_to(0);
    let refusing = Refusing::new();
    let nobody = format!(
        "[paths.gate]\nsource = \"rtsp://{}/cam\"\ntransport = \"tcp\"\n[paths.\"*\"]",
        refusing.addr()
    );
    let mut first = etcd.node_with(0, "", &nobody);
    // It tries every five seconds, and then less often.
    for _ in 0..2 {
        first.program.line("gate: ");
        let (status, again) = first.describe("gate", "Retry-After");
        assert_eq!(status, "RTSP/1.0 503 the camera of this path cannot be reached");
        assert!((1..=10).contains(&again.unwrap().parse().unwrap()));
    }
    let second = etcd.node_with(1, "", &pulled(&camera, ""));
    until("the other node has it", || owner(&etcd, "gate") == Some(1));
    // The first one hears of that within a second.
    let taken = Instant::now();
    until("the first node gives it too", || first.describe("gate", "").0 == "RTSP/1.0 200 OK");
    let took = taken.elapsed().saturating_sub(stall::meter().since(taken));
    assert!(took < Duration::from_secs(3), "{took:?}");
    let readers = [&first, &second].map(|node| Reader::start(Kind::Rtspan, &node.url, "gate"));
    all_see(&readers, &publisher);
    // The first one has tried again in vain, and its readers have not seen that.
    let come = Instant::now();
    while come.elapsed() < Duration::from_secs(11) {
        all_see(&readers, &publisher);
    }
    readers.iter().for_each(|reader| assert!(reader.gap(come) < Duration::from_millis(500)));
    assert_eq!((camera.readers(), owner(&etcd, "gate")), (1, Some(1)));
}
