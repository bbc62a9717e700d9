//! How the commands of a page are run, and what has to come of each.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command as Process;
use std::thread;
use std::time::Duration;

use crate::program::Program;

use super::exceptions;
use super::page::{Block, Command, Page, is_line};
use super::peers;
use super::world::World;

/// How long a command may take to end, or to show what it has to.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long somebody looks at what runs, before it is stopped or the next command is typed.
const LOOK: Duration = Duration::from_secs(2);

/// Commands that run until they are stopped, what they print once they do what they are for, and for how long they run.
const RUN_ON: [(&str, &str, Until); 8] = [
    ("rtspan serve", "listening", Until::NextOfItsKind),
    ("rtspan record", " begins", Until::NextOfItsKind),
    ("rtspan publish", "publishing at ", Until::NextOfItsKind),
    ("cargo run --example event_loop", "listening on ", Until::NextOfItsKind),
    ("rtspan play", " packets ", Until::Seen),
    ("ffplay", "Stream #0:0", Until::Seen),
    ("ffmpeg -re", "Output #0", Until::NextOfItsKind),
    ("gst-play-1.0", "PLAYING", Until::Seen),
];

/// Options with which these end by themselves.
const ENDS: [&str; 4] = [" --seconds ", " --once", " --check", " --print-config"];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Until {
    /// Until the page begins another one of the kind, or ends: for servers and publishers.
    NextOfItsKind,
    /// Until it was looked at: for players.
    Seen,
}

/// A command that runs on.
#[derive(Debug)]
struct Running {
    kind: &'static str,
    ends_well: bool,
    program: Program,
}

/// Runs a page in the world that this process is in.
pub(super) fn run(page: &Page, world: &World) {
    let _peers = peers::start(&page.text, &world.films());
    let mut running: Vec<Running> = Vec::new();
    for block in &page.blocks {
        match block {
            Block::File { name, text } => {
                fs::write(world.folder.join(name), text).expect("a file can be written")
            }
            Block::Commands(commands) => {
                for command in commands.iter().filter(|command| exceptions::reason(&command.text).is_none()) {
                    step(page, command, &world.folder, &mut running);
                }
            }
            _ => {}
        }
    }
    while let Some(mut last) = running.pop() {
        interrupt(&mut last.program, last.ends_well);
    }
}

fn step(page: &Page, command: &Command, folder: &Path, running: &mut Vec<Running>) {
    // One that is to fail ends.
    let runs_on = kind(&command.text).filter(|_| command.status == 0);
    if let Some((kind, ..)) = runs_on {
        if let Some(former) = running.iter().position(|former| former.kind == kind) {
            let mut former = running.remove(former);
            interrupt(&mut former.program, former.ends_well);
        }
    }
    let name = format!("{}:{}: {}", page.path, command.line, command.text);
    // Tests that run in the background have Ctrl-C ignored, and so has all that they start.
    let mut process = Process::new("env");
    // A group of its own, so that all of a pipeline is stopped, as by Ctrl-C.
    // The program itself takes the place of the shell, which Ctrl-C would end otherwise.
    let exec = if is_ours(command) { "exec " } else { "" };
    process
        .args(["--default-signal=INT", "sh", "-c", &format!("{exec}{}", command.text)])
        .current_dir(folder)
        .process_group(0);
    let mut program = Program::start(name, &mut process);
    let Some((kind, mark, until)) = runs_on else {
        let Some(status) = program.wait(PATIENCE) else {
            panic!("{} has not ended after {PATIENCE:?}", program.name())
        };
        assert_eq!(status.code(), Some(command.status), "the exit status of {}", program.name());
        shows(&program, &command.prints);
        leaves_file(&program, command, folder);
        return;
    };
    program.said_within(mark, PATIENCE, |line| line.contains(mark));
    shows(&program, &command.prints);
    thread::sleep(LOOK);
    match until {
        Until::NextOfItsKind => running.push(Running { kind, ends_well: ends_well(command), program }),
        Until::Seen => {
            interrupt(&mut program, ends_well(command));
            leaves_file(&program, command, folder);
        }
    }
}

/// Stops a command as Ctrl-C in its terminal does; ours end well then.
fn interrupt(program: &mut Program, ends_well: bool) {
    let group = format!("kill -INT -{}", program.id());
    Process::new("sh").args(["-c", &group]).status().expect("sh runs");
    let Some(status) = program.wait(PATIENCE) else { panic!("{} does not end at Ctrl-C", program.name()) };
    assert!(status.success() || !ends_well, "{} ends with {status} at Ctrl-C", program.name());
}

/// Returns `true` for a command that is of our package alone.
fn is_ours(command: &Command) -> bool {
    ["rtspan ", "cargo "].iter().any(|ours| command.text.starts_with(ours)) && !command.text.contains(" | ")
}

/// Returns `true` for one that takes Ctrl-C for its end. Examples do not.
fn ends_well(command: &Command) -> bool {
    is_ours(command) && !command.text.contains("--example")
}

/// Demands the file that a command names last, or behind `--out`.
fn leaves_file(program: &Program, command: &Command, folder: &Path) {
    let text = command.text.split(" #").next().unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let out = words.iter().position(|word| *word == "--out").and_then(|at| words.get(at + 1));
    let Some(name) = out.or(words.last()).filter(|name| name.contains('.') && !name.contains('/')) else {
        return;
    };
    let length = fs::metadata(folder.join(name)).map(|file| file.len());
    assert!(length.is_ok_and(|length| length > 0), "{} leaves no {name}", program.name());
}

/// The kind of a command that runs until it is stopped.
fn kind(command: &str) -> Option<(&'static str, &'static str, Until)> {
    // A pipeline is what its last program is.
    let command = command.rsplit(" | ").next().unwrap_or_default();
    let command = command.strip_prefix("cargo ").filter(|own| own.starts_with("rtspan")).unwrap_or(command);
    let ends = ENDS.iter().any(|option| command.contains(option));
    let found = RUN_ON.iter().find(|(start, ..)| command.starts_with(start) && !ends);
    found.copied()
}

/// Demands all lines that the page shows, in whatever order.
fn shows(program: &Program, prints: &[String]) {
    for shown in prints {
        program.said_within(shown, PATIENCE, |line| is_line(shown, line));
    }
}
