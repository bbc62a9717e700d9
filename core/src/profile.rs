use std::fmt;

/// An RTP profile, as the `m=` line and the Transport header name it.
///
/// ```
/// use rtspan_core::Profile;
///
/// assert_eq!(Profile::Savp.as_str(), "RTP/SAVP");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Profile {
    /// `RTP/AVP`: audio and video with minimal control (RFC 3551).
    #[default]
    Avp,
    /// `RTP/AVPF`: with early feedback (RFC 4585).
    Avpf,
    /// `RTP/SAVP`: secure (RFC 3711).
    Savp,
    /// `RTP/SAVPF`: secure, with early feedback (RFC 5124).
    Savpf,
}

impl Profile {
    /// The profile as it is written, without a lower transport.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savp => "RTP/SAVP",
            Self::Savpf => "RTP/SAVPF",
        }
    }

    /// The profile with the same feedback that is encrypted.
    pub const fn secured(self) -> Self {
        match self {
            Self::Avp | Self::Savp => Self::Savp,
            Self::Avpf | Self::Savpf => Self::Savpf,
        }
    }

    /// Returns `true` if media is encrypted (SRTP).
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Savp | Self::Savpf)
    }

    /// The profile with the same feedback that is not encrypted.
    pub(crate) const fn cleared(self) -> Self {
        match self {
            Self::Avp | Self::Savp => Self::Avp,
            Self::Avpf | Self::Savpf => Self::Avpf,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
