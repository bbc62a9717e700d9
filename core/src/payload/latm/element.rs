use super::UNIT_BYTES_MAX;
use crate::description::StreamMuxConfig;
use crate::limits::ACCESS_UNIT_PARTS_MAX;
use crate::payload::PayloadError;

/// Why bytes are not whole elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// They end inside an element.
    Incomplete,
    /// They are none.
    Malformed(PayloadError),
}

/// Goes over the elements (AudioMuxElement; ISO/IEC 14496-3, section 1.7.3) that bytes consist of.
///
/// Calls `each` with the configuration, the first bit and the bytes of each unit.
pub(super) fn walk(
    bytes: &[u8],
    is_in_band: bool,
    config: Option<&StreamMuxConfig>,
    mut each: impl FnMut(&StreamMuxConfig, usize, usize),
) -> Result<(), Stop> {
    let malformed = |text| Stop::Malformed(PayloadError::Malformed(text));
    let end = bytes.len().saturating_mul(8);
    let (mut at, mut count) = (0_usize, 0_usize);
    let mut own: Option<StreamMuxConfig> = None;
    while at < end {
        if is_in_band {
            let is_same = octet(bytes, at).ok_or(Stop::Incomplete)? & 0x80 != 0;
            at = at.saturating_add(1);
            if !is_same {
                let read = StreamMuxConfig::read_at(bytes, at);
                let read = read.ok_or_else(|| malformed("a StreamMuxConfig that is not read"))?;
                at = at.saturating_add(read.bits());
                own = Some(read);
            }
        }
        let config =
            own.as_ref().or(config).ok_or_else(|| malformed("the configuration has not come yet"))?;
        for _ in 0..config.units {
            let length = read_length(bytes, &mut at)?;
            let behind = at.saturating_add(length.saturating_mul(8));
            count = count.saturating_add(1);
            if behind > end {
                return Err(Stop::Incomplete);
            }
            if count > ACCESS_UNIT_PARTS_MAX {
                return Err(Stop::Malformed(PayloadError::TooManyParts));
            }
            each(config, at, length);
            at = behind;
        }
        at = at.saturating_add(config.other_bits as usize).next_multiple_of(8);
        if at > end {
            return Err(Stop::Incomplete);
        }
    }
    Ok(())
}

/// PayloadLengthInfo: bytes that are added up, of which the last one is not 255.
fn read_length(bytes: &[u8], at: &mut usize) -> Result<usize, Stop> {
    let mut length = 0_usize;
    loop {
        let octet = octet(bytes, *at).ok_or(Stop::Incomplete)?;
        *at = at.saturating_add(8);
        length = length.saturating_add(octet.into());
        if length > UNIT_BYTES_MAX {
            return Err(Stop::Malformed(PayloadError::TooLong));
        }
        if octet < 255 {
            return Ok(length);
        }
    }
}

/// The eight bits from a bit on; behind the end, zeros make up for those that are missing.
pub(super) fn octet(bytes: &[u8], bit: usize) -> Option<u8> {
    let high = bytes.get(bit / 8)?;
    let low = bytes.get((bit / 8).saturating_add(1)).unwrap_or(&0);
    let shift = (bit % 8) as u32;
    Some((u16::from_be_bytes([*high, *low]) << shift).to_be_bytes()[0])
}
