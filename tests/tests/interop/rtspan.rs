//! This library's own program, which serves, plays and publishes on each of the runtimes.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::program::Program;

/// The runtime of the program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Runtime {
    Std,
    Smol,
    Tokio,
}

/// A server of ours that runs.
#[derive(Debug)]
pub(crate) struct Server {
    program: Program,
    url: String,
}

impl Server {
    /// Starts a server on a free port.
    pub(crate) fn start(runtime: Runtime) -> Self {
        Self::start_with(runtime, &[])
    }

    /// Starts a server with more arguments on a free port.
    pub(crate) fn start_with(runtime: Runtime, args: &[&str]) -> Self {
        let mut command = rtspan(runtime);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        let program = Program::start(format!("rtspan serve on {runtime:?}"), &mut command);
        let url = listening(&program);
        Self { program, url }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The URL of a path with credentials in it.
    pub(crate) fn url_as(&self, credentials: &str, path: &str) -> String {
        self.url(path).replacen("://", &format!("://{credentials}@"), 1)
    }

    /// The SHA-256 of its certificate, which it says.
    pub(crate) fn certificate(&self) -> String {
        const WORDS: &str = "rtsps with the certificate of SHA-256 ";
        let line = self.program.line(WORDS, |line| line.starts_with(WORDS));
        line.trim_start_matches(WORDS).to_owned()
    }

    /// Waits until something is published at a path.
    pub(crate) fn published(&self, path: &str) {
        self.said(&format!("{path} is published"));
    }

    /// Waits until so many readers play what is at a path.
    pub(crate) fn played(&self, path: &str, readers: usize) {
        let played = format!(" plays {path} over ");
        self.program.lines(&played, readers, |line| line.contains(&played));
    }

    /// Waits for a line, which may be in the middle of one.
    pub(crate) fn said(&self, words: &str) {
        self.program.line(words, |line| line.contains(words));
    }

    /// The most memory that the server ever had at once, in bytes, without the pages of its program file.
    pub(crate) fn memory_peak(&self) -> usize {
        let path = format!("/proc/{}/status", self.program.id());
        let status = std::fs::read_to_string(path).expect("the server runs");
        let bytes = |name: &str| -> usize {
            let line = status.lines().find(|line| line.starts_with(name)).expect("Linux knows it");
            line.split_whitespace()
                .nth(1)
                .and_then(|kibibytes| kibibytes.parse().ok())
                .map_or(0, |n: usize| n << 10)
        };
        bytes("VmHWM:").saturating_sub(bytes("RssFile:"))
    }
}

impl Runtime {
    pub(crate) const ALL: [Self; 3] = [Self::Std, Self::Smol, Self::Tokio];

    fn name(self) -> &'static str {
        match self {
            Self::Std => "std",
            Self::Smol => "smol",
            Self::Tokio => "tokio",
        }
    }
}

/// Waits until a server says where it listens, and returns the URL.
pub(crate) fn listening(program: &Program) -> String {
    const WORDS: &str = "listening on ";
    let line = program.line(WORDS, |line| line.starts_with(WORDS));
    let url = line.trim_start_matches(WORDS);
    url.split_once(',').map_or(url, |(url, _)| url).to_owned()
}

/// The program `rtspan`, built at its first use.
pub(crate) fn rtspan(runtime: Runtime) -> Command {
    let mut command = Command::new(program());
    command.args(["--runtime", runtime.name()]);
    command
}

/// Where the program `rtspan` stands, which is built at its first use.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build(&["--bin", "rtspan"]).join("rtspan"))
}

/// Builds parts of the package `rtspan` into the folder that these tests were built into, and returns it.
///
/// The package is built by itself, as its users build it, with the cryptography of ring. All else that CI runs is built with the
/// features of the whole workspace, and those take aws-lc-rs. So its dependencies are compiled a second time here.
pub(crate) fn build(parts: &[&str]) -> PathBuf {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target =
        Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is below the folder of the target");
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).arg("build").arg("--target-dir").arg(target);
    command.args(["--quiet", "--package", "rtspan", "--all-features"]).args(parts);
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if profile == "release" {
        command.arg("--release");
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "rtspan is not built:\n{}", String::from_utf8_lossy(&output.stderr));
    target.join(profile)
}
