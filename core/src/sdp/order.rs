//! The order of the lines (RFC 8866, section 9), and those that have to be there.

/// The lines that have come so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The place of the last line, in the session or in its media.
    place: u8,
    in_media: bool,
    /// A bit for each letter that there was in front of the medias.
    seen: u32,
}

impl Order {
    /// Takes the next line, of a letter that SDP knows; false if it comes too late or once too often.
    pub(super) fn takes(&mut self, key: u8, raw: &str) -> bool {
        if key == b'm' {
            (self.in_media, self.place) = (true, 0);
            return true;
        }
        if !(self.in_media || key == b's' && raw.len() <= EMPTY) {
            self.seen |= bit(key);
        }
        let (place, may_repeat) = place(key, self.in_media);
        let is_due = place > self.place || place == self.place && may_repeat;
        self.place = self.place.max(place);
        is_due
    }

    pub(super) fn has_version(&self) -> bool {
        self.seen & bit(b'v') != 0
    }

    /// Returns `true` if there was an `o=` line, an `s=` line that is not empty, and a `t=` line.
    pub(super) fn has_origin_name_and_time(&self) -> bool {
        const NEEDED: u32 = bit(b'o') | bit(b's') | bit(b't');
        self.seen & NEEDED == NEEDED
    }
}

/// Returns `true` if SDP has lines of this letter.
pub(super) fn is_known(key: u8) -> bool {
    matches!(
        key,
        b'v' | b'o'
            | b's'
            | b'i'
            | b'u'
            | b'e'
            | b'p'
            | b'c'
            | b'b'
            | b't'
            | b'r'
            | b'z'
            | b'k'
            | b'a'
            | b'm'
    )
}

/// Bytes of a line that says nothing; a name is a blank at least.
const EMPTY: usize = "s=".len();

const fn bit(key: u8) -> u32 {
    1 << (key & 31)
}

/// The place of lines of a letter, from 1 on, and `true` if there may be several; lines that belong nowhere come first.
fn place(key: u8, in_media: bool) -> (u8, bool) {
    if in_media {
        return match key {
            b'i' => (1, false),
            b'c' => (2, true),
            b'b' => (3, true),
            b'k' => (4, false),
            b'a' => (5, true),
            _ => (0, false),
        };
    }
    match key {
        b'v' => (1, false),
        b'o' => (2, false),
        b's' => (3, false),
        b'i' => (4, false),
        b'u' => (5, false),
        b'e' => (6, true),
        b'p' => (7, true),
        b'c' => (8, false),
        b'b' => (9, true),
        b't' | b'r' => (10, true),
        b'z' => (11, false),
        b'k' => (12, false),
        b'a' => (13, true),
        _ => (0, false),
    }
}
