//! Runs the inputs that are kept for the fuzz targets, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rtspan_tests::fuzz::{TARGETS, client, server};

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(of)
}

/// The names in a folder, without their extensions.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_target_has_a_binary_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), targets);
    assert_eq!(names(&folder("corpus")), targets);
}

#[test]
fn every_input_of_the_corpus_is_survived() {
    for (name, target) in TARGETS {
        let mut inputs = 0;
        for entry in fs::read_dir(folder("corpus").join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            let data = fs::read(&path).unwrap();
            target(&data);
            // A fuzzer first finds ends that come too early.
            (0..data.len()).step_by(1 + data.len() / 16).for_each(|end| target(&data[..end]));
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no input");
    }
}

fn input(target: &str, name: &str) -> Vec<u8> {
    fs::read(folder("corpus").join(target).join(name)).unwrap()
}

#[test]
fn the_dialogues_with_a_server_get_as_far_as_their_names_say() {
    for (name, status, frames, datagrams) in [
        ("play_tcp", 200, true, false),
        ("play_udp", 200, false, true),
        ("record_tcp", 200, true, false),
        ("record_udp", 200, false, true),
        ("asks", 503, false, false),
        ("foreign_session", 454, true, false),
        ("wire_errors", 505, false, false),
        ("taken_up", 200, false, false),
        ("foreign", 400, false, false),
        ("proxied", 200, false, true),
    ] {
        let reached = server::go(&input("server", name));
        assert!(reached.responses.contains_key(&status), "{name}: {reached:?}");
        assert!(reached.frames > 0 || !frames, "{name}: {reached:?}");
        assert!(reached.datagrams > 0 || !datagrams, "{name}: {reached:?}");
    }
}

#[test]
fn the_dialogues_with_a_client_get_as_far_as_their_names_say() {
    for (name, done, packets, datagrams) in [
        ("play_tcp", 7, 4, false),
        ("play_udp", 5, 4, true),
        ("nothing_heard", 4, 1, true),
        ("refused_udp", 5, 0, false),
        ("any_port", 5, 1, true),
        ("record_tcp", 6, 0, false),
        ("record_udp", 4, 0, true),
        ("keepalive", 5, 7, false),
    ] {
        let reached = client::go(&input("client", name));
        assert_eq!((reached.done, reached.packets), (done, packets), "{name}: {reached:?}");
        assert!(reached.datagrams > 0 || !datagrams, "{name}: {reached:?}");
    }
}
