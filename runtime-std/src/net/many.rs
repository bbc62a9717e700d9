use std::array;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};

use super::batch::{MESSAGES_MAX, Message};

thread_local! {
    /// The headers of one call: per thread, so that no call allocates and no socket holds any.
    static HEADERS: RefCell<Headers> = RefCell::new(Headers::new());
}

struct Headers {
    plain: MultiHeaders<SockaddrStorage>,
    /// Those that say into what datagrams are to be cut.
    segmented: MultiHeaders<SockaddrStorage>,
    addrs: Vec<Option<SockaddrStorage>>,
}

impl Headers {
    fn new() -> Self {
        Self {
            plain: MultiHeaders::preallocate(MESSAGES_MAX, None),
            segmented: MultiHeaders::preallocate(MESSAGES_MAX, Some(nix::cmsg_space!(u16))),
            addrs: Vec::with_capacity(MESSAGES_MAX),
        }
    }
}

/// Sends messages with one call, each that is longer than `segment` in datagrams of that size. Returns how many were taken.
///
/// # Errors
///
/// The system's error for the first message; the next call tells of any other.
pub(super) fn send(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    messages: &[Message],
    segment: Option<u16>,
) -> io::Result<usize> {
    HEADERS.with_borrow_mut(|Headers { plain, segmented, addrs }| {
        addrs.clear();
        addrs.extend(messages.iter().take(MESSAGES_MAX).map(|message| Some(message.to.into())));
        let slices: [[IoSlice<'_>; 1]; MESSAGES_MAX] =
            array::from_fn(|place| [IoSlice::new(messages.get(place).map_or(&[], |own| own.within(bytes)))]);
        let control = segment.as_ref().map(ControlMessage::UdpGsoSegments);
        let headers = if control.is_some() { segmented } else { plain };
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = sendmmsg(socket.as_raw_fd(), headers, &slices, &*addrs, control.as_slice(), flags)?;
        Ok(sent.count())
    })
}
