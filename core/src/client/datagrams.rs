use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::ClientSink;
use crate::UdpId;
use crate::limits::{SEND_BYTES_MAX, SEND_PACKETS_MAX};
use crate::udp::Port;

/// Datagrams that wait to be sent.
#[derive(Debug, Default)]
pub(super) struct Datagrams {
    queue: VecDeque<Datagram>,
    bytes: usize,
}

#[derive(Debug)]
struct Datagram {
    id: UdpId,
    port: Port,
    to: SocketAddr,
    data: Bytes,
}

impl Datagrams {
    /// Appends a datagram; `false` if it was not taken because too many wait.
    pub(super) fn push(&mut self, id: UdpId, port: Port, to: SocketAddr, data: Bytes) -> bool {
        let bytes = self.bytes.saturating_add(data.len());
        if self.queue.len() >= SEND_PACKETS_MAX || bytes > SEND_BYTES_MAX {
            return false;
        }
        self.bytes = bytes;
        self.queue.push_back(Datagram { id, port, to, data });
        true
    }

    /// Hands out what waits, until the sink takes no more; `true` if it did not take all.
    pub(super) fn flush(&mut self, sink: &mut dyn ClientSink) -> bool {
        while let Some(Datagram { id, port, to, data }) = self.queue.front() {
            if !sink.send(*id, *port, *to, data) {
                return true;
            }
            self.bytes = self.bytes.saturating_sub(data.len());
            self.queue.pop_front();
        }
        false
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
