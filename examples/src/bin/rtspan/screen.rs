//! The terminal: its size, and text that fits into it.

use std::io::{self, IsTerminal};

use terminal_size::{Height, Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The size of a terminal that does not tell it.
const USUAL: Size = Size { columns: 80, rows: 24 };
/// How far a line that goes on is moved to the right.
const INDENT: usize = 2;

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// The size of the terminal that standard error is, if it is one whose cursor can be moved.
pub(crate) fn drawable() -> Option<Size> {
    let stderr = io::stderr();
    let obeys =
        cfg!(windows) || std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
    (obeys && stderr.is_terminal()).then(|| size(terminal_size_of(stderr)))
}

/// The columns of the terminal that standard output is.
pub(crate) fn columns() -> Option<usize> {
    let stdout = io::stdout();
    stdout.is_terminal().then(|| size(terminal_size_of(stdout)).columns)
}

fn size(told: Option<(Width, Height)>) -> Size {
    match told {
        Some((Width(columns), Height(rows))) if columns > 0 && rows > 0 => {
            Size { columns: columns.into(), rows: rows.into() }
        }
        _ => USUAL,
    }
}

/// The columns that a printable text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// As much of a text as fits; the last column says that something is left out.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A line in as many as it takes. It is broken where columns of a table meet, and between words where that is not enough; a word
/// that is too long stays whole, so that it can be copied.
pub(crate) fn wrapped(line: &str, columns: usize) -> Vec<String> {
    // A line that belongs to the one above stays to the right of it.
    let indent = (line.len() - line.trim_start_matches(' ').len()).clamp(INDENT, INDENT.max(columns / 3));
    let mut lines = Vec::new();
    let mut last = String::new();
    for (gap, column) in pieces(line, 2) {
        let fits_alone = indent + width(column) <= columns;
        if width(&last) + width(gap) + width(column) <= columns {
            last = last + gap + column;
        } else if fits_alone && !last.is_empty() {
            lines.push(std::mem::replace(&mut last, " ".repeat(indent) + column));
        } else {
            for (number, (between, word)) in pieces(column, 1).enumerate() {
                let gap = if number == 0 { gap } else { between };
                if !last.is_empty() && width(&last) + width(gap) + width(word) > columns {
                    lines.push(std::mem::replace(&mut last, " ".repeat(indent) + word));
                } else {
                    last = last + gap + word;
                }
            }
        }
    }
    lines.push(last);
    lines
}

/// The parts of a line that stand at least `gap` spaces apart, each with the spaces in front of it.
fn pieces(line: &str, gap: usize) -> impl Iterator<Item = (&str, &str)> {
    let between = " ".repeat(gap);
    let mut rest = line;
    std::iter::from_fn(move || {
        let piece = rest.trim_start_matches(' ');
        let spaces = &rest[..rest.len() - piece.len()];
        let end = piece.find(&between).unwrap_or(piece.len());
        rest = &piece[end..];
        (!piece.is_empty()).then(|| (spaces, &piece[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_by_the_columns_that_it_takes() {
        for (text, columns, shown) in [
            ("video", 5, "video"),
            ("video", 4, "vid…"),
            ("入口入口", 8, "入口入口"),
            ("入口入口", 7, "入口入…"),
            ("入口入口", 6, "入口…"),
            ("video", 1, "…"),
            ("video", 0, ""),
        ] {
            assert_eq!(cut(text, columns), shown, "{text} in {columns}");
        }
    }

    #[test]
    fn long_lines_are_broken_between_columns_and_then_between_words() {
        for (line, columns, lines) in [
            ("a  b", 10, &["a  b"][..]),
            ("tcp  video  20 packets   0 lost", 22, &["tcp  video  20 packets", "  0 lost"]),
            ("note     one two three", 12, &["note     one", "  two three"]),
            ("     one two", 11, &["     one", "   two"]),
            ("入口 入口", 6, &["入口", "  入口"]),
            ("see rtsp://camera/main now", 10, &["see", "  rtsp://camera/main", "  now"]),
        ] {
            assert_eq!(wrapped(line, columns), lines, "{line} in {columns}");
        }
    }
}
