use crate::NtpTime;
use crate::rtp::RtpPacket;

/// Media of a publisher's connection for the log of its stream.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Media {
    /// The publisher begins, or begins again: its packets go on behind those that the stream has.
    ///
    /// Readers see one source: SSRC, sequence numbers and timestamps go on.
    Begin {
        /// The index of its media in the description.
        track: u8,
    },
    /// A packet, in order.
    Packet {
        /// The index of its media in the description.
        track: u8,
        /// The packet.
        packet: RtpPacket,
    },
    /// The publisher's sender report: which wall clock time a timestamp stands for.
    Clock {
        /// The index of its media in the description.
        track: u8,
        /// The source whose report it is.
        ssrc: u32,
        /// The publisher's wall clock.
        ntp: NtpTime,
        /// The timestamp at that time.
        rtp: u32,
    },
}
