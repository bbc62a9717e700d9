use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rtspan_core::Instant;

use super::conn;
use super::door::{Door, Tenant};
use super::listening::{Addresses, Listening};
use super::refuse::refuse;
use crate::alarm::Alarm;
use crate::link::{Entrance, Link, Place as Entered};
use crate::net::{Dscp, OPTIONS_ARE_INHERITED};
use crate::runtime::{Listener, Runtime, TcpSocket};
use crate::trace;
use crate::wake::Wake;

/// Connections accepted before other tasks have their turn.
const AT_ONCE: usize = 64;
/// How long nothing is accepted after the system had no room for another connection.
const REST: Duration = Duration::from_millis(100);

/// An address that is listened on.
struct Place<R: Runtime> {
    listener: R::Listener,
    /// The address.
    at: SocketAddr,
    /// The class of service that what they send asks for.
    dscp: Option<Dscp>,
    /// Until when nothing is accepted there.
    resting: Option<Instant>,
    alarm: Alarm<R::Timer>,
}

/// Accepts connections at the addresses until the server is closed.
pub(super) fn accept<R: Runtime>(
    door: &Arc<Door>,
    addresses: Arc<Addresses<R>>,
    entrance: Arc<Entrance<R::Tcp>>,
    dscp: Option<Dscp>,
) -> impl Future<Output = ()> + Send + use<R> {
    let door = Tenant::new(door);
    async move {
        let runtime = addresses.runtime.clone();
        let place = |(listener, at): Listening<R>| Place::<R> {
            listener,
            at,
            dscp,
            resting: None,
            alarm: Alarm::new(runtime.timer()),
        };
        // Dropped in the opposite order: the sockets are closed before the place is given up.
        let (door, mut places, mut alarm) = (door, Vec::new(), Alarm::new(runtime.timer()));
        poll_fn(|cx| {
            door.acceptor().register(cx);
            if door.is_closing() {
                addresses.end();
                return Poll::Ready(());
            }
            let (added, removed) = addresses.take_changes();
            places.retain(|place: &Place<R>| !removed.contains(&place.at));
            places.extend(added.into_iter().map(place));
            let mut is_busy = alarm.is_due(cx, door.clock(), entrance.expire(cx));
            for place in &mut places {
                is_busy |= accept_some(cx, &runtime, &door, &entrance, place);
            }
            if is_busy {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await;
    }
}

/// Accepts what has come to one address. Returns `true` if there may be more.
fn accept_some<R: Runtime>(
    cx: &mut Context<'_>,
    runtime: &R,
    door: &Arc<Door>,
    entrance: &Arc<Entrance<R::Tcp>>,
    place: &mut Place<R>,
) -> bool {
    for _ in 0..AT_ONCE {
        if door.is_closing() {
            return true;
        }
        if place.resting.is_some() && !place.alarm.is_due(cx, door.clock(), place.resting) {
            return false;
        }
        place.resting = None;
        match poll_accept(cx, runtime, door, entrance, place) {
            Poll::Pending => return false,
            Poll::Ready(true) => {}
            Poll::Ready(false) => place.resting = Some(door.clock().now() + REST),
        }
    }
    true
}

/// Accepts one connection; `false` if the system had no room for it.
fn poll_accept<R: Runtime>(
    cx: &mut Context<'_>,
    runtime: &R,
    door: &Arc<Door>,
    entrance: &Arc<Entrance<R::Tcp>>,
    Place { listener, at, dscp, .. }: &mut Place<R>,
) -> Poll<bool> {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};

    let (socket, mut peer) = match listener.poll_accept(cx) {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(Ok(accepted)) => accepted,
        Poll::Ready(Err(error)) => {
            let is_of_peer = matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted);
            if !is_of_peer {
                trace::accept_failed(&error);
            }
            return Poll::Ready(is_of_peer);
        }
    };
    peer.set_ip(peer.ip().to_canonical());
    if !OPTIONS_ARE_INHERITED {
        // Where it fails it costs latency, and the place of a peer that is gone without a word.
        let _ = socket.set_nodelay();
        let _ = socket.set_keepalive();
    }
    if let Some(dscp) = *dscp {
        // Where it fails its packets go as all others.
        let _ = socket.set_dscp(dscp);
    }
    let wake = Arc::<Wake>::default();
    // Connections to one address need not be asked where they have come to.
    let local = if at.ip().is_unspecified() { socket.local_addr().ok() } else { Some(*at) };
    Poll::Ready(match door.open_conn(peer, local, &wake) {
        Ok(conn) => {
            let place = Entered { peer, wake: Arc::clone(&wake), awaits_proxy: conn.rx.awaits_proxy() };
            let link = Link::accepted(socket, entrance, place);
            runtime.spawn(conn::serve(runtime, Arc::clone(door), link, conn, wake)).is_ok()
        }
        Err(refused) => refuse(runtime, door, socket, refused),
    })
}
