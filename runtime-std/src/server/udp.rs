use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use rtspan_core::Instant;
use rtspan_core::conn::Inbound;
use rtspan_core::udp::{GroupTarget, UdpCommand, UdpMedia, UdpOpenError};

use super::door::{Door, Opening, Tenant};
use super::registry::{Feeds, Subscriptions};
use crate::alarm::Alarm;
use crate::mailbox::Mailbox;
use crate::net::{Interface, Membership, SocketOptions, UdpPair, bind_pair};
use crate::runtime::{Runtime, UdpSocket};

/// How often a task goes round before it lets others run.
const ROUNDS: usize = 16;
/// Calls to the system that receive, in one round.
const BURSTS: usize = 4;
/// Calls to the system that receive what came before an order.
const DRAIN_BURSTS: usize = 64;

/// How sockets of a server send.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) options: SocketOptions,
    /// To groups, by this interface.
    pub(crate) interface: Option<Interface>,
}

/// Opens the sockets that the server asks for as it is made, so that its maker learns whether they can be had.
pub(crate) fn open<R: Runtime>(runtime: &R, door: &Arc<Door>, sending: &Sending) -> Result<(), UdpOpenError> {
    for opening in door.take_openings() {
        let id = opening.media.id();
        let ports = open_pair(runtime, door, opening, sending)?;
        door.udp_opened(id, Ok(ports));
    }
    Ok(())
}

/// Opens the sockets that the server asks for later: those of groups.
pub(super) fn open_groups<R: Runtime>(runtime: &R, door: &Arc<Door>, sending: &Sending) {
    for opening in door.take_openings() {
        let id = opening.media.id();
        door.udp_opened(id, open_pair(runtime, door, opening, sending));
    }
}

fn open_pair<R: Runtime>(
    runtime: &R,
    door: &Arc<Door>,
    opening: Opening,
    Sending { options, interface }: &Sending,
) -> Result<(u16, u16), UdpOpenError> {
    let refused = |error: io::Error| UdpOpenError::Io(error.into());
    let (sockets, ports) = bind_pair(runtime, opening.media.spec())?;
    if let Some(target) = opening.media.group() {
        send_to_group(&sockets, target, interface.as_ref()).map_err(refused)?;
    }
    let pair = UdpPair::new(sockets, *options).map_err(refused)?;
    runtime.spawn(serve(runtime, door, pair, opening)).map_err(refused)?;
    Ok(ports)
}

/// Makes two sockets those of a group. Readers on this host have the same ports, and reports come to the group too.
fn send_to_group<U: UdpSocket>(
    sockets: &[U; 2],
    target: &GroupTarget,
    interface: Option<&Interface>,
) -> io::Result<()> {
    for socket in sockets {
        socket.socket().share()?;
        socket.socket().set_multicast(target.ttl, interface)?;
    }
    let [_, reports] = sockets;
    let membership = Membership { group: target.group, source: None, interface: interface.cloned() };
    reports.socket().join(&membership)
}

/// Moves the media of one pair of UDP sockets until the server stops, or has no use for it any more.
fn serve<R: Runtime>(
    runtime: &R,
    door: &Arc<Door>,
    pair: UdpPair<R::Udp>,
    Opening { media, mailbox }: Opening,
) -> impl Future<Output = ()> + Send + use<R> {
    let mut task = UdpTask::<R> {
        media,
        pair,
        subscriptions: Subscriptions::new(Arc::clone(mailbox.waker())),
        mailbox,
        feeds: Feeds::default(),
        alarm: Alarm::new(runtime.timer()),
        door: Tenant::new(door),
    };
    async move { poll_fn(|cx| task.poll(cx)).await }
}

struct UdpTask<R: Runtime> {
    media: UdpMedia,
    pair: UdpPair<R::Udp>,
    mailbox: Arc<Mailbox<UdpCommand>>,
    subscriptions: Subscriptions,
    feeds: Feeds,
    alarm: Alarm<R::Timer>,
    /// The last, so that the sockets are closed before it is given up.
    door: Tenant,
}

impl<R: Runtime> UdpTask<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.mailbox.waker().register(cx);
        for _ in 0..ROUNDS {
            if self.door.is_stopped() {
                return Poll::Ready(());
            }
            let goes_on = self.round(cx);
            if self.media.is_over() {
                return Poll::Ready(());
            }
            if !goes_on {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does a bounded amount of everything. Returns `true` if there may be more to do at once.
    fn round(&mut self, cx: &mut Context<'_>) -> bool {
        let now = self.door.clock().now();
        self.take_commands(now);
        let media = &mut self.media;
        let received = self
            .pair
            .poll_receive(cx, BURSTS, |port, from, data| media.handle_datagram(now, port, from, data))
            .is_ready();
        self.take_input(now);
        self.subscriptions.set(self.door.registry(), || self.media.streams());
        let (media, subscriptions) = (&mut self.media, &self.subscriptions);
        // Datagrams that have no room now are sent when the socket wakes this task.
        let _ = self.pair.poll_send(cx, |pair| media.flush(now, subscriptions, pair));
        self.pair.take_too_big().for_each(|(to, bytes)| media.handle_too_big(now, to, bytes));
        self.take_input(now);
        let due = self.alarm.is_due(cx, self.door.clock(), self.media.poll_timeout());
        if due {
            self.media.handle_timeout(self.door.clock().now());
        }
        received || due
    }

    fn take_commands(&mut self, now: Instant) {
        let (media, pair) = (&mut self.media, &self.pair);
        for command in self.mailbox.take() {
            if command.ends_receiving() {
                // Datagrams from before a publisher's TEARDOWN are published, also if the system has not told of them yet.
                pair.drain(DRAIN_BURSTS, |port, from, data| media.handle_datagram(now, port, from, data));
            }
            media.handle_command(now, command);
        }
    }

    fn take_input(&mut self, now: Instant) {
        let (door, media) = (&self.door, &mut self.media);
        let next = || Ok::<_, Infallible>(media.poll_input(now));
        let Ok(()) = self.feeds.pump(now, door.registry(), next, |inbound| {
            if let Inbound::Report(report) = inbound {
                door.enter(|server, now| server.handle_report(now, report));
            }
        });
    }
}
