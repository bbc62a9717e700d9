use crate::payload::PayloadError;

/// The descriptor in front of the bytes of a frame in each packet (RFC 7741, section 4.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// No other frame refers to this one (N).
    pub is_non_reference: bool,
    /// The packet begins a partition (S).
    pub begins_partition: bool,
    /// The partition that the packet begins with (PID).
    pub partition: u8,
    /// A number of the frame, in 7 or 15 bits (PictureID).
    pub picture_id: Option<u16>,
    /// A number of the frame of the lowest temporal layer that this one belongs to (TL0PICIDX).
    pub base_index: Option<u8>,
    /// The temporal layer of the frame (TID).
    pub temporal_layer: Option<u8>,
    /// The frame refers to the lowest temporal layer only (Y); said along with the layer.
    pub is_layer_sync: bool,
    /// A number of the keyframe that the frame goes back to (KEYIDX).
    pub key_index: Option<u8>,
}

impl Descriptor {
    /// The first packet of a frame has this.
    pub fn begins_frame(&self) -> bool {
        self.begins_partition && self.partition == 0
    }

    /// Reads the descriptor, and gives what stands behind it.
    ///
    /// # Errors
    ///
    /// The payload ends before its descriptor does, or with it.
    pub fn read(payload: &[u8]) -> Result<(Self, &[u8]), PayloadError> {
        let mut rest = payload;
        let descriptor = Self::take(&mut rest).filter(|_| !rest.is_empty());
        let cut_off = match payload.len() {
            0 => PayloadError::Empty,
            length => PayloadError::Truncated { needed: length.saturating_add(1), length },
        };
        Ok((descriptor.ok_or(cut_off)?, rest))
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let first = take_byte(rest)?;
        let mut descriptor = Self {
            is_non_reference: first & 0x20 != 0,
            begins_partition: first & 0x10 != 0,
            partition: first & 7,
            ..Self::default()
        };
        let extension = if first & 0x80 != 0 { take_byte(rest)? } else { 0 };
        if extension & 0x80 != 0 {
            descriptor.picture_id = Some(take_picture_id(rest)?);
        }
        if extension & 0x40 != 0 {
            descriptor.base_index = Some(take_byte(rest)?);
        }
        if extension & 0x30 != 0 {
            let byte = take_byte(rest)?;
            descriptor.is_layer_sync = byte & 0x20 != 0;
            descriptor.temporal_layer = (extension & 0x20 != 0).then_some(byte >> 6);
            descriptor.key_index = (extension & 0x10 != 0).then_some(byte & 0x1f);
        }
        Some(descriptor)
    }
}

/// Takes the first byte.
pub(in crate::payload) fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, behind) = rest.split_first()?;
    *rest = behind;
    Some(*first)
}

/// Takes a number of 7 bits, or of 15 if the first bit is set.
pub(in crate::payload) fn take_picture_id(rest: &mut &[u8]) -> Option<u16> {
    let first = take_byte(rest)?;
    if first & 0x80 == 0 {
        return Some(first.into());
    }
    Some(u16::from_be_bytes([first & 0x7f, take_byte(rest)?]))
}
