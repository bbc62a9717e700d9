//! The parameters of challenges and credentials (RFC 9110, section 11): `name=token` or `name="quoted"`, between commas.

use std::borrow::Cow;

use crate::limits::PARAMETERS_MAX;
use crate::{Tolerance, Tolerances};

/// One item of a challenge or of credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Item<'a> {
    /// A word without a value: the name of a scheme, or its token.
    Word(&'a str),
    /// A parameter, with its value as it is meant: without quotes and what they need.
    Param(&'a str, Cow<'a, str>),
}

/// A quote that is not closed, or more items than there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unreadable;

/// Reads the items of a header's value.
pub(super) fn items<'a>(text: &'a str, tolerances: &mut Tolerances) -> Result<Vec<Item<'a>>, Unreadable> {
    let mut items = Vec::new();
    let mut rest = text;
    let mut is_separated = true;
    loop {
        let behind = rest.trim_start_matches([' ', '\t']);
        rest = behind.trim_start_matches([' ', '\t', ',']);
        is_separated |= rest.len() < behind.len();
        if rest.is_empty() {
            return Ok(items);
        }
        if items.len() == PARAMETERS_MAX {
            return Err(Unreadable);
        }
        let (word, behind) = split(rest, rest.find([' ', '\t', ',', '=']));
        let value = behind.trim_start_matches([' ', '\t']).strip_prefix('=');
        let Some(value) = value.filter(|_| !word.is_empty()) else {
            // A lone `=` is the padding of a token, or noise.
            let word_end = word.len().max(1);
            let (word, behind) = split(rest, Some(word_end));
            items.push(Item::Word(word));
            rest = behind;
            is_separated = true;
            continue;
        };
        if !is_separated {
            tolerances.record(Tolerance::AuthParamsWithoutComma);
        }
        let value = value.trim_start_matches([' ', '\t']);
        let (value, behind) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or(Unreadable)?,
            None => {
                let (value, behind) = split(value, value.find(','));
                (Cow::Borrowed(value.trim_end_matches([' ', '\t'])), behind)
            }
        };
        items.push(Item::Param(word, value));
        rest = behind;
        is_separated = false;
    }
}

/// The text before and behind a place; all of it before if there is none.
fn split(text: &str, at: Option<usize>) -> (&str, &str) {
    at.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// Splits a text at the closing quote, and takes the backslashes out of the part before it.
///
/// A backslash counts in front of a quote or a backslash only: `DOMAIN\user` is written like that by many.
fn unquote(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = quoted.find(['"', '\\'])?;
    let (plain, behind) = quoted.split_at_checked(end)?;
    if let Some(behind) = behind.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), behind));
    }
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match (char, chars.peek()) {
            ('"', _) => return Some((Cow::Owned(value), quoted.get(at.saturating_add(1)..)?)),
            ('\\', Some((_, next @ ('"' | '\\')))) => {
                value.push(*next);
                chars.next();
            }
            _ => value.push(char),
        }
    }
    None
}

/// Writes a text as a quoted string.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().saturating_add(2));
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            // They would end the line.
            '\r' | '\n' => {}
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Item<'_>>, Unreadable> {
        items(text, &mut Tolerances::default())
    }

    fn param<'a>(name: &'a str, value: &'a str) -> Item<'a> {
        Item::Param(name, value.into())
    }

    #[test]
    fn words_and_parameters_are_read_whatever_stands_between_them() {
        use Item::Word;
        let realm = [Word("Digest"), param("realm", "IP Camera(12)"), param("nonce", "a,b=c")];
        for text in [
            r#"Digest realm="IP Camera(12)", nonce="a,b=c""#,
            r#"Digest  realm = "IP Camera(12)" ,,nonce= "a,b=c" ,"#,
            r#" Digest realm="IP Camera(12)"	nonce="a,b=c""#,
            r#"Digest realm=IP Camera(12), nonce="a,b=c""#,
        ] {
            assert_eq!(read(text).unwrap(), realm, "{text}");
        }
        for (text, expected) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("Basic", vec![Word("Basic")]),
            ("Bearer a.b-c", vec![Word("Bearer"), Word("a.b-c")]),
            ("=", vec![Word("=")]),
            ("= =x", vec![Word("="), Word("="), Word("x")]),
            (r#"opaque="",stale=FALSE"#, vec![param("opaque", ""), param("stale", "FALSE")]),
            (r#"user="a\"b\\c\d""#, vec![param("user", r#"a"b\c\d"#)]),
            ("realm=", vec![param("realm", "")]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_comma_is_recorded() {
        for (text, is_recorded) in [
            (r#"Digest realm="a" nonce="b""#, true),
            (r#"Digest realm="a", nonce="b""#, false),
            (r#"Digest realm="a"  ,  nonce="b""#, false),
            (r#"Digest realm="a", Basic realm="b""#, false),
        ] {
            let mut tolerances = Tolerances::NONE;
            items(text, &mut tolerances).unwrap();
            assert_eq!(tolerances.contains(Tolerance::AuthParamsWithoutComma), is_recorded, "{text}");
        }
    }

    #[test]
    fn open_quotes_and_endless_lists_are_refused() {
        for text in [r#"realm=""#, r#"realm="a"#, r#"realm="a\""#, r#"realm="\"#] {
            assert_eq!(read(text), Err(Unreadable), "{text}");
        }
        let many = |count: usize| "a=b,".repeat(count);
        assert_eq!(read(&many(PARAMETERS_MAX)).unwrap().len(), PARAMETERS_MAX);
        assert_eq!(read(&many(PARAMETERS_MAX + 1)), Err(Unreadable));
    }

    #[test]
    fn what_is_quoted_is_read_back() {
        for text in ["", "a", r#"a"b\c"#, r"DOMAIN\user", r#"\""#, "é, =x"] {
            assert_eq!(read(&format!("x={}", quote(text))).unwrap(), [param("x", text)], "{text}");
        }
        assert_eq!(quote("a\r\nb"), r#""ab""#);
    }
}
