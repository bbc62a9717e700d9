//! Percent-encoding (RFC 3986, section 2.1), and texts that are the same but for it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The form in which paths, queries and controls are compared; never the one in which they are written.
///
/// Encoded characters are decoded once, so that `/caf%C3%A9` is `/café`, `/my%20cam` is `/my cam` and `/%41bc` is `/Abc`;
/// slashes in front become one. Characters that would become structure stay encoded, with their digits in upper case: `%2F`,
/// `%3F`, `%25`, control characters, bytes that are not UTF-8, and the dots of `%2E%2E`. Dots never climb, encoded or not.
pub(crate) fn canonical(text: &str) -> Cow<'_, str> {
    let behind = text.trim_start_matches('/');
    let slashes = text.len().saturating_sub(behind.len());
    let text = text.get(slashes.saturating_sub(1)..).unwrap_or(text);
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(8));
    for (place, segment) in text.split('/').enumerate() {
        if place > 0 {
            out.push('/');
        }
        push_segment(&mut out, segment);
    }
    Cow::Owned(out)
}

/// Returns `true` if two texts are the same once they are decoded.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

fn push_segment(out: &mut String, segment: &str) {
    let start = out.len();
    let mut pieces = segment.split('%');
    out.push_str(pieces.next().unwrap_or(""));
    // Bytes that stand next to each other may make one character.
    let mut run = Vec::new();
    for piece in pieces {
        let encoded = match piece.as_bytes() {
            [high, low, ..] => hex_pair(*high, *low),
            _ => None,
        };
        run.push(encoded.unwrap_or(b'%'));
        let rest = if encoded.is_some() { piece.get(2..).unwrap_or("") } else { piece };
        if !rest.is_empty() {
            push_decoded(out, &std::mem::take(&mut run));
            out.push_str(rest);
        }
    }
    push_decoded(out, &run);
    let dots = match out.get(start..) {
        Some("." | "..") if segment.contains('%') => out.len().saturating_sub(start),
        _ => return,
    };
    out.truncate(start);
    out.push_str(&"%2E".repeat(dots));
}

fn push_decoded(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if matches!(character, '/' | '?' | '%') || character.is_control() {
                push_encoded(out, character.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(character);
            }
        }
        push_encoded(out, chunk.invalid());
    }
}

fn push_encoded(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        let _ = write!(out, "%{byte:02X}");
    }
}

/// Decodes `%XX` and leaves any other `%` alone; bytes that are not UTF-8 are read as Latin-1.
pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match after {
            [high, low, after @ ..] if *first == b'%' => hex_pair(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = decoded.unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect())
}

pub(crate) fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from((digit(high)? << 4) | digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_read_the_same_have_one_canonical_form() {
        for (written, form) in [
            ("/café", "/café"),
            ("/caf%C3%A9", "/café"),
            ("/caf%c3%a9", "/café"),
            ("/my cam", "/my cam"),
            ("/my%20cam", "/my cam"),
            ("/%41bc", "/Abc"),
            ("/Abc", "/Abc"),
            ("//p3", "/p3"),
            ("////p3", "/p3"),
            ("/p3", "/p3"),
            ("/trackID%3D1", "/trackID=1"),
            ("/a%3ab%40c%23d", "/a:b@c#d"),
            ("trackID=1", "trackID=1"),
            ("%F0%9F%8E%A5", "🎥"),
            ("", ""),
            ("/", "/"),
        ] {
            assert_eq!(canonical(written), form, "{written}");
            assert_eq!(canonical(form), form, "the form of a form is itself: {written}");
        }
    }

    #[test]
    fn what_is_encoded_never_becomes_structure() {
        for (written, form) in [
            ("/a%2Fb", "/a%2Fb"),
            ("/a%2fb", "/a%2Fb"),
            ("/%2Fp3", "/%2Fp3"),
            ("/a%3Fb", "/a%3Fb"),
            ("/a%252Fb", "/a%252Fb"),
            ("/a%2541", "/a%2541"),
            ("/100%", "/100%25"),
            ("/100%25", "/100%25"),
            ("/%zz%4", "/%25zz%254"),
            ("/%%41", "/%25A"),
            ("/a/%2E%2E/b", "/a/%2E%2E/b"),
            ("/a/%2e./b", "/a/%2E%2E/b"),
            ("/a/%2e/b", "/a/%2E/b"),
            ("/a%2Eb", "/a.b"),
            ("/a/../b", "/a/../b"),
            ("/a/./b", "/a/./b"),
            ("/a//b", "/a//b"),
            ("/a%00%0D%7f", "/a%00%0D%7F"),
            ("/caf%E9", "/caf%E9"),
            ("/caf%e9%C3%A9", "/caf%E9é"),
        ] {
            assert_eq!(canonical(written), form, "{written}");
            assert_eq!(canonical(form), form, "the form of a form is itself: {written}");
        }
        for (one, other) in [("/a%2Fb", "/a/b"), ("/a%252Fb", "/a%2Fb"), ("/a/%2E%2E/b", "/b"), ("/A", "/a")]
        {
            assert!(!same(one, other), "{one} {other}");
        }
        assert!(same("/a%2Fb", "/a%2fb") && same("//caf%c3%a9", "/café"));
    }
}
