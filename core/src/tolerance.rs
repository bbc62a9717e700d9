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
    // headers
    // description
    // rtp
    /// A padding bit over a padding count of zero, which other receivers read as no padding (pion).
    PaddingWithoutCount = "an RTP packet announces padding and has none",
    /// Bytes after the last RTCP packet, or one that is cut off (several cameras over TCP).
    RtcpTrailingBytes = "bytes follow the last RTCP packet",
    /// An RTCP packet that cannot be read, between others that can (several cameras over TCP).
    RtcpMalformed = "an RTCP packet could not be read",
    /// A source description without the zero that ends it (Hanwha QNV-8080R).
    SdesUnterminated = "an RTCP source description ends without a zero",
    // payload
    /// Start codes inside RTP payloads (V380, Amatek AR-N3222F, Revotech).
    AnnexBInPayload = "an RTP payload holds several NAL units separated by start codes",
    /// A NAL unit in a single fragment, which starts and ends it (CostarHD).
    FragmentStartsAndEnds = "a fragment both starts and ends its NAL unit",
    /// A fragment of another type than the one that started the NAL unit (Tiandy).
    FragmentTypeChanged = "the type of a NAL unit changes between its fragments",
    /// Fragments without content (Tiandy).
    FragmentEmpty = "a fragment of a NAL unit is empty",
    /// Zeros after the last unit of an aggregation packet (seen by gortsplib).
    AggregatePadded = "an aggregation packet ends in zeros",
    /// The marker on parameter sets, which no access unit ends with (Ivel LV-IP22IR40DVBL).
    MarkerOnParameterSets = "the marker is set on parameter sets",
    /// The marker inside an access unit that goes on after it (VStarcam).
    MarkerInsideAccessUnit = "an access unit goes on after its marker",
    /// An access unit without a marker at its end (FLIR M400).
    MarkerMissing = "an access unit ends without a marker",
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
