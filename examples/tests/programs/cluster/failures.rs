//! The ends of nodes, of registries and of the ways between them.

use std::fs;
use std::time::{Duration, Instant};

use crate::program::Program;
use crate::stall;

use super::pictures::{EACH, Kind, Publisher, Reader, until};
use super::registries::{Cable, Registry, TTL};

/// Nothing has happened that a reader notices: less than this between two pictures.
const SMOOTH: Duration = Duration::from_millis(500);
/// A publisher that goes to another node is seen by all after so long: a lease ends, the registry gives the path away, and the others
/// look for it.
const MOVED: Duration = Duration::from_secs(2 * TTL);
const LEASE: Duration = Duration::from_secs(TTL);

/// Checks that the lease is not over which a node had at this moment, when it gives its paths up.
#[track_caller]
fn is_within_a_lease(since: Instant) {
    let (took, kept) = (since.elapsed(), stall::meter().since(since));
    assert!(took < LEASE + kept, "{took:?}, {kept:?} of it kept by the machine");
}

/// The pictures that are due in a time.
fn pictures_in(time: Duration) -> u16 {
    u16::try_from(time.as_millis() / EACH.as_millis()).unwrap()
}

fn read<'a>(kinds: &[Kind], servers: impl IntoIterator<Item = &'a str>) -> Vec<Reader> {
    let servers = servers.into_iter();
    servers.flat_map(|server| kinds.iter().map(|kind| Reader::start(*kind, server, "cam"))).collect()
}

/// Waits until all of them have seen what is published in half a second.
#[track_caller]
fn all_see(readers: &[Reader], publisher: &Publisher) {
    let number = publisher.now() + 25;
    readers.iter().for_each(|reader| reader.sees(number));
}

/// Checks the longest time between two pictures of each of them from a moment on.
#[track_caller]
fn gaps_are_below(bound: Duration, readers: &[Reader], since: Instant) {
    for reader in readers {
        let gap = reader.gap(since);
        println!("{gap:?} between two pictures");
        assert!(gap < bound, "{gap:?}");
    }
}

/// The node of the publisher is killed, and the publisher comes to another one, which relays the stream at that moment.
fn publisher_moves(registry: &Registry, kinds: &[Kind]) {
    let [first, second, third] = registry.nodes();
    let publisher = Publisher::start(&[&first.url, &third.url], "cam", 0);
    publisher.comes_to(0);
    let mut there = read(&kinds[..1], [&*first.url]);
    let stay = read(kinds, [&*second.url, &*third.url]);
    all_see(&there, &publisher);
    all_see(&stay, &publisher);
    let killed = Instant::now();
    first.program.signal("KILL");
    publisher.comes_to(1);
    all_see(&stay, &publisher);
    gaps_are_below(MOVED, &stay, killed);
    until("readers of the node end", || there[0].is_over());
}

#[test]
fn readers_at_other_nodes_go_on_when_the_publishers_node_is_killed() {
    let Some(etcd) = Registry::etcd() else { return };
    publisher_moves(&etcd, &Kind::ALL);
}

#[test]
fn readers_at_other_nodes_go_on_with_redis_too() {
    let Some(redis) = Registry::redis() else { return };
    publisher_moves(&redis, &[Kind::Rtspan]);
}

#[test]
fn readers_stay_at_a_node_whose_publisher_has_lost_its_way_and_goes_to_another() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = etcd.nodes();
    let way = Cable::to(&first);
    let publisher = Publisher::start(&[&way.url(), &second.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&Kind::ALL, [&*first.url, &*second.url, &*third.url]);
    all_see(&readers, &publisher);
    let lost = Instant::now();
    way.mend();
    publisher.comes_to(1);
    all_see(&readers, &publisher);
    gaps_are_below(MOVED, &readers, lost);
}

#[test]
fn readers_stay_when_a_publisher_takes_its_leave_of_one_node_and_goes_to_another() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, second, third] = etcd.nodes();
    let mut publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&Kind::ALL, [&*first.url, &*second.url, &*third.url]);
    // Away, and back again.
    for node in [&second, &first] {
        all_see(&readers, &publisher);
        let (number, left) = (publisher.now() + 1, Instant::now());
        publisher.end();
        publisher = Publisher::start(&[&node.url], "cam", number);
        all_see(&readers, &publisher);
        gaps_are_below(MOVED, &readers, left);
    }
}

#[test]
fn a_registry_can_die_for_a_moment() {
    let Some(mut etcd) = Registry::etcd() else { return };
    // Long enough for a busy machine to start a registry.
    let [mut first, second] = [0, 1].map(|number| etcd.node_with(number, "ttl = \"10s\"", ""));
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&[Kind::Rtspan, Kind::Ffmpeg], [&*first.url, &*second.url]);
    all_see(&readers, &publisher);
    // It comes back with its data before the lease of the owner is over.
    let killed = (publisher.now(), Instant::now());
    etcd.kill();
    first.program.line("cannot be reached");
    etcd.comes_back(true);
    first.program.line("answers");
    all_see(&readers, &publisher);
    for reader in &readers {
        reader.misses_nothing(&publisher, killed.0);
        assert!(reader.gap(killed.1) < SMOOTH, "{:?}", reader.gap(killed.1));
    }
}

#[test]
fn a_registry_can_lose_its_data_or_stay_away() {
    let Some(mut etcd) = Registry::etcd() else { return };
    let [mut first, second] = [0, 1].map(|number| etcd.node(number));
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&[Kind::Rtspan, Kind::Ffmpeg], [&*first.url, &*second.url]);
    all_see(&readers, &publisher);

    // It has lost its data, so that another node could have been given the path: the publisher has to come again.
    let killed = Instant::now();
    etcd.kill();
    etcd.comes_back(false);
    first.program.line("cam is given up");
    all_see(&readers, &publisher);
    gaps_are_below(MOVED, &readers, killed);

    // It is away for longer than the lease of the owner, which stops before that is over.
    let killed = Instant::now();
    etcd.kill();
    first.program.line("cam is given up");
    is_within_a_lease(killed);
    etcd.comes_back(true);
    all_see(&readers, &publisher);
    gaps_are_below(LEASE + MOVED, &readers, killed);

    // It stays away: nobody can read.
    etcd.kill();
    first.program.line("cam is given up");
    let refused = Program::rtspan(&format!("play {}/cam --no-reconnect --seconds 1", first.url)).end();
    assert!(refused.reason().contains("503"));
}

#[test]
fn a_file_is_read_again_and_an_edge_is_killed_and_the_readers_of_others_notice_nothing() {
    let Some(etcd) = Registry::etcd() else { return };
    let [first, mut second, third] = etcd.nodes();
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let others = read(&Kind::ALL, [&*first.url, &*third.url]);
    let mut there = read(&Kind::ALL, [&*second.url]);
    all_see(&others, &publisher);
    all_see(&there, &publisher);

    let changed = (publisher.now(), Instant::now());
    let text = fs::read_to_string(&second.file).unwrap();
    fs::write(&second.file, format!("{text}\n[paths.yard]\n[paths.\"*\"]\n")).unwrap();
    second.program.signal("HUP");
    second.program.line("the settings were read again");
    all_see(&there, &publisher);
    for reader in &there {
        reader.misses_nothing(&publisher, changed.0);
        assert!(reader.gap(changed.1) < SMOOTH, "{:?}", reader.gap(changed.1));
    }

    let killed = (publisher.now(), Instant::now());
    second.program.signal("KILL");
    for reader in &mut there {
        until("readers of the node end", || reader.is_over());
    }
    // They go down their lists of addresses, as the publisher does.
    let come = read(&Kind::ALL, [&*third.url]);
    all_see(&come, &publisher);
    all_see(&others, &publisher);
    for reader in &others {
        reader.misses_nothing(&publisher, killed.0);
        assert!(reader.gap(killed.1) < SMOOTH, "{:?}", reader.gap(killed.1));
    }
}

/// Where the numbers of a second publisher begin.
const OTHER: u16 = 0x8000;

#[test]
fn an_owner_that_stood_still_for_longer_than_its_lease_does_not_feed_readers_as_owner_again() {
    let Some(etcd) = Registry::etcd() else { return };
    let [mut first, second, third] = etcd.nodes();
    let old = Publisher::start(&[&first.url], "cam", 0);
    old.comes_to(0);
    let at_old = Reader::start(Kind::Rtspan, &first.url, "cam");
    let at_edge = Reader::start(Kind::Rtspan, &second.url, "cam");
    at_old.sees(25);
    at_edge.sees(25);
    first.program.signal("STOP");
    let stopped = old.now();
    // The camera has a second way out, which leads to another node.
    let new = Publisher::start(&[&third.url], "cam", OTHER);
    new.comes_to(0);
    at_edge.sees(OTHER + 25);
    let woken = (old.now(), Instant::now());
    first.program.signal("CONT");
    first.program.line("cam is given up");
    // Its reader stays, and sees the new owner's.
    at_old.sees(new.now());
    // Pictures that lay in its buffers may have gone out, for a moment, but none that was published after it woke.
    let seen = at_old.seen();
    let olds = seen.iter().filter(|(number, at)| *number < OTHER && *at >= woken.1);
    let (sent, last) = (olds.clone().count(), olds.map(|(number, _)| *number).max().unwrap_or_default());
    let end = woken.0 + pictures_in(SMOOTH + stall::meter().since(woken.1));
    println!("{sent} pictures of the former owner, up to {last}; it woke at {}", woken.0);
    assert!(last < end, "{last} after {end}");
    // Nobody else has seen any of it, and readers who ask it now see the new owner's.
    assert!(at_edge.seen().iter().all(|(number, _)| *number < stopped + 25 || *number >= OTHER));
    let again = Reader::start(Kind::Rtspan, &first.url, "cam");
    again.sees(new.now());
    assert!(again.seen().iter().all(|(number, _)| *number >= OTHER));
    all_see(&[at_old, at_edge, again], &new);
    old.end();
}

#[test]
fn a_node_that_is_cut_off_from_the_registry_gives_its_paths_up_before_another_node_gets_them() {
    let Some(etcd) = Registry::etcd() else { return };
    let cable = etcd.cable();
    let (mut first, second, third) = (cable.node(0), etcd.node(1), etcd.node(2));
    let publisher = Publisher::start(&[&first.url, &third.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&[Kind::Rtspan], [&*first.url, &*second.url]);
    let [at_first, at_edge] = &readers[..] else { panic!("two readers") };
    all_see(&readers, &publisher);
    let (cut, number) = (Instant::now(), publisher.now());
    cable.cut();
    first.program.line("cam is given up");
    is_within_a_lease(cut);
    publisher.comes_to(1);
    let moved = publisher.now();
    at_edge.sees(moved + 25);
    // Its last picture was out before the first one of the other owner.
    let last = *at_first.seen().last().unwrap();
    let next = at_edge.seen().into_iter().find(|(number, _)| *number >= moved).unwrap();
    let kept = at_first.kept(cut, last.1);
    assert!(last < next && last.1 < next.1 + kept, "{last:?}, {next:?}, {kept:?} kept by the machine");
    let end = number + pictures_in(LEASE + kept);
    assert!(last.0 < end, "{last:?} after {end}, {kept:?} kept by the machine");
    assert!(at_edge.gap(cut) < MOVED, "{:?}", at_edge.gap(cut));
    // It is a node as others again when the way is mended: its reader has stayed, and sees what the other node has.
    cable.mend();
    first.program.line("answers");
    all_see(&readers, &publisher);
    let again = [Reader::start(Kind::Rtspan, &first.url, "cam")];
    all_see(&again, &publisher);
    assert!(again[0].gap(cut) < SMOOTH);
}

#[test]
fn nodes_that_serve_without_the_registry_keep_their_streams_and_their_readers_for_longer_than_a_lease() {
    let Some(mut etcd) = Registry::etcd() else { return };
    let [mut first, second, third] =
        [0, 1, 2].map(|number| etcd.node_with(number, "isolated = \"serve\"", ""));
    let publisher = Publisher::start(&[&first.url], "cam", 0);
    publisher.comes_to(0);
    let readers = read(&[Kind::Rtspan, Kind::Ffmpeg], [&*first.url, &*second.url]);
    all_see(&readers, &publisher);
    let killed = (publisher.now(), Instant::now());
    etcd.kill();
    first.program.line("cannot be reached");
    let refused =
        Program::rtspan(&format!("publish {}/yard --no-reconnect --seconds 1", third.url)).end().reason();
    assert!(refused.contains("503"), "{refused}");
    while killed.1.elapsed() < 2 * LEASE {
        all_see(&readers, &publisher);
    }
    // It is back with nothing, and the path is claimed anew.
    etcd.comes_back(false);
    first.program.line("answers");
    until("the path is claimed anew", || {
        etcd.view().claims.get("cam").is_some_and(|claim| claim.node == "node-0")
    });
    all_see(&readers, &publisher);
    for reader in &readers {
        reader.misses_nothing(&publisher, killed.0);
        assert!(reader.gap(killed.1) < SMOOTH, "{:?}", reader.gap(killed.1));
    }
}

#[test]
fn a_cluster_with_an_etcd_that_has_users_and_a_certificate_is_one_as_others_are() {
    let Some(etcd) = Registry::secured_etcd() else { return };
    is_one_as_others_are(&etcd);
}

#[test]
fn a_cluster_with_a_redis_that_has_users_and_a_certificate_is_one_as_others_are() {
    let Some(redis) = Registry::secured_redis() else { return };
    is_one_as_others_are(&redis);
}

fn is_one_as_others_are(registry: &Registry) {
    let [first, mut second, third] = [0, 1, 2].map(|number| {
        let mut node = registry.node_with(number, &registry.known(), "");
        // A password is slow to check: one at a time.
        node.program.has_said("answers");
        node
    });
    let publisher = Publisher::start(&[&first.url, &third.url], "cam", 0);
    publisher.comes_to(0);
    let stay = read(&[Kind::Rtspan], [&*second.url, &*third.url]);
    all_see(&stay, &publisher);
    let killed = Instant::now();
    first.program.signal("KILL");
    publisher.comes_to(1);
    all_see(&stay, &publisher);
    gaps_are_below(MOVED, &stay, killed);
    second.program.signal("INT");
    let said = second.program.ends();
    assert!(!format!("{said:?}").contains("correct-horse"), "{said:?}");
}
