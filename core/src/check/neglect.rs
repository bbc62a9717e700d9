use std::fmt;
use std::mem::discriminant;

use crate::{ConnId, Instant, UdpId};

/// Something that an event loop has forgotten.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Neglect {
    /// When it was found.
    pub at: Instant,
    /// The thing that was not driven.
    pub of: Driven,
    /// The call or the wait that is missing.
    pub forgotten: Forgotten,
}

/// A thing that an event loop drives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Driven {
    /// The server.
    Server,
    /// A connection of the server.
    Conn(ConnId),
    /// A pair of UDP sockets of the server.
    Udp(UdpId),
    /// The client.
    Client,
}

/// A call or a wait that an event loop has forgotten before it went to sleep.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Forgotten {
    /// `poll_output`: commands and events wait.
    Outputs,
    /// `poll_input`: data that was read is not looked at.
    Input,
    /// `poll_report`: the server does not hear what the connection has to tell.
    Reports,
    /// `poll_packets` or `poll_packet`: received packets wait.
    Packets,
    /// `pull`: packets wait in the log of a stream, and nothing is being written.
    Pull,
    /// `flush`: datagrams wait, and no socket is full.
    Flush,
    /// `handle_timeout`: the deadline has passed by more than the margin.
    Timeout {
        /// The deadline.
        due: Instant,
    },
    /// `poll_timeout`: the loop waits for longer than until this deadline.
    Deadline {
        /// The deadline.
        due: Instant,
    },
    /// `wants_read`: the socket is to be read, and the loop does not wait for it.
    Read,
    /// `wants_write`: something is to be written, and the loop neither writes nor waits for room.
    Write,
    /// `is_finished`: the connection is to be closed.
    Close,
}

impl Forgotten {
    /// Returns `true` if both are of one kind, whatever the deadline.
    pub(super) fn is_like(self, other: Self) -> bool {
        discriminant(&self) == discriminant(&other)
    }
}

impl fmt::Display for Neglect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} s, {}: {}", self.at.since(Instant::ZERO).as_secs_f64(), self.of, self.forgotten)
    }
}

impl fmt::Display for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Conn(id) => write!(f, "connection {id}"),
            Self::Udp(id) => write!(f, "UDP pair {id}"),
            Self::Client => f.write_str("client"),
        }
    }
}

impl fmt::Display for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |due: &Instant| due.since(Instant::ZERO).as_secs_f64();
        match self {
            Self::Outputs => f.write_str("poll_output is to be called until it returns None"),
            Self::Input => f.write_str("poll_input is to be called until it returns nothing"),
            Self::Reports => f.write_str("poll_report is to be called until it returns None"),
            Self::Packets => f.write_str("poll_packets is to be called while has_packets is true"),
            Self::Pull => f.write_str("pull is to be called once there are packets"),
            Self::Flush => {
                f.write_str("flush is to be called once there are packets, an order or a deadline")
            }
            Self::Timeout { due } => write!(f, "handle_timeout was to be called at {} s", at(due)),
            Self::Deadline { due } => {
                write!(f, "poll_timeout says {} s, and the loop waits for longer", at(due))
            }
            Self::Read => f.write_str("wants_read is true, and nobody waits for the socket"),
            Self::Write => f.write_str("wants_write is true, and nobody writes or waits for room"),
            Self::Close => f.write_str("is_finished is true, and the socket is not closed"),
        }
    }
}
