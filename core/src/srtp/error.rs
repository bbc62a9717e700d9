use super::Suite;
use crate::limits::{SRTP_MKI_BYTES_MAX, SRTP_PACKET_BYTES_MAX, SRTP_SOURCES_MAX};

/// Why a master key cannot be used; the maker of the key is at fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key does not have the length that its suite needs.
    #[error("a master key of {length} bytes is not one of {suite}, which has {}", suite.key_bytes())]
    KeyLength {
        /// The suite.
        suite: Suite,
        /// Bytes that there are.
        length: usize,
    },
    /// The salt does not have the length that the suite needs.
    #[error("a master salt of {length} bytes is not one of {suite}, which has {}", suite.salt_bytes())]
    SaltLength {
        /// The suite.
        suite: Suite,
        /// Bytes that there are.
        length: usize,
    },
    /// The identifier is too long.
    #[error("a master key identifier has {length} bytes, of {SRTP_MKI_BYTES_MAX} at most")]
    MkiLength {
        /// Bytes that there are.
        length: usize,
    },
}

/// Why a packet is not protected; it must not be sent as it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtectError {
    /// The bytes are no packet of RTP or RTCP: the application is at fault.
    #[error("{length} bytes are no packet that could be protected")]
    Malformed {
        /// Bytes that there are.
        length: usize,
    },
    /// The packet is too long for any transport.
    #[error("a packet of {length} bytes is longer than {SRTP_PACKET_BYTES_MAX} once it is protected")]
    TooLong {
        /// Bytes of the packet.
        length: usize,
    },
    /// A packet with this sequence number was protected before, or so many later ones that it cannot be told. Two under one
    /// number would give the key stream away.
    #[error("a packet with this sequence number was protected before, or may have been")]
    Repeated,
    /// The key has protected as many packets as it may: a new one has to be agreed on.
    #[error("the master key has protected as many packets as it may; agree on a new one")]
    KeyExhausted,
    /// There are packets of too many sources (SSRCs).
    #[error("more than {SRTP_SOURCES_MAX} sources use one master key; agree on a new one")]
    TooManySources,
}

/// Why a packet that came is not taken; it is to be left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnprotectError {
    /// The bytes are no protected packet: the peer is at fault, or the packet is not protected.
    #[error("{length} bytes are no protected packet")]
    Malformed {
        /// Bytes that there are.
        length: usize,
    },
    /// The compound of RTCP is authenticated but not encrypted, which was not agreed on.
    #[error("a compound of RTCP is not encrypted, though that was agreed on")]
    NotEncrypted,
    /// No key has the identifier in the packet: the peer uses a key that was not agreed on, or is no longer valid.
    #[error("a packet names a master key that is not known")]
    UnknownMki,
    /// The packet came before, or is older than those that are remembered.
    #[error("a packet came before, or is too old to tell")]
    Replayed,
    /// The tag is not right: another key was used, the packet was changed, or the rollover counters differ.
    #[error("the tag of a packet is not right")]
    Unauthentic,
    /// The key has protected as many packets as it may: a new one has to be agreed on.
    #[error("the master key has protected as many packets as it may; agree on a new one")]
    KeyExhausted,
    /// Packets of too many sources (SSRCs) have come under one key; those of further ones are refused, since forgetting
    /// one would let its packets be replayed.
    #[error("more than {SRTP_SOURCES_MAX} sources use one master key; agree on a new one")]
    TooManySources,
}
