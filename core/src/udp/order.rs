use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use super::reader::DatagramReader;
use crate::ingest::Ingest;
use crate::keying::PeerKeys;
use crate::{SessionId, StreamId};

/// An order of the control plane to a UDP pair.
#[derive(Debug)]
pub struct UdpCommand(pub(crate) UdpOrder);

impl UdpCommand {
    /// Returns `true` if datagrams that have come so far are to be received before it, and are not wanted after it.
    pub fn ends_receiving(&self) -> bool {
        matches!(self.0, UdpOrder::Unpublish(_))
    }

    /// Returns `true` if it is the last for its pair, whose sockets are to be closed once that [is over](super::UdpMedia::is_over).
    pub fn is_last(&self) -> bool {
        matches!(self.0, UdpOrder::Close)
    }
}

#[derive(Debug)]
pub(crate) enum UdpOrder {
    /// A session that is to read a stream is at these addresses, of packets and of reports.
    Expect(StreamId, SessionId, Vec<(SocketAddr, SocketAddr)>),
    /// It is there no more.
    Forget(Vec<(SocketAddr, SocketAddr)>),
    /// A session that reads may be sent so many bytes more, though nothing shows that it is at its addresses.
    Credit(StreamId, SessionId, usize),
    /// Packets of a stream go to a session.
    Attach(Box<DatagramReader>),
    /// Packets of a stream go to the group of a session too; it joins those who read there already.
    Join(Box<DatagramReader>),
    /// Nothing more is sent to a session.
    Detach(StreamId, SessionId),
    /// The server closes the session: BYE with this reason, and nothing more.
    Dismiss(StreamId, SessionId, Box<str>),
    /// Nothing more of this track is sent to a session.
    DropTrack(StreamId, SessionId, u8),
    /// The session's stream has ended: the rest of it, then BYE, then [`Report::Ended`].
    End(StreamId, SessionId),
    /// Tracks of a publisher come from these addresses: of its packets and of its reports. It has talked to this address of
    /// the server's.
    Publish(Option<IpAddr>, Vec<(SocketAddr, SocketAddr, Ingest)>),
    /// The same after a pause: datagrams that came meanwhile are not wanted.
    Resume(Option<IpAddr>, Vec<(SocketAddr, SocketAddr, Ingest)>),
    /// Datagrams from these addresses are no longer wanted. Those that have come are handed on, and then
    /// [`Report::Drained`] follows.
    Unpublish(Vec<(SocketAddr, SocketAddr)>),
    /// RTCP of the application's for the publisher whose reports come from this address.
    ToPublisher(SocketAddr, Bytes),
    /// RTCP of the application's for a track of a reader.
    ToReader(StreamId, SessionId, u8, Bytes),
    /// A session protects this track by other keys from now on.
    Rekey(StreamId, SessionId, u8, Box<PeerKeys>),
    /// Have it told when a session has been sent all packets of a stream before this one.
    TellSent(StreamId, SessionId, u64),
    /// Have the counts told.
    TellStats,
    /// Nothing follows.
    Close,
}
