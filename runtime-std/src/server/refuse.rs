use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::Poll;

use rtspan_core::limits::LINGER_LIMIT;
use rtspan_core::server::Refused;
use rtspan_core::wire::{Decoder, DecoderLimits, Item, Message, Request};

use super::door::Door;
use super::linger::linger;
use crate::alarm::Alarm;
use crate::clock;
use crate::net::is_transient;
use crate::runtime::{Direction, Runtime, TcpSocket, Timer};

/// Answers the first request of a connection that was not taken on, and closes it.
///
/// Nothing of it is known to the server, there are few at a time, and none is waited for longer than a moment. Beyond
/// that, and when the server is closing, the socket is closed without a word.
pub(super) fn refuse<R: Runtime>(
    runtime: &R,
    door: &Arc<Door>,
    mut socket: R::Tcp,
    refused: Refused,
) -> bool {
    let Some(place) = (refused != Refused::Closing).then(|| door.refusal()).flatten() else { return true };
    let mut alarm = Alarm::new(runtime.timer());
    let answer = async move {
        let _place = place;
        let request = first_request(&mut socket, &mut alarm).await;
        let answer = refused.response(request.as_ref()).to_bytes();
        // It fits in the buffer of a socket that nothing was written to.
        if socket.try_write_vectored(&[IoSlice::new(&answer)]).is_ok() {
            linger(&mut socket, &mut alarm).await;
        }
    };
    runtime.spawn(answer).is_ok()
}

/// The request that a connection begins with, if it comes soon.
async fn first_request<S: TcpSocket, T: Timer>(socket: &mut S, alarm: &mut Alarm<T>) -> Option<Request> {
    let deadline = clock::now() + LINGER_LIMIT;
    let mut decoder = Decoder::new(DecoderLimits::default().head_bytes(HEAD_BYTES_MAX).body_bytes(0));
    poll_fn(|cx| {
        while !alarm.is_due(cx, Some(deadline)) {
            match socket.poll_ready(cx, Direction::Read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => break,
                Poll::Ready(Ok(())) => {}
            }
            match socket.try_read(decoder.read_buf()) {
                Ok(n) if n > 0 => decoder.handle_read(n),
                Err(error) if is_transient(&error) => continue,
                _ => break,
            }
            match decoder.poll() {
                Ok(None) => {}
                Ok(Some(Item::Message(Message::Request(request)))) => return Poll::Ready(Some(request)),
                Ok(Some(_)) | Err(_) => break,
            }
        }
        Poll::Ready(None)
    })
    .await
}

/// Bytes of the head of a request that is refused unread.
const HEAD_BYTES_MAX: usize = 4 << 10;
