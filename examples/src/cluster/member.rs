//! A node with a clock and a registry: a thread that asks, and decisions that are awaited.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use futures_lite::future::or;
use smol::Timer;
use smol::channel::{Receiver, Sender, bounded};

use super::{Node, NodeSettings, Output, Registry, RegistryError, Watch};

/// The longest time that nobody looks at the clock.
const GLANCE: Duration = Duration::from_secs(1);

/// A watch that has failed is begun anew after so long. Until then the cluster is looked at now and then.
const WATCH_AGAIN: Duration = Duration::from_secs(1);

/// News of the registry that are to be told.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegistryNews {
    /// It does not answer any more, and why.
    Away(RegistryError),
    /// It answers again, or for the first time.
    Back,
}

/// A node whose questions are put to a registry by a thread of its own.
pub struct Member {
    node: Mutex<Node>,
    began: Duration,
    /// The thread looks again.
    changed: Condvar,
    /// The one that awaits decisions looks again.
    news: (Sender<()>, Receiver<()>),
    /// The thread ends when this is closed, and has left the registry when the other one is.
    stop: (Sender<()>, Receiver<()>),
    ended: Receiver<()>,
}

impl Member {
    /// Begins to ask. `say` is told when the registry goes and comes.
    ///
    /// # Errors
    ///
    /// The system has no thread for it.
    pub fn start(
        settings: NodeSettings,
        mut registry: Box<dyn Registry>,
        say: impl Fn(RegistryNews) + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let incarnation = getrandom::u64().unwrap_or_default();
        let (ends, ended) = bounded(1);
        let member = Arc::new(Self {
            node: Mutex::new(Node::new(settings, incarnation)),
            began: monotonic(),
            changed: Condvar::new(),
            news: bounded(1),
            stop: bounded(1),
            ended,
        });
        if let Some(watch) = registry.watch() {
            let own = Arc::downgrade(&member);
            thread::Builder::new()
                .name("cluster watch".to_owned())
                .spawn(move || Self::watch(&own, watch))?;
        }
        let own = Arc::clone(&member);
        let ask = move || {
            let _ends: Sender<()> = ends;
            own.ask(&mut *registry, say);
        };
        thread::Builder::new().name("cluster".to_owned()).spawn(ask)?;
        Ok(member)
    }

    /// Looks at the node, or gives it a command, at the present time.
    pub fn with<T>(&self, command: impl FnOnce(&mut Node, Duration) -> T) -> T {
        let mut node = self.lock();
        let now = self.now();
        node.handle_timeout(now);
        let done = command(&mut node, now);
        if !node.outputs.is_empty() {
            let _ = self.news.0.try_send(());
        }
        drop(node);
        self.changed.notify_one();
        done
    }

    /// The next decisions. They come no later than a second after the call, and may be none.
    pub async fn decisions(&self) -> Vec<Output> {
        let rest = {
            let mut node = self.lock();
            let now = self.now();
            node.handle_timeout(now);
            let outputs: Vec<_> = std::iter::from_fn(|| node.poll_output()).collect();
            if !outputs.is_empty() {
                return outputs;
            }
            node.poll_timeout().map_or(GLANCE, |at| at.saturating_sub(now))
        };
        let news = async {
            let _ = self.news.1.recv().await;
        };
        let late = async {
            Timer::after(rest.clamp(Duration::from_millis(10), GLANCE)).await;
        };
        or(news, late).await;
        let mut node = self.lock();
        node.handle_timeout(self.now());
        std::iter::from_fn(|| node.poll_output()).collect()
    }

    /// Leaves the cluster, and gives all paths back.
    pub async fn leave(&self) {
        self.stop.0.close();
        self.changed.notify_one();
        let _ = self.ended.recv().await;
    }

    fn ask(&self, registry: &mut dyn Registry, say: impl Fn(RegistryNews)) {
        let mut is_there = None;
        let mut node = self.lock();
        while !self.stop.0.is_closed() {
            let now = self.now();
            let Some(request) = node.poll_request(now) else {
                let rest = node.poll_timeout().map_or(GLANCE, |at| at.saturating_sub(now));
                let rest = rest.clamp(Duration::from_millis(1), GLANCE);
                let waited = self.changed.wait_timeout(node, rest);
                node = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            };
            drop(node);
            let answer = registry.ask(&request);
            let was_there = is_there.replace(answer.is_ok());
            let answer = match answer {
                Ok(answer) => {
                    if was_there != Some(true) {
                        say(RegistryNews::Back);
                    }
                    Some(answer)
                }
                Err(error) => {
                    if was_there != Some(false) {
                        say(RegistryNews::Away(error));
                    }
                    None
                }
            };
            node = self.lock();
            node.handle_answer(self.now(), answer);
            if !node.outputs.is_empty() {
                let _ = self.news.0.try_send(());
            }
        }
        if let Some(lease) = node.lease().map(ToOwned::to_owned) {
            drop(node);
            let _ = registry.leave(&lease);
        }
    }

    /// Has the node look at the cluster when the registry says that something has changed.
    fn watch(member: &Weak<Self>, mut watch: Box<dyn Watch>) {
        loop {
            let waited = watch.wait();
            let Some(member) = member.upgrade().filter(|member| !member.stop.0.is_closed()) else { return };
            member.with(|node, _| node.look());
            drop(member);
            if waited.is_err() {
                thread::sleep(WATCH_AGAIN);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Node> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        monotonic().saturating_sub(self.began)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("node", &self.node).finish_non_exhaustive()
    }
}

/// The time of a clock that nobody sets, and that goes on while the machine sleeps.
#[cfg(target_os = "linux")]
fn monotonic() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(now.tv_sec.try_into().unwrap_or_default(), now.tv_nsec.try_into().unwrap_or_default())
}

/// The time of a clock that nobody sets.
#[cfg(not(target_os = "linux"))]
fn monotonic() -> Duration {
    static BEGAN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(std::time::Instant::now).elapsed()
}
