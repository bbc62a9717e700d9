use std::borrow::Cow;
use std::fmt;

use super::{name, scan};

/// The headers of a message, in order.
///
/// Names match in any case and are written as the standards spell them. Values are text without
/// blanks at their ends. CR, LF and NUL are taken out of what is put in, so that no value can
/// become a header of its own.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Headers(Vec<Header>);

#[derive(Clone, Eq, PartialEq)]
struct Header {
    name: Cow<'static, str>,
    value: Box<str>,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn with_capacity(headers: usize) -> Self {
        Self(Vec::with_capacity(headers))
    }

    /// Adds a header behind the others, also if one of that name is there.
    ///
    /// Colons and control characters are taken out of the name; without a name nothing is added.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        self.push_text(name, value.to_string());
    }

    /// Puts `value` in the place of the first header of that name and removes the others.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        let Some(index) = self.0.iter().position(|header| header.is(name)) else {
            return self.push(name, value);
        };
        if let Some(header) = self.0.get_mut(index) {
            header.value = clean_value(value.to_string());
        }
        let mut at = 0_usize..;
        self.0.retain(|header| at.next() == Some(index) || !header.is(name));
    }

    /// Removes every header of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| !header.is(name));
    }

    pub(super) fn push_text(&mut self, name: &str, value: impl Into<String> + AsRef<str>) {
        let name = match name::canonical(name) {
            Some(known) => Cow::Borrowed(known),
            None => {
                let clean = clean_name(name);
                let known = if clean.len() == name.len() { None } else { name::canonical(&clean) };
                known.map_or(Cow::Owned(clean), Cow::Borrowed)
            }
        };
        if !name.is_empty() {
            self.0.push(Header { name, value: clean_value(value) });
        }
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|header| header.is(name)).map(|header| &*header.value)
    }

    /// The values of all headers of that name, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |header| header.is(name)).map(|header| &*header.value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|header| (&*header.name, &*header.value))
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Shows every header, but never what proves who somebody is.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret = |name| matches!(name, name::AUTHORIZATION | name::PROXY_AUTHORIZATION);
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, if secret(name) { "***" } else { value })))
            .finish()
    }
}

impl Header {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

fn clean_name(name: &str) -> String {
    let stripped: String = name.chars().filter(|c| !c.is_control() && *c != ':').collect();
    stripped.trim_matches(BLANKS).to_owned()
}

fn clean_value(value: impl Into<String> + AsRef<str>) -> Box<str> {
    let text = value.as_ref();
    if scan::any(text.as_bytes(), |byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return text.replace(['\r', '\n', '\0'], "").trim_matches(BLANKS).into();
    }
    let trimmed = text.trim_matches(BLANKS);
    if trimmed.len() == text.len() { value.into().into_boxed_str() } else { trimmed.into() }
}

const BLANKS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&str, &str)]) -> Headers {
        let mut headers = Headers::new();
        list.iter().for_each(|(name, value)| headers.push(name, value));
        headers
    }

    #[test]
    fn names_match_in_any_case_and_take_the_spelling_of_the_standard() {
        let headers =
            headers(&[("Cseq", "2"), ("rtp-info", "x"), ("www-authenticate", "Basic"), ("X-vendor", "y")]);
        assert_eq!(headers.get("CSEQ"), Some("2"));
        assert_eq!(headers.get("x-VENDOR"), Some("y"));
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CSeq", "RTP-Info", "WWW-Authenticate", "X-vendor"]);
    }

    #[test]
    fn a_name_that_is_one_of_the_standard_only_without_its_control_characters_is_that_one() {
        let headers = headers(&[("Cs\u{89}eq", "1"), ("author\u{1}ization", "Basic dTpw")]);
        let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["CSeq", "Authorization"]);
        assert!(!format!("{headers:?}").contains("dTpw"));
    }

    #[test]
    fn names_of_the_standards_are_not_allocated() {
        let headers = headers(&[("session", "1")]);
        assert!(matches!(headers.0.first().unwrap().name, Cow::Borrowed("Session")));
    }

    #[test]
    fn get_gives_the_first_value_and_get_all_gives_all() {
        let headers = headers(&[("Require", "a"), ("CSeq", "1"), ("require", "b")]);
        assert_eq!(headers.get("Require"), Some("a"));
        assert_eq!(headers.get_all("Require").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(headers.get("Session"), None);
    }

    #[test]
    fn set_keeps_the_place_of_the_first_and_removes_the_others() {
        let mut headers = headers(&[("Require", "a"), ("CSeq", "1"), ("require", "b")]);
        headers.set("REQUIRE", "c");
        headers.set("Scale", 2);
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("Require", "c"), ("CSeq", "1"), ("Scale", "2")]);
        headers.remove("require");
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn nothing_put_in_can_become_a_header_of_its_own() {
        let mut headers =
            headers(&[("Session", "1\r\nPublic: x"), ("X-a\r\nCSeq: 1\r\n", "\0 y\n"), (" : \r\n", "z")]);
        headers.push("Range", "npt=0-");
        headers.set("Range", "\nnpt=1-\r");
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all, [("Session", "1Public: x"), ("X-aCSeq 1", "y"), ("Range", "npt=1-")]);
    }

    #[test]
    fn what_is_logged_holds_no_credentials() {
        let logged = format!("{:?}", headers(&[("authorization", "Basic dTpw"), ("CSeq", "1")]));
        assert_eq!(logged, r#"{"Authorization": "***", "CSeq": "1"}"#);
    }
}
