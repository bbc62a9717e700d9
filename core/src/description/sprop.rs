//! Parameter sets among the parameters of a format: base64 with commas between (RFC 6184, section 8.1; RFC 7798, section
//! 7.1).

use std::borrow::Cow;

use super::fmtp;
use crate::tolerance::Tolerance;
use crate::{Tolerances, base64};

/// Rewrites parameter sets as the RFCs have them; `None` if they are written so.
pub(super) fn repair(text: &str, tolerances: &mut Tolerances) -> Option<String> {
    let mut is_changed = false;
    let items: Vec<Cow<'_, str>> = fmtp::items(text)
        .map(|item| match repair_item(item, tolerances) {
            Some(repaired) => {
                is_changed = true;
                repaired.into()
            }
            None => item.into(),
        })
        .collect();
    is_changed.then(|| items.join(";"))
}

fn repair_item(item: &str, tolerances: &mut Tolerances) -> Option<String> {
    let (name, value) = item.split_once('=')?;
    let is_parameter_set = match name.trim_ascii().to_ascii_lowercase().as_str() {
        "sprop-parameter-sets" => is_h264_parameter_set,
        "sprop-vps" | "sprop-sps" | "sprop-pps" => is_h265_parameter_set,
        _ => return None,
    };
    let mut fired = Tolerances::NONE;
    let list = canonical_list(value, is_parameter_set, &mut fired);
    tolerances.merge(fired);
    (!fired.is_empty()).then(|| format!("{name}={list}"))
}

fn canonical_list(value: &str, is_parameter_set: fn(u8) -> bool, fired: &mut Tolerances) -> String {
    let mut list = Vec::new();
    if value.contains('"') {
        fired.record(Tolerance::SpropSeparators);
    }
    for item in value.replace('"', "").split(',') {
        let parts: Vec<&str> = item.split_ascii_whitespace().collect();
        if parts.len() > 1 {
            fired.record(Tolerance::SpropSeparators);
        }
        // A blank stands between two parameter sets, or in the midst of one.
        let is_whole =
            |part: &&str| decode(part).is_some_and(|set| set.first().copied().is_some_and(is_parameter_set));
        if parts.iter().all(is_whole) {
            list.extend(parts.into_iter().map(|part| canonical(part, fired)));
        } else {
            list.push(canonical(&parts.concat(), fired));
        }
    }
    list.join(",")
}

fn canonical(item: &str, fired: &mut Tolerances) -> String {
    let Some(bytes) = decode(item) else { return item.to_owned() };
    let text = base64::encode(&bytes);
    if item.contains(URL_SAFE) {
        fired.record(Tolerance::SpropAlphabet);
    }
    if item.len() != text.len() {
        fired.record(Tolerance::SpropPadding);
    }
    text
}

/// What the alphabet of RFC 4648, section 5, has instead of `+` and `/`.
const URL_SAFE: [char; 2] = ['-', '_'];

fn decode(item: &str) -> Option<Vec<u8>> {
    if item.contains(URL_SAFE) {
        return base64::decode(&item.replace('-', "+").replace('_', "/"));
    }
    base64::decode(item)
}

fn is_h264_parameter_set(header: u8) -> bool {
    matches!(header & 0x1f, 7 | 8 | 13 | 15)
}

fn is_h265_parameter_set(header: u8) -> bool {
    matches!(header >> 1 & 0x3f, 32..=34)
}
