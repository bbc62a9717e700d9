//! The list of streams as events (Server-Sent Events): it is sent whenever it is another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_lite::stream::unfold;
use hyper::HeaderMap;
use rtspan_examples::http::Body;
use rtspan_std::runtime::Runtime;
use smol::Timer;

use super::Site;
use super::visitor::Visitor;

/// Visitors that follow at a time. Others ask again and again.
const FOLLOWERS_MAX: usize = 32;
/// How often it is looked whether the list is another one.
const EVERY: Duration = Duration::from_secs(1);
/// The longest time in which nothing is sent, so that a proxy on the way does not take the connection for dead.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Counts those who follow.
#[derive(Clone, Debug, Default)]
pub(super) struct Followers(Arc<AtomicUsize>);

/// One of those who follow, until it is dropped.
struct Follower(Followers);

impl Followers {
    fn add(&self) -> Option<Follower> {
        let more = |count| (count < FOLLOWERS_MAX).then_some(count + 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Follower(self.clone()))
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A visitor that is sent the list.
struct Following<R: Runtime> {
    site: Arc<Site<R>>,
    headers: HeaderMap,
    /// The list that it has, and when something was sent last.
    has: Option<(String, Instant)>,
    _follower: Follower,
}

/// The lists for a visitor with these headers, until it may see none any more; `None` if too many follow.
pub(super) fn follow<R: Runtime>(site: &Arc<Site<R>>, headers: &HeaderMap) -> Option<Body> {
    let _follower = site.followers.add()?;
    let following = Following { site: Arc::clone(site), headers: headers.clone(), has: None, _follower };
    let next = |mut following: Following<R>| async move { Some((following.next().await?, following)) };
    Some(Body::events(unfold(following, next)))
}

impl<R: Runtime> Following<R> {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.has.is_some() {
                Timer::after(EVERY).await;
            }
            // Its rights may have become others.
            let settings = self.site.station.settings();
            let visitor = Visitor::of(&self.headers, &settings.accounts).ok()?;
            let list = self.site.list(&visitor).await.to_string();
            match &mut self.has {
                Some((known, at)) if *known == list => {
                    if at.elapsed() >= SILENCE_MAX {
                        *at = Instant::now();
                        return Some(Bytes::from_static(b":\n\n"));
                    }
                }
                _ => {
                    let event = format!("data: {list}\n\n");
                    self.has = Some((list, Instant::now()));
                    return Some(event.into());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_follow_and_no_more_until_one_leaves() {
        let followers = Followers::default();
        let mut all: Vec<_> = std::iter::from_fn(|| followers.add()).collect();
        assert_eq!(all.len(), FOLLOWERS_MAX);
        all.pop();
        assert!(followers.add().is_some());
    }
}
