use super::{HEADER_BYTES, SPS, Sps};
use crate::payload::parameter_sets::ParameterSets;
use crate::payload::{Parameters, VideoParameters, rbsp};

/// The parameters that follow from the newest parameter sets.
pub(in crate::payload) fn parameters(sets: &ParameterSets, parameters: &mut Parameters) {
    let sps = sets.of(SPS).next().and_then(|newest| Some((newest, Sps::read(newest).ok()?)));
    let Some((newest, sps)) = sps else { return };
    parameters.codec = Some(codec(newest, &sps).into());
    parameters.video = Some(VideoParameters {
        width: sps.width,
        height: sps.height,
        pixel_aspect: None,
        frame_rate: None,
        reordering: None,
    });
}

/// ISO/IEC 14496-15, annex E: profile, tier and level; then, in base32, that there are frames only, and several layers.
/// General constraints, which are rare, are not told.
fn codec(nal: &[u8], sps: &Sps) -> String {
    let tier = if sps.is_high_tier { 'H' } else { 'L' };
    // Ids and sizes stand in two bytes, then profile and level; a third bit says that there are general constraints.
    let flags = rbsp::unescaped(nal).nth(HEADER_BYTES.saturating_add(4)).unwrap_or_default();
    let constraints = match flags >> 5 {
        0b010 => ".CIA",
        0b100 => ".CQA",
        0b110 => ".CYA",
        _ => "",
    };
    format!("vvc1.{}.{tier}{}{constraints}", sps.profile, sps.level)
}
