use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

#[cfg(target_os = "linux")]
use crate::stall;

/// The longest that anything is waited for.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The runtimes of the tool.
pub(crate) const RUNTIMES: &[&str] =
    if cfg!(feature = "tokio") { &["std", "smol", "tokio"] } else { &["std", "smol"] };

/// Makes tests of functions that are told the runtime. Each runs on all of them at once.
macro_rules! on_each_runtime {
    ($($test:ident,)*) => {
        mod on_each_runtime {
            $(
                #[test]
                fn $test() {
                    crate::program::on_runtimes(super::$test);
                }
            )*
        }
    };
}
pub(crate) use on_each_runtime;

/// Does this on each of them at once, in threads of their names, which a failure tells.
pub(crate) fn on_runtimes(test: fn(&str)) {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            let thread = thread::Builder::new().name(format!("on {runtime}"));
            thread.spawn_scoped(scope, || test(runtime)).unwrap();
        }
    });
}

/// Does this with each of them at once: programs mostly wait, and so do those who look at them.
pub(crate) fn beside<T: Sync>(all: &[T], each: impl Fn(&T) + Sync) {
    let each = &each;
    thread::scope(|scope| all.iter().for_each(|one| drop(scope.spawn(move || each(one)))));
}

/// Does this for one second, and for more where a busy machine has kept too much from coming in so short a time.
pub(crate) fn enough<T>(run: impl Fn(u32) -> T, is_enough: impl Fn(&T) -> bool) -> T {
    let short = [1, 4].into_iter().map(&run).find(is_enough);
    short.unwrap_or_else(|| run(16))
}

/// A program that runs, and is killed when this is dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    output: Receiver<Line>,
    stdout: String,
    stderr: String,
}

enum Line {
    Stdout(String),
    Stderr(String),
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts the tool.
    pub(crate) fn rtspan(args: &str) -> Self {
        Self::start(rtspan(), args)
    }

    /// Starts the tool in a network namespace.
    #[cfg(target_os = "linux")]
    pub(crate) fn rtspan_within(namespace: &str, args: &str) -> Self {
        let args = format!("netns exec {namespace} {} {args}", rtspan().display());
        Self::start("ip".into(), &args)
    }

    /// Starts the tool where a command of the shell has mounted something that nobody else sees; nothing where that is not allowed.
    #[cfg(target_os = "linux")]
    pub(crate) fn rtspan_in_mounts(prepare: &str, args: &str) -> Option<Self> {
        let apart = |script: &str| {
            let mut command = Command::new("unshare");
            command.args(["--mount", "--map-root-user", "sh", "-c", script]);
            command
        };
        if !apart("mount -t tmpfs tmpfs /mnt").output().is_ok_and(|output| output.status.success()) {
            return None;
        }
        let script = format!("{prepare} && exec {} {args}", rtspan().display());
        Some(Self::spawn(apart(&script), format!("rtspan {args}"), Stdio::piped(), Stdio::piped()))
    }

    /// Starts the tool with these as its standard output and standard error, which nobody else reads.
    #[cfg(target_os = "linux")]
    pub(crate) fn rtspan_to(args: &str, stdout: Stdio, stderr: Stdio) -> Self {
        Self::start_to(rtspan(), args, stdout, stderr)
    }

    /// Plays for a second, or for more while nothing has come.
    pub(crate) fn played(args: &str) -> Ended {
        let play = |seconds| Self::rtspan(&format!("play {args} --seconds {seconds}")).end();
        enough(play, |ended| !ended.stderr.contains("nothing arrived"))
    }

    /// Starts `rtspan serve` on a free port, and says where it is.
    pub(crate) fn serve(runtime: &str) -> (Self, String) {
        let mut server = Self::rtspan(&format!("serve --listen 127.0.0.1:0 --runtime {runtime}"));
        let url = server.url();
        (server, url)
    }

    /// Starts an example program.
    pub(crate) fn example(name: &str, args: &str) -> Self {
        Self::start(example(name), args)
    }

    /// Starts an example program with this as its standard output, which nobody else reads.
    #[cfg(target_os = "linux")]
    pub(crate) fn example_to(name: &str, args: &str, stdout: Stdio) -> Self {
        Self::start_to(example(name), args, stdout, Stdio::piped())
    }

    fn start(path: PathBuf, args: &str) -> Self {
        Self::start_to(path, args, Stdio::piped(), Stdio::piped())
    }

    fn start_to(path: PathBuf, args: &str, stdout: Stdio, stderr: Stdio) -> Self {
        let mut command = Command::new(&path);
        command.args(args.split_whitespace());
        let name = format!("{} {args}", path.file_name().unwrap().to_string_lossy());
        Self::spawn(command, name, stdout, stderr)
    }

    /// Starts a command with these as its standard input and standard error.
    pub(crate) fn handed(mut command: Command, stdin: Stdio, stderr: Stdio) -> Self {
        let name = format!("{command:?}");
        let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        Self::of(child, name)
    }

    /// Starts a command whose standard output is read by the caller.
    pub(crate) fn streaming(mut command: Command) -> (Self, ChildStdout) {
        let name = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        (Self::of(child, name), stdout)
    }

    fn spawn(mut command: Command, name: String, stdout: Stdio, stderr: Stdio) -> Self {
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        Self::of(child, name)
    }

    /// A program that has just been started.
    fn of(mut child: Child, name: String) -> Self {
        let (lines, output) = channel();
        if let Some(stdout) = child.stdout.take() {
            read_lines(stdout, lines.clone(), Line::Stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, lines, Line::Stderr);
        }
        Self { name, child, output, stdout: String::new(), stderr: String::new() }
    }

    /// Waits for a line with `part` in it, on either output.
    pub(crate) fn line(&mut self, part: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.next_line(deadline) {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("{} ended without {part:?}: {}{}", self.name, self.stdout, self.stderr),
            }
        }
    }

    /// Waits for a line with `part` in it, unless one has come already.
    pub(crate) fn has_said(&mut self, part: &str) {
        if ![&self.stdout, &self.stderr].iter().any(|said| said.contains(part)) {
            self.line(part);
        }
    }

    /// Waits for a line with `good` in it, or with `bad`, which is the error.
    pub(crate) fn either_line(&mut self, good: &str, bad: &str) -> Result<String, String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match self.next_line(deadline) {
                Some(line) if line.contains(good) => return Ok(line),
                Some(line) if line.contains(bad) => return Err(line),
                Some(_) => {}
                None => panic!("{} ended without {good:?}: {}{}", self.name, self.stdout, self.stderr),
            }
        }
    }

    /// Waits for the line that says where it listens.
    pub(crate) fn url(&mut self) -> String {
        let line = self.line("listening on ");
        let url = line.split_once("listening on ").unwrap().1;
        url.split(',').next().unwrap().to_owned()
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// It has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal such as `INT`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits until it ends.
    pub(crate) fn end(mut self) -> Ended {
        self.ends()
    }

    /// Waits until it ends, when it is a part of something else.
    pub(crate) fn ends(&mut self) -> Ended {
        let deadline = Instant::now() + LIMIT;
        while self.next_line(deadline).is_some() {}
        let code = self.child.wait().unwrap().code();
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        Ended { code, stdout, stderr }
    }

    /// Stops it as Ctrl-C does; how long it took to end, without that for which the machine kept it from running, and how it did.
    #[cfg(target_os = "linux")]
    pub(crate) fn interrupt_timed(mut self) -> (Duration, Ended) {
        let meter = stall::meter();
        meter.watch(self.pid(), true);
        let start = Instant::now();
        self.signal("INT");
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LIMIT, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(5));
        }
        let took = start.elapsed().saturating_sub(meter.since(start));
        (took, self.end())
    }

    /// Stops it as Ctrl-C does, and waits until it ends.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal("INT");
        self.end()
    }

    /// The next line on either output; `None` when there will be no other.
    fn next_line(&mut self, deadline: Instant) -> Option<String> {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => Some(self.keep(line)),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("{} said nothing more in {LIMIT:?}: {}{}", self.name, self.stdout, self.stderr);
            }
        }
    }

    fn keep(&mut self, line: Line) -> String {
        let (text, line) = match line {
            Line::Stdout(line) => (&mut self.stdout, line),
            Line::Stderr(line) => (&mut self.stderr, line),
        };
        text.push_str(&line);
        text.push('\n');
        line
    }
}

impl Drop for Program {
    /// Where a test fails, it tells what the program has said.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let ended = self.child.wait();
        if thread::panicking() {
            // A child of its own may have its output still.
            while let Ok(line) = self.output.recv_timeout(Duration::from_secs(1)) {
                self.keep(line);
            }
            println!("{} ({ended:?}):\n{}{}", self.name, self.stdout, self.stderr);
        }
    }
}

impl Ended {
    /// Returns the output, given that all went well.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// The object that was printed, given that all went well.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.well()).unwrap()
    }

    /// The reason that was given, in one line, for failing.
    #[track_caller]
    pub(crate) fn reason(self) -> String {
        assert!(matches!(self.code, Some(1..)), "{self:?}");
        self.stderr.lines().last().unwrap_or_default().to_owned()
    }
}

/// Where the tool is.
pub(crate) fn rtspan() -> PathBuf {
    env!("CARGO_BIN_EXE_rtspan").into()
}

/// Where an example program is.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is built by a `cargo test` that names no targets", path.display());
    path
}

fn read_lines(from: impl Read + Send + 'static, to: Sender<Line>, wrap: fn(String) -> Line) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if to.send(wrap(line)).is_err() {
                return;
            }
        }
    });
}
