/// Whether a reader is known to be where its packets go.
///
/// Its connection proves who it is, but not that it, and not a neighbour behind the same NAT, wants them at these
/// ports. Until that is known it is sent so much that every player has the time to show it.
#[derive(Debug)]
pub(crate) enum Trust {
    Proven,
    Unproven {
        bytes_left: usize,
    },
    /// Something was not sent; nothing is any more.
    Exhausted,
}

impl Trust {
    /// Nothing is known yet, and so many bytes may be sent.
    pub(crate) fn unproven(bytes: usize) -> Self {
        Self::Unproven { bytes_left: bytes }
    }

    /// Whether a datagram of so many bytes may be sent; if not, no other may.
    pub(super) fn allows(&mut self, bytes: usize) -> bool {
        match self {
            Self::Proven => true,
            Self::Unproven { bytes_left } if *bytes_left >= bytes => true,
            Self::Unproven { .. } | Self::Exhausted => {
                *self = Self::Exhausted;
                false
            }
        }
    }

    /// Takes note of a datagram that is sent.
    pub(super) fn spend(&mut self, bytes: usize) {
        if let Self::Unproven { bytes_left } = self {
            *bytes_left = bytes_left.saturating_sub(bytes);
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted)
    }
}
