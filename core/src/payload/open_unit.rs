use bytes::Bytes;

use super::{AccessUnit, Parts, PayloadError};
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNIT_PARTS_MAX};

/// An access unit that is being put together, or by default none.
#[derive(Debug, Default)]
pub(super) struct OpenUnit {
    pub(super) is_open: bool,
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    parts: Vec<Bytes>,
    bytes: usize,
    /// Decoding can begin with one of the parts.
    pub(super) is_keyframe: bool,
    /// A part of a picture is there, so that the unit can end.
    pub(super) has_picture: bool,
    pub(super) is_damaged: bool,
    /// A marker came that was not trusted to be the end.
    pub(super) marked: bool,
    /// A bound was hit: everything further is left out.
    overflowed: bool,
}

impl OpenUnit {
    pub(super) fn new(ssrc: u32, timestamp: u32, is_damaged: bool) -> Self {
        Self { is_open: true, ssrc, timestamp, is_damaged, ..Self::default() }
    }

    /// Adds a part.
    pub(super) fn push(&mut self, part: Bytes) -> Result<(), PayloadError> {
        self.reserve(part.len())?;
        if self.parts.len() >= ACCESS_UNIT_PARTS_MAX {
            return Err(self.overflow(PayloadError::TooManyParts));
        }
        self.bytes = self.bytes.saturating_add(part.len());
        self.parts.push(part);
        Ok(())
    }

    /// The parts so far.
    pub(super) fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// Fails when `more` bytes, which have yet to be added, exceed the bound.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) -> Result<(), PayloadError> {
        if self.bytes.saturating_add(more) > ACCESS_UNIT_BYTES_MAX {
            return Err(self.overflow(PayloadError::TooLong));
        }
        Ok(())
    }

    pub(super) fn has_overflowed(&self) -> bool {
        self.overflowed
    }

    /// The access unit; `None` if nothing is left of it.
    pub(super) fn finish(self) -> Option<AccessUnit> {
        let Self { timestamp, parts, is_keyframe, is_damaged, .. } = self;
        let parts = Parts::from(parts);
        (!parts.is_empty()).then_some(AccessUnit {
            timestamp,
            parts,
            is_keyframe,
            is_damaged,
            configuration: None,
        })
    }

    fn overflow(&mut self, error: PayloadError) -> PayloadError {
        self.parts = Vec::new();
        self.overflowed = true;
        self.is_damaged = true;
        error
    }
}
