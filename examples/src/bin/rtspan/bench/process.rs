use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

/// Units of the times in `/proc`, which Linux fixes for programs whatever it counts in itself.
const TICKS_PER_SECOND: u64 = 100;

/// The time and memory that a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    user: Duration,
    system: Duration,
    /// The sum of both, more exact than they are.
    cpu: Duration,
    /// Bytes of memory that it has now.
    resident: u64,
    /// How often its threads have waited for something that then came.
    wakeups: u64,
}

/// The things that a process has now, and that it is to give back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holdings {
    /// Bytes of memory.
    pub(super) resident: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
}

impl Holdings {
    /// Returns what the process `pid` has.
    pub(super) fn of(pid: u32) -> Result<Self, NoProcess> {
        let count = |name: &str| Some(fs::read_dir(format!("/proc/{pid}/{name}")).ok()?.count() as u64);
        let read = || {
            let resident = Usage::of(pid).ok()?.resident;
            Some(Self { resident, descriptors: count("fd")?, threads: count("task")? })
        };
        read().ok_or(NoProcess(pid))
    }
}

/// The process that could not be looked at.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no process {0} to be looked at in /proc")]
pub(crate) struct NoProcess(pub(crate) u32);

impl Usage {
    /// Returns the usage of the process `pid` until now, all its threads together.
    pub(super) fn of(pid: u32) -> Result<Self, NoProcess> {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let read = || {
            let usage = Self::parse(&file("stat")?, &file("status")?)?;
            Some(Self { cpu: cpu_of(pid).unwrap_or(usage.cpu), wakeups: wakeups_of(pid), ..usage })
        };
        read().ok_or(NoProcess(pid))
    }

    /// Returns the usage of this process until now; nothing where there is no `/proc`.
    pub(super) fn own() -> Self {
        Self::of(std::process::id()).unwrap_or_default()
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name may have blanks and parentheses in it.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut times = fields.split(' ').skip(11).map(|ticks| {
            let ticks: u64 = ticks.parse().ok()?;
            Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
        });
        let (user, system) = (times.next()??, times.next()??);
        // That of a process that is ending has none.
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        let kilobytes: u64 = resident.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(Self { user, system, cpu: user + system, resident: kilobytes << 10, wakeups: 0 })
    }

    /// User and system time since `before`.
    pub(super) fn cpu_since(&self, before: &Self) -> Duration {
        self.cpu.saturating_sub(before.cpu)
    }

    /// How often threads that are still there were woken since `before`.
    pub(super) fn wakeups_since(&self, before: &Self) -> u64 {
        self.wakeups.saturating_sub(before.wakeups)
    }

    /// How much more memory than `before` there is for each of `count`.
    pub(super) fn resident_since(&self, before: &Self, count: usize) -> f64 {
        (self.resident as f64 - before.resident as f64) / count.max(1) as f64
    }

    /// The usage since `before`, in `elapsed`.
    pub(super) fn to_json(self, before: &Self, elapsed: Duration) -> Value {
        let cpu = self.cpu_since(before);
        json!({
            "user_seconds": self.user.saturating_sub(before.user).as_secs_f64(),
            "system_seconds": self.system.saturating_sub(before.system).as_secs_f64(),
            "cores": cpu.as_secs_f64() / elapsed.as_secs_f64().max(0.001),
            "resident_bytes": self.resident,
            "wakeups": self.wakeups_since(before),
        })
    }
}

/// Counts the waits of all threads of a process (`voluntary_ctxt_switches` of proc_pid_status(5)).
fn wakeups_of(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let status = threads.filter_map(|thread| fs::read_to_string(thread.path().join("status")).ok());
    let waits = |status: String| {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    status.filter_map(waits).sum()
}

#[cfg(target_os = "linux")]
fn cpu_of(pid: u32) -> Option<Duration> {
    let pid = nix::unistd::Pid::from_raw(pid.try_into().ok()?);
    let clock = nix::time::clock_getcpuclockid(pid).ok()?;
    Some(clock.now().ok()?.into())
}

#[cfg(not(target_os = "linux"))]
fn cpu_of(_: u32) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_memory_are_read_whatever_the_name_of_the_program() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 250 7 8 20 0 1 0 9 10 11";
        let usage = Usage::parse(stat, "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n").unwrap();
        assert_eq!(usage.cpu_since(&Usage::default()), Duration::from_secs(4));
        assert_eq!(usage.resident_since(&Usage::default(), 2), 1_048_576.0);
        assert!(Usage::parse("42 (x", "").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory_and_one_that_does_not_exist_is_an_error() {
        let own = Holdings::of(std::process::id()).unwrap();
        assert!(own.resident > 0 && own.descriptors > 0 && own.threads > 0, "{own:?}");
        assert_eq!(Holdings::of(u32::MAX).unwrap_err().0, u32::MAX);
        let before = Usage::own();
        assert!(before.resident > 0);
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(Usage::own().wakeups_since(&before) >= 10, "each sleep is a wait");
        assert_eq!(Usage::of(u32::MAX).unwrap_err().0, u32::MAX);
    }
}
