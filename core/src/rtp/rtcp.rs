//! RTCP: reading compound packets leniently, writing them canonically (RFC 3550, section 6).

mod write;

use rtcp_types::prelude::*;
use rtcp_types::{Bye, SdesItem};

pub use write::{goodbye_compound, receiver_report_compound, sender_report_compound};

use crate::limits::RTCP_BYTES_MAX;
use crate::{NtpTime, Tolerance, Tolerances};

/// Report blocks, chunks and sources of one RTCP packet at most: its count has 5 bits.
const COUNT_MAX: usize = 31;

/// One packet of an RTCP compound.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rtcp {
    /// The report of a sender (SR).
    SenderReport(SenderReport),
    /// The report of a receiver (RR).
    ReceiverReport(ReceiverReport),
    /// The names of sources (SDES).
    SourceDescription(SourceDescription),
    /// Sources that leave (BYE).
    Goodbye(Goodbye),
    /// A packet that is not looked into (APP, feedback, extended reports).
    Other {
        /// Its packet type, such as 204 for APP.
        packet_type: u8,
    },
}

/// The packets that a sender has sent, and the wall clock time of a media time (RFC 3550, section 6.4.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SenderReport {
    /// The sender.
    pub ssrc: u32,
    /// The wall clock when the report was sent; zero for a sender without one.
    pub ntp: NtpTime,
    /// The same moment in media time.
    pub rtp: u32,
    /// Packets sent so far.
    pub packets: u32,
    /// Payload bytes sent so far.
    pub octets: u32,
    /// Reports on the sources that the sender itself receives; at most 31 are written.
    pub reports: Vec<ReportBlock>,
}

/// The reports of a receiver on its sources (RFC 3550, section 6.4.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReceiverReport {
    /// The receiver.
    pub ssrc: u32,
    /// One for each source heard; at most 31 are written.
    pub reports: Vec<ReportBlock>,
}

/// How well one source is received.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost so far, a number of 24 bits; negative when more came twice than were lost.
    pub lost: i32,
    /// The highest sequence number, with the count of its wraps above it.
    pub highest_sequence: u32,
    /// The interarrival jitter, in units of the clock rate.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's time; 0 before the first.
    pub last_sr: u32,
    /// The time since the last sender report came, in 65,536ths of a second.
    pub delay: u32,
}

/// The names of sources (RFC 3550, section 6.5).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourceDescription {
    /// One for each source.
    pub sources: Vec<Source>,
}

/// A source and its name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Source {
    /// The source.
    pub ssrc: u32,
    /// The name that stays the same over all streams of the sender.
    pub cname: Option<Box<str>>,
}

/// Sources that leave (RFC 3550, section 6.6).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Goodbye {
    /// Those that leave.
    pub sources: Vec<u32>,
    /// Why.
    pub reason: Option<Box<str>>,
}

/// Why bytes were not taken for an RTCP compound.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadCompound {
    /// No whole RTCP packet is at this offset.
    #[error("there is no RTCP packet at byte {offset}")]
    NoPacket {
        /// From the beginning.
        offset: usize,
    },
    /// It has more than [`RTCP_BYTES_MAX`] bytes.
    #[error("the compound has {bytes} bytes and may have {RTCP_BYTES_MAX}")]
    TooLarge {
        /// The bytes that it has.
        bytes: usize,
    },
}

/// Checks that bytes are RTCP packets, one behind the other (RFC 3550, section 6.1); their contents are not looked at.
pub(crate) fn check_compound(compound: &[u8]) -> Result<(), BadCompound> {
    if compound.len() > RTCP_BYTES_MAX {
        return Err(BadCompound::TooLarge { bytes: compound.len() });
    }
    let mut tolerances = Tolerances::NONE;
    let mut packets = parse(compound, &mut tolerances);
    loop {
        let offset = compound.len().saturating_sub(packets.rest.len());
        match packets.split_packet() {
            Some([_, 192..=223, ..]) if packets.rest.is_empty() => return Ok(()),
            Some([_, 192..=223, ..]) => {}
            _ => return Err(BadCompound::NoPacket { offset }),
        }
    }
}

/// Reads the packets of a compound one after another; never fails, and ends where no packet begins.
///
/// A packet that is malformed is passed over, since the next one is found by the length alone.
pub fn parse<'a>(datagram: &'a [u8], tolerances: &'a mut Tolerances) -> Packets<'a> {
    if datagram.get(1).is_some_and(|packet_type| !matches!(packet_type, 200 | 201)) {
        tolerances.record(Tolerance::RtcpWithoutReport);
    }
    Packets { rest: datagram, tolerances }
}

/// The packets of an RTCP compound, as [`parse`] reads them.
#[derive(Debug)]
#[must_use = "iterators are lazy"]
pub struct Packets<'a> {
    rest: &'a [u8],
    tolerances: &'a mut Tolerances,
}

impl<'a> Packets<'a> {
    /// The next packet with its four bytes of header; `None` at the end and before what is no packet.
    fn split_packet(&mut self) -> Option<&'a [u8]> {
        let rest = std::mem::take(&mut self.rest);
        let &[first, _, high, low, ..] = rest else {
            if !rest.is_empty() {
                self.tolerances.record(Tolerance::RtcpTrailingBytes);
            }
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low])).saturating_add(1).saturating_mul(4);
        match rest.split_at_checked(length) {
            Some((packet, rest)) if first >> 6 == 2 => {
                self.rest = rest;
                Some(packet)
            }
            _ => {
                self.tolerances.record(Tolerance::RtcpTrailingBytes);
                None
            }
        }
    }
}

impl Iterator for Packets<'_> {
    type Item = Rtcp;

    fn next(&mut self) -> Option<Rtcp> {
        loop {
            let packet = self.split_packet()?;
            let packet_type = packet.get(1).copied().unwrap_or(0);
            let parsed = match packet_type {
                200 => rtcp_types::SenderReport::parse(packet).ok().map(SenderReport::from_wire),
                201 => rtcp_types::ReceiverReport::parse(packet).ok().map(ReceiverReport::from_wire),
                202 => SourceDescription::parse(packet).map(|(description, is_terminated)| {
                    if !is_terminated {
                        self.tolerances.record(Tolerance::SdesUnterminated);
                    }
                    Rtcp::SourceDescription(description)
                }),
                203 => Bye::parse(packet).ok().map(Goodbye::from_wire),
                packet_type => Some(Rtcp::Other { packet_type }),
            };
            match parsed {
                Some(packet) => return Some(packet),
                None => self.tolerances.record(Tolerance::RtcpMalformed),
            }
        }
    }
}

impl SenderReport {
    fn from_wire(report: rtcp_types::SenderReport<'_>) -> Rtcp {
        Rtcp::SenderReport(Self {
            ssrc: report.ssrc(),
            ntp: NtpTime::from_bits(report.ntp_timestamp()),
            rtp: report.rtp_timestamp(),
            packets: report.packet_count(),
            octets: report.octet_count(),
            reports: report.report_blocks().map(|block| ReportBlock::from_wire(&block)).collect(),
        })
    }
}

impl ReceiverReport {
    fn from_wire(report: rtcp_types::ReceiverReport<'_>) -> Rtcp {
        Rtcp::ReceiverReport(Self {
            ssrc: report.ssrc(),
            reports: report.report_blocks().map(|block| ReportBlock::from_wire(&block)).collect(),
        })
    }
}

impl Goodbye {
    fn from_wire(bye: Bye<'_>) -> Rtcp {
        Rtcp::Goodbye(Self {
            sources: bye.ssrcs().collect(),
            reason: bye.reason().map(|reason| String::from_utf8_lossy(reason).into()),
        })
    }
}

impl SourceDescription {
    /// Reads a description, and whether it ends with a zero; `None` if an item is cut off.
    fn parse(packet: &[u8]) -> Option<(Self, bool)> {
        let (header, mut rest) = packet.split_first_chunk::<4>()?;
        let mut description = Self::default();
        for _ in 0..usize::from(header[0]) & COUNT_MAX {
            let (ssrc, mut items) = rest.split_first_chunk::<4>()?;
            let mut source = Source { ssrc: u32::from_be_bytes(*ssrc), cname: None };
            while let [kind, length, after @ ..] = items {
                if *kind == 0 {
                    break;
                }
                let (value, after) = after.split_at_checked(usize::from(*length))?;
                if *kind == SdesItem::CNAME && source.cname.is_none() {
                    source.cname = Some(String::from_utf8_lossy(value).into());
                }
                items = after;
            }
            description.sources.push(source);
            match items {
                [] => return Some((description, false)),
                // One to four zeros, up to a multiple of four bytes.
                [0, zeros @ ..] => rest = zeros.get(zeros.len() % 4..)?,
                _ => return None,
            }
        }
        Some((description, true))
    }
}

impl ReportBlock {
    fn from_wire(block: &rtcp_types::ReportBlock<'_>) -> Self {
        Self {
            ssrc: block.ssrc(),
            fraction_lost: block.fraction_lost(),
            // Of the 24 bits, the highest is the sign.
            lost: (block.cumulative_lost() << 8) as i32 >> 8,
            highest_sequence: block.extended_sequence_number(),
            jitter: block.interarrival_jitter(),
            last_sr: block.last_sender_report_timestamp(),
            delay: block.delay_since_last_sender_report_timestamp(),
        }
    }
}

#[cfg(test)]
mod tests;
