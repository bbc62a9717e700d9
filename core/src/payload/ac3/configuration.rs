//! The configuration that MP4 keeps of AC-3 and Enhanced AC-3 (ETSI TS 102 366, annex F).

use bytes::Bytes;

use super::FrameHeader;
use super::header::CHANNELS;
use crate::payload::bits::BitWriter;

/// Samples of a frame of six blocks, which is what a sample of MP4 is.
const SAMPLES: u16 = 1536;

/// The content of the box `dac3` or `dec3`, told by a frame.
///
/// `None` if it is no frame, has fewer than six blocks, or has further substreams in it.
pub(super) fn configuration(unit: &[u8]) -> Option<Bytes> {
    let header = FrameHeader::read(unit)?;
    let &[_, _, _, _, fourth, fifth, sixth, ..] = unit else { return None };
    let mut bits = BitWriter::default();
    let mut put = |number: u8, count| bits.put(number.into(), count);
    if header.is_enhanced {
        if header.samples != SAMPLES || header.bytes != unit.len() {
            return None;
        }
        let bits_of_frame = u64::try_from(header.bytes).ok()?.checked_mul(8)?;
        let per_second = bits_of_frame.checked_mul(header.sample_rate.into())?;
        let kilobits = u16::try_from(per_second.checked_div(u64::from(SAMPLES).checked_mul(1000)?)?).ok()?;
        let [high, low] = kilobits.to_be_bytes();
        put(high, 5);
        put(low, 8);
        // One independent substream.
        put(0, 3);
        put(fourth >> 6, 2);
        put(fifth >> 3, 5);
        // A main service that is complete.
        put(0, 5);
        put(fourth & 0xf, 4);
        put(0, 8);
    } else {
        let mode = sixth >> 5;
        let has_low = header.channels > *CHANNELS.get(usize::from(mode))?;
        put(fourth >> 6, 2);
        put(fifth, 8);
        put(mode, 3);
        put(has_low.into(), 1);
        put(fourth >> 1, 5);
        put(0, 5);
    }
    Some(Bytes::copy_from_slice(bits.bytes()))
}
