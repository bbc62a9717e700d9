//! How a page is read.
//!
//! * A block of `sh` has a command on each line; a line that ends in `\` goes on. Each has to end well, or to run until it is
//!   stopped if it is one that does (`steps`).
//! * A block of `console` has commands behind `$ `, and below each one lines that it has to print; `…` stands for anything.
//! * A block whose first line is `# NAME.EXTENSION` becomes that file, for the commands behind it.
//! * `<!-- exits with N -->` in the line above a block: its commands end with that status.

use std::fs;
use std::path::Path;

/// A page of the documentation.
#[derive(Debug)]
pub(super) struct Page {
    /// Its path in the workspace.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
}

/// A fenced block.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Block {
    Commands(Vec<Command>),
    File {
        name: String,
        text: String,
    },
    Rust {
        is_ignored: bool,
    },
    /// Lines of a `Cargo.toml`.
    Dependencies,
    Shown {
        language: String,
    },
    Unknown {
        line: usize,
        why: String,
    },
}

/// A command, and what has to come of it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) text: String,
    pub(super) prints: Vec<String>,
    pub(super) status: i32,
}

impl Page {
    pub(super) fn read(root: &Path, path: &str) -> Self {
        let text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let blocks = blocks(&text);
        Self { path: path.to_owned(), text, blocks }
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(|block| match block {
            Block::Commands(commands) => commands.iter().map(|command| command.text.as_str()).collect(),
            _ => Vec::new(),
        })
    }

    pub(super) fn has_commands(&self) -> bool {
        self.commands().next().is_some()
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut above = "";
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            above = line;
            continue;
        };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
        blocks.push(block(language, number + 2, above, &body));
        above = "";
    }
    blocks
}

fn block(language: &str, first: usize, above: &str, body: &[&str]) -> Block {
    let unknown = |why: &str| Block::Unknown { line: first, why: why.to_owned() };
    if let Some(name) = body.first().and_then(|line| file_name(line)) {
        return Block::File { name: name.to_owned(), text: body.join("\n") + "\n" };
    }
    let status = above.strip_prefix("<!-- exits with ").and_then(|rest| rest.strip_suffix(" -->"));
    let Ok(status) = status.unwrap_or("0").parse() else { return unknown("no status of an exit") };
    match language {
        "sh" => Block::Commands(script(first, body, status)),
        "console" if body.first().is_some_and(|line| line.starts_with("$ ")) => {
            Block::Commands(dialogue(first, body, status))
        }
        "console" => unknown("a block of `console` begins with `$ `"),
        _ if body.iter().any(|line| line.starts_with("$ ")) => unknown("commands stand in `console` or `sh`"),
        "toml" if body.first().is_some_and(|line| line.ends_with("dependencies]")) => Block::Dependencies,
        _ if language.starts_with("rust") => Block::Rust { is_ignored: language.contains("ignore") },
        "" => unknown("a block has to say its language"),
        _ => Block::Shown { language: language.to_owned() },
    }
}

/// The name in a line such as `# rtspan.toml`.
fn file_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix("# ")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (name.contains('.') && !name.ends_with('.') && name.chars().all(is_name)).then_some(name)
}

fn script(first: usize, body: &[&str], status: i32) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut goes_on = false;
    for (line, text) in (first..).zip(body) {
        match commands.last_mut() {
            Some(last) if goes_on => {
                last.text.push('\n');
                last.text.push_str(text);
            }
            _ if text.is_empty() || text.starts_with('#') => continue,
            _ => commands.push(Command { line, text: (*text).to_owned(), prints: Vec::new(), status }),
        }
        goes_on = text.ends_with('\\');
    }
    commands
}

fn dialogue(first: usize, body: &[&str], status: i32) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for (line, text) in (first..).zip(body) {
        match (text.strip_prefix("$ "), commands.last_mut()) {
            (None, Some(last)) => last.prints.push((*text).to_owned()),
            (command, _) => {
                let text = command.unwrap_or(text).to_owned();
                commands.push(Command { line, text, prints: Vec::new(), status });
            }
        }
    }
    commands
}

/// Returns `true` if a line is what a page says, where `…` stands for anything and blanks for as many blanks as there are.
pub(super) fn is_line(shown: &str, line: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (shown, line) = (words(shown), words(line));
    let mut parts = shown.split('…').map(str::trim);
    let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else { return false };
    let mut is_whole = true;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        is_whole = part.is_empty();
    }
    is_whole && shown.ends_with('…') || rest.is_empty()
}

#[test]
fn blocks_are_read() {
    let text = "Text.\n\n```sh\n# a comment\nrtspan serve   # runs on\nrtspan play \\\n  URL\n```\n<!-- exits with 1 -->\n```console\n\
        $ rtspan probe URL\nfault …\n```\n```toml\n# rtspan.toml\nlisten = 1\n```\n```toml\n[dependencies]\n```\n```toml\na = 1\n```\n\
        ```text\n$ ls\n```\n```\n```\n```rust,no_run\n```\n";
    let command = |line, text: &str, prints: &[&str], status| Command {
        line,
        text: text.to_owned(),
        prints: prints.iter().map(|&line| line.to_owned()).collect(),
        status,
    };
    let found = blocks(text);
    let serve = command(5, "rtspan serve   # runs on", &[], 0);
    let play = command(6, "rtspan play \\\n  URL", &[], 0);
    assert_eq!(found[0], Block::Commands(vec![serve, play]));
    assert_eq!(found[1], Block::Commands(vec![command(11, "rtspan probe URL", &["fault …"], 1)]));
    let (name, text) = ("rtspan.toml".to_owned(), "# rtspan.toml\nlisten = 1\n".to_owned());
    assert_eq!(found[2], Block::File { name, text });
    assert_eq!(found[3], Block::Dependencies);
    assert_eq!(found[4], Block::Shown { language: "toml".to_owned() });
    assert!(matches!(found[5], Block::Unknown { .. }) && matches!(found[6], Block::Unknown { .. }));
    assert_eq!(found[7], Block::Rust { is_ignored: false });
}

#[test]
fn what_is_shown_is_compared() {
    assert!(is_line("server   rtspan/…", "server rtspan/0.1.0"));
    assert!(is_line("media 0  video, … packets, 0 lost", "media 0  video, RTP/AVP, udp: 57 packets, 0 lost"));
    assert!(!is_line(
        "media 0  video, … packets, 0 lost",
        "media 0  video, udp: 57 packets, 0 lost, or more"
    ));
    assert!(!is_line("fault …", "warning …"));
    assert!(is_line("sound", "sound") && !is_line("sound", "sound all") && !is_line("sound all", "sound"));
}
