use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::{DatagramSink, Port};
use crate::conn::Inbound;
use crate::limits::UDP_REPORTS_WAITING_MAX;

/// The input that waits to be polled, and the reports that wait for the socket.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) inbound: VecDeque<Inbound>,
    reports: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    port: Port,
    from: Option<IpAddr>,
    to: SocketAddr,
    report: Bytes,
}

impl Queues {
    /// Has a report sent; `false` if too many wait.
    pub(super) fn report(&mut self, port: Port, from: Option<IpAddr>, to: SocketAddr, report: Bytes) -> bool {
        let has_room = self.reports.len() < UDP_REPORTS_WAITING_MAX;
        if has_room {
            self.reports.push_back(Waiting { port, from, to, report });
        }
        has_room
    }

    /// Sends the reports that wait; `false` if the sink would block.
    pub(super) fn send_reports(&mut self, sink: &mut dyn DatagramSink) -> bool {
        while let Some(Waiting { port, from, to, report }) = self.reports.front() {
            if !sink.send(*port, *from, *to, report) {
                return false;
            }
            self.reports.pop_front();
        }
        true
    }
    /// Returns `true` if reports wait.
    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }
}

#[cfg(test)]
mod tests;
