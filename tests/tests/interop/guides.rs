//! The commands of the README and of the guides, run as they are written, each page in a world of its own.
//!
//! How a page is read is told in `page`, what is not run in `exceptions`.

mod exceptions;
mod links;
mod page;
mod peers;
mod steps;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use crate::policy::{Needs, installed};

use self::exceptions::{FOREIGN_BLOCKS, NOT_COMPILED, NOT_RUN};
use self::page::{Block, Page};
use self::world::World;

/// Pages that run at the same time. They mostly wait.
const AT_ONCE: usize = 4;

/// The test that is run again in the world of each page.
const NAME: &str = "guides::every_command_runs_as_it_is_written";

/// With `GUIDE=cameras` only pages with that in their path are run.
const ONLY: &str = "GUIDE";

#[test]
fn every_command_runs_as_it_is_written() {
    if let Some(world) = World::entered() {
        return steps::run(&Page::read(&root(), &world.page), &world);
    }
    if !installed(&[Needs::Ffmpeg, Needs::Gstreamer]) || !world::is_allowed() {
        return;
    }
    let only = std::env::var(ONLY).unwrap_or_default();
    let pages: Vec<Page> =
        pages().into_iter().filter(|page| page.has_commands() && page.path.contains(&only)).collect();
    let shared = world::Shared::make(&pages);
    let waiting = Mutex::new(pages.iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(page) = waiting.lock().expect("nobody panics under the lock").next() else {
                        return;
                    };
                    if let Err(said) = shared.enter(page, NAME) {
                        wrong.lock().expect("nobody panics under the lock").push(said);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("nobody panics under the lock");
    assert!(wrong.is_empty(), "{} pages are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_block_is_of_a_kind_that_is_known() {
    let mut wrong = Vec::new();
    for page in pages() {
        for block in &page.blocks {
            match block {
                Block::Unknown { line, why } => wrong.push(format!("{}:{line}: {why}", page.path)),
                Block::Shown { language, .. } if !FOREIGN_BLOCKS.contains(&language.as_str()) => {
                    wrong.push(format!("{}: a block of {language:?}", page.path));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_exception_is_needed() {
    let pages = pages();
    let commands: Vec<&str> = pages.iter().flat_map(Page::commands).collect();
    let unused: Vec<&str> = NOT_RUN
        .iter()
        .map(|(start, _)| *start)
        .filter(|start| !commands.iter().any(|command| command.starts_with(start)))
        .collect();
    assert!(unused.is_empty(), "no page has these commands any more: {unused:?}");
}

#[test]
fn every_program_in_a_page_is_compiled() {
    let root = root();
    let sources = [
        "core/src/lib.rs",
        "examples/src/guides.rs",
        "runtime-smol/src/lib.rs",
        "runtime-std/src/lib.rs",
        "runtime-tokio/src/lib.rs",
    ]
    .map(|path| fs::read_to_string(root.join(path)).expect("sources are there"));
    let includes = |what: &str| sources.iter().any(|source| source.contains(what));
    let mut wrong = Vec::new();
    for page in pages() {
        let programs = page.blocks.iter().filter(|block| matches!(block, Block::Rust { .. })).count();
        let ignored =
            page.blocks.iter().filter(|block| matches!(block, Block::Rust { is_ignored: true })).count();
        let (allowed, elsewhere) = NOT_COMPILED
            .iter()
            .find(|(path, ..)| *path == page.path)
            .map_or((0, false), |(_, allowed, elsewhere, _)| (*allowed, *elsewhere));
        if ignored != allowed {
            wrong.push(format!("{} has {ignored} programs that are ignored, not {allowed}", page.path));
        }
        let is_of_a_crate = page.path != "README.md" && page.path.ends_with("/README.md");
        let is_included =
            includes(&format!("../../{}\"", page.path)) || is_of_a_crate && includes("\"../README.md\"");
        if programs > ignored && !is_included && !elsewhere {
            wrong
                .push(format!("no lib.rs compiles the programs of {} (#[doc = include_str!(…)])", page.path));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_message_that_helps_is_one_that_is_printed() {
    let root = root();
    let mut sources = String::new();
    for folder in ["core/src", "examples/src", "runtime-std/src"] {
        add_sources(&root.join(folder), &mut sources);
    }
    let page = Page::read(&root, "docs/troubleshooting.md");
    let messages: Vec<&str> =
        page.text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let missing: Vec<&&str> = messages
        .iter()
        .filter(|message| !message.split('…').all(|part| sources.contains(part.trim())))
        .collect();
    assert!(messages.len() > 10, "{messages:?}");
    assert!(missing.is_empty(), "nothing prints {missing:?}");
}

/// Adds what programs of a folder say, with strings that go on behind a backslash in one piece.
fn add_sources(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).expect("sources are there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for line in fs::read_to_string(&path).expect("sources are text").lines() {
                match line.strip_suffix('\\') {
                    Some(line) => sources.push_str(line.trim_start()),
                    None => sources.extend([line.trim_start(), "\n"]),
                }
            }
        }
    }
}

/// All pages that people read.
fn pages() -> Vec<Page> {
    let root = root();
    let mut paths = BTreeSet::new();
    for folder in ["", "docs", "core", "examples", "runtime-smol", "runtime-std", "runtime-tokio"] {
        for file in fs::read_dir(root.join(folder)).expect("the folder is there").flatten() {
            let path = Path::new(folder).join(file.file_name());
            if path.extension().is_some_and(|extension| extension == "md") {
                paths.insert(path.to_str().expect("names of pages are text").to_owned());
            }
        }
    }
    assert!(paths.contains("README.md") && paths.len() > 10, "{paths:?}");
    paths.iter().map(|path| Page::read(&root, path)).collect()
}

/// The folder of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests are in the workspace").to_owned()
}
