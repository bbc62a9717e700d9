//! Commands that are run, and addresses that are told, when something happens at a path.
//!
//! A caller that tells of something never waits. The hooks of a path are worked on one after the other, those of other paths meanwhile, a
//! few at a time; what takes too long is ended, and what does not fit the queue is left out and told.

mod command;
mod post;
mod queue;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_lite::future::or;
use serde_json::{Map, Value};
use smol::channel::{Receiver, Sender, unbounded};
use smol::{LocalExecutor, Timer};

use queue::Queue;

/// How many hooks run at a time.
pub const RUNNING_MAX: usize = 8;
/// Events that wait at most until hooks have time for them.
pub const WAITING_MAX: usize = 1024;
/// How long a hook may take if it says nothing else.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of a line that a command says; the rest of the line is left out.
pub const LINE_BYTES_MAX: usize = 1024;
/// Lines that a command may say.
pub const LINES_MAX: usize = 100;

/// The moments that hooks can be told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum On {
    /// There is something to read at a path.
    Ready,
    /// There is nothing to read at a path any more.
    Gone,
    /// A session has begun to read a path.
    Read,
    /// A session that has read a path has ended.
    Unread,
    /// A session has begun to publish at a path.
    Publish,
    /// A session that has published at a path has ended.
    Unpublish,
}

/// There is no such moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected ready, gone, read, unread, publish or unpublish")]
pub struct UnknownMoment;

impl std::str::FromStr for On {
    type Err = UnknownMoment;

    fn from_str(text: &str) -> Result<Self, UnknownMoment> {
        Self::ALL.into_iter().find(|on| on.word() == text).ok_or(UnknownMoment)
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl On {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Ready, Self::Gone, Self::Read, Self::Unread, Self::Publish, Self::Unpublish];

    /// The word for it: in settings, in `RTSPAN_EVENT` and in what is posted.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Gone => "gone",
            Self::Read => "read",
            Self::Unread => "unread",
            Self::Publish => "publish",
            Self::Unpublish => "unpublish",
        }
    }
}

/// The action of a hook.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Runs a program with its arguments. No shell looks at them.
    Run(Vec<String>),
    /// Has a shell run this.
    Shell(String),
    /// Posts JSON to an address of HTTP or HTTPS. What fails for now (5xx, 429, no connection) is tried so many times more.
    Post {
        /// The address.
        url: String,
        /// How many times it is tried again.
        retries: u32,
    },
}

/// Something to do when something happens.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The moments.
    pub on: Vec<On>,
    /// The paths: one, or all that begin so, with a `*` at the end.
    pub paths: String,
    /// The program or the request to run.
    pub action: Action,
    /// When it is ended.
    pub patience: Duration,
}

impl Hook {
    fn is_for(&self, happening: &Happening) -> bool {
        let (pattern, path) = (self.paths.trim_start_matches('/'), happening.path.trim_start_matches('/'));
        let is_its_path = match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == pattern,
        };
        is_its_path && self.on.contains(&happening.on)
    }
}

/// Shown without what may be secret: arguments, and all of an address but its host.
impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Run(command) => f.write_str(command.first().map_or("", String::as_str)),
            Action::Shell(_) => f.write_str("shell"),
            Action::Post { url, .. } => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                write!(f, "{scheme}://{host}")
            }
        }
    }
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub struct Happening {
    /// The event.
    pub on: On,
    /// Where.
    pub path: String,
    facts: Vec<(&'static str, String)>,
}

impl Happening {
    /// Something that happened at a path.
    pub fn new(on: On, path: impl Into<String>) -> Self {
        Self { on, path: path.into(), facts: Vec::new() }
    }

    /// Adds what is known of it, such as `session` or `peer`: `RTSPAN_SESSION`, and `session` in what is posted.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    fn facts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let facts = self.facts.iter().map(|(name, value)| (*name, value.as_str()));
        [("event", self.on.word()), ("path", self.path.as_str())].into_iter().chain(facts)
    }

    fn to_json(&self) -> Value {
        self.facts().map(|(name, value)| (name.to_owned(), Value::from(value))).collect::<Map<_, _>>().into()
    }
}

/// News of hooks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// A command has said a line.
    Said {
        /// The hook, as it is shown.
        hook: String,
        /// The line.
        line: String,
    },
    /// A hook has not done what it should.
    Failed {
        /// The hook, as it is shown.
        hook: String,
        /// The path that it was for.
        path: String,
        /// Why.
        why: String,
    },
    /// Too much waits for hooks, and this is left out; it is told once until something fits again.
    LeftOut {
        /// The hook, as it is shown.
        hook: String,
        /// The path that it was for.
        path: String,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said { hook, line } => write!(f, "hook {hook}: {line}"),
            Self::Failed { hook, path, why } => write!(f, "hook {hook} failed for {path}: {why}"),
            Self::LeftOut { hook, path } => {
                write!(f, "hook {hook} left out for {path}: {WAITING_MAX} wait already")
            }
        }
    }
}

type Say = Arc<dyn Fn(Report) + Send + Sync>;

/// Hooks that are worked on by a thread of their own.
pub struct Hooks {
    hooks: Arc<Vec<Hook>>,
    queue: Arc<Mutex<Queue>>,
    /// Names lanes that have something to do and that nobody works on.
    lanes: Sender<queue::Lane>,
    idle: Receiver<()>,
    /// Ends the thread, and what it runs, when it is closed.
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
    say: Say,
}

impl Hooks {
    /// Begins to work; `say` is told what there is to tell, and must not wait.
    ///
    /// # Errors
    ///
    /// The system has no thread for it.
    pub fn start(hooks: Vec<Hook>, say: impl Fn(Report) + Send + Sync + 'static) -> io::Result<Self> {
        let (hooks, queue, say) =
            (Arc::new(hooks), Arc::new(Mutex::new(Queue::default())), Arc::new(say) as Say);
        // As many as there are lanes, which the queue bounds.
        let (lanes, ready) = unbounded();
        // Nothing is sent: it closes when the thread ends.
        let (ended, idle) = unbounded();
        let (stop, stopped) = unbounded::<()>();
        let worker = Worker {
            hooks: Arc::clone(&hooks),
            queue: Arc::clone(&queue),
            ready,
            lanes: lanes.clone(),
            say: Arc::clone(&say),
        };
        let work = move || {
            let executor = LocalExecutor::new();
            let workers: Vec<_> = (0..RUNNING_MAX).map(|_| executor.spawn(worker.work())).collect();
            let all = async {
                for worker in workers {
                    worker.await;
                }
            };
            let stopped = async {
                let _ = stopped.recv().await;
            };
            async_io::block_on(executor.run(or(stopped, all)));
            // The commands that run are ended.
            drop(executor);
            drop(ended);
        };
        let thread = Some(thread::Builder::new().name("hooks".to_owned()).spawn(work)?);
        Ok(Self { hooks, queue, lanes, idle, stop, thread, say })
    }

    /// Has all hooks for it run, and does not wait for them.
    pub fn tell(&self, happening: &Happening) {
        let mut queue = lock(&self.queue);
        for (number, hook) in self.hooks.iter().enumerate().filter(|(_, hook)| hook.is_for(happening)) {
            match queue.push((number, happening.path.clone()), happening) {
                queue::Pushed::Begins(lane) => drop(self.lanes.try_send(lane)),
                queue::Pushed::Waits => {}
                queue::Pushed::LeftOut { is_first } => {
                    if is_first {
                        (self.say)(Report::LeftOut { hook: hook.to_string(), path: happening.path.clone() });
                    }
                }
            }
        }
    }

    /// Waits until all has been done that was told, but for so long at most, and ends what runs then.
    pub async fn finish(self, limit: Duration) {
        self.lanes.close();
        let done = async {
            let _ = self.idle.recv().await;
        };
        let limit = async {
            Timer::after(limit).await;
        };
        or(done, limit).await;
    }
}

/// Ends what runs; what waits is left out.
impl Drop for Hooks {
    fn drop(&mut self) {
        self.lanes.close();
        self.stop.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("hooks", &self.hooks).finish_non_exhaustive()
    }
}

struct Worker {
    hooks: Arc<Vec<Hook>>,
    queue: Arc<Mutex<Queue>>,
    ready: Receiver<queue::Lane>,
    lanes: Sender<queue::Lane>,
    say: Say,
}

impl Worker {
    /// Works on what is ready until there will be no more.
    async fn work(&self) {
        while let Ok(lane) = self.ready.recv().await {
            loop {
                let next = lock(&self.queue).next(&lane);
                let Some(happening) = next else { break };
                self.run(&lane, &happening).await;
                // Others have their turn first, while anybody may still tell of something.
                if self.lanes.try_send(lane.clone()).is_ok() {
                    break;
                }
            }
        }
    }

    async fn run(&self, (number, path): &queue::Lane, happening: &Happening) {
        let Some(hook) = self.hooks.get(*number) else { return };
        let done = match &hook.action {
            Action::Run(command) => command::run(hook, command, happening, &self.say).await,
            Action::Shell(script) => {
                let shell = ["sh".to_owned(), "-c".to_owned(), script.clone()];
                command::run(hook, &shell, happening, &self.say).await
            }
            Action::Post { url, retries } => {
                post::post(url, *retries, hook.patience, happening.to_json()).await
            }
        };
        if let Err(why) = done {
            (self.say)(Report::Failed { hook: hook.to_string(), path: path.clone(), why });
        }
    }
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
