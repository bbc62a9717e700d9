//! `docs/interop.md`: made from the tables of devices, from the tolerances, and from the tests that name these.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::{Camera, authentication, descriptions, elsewhere, headers, keepalive, media, play, transport};
use crate::Tolerance;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/interop.md");

const INTRODUCTION: &str = "# Interoperability\n\n\
    Look up a device or a program, the deviations from the standards that it is known for, and how rtspan handles each. Each row\n\
    names a test with the bytes. The tests are in `core/src`, and they write this page\n\
    (`core/src/client/tests/devices`).\n\n\
    rtspan records each deviation that it accepts as a [tolerance](#tolerances). `Client::tolerances` and `Event::Tolerated` tell\n\
    which have fired, and `rtspan probe` prints them.\n";

const TOLERANCES: &str = "\n## Tolerances\n\n\
    | tolerance | is recorded where | is needed by | tests |\n| --- | --- | --- | --- |\n";

/// Tests that are named in a row of the tolerances; there may be more.
const NAMED_MAX: usize = 2;

/// The subjects: title, test, and table.
fn subjects() -> [(&'static str, &'static str, Vec<Camera>); 7] {
    [
        ("Messages and headers", "messages_and_headers_are_read", headers::cameras()),
        ("Descriptions", "descriptions_are_read", descriptions::cameras()),
        ("Transports and sessions", "transports_and_sessions_are_agreed_on", transport::cameras()),
        ("Credentials", "credentials_are_accepted", authentication::cameras()),
        ("Playing and ending", "sessions_begin_and_end", play::cameras()),
        ("Keepalives", "sessions_are_kept_alive", keepalive::cameras()),
        ("Media", "media_comes_out", media::cameras()),
    ]
}

fn page() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (title, test, cameras) in subjects() {
        let _ = write!(
            text,
            "\n## {title}\n\nTest `client::tests::devices::{test}`.\n\n\
             | device | sends | the client | tolerance |\n| --- | --- | --- | --- |\n"
        );
        for camera in cameras {
            let tolerances: Vec<_> = camera.tolerates.iter().map(|own| format!("`{own:?}`")).collect();
            let tolerances = tolerances.join(", ");
            row(&mut text, &[camera.device, camera.sends, camera.does, &tolerances]);
        }
    }
    text += "\n## Shown elsewhere\n\n| device or defect | the library | test |\n| --- | --- | --- |\n";
    for (device, does, test) in elsewhere::TESTS {
        row(&mut text, &[device, does, &format!("`{test}`")]);
    }
    text += TOLERANCES;
    let tests = tests_of_tolerances();
    for tolerance in Tolerance::ALL {
        let name = format!("{tolerance:?}");
        let named = tests.get(&name).into_iter().flatten().take(NAMED_MAX);
        let named: Vec<_> = named.map(|test| format!("`{test}`")).collect();
        let reason = tolerance.reason().replace('\n', " ");
        row(&mut text, &[&format!("`{name}`"), &tolerance.to_string(), &reason, &named.join(", ")]);
    }
    text
}

/// Writes a row of a table. Bars would end a cell.
fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

/// The tests of each tolerance: those of the tables, and those whose source names it.
fn tests_of_tolerances() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests: BTreeMap<String, BTreeSet<String>> =
        Tolerance::ALL.iter().map(|tolerance| (format!("{tolerance:?}"), BTreeSet::new())).collect();
    let mut add = |name: &str, test: &str| {
        tests.get_mut(name).into_iter().for_each(|tests| _ = tests.insert(test.to_owned()));
    };
    for (_, test, cameras) in subjects() {
        for tolerance in cameras.iter().flat_map(|camera| camera.tolerates) {
            add(&format!("{tolerance:?}"), &format!("client::tests::devices::{test}"));
        }
    }
    for file in sources(Path::new(SOURCES)) {
        let source = fs::read_to_string(&file).unwrap();
        // The tables of devices have their own tests, and here are their names.
        if file.parent().is_some_and(|folder| folder.ends_with("devices")) || !source.contains("Tolerance") {
            continue;
        }
        for (test, word) in words_of_tests(&source) {
            add(word, &format!("{}{test}", module(&file)));
        }
    }
    tests
}

/// Each word in a test of a source, behind the name of the test.
fn words_of_tests(source: &str) -> impl Iterator<Item = (String, &str)> {
    let (mut inner, mut test, mut is_test) = ("", None, false);
    source.lines().flat_map(move |line| {
        is_test |= line.trim() == "#[test]";
        if line == "mod tests {" {
            inner = "tests::";
        }
        if let Some((_, behind)) = line.split_once("fn ").filter(|(before, _)| before.trim().is_empty()) {
            let name = behind.split('(').next().unwrap_or_default();
            test = std::mem::take(&mut is_test).then(|| format!("{inner}{name}"));
        }
        let words = line.split(|c: char| !c.is_ascii_alphanumeric());
        let test = test.clone();
        words.filter_map(move |word| Some((test.clone()?, word)))
    })
}

/// The path of a source as a module, with `::` behind it.
fn module(file: &Path) -> String {
    let path = file.strip_prefix(SOURCES).unwrap().with_extension("");
    path.iter().map(|part| format!("{}::", part.to_str().unwrap())).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn the_page_lists_each_device_and_each_tolerance() {
    if env::var_os("RTSPAN_INTEROP").is_some() {
        fs::write(PAGE, page()).unwrap();
    }
    let written = fs::read_to_string(PAGE).unwrap();
    assert!(written == page(), "docs/interop.md is old: run this test with RTSPAN_INTEROP=write");
}

#[test]
fn each_tolerance_has_a_test() {
    let tests = tests_of_tolerances();
    let untested: Vec<_> = tests.iter().filter(|(_, tests)| tests.is_empty()).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn each_test_that_the_page_names_exists() {
    for (_, _, test) in elsewhere::TESTS {
        let (module, name) = test.rsplit_once("::").unwrap();
        let path = format!("{SOURCES}/{}", module.replace("::", "/"));
        // The tests of a module stand in a file of their own, or in that of the module.
        let files = [path.as_str(), path.strip_suffix("/tests").unwrap_or(&path)];
        let source = files.iter().find_map(|file| fs::read_to_string(format!("{file}.rs")).ok());
        let source = source.unwrap_or_else(|| panic!("no file for {test}"));
        assert!(source.contains(&format!("fn {name}()")), "{test}");
    }
}
