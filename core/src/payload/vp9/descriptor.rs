use crate::payload::PayloadError;
use crate::payload::vp8::{take_byte, take_picture_id};

/// The descriptor in front of the bytes of a frame in each packet (RFC 9628, section 4.2).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// A number of the picture, in 7 or 15 bits.
    pub picture_id: Option<u16>,
    /// The frame refers to pictures before it (P).
    pub is_inter_picture: bool,
    /// Each packet tells the pictures that its frame refers to (F).
    pub is_flexible: bool,
    /// The packet begins a frame of a layer (B).
    pub begins_frame: bool,
    /// The packet ends a frame of a layer (E).
    pub ends_frame: bool,
    /// No frame of a higher layer of the same picture refers to this frame (Z).
    pub is_not_for_upper_layers: bool,
    /// The layer of the frame, where there are several.
    pub layer: Option<Layer>,
    /// How many pictures before it those are that the frame refers to, at most three; flexible mode only.
    pub differences: [Option<u8>; 3],
    /// The layers of the stream, told with keyframes (V).
    pub structure: Option<ScalabilityStructure>,
}

/// The layer of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Layer {
    /// The temporal layer (TID).
    pub temporal: u8,
    /// From here on, pictures of higher temporal layers can be decoded too (U).
    pub is_switching_point: bool,
    /// The spatial layer (SID).
    pub spatial: u8,
    /// The frame refers to the next lower spatial layer of its picture (D).
    pub is_inter_layer: bool,
    /// A number of the picture of the lowest temporal layer that this one belongs to (TL0PICIDX); not in flexible mode.
    pub base_index: Option<u8>,
}

/// The layers of a stream (RFC 9628, section 4.2.1).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ScalabilityStructure {
    /// Spatial layers, at least one.
    pub spatial_layers: u8,
    /// Width and height of each spatial layer, if they are told.
    pub sizes: Vec<(u16, u16)>,
    /// The pictures of a group, which repeats, if they are told.
    pub group: Vec<PictureGroupFrame>,
}

/// A picture of a group.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PictureGroupFrame {
    /// The temporal layer.
    pub temporal: u8,
    /// From here on, pictures of higher temporal layers can be decoded too.
    pub is_switching_point: bool,
    /// How many pictures before it those are that it refers to.
    pub differences: [Option<u8>; 3],
}

impl Descriptor {
    /// The frame is of the lowest spatial layer.
    pub fn is_lowest_layer(&self) -> bool {
        self.layer.is_none_or(|layer| layer.spatial == 0)
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
        let has = |bit: u8| first & bit != 0;
        let mut descriptor = Self {
            is_inter_picture: has(0x40),
            is_flexible: has(0x10),
            begins_frame: has(0x08),
            ends_frame: has(0x04),
            is_not_for_upper_layers: has(0x01),
            ..Self::default()
        };
        if has(0x80) {
            descriptor.picture_id = Some(take_picture_id(rest)?);
        }
        if has(0x20) {
            descriptor.layer = Some(Layer::take(rest, descriptor.is_flexible)?);
        }
        if descriptor.is_flexible && descriptor.is_inter_picture {
            for difference in &mut descriptor.differences {
                let byte = take_byte(rest)?;
                *difference = Some(byte >> 1);
                if byte & 1 == 0 {
                    break;
                }
            }
        }
        if has(0x02) {
            descriptor.structure = Some(ScalabilityStructure::take(rest)?);
        }
        Some(descriptor)
    }
}

impl Layer {
    fn take(rest: &mut &[u8], is_flexible: bool) -> Option<Self> {
        let byte = take_byte(rest)?;
        Some(Self {
            temporal: byte >> 5,
            is_switching_point: byte & 0x10 != 0,
            spatial: byte >> 1 & 7,
            is_inter_layer: byte & 1 != 0,
            base_index: if is_flexible { None } else { Some(take_byte(rest)?) },
        })
    }
}

impl ScalabilityStructure {
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let byte = take_byte(rest)?;
        let mut structure = Self { spatial_layers: (byte >> 5).saturating_add(1), ..Self::default() };
        if byte & 0x10 != 0 {
            for _ in 0..structure.spatial_layers {
                let (size, behind) = rest.split_first_chunk::<4>()?;
                let [w0, w1, h0, h1] = *size;
                structure.sizes.push((u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1])));
                *rest = behind;
            }
        }
        if byte & 0x08 != 0 {
            for _ in 0..take_byte(rest)? {
                structure.group.push(PictureGroupFrame::take(rest)?);
            }
        }
        Some(structure)
    }
}

impl PictureGroupFrame {
    fn take(rest: &mut &[u8]) -> Option<Self> {
        let byte = take_byte(rest)?;
        let mut frame = Self { temporal: byte >> 5, is_switching_point: byte & 0x10 != 0, ..Self::default() };
        for difference in frame.differences.iter_mut().take(usize::from(byte >> 2 & 3)) {
            *difference = Some(take_byte(rest)?);
        }
        Some(frame)
    }
}
