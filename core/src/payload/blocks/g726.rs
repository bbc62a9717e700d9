use crate::description::G726Order;

/// Turns samples of G.726, of `bits` bits each, into another bit order in place: those of RFC 3551 into those of AAL2, or back.
///
/// Eight samples fill as many bytes as a sample has bits. Bytes left over at the end, which are no whole group of samples,
/// stay as they are.
///
/// # Examples
///
/// ```
/// use rtspan_core::description::G726Order;
/// use rtspan_core::payload::blocks::reorder_g726;
///
/// // Of two samples of 4 bits, the first is in the low half of the byte, or in the high one.
/// let mut samples = [0x21, 0x43];
/// reorder_g726(&mut samples, 4, G726Order::Aal2);
/// assert_eq!(samples, [0x12, 0x34]);
/// ```
pub fn reorder_g726(samples: &mut [u8], bits: u8, into: G726Order) {
    let bits = u32::from(bits.clamp(2, 5));
    let most_first = matches!(into, G726Order::Aal2);
    // Groups that fill bytes: eight samples of 3 or 5 bits, four of 2, two of 4.
    let (samples_of_group, bytes_of_group) = match bits {
        2 => (4, 1),
        4 => (2, 1),
        _ => (8_u32, bits as usize),
    };
    let mask = 1_u64.wrapping_shl(bits).wrapping_sub(1);
    for group in samples.chunks_exact_mut(bytes_of_group) {
        let join = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
        let word = if most_first { group.iter().rev().fold(0, join) } else { group.iter().fold(0, join) };
        let sample = |at: u32| word.wrapping_shr(at.wrapping_mul(bits)) & mask;
        let turned = (0..samples_of_group).fold(0_u64, |turned, at| turned << bits | sample(at));
        let bytes = turned.to_le_bytes();
        let bytes = bytes.iter().take(bytes_of_group);
        if most_first {
            group.iter_mut().rev().zip(bytes).for_each(|(place, byte)| *place = *byte);
        } else {
            group.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        }
    }
}
