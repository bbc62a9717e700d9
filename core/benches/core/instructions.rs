//! Counts the instructions of each step, and compares them with the table beside this file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

/// The flag with which this program runs itself under callgrind.
pub(crate) const RUN_STEPS: &str = "--run-steps";

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/core/instructions.txt");

/// How much more than in the table a step may take, in percent.
const TOLERANCE: f64 = 10.0;

/// Compares, and fails if a step takes more than it may; or writes the table.
///
/// Another compiler makes other instructions: then it only tells.
pub(crate) fn compare(write: bool) -> ExitCode {
    let counts = count();
    let compiler = compiler();
    if write {
        fs::write(TABLE, table(&compiler, &counts)).expect("the table can be written");
        return ExitCode::SUCCESS;
    }
    let table = fs::read_to_string(TABLE).expect("the table can be read");
    let of_table: BTreeMap<&str, f64> = table
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, count)| (name, count.trim().parse().expect("a number")))
        .collect();
    let mut failures = 0;
    println!("{:>12} {:>12} {:>8}  instructions for each item", "table", "now", "");
    for (name, now) in &counts {
        let Some(before) = of_table.get(&name[..]) else {
            println!("{:>12} {now:>12.1} {:>8}  {name}", "-", "new");
            failures += 1;
            continue;
        };
        let percent = (now / before - 1.0) * 100.0;
        let verdict = if percent > TOLERANCE { "  << too many" } else { "" };
        failures += usize::from(percent > TOLERANCE);
        println!("{before:>12.1} {now:>12.1} {percent:>+7.1}%  {name}{verdict}");
    }
    if table.lines().next() != Some(&compiler) {
        println!("{compiler:?} is not what the table is of: nothing is held against it");
    } else if failures > 0 {
        println!(
            "{failures} steps are not in the table, or take over {TOLERANCE} % more. If that is meant: --write"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The instructions of each step for one item, in the order in which they run.
fn count() -> Vec<(String, f64)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the counts");
    let file = folder.join("step");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=*::step::counted*"])
        .args(["--dump-before=*::step::end_of_step*", "--combine-dumps=no"])
        // Copies of many bytes by one instruction count as one for each byte.
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-ERMS")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe().expect("the path of this program"))
        .arg(RUN_STEPS)
        .output()
        .expect("valgrind is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let steps = String::from_utf8(output.stdout).expect("text");
    let count = |(at, line): (usize, &str)| {
        let (name, items) = line.split_once(' ').expect("a name and a number");
        let dump = fs::read_to_string(folder.join(format!("step.{}", at + 1))).expect("a dump for each step");
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a sum");
        let number = |text: &str| text.trim().parse::<f64>().expect("a number");
        (name.trim_start_matches("core::").to_owned(), number(total) / number(items))
    };
    steps.lines().enumerate().map(count).collect()
}

fn table(compiler: &str, counts: &[(String, f64)]) -> String {
    let mut table = format!("{compiler}\n");
    for (name, count) in counts {
        writeln!(table, "{name} {count:.1}").expect("a string takes everything");
    }
    table
}

/// The first line of a table: the compiler that it holds for.
fn compiler() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("the compiler tells its version");
    let version = String::from_utf8(output.stdout).expect("text");
    let value = |key: &str| version.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("?").to_owned();
    format!("# rustc {}, {}", value("release: "), value("host: "))
}
