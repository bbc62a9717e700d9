//! `key[=value]` lists, the shape of nearly every RTSP header value.

use std::str::FromStr;

use super::HeaderError;
use crate::limits::PARAMETERS_MAX;
use crate::wire::scan::{self, split_once, trim};
use crate::{Tolerance, Tolerances};

/// One element of a list: the key in its own case, and the value without blanks and quotes around it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Param<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: Option<&'a str>,
}

impl Param<'_> {
    pub(crate) fn is(&self, key: &str) -> bool {
        self.key.eq_ignore_ascii_case(key)
    }
}

/// Reads the list of `header`, whose elements `separator` divides.
pub(crate) fn params<'a>(
    text: &'a str,
    separator: u8,
    header: &'static str,
    tolerances: &mut Tolerances,
) -> Result<Vec<Param<'a>>, HeaderError> {
    let mut params = Vec::new();
    if trim(text).is_empty() {
        return Ok(params);
    }
    for element in elements(text, separator) {
        if element.is_empty() {
            tolerances.record(Tolerance::EmptyParameter);
        } else if params.len() == PARAMETERS_MAX {
            return Err(HeaderError::TooManyParameters { header });
        } else {
            params.push(param(element).ok_or(HeaderError::UnclosedQuote { header })?);
        }
    }
    Ok(params)
}

/// The elements of a list without blanks around them, divided by separators outside of quotes.
pub(crate) fn elements(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (element, behind) = text.split_at(element_end(text, separator));
        rest = behind.get(1..);
        Some(trim(element))
    })
}

/// A number of decimal digits only.
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn param(element: &str) -> Option<Param<'_>> {
    let Some((key, value)) = split_once(element, b'=') else {
        return Some(Param { key: element, value: None });
    };
    let value = trim(value);
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.get(..quote_end(quoted)?)?,
        None => value,
    };
    Some(Param { key: trim(key), value: Some(trim(value)) })
}

/// A quote counts only where a value begins: right behind `=` or a separator.
fn element_end(text: &str, separator: u8) -> usize {
    // Hardly any has quotes.
    match scan::find(text.as_bytes(), [separator, b'"']) {
        None => return text.len(),
        Some(at) if text.as_bytes().get(at) == Some(&separator) => return at,
        Some(_) => {}
    }
    let mut value_begins = true;
    let mut quoted = false;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            return false;
        }
        quoted = value_begins && byte == b'"';
        value_begins = byte == b'=' || (value_begins && byte.is_ascii_whitespace());
        byte == separator
    });
    end.unwrap_or(text.len())
}

fn quote_end(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let ends = !escaped && byte == b'"';
        escaped = !escaped && byte == b'\\';
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(&str, Option<&str>)>, HeaderError> {
        let params = params(text, b';', "Test", &mut Tolerances::default())?;
        Ok(params.into_iter().map(|param| (param.key, param.value)).collect())
    }

    #[test]
    fn keys_and_values_are_read_without_blanks_and_quotes() {
        for (text, expected) in [
            ("", vec![]),
            ("  ", vec![]),
            ("k", vec![("k", None)]),
            ("k=", vec![("k", Some(""))]),
            ("k=v", vec![("k", Some("v"))]),
            (" k = v ; l ", vec![("k", Some("v")), ("l", None)]),
            ("k=\tv\t;\tl", vec![("k", Some("v")), ("l", None)]),
            ("k=a=b", vec![("k", Some("a=b"))]),
            (r#"k="v;w" ;l"#, vec![("k", Some("v;w")), ("l", None)]),
            (r#"k= "a\"b;" x;l"#, vec![("k", Some(r#"a\"b;"#)), ("l", None)]),
            (r#"k="a\\";l"#, vec![("k", Some(r"a\\")), ("l", None)]),
            (r#"k=a"b;l=c"d"#, vec![("k", Some(r#"a"b"#)), ("l", Some(r#"c"d"#))]),
            (r#""a;b";c"#, vec![(r#""a;b""#, None), ("c", None)]),
            (r#"k="""#, vec![("k", Some(""))]),
            ("=v", vec![("", Some("v"))]),
            ("ü=é;x", vec![("ü", Some("é")), ("x", None)]),
        ] {
            assert_eq!(read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_quote_that_does_not_end_is_an_error() {
        for text in [r#"k="v"#, r#"k=""#, r#"k="v\""#, r#"a;k=" "#] {
            assert_eq!(read(text), Err(HeaderError::UnclosedQuote { header: "Test" }), "{text}");
        }
    }

    #[test]
    fn empty_elements_are_passed_over_and_recorded() {
        for (text, empty) in [("k;", true), (";k", true), ("a;;b", true), ("a;b", false), ("", false)] {
            let mut tolerances = Tolerances::NONE;
            params(text, b';', "Test", &mut tolerances).unwrap();
            assert_eq!(tolerances.contains(Tolerance::EmptyParameter), empty, "{text}");
        }
    }

    #[test]
    fn one_parameter_more_than_the_limit_is_an_error() {
        let most = vec!["k=v"; PARAMETERS_MAX].join(";");
        assert_eq!(read(&most).unwrap().len(), PARAMETERS_MAX);
        assert_eq!(read(&(most + ";k")), Err(HeaderError::TooManyParameters { header: "Test" }));
    }

    #[test]
    fn numbers_have_digits_only() {
        for text in ["", "+1", "-1", " 1", "1 ", "0x1", "1e3", "256", "٣"] {
            assert_eq!(number::<u8>(text), None, "{text:?}");
        }
        assert_eq!(number::<u8>("0255"), Some(255));
    }
}
