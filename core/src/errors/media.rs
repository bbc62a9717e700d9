//! Errors of media: packets, payloads, frames, and what describes them.

use super::say;
use crate::description::{BadAudioConfig, BadOpusStreams, BadVorbisHeaders};
use crate::frame::FrameError;
use crate::payload::{Depacketizer, PacketizeError, ParameterSetError, PayloadError};
use crate::rtp::RtpError;
use crate::rtp::rtcp::BadCompound;
use crate::{Description, Tolerances};

#[test]
fn packets_that_cannot_be_read() {
    say_each! { RtpError:
        RtpError::Version(_) = RtpError::Version(1) => "RTP version 1 is not 2",
        RtpError::Truncated { .. } = RtpError::Truncated { needed: 16, length: 12 } =>
            "RTP packet of 12 bytes needs 16",
    }
    say_each! { BadCompound:
        BadCompound::NoPacket { .. } = BadCompound::NoPacket { offset: 4 } => "there is no RTCP packet at byte 4",
        BadCompound::TooLarge { .. } = BadCompound::TooLarge { bytes: 9000 } =>
            "the compound has 9000 bytes and may have 1232",
    }
    say_each! { PayloadError:
        PayloadError::Empty = PayloadError::Empty => "the payload is empty",
        PayloadError::Truncated { .. } = PayloadError::Truncated { needed: 9, length: 4 } =>
            "a part of 9 bytes is cut off after 4",
        PayloadError::Unsupported(_) = PayloadError::Unsupported(31) => "payload structure 31 is not supported",
        PayloadError::Malformed(_) = PayloadError::Malformed("a quantization table is cut off") =>
            "the payload cannot be read: a quantization table is cut off",
        PayloadError::FragmentWithoutStart = PayloadError::FragmentWithoutStart => "a fragment has no start",
        PayloadError::TooLong = PayloadError::TooLong => "an access unit exceeds 8388608 bytes",
        PayloadError::TooManyParts = PayloadError::TooManyParts => "an access unit exceeds 512 parts",
        PayloadError::Unpolled = PayloadError::Unpolled =>
            "16 units wait to be polled; poll them before the next packet is pushed",
    }
}

#[test]
fn frames_that_cannot_be_sent() {
    say_each! { PacketizeError:
        PacketizeError::TooLong { .. } = PacketizeError::TooLong { length: 9, most: 4 } =>
            "a part of 9 bytes exceeds the 4 that the format can carry",
        PacketizeError::Malformed(_) = PacketizeError::Malformed("no packet of Opus") =>
            "a part of the unit cannot be sent: no packet of Opus",
    }
    say_each! { FrameError:
        FrameError::NoSuchFormat { .. } = FrameError::NoSuchFormat { media: 1, payload_type: Some(96) } =>
            "the description has no media 1 with payload type 96",
        FrameError::Packetize { .. } =
            FrameError::Packetize { media: 1, source: PacketizeError::TooLong { length: 9, most: 4 } } =>
            "a frame of media 1 cannot be sent: a part of 9 bytes exceeds the 4 that the format can carry",
    }
}

#[test]
fn what_describes_media_and_cannot_be_used() {
    let sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=2\r\n";
    let interleaved = Description::parse(sdp, &mut Tolerances::default()).unwrap();
    say! {
        Depacketizer::new(&interleaved.medias[0].formats[0]).unwrap_err() =>
            "H264 is not supported in this way: packetization mode 2, interleaved",
        BadOpusStreams =>
            "these streams do not make the channels of Opus: each channel is one that they have, or 255 for silence",
        BadVorbisHeaders =>
            "these are not the headers of Vorbis; give the identification and the setup as the encoder wrote them, \
             65,535 bytes at most",
        BadAudioConfig =>
            "these bytes are no AudioSpecificConfig; give those that the encoder, or the file, has for the decoder",
    }
    say_each! { ParameterSetError:
        ParameterSetError::OtherNal(_) = ParameterSetError::OtherNal(1) =>
            "a NAL unit of type 1 is not a sequence parameter set",
        ParameterSetError::Malformed = ParameterSetError::Malformed =>
            "the sequence parameter set is cut off, or a number in it is out of its range",
    }
}

#[cfg(feature = "gzip")]
#[test]
fn documents_that_cannot_be_unpacked() {
    use std::error::Error as _;

    use crate::payload::document::{UnpackError, gunzip};

    let broken = gunzip(b"no gzip").unwrap_err();
    let why = broken.source().unwrap().to_string();
    say_each! { UnpackError:
        UnpackError::TooLong = UnpackError::TooLong =>
            "the document has more than 16777216 bytes when it is unpacked: have the sender begin new ones more often",
        UnpackError::Broken(_) = broken => format!("the document cannot be unpacked: {why}"),
    }
}
