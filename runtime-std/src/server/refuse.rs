use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::Poll;

use rtspan_core::conn::FirstRequest;
use rtspan_core::limits::LINGER_LIMIT;
use rtspan_core::server::Refused;

use super::door::Door;
use super::linger::linger;
use crate::alarm::Alarm;
use crate::clock::Clock;
use crate::link::Link;
use crate::net::is_transient;
use crate::runtime::{Direction, Runtime, TcpSocket, Timer};

/// Answers the first request of a connection that was not taken on, and closes it.
///
/// Nothing of it is known to the server, there are few at a time, and none is waited for longer than a moment. Beyond
/// that, and when the server is closing, the socket is closed without a word.
pub(super) fn refuse<R: Runtime>(runtime: &R, door: &Arc<Door>, socket: R::Tcp, refused: Refused) -> bool {
    let Some(place) = (refused != Refused::Closing).then(|| door.refusal()).flatten() else { return true };
    let (mut alarm, clock) = (Alarm::new(runtime.timer()), runtime.clock());
    let answer = async move {
        let _place = place;
        let mut link = Link::plain(socket);
        answer(&mut link, &mut alarm, &clock, FirstRequest::new(), refused).await;
    };
    runtime.spawn(answer).is_ok()
}

/// Answers the first request of a connection that was taken on and speaks without TLS, which is required.
pub(super) async fn refuse_unsecured<S: TcpSocket, T: Timer>(
    link: &mut Link<S>,
    alarm: &mut Alarm<T>,
    clock: &Clock,
) {
    let mut first = FirstRequest::new();
    let held = link.take_held();
    let mut rest = &*held;
    while !rest.is_empty() && !first.is_over() {
        let room = first.read_buf();
        let n = rest.len().min(room.len());
        let (part, behind) = rest.split_at(n);
        room.get_mut(..n).unwrap_or_default().copy_from_slice(part);
        first.handle_read(n);
        rest = behind;
    }
    answer(link, alarm, clock, first, Refused::TlsRequired).await;
}

/// Reads the first request to its end, answers it and closes.
async fn answer<S: TcpSocket, T: Timer>(
    link: &mut Link<S>,
    alarm: &mut Alarm<T>,
    clock: &Clock,
    first: FirstRequest,
    refused: Refused,
) {
    let Some(socket) = link.socket() else { return };
    let cseq = first_cseq(socket, alarm, clock, first).await;
    let answer = refused.response(cseq).to_bytes();
    if write_all(socket, alarm, clock, &answer).await {
        linger(link, alarm, clock).await;
    }
}

/// The number of the request that a connection begins with, if it comes soon.
async fn first_cseq<S: TcpSocket, T: Timer>(
    socket: &mut S,
    alarm: &mut Alarm<T>,
    clock: &Clock,
    mut first: FirstRequest,
) -> Option<u32> {
    let deadline = clock.now() + LINGER_LIMIT;
    poll_fn(|cx| {
        while !first.is_over() && !alarm.is_due(cx, clock, Some(deadline)) {
            match socket.poll_ready(cx, Direction::Read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) => {}
            }
            match socket.try_read(first.read_buf()) {
                Ok(n) if n > 0 => first.handle_read(n),
                Err(error) if is_transient(&error) => continue,
                _ => break,
            }
        }
        Poll::Ready(first.cseq())
    })
    .await
}

/// Writes an answer. Returns `true` if all of it was taken soon.
async fn write_all<S: TcpSocket, T: Timer>(
    socket: &mut S,
    alarm: &mut Alarm<T>,
    clock: &Clock,
    mut answer: &[u8],
) -> bool {
    let deadline = clock.now() + LINGER_LIMIT;
    poll_fn(|cx| {
        while !answer.is_empty() && !alarm.is_due(cx, clock, Some(deadline)) {
            match socket.try_write_vectored(&[IoSlice::new(answer)]) {
                Ok(written) if written > 0 => answer = answer.get(written..).unwrap_or_default(),
                Err(error) if is_transient(&error) => match socket.poll_ready(cx, Direction::Write) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => break,
                },
                _ => break,
            }
        }
        Poll::Ready(answer.is_empty())
    })
    .await
}
