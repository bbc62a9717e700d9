//! Which medias of a segment are those of the footage.

use rtspan_core::{Codec, Description, Format};

/// Which media of the footage each media of a segment is; `None` if pictures or sound have another format.
///
/// A segment may have less than others: sound that came too late to be recorded, for example.
pub(super) fn assign(segment: &Description, footage: &Description) -> Option<Vec<Option<usize>>> {
    let mut taken = vec![false; footage.medias.len()];
    let mut medias = Vec::with_capacity(segment.medias.len());
    for media in &segment.medias {
        let mut known = footage.medias.iter().enumerate();
        let found = known.position(|(place, its)| {
            !taken[place]
                && its.kind == media.kind
                && its.formats.iter().zip(&media.formats).all(|(one, other)| is_same(one, other))
        });
        let is_known_kind = footage.medias.iter().any(|its| its.kind == media.kind);
        match found {
            Some(place) => taken[place] = true,
            None if is_known_kind => return None,
            None => {}
        }
        medias.push(found);
    }
    Some(medias)
}

/// Frames of one format can be sent in the other: they differ only in the parameter sets in front of keyframes.
fn is_same(one: &Format, other: &Format) -> bool {
    match (one.codec(), other.codec()) {
        (Codec::H264(_), Codec::H264(_)) | (Codec::H265(_), Codec::H265(_)) => true,
        (Codec::Av1(_), Codec::Av1(_)) | (Codec::Vp9(_), Codec::Vp9(_)) => true,
        (one_codec, other_codec) => {
            one_codec == other_codec
                && one.clock_rate() == other.clock_rate()
                && one.channels() == other.channels()
        }
    }
}
