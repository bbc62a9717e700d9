//! Real programs: what they print is awaited, they have a deadline, and they are killed when dropped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to do what it is waited for, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Lines kept of what a program prints, on each of its two outputs.
const LINES_MAX: usize = 4000;

/// Characters kept of a line.
const LINE_MAX: usize = 1000;

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
}

#[derive(Debug, Default)]
struct Output {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    stdout: VecDeque<String>,
    stderr: VecDeque<String>,
    /// Outputs that have not ended: a program whose outputs have both ended has ended itself.
    open: usize,
}

impl Program {
    /// Starts a program under a name that failures are told by.
    pub(crate) fn start(name: impl Into<String>, command: &mut Command) -> Self {
        let name = name.into();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let output = Arc::new(Output::default());
        output.lock().open = 2;
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        read_lines(stdout, Arc::clone(&output), |said| &mut said.stdout);
        read_lines(stderr, Arc::clone(&output), |said| &mut said.stderr);
        Self { name, child, output }
    }

    /// Waits for a line of standard output and returns it; `what` is for when it does not come.
    pub(crate) fn line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.lines(what, 1, wanted).remove(0)
    }

    /// Waits for so many lines of standard output and returns them.
    pub(crate) fn lines(&self, what: &str, count: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.output.lock();
        loop {
            let lines: Vec<String> =
                said.stdout.iter().filter(|line| wanted(line)).take(count).cloned().collect();
            if lines.len() == count {
                return lines;
            }
            assert!(said.open > 0, "{} ended without {what:?}", self.name);
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: no {what:?} after {PATIENCE:?}", self.name);
            said = self.output.wait(said, left);
        }
    }

    /// Waits for a line of either output; `what` is for when it does not come.
    pub(crate) fn said_within(&self, what: &str, patience: Duration, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + patience;
        let mut said = self.output.lock();
        while !said.stdout.iter().chain(&said.stderr).any(|line| wanted(line)) {
            assert!(said.open > 0, "{} ended without {what:?}", self.name);
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: no {what:?} after {patience:?}", self.name);
            said = self.output.wait(said, left);
        }
    }

    /// Waits until the program has ended, and says how; not at all, if it takes longer than that.
    pub(crate) fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        let mut said = self.output.lock();
        while said.open > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            said = self.output.wait(said, left);
        }
        drop(said);
        Some(self.child.wait().expect("a child can be waited for"))
    }

    /// Waits until the program has ended by itself and well.
    pub(crate) fn finish(&mut self) {
        match self.wait(PATIENCE) {
            Some(status) => assert!(status.success(), "{} failed: {status}", self.name),
            None => panic!("{} has not ended after {PATIENCE:?}", self.name),
        }
    }

    /// Returns `true` if the program has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.output.lock().open > 0
    }

    /// Sends a signal, named without `SIG`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {}", self.child.id())])
            .status()
            .expect("sh runs");
        assert!(status.success() || !self.is_running(), "{} cannot be sent SIG{signal}", self.name);
    }

    /// The name that failures are told by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the program has printed, both outputs.
    pub(crate) fn said(&self) -> String {
        let said = self.output.lock();
        let mut text = String::new();
        for line in said.stdout.iter().chain(&said.stderr) {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

impl Drop for Program {
    /// Kills, and when a test fails tells what the program had to say.
    fn drop(&mut self) {
        // A program that is already dead cannot be killed, which is what was wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("---- {} ----\n{}", self.name, self.said());
        }
    }
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, said: MutexGuard<'a, Said>, patience: Duration) -> MutexGuard<'a, Said> {
        self.changed.wait_timeout(said, patience).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Reads an output to its end, so that the program never waits for us.
fn read_lines(
    from: impl Read + Send + 'static,
    output: Arc<Output>,
    lines: fn(&mut Said) -> &mut VecDeque<String>,
) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            let text: String = String::from_utf8_lossy(&line).trim_end().chars().take(LINE_MAX).collect();
            line.clear();
            let mut said = output.lock();
            let lines = lines(&mut said);
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(text);
            output.changed.notify_all();
        }
        output.lock().open -= 1;
        output.changed.notify_all();
    });
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn shell(script: &str) -> Program {
        Program::start("sh", Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_line_is_awaited_and_the_end_too() {
        let mut program = shell("echo first; echo second; echo aside >&2");
        assert_eq!(program.line("a second line", |line| line.starts_with("sec")), "second");
        program.finish();
        assert_eq!(program.said(), "first\nsecond\naside\n");
        assert!(!program.is_running());
    }

    #[test]
    #[should_panic(expected = "sh ended without \"a line that never comes\"")]
    fn a_line_that_never_comes_is_not_awaited_beyond_the_end() {
        shell("echo something else").line("a line that never comes", |line| line == "no");
    }

    #[test]
    #[should_panic(expected = "sh failed")]
    fn a_failure_is_noticed() {
        shell("exit 3").finish();
    }

    #[test]
    fn a_program_that_does_not_end_is_noticed() {
        let mut program = shell("exec sleep 600");
        assert_eq!(program.wait(Duration::from_millis(10)), None);
        program.signal("KILL");
        assert_eq!(program.wait(PATIENCE).and_then(|status| status.signal()), Some(9));
    }

    #[test]
    fn a_dropped_program_is_dead() {
        let program = shell("echo ready; exec sleep 600");
        program.line("ready", |line| line == "ready");
        let (id, output) = (program.id(), Arc::clone(&program.output));
        drop(program);
        let deadline = Instant::now() + PATIENCE;
        let mut said = output.lock();
        while said.open > 0 {
            assert!(Instant::now() < deadline, "{id} lives");
            said = output.wait(said, PATIENCE);
        }
    }
}
