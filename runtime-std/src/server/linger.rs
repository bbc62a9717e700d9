use std::future::poll_fn;
use std::task::Poll;

use rtspan_core::limits::{LINGER_BYTES_MAX, LINGER_LIMIT};

use crate::alarm::Alarm;
use crate::clock;
use crate::net::is_transient;
use crate::runtime::{Direction, TcpSocket, Timer};

/// Listens a little longer: closing a socket that has something to read would reset the last answer away.
pub(super) async fn linger<S: TcpSocket, T: Timer>(socket: &mut S, alarm: &mut Alarm<T>) {
    if socket.shutdown().is_err() {
        return;
    }
    let deadline = clock::now() + LINGER_LIMIT;
    let mut room = LINGER_BYTES_MAX;
    poll_fn(|cx| {
        let mut scratch = [0; 4096];
        while !alarm.is_due(cx, Some(deadline)) {
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
