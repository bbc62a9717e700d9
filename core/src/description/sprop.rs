//! Parameter sets among the parameters of a format: base64 with commas between (RFC 6184, section 8.1; RFC 7798, section
//! 7.1).

use std::borrow::Cow;

use super::fmtp;
use crate::tolerance::Tolerance;
use crate::wire::scan::split_once;
use crate::{Tolerances, base64};

/// Returns `true` for the first byte of a parameter set.
type IsParameterSet = fn(u8) -> bool;

/// Rewrites parameter sets as the RFCs have them; `None` if they are written so.
pub(super) fn repair(text: &str, tolerances: &mut Tolerances) -> Option<String> {
    fmtp::items(text).any(is_to_be_repaired).then(|| {
        let items: Vec<Cow<'_, str>> = fmtp::items(text).map(|item| repair_item(item, tolerances)).collect();
        items.join(";")
    })
}

/// The name of a parameter, its list, and the test for parameter sets in it.
fn parameter_sets(item: &str) -> Option<(&str, &str, IsParameterSet)> {
    const H265: [&str; 3] = ["sprop-vps", "sprop-sps", "sprop-pps"];
    let (name, list) = split_once(item, b'=')?;
    let bare = name.trim_ascii();
    if bare.eq_ignore_ascii_case("sprop-parameter-sets") {
        Some((name, list, is_h264_parameter_set))
    } else {
        let is_known = H265.iter().any(|known| bare.eq_ignore_ascii_case(known));
        is_known.then_some((name, list, is_h265_parameter_set as IsParameterSet))
    }
}

fn is_to_be_repaired(item: &str) -> bool {
    let Some((_, list, _)) = parameter_sets(item) else { return false };
    let is_wrong = |byte: u8| matches!(byte, b'"' | b'-' | b'_' | b' ' | b'\t');
    let is_canonical = |set: &str| {
        !set.is_empty() && set.len() % 4 == 0 && !set.ends_with("===") && !set.bytes().any(is_wrong)
    };
    let list = list.trim_ascii();
    !list.is_empty() && !list.split(',').all(is_canonical)
}

fn repair_item<'a>(item: &'a str, tolerances: &mut Tolerances) -> Cow<'a, str> {
    let Some((name, list, is_parameter_set)) = parameter_sets(item) else { return item.into() };
    let mut fired = Tolerances::NONE;
    let list = canonical_list(list, is_parameter_set, &mut fired);
    tolerances.merge(fired);
    if fired.is_empty() { item.into() } else { format!("{name}={list}").into() }
}

fn canonical_list(value: &str, is_parameter_set: IsParameterSet, fired: &mut Tolerances) -> String {
    let mut list = Vec::new();
    if value.contains('"') {
        fired.record(Tolerance::SpropSeparators);
    }
    for item in value.trim_ascii().replace('"', "").split(',') {
        let parts: Vec<&str> = item.split_ascii_whitespace().collect();
        if parts != [item] {
            fired.record(Tolerance::SpropSeparators);
        }
        // A blank stands between two parameter sets, or in the midst of one.
        let is_whole =
            |part: &&str| decode(part).is_some_and(|set| set.first().copied().is_some_and(is_parameter_set));
        if parts.iter().all(is_whole) {
            list.extend(parts.into_iter().map(|part| canonical(part, fired)));
        } else {
            list.extend(Some(canonical(&parts.concat(), fired)).filter(|set| !set.is_empty()));
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

/// The characters that the alphabet of RFC 4648, section 5, has instead of `+` and `/`.
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
