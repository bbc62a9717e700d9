use bytes::{BufMut, Bytes, BytesMut};

use super::{HEADER_BYTES, PPS, SPS, Sps, VPS};
use crate::payload::parameter_sets::ParameterSets;
use crate::payload::{Parameters, VideoParameters, rbsp};

/// The parameters that follow from the newest parameter sets.
pub(in crate::payload) fn parameters(sets: &ParameterSets, parameters: &mut Parameters) {
    let Some(newest) = sets.of(SPS).next() else { return };
    let general = General::read(newest);
    parameters.codec = general.map(|general| general.codec().into());
    let sps = Sps::read(newest).ok();
    parameters.video = sps.map(|sps| VideoParameters {
        width: sps.width,
        height: sps.height,
        pixel_aspect: sps.pixel_aspect,
        frame_rate: sps.frame_rate,
        reordering: Some(sps.reordering),
    });
    parameters.configuration = sps.zip(general).and_then(|(sps, general)| configuration(sets, &sps, general));
}

/// The beginning of an SPS as containers repeat it.
#[derive(Clone, Copy)]
pub(super) struct General {
    /// Ids, the number of sub-layers less one, and whether they are nested.
    pub(super) sub_layers: u8,
    /// Profile space, tier and profile; four bytes of compatibility, six of constraints; the level.
    pub(super) profile: [u8; 12],
}

impl General {
    fn read(sps: &[u8]) -> Option<Self> {
        let mut bytes = rbsp::unescaped(sps).skip(HEADER_BYTES);
        let sub_layers = bytes.next()?;
        let mut profile = [0; 12];
        for byte in &mut profile {
            *byte = bytes.next()?;
        }
        Some(Self { sub_layers, profile })
    }

    /// ISO/IEC 14496-15, annex E: profile, compatibility with its bits reversed, tier and level, constraints without the
    /// zeros at their end.
    pub(super) fn codec(self) -> String {
        let [first, c1, c2, c3, c4, constraints @ .., level] = self.profile;
        let space = ["", "A", "B", "C"].get(usize::from(first >> 6)).copied().unwrap_or_default();
        let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
        let compatibility = u32::from_be_bytes([c1, c2, c3, c4]).reverse_bits();
        let mut codec = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", first & 0x1f);
        let told = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        constraints.iter().take(told).for_each(|byte| codec.push_str(&format!(".{byte:X}")));
        codec
    }
}

/// The HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, section 8.3.3.1), with lengths of four bytes; `None` unless there
/// are parameter sets of all kinds.
fn configuration(sets: &ParameterSets, sps: &Sps, general: General) -> Option<Bytes> {
    let mut record = BytesMut::new();
    record.put_u8(1);
    record.put_slice(&general.profile);
    // Neither segmentation nor parallelism is told, nor the rate.
    record.put_slice(&[0xf0, 0, 0xfc, 0xfc | sps.chroma_format]);
    record.put_slice(&[
        0xf8 | sps.luma_depth.saturating_sub(8),
        0xf8 | sps.chroma_depth.saturating_sub(8),
        0,
        0,
    ]);
    let layers = (general.sub_layers >> 1 & 7).saturating_add(1);
    record.put_u8(layers << 3 & 0x38 | (general.sub_layers & 1) << 2 | 3);
    record.put_u8(3);
    for kind in [VPS, SPS, PPS] {
        sets.of(kind).next()?;
        // All sets of this kind are here, none in the samples.
        record.put_u8(0x80 | kind);
        record.put_u16(u16::try_from(sets.of(kind).count()).ok()?);
        for set in sets.of(kind) {
            record.put_u16(u16::try_from(set.len()).ok()?);
            record.put_slice(set);
        }
    }
    Some(record.freeze())
}
