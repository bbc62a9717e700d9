//! How targets make more of their bytes than one value.

use std::borrow::Cow;

/// Takes values from the front of the bytes; when they are used up there are zeros.
#[derive(Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of `data`.
    pub fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// Returns `true` if nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two bytes, the higher first.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// As many bytes as the next one says.
    pub fn chunk(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(len);
        self.0 = rest;
        chunk
    }
}

/// The steps of a dialogue, with an empty line (two bare line feeds) between: they can be read, and one that is taken
/// out or put in leaves the others as they are.
///
/// Each is a letter that says what is done, and what it is done with.
pub fn steps(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = Some(data);
    std::iter::from_fn(move || {
        let bytes = rest?;
        // The last two of several: a step that ends in a line feed keeps it.
        let ends = |at: &usize| bytes[*at..].starts_with(b"\n\n") && bytes.get(*at + 2) != Some(&b'\n');
        let end = (0..bytes.len()).find(ends);
        rest = end.and_then(|end| bytes.get(end + 2..));
        Some(bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default())
    })
    .filter_map(|step| step.split_first().map(|(letter, rest)| (*letter, rest)))
}

/// The decimal number that bytes begin with, 0 if none, and what follows it.
pub fn number(bytes: &[u8]) -> (u32, &[u8]) {
    let end = bytes.iter().take(9).position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len().min(9));
    let (digits, rest) = bytes.split_at(end);
    (digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')), rest)
}

/// UTF-8, and what is not as if it were Latin-1.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}
