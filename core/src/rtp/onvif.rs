//! The header extension of ONVIF replay (ONVIF Streaming Specification, section 6.3): when a frame was recorded.

use bytes::{BufMut, BytesMut};

use super::{EXTENSION_BIT, HEADER_BYTES, RtpPacket};
use crate::NtpTime;

/// The identifier of the header extension (RFC 3550, section 5.3.1).
const PROFILE: [u8; 2] = [0xab, 0xac];
/// Words of 32 bits that it has.
const WORDS: u16 = 3;
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
    /// Bytes by which [`add_to`](Self::add_to) makes a packet longer at most.
    pub const BYTES: usize = 16;

    /// The bit of a discontinuity (D) among the flags.
    pub(crate) const DISCONTINUOUS: u8 = 0x20;

    /// Reads the extension of a packet; `None` if it has none, or one of another kind.
    #[inline]
    pub fn of(packet: &RtpPacket) -> Option<Self> {
        let (profile, bytes) = packet.extension()?;
        let (ntp, rest) = bytes.split_first_chunk::<8>()?;
        let [flags, cseq, _, _, ..] = *rest else { return None };
        if profile != PROFILE {
            return None;
        }
        Some(Self::of_parts(NtpTime::from_bits(u64::from_be_bytes(*ntp)), flags, cseq))
    }

    pub(crate) fn of_parts(ntp: NtpTime, flags: u8, cseq: u8) -> Self {
        Self {
            ntp,
            is_clean_point: flags & 0x80 != 0,
            ends_section: flags & 0x40 != 0,
            is_discontinuous: flags & Self::DISCONTINUOUS != 0,
            is_last: flags & 0x10 != 0,
            cseq,
        }
    }

    /// The same packet with this extension. One that it has already, such as that of JPEG, stands behind this one.
    ///
    /// An extension of a replay that it has is not replaced, so the packet is to be one that has none.
    ///
    /// ```
    /// use rtspan_core::rtp::{OnvifExtension, RtpHeader, RtpPacket};
    ///
    /// let mut extension = OnvifExtension::default();
    /// extension.is_clean_point = true;
    /// let packet = extension.add_to(&RtpPacket::build(RtpHeader::default(), b"key"));
    /// assert_eq!((OnvifExtension::of(&packet), packet.payload()), (Some(extension), &b"key"[..]));
    /// ```
    #[must_use]
    pub fn add_to(&self, packet: &RtpPacket) -> RtpPacket {
        let bytes = packet.as_bytes();
        let first = bytes.first().copied().unwrap_or_default();
        let sources = usize::from(first & 0xf).saturating_mul(4);
        let (head, rest) = bytes.split_at(HEADER_BYTES.saturating_add(sources).min(bytes.len()));
        // Header and words of the one that it has.
        let behind = packet.extension().map_or(0, |(_, words)| (words.len() / 4).saturating_add(1));
        let words = WORDS.saturating_add(u16::try_from(behind).unwrap_or(u16::MAX));
        let mut extended = BytesMut::with_capacity(bytes.len().saturating_add(Self::BYTES));
        extended.put_slice(head);
        if let Some(first) = extended.first_mut() {
            *first |= EXTENSION_BIT;
        }
        extended.put_slice(&PROFILE);
        extended.put_u16(words);
        extended.put_u64(self.ntp.to_bits());
        extended.put_slice(&[self.flags(), self.cseq, 0, 0]);
        extended.put_slice(rest);
        packet.with_extension(extended.freeze(), Self::BYTES)
    }

    pub(crate) fn flags(&self) -> u8 {
        let bits = [self.is_clean_point, self.ends_section, self.is_discontinuous, self.is_last];
        bits.into_iter().fold(0, |flags, bit| flags << 1 | u8::from(bit)) << 4
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rtp::{EXTENSION_BIT, RtpHeader};

    /// A packet with this extension, if any, behind so many contributing sources.
    pub(crate) fn packet_with(header: RtpHeader, sources: u8, extension: &[u8]) -> RtpPacket {
        let mut bytes = RtpPacket::build(header, &[]).as_bytes().to_vec();
        bytes[0] |= sources | if extension.is_empty() { 0 } else { EXTENSION_BIT };
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
    fn what_is_written_is_read_and_all_else_stays() {
        let header = RtpHeader { payload_type: 26, marker: true, sequence: 7, timestamp: 9, ssrc: 11 };
        // Two segments of a JPEG image.
        let segments = [&[0xff, 0xd8, 0, 2][..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        for sources in [0, 2, 15] {
            for own in [&[][..], &segments] {
                for flags in 0..16 {
                    let ntp = NtpTime::from_bits(0xd515_1234_8000_0000 | u64::from(flags));
                    let extension = OnvifExtension {
                        ntp,
                        is_clean_point: flags & 8 != 0,
                        ends_section: flags & 4 != 0,
                        is_discontinuous: flags & 2 != 0,
                        is_last: flags & 1 != 0,
                        cseq: 200 + flags,
                    };
                    let plain = packet_with(header, sources, own);
                    let extended = extension.add_to(&plain);
                    assert_eq!(OnvifExtension::of(&extended), Some(extension));
                    let (profile, words) = extended.extension().unwrap();
                    assert_eq!((profile, &words[12..]), (PROFILE, own), "the other stands behind it");
                    let read = RtpPacket::parse(extended.as_bytes().clone()).unwrap();
                    assert_eq!((read.payload(), extended.payload()), (&b"payload"[..], &b"payload"[..]));
                    assert_eq!(read, extended);
                    assert_eq!(
                        (read.sequence(), read.timestamp(), read.ssrc(), read.marker()),
                        (7, 9, 11, true)
                    );
                }
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
