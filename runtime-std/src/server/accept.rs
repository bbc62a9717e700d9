use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rtspan_core::Instant;

use super::conn;
use super::door::{Door, Tenant};
use super::refuse::refuse;
use crate::alarm::Alarm;
use crate::net::OPTIONS_ARE_INHERITED;
use crate::runtime::{Listener, Runtime, TcpSocket};

/// Connections accepted before other tasks have their turn.
const AT_ONCE: usize = 64;
/// How long nothing is accepted after the system had no room for another connection.
const REST: Duration = Duration::from_millis(100);

/// Accepts connections until the server is closed; `at` is the address that is listened on.
pub(crate) fn accept<R: Runtime>(
    runtime: R,
    door: &Arc<Door>,
    listener: R::Listener,
    at: SocketAddr,
) -> impl Future<Output = ()> + Send + use<R> {
    let door = Tenant::new(door);
    // Connections to one address need not be asked where they have come to.
    let local = Some(at).filter(|at| !at.ip().is_unspecified());
    async move {
        // Dropped in the opposite order: the socket is closed before the place is given up.
        let (door, mut listener) = (door, listener);
        accept_all(&runtime, &door, &mut listener, local).await;
    }
}

async fn accept_all<R: Runtime>(
    runtime: &R,
    door: &Arc<Door>,
    listener: &mut R::Listener,
    local: Option<SocketAddr>,
) {
    let mut alarm = Alarm::new(runtime.timer());
    let mut resting: Option<Instant> = None;
    poll_fn(|cx| {
        door.acceptor().register(cx);
        for _ in 0..AT_ONCE {
            if door.is_closing() {
                return Poll::Ready(());
            }
            if resting.is_some() && !alarm.is_due(cx, door.clock(), resting) {
                return Poll::Pending;
            }
            resting = None;
            match poll_accept(cx, runtime, door, listener, local) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(true) => {}
                Poll::Ready(false) => resting = Some(door.clock().now() + REST),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Accepts one connection; `false` if the system had no room for it.
fn poll_accept<R: Runtime>(
    cx: &mut Context<'_>,
    runtime: &R,
    door: &Arc<Door>,
    listener: &mut R::Listener,
    local: Option<SocketAddr>,
) -> Poll<bool> {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};

    let (socket, mut peer) = match listener.poll_accept(cx) {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(Ok(accepted)) => accepted,
        Poll::Ready(Err(error)) => {
            return Poll::Ready(matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted));
        }
    };
    peer.set_ip(peer.ip().to_canonical());
    if !OPTIONS_ARE_INHERITED {
        // Where it fails it costs latency, and the place of a peer that is gone without a word.
        let _ = socket.set_nodelay();
        let _ = socket.set_keepalive();
    }
    let wake = Arc::default();
    let local = local.or_else(|| socket.local_addr().ok());
    Poll::Ready(match door.open_conn(peer, local, &wake) {
        Ok(conn) => runtime.spawn(conn::serve(runtime, Arc::clone(door), socket, conn, wake)).is_ok(),
        Err(refused) => refuse(runtime, door, socket, refused),
    })
}
