//! The header extension of ONVIF replay (ONVIF Streaming Specification, section 6.3): when a frame was recorded.

use super::RtpPacket;
use crate::NtpTime;

/// The identifier of the header extension (RFC 3550, section 5.3.1).
const PROFILE: [u8; 2] = [0xab, 0xac];

/// The header extension of the first packet of each frame of an ONVIF recording.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct OnvifExtension {
    /// The wall clock time at which the frame was recorded.
    pub ntp: NtpTime,
    /// Decoding can begin here (C).
    pub is_clean_point: bool,
    /// The recording has a gap or its end behind this frame (E).
    pub ends_section: bool,
    /// The frame does not follow from those that were sent before (D).
    pub is_discontinuous: bool,
    /// It is the last frame of what was asked for (T).
    pub is_last: bool,
    /// The lowest byte of the CSeq of the PLAY that asked for it.
    pub cseq: u8,
}

impl OnvifExtension {
    /// Reads the extension of a packet; `None` if it has none, or one of another kind.
    #[inline]
    pub fn of(packet: &RtpPacket) -> Option<Self> {
        let (profile, bytes) = packet.extension()?;
        let (ntp, rest) = bytes.split_first_chunk::<8>()?;
        let [flags, cseq, _, _, ..] = *rest else { return None };
        if profile != PROFILE {
            return None;
        }
        Some(Self {
            ntp: NtpTime::from_bits(u64::from_be_bytes(*ntp)),
            is_clean_point: flags & 0x80 != 0,
            ends_section: flags & 0x40 != 0,
            is_discontinuous: flags & 0x20 != 0,
            is_last: flags & 0x10 != 0,
            cseq,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rtp::{EXTENSION_BIT, RtpHeader};

    /// A packet with this extension, behind so many contributing sources.
    pub(crate) fn packet_with(header: RtpHeader, sources: u8, extension: &[u8]) -> RtpPacket {
        let mut bytes = RtpPacket::build(header, &[]).as_bytes().to_vec();
        bytes[0] |= EXTENSION_BIT | sources;
        bytes.extend(std::iter::repeat_n(0xcc, usize::from(sources) * 4));
        bytes.extend_from_slice(extension);
        bytes.extend_from_slice(b"payload");
        RtpPacket::parse(Bytes::from(bytes)).unwrap()
    }

    /// The extension of a frame that was recorded at `ntp`.
    pub(crate) fn extension(ntp: NtpTime, flags: u8, cseq: u8) -> Vec<u8> {
        let ntp = ntp.to_bits().to_be_bytes();
        [&[0xab, 0xac, 0, 3][..], &ntp, &[flags, cseq, 0, 0]].concat()
    }

    #[test]
    fn the_extension_is_read_bit_by_bit() {
        let ntp = NtpTime::from_bits(0xd515_1234_8000_0000);
        let plain = OnvifExtension { ntp, cseq: 7, ..OnvifExtension::default() };
        for sources in [0, 2] {
            for (flags, expected) in [
                (0x0f, plain),
                (0x80, OnvifExtension { is_clean_point: true, ..plain }),
                (0x40, OnvifExtension { ends_section: true, ..plain }),
                (0x20, OnvifExtension { is_discontinuous: true, ..plain }),
                (0x10, OnvifExtension { is_last: true, ..plain }),
            ] {
                let packet = packet_with(RtpHeader::default(), sources, &extension(ntp, flags, 7));
                assert_eq!(OnvifExtension::of(&packet), Some(expected));
                assert_eq!(packet.payload(), b"payload");
            }
        }
    }

    #[test]
    fn extensions_of_other_kinds_and_short_ones_are_left_out() {
        assert_eq!(OnvifExtension::of(&RtpPacket::build(RtpHeader::default(), &[0xab; 40])), None);
        let mut other = extension(NtpTime::from_bits(1), 0, 0);
        other[1] = 0xad;
        let short = [0xab, 0xac, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1];
        let longer =
            [&[0xab, 0xac, 0, 4][..], &extension(NtpTime::from_bits(1), 0, 9)[4..], &[0; 4]].concat();
        for (extension, cseq) in [(&other[..], None), (&short, None), (&longer, Some(9))] {
            let packet = packet_with(RtpHeader::default(), 0, extension);
            assert_eq!(OnvifExtension::of(&packet).map(|extension| extension.cseq), cseq);
        }
    }
}
