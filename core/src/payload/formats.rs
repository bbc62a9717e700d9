//! One packetizer and one depacketizer for every format: the table of all that there are.

use super::blocks::Layout;
use super::{AccessUnit, PacketizeError, PacketizerConfig, PayloadError, UnsupportedFormat};
use super::{
    aac, ac3, amr, av1, blocks, document, h264, h265, h266, jpeg, latm, mpeg_audio, mpeg_ts, mpeg_video,
    mpeg4_video, opus, telephone_event, text, vorbis, vp8, vp9, whole,
};
use crate::Tolerances;
use crate::description::{Amr, Codec, Format, H264, Mpeg4Audio, Redundant};
use crate::rtp::RtpPacket;

/// Takes each call to the packetizer or depacketizer of the format.
macro_rules! formats {
    ($($name:ident($room:ident),)*) => {
        #[derive(Debug)]
        enum Depacketizers {
            $($name($room::Depacketizer),)*
        }

        #[derive(Debug)]
        enum Packetizers {
            $($name($room::Packetizer),)*
        }

        macro_rules! each_depacketizer {
            ($which:expr, $of_it:ident => $call:expr) => {
                match $which { $(Depacketizers::$name($of_it) => $call,)* }
            };
        }

        macro_rules! each_packetizer {
            ($which:expr, $of_it:ident => $call:expr) => {
                match $which { $(Packetizers::$name($of_it) => $call,)* }
            };
        }
    };
}

formats! {
    Aac(aac),
    Ac3(ac3),
    Amr(amr),
    Av1(av1),
    Blocks(blocks),
    Document(document),
    H264(h264),
    H265(h265),
    H266(h266),
    Jpeg(jpeg),
    Latm(latm),
    Mpeg4Video(mpeg4_video),
    MpegAudio(mpeg_audio),
    MpegTs(mpeg_ts),
    MpegVideo(mpeg_video),
    Opus(opus),
    TelephoneEvent(telephone_event),
    Text(text),
    Vorbis(vorbis),
    Vp8(vp8),
    Vp9(vp9),
    Whole(whole),
}

/// Puts the access units of any format together from its packets.
///
/// A format that the library does not know is carried through: each payload is a unit.
///
/// # Examples
///
/// ```
/// use rtspan_core::Format;
/// use rtspan_core::payload::{Depacketizer, Packetizer, PacketizerConfig};
///
/// let format = Format::pcma();
/// let mut packetizer = Packetizer::new(&format, PacketizerConfig::new(8, 7, 0))?;
/// let mut depacketizer = Depacketizer::new(&format)?;
/// packetizer.packetize([&[0xd5; 160][..]], 8_000, |packet| {
///     depacketizer.push(&packet, 0).expect("nothing is lost");
/// })?;
/// let unit = depacketizer.poll().expect("each packet is a unit");
/// assert_eq!((unit.timestamp, unit.parts.total_bytes()), (8_000, 160));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Depacketizer(Depacketizers);

impl Depacketizer {
    /// A depacketizer of the `format` in a description.
    ///
    /// # Errors
    ///
    /// The format is used in a way that is not supported, such as interleaved packets of H.264.
    pub fn new(format: &Format) -> Result<Self, UnsupportedFormat> {
        Ok(Self(match &format.codec {
            Codec::Av1(_) => Depacketizers::Av1(av1::Depacketizer::new()),
            Codec::H264(h264) => {
                refuse_interleaved(format, h264)?;
                Depacketizers::H264(h264::Depacketizer::new())
            }
            Codec::H265(h265) if h265.max_don_diff > 0 => {
                Depacketizers::H265(h265::Depacketizer::with_order_numbers())
            }
            Codec::H265(_) => Depacketizers::H265(h265::Depacketizer::new()),
            Codec::H266(h266) if h266.max_don_diff > 0 => {
                Depacketizers::H266(h266::Depacketizer::with_order_numbers())
            }
            Codec::H266(_) => Depacketizers::H266(h266::Depacketizer::new()),
            Codec::Vp8(_) => Depacketizers::Vp8(vp8::Depacketizer::new()),
            Codec::Vp9(_) => Depacketizers::Vp9(vp9::Depacketizer::new()),
            Codec::Jpeg => Depacketizers::Jpeg(jpeg::Depacketizer::new()),
            Codec::Mpeg4Video(_) => Depacketizers::Mpeg4Video(mpeg4_video::Depacketizer::new()),
            Codec::MpegVideo => Depacketizers::MpegVideo(mpeg_video::Depacketizer::new()),
            Codec::Mpeg4Audio(audio) => {
                refuse_interleaved_audio(format, audio)?;
                Depacketizers::Aac(aac::Depacketizer::new(audio, format.clock_rate))
            }
            Codec::Latm(latm) => {
                if latm.config.is_none() && !latm.config_in_band {
                    return Err(UnsupportedFormat::new(format, NO_LATM_CONFIG));
                }
                Depacketizers::Latm(latm::Depacketizer::new(latm, format.clock_rate))
            }
            Codec::Vorbis(vorbis) => Depacketizers::Vorbis(vorbis::Depacketizer::new(vorbis)),
            Codec::Amr(amr) => {
                refuse_amr(format, amr)?;
                Depacketizers::Amr(amr::Depacketizer::new(amr))
            }
            Codec::Ac3 => Depacketizers::Ac3(ac3::Depacketizer::new(format.clock_rate, false)),
            Codec::Eac3 => Depacketizers::Ac3(ac3::Depacketizer::new(format.clock_rate, true)),
            Codec::MpegAudio => Depacketizers::MpegAudio(mpeg_audio::Depacketizer::new()),
            Codec::Opus(_) => Depacketizers::Opus(opus::Depacketizer::new()),
            Codec::TelephoneEvent => Depacketizers::TelephoneEvent(telephone_event::Depacketizer::new()),
            Codec::T140(_) => Depacketizers::Text(text::Depacketizer::new(false)),
            Codec::Redundant(redundant) => {
                refuse_mixed(format, redundant)?;
                Depacketizers::Text(text::Depacketizer::new(true))
            }
            Codec::MpegTs => Depacketizers::MpegTs(mpeg_ts::Depacketizer::new()),
            _ => match (Layout::of(format), document::Depacketizer::new(format)) {
                (Some(layout), _) => Depacketizers::Blocks(blocks::Depacketizer::new(layout)),
                (_, Some(document)) => Depacketizers::Document(document),
                _ => Depacketizers::Whole(whole::Depacketizer::new()),
            },
        }))
    }

    /// Takes the next packet, before which `lost` packets are missing.
    ///
    /// # Errors
    ///
    /// When the payload cannot be read or a bound is hit; the next packet can be pushed all the same.
    pub fn push(&mut self, packet: &RtpPacket, lost: u16) -> Result<(), PayloadError> {
        each_depacketizer!(&mut self.0, depacketizer => depacketizer.push(packet, lost))
    }

    /// The next access unit.
    #[must_use]
    pub fn poll(&mut self) -> Option<AccessUnit> {
        each_depacketizer!(&mut self.0, depacketizer => depacketizer.poll())
    }

    /// Ends the access unit that is being put together, at the end of the stream or before a jump.
    pub fn flush(&mut self) {
        each_depacketizer!(&mut self.0, depacketizer => depacketizer.flush());
    }

    /// Takes the deviations from the standard that were tolerated since the last call.
    pub fn take_tolerances(&mut self) -> Tolerances {
        each_depacketizer!(&mut self.0, depacketizer => depacketizer.take_tolerances())
    }
}

/// Makes packets of the access units of any format.
///
/// A format that the library does not know is carried through: each part of a unit is a payload.
///
/// ```
/// use rtspan_core::Format;
/// use rtspan_core::payload::{Packetizer, PacketizerConfig};
///
/// let mut packetizer = Packetizer::new(&Format::vp8(96), PacketizerConfig::new(96, 7, 65_535))?;
/// let mut packets = Vec::new();
/// packetizer.packetize([&[0x10; 3000][..]], 90_000, |packet| packets.push(packet))?;
/// assert_eq!(packets.iter().map(|packet| packet.sequence()).collect::<Vec<_>>(), [65_535, 0, 1]);
/// assert!(packets[2].marker());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Packetizer(Packetizers);

impl Packetizer {
    /// A packetizer of the `format` in a description, which also says the payload type.
    ///
    /// # Errors
    ///
    /// The format is used in a way that is not supported, such as interleaved packets of H.264.
    pub fn new(format: &Format, config: PacketizerConfig) -> Result<Self, UnsupportedFormat> {
        let config = PacketizerConfig { payload_type: format.payload_type, ..config };
        Ok(Self(match &format.codec {
            Codec::Av1(_) => Packetizers::Av1(av1::Packetizer::new(config)),
            Codec::H264(h264) => {
                refuse_interleaved(format, h264)?;
                Packetizers::H264(h264::Packetizer::new(config))
            }
            Codec::H265(h265) => {
                refuse_order_numbers(format, h265.max_don_diff)?;
                Packetizers::H265(h265::Packetizer::new(config))
            }
            Codec::H266(h266) => {
                refuse_order_numbers(format, h266.max_don_diff)?;
                Packetizers::H266(h266::Packetizer::new(config))
            }
            Codec::Vp8(_) => Packetizers::Vp8(vp8::Packetizer::new(config)),
            Codec::Vp9(_) => Packetizers::Vp9(vp9::Packetizer::new(config)),
            Codec::Jpeg => Packetizers::Jpeg(jpeg::Packetizer::new(config)),
            Codec::Mpeg4Video(_) => Packetizers::Mpeg4Video(mpeg4_video::Packetizer::new(config)),
            Codec::MpegVideo => Packetizers::MpegVideo(mpeg_video::Packetizer::new(config)),
            Codec::Mpeg4Audio(audio) => {
                refuse_interleaved_audio(format, audio)?;
                Packetizers::Aac(aac::Packetizer::new(config, audio, format.clock_rate))
            }
            Codec::Latm(latm) => {
                let packetizer = latm::Packetizer::new(config, latm, format.clock_rate);
                let refused = || UnsupportedFormat::new(format, NO_LATM_CONFIG);
                Packetizers::Latm(packetizer.ok_or_else(refused)?)
            }
            Codec::Vorbis(vorbis) => {
                let refused =
                    || UnsupportedFormat::new(format, "the headers of Vorbis are not in the description");
                Packetizers::Vorbis(vorbis::Packetizer::new(config, vorbis).ok_or_else(refused)?)
            }
            Codec::Amr(amr) => {
                refuse_amr(format, amr)?;
                Packetizers::Amr(amr::Packetizer::new(config, amr))
            }
            Codec::Ac3 => Packetizers::Ac3(ac3::Packetizer::new(config, format.clock_rate, false)),
            Codec::Eac3 => Packetizers::Ac3(ac3::Packetizer::new(config, format.clock_rate, true)),
            Codec::MpegAudio => Packetizers::MpegAudio(mpeg_audio::Packetizer::new(config)),
            Codec::Opus(_) => Packetizers::Opus(opus::Packetizer::new(config)),
            Codec::TelephoneEvent => Packetizers::TelephoneEvent(telephone_event::Packetizer::new(config)),
            Codec::T140(_) => Packetizers::Text(text::Packetizer::new(config, None)),
            Codec::Redundant(redundant) => {
                refuse_mixed(format, redundant)?;
                Packetizers::Text(text::Packetizer::new(config, Some(redundant)))
            }
            Codec::MpegTs => Packetizers::MpegTs(mpeg_ts::Packetizer::new(config)),
            Codec::Klv | Codec::OnvifMetadata(_) => Packetizers::Document(document::Packetizer::new(config)),
            _ => match Layout::of(format) {
                Some(layout) => Packetizers::Blocks(blocks::Packetizer::new(config, layout)),
                None => Packetizers::Whole(whole::Packetizer::new(config)),
            },
        }))
    }

    /// Gives the packets of one access unit to `sink`.
    ///
    /// `parts` are as [`Parts`](super::Parts) has them. The parts of sound follow each other in time. `timestamp` is that
    /// of the first, in units of the clock rate.
    ///
    /// # Errors
    ///
    /// A part could not be sent. The others are sent all the same.
    pub fn packetize<'a>(
        &mut self,
        parts: impl IntoIterator<Item = &'a [u8]>,
        timestamp: u32,
        sink: impl FnMut(RtpPacket),
    ) -> Result<(), PacketizeError> {
        each_packetizer!(&mut self.0, packetizer => packetizer.packetize(parts, timestamp, sink))
    }

    /// The sequence number of the next packet.
    pub fn next_sequence(&self) -> u16 {
        each_packetizer!(&self.0, packetizer => packetizer.next_sequence())
    }
}

/// The configuration of LATM is not in the description, or in a way that is not read.
const NO_LATM_CONFIG: &str =
    "a StreamMuxConfig that is missing, or of several programs, layers or fixed lengths";

fn refuse_amr(format: &Format, amr: &Amr) -> Result<(), UnsupportedFormat> {
    let reason = match amr {
        Amr { interleaving: Some(_), .. } => "frames that are interleaved (interleaving)",
        Amr { is_sorted: true, .. } => "bits that are sorted (robust-sorting)",
        Amr { has_checksums: true, .. } => "frames with checksums (crc)",
        _ => return Ok(()),
    };
    Err(UnsupportedFormat::new(format, reason))
}

fn refuse_mixed(format: &Format, redundant: &Redundant) -> Result<(), UnsupportedFormat> {
    let first = redundant.payload_types.first();
    if redundant.payload_types.iter().all(|each| Some(each) == first) {
        Ok(())
    } else {
        Err(UnsupportedFormat::new(format, "what is repeated is in another format than what is new"))
    }
}

fn refuse_interleaved(format: &Format, h264: &H264) -> Result<(), UnsupportedFormat> {
    match h264.packetization_mode {
        2 => Err(UnsupportedFormat::new(format, "packetization mode 2, interleaved")),
        _ => Ok(()),
    }
}

fn refuse_interleaved_audio(format: &Format, audio: &Mpeg4Audio) -> Result<(), UnsupportedFormat> {
    match audio.max_displacement {
        0 => Ok(()),
        _ => Err(UnsupportedFormat::new(format, "units of sound that are interleaved (maxDisplacement)")),
    }
}

/// Packets without decoding order numbers contradict a description that announces them.
fn refuse_order_numbers(format: &Format, max_don_diff: u16) -> Result<(), UnsupportedFormat> {
    match max_don_diff {
        0 => Ok(()),
        _ => Err(UnsupportedFormat::new(format, "packets with decoding order numbers are only read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_in_another_format_is_refused_and_that_of_video_is_carried_through() {
        let mixed = Format::new(96, "red", 8_000).with_fmtp("0/3");
        let refused = Depacketizer::new(&mixed).unwrap_err();
        assert_eq!(refused.reason(), "what is repeated is in another format than what is new");
        assert!(Packetizer::new(&mixed, PacketizerConfig::new(96, 1, 0)).is_err());
        let mut depacketizer = Depacketizer::new(&Format::new(96, "red", 90_000)).unwrap();
        let packet = RtpPacket::build(crate::rtp::RtpHeader::default(), &[0x80 | 96, 1]);
        depacketizer.push(&packet, 0).unwrap();
        assert_eq!(depacketizer.poll().unwrap().parts.to_bytes()[..], [0x80 | 96, 1]);
    }

    #[test]
    fn interleaved_sound_is_refused() {
        let fmtp = "mode=AAC-hbr; config=1190; sizelength=13; indexlength=3; indexdeltalength=3; maxdisplacement=5120";
        let format = Format::new(96, "mpeg4-generic", 48_000).with_channels(2).with_fmtp(fmtp);
        let refused = Depacketizer::new(&format).unwrap_err();
        assert_eq!(refused.reason(), "units of sound that are interleaved (maxDisplacement)");
        assert!(Packetizer::new(&format, PacketizerConfig::new(96, 1, 0)).is_err());
    }

    #[test]
    fn interleaved_h264_is_refused_and_what_is_not_known_is_carried_through() {
        let interleaved = Format::new(96, "H264", 90_000).with_fmtp("packetization-mode=2");
        let refused = Depacketizer::new(&interleaved).unwrap_err();
        assert_eq!((refused.encoding(), refused.reason()), ("H264", "packetization mode 2, interleaved"));
        assert!(Packetizer::new(&interleaved, PacketizerConfig::new(96, 1, 0)).is_err());
        let format = Format::new(99, "vnd.example.things", 90_000);
        let mut packetizer = Packetizer::new(&format, PacketizerConfig::new(0, 1, 7)).unwrap();
        let mut depacketizer = Depacketizer::new(&format).unwrap();
        let sent = packetizer.packetize([&b"things"[..]], 3, |packet| {
            assert_eq!((packet.payload_type(), packet.marker()), (99, true));
            depacketizer.push(&packet, 0).unwrap();
        });
        assert_eq!((sent, packetizer.next_sequence()), (Ok(()), 8));
        assert_eq!(&depacketizer.poll().unwrap().parts.to_bytes()[..], b"things");
    }

    #[test]
    fn a_picture_whose_last_packet_has_not_come_is_marked_at_the_end_of_a_stream_with_markers() {
        // Two slices each, or two OBUs, of a packet's length.
        let part = |header: &[u8]| [header, &[0xaa; 40]].concat();
        for (encoding, header) in
            [("H264", &[0x65, 0x88][..]), ("H265", &[0x26, 1, 0x80]), ("H266", &[0, 0x39]), ("AV1", &[0x30])]
        {
            let format = Format::new(96, encoding, 90_000);
            let config = PacketizerConfig { packet_bytes_max: 64, ..PacketizerConfig::new(96, 1, 0) };
            let mut packetizer = Packetizer::new(&format, config).unwrap();
            let mut packets = Vec::new();
            for timestamp in [0, 3_600] {
                let parts = [part(header), part(header)];
                packetizer
                    .packetize(parts.iter().map(Vec::as_slice), timestamp, |p| packets.push(p))
                    .unwrap();
            }
            let last = packets.pop().unwrap();
            assert!(last.marker() && last.timestamp() == packets.last().unwrap().timestamp(), "{encoding}");
            let mut depacketizer = Depacketizer::new(&format).unwrap();
            packets.iter().for_each(|packet| depacketizer.push(packet, 0).unwrap());
            assert!(!depacketizer.poll().unwrap().is_damaged, "{encoding}");
            assert!(depacketizer.poll().is_none(), "{encoding}");
            depacketizer.flush();
            assert!(depacketizer.poll().unwrap().is_damaged, "{encoding}");
        }
    }
}
