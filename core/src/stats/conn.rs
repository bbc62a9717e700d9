use super::SessionStats;
use crate::{ConnId, SessionId, UdpId};

/// A connection of a server, above TLS where there is any.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnStats {
    /// Bytes that were read: requests, and the frames interleaved with them.
    pub bytes_received: u64,
    /// Bytes that the system has taken to be sent: responses, and the frames interleaved with them.
    pub bytes_sent: u64,
    /// Bytes that wait until the system takes them.
    pub bytes_waiting: u64,
}

/// Counts of a part of the media plane, for [`Report::Stats`](crate::conn::Report::Stats).
#[derive(Clone, Debug)]
pub struct StatsReport {
    pub(crate) origin: Origin,
    /// It answers [`Server::ask_for_stats`](crate::server::Server::ask_for_stats).
    pub(crate) answers: bool,
    pub(crate) sessions: Vec<StatsPart>,
}

/// The part of the media plane that tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// The half of a connection that reads, which has read so many bytes.
    Rx(ConnId, u64),
    /// The half of a connection that writes: bytes written, and bytes that wait.
    Tx(ConnId, u64, u64),
    /// A pair of UDP sockets.
    Udp(UdpId),
}

/// The counts of a session.
#[derive(Clone, Debug)]
pub(crate) struct StatsPart {
    pub(crate) session: SessionId,
    /// Nothing more comes of this reader or publisher: it has been taken away.
    pub(crate) is_last: bool,
    pub(crate) stats: SessionStats,
}
