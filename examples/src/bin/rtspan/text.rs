//! JSON that may hold what a peer has said.

use rtspan_std::is_printable;
use serde_json::Value;

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
