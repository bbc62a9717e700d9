//! The rtpmap and fmtp attributes that stand where no format has their payload type.

use super::read::{Slot, Slots, payload_type_and_rest};
use super::{Attribute, Media};
use crate::Tolerances;
use crate::tolerance::Tolerance;

/// The first payload type that means nothing by itself (RFC 3551, section 3).
const DYNAMIC: u8 = 96;

/// Gives them to the formats that they can only belong to, and leaves the others where they are.
pub(super) fn adopt(
    of_session: &mut Vec<Attribute>,
    medias: &mut [(Media, Slots)],
    tolerances: &mut Tolerances,
) {
    of_session.retain(|attribute| !give_away(attribute, None, medias, tolerances));
    for index in 0..medias.len() {
        let Some((media, _)) = medias.get_mut(index) else { continue };
        let mut attributes = std::mem::take(&mut media.attributes);
        attributes.retain(|attribute| !give_away(attribute, Some(index), medias, tolerances));
        if let Some((media, _)) = medias.get_mut(index) {
            media.attributes = attributes;
        }
    }
}

/// Gives an attribute to the one format that lacks it and may be meant; false if there is none.
fn give_away(
    attribute: &Attribute,
    own: Option<usize>,
    medias: &mut [(Media, Slots)],
    tolerances: &mut Tolerances,
) -> bool {
    let is_rtpmap = attribute.name.eq_ignore_ascii_case("rtpmap");
    if !is_rtpmap && !attribute.name.eq_ignore_ascii_case("fmtp") {
        return false;
    }
    let has_content = |text: &str| !(text.is_empty() || is_rtpmap && text.starts_with('/'));
    let read = payload_type_and_rest(attribute.value.as_deref(), &mut Tolerances::default());
    let Some((payload_type, text)) = read.filter(|(_, text)| has_content(text)) else { return false };
    let Some(slot) = meant(payload_type, is_rtpmap, own, medias) else { return false };
    let place = if is_rtpmap { &mut slot.rtpmap } else { &mut slot.fmtp };
    if place.as_deref().is_some_and(has_content) {
        return false;
    }
    tolerances.record(Tolerance::SdpFormatMisplaced);
    *place = Some(text.to_owned());
    true
}

/// The only format with this payload type; if there is none at all, the only one of its own media.
fn meant(
    payload_type: u8,
    is_rtpmap: bool,
    own: Option<usize>,
    medias: &mut [(Media, Slots)],
) -> Option<&mut Slot> {
    let has_it = |slot: &Slot| slot.payload_type == payload_type;
    let mut listing = (0..medias.len())
        .filter(|index| medias.get(*index).is_some_and(|(_, slots)| slots.slots.iter().any(has_it)));
    match (listing.next(), listing.next()) {
        (Some(only), None) => medias.get_mut(only)?.1.slots.iter_mut().find(|slot| has_it(slot)),
        (Some(_), Some(_)) => None,
        (None, _) => {
            let index = own.or_else(|| (medias.len() == 1).then_some(0))?;
            match medias.get_mut(index)?.1.slots.as_mut_slice() {
                // A static payload type needs no rtpmap, and that of another would be wrong.
                [slot] if !is_rtpmap || slot.payload_type >= DYNAMIC => Some(slot),
                _ => None,
            }
        }
    }
}
