use crate::limits;

/// The limits of a [`Decoder`](super::Decoder).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecoderLimits {
    pub(super) head_bytes: usize,
    pub(super) headers: usize,
    pub(super) body_bytes: usize,
    pub(super) garbage_bytes: usize,
}

impl Default for DecoderLimits {
    fn default() -> Self {
        Self {
            head_bytes: limits::HEAD_BYTES_MAX,
            headers: limits::HEADERS_MAX,
            body_bytes: limits::BODY_BYTES_MAX,
            garbage_bytes: limits::GARBAGE_BYTES_MAX,
        }
    }
}

impl DecoderLimits {
    /// Sets the bytes of a head up to and including its empty line ([`limits::HEAD_BYTES_MAX`]).
    #[must_use]
    pub fn head_bytes(mut self, max: usize) -> Self {
        self.head_bytes = max;
        self
    }

    /// Sets the headers of one message ([`limits::HEADERS_MAX`]).
    #[must_use]
    pub fn headers(mut self, max: usize) -> Self {
        self.headers = max;
        self
    }

    /// Sets the bytes of a body ([`limits::BODY_BYTES_MAX`]).
    #[must_use]
    pub fn body_bytes(mut self, max: usize) -> Self {
        self.body_bytes = max;
        self
    }

    /// Sets the bytes of garbage between two items ([`limits::GARBAGE_BYTES_MAX`]).
    #[must_use]
    pub fn garbage_bytes(mut self, max: usize) -> Self {
        self.garbage_bytes = max;
        self
    }
}
