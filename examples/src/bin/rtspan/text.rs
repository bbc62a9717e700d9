//! Pieces of text: counts, and JSON that may hold what a peer has said.

use std::fmt::Display;

use rtspan_std::is_printable;
use serde_json::Value;

/// A count and its noun: `1 path`, `2 paths`.
pub(crate) fn counted<T: Display + PartialEq + From<u8>>(count: T, noun: &str) -> String {
    let end = if count == T::from(1) { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// A value in one line of JSON, in which all is escaped that is not printable.
pub(crate) fn json_line(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if is_printable(c) {
            line.push(c);
        } else {
            let mut units = [0; 2];
            line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_of_a_kind_is_told_in_the_singular() {
        let told = [counted(0_usize, "path"), counted(1_u64, "path"), counted(2_u8, "path")];
        assert_eq!(told, ["0 paths", "1 path", "2 paths"]);
        assert_eq!([counted(1.0, "picture"), counted(1.5, "picture")], ["1 picture", "1.5 pictures"]);
    }

    #[test]
    fn json_says_the_same_without_a_character_that_a_terminal_obeys() {
        for c in ('\0'..=char::MAX).filter(|c| !is_printable(*c)) {
            let value = json!({ "text": format!("a{c}b") });
            let line = json_line(&value);
            assert!(line.chars().all(is_printable), "{line:?}");
            assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        }
        assert_eq!(json_line(&json!("Übersicht 入口 ✓")), "\"Übersicht 入口 ✓\"");
    }
}
