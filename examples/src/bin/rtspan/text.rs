//! What a peer has said, made harmless before a person or a terminal sees it.

use serde_json::Value;

/// A text without what makes a terminal do things, or shows it in another order than it has: each such character is
/// escaped, `\u{1b}`.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmful(c) {
            printable.extend(c.escape_unicode());
        } else {
            printable.push(c);
        }
    }
    printable
}

/// A value in one line of JSON; the characters that [`printable`] escapes are escaped as JSON has it.
pub(crate) fn json_line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if is_harmful(c) {
            // All of them are of the basic plane, so that one code unit is enough.
            line += &format!("\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line
}

/// Control characters (C0, DEL, C1), line separators, and what changes the direction of writing.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_character_that_a_terminal_obeys_is_left() {
        let controls = (0..0x20).chain(0x7f..0xa0).chain(0x2028..=0x202e).chain(0x2066..=0x2069);
        for c in controls.filter_map(char::from_u32) {
            let text = format!("a{c}b");
            assert_eq!(printable(&text), format!("a\\u{{{:x}}}b", u32::from(c)));
            let line = json_line(&json!({ "text": text }));
            assert!(!line.contains(c), "{line:?}");
            let read: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read, json!({ "text": text }), "it says the same");
        }
    }

    #[test]
    fn what_is_written_in_any_language_stays() {
        assert_eq!(printable("Übersicht 入口 ✓"), "Übersicht 入口 ✓");
    }
}
