//! The commands of pages that the test does not run, each with its reason. Nothing else is left out.

/// Commands that are not run, by their beginning.
pub(super) const NOT_RUN: &[(&str, &str)] = &[
    ("cargo install ", "the tests have built the tool"),
    ("cargo test --workspace", "this test is a part of it"),
    ("cargo bench ", "takes minutes; CI runs the one for instructions by itself"),
    ("examples/bench/run ", "takes minutes, and measures the machine"),
    ("examples/bench/soak ", "takes an hour"),
    ("examples/bench/cold ", "takes minutes, and measures the machine"),
    ("(cd examples/bench/peers ", "builds other crates that are measured"),
    ("sudo ", "changes the system of the reader of the page"),
    ("systemctl ", "asks the systemd of the reader of the page"),
    ("journalctl ", "shows the journal of the reader of the page"),
    ("rtspan bench read rtsp://server/path ", "measures a server that the reader of the page has"),
];

/// Pages with programs that no `lib.rs` compiles: how many are marked `ignore`, whether the others are checked elsewhere, and why.
pub(super) const NOT_COMPILED: &[(&str, usize, bool, &str)] = &[
    ("docs/retina.md", 1, false, "it is written for retina"),
    ("docs/runtime.md", 0, true, "excerpts, compared with the code by examples/tests/own_runtime"),
];

/// Languages of blocks that are shown and neither run nor compiled.
pub(super) const FOREIGN_BLOCKS: &[&str] = &["go", "html", "json", "text"];

/// The reason for which a command is not run.
pub(super) fn reason(command: &str) -> Option<&'static str> {
    NOT_RUN.iter().find(|(start, _)| command.starts_with(start)).map(|(_, reason)| *reason)
}
