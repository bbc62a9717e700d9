use bytes::Bytes;

use super::nal;
use crate::limits::{ACCESS_UNIT_BYTES_MAX, ACCESS_UNIT_PARTS_MAX};
use crate::payload::{AccessUnit, PayloadError};

/// An access unit that is being put together, or by default none.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) is_open: bool,
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    nals: Vec<Bytes>,
    bytes: usize,
    is_keyframe: bool,
    /// A part of a picture is there, so that the unit can end.
    pub(super) has_picture: bool,
    pub(super) damaged: bool,
    /// A marker came that was not trusted to be the end.
    pub(super) marked: bool,
    /// A bound was hit: everything further is left out.
    overflowed: bool,
}

impl Unit {
    pub(super) fn new(ssrc: u32, timestamp: u32, damaged: bool) -> Self {
        Self { is_open: true, ssrc, timestamp, damaged, ..Self::default() }
    }

    /// Adds a NAL unit; an empty one is left out.
    pub(super) fn push(&mut self, nal: Bytes) -> Result<(), PayloadError> {
        let Some(header) = nal.first() else { return Ok(()) };
        let nal_type = nal::type_of(*header);
        if matches!(nal_type, 0 | 24..) {
            return Err(PayloadError::Unsupported(nal_type));
        }
        self.reserve(nal.len())?;
        if self.nals.len() >= ACCESS_UNIT_PARTS_MAX {
            return Err(self.overflow(PayloadError::TooManyParts));
        }
        self.is_keyframe |= nal_type == nal::IDR;
        self.has_picture |= nal::is_picture(nal_type);
        self.bytes = self.bytes.saturating_add(nal.len());
        self.nals.push(nal);
        Ok(())
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
        let Self { timestamp, nals, is_keyframe, damaged, .. } = self;
        (!nals.is_empty()).then_some(AccessUnit { timestamp, parts: nals.into(), is_keyframe, damaged })
    }

    fn overflow(&mut self, error: PayloadError) -> PayloadError {
        self.nals = Vec::new();
        self.overflowed = true;
        self.damaged = true;
        error
    }
}
