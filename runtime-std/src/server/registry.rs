use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::task::Poll;

use rtspan_core::conn::Inbound;
use rtspan_core::stream::{LogLimits, SecureOrder, StreamLog, Streams};
use rtspan_core::{Instant, StreamId};

use super::readers::{Group, Readers};
use crate::clock::Clock;
use crate::wake::{Waiters, Wake, read, write};

/// The streams of a server by their handles; the tasks keep those that they use, so that no packet comes here.
#[derive(Debug)]
pub(crate) struct Registry {
    streams: RwLock<BTreeMap<StreamId, Arc<Published>>>,
    clock: Clock,
}

/// One stream: its log, and the tasks that are woken when something is published.
#[derive(Debug)]
pub(crate) struct Published {
    id: StreamId,
    log: RwLock<StreamLog>,
    readers: Readers,
    /// The packets before this one have been sent to all readers, as far as somebody has asked.
    sent: AtomicU64,
    /// Those who have asked.
    writers: Waiters,
}

impl Registry {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { streams: RwLock::default(), clock }
    }

    pub(crate) fn insert(&self, id: StreamId, mut log: StreamLog) -> Arc<Published> {
        log.set_wall_clock(self.clock.now(), self.clock.wall());
        let published = Arc::new(Published {
            id,
            log: RwLock::new(log),
            readers: Readers::default(),
            sent: AtomicU64::new(0),
            writers: Waiters::default(),
        });
        write(&self.streams).insert(id, Arc::clone(&published));
        published
    }

    pub(crate) fn remove(&self, id: StreamId) {
        let removed = write(&self.streams).remove(&id);
        if let Some(published) = removed {
            published.write(StreamLog::close);
            published.writers.wake_all();
        }
    }

    /// Has a log keep no more than so much.
    pub(crate) fn limit(&self, id: StreamId, limits: LogLimits) {
        if let Some(published) = self.get(id) {
            write(&published.log).set_limits(limits);
        }
    }

    /// Tells those who wait for it that the packets of a stream before this one have been sent.
    pub(crate) fn tell_sent(&self, id: StreamId, number: u64) {
        if let Some(published) = self.get(id) {
            published.sent.fetch_max(number, Ordering::AcqRel);
            published.writers.wake_all();
        }
    }

    /// Has the packets of a log be encrypted for readers as well, or no longer.
    pub(crate) fn secure(&self, id: StreamId, order: SecureOrder) {
        if let Some(published) = self.get(id) {
            write(&published.log).handle_secure(order);
        }
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<Arc<Published>> {
        read(&self.streams).get(&id).map(Arc::clone)
    }

    /// Tells every log the wall clock time, which its sender reports carry.
    pub(crate) fn set_wall_clock(&self) {
        let streams: Vec<_> = read(&self.streams).values().map(Arc::clone).collect();
        for published in streams {
            write(&published.log).set_wall_clock(self.clock.now(), self.clock.wall());
        }
    }
}

impl Streams for Registry {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        self.get(stream).is_some_and(|published| {
            published.read(|log| f(log));
            true
        })
    }
}

impl Published {
    pub(crate) fn id(&self) -> StreamId {
        self.id
    }

    /// Looks at the log, together with others that do.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&StreamLog) -> T) -> T {
        look(&read(&self.log))
    }

    /// Takes back that anything has been sent: who reads now is asked again.
    pub(crate) fn forget_sent(&self) {
        self.sent.store(0, Ordering::Release);
    }

    /// Waits until the packets before this one have been sent; `false` if the stream has ended.
    pub(crate) async fn sent(&self, number: u64) -> bool {
        let look = || {
            let is_open = self.read(|log| !log.is_closed());
            let is_over = !is_open || self.sent.load(Ordering::Acquire) >= number;
            if is_over { Poll::Ready(is_open) } else { Poll::Pending }
        };
        self.writers.wait(|_| look()).await
    }

    /// The tasks that are woken when something is published.
    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Changes the log, and wakes all readers once whom that concerns.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut StreamLog) -> T) -> T {
        let (result, head) = {
            let mut log = write(&self.log);
            let result = change(&mut log);
            (result, if log.is_closed() { u64::MAX } else { log.head() })
        };
        self.readers.wake(head);
        result
    }
}

/// The streams that one task reads: they wake it, and it finds them without a lock that others take.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    wake: Arc<Wake>,
    /// The task wakes its group when it is called.
    has_groups: bool,
    /// In the order in which the task named them.
    streams: Vec<Subscribed>,
    /// The first of them, found without looking at the list: mostly there is no other.
    first: Option<Arc<Published>>,
}

#[derive(Debug)]
struct Subscribed {
    id: StreamId,
    /// `None` for one that is gone.
    published: Option<Arc<Published>>,
    group: Option<Arc<Group>>,
}

impl Subscriptions {
    /// Those of a task that streams wake themselves.
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self { wake, has_groups: false, streams: Vec::new(), first: None }
    }

    /// Those of a task that does as [`wake_group`](Self::wake_group) says.
    pub(crate) fn with_groups(wake: Arc<Wake>) -> Self {
        let mut own = Self::new(wake);
        own.has_groups = true;
        own
    }

    /// Reads exactly `wanted` from here on; costs next to nothing when that is what it did before.
    pub(crate) fn set<I: Iterator<Item = StreamId>>(&mut self, registry: &Registry, wanted: impl Fn() -> I) {
        if wanted().eq(self.streams.iter().map(|subscribed| subscribed.id)) {
            return;
        }
        self.clear();
        for id in wanted() {
            let published = registry.get(id);
            let group = published.as_ref().and_then(|published| self.join(published));
            self.streams.push(Subscribed { id, published, group });
        }
        self.first = self.streams.first().and_then(|subscribed| subscribed.published.clone());
    }

    fn join(&self, published: &Published) -> Option<Arc<Group>> {
        if self.has_groups {
            return published.readers.join(&self.wake);
        }
        published.readers.add(&self.wake);
        None
    }

    /// To be called when the task was [called](crate::wake::Reasons::called): wakes those who wait for that.
    #[cold]
    pub(crate) fn wake_group(&self) {
        let groups = self.streams.iter().filter_map(|subscribed| subscribed.group.as_ref());
        groups.for_each(|group| group.wake(&self.wake));
    }

    /// Reads nothing any more. A stream that is named twice wakes twice, and is left as often.
    pub(crate) fn clear(&mut self) {
        self.first = None;
        for Subscribed { published, group, .. } in self.streams.drain(..) {
            if let Some(published) = published {
                published.readers.remove(&self.wake, group.as_ref());
            }
        }
    }
}

impl Streams for Subscriptions {
    fn read(&self, stream: StreamId, f: &mut dyn FnMut(&StreamLog)) -> bool {
        let other = || {
            let found = self.streams.iter().find(|subscribed| subscribed.id == stream);
            found.and_then(|subscribed| subscribed.published.as_ref())
        };
        let published = self.first.as_ref().filter(|published| published.id == stream).or_else(other);
        published.is_some_and(|published| {
            published.read(|log| f(log));
            true
        })
    }
}

impl Drop for Subscriptions {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The streams that one task publishes to.
#[derive(Debug, Default)]
pub(crate) struct Feeds(Vec<Arc<Published>>);

impl Feeds {
    /// Appends all media that `next` yields to the logs, each run of one stream under one lock and with one
    /// notification, and hands all else to `other`.
    ///
    /// # Errors
    ///
    /// The error of `next`.
    pub(crate) fn pump<E>(
        &mut self,
        now: Instant,
        registry: &Registry,
        mut next: impl FnMut() -> Result<Option<Inbound>, E>,
        mut other: impl FnMut(Inbound),
    ) -> Result<(), E> {
        let mut inbound = next()?;
        loop {
            inbound = match inbound {
                None => return Ok(()),
                Some(Inbound::Media(stream, media)) => match self.find(registry, stream) {
                    None => next()?,
                    Some(published) => published.write(|log| {
                        log.handle_media(now, media);
                        loop {
                            match next()? {
                                Some(Inbound::Media(own, media)) if own == stream => {
                                    log.handle_media(now, media);
                                }
                                other => return Ok(other),
                            }
                        }
                    })?,
                },
                Some(inbound) => {
                    other(inbound);
                    next()?
                }
            };
        }
    }

    fn find(&mut self, registry: &Registry, stream: StreamId) -> Option<&Published> {
        let place = match self.0.iter().position(|published| published.id == stream) {
            Some(place) => place,
            None => {
                // Few streams come over one connection, and those that are over make room for the next.
                self.0.retain(|published| registry.get(published.id).is_some());
                self.0.push(registry.get(stream)?);
                self.0.len() - 1
            }
        };
        self.0.get(place).map(|published| &**published)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use rtspan_core::description::{Description, Format, Media, MediaKind};
    use rtspan_core::server::{Server, ServerConfig};
    use rtspan_core::stream::StartAt;

    use super::super::reader::StreamReader;
    use super::*;

    #[test]
    fn nobody_is_woken_any_more_who_has_left_a_stream() {
        let registry = Registry::new(Clock::system());
        let mut server = Server::new(ServerConfig::default(), [7; 32]);
        let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        let (id, log) = server.add_stream(Instant::ZERO, "/cam", Description::new(vec![sound])).unwrap();
        let published = registry.insert(id, log);
        let reader = StreamReader::new(Arc::clone(&published), StartAt::Live);
        let mut subscriptions = Subscriptions::new(Arc::default());
        subscriptions.set(&registry, || [id].into_iter());
        assert_eq!(published.readers.count(), 2);
        subscriptions.set(&registry, std::iter::empty);
        drop(reader);
        assert_eq!(published.readers.count(), 0);
    }

    #[test]
    fn readers_look_at_the_same_log_at_the_same_time() {
        let registry = Registry::new(Clock::system());
        let mut server = Server::new(ServerConfig::default(), [7; 32]);
        let sound = Media::new(MediaKind::Audio, vec![Format::pcmu()]);
        let (id, log) = server.add_stream(Instant::ZERO, "/cam", Description::new(vec![sound])).unwrap();
        registry.insert(id, log);
        let reader = || {
            let mut subscriptions = Subscriptions::new(Arc::default());
            subscriptions.set(&registry, || [id].into_iter());
            subscriptions
        };
        let (first, second) = (reader(), reader());
        let (looked, has_looked) = channel();
        thread::scope(|scope| {
            first.read(id, &mut |_| {
                let (second, looked) = (&second, looked.clone());
                scope.spawn(move || second.read(id, &mut |_| looked.send(()).unwrap()));
                has_looked.recv_timeout(Duration::from_secs(10)).expect("nobody waits for the other");
            });
        });
    }
}
