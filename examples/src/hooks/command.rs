//! A command with what happened in its environment.

use std::ffi::OsString;
use std::process::{Command as StdCommand, Stdio};
use std::time::Duration;
use std::{env, io};

use futures_lite::AsyncReadExt;
use futures_lite::future::{or, zip};
use smol::process::Command;
use smol::{Timer, io::AsyncRead};

use super::{Happening, Hook, LINE_BYTES_MAX, LINES_MAX, Report, Say};

/// The part of our own environment that a command gets, in which there may be secrets.
const INHERITED: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// How a command ended within its time.
enum Ended {
    By(io::Result<std::process::ExitStatus>),
    TooLong,
}

/// Runs it to its end, or ends it with all that it has begun when it takes too long.
pub(super) async fn run(
    hook: &Hook,
    command: &[String],
    happening: &Happening,
    say: &Say,
) -> Result<(), String> {
    let (name, arguments) = command.split_first().ok_or("there is no command")?;
    let mut std = StdCommand::new(name);
    std.args(arguments).env_clear().envs(environment(happening));
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut std, 0);
    let mut started = Command::from(std);
    started.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = started.spawn().map_err(|error| format!("cannot be run: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let mut group = Group(Some(child.id()));
    let ended = async {
        let said = async {
            zip(forward(stdout, hook, say), forward(stderr, hook, say)).await;
        };
        // A process that it has left behind in the background may hold its output open.
        let (status, ()) = zip(child.status(), said).await;
        Ended::By(status)
    };
    let too_long = async {
        Timer::after(hook.patience).await;
        Ended::TooLong
    };
    let ended = or(ended, too_long).await;
    if let Ended::By(_) = ended {
        // A process that it has left in the background on purpose stays, and its number may soon be another one's.
        group.0 = None;
    }
    match ended {
        Ended::By(Ok(status)) if status.success() => Ok(()),
        Ended::By(Ok(status)) => Err(status.to_string()),
        Ended::By(Err(error)) => Err(error.to_string()),
        Ended::TooLong => Err(format!("ended after {}", seconds(hook.patience))),
    }
}

fn environment(happening: &Happening) -> Vec<(OsString, OsString)> {
    let inherited = INHERITED.into_iter().filter_map(|name| Some((name.into(), env::var_os(name)?)));
    let facts = happening.facts().map(|(name, value)| {
        let name = format!("RTSPAN_{}", name.to_ascii_uppercase());
        // The words of a peer may have zeros in them, which no environment can hold.
        (name.into(), value.replace('\0', "").into())
    });
    inherited.chain(facts).collect()
}

/// A command and all that it has begun, which end when this is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(group) = self.0.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Hands on what it says, a line at a time, and reads on when it says too much.
async fn forward(from: Option<impl AsyncRead + Unpin>, hook: &Hook, say: &Say) {
    let Some(mut from) = from else { return };
    let (mut line, mut lines, mut block) = (Vec::new(), 0, [0; 1024]);
    let mut tell = |line: &mut Vec<u8>| {
        if !line.is_empty() && lines < LINES_MAX {
            lines += 1;
            let line = String::from_utf8_lossy(line).trim_end().to_owned();
            say(Report::Said { hook: hook.to_string(), line });
        }
        line.clear();
    };
    while let Ok(read @ 1..) = from.read(&mut block).await {
        for byte in block.iter().take(read) {
            match byte {
                b'\n' => tell(&mut line),
                _ if line.len() < LINE_BYTES_MAX => line.push(*byte),
                _ => {}
            }
        }
    }
    tell(&mut line);
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f32())
}
