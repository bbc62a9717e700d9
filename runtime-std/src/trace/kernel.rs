use std::io;
use std::sync::Once;

use socket2::Socket;

/// Tells that the system has no room for another connection.
pub(crate) fn accept_failed(error: &io::Error) {
    tracing::warn!(
        target: "rtspan::server",
        %error,
        "a connection cannot be accepted, and is tried again; raise the limit of open files (ulimit -n) if it is that"
    );
}

/// Tells, once, of a socket whose receive buffer is smaller than it was to be.
pub(crate) fn receive_buffer(socket: &Socket, wanted: usize) {
    static TOLD: Once = Once::new();
    if let Some(bytes) = socket.recv_buffer_size().ok().filter(|bytes| *bytes < wanted) {
        TOLD.call_once(|| {
            tracing::warn!(
                target: "rtspan::net",
                bytes,
                wanted,
                "the system gives UDP sockets smaller buffers than asked for, so that bursts may be lost; raise \
                 net.core.rmem_max"
            );
        });
    }
}

/// Tells of bytes that a call to the system has moved. They are not shown: cut anywhere, nobody could tell secrets in them from
/// the rest. Messages are shown whole.
pub(crate) fn moved(way: &'static str, bytes: usize) {
    tracing::trace!(target: "rtspan::io", bytes, "{way}");
}
