use bytes::{BufMut, Bytes, BytesMut};

use super::{Sps, nal};
use crate::payload::parameter_sets::ParameterSets;
use crate::payload::{Parameters, VideoParameters};

/// Profiles whose configuration does not tell the depth of colours: Baseline, Main and Extended.
const LOW_PROFILES: [u8; 3] = [66, 77, 88];

/// The parameters that follow from the newest parameter sets.
pub(in crate::payload) fn parameters(sets: &ParameterSets, parameters: &mut Parameters) {
    let Some(newest) = sets.of(nal::SPS).next() else { return };
    if let [_, profile, constraints, level, ..] = newest[..] {
        parameters.codec = Some(format!("avc1.{profile:02X}{constraints:02X}{level:02X}").into());
    }
    let sps = Sps::read(newest).ok();
    parameters.video = sps.map(|sps| VideoParameters {
        width: sps.width,
        height: sps.height,
        pixel_aspect: sps.pixel_aspect,
        frame_rate: sps.frame_rate,
        reordering: sps.reordering,
    });
    parameters.configuration = sps.and_then(|sps| configuration(sets, newest, &sps));
}

/// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 5.3.3.1), with lengths of four bytes; `None` without a PPS.
fn configuration(sets: &ParameterSets, newest: &[u8], sps: &Sps) -> Option<Bytes> {
    let [_, profile, constraints, level, ..] = *newest else { return None };
    sets.of(nal::PPS).next()?;
    let mut record = BytesMut::new();
    record.put_slice(&[1, profile, constraints, level, 0xff]);
    for (kind, reserved) in [(nal::SPS, 0xe0), (nal::PPS, 0)] {
        record.put_u8(reserved | u8::try_from(sets.of(kind).count()).ok()?);
        for set in sets.of(kind) {
            record.put_u16(u16::try_from(set.len()).ok()?);
            record.put_slice(set);
        }
    }
    if !LOW_PROFILES.contains(&profile) {
        let above_8 = |depth: u8| 0xf8 | depth.saturating_sub(8);
        let depths = [above_8(sps.luma_depth), above_8(sps.chroma_depth)];
        record.put_slice(&[0xfc | sps.chroma_format, depths[0], depths[1], 0]);
    }
    Some(record.freeze())
}

#[cfg(test)]
mod tests {
    use crate::description::Format;
    use crate::payload::ParameterWatch;

    /// Of a file that FFmpeg has made: 1280 x 720, High, 30 pictures a second, two of them decoded ahead.
    const SPS: [u8; 26] = [
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10,
        0x00, 0x00, 0x03, 0x03, 0xc8, 0xf1, 0x83, 0x19, 0x60,
    ];
    const PPS: [u8; 6] = [0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0];

    #[test]
    fn the_configuration_is_the_one_that_ffmpeg_writes() {
        let parameters = ParameterWatch::new(&Format::h264(96, &SPS, &PPS)).parameters();
        let record = parameters.configuration.unwrap();
        let mut ffmpeg = vec![1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 26];
        ffmpeg.extend(SPS);
        ffmpeg.extend([1, 0, 6]);
        ffmpeg.extend(PPS);
        ffmpeg.extend([0xfd, 0xf8, 0xf8, 0]);
        assert_eq!(record, ffmpeg);
        assert_eq!(parameters.codec.as_deref(), Some("avc1.64001F"));
        let video = parameters.video.unwrap();
        assert_eq!((video.width, video.height, video.reordering), (1280, 720, Some(2)));
    }

    #[test]
    fn without_a_pps_there_is_no_configuration() {
        let format = Format::new(96, "H264", 90_000);
        assert_eq!(ParameterWatch::new(&format).parameters().configuration, None);
    }
}
