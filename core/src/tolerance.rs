use std::fmt;

/// Declares the tolerances with the sentence that a person reads when one has fired.
macro_rules! tolerances {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A deviation from the standard that was read all the same.
        ///
        /// Each names a device that needs it; a test beside the code that records it carries the bytes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Tolerance {
            $($(#[$doc])* $name,)*
        }

        impl Tolerance {
            /// Every tolerance, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }

        impl fmt::Display for Tolerance {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => $text,)* })
            }
        }
    };
}

tolerances! {
    // wire
    /// Lines that end in LF alone (FritzBox 6660 Cable, Rockchip RbsLive).
    BareLineFeed = "a line ends in LF without CR",
    /// Bytes between two items that belong to neither (Canon VB-H47 after an interleaved frame).
    Garbage = "bytes that belong to no message and no frame were skipped",
    /// Line ends or NUL between two items (servers known to retina, in front of a frame).
    StrayLineEnd = "an empty line stands between two items",
    /// Header lines with a blank in or behind the name, without name or colon, or with control
    /// characters (gortsplib reads them, so devices tested with it need not notice).
    MalformedHeader = "a header line is malformed",
    /// Heads that are not UTF-8, read as Latin-1 (the headers of HTTP, which devices share code with).
    HeadNotUtf8 = "a message head is not UTF-8",
    /// Status lines without a reason phrase (devices known to gortsplib send `RTSP/1.0 200`).
    MissingReason = "a status line has no reason phrase",
    /// More than one blank between the parts of a start line (a camera known to IPCamKit).
    ExtraBlank = "a start line has more blanks than it needs",
    /// Blanks in the request URI (no device is known; players pass on what was typed into them).
    BlankInUri = "a request URI has blanks in it",
    /// The same `Content-Length` more than once (gortsplib has to ignore such bodies).
    RepeatedContentLength = "the content length is given more than once",
    // headers
    // description
    // rtp
    // payload
    // client
    // server
}

/// The set of tolerances that have fired.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Tolerances(u128);

impl Tolerances {
    /// No tolerance at all.
    pub const NONE: Self = Self(0);

    /// Records that `tolerance` has fired.
    pub fn record(&mut self, tolerance: Tolerance) {
        self.0 |= 1 << (tolerance as u8);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `tolerance` has fired.
    pub fn contains(self, tolerance: Tolerance) -> bool {
        self.0 & (1 << (tolerance as u8)) != 0
    }

    /// Whether nothing has fired.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What has fired, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Tolerance> {
        Tolerance::ALL.iter().copied().filter(move |tolerance| self.contains(*tolerance))
    }
}

impl fmt::Debug for Tolerances {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_every_tolerance() {
        assert!(Tolerance::ALL.len() <= 128);
        let mut all = Tolerances::NONE;
        Tolerance::ALL.iter().for_each(|tolerance| all.record(*tolerance));
        assert_eq!(all.iter().collect::<Vec<_>>(), Tolerance::ALL);
    }
}
