use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::door::Door;

/// Wakes the application for what it is told, until the server stops.
///
/// To wake another thread costs more than all that a request does, and a session tells of itself five times. So the turn of
/// this task comes behind all tasks that are ready: what these tell is one wake-up.
pub(super) async fn tell(door: Arc<Door>) {
    let mut is_behind = false;
    poll_fn(|cx| {
        let has_news = !door.teller().register(cx).is_empty();
        if door.is_stopped() {
            return Poll::Ready(());
        }
        if std::mem::take(&mut is_behind) {
            door.wake_waiters();
        } else if has_news {
            is_behind = true;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}
