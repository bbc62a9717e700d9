//! One TCP connection of a server, in two halves that share nothing.
//!
//! [`ConnRx`] turns what was read into messages and media; [`ConnTx`] keeps what is to be written in order, and pulls packets
//! from the logs of the streams that are read over it. The decisions of the control plane come as [`ConnCommand`]s.

mod close;
mod first;
mod outbox;
mod proxy;
mod recent;
mod rx;
mod tx;

use std::net::SocketAddr;

use bytes::Bytes;

pub use close::{CloseNote, CloseReason};
pub use first::FirstRequest;
pub(crate) use outbox::Outbox;
pub use outbox::Room;
pub(crate) use proxy::ProxyHeader;
pub use rx::{ConnRx, RxCommand};
pub(crate) use rx::{Routes, RxOrder};
pub use tx::{ConnTx, TxCommand};
pub(crate) use tx::{FrameReader, TxOrder};

use crate::stats::StatsReport;
use crate::stream::{Media, Streams};
use crate::wire::{Frame, Message};
use crate::{ConnId, Instant, SessionId, StreamId, Tolerances};

/// A connection that the server has taken on: the handle, and both halves for the task that drives it.
#[derive(Debug)]
pub struct ServerConn {
    /// Its handle.
    pub id: ConnId,
    /// The half that reads.
    pub rx: ConnRx,
    /// The half that writes.
    pub tx: ConnTx,
}

impl ServerConn {
    /// The last counts of both halves, for [`Server::handle_report`](crate::server::Server::handle_report) right before
    /// [`Server::handle_conn_closed`](crate::server::Server::handle_conn_closed). Items that were not written do not count as
    /// sent.
    pub fn last_stats(&mut self, now: Instant, streams: &dyn Streams) -> [Report; 2] {
        [self.rx.last_stats(now), self.tx.last_stats(now, streams)]
    }
}

/// An order of the control plane to one half of a connection.
#[derive(Debug)]
pub enum ConnCommand {
    /// To the half that reads.
    Rx(RxCommand),
    /// To the half that writes.
    Tx(TxCommand),
}

/// Input from the network, sorted by its recipient.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Inbound {
    /// For [`Server::handle_message`](crate::server::Server::handle_message).
    Message(Message),
    /// For the log of the stream.
    Media(StreamId, Media),
    /// For [`ConnTx::handle_reply`] of the same connection.
    Reply(Frame),
    /// For [`Server::handle_report`](crate::server::Server::handle_report).
    Report(Report),
}

/// A report of the media plane to the control plane; they come at a low rate.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Report {
    /// The peer of a session has sent media or a report.
    Alive(SessionId),
    /// A reader has missed packets: it was too slow, or is not known to be at its UDP address.
    Lagged {
        /// The reader's session.
        session: SessionId,
        /// Packets of the stream that it missed.
        dropped: u64,
    },
    /// A reader's stream has ended for it: all that there was has been handed on, and it has been told (BYE).
    Ended(SessionId),
    /// A reader was too slow, and its policy is to be closed.
    Overtaken(SessionId),
    /// No packet of a publisher's media has come for too long: its session, its stream, and the index of the media in it.
    MediaSilent(SessionId, StreamId, u8),
    /// Packets of such a media come again.
    MediaResumed(SessionId, StreamId, u8),
    /// The publisher of a stream has stopped, and all that had come of it by then is in the log.
    Drained(StreamId),
    /// A reader has been sent all packets of its stream before this one, which
    /// [was asked](crate::server::Server::ask_if_sent).
    Sent(SessionId, u64),
    /// A proxy has told where a connection comes from.
    Proxied(ConnId, SocketAddr),
    /// Input of a connection deviates from the standard, and was read all the same.
    Tolerated(ConnId, Tolerances),
    /// Packets of a session's media may be from another sender, or their source has begun anew.
    SourceDoubted {
        /// The publisher's session.
        session: SessionId,
        /// The index of the media in the description.
        media: u8,
        /// The counts since the session began to record.
        doubts: SourceDoubts,
    },
    /// Packets were too big for the path to a reader: at most once a second.
    PacketsTooBig {
        /// The reader's session.
        session: SessionId,
        /// The number of missing packets since the last such event.
        packets: u64,
        /// Bytes of the largest of them.
        bytes: usize,
    },
    /// Packets of a publisher's media are missing: at most once a second for each media.
    PacketsLost {
        /// The publisher's session.
        session: SessionId,
        /// The index of the media in the description.
        media: u8,
        /// Packets lost since this was last told.
        lost: u64,
    },
    /// Packets of a publisher's media could not be read: at most once a second for each media.
    PacketsUnreadable {
        /// The publisher's session.
        session: SessionId,
        /// The index of the media in the description.
        media: u8,
        /// Packets that are not RTP, since the last such event.
        malformed: u64,
        /// Packets of a payload type that was not announced, likewise.
        unannounced: u64,
        /// Packets and compounds of RTCP that are not protected by the publisher's keys, were changed, or came before,
        /// likewise.
        unauthentic: u64,
    },
    /// A session has sent RTCP, which the application looks at.
    RtcpReceived {
        /// The session.
        session: SessionId,
        /// The index of the media in the description.
        media: u8,
        /// The compound, as it came.
        compound: Bytes,
    },
    /// A reader reports that packets of a media have not reached it: at most once a second for each media.
    LossReported {
        /// The reader's session.
        session: SessionId,
        /// The index of the media in the description.
        media: u8,
        /// Packets lost since its report before, in 256ths of those expected.
        fraction_lost: u8,
        /// Packets lost since it began.
        lost: i32,
    },
    /// Media that a session sends deviates from the standard, and was read all the same.
    MediaTolerated(SessionId, Tolerances),
    /// Counts, for statistics.
    Stats(Box<StatsReport>),
}

/// Packets and reports of a media that may not be its publisher's, counted since it records.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SourceDoubts {
    /// Packets over UDP far from the sequence or of another SSRC, until two in a row have proved a source.
    pub strays: u64,
    /// How often a source began anew: with another SSRC, or far away in the sequence.
    pub restarts: u64,
    /// Sender reports left out, because they contradict those before.
    pub reports_refused: u64,
}

#[cfg(test)]
mod tests;
