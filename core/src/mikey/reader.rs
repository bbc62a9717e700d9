use super::MikeyError;

/// The rest of a message, and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, offset: 0 }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], MikeyError> {
        let truncated = MikeyError::Truncated { field, offset: self.offset };
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(truncated)?;
        (self.rest, self.offset) = (rest, self.offset.saturating_add(count));
        Ok(bytes)
    }

    /// A number of bytes as a part that is read by itself.
    pub(super) fn part(&mut self, field: &'static str, count: usize) -> Result<Self, MikeyError> {
        let offset = self.offset;
        Ok(Self { rest: self.bytes(field, count)?, offset })
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], MikeyError> {
        let truncated = MikeyError::Truncated { field, offset: self.offset };
        self.bytes(field, N)?.first_chunk().copied().ok_or(truncated)
    }

    pub(super) fn u8(&mut self, field: &'static str) -> Result<u8, MikeyError> {
        self.array(field).map(u8::from_be_bytes)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, MikeyError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self, field: &'static str) -> Result<u32, MikeyError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, MikeyError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// A byte that has to be one of those known.
    pub(super) fn known(&mut self, field: &'static str, known: &[u8]) -> Result<u8, MikeyError> {
        let offset = self.offset;
        let value = self.u8(field)?;
        if known.contains(&value) { Ok(value) } else { Err(MikeyError::Unsupported { field, offset, value }) }
    }
}
