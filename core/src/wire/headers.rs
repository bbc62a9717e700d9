use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::{name, scan};
use crate::trace::value_without_secrets;

/// The headers of a message, in order.
///
/// Names match in any case and are written as the standards spell them. Values are text without blanks at their ends. CR, LF
/// and NUL are taken out of values, so that no value can become a header of its own.
///
/// ```
/// use rtspan_core::wire::Headers;
///
/// let mut headers = Headers::new();
/// headers.push("Session", "12345678");
/// assert_eq!(headers.get("session"), Some("12345678"));
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Headers {
    list: Vec<Header>,
    /// The values, one behind the other: a message is made by as few allocations as it takes.
    text: String,
}

#[derive(Clone, Eq, PartialEq)]
struct Header {
    name: Cow<'static, str>,
    /// Bytes of the value.
    len: usize,
}

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self { list: Vec::new(), text: String::new() }
    }

    /// No headers, with room for so many, and for values of so many bytes together.
    pub(super) fn with_capacity(headers: usize, bytes: usize) -> Self {
        Self { list: Vec::with_capacity(headers), text: String::with_capacity(bytes) }
    }

    /// Adds a header behind the others, also if one of that name is there.
    ///
    /// Colons and control characters are taken out of the name; without a name nothing is added.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        let start = self.text.len();
        // Writing to a string does not fail; a value that does counts as far as it came.
        let _ = write!(self.text, "{value}");
        if let Some(clean) = self.text.get(start..).and_then(cleaned) {
            self.text.truncate(start);
            self.text.push_str(&clean);
        }
        self.push_last(name, self.text.len().saturating_sub(start));
    }

    /// Adds a header as [`push`](Self::push) does; its value needs no cleaning.
    pub(crate) fn push_clean(&mut self, name: &str, value: &str) {
        self.text.push_str(value);
        self.push_last(name, value.len());
    }

    /// Goes on with the value of the last header, behind a blank.
    pub(super) fn fold(&mut self, more: &str) {
        let Some(last) = self.list.last_mut() else { return };
        let clean = cleaned(more);
        let more = clean.as_deref().unwrap_or(more);
        let blank = if more.is_empty() || last.len == 0 { "" } else { " " };
        self.text.extend([blank, more]);
        last.len = last.len.saturating_add(blank.len()).saturating_add(more.len());
    }

    /// Puts `value` in the place of the first header of that name and removes the others.
    pub fn set(&mut self, name: &str, value: impl fmt::Display) {
        let Some(index) = self.list.iter().position(|header| header.is(name)) else {
            return self.push(name, value);
        };
        let start = self.list.iter().take(index).map(|header| header.len).sum();
        if let Some(header) = self.list.get_mut(index) {
            let value = value.to_string();
            let value = cleaned(&value).unwrap_or(value);
            self.text.replace_range(start..header.len.saturating_add(start), &value);
            header.len = value.len();
        }
        self.remove_behind(index.saturating_add(1), name);
    }

    /// Removes every header of that name.
    pub fn remove(&mut self, name: &str) {
        self.remove_behind(0, name);
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut start = 0_usize;
        for header in &self.list {
            let end = start.saturating_add(header.len);
            if header.is(name) {
                return self.text.get(start..end);
            }
            start = end;
        }
        None
    }

    /// The values of all headers of that name, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.entries().filter(move |(header, _)| header.is(name)).map(|(_, value)| value)
    }

    /// Returns `true` if `CSeq` or `Session` is repeated: each stands once, and more than its message depends on it.
    pub(crate) fn repeats(&self) -> bool {
        let is_repeated = |name| self.list.iter().filter(|header| header.is(name)).nth(1).is_some();
        is_repeated(name::CSEQ) || is_repeated(name::SESSION)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries().map(|(header, value)| (&*header.name, value))
    }

    /// The number of headers.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns `true` if there are no headers.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Bytes that the headers take on the wire.
    pub(super) fn encoded_len(&self) -> usize {
        let around = self.list.iter().map(|header| header.name.len().saturating_add(": \r\n".len()));
        around.fold(self.text.len(), usize::saturating_add)
    }

    /// Makes a header of the last `len` bytes of the text.
    fn push_last(&mut self, name: &str, len: usize) {
        let name = match name::canonical(name) {
            Some(known) => Cow::Borrowed(known),
            None => {
                let clean = clean_name(name);
                let known = if clean.len() == name.len() { None } else { name::canonical(&clean) };
                known.map_or(Cow::Owned(clean), Cow::Borrowed)
            }
        };
        if name.is_empty() {
            self.text.truncate(self.text.len().saturating_sub(len));
        } else {
            self.list.push(Header { name, len });
        }
    }

    /// Removes every header of that name but the first `keep` of all.
    fn remove_behind(&mut self, keep: usize, name: &str) {
        if !self.list.iter().skip(keep).any(|header| header.is(name)) {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let (mut index, mut rest) = (0_usize.., &*text);
        self.list.retain(|header| {
            let (value, behind) = rest.split_at_checked(header.len).unwrap_or_default();
            rest = behind;
            let stays = index.next() < Some(keep) || !header.is(name);
            self.text.push_str(if stays { value } else { "" });
            stays
        });
    }

    fn entries(&self) -> impl Iterator<Item = (&Header, &str)> {
        let mut rest = &*self.text;
        self.list.iter().map(move |header| {
            let (value, behind) = rest.split_at_checked(header.len).unwrap_or_default();
            rest = behind;
            (header, value)
        })
    }
}

/// Shows every header, but never what proves who somebody is.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, value_without_secrets(name, value))))
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

/// The clean part of a value; `None` if all of it is clean.
fn cleaned(value: &str) -> Option<String> {
    if scan::find(value.as_bytes(), [b'\r', b'\n', 0]).is_some() {
        return Some(value.replace(['\r', '\n', '\0'], "").trim_matches(BLANKS).to_owned());
    }
    let is_blank = |end: Option<&u8>| matches!(end, Some(b' ' | b'\t'));
    let has_blanks = is_blank(value.as_bytes().first()) || is_blank(value.as_bytes().last());
    has_blanks.then(|| value.trim_matches(BLANKS).to_owned())
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Returns true for a token (RFC 2326, section 15.1), such as the name of a header.
pub(crate) fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_token)
}

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
        assert!(matches!(headers.list.first().unwrap().name, Cow::Borrowed("Session")));
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
    fn values_stay_with_their_names_whatever_is_put_in_the_place_of_others() {
        let list = [("A", "a"), ("B", ""), ("A", "aa"), ("C", "c"), ("A", ""), ("D", "dd")];
        for value in ["", " x ", "longer than what was there"] {
            let mut set = headers(&list);
            set.set("a", value);
            assert_eq!(set, headers(&[("A", value), ("B", ""), ("C", "c"), ("D", "dd")]));
            set.set("D", value);
            set.set("C", value);
            assert_eq!(set, headers(&[("A", value), ("B", ""), ("C", value), ("D", value)]));
            set.remove("A");
            set.push("E", "e");
            assert_eq!(set, headers(&[("B", ""), ("C", value), ("D", value), ("E", "e")]));
            ["b", "c", "d", "e"].iter().for_each(|name| set.remove(name));
            assert_eq!((set.len(), set.encoded_len()), (0, 0));
        }
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
        let all = [("authorization", "Basic dTpw"), ("KeyMgmt", "prot=mikey;data=AQAF"), ("CSeq", "1")];
        let logged = format!("{:?}", headers(&all));
        assert_eq!(logged, r#"{"Authorization": "***", "KeyMgmt": "***", "CSeq": "1"}"#);
    }
}
