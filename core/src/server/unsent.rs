//! The back-pressure of streams: a writer learns when readers have been sent what it wrote.

use std::collections::BTreeMap;

use super::session::State;
use super::{Output, Server};
use crate::conn::TxOrder;
use crate::udp::UdpOrder;
use crate::{SessionId, StreamId};

/// Readers that are still to be sent packets of a stream.
#[derive(Debug)]
pub(super) struct Unsent {
    /// The packet behind the last of them.
    number: u64,
    /// The number of parts of the media plane that are to say so, for each reader.
    parts: BTreeMap<SessionId, usize>,
}

impl Server {
    /// Has [`Output::Sent`] tell when every reader that plays the stream now has been sent all packets before `number`, such
    /// as the [`head`](crate::stream::StreamLog::head) of its log: at once where nobody plays.
    ///
    /// A packet is sent once the system has taken it: it is written to the socket of a connection, or left as a datagram.
    /// Readers that pause or leave meanwhile are not waited for. It costs a message to each reader and back, and packets cost
    /// nothing more. While an answer is awaited a smaller number changes nothing, and a larger one takes its place.
    pub fn ask_if_sent(&mut self, stream: StreamId, number: u64) {
        let asked = self.published.get(stream).and_then(|published| published.unsent.as_ref());
        if asked.is_some_and(|asked| asked.number >= number) {
            return;
        }
        let readers: Vec<_> =
            self.published.get(stream).into_iter().flat_map(|own| own.readers.iter().copied()).collect();
        let mut parts = BTreeMap::new();
        for id in readers {
            let Some(session) = self.sessions.get(id).filter(|own| matches!(own.state, State::Play(_)))
            else {
                continue;
            };
            let count = match session.bound_to() {
                Some(conn) => {
                    self.order_tx(conn, TxOrder::TellSent(id, number));
                    1
                }
                None => {
                    let pairs = self.pairs_of(session).len();
                    self.order_reader(id, || UdpOrder::TellSent(stream, id, number));
                    pairs
                }
            };
            parts.insert(id, count);
        }
        match self.published.get_mut(stream) {
            Some(published) => published.unsent = Some(Unsent { number, parts }),
            None => self.outputs.push_back(Output::Sent(stream, number)),
        }
        self.look_at_unsent(stream);
    }

    /// A part of the media plane has sent a reader all packets before this one.
    pub(super) fn reader_was_sent(&mut self, reader: SessionId, number: u64) {
        let Some(stream) = self.sessions.get(reader).and_then(|session| session.read_stream()) else {
            return;
        };
        let unsent = self.published.get_mut(stream).and_then(|published| published.unsent.as_mut());
        let asked = unsent.filter(|unsent| unsent.number == number);
        if let Some(parts) = asked.and_then(|unsent| unsent.parts.get_mut(&reader)) {
            *parts = parts.saturating_sub(1);
            if *parts == 0 {
                self.stop_awaiting(stream, reader);
            }
        }
    }

    /// A reader is not waited for any more.
    pub(super) fn stop_awaiting(&mut self, stream: StreamId, reader: SessionId) {
        if let Some(unsent) = self.published.get_mut(stream).and_then(|published| published.unsent.as_mut()) {
            unsent.parts.remove(&reader);
        }
        self.look_at_unsent(stream);
    }

    fn look_at_unsent(&mut self, stream: StreamId) {
        let Some(published) = self.published.get_mut(stream) else { return };
        if let Some(Unsent { number, .. }) = published.unsent.take_if(|unsent| unsent.parts.is_empty()) {
            self.outputs.push_back(Output::Sent(stream, number));
        }
    }
}
