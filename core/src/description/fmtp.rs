//! Format parameters: `name=value` pairs with semicolons between (most payload formats, by RFC 4855).

/// The pairs of `text`; items that are empty or have no value are skipped.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(pair)
}

/// The value of the first parameter of this name, in any case.
pub(super) fn get<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    pairs(text).find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Whether there is an item that is not a pair.
pub(super) fn has_others(text: &str) -> bool {
    text.split(';').any(|item| pair(item).is_none())
}

fn pair(item: &str) -> Option<(&str, &str)> {
    let (name, value) = item.split_once('=')?;
    Some((name.trim_ascii(), value.trim_ascii().trim_matches('"')))
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
