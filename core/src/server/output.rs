use super::event::Event;
use crate::conn::ConnCommand;
use crate::stream::{LogLimits, SecureOrder, StreamLog};
use crate::udp::{UdpCommand, UdpMedia};
use crate::{ConnId, StreamId, UdpId};

/// Orders and events of the server, to be carried out in the order in which they come.
///
/// At the root of the crate it is [`ServerOutput`](crate::ServerOutput).
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// An order to a connection.
    Conn(ConnId, ConnCommand),
    /// A publisher's stream begins: keep the log where [`Streams`](crate::stream::Streams) finds it.
    AddStream(StreamId, StreamLog),
    /// A log has these limits from here on ([`StreamLog::set_limits`]), because there are more streams, or fewer.
    LimitLog(StreamId, LogLimits),
    /// Packets of a log are to be encrypted for readers as well, or no longer are ([`StreamLog::handle_secure`]).
    SecureLog(StreamId, SecureOrder),
    /// The answer to [`Server::ask_if_sent`](super::Server::ask_if_sent): all readers have been sent the packets of a stream
    /// before this one, except those that have paused or left.
    Sent(StreamId, u64),
    /// A stream is over and nobody reads it any more: its log may be dropped.
    RemoveStream(StreamId),
    /// A pair of UDP sockets is to be opened; the result goes to
    /// [`Server::handle_udp_opened`](super::Server::handle_udp_opened).
    OpenUdp(Box<UdpMedia>),
    /// An order to a pair of UDP sockets.
    Udp(UdpId, UdpCommand),
    /// News, or a question, for the application.
    Event(Event),
}

/// The transport of a session's media.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum MediaTransport {
    /// Interleaved frames of the RTSP connection.
    Tcp,
    /// UDP, to or from one peer.
    Udp,
    /// UDP, to a group that others may read too.
    Multicast,
}
