use std::future::poll_fn;
use std::task::{Context, Poll};

use rtspan_core::limits::{LINGER_BYTES_MAX, LINGER_LIMIT};

use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::link::Link;
use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket, Timer};

/// Listens a little longer: closing a socket that has something to read would reset the last answer away.
pub(super) async fn linger<S: TcpSocket, T: Timer>(link: &mut Link<S>, alarm: &mut Alarm<T>, clock: &Clock) {
    let deadline = clock.now() + LINGER_LIMIT;
    link.close();
    let flush = |cx: &mut Context<'_>| match link.poll_flush(cx) {
        Poll::Pending if !alarm.is_due(cx, clock, Some(deadline)) => Poll::Pending,
        flushed => Poll::Ready(matches!(flushed, Poll::Ready(Ok(())))),
    };
    let is_flushed = poll_fn(flush).await;
    let Some(socket) = link.socket().filter(|socket| is_flushed && socket.shutdown().is_ok()) else { return };
    let mut room = LINGER_BYTES_MAX;
    poll_fn(|cx| {
        let mut scratch = [0; 4096];
        while !alarm.is_due(cx, clock, Some(deadline)) {
            match socket.poll_ready(cx, Direction::Read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) => {}
            }
            match socket.try_read(&mut scratch) {
                Ok(n) if n > 0 && n < room => room -= n,
                Err(error) if is_transient(&error) => {}
                _ => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::net::SocketAddr;
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use bytes::BytesMut;
    use rtspan_core::Instant;

    use super::*;
    use crate::runtime::Socket;

    /// A socket that has so many bytes to read.
    struct Talker(AtomicUsize);

    impl Talker {
        fn left(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Socket for Talker {
        fn poll_ready(&mut self, _: &mut Context<'_>, _: Direction) -> Poll<io::Result<()>> {
            if self.left() == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }
    }

    impl TcpSocket for Talker {
        fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
            let n = into.len().min(self.left());
            self.0.fetch_sub(n, Ordering::Relaxed);
            Ok(n)
        }

        fn try_read_buf(&self, _: &mut BytesMut) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn try_write_vectored(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn shutdown(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_nodelay(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn set_keepalive(&self) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn set_dscp(&self, _: crate::net::Dscp) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn peer_addr(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// A timer whose time does not come.
    struct Never;

    impl Timer for Never {
        fn reset(&mut self, _: Option<Instant>) {}

        fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    /// Returns whether the socket is still listened to when so much has been sent, and how much was not read.
    fn listens(sent: usize) -> (bool, usize) {
        let mut socket = Link::plain(Talker(AtomicUsize::new(sent)));
        let (mut alarm, clock) = (Alarm::new(Never), Clock::system());
        let listens = {
            let lingering = pin!(linger(&mut socket, &mut alarm, &clock));
            lingering.poll(&mut Context::from_waker(Waker::noop())).is_pending()
        };
        (listens, socket.socket().unwrap().left())
    }

    #[test]
    fn no_more_is_read_of_a_connection_that_is_closed_than_may_be() {
        assert_eq!(listens(LINGER_BYTES_MAX - 1), (true, 0));
        assert_eq!(listens(LINGER_BYTES_MAX), (false, 0));
        let (listens, left) = listens(LINGER_BYTES_MAX + (1 << 20));
        assert!(!listens && left >= 1 << 20);
    }
}
