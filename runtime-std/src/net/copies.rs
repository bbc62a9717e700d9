use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use rtspan_core::limits::DATAGRAM_BLOCK_BYTES;

/// Copies of received datagrams, many in one block, since the allocator is asked for a block sooner than for each.
///
/// They are cut out of it together: to count one more owner of a block, the processor first has to finish every write that
/// is under way, and behind each copy that would take as long as the copy.
#[derive(Debug, Default)]
pub(super) struct Copies {
    block: BytesMut,
    /// The datagrams in the block, in this order.
    copied: Vec<(SocketAddr, usize)>,
}

impl Copies {
    /// Copies a datagram; when there is no room for it, those before it are handed out first.
    pub(super) fn push(
        &mut self,
        from: SocketAddr,
        datagram: &[u8],
        each: &mut dyn FnMut(SocketAddr, Bytes),
    ) {
        if self.block.capacity() - self.block.len() < datagram.len() {
            self.hand_out(each);
            self.block = BytesMut::with_capacity(DATAGRAM_BLOCK_BYTES.max(datagram.len()));
        }
        self.block.extend_from_slice(datagram);
        self.copied.push((from, datagram.len()));
    }

    /// Hands out all that was copied.
    pub(super) fn hand_out(&mut self, each: &mut dyn FnMut(SocketAddr, Bytes)) {
        for (from, len) in self.copied.drain(..) {
            each(from, self.block.split_to(len).freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_out_as_they_went_in_and_share_small_blocks() {
        let from = |number: u8| SocketAddr::from(([127, 0, 0, number], 1));
        let sizes = [1400, 1400, 0, 1, DATAGRAM_BLOCK_BYTES + 1, 700, DATAGRAM_BLOCK_BYTES];
        let datagrams: Vec<_> = (0..70_u8).map(|number| (number, sizes[usize::from(number) % 7])).collect();
        let mut copies = Copies::default();
        let mut out = Vec::new();
        for burst in datagrams.chunks(10) {
            let mut each = |from, datagram| out.push((from, datagram));
            for (number, size) in burst {
                copies.push(from(*number), &vec![*number; *size], &mut each);
            }
            copies.hand_out(&mut each);
        }
        let expected = datagrams.iter().map(|(number, size)| (from(*number), vec![*number; *size].into()));
        assert_eq!(out, expected.collect::<Vec<(_, Bytes)>>());

        let mut blocks = 0;
        let mut last = std::ptr::null();
        for _ in 0..100 {
            copies.push(from(1), &[1; 1400], &mut |_, _| {});
            copies.hand_out(&mut |_, datagram| {
                blocks += usize::from(datagram.as_ptr() != last);
                last = datagram.as_ptr().wrapping_add(1400);
            });
        }
        assert_eq!(blocks, 100_usize.div_ceil(DATAGRAM_BLOCK_BYTES / 1400));
    }
}
