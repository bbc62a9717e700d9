//! Connecting to a host that may have several addresses (RFC 8305, "happy eyeballs"), and the handshakes behind that.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use rtspan_core::Instant;
use rtspan_core::client::{ConnectAttempt, ConnectError};
use rtspan_core::limits::{CONNECT_ADDRESSES_MAX, CONNECT_ATTEMPT_DELAY};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::link::{Link, Opening, open};
use crate::runtime::{Runtime, TcpSocket};

type Pending<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A connection and the address that it is to, or the reason for which there is none.
type Connected<T> = Result<(T, SocketAddr), ConnectError>;

type Opened<T> = Pin<Box<dyn Future<Output = Result<T, ConnectError>> + Send>>;

/// The addresses of a host are tried one after the other, without waiting long for any; the first that answers is taken, and
/// its layers are made.
pub(super) struct Connecting<R: Runtime> {
    runtime: R,
    deadline: Instant,
    lookup: Option<Pending<Vec<SocketAddr>>>,
    untried: VecDeque<SocketAddr>,
    attempts: Vec<(SocketAddr, Pending<R::Tcp>)>,
    failed: Vec<ConnectAttempt>,
    /// The layers that are to be made.
    layers: Option<Opening>,
    /// The connection whose handshakes are being done.
    opening: Option<(SocketAddr, Opened<Link<R::Tcp>>)>,
    /// When the next address is tried, though those before it may still answer.
    next: Option<Instant>,
    alarm: Alarm<R::Timer>,
    clock: Clock,
}

impl<R: Runtime> Connecting<R> {
    pub(super) fn new(runtime: R, deadline: Instant, layers: Opening) -> Self {
        let resolver = runtime.clone();
        let (host, port) = (layers.host.clone(), layers.port);
        Self {
            alarm: Alarm::new(runtime.timer()),
            clock: runtime.clock(),
            runtime,
            deadline,
            lookup: Some(Box::pin(async move { resolver.resolve(host, port).await })),
            untried: VecDeque::new(),
            attempts: Vec::new(),
            failed: Vec::new(),
            layers: Some(layers),
            opening: None,
            next: None,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Connected<Link<R::Tcp>>> {
        if self.opening.is_none() {
            let (socket, addr) = match self.poll_connect(cx) {
                Poll::Ready(Ok(connected)) => connected,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            let Some(layers) = self.layers.take() else { return Poll::Pending };
            self.opening = Some((addr, Box::pin(open(self.runtime.clone(), socket, addr, layers))));
        }
        let Some((addr, opening)) = &mut self.opening else { return Poll::Pending };
        let addr = *addr;
        opening.as_mut().poll(cx).map_ok(|link| (link, addr))
    }

    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<Connected<R::Tcp>> {
        if let Some(lookup) = &mut self.lookup {
            let Poll::Ready(found) = lookup.as_mut().poll(cx) else { return Poll::Pending };
            self.lookup = None;
            match found {
                Ok(found) => self.untried = by_turns(found),
                Err(error) => return Poll::Ready(Err(ConnectError::Unresolved(error.into()))),
            }
        }
        loop {
            if let Some(connected) = self.poll_attempts(cx) {
                return Poll::Ready(Ok(connected));
            }
            if !self.attempts.is_empty()
                && (self.untried.is_empty() || !self.alarm.is_due(cx, &self.clock, self.next))
            {
                return Poll::Pending;
            }
            let Some(addr) = self.untried.pop_front() else { return Poll::Ready(Err(self.failure())) };
            let runtime = self.runtime.clone();
            self.attempts.push((addr, Box::pin(async move { runtime.connect(addr).await })));
            self.next = Some(self.clock.now() + CONNECT_ATTEMPT_DELAY);
        }
    }

    /// When it is given up.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the failure, if it has taken until `now` and that is too long.
    pub(super) fn give_up(&mut self, now: Instant) -> Option<ConnectError> {
        if now < self.deadline {
            return None;
        }
        if self.lookup.is_some() {
            return Some(ConnectError::Timeout(Vec::new()));
        }
        self.untried.extend(self.opening.take().map(|(addr, _)| addr));
        let silent = self.attempts.drain(..).map(|(addr, _)| addr).chain(self.untried.drain(..));
        self.failed.extend(silent.map(|addr| ConnectAttempt::new(addr, io::ErrorKind::TimedOut)));
        Some(self.failure())
    }

    /// The connection of the first attempt that has succeeded. After one that has failed the next one is due at once.
    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Option<(R::Tcp, SocketAddr)> {
        let mut connected = None;
        self.attempts.retain_mut(|(addr, attempt)| {
            if connected.is_some() {
                return false;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => return true,
                Poll::Ready(Ok(socket)) => {
                    // It costs latency where it fails, nothing else.
                    let _ = socket.set_nodelay();
                    // A server that is gone without a word is noticed later where this fails.
                    let _ = socket.set_keepalive();
                    connected = Some((socket, *addr));
                }
                Poll::Ready(Err(error)) => {
                    self.failed.push(ConnectAttempt::new(*addr, error));
                    self.next = Some(Instant::ZERO);
                }
            }
            false
        });
        connected
    }

    fn failure(&mut self) -> ConnectError {
        ConnectError::of(std::mem::take(&mut self.failed))
    }
}

/// Addresses of both families by turns, beginning with the one that the system puts first (RFC 8305, section 4).
fn by_turns(addrs: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v4 = addrs.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addrs.into_iter().partition(|addr| addr.is_ipv4() == first_is_v4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let pairs = std::iter::from_fn(|| match (first.next(), second.next()) {
        (None, None) => None,
        (a, b) => Some(a.into_iter().chain(b)),
    });
    pairs.flatten().take(CONNECT_ADDRESSES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_one_address_too_many_is_not_tried() {
        let v4 = |n: u8| SocketAddr::from(([192, 0, 2, n], 554));
        let v6 = |n: u16| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 554));
        assert_eq!(by_turns(vec![v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(by_turns(vec![v4(1), v6(1), v4(2), v6(2)]), [v4(1), v6(1), v4(2), v6(2)]);
        assert_eq!(by_turns(Vec::new()), []);
        let many = (1..=CONNECT_ADDRESSES_MAX as u8 + 1).map(v4);
        assert_eq!(by_turns(many.clone().collect()), many.take(CONNECT_ADDRESSES_MAX).collect::<Vec<_>>());
    }
}
