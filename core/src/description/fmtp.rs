//! Format parameters: `name=value` pairs with semicolons between (most payload formats, by RFC 4855).

use crate::wire::scan::split_once;

/// The value of the first parameter of this name, in any case.
pub(super) fn get<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = items(text).find_map(|item| value_in(item, name))?;
    Some(value.trim_ascii().trim_matches('"'))
}

/// The text with this value for the parameter, which comes last.
pub(super) fn set(text: &str, name: &str, value: &str) -> String {
    let is_kept = |item: &&str| !item.is_empty() && value_in(item, name).is_none();
    let mut kept: Vec<&str> = items(text).map(str::trim_ascii).filter(is_kept).collect();
    let set = format!("{name}={value}");
    kept.push(&set);
    kept.join("; ")
}

/// The value in an item, if it is of the parameter of this name.
fn value_in<'a>(item: &'a str, name: &str) -> Option<&'a str> {
    let (candidate, rest) = item.trim_ascii_start().split_at_checked(name.len())?;
    rest.trim_ascii_start().strip_prefix('=').filter(|_| candidate.eq_ignore_ascii_case(name))
}

/// Returns `true` if an item is not a pair, or has the same name as another.
pub(super) fn is_malformed(text: &str) -> bool {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (item, behind) = split_item(text);
        let Some((name, _)) = split_once(item, b'=') else { return true };
        if behind
            .is_some_and(|behind| items(behind).any(|other| value_in(other, name.trim_ascii()).is_some()))
        {
            return true;
        }
        rest = behind;
    }
    false
}

/// The items between the semicolons.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (item, behind) = split_item(rest?);
        rest = behind;
        Some(item)
    })
}

/// The first item, and the text behind its semicolon.
fn split_item(text: &str) -> (&str, Option<&str>) {
    split_once(text, b';').map_or((text, None), |(item, rest)| (item, Some(rest)))
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
        for (text, set_text) in [
            ("", "config=12"),
            ("CONFIG = 11;mode=x; ;y", "mode=x; y; config=12"),
            ("mode=x;configs=1", "mode=x; configs=1; config=12"),
        ] {
            assert_eq!(set(text, "config", "12"), set_text, "{text}");
        }
        assert!(is_malformed("a=1;b=2; A =3") && !is_malformed("a=b;b=a"));
        assert!(is_malformed("vad=no;") && is_malformed("x") && !is_malformed("vad=no; x=1"));
    }
}
