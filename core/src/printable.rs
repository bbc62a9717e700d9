//! Text from a peer, made harmless before a person or a terminal sees it.

use std::fmt::{self, Write as _};

/// Shows a value with every character escaped that is not [printable](is_printable): `\u{1b}`.
///
/// Text from a peer may hold characters that a terminal obeys, that show a text in another order than it has, or that nobody
/// sees. This crate escapes all that it shows of a peer. [`Display`](fmt::Display) of URLs, methods, kinds of medias and
/// errors does it by this type, and [`Debug`] as the standard library does. Fields hold the text as it was sent. So do the
/// values of [`header`](crate::header): their [`Display`](fmt::Display) is the form on the wire, and is to be wrapped before
/// it is shown.
///
/// ```
/// use rtspan_core::{Printable, Url};
///
/// assert_eq!(Printable("\u{1b}[2J").to_string(), "\\u{1b}[2J");
/// let url = Url::parse("rtsp://camera/\u{202e}evil")?;
/// assert_eq!(url.to_string(), "rtsp://camera/\\u{202e}evil");
/// assert_eq!(url.as_request_uri(), "rtsp://camera/\u{202e}evil");
/// # Ok::<(), rtspan_core::UrlError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.width().is_some() || f.precision().is_some() {
            let mut escaped = String::new();
            write!(Escaping(&mut escaped), "{}", self.0)?;
            return f.pad(&escaped);
        }
        write!(Escaping(f), "{}", self.0)
    }
}

/// Returns `true` if a character has no effect but to be seen, in the place where it stands.
///
/// Control characters (C0, DEL, C1), the ends of lines and paragraphs, and format characters that nobody sees are not
/// printable (the general categories Cc, Zl, Zp and Cf of Unicode, but for the signs that enclose numbers in Arabic, Syriac
/// and Kaithi). Among them are all that change the direction of writing.
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Zl, Zp and the invisible ones of Cf.
const INVISIBLE: [(char, char); 14] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

/// Passes text on, with what is not printable escaped.
struct Escaping<'a>(&'a mut dyn fmt::Write);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_printable(*c)) {
            let (plain, behind) = rest.split_at_checked(at).unwrap_or_default();
            write!(self.0, "{plain}{}", c.escape_unicode())?;
            rest = behind.get(c.len_utf8()..).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::{Description, Media};
    use crate::wire::Method;
    use crate::{MediaKind, Tolerances, Url};

    fn unprintable() -> impl Iterator<Item = char> {
        ('\0'..=char::MAX).filter(|c| !is_printable(*c))
    }

    #[test]
    fn controls_separators_and_marks_of_direction_are_escaped() {
        let controls = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}');
        let marks = ['\u{61c}', '\u{200e}', '\u{200f}'];
        let bidi = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain(marks);
        for c in controls.chain(bidi).chain(['\u{2028}', '\u{2029}', '\u{feff}', '\u{e0041}']) {
            let shown = Printable(format!("a{c}b")).to_string();
            assert_eq!(shown, format!("a\\u{{{:x}}}b", u32::from(c)));
        }
    }

    #[test]
    fn the_standard_library_escapes_all_of_them_in_debug() {
        for c in unprintable() {
            let shown = format!("{:?} {:?}", format!("a{c}b"), Printable(c));
            assert!(shown.chars().all(is_printable), "{:x}", u32::from(c));
        }
    }

    #[test]
    fn what_is_written_in_any_language_stays() {
        for text in ["", "Übersicht 入口 ✓", "مرحبا", "\u{3000}\u{a0}❤\u{fe0f}", "\\u{1b}"] {
            assert_eq!(Printable(text).to_string(), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_what_is_shown() {
        assert_eq!(
            format!("{:<7}|{:>3}|{:.2}", Printable("\u{7}"), Printable("a"), Printable("abc")),
            "\\u{7}  |  a|ab"
        );
    }

    #[test]
    fn what_is_shown_is_escaped_and_what_is_written_stays() {
        for c in unprintable() {
            let text = format!("x{c}y");
            let method = Method::from(&*text);
            let kind = MediaKind::from(&*text);
            let mut shown = format!("{method} {method:?} {method:>20} {kind} {kind:?} {kind:>20}");
            assert_eq!((method.as_str(), kind.as_str()), (&*text, &*text));
            // ASCII's are refused, since they could split a request.
            if let Ok(url) = Url::parse(&format!("rtsp://{text}:{text}@camera/{text}?{text}")) {
                shown += &format!("{url} {url:?} {:?}", url.credentials());
                assert_eq!(url.as_request_uri(), format!("rtsp://camera/{text}?{text}"));
            } else {
                assert!(c.is_ascii_control());
            }
            assert!(shown.chars().all(is_printable), "{shown:?}");
        }
    }

    #[test]
    fn a_description_is_written_as_it_was_read() {
        let kind = "video\u{202e}\u{1b}";
        let written = Description::new(vec![Media::new(MediaKind::from(kind), Vec::new())]).to_sdp();
        assert!(written.contains(&format!("m={kind} ")), "{written:?}");
        let read = Description::parse(written.as_bytes(), &mut Tolerances::default()).unwrap();
        assert_eq!(read.medias[0].kind.as_str(), kind);
    }
}
