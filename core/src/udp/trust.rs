/// The trust in a reader to be where its packets go.
///
/// Its connection proves who it is, but not that it wants them at these ports: they may be those of a neighbour behind
/// the same NAT. Only a datagram from the ports proves that. Until one comes, the reader is sent as many bytes as the
/// control plane has granted.
#[derive(Debug)]
pub(crate) enum Trust {
    Proven,
    Unproven {
        bytes_left: usize,
        /// The most bytes that may be left, however much is granted.
        most: usize,
    },
    /// Something was not sent; nothing is until more is granted.
    Exhausted {
        most: usize,
    },
}

impl Trust {
    /// Nothing is known yet, and so many bytes may be sent.
    pub(crate) fn unproven(bytes: usize, most: usize) -> Self {
        Self::Unproven { bytes_left: bytes.min(most), most }
    }

    /// Grants so many bytes more.
    pub(super) fn grant(&mut self, bytes: usize) {
        *self = match *self {
            Self::Proven => Self::Proven,
            Self::Unproven { bytes_left, most } => Self::unproven(bytes_left.saturating_add(bytes), most),
            Self::Exhausted { most } => Self::unproven(bytes, most),
        };
    }

    /// Bytes that were granted and not sent.
    pub(super) fn bytes_left(&self) -> usize {
        match self {
            Self::Unproven { bytes_left, .. } => *bytes_left,
            Self::Proven | Self::Exhausted { .. } => 0,
        }
    }

    /// Returns `true` if a datagram of so many bytes may be sent; if not, no other may.
    pub(super) fn allows(&mut self, bytes: usize) -> bool {
        match *self {
            Self::Proven => true,
            Self::Unproven { bytes_left, .. } if bytes_left >= bytes => true,
            Self::Unproven { most, .. } | Self::Exhausted { most } => {
                *self = Self::Exhausted { most };
                false
            }
        }
    }

    /// Takes note of a datagram that is sent.
    pub(super) fn spend(&mut self, bytes: usize) {
        if let Self::Unproven { bytes_left, .. } = self {
            *bytes_left = bytes_left.saturating_sub(bytes);
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        matches!(self, Self::Exhausted { .. })
    }
}
