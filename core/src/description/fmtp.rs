//! Format parameters: `name=value` pairs with semicolons between (most payload formats, by RFC 4855).

use crate::wire::scan::split_once;

/// The value of the first parameter of this name, in any case.
pub(super) fn get<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = items(text).find_map(|item| {
        let (candidate, rest) = item.trim_ascii_start().split_at_checked(name.len())?;
        rest.trim_ascii_start().strip_prefix('=').filter(|_| candidate.eq_ignore_ascii_case(name))
    })?;
    Some(value.trim_ascii().trim_matches('"'))
}

/// Whether there is an item that is not a pair.
pub(super) fn has_others(text: &str) -> bool {
    items(text).any(|item| split_once(item, b'=').is_none())
}

/// What stands between the semicolons.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (item, behind) = split_once(text, b';').map_or((text, None), |(item, rest)| (item, Some(rest)));
        rest = behind;
        Some(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_whatever_stands_between_them() {
        for text in [
            "mode=AAC-hbr;config=1190",
            " Mode = AAC-hbr ; CONFIG=\"1190\" ;",
            ";;mode=AAC-hbr;;novalue;config=1190;config=ffff",
        ] {
            assert_eq!(get(text, "mode"), Some("AAC-hbr"), "{text}");
            assert_eq!(get(text, "config"), Some("1190"), "{text}");
            assert_eq!(get(text, "novalue"), None, "{text}");
        }
        assert_eq!(get("sprop-parameter-sets=Z00=,aO4=", "sprop-parameter-sets"), Some("Z00=,aO4="));
        assert!(has_others("vad=no;") && has_others("x") && !has_others("vad=no"));
    }
}
