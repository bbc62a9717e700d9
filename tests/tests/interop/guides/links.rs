//! Each link of a page leads to a file of the workspace, and to a heading if it names one. So does each path in backticks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::page::Page;
use super::{pages, root};

/// The address of the workspace for pages that are read elsewhere, such as those of the crates.
const PUBLISHED: &str = "https://github.com/rtspan/rtspan/blob/main/";

/// The folders from which pages for contributors name paths; all others name them from the first one, the workspace.
const ROOTS: [&str; 4] = ["", "core/src", "runtime-std/src", "tests/tests/interop"];

/// Comments of the crates, which link to pages by their published address.
const CRATES: [&str; 4] =
    ["core/src/lib.rs", "runtime-smol/src/lib.rs", "runtime-std/src/lib.rs", "runtime-tokio/src/lib.rs"];

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let root = root();
    let pages = pages();
    let headings: BTreeMap<_, _> = pages
        .iter()
        .map(|page| (root.join(&page.path).canonicalize().unwrap(), anchors(&page.text)))
        .collect();
    let leads = |folder: &Path, target: &str, here: &str| {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let path = if path.is_empty() { here } else { path };
        let Ok(file) = folder.join(path).canonicalize() else { return false };
        anchor.is_empty()
            || headings.get(&file).is_some_and(|anchors| anchors.iter().any(|known| known == anchor))
    };
    let mut links = 0;
    let mut broken = Vec::new();
    for page in &pages {
        let file = root.join(&page.path);
        let (folder, name) = (file.parent().unwrap(), file.file_name().unwrap().to_str().unwrap());
        for target in targets(&page.text) {
            let is_right = match target.strip_prefix(PUBLISHED) {
                Some(published) => leads(&root, published, ""),
                None => target.contains("://") || leads(folder, target, name),
            };
            links += 1;
            if !is_right {
                broken.push(format!("{} links to {target}", page.path));
            }
        }
    }
    for path in CRATES {
        let text = fs::read_to_string(root.join(path)).unwrap();
        for published in targets(&text).filter_map(|target| target.strip_prefix(PUBLISHED)) {
            links += 1;
            if !leads(&root, published, "") {
                broken.push(format!("{path} links to {published}"));
            }
        }
    }
    assert!(links > 100, "only {links} links were found");
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_path_in_backticks_is_a_file() {
    let root = root();
    let mut paths = 0;
    let mut missing = Vec::new();
    // The change log also names files of former versions.
    for Page { path: page, text, .. } in pages().iter().filter(|page| page.path != "CHANGELOG.md") {
        let is_for_contributors = ["ARCHITECTURE.md", "CONTRIBUTING.md"].contains(&page.as_str());
        let roots: Vec<_> = ROOTS
            .iter()
            .take(if is_for_contributors { 4 } else { 1 })
            .map(|folder| root.join(folder))
            .collect();
        for word in prose(text).flat_map(|line| line.split('`').skip(1).step_by(2)) {
            let is_path = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
                && word.split_once('/').is_some_and(|(first, _)| {
                    !first.is_empty() && roots.iter().any(|root| root.join(first).is_dir())
                });
            if is_path {
                paths += 1;
                let is_there = |path: &str| roots.iter().any(|root| root.join(path).exists());
                if !is_there(word) && !is_there(&format!("{word}.rs")) {
                    missing.push(format!("{page} names {word}"));
                }
            }
        }
    }
    assert!(paths > 80, "only {paths} paths were found");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn an_anchor_is_made_from_a_heading() {
    let page = "# `a_b.c`: The 1st thing\n```sh\n# none\n```\n## JSON\n## JSON\nSee [this](x.md#json).";
    assert_eq!(anchors(page), ["a_bc-the-1st-thing", "json", "json-1"]);
    assert_eq!(targets(page).collect::<Vec<_>>(), ["x.md#json"]);
}

/// The lines outside of blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_block = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_block ^= is_fence;
        !is_block && !is_fence
    })
}

/// The targets of links.
fn targets(text: &str) -> impl Iterator<Item = &str> {
    prose(text).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| Some(rest.split_once(')')?.0))
}

/// The anchors of headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let mut counts = BTreeMap::new();
    let mut anchors = Vec::new();
    for heading in prose(text).filter(|line| line.starts_with('#')) {
        let slug: String = heading
            .trim_start_matches('#')
            .trim()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .flat_map(|c| if c == ' ' { '-' } else { c }.to_lowercase())
            .collect();
        let count: &mut usize = counts.entry(slug.clone()).or_default();
        anchors.push(if *count == 0 { slug } else { format!("{slug}-{count}") });
        *count += 1;
    }
    anchors
}
