//! Runs the inputs that are kept for the fuzz targets, without a fuzzer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rtspan_tests::fuzz::TARGETS;

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
            // What a fuzzer finds first is an end that comes too early.
            (0..data.len()).step_by(1 + data.len() / 16).for_each(|end| target(&data[..end]));
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no input");
    }
}
