//! `docs/onvif.md` names tests that exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The folders whose sources have tests.
const SOURCES: [&str; 6] = ["core", "runtime-std", "runtime-smol", "runtime-tokio", "examples", "tests"];

/// The names of the tests in a folder: the functions right behind the attribute of one.
fn tests_in(folder: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests_in(&path, names);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            names.extend(text.split("#[test]").skip(1).filter_map(name_of));
        }
    }
}

/// The name of the first function, in front of which there may be further attributes.
fn name_of(text: &str) -> Option<String> {
    let rest = text.split_once("fn ")?.1;
    Some(rest.split(['(', '<']).next()?.to_owned())
}

#[test]
fn each_test_of_the_page_exists_and_what_is_done_is_tested() {
    let mut tests = HashSet::new();
    SOURCES.iter().for_each(|folder| tests_in(&Path::new(ROOT).join(folder), &mut tests));
    let page = fs::read_to_string(Path::new(ROOT).join("docs/onvif.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| section"));
    let rows: Vec<Vec<&str>> =
        rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
    let rows: Vec<_> = rows.into_iter().filter(|row| !row[0].starts_with("---")).collect();
    assert!(rows.len() > 80, "{} rows", rows.len());
    for row in rows {
        let [section, who, rule, ours, named] = row[..] else { panic!("five fields: {row:?}") };
        assert!(["S", "C", "S C"].contains(&who), "{section}: {rule}");
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "{section}: {rule}: there is no {missing:?}");
        assert!(!named.is_empty() || !ours.starts_with("yes"), "{section}: {rule}: which test shows it?");
    }
}
