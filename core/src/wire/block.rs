use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::limits::{
    BUSY_READ_BYTES, CONTROL_BLOCK_BYTES, FIRST_BLOCK_BYTES, READ_BLOCK_BYTES, READ_BYTES_MIN,
    SMALL_BLOCK_BYTES, SMALL_PAYLOAD_BYTES,
};
use crate::thrift::Thrift;

/// The bytes that were read and not yet taken, in the block that the socket reads into.
///
/// Large payloads are taken as slices of the block. Taken bytes leave the block at its front, and further bytes are read into
/// the room behind. Only when that room is too small does the rest, a part of one item, move to a new block.
pub(super) struct Block {
    bytes: BytesMut,
    /// The block before, of a busy peer. It is read into again once all that was taken out of it is gone.
    spare: BytesMut,
    /// The last read had [much](BUSY_READ_BYTES), or filled the room.
    is_busy: bool,
    /// Bytes that were read; those behind are the room, as far as it was lent as a slice and so had to be initialised.
    filled: usize,
    /// A slice of the block was taken: using up the block keeps less memory alive than a new one.
    shared: bool,
    /// The size of the next block; large ones are for those that send media.
    size: usize,
    small: BytesMut,
    is_lent: bool,
    thrift: Thrift,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            bytes: BytesMut::new(),
            spare: BytesMut::new(),
            is_busy: false,
            filled: 0,
            shared: false,
            size: FIRST_BLOCK_BYTES,
            small: BytesMut::new(),
            is_lent: false,
            thrift: Thrift::default(),
        }
    }

    /// Takes note that so many of the taken bytes are held on to.
    pub(super) fn keep(&mut self, bytes: usize) {
        self.thrift.keep(bytes);
    }

    /// Room to read into, never empty. `need`: the size of the item in front, if known, else 0.
    pub(super) fn room(&mut self, need: usize) -> &mut [u8] {
        self.make_room(need);
        if self.bytes.len() < self.bytes.capacity() {
            self.bytes.resize(self.bytes.capacity(), 0);
        }
        self.bytes.get_mut(self.filled..).unwrap_or_default()
    }

    /// Has `read` append to what was read; there is capacity for it, as much as [`room`](Self::room) would have.
    pub(super) fn read_with<T>(&mut self, need: usize, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        self.bytes.truncate(self.filled);
        let used_up = self.size.saturating_sub(self.bytes.capacity());
        if self.shared && used_up > 0 && self.bytes.try_reclaim(self.size.saturating_sub(self.filled)) {
            // All that was taken out of the block is gone, and its memory is still warm.
            self.shared = false;
        }
        self.make_room(need);
        let read = read(&mut self.bytes);
        self.count_to(self.bytes.len());
        read
    }

    /// Counts the first `n` bytes of the room as read; none at all gives the room back.
    pub(super) fn fill(&mut self, n: usize) {
        self.count_to(self.filled.saturating_add(n).min(self.bytes.len()));
    }

    /// Reads into this memory, if it has none of its own and reads no media.
    pub(super) fn lend(&mut self, memory: impl FnOnce() -> BytesMut) {
        if self.bytes.capacity() == 0 && self.size <= CONTROL_BLOCK_BYTES {
            (self.bytes, self.is_lent) = (memory(), true);
            self.reuse();
        }
    }

    /// Gives lent memory back, and moves what has come of an item to its own; memory that was sliced it keeps.
    pub(super) fn take_lent(&mut self) -> Option<BytesMut> {
        if !std::mem::take(&mut self.is_lent) || self.shared {
            return None;
        }
        let lent = std::mem::take(&mut self.bytes);
        if self.filled > 0 {
            let filled = lent.get(..self.filled).unwrap_or_default();
            self.bytes = BytesMut::with_capacity(self.size.max(self.filled.saturating_add(READ_BYTES_MIN)));
            self.bytes.extend_from_slice(filled);
        }
        Some(lent)
    }

    /// Drops the first `n` bytes.
    pub(super) fn skip(&mut self, n: usize) {
        self.cut(n);
        self.settle();
    }

    /// Takes `len` bytes behind the first `skip` ones, which are dropped.
    #[inline]
    pub(super) fn take(&mut self, skip: usize, len: usize) -> Bytes {
        if len > SMALL_PAYLOAD_BYTES && !self.thrift.copies() {
            return self.slice(skip, len);
        }
        self.copy(skip, len)
    }

    fn copy(&mut self, skip: usize, len: usize) -> Bytes {
        self.cut(skip);
        let len = len.min(self.filled);
        let taken = if len > SMALL_PAYLOAD_BYTES {
            self.size = READ_BLOCK_BYTES;
            let taken = Bytes::copy_from_slice(self.bytes.get(..len).unwrap_or_default());
            self.cut(len);
            taken
        } else if len > 0 {
            let taken = self.copy_small(len);
            self.cut(len);
            taken
        } else {
            Bytes::new()
        };
        self.settle();
        taken
    }

    /// The bytes that were read and not taken.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.filled).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.filled
    }

    #[inline]
    fn slice(&mut self, skip: usize, len: usize) -> Bytes {
        let end = skip.saturating_add(len).min(self.filled);
        self.shared = true;
        self.size = READ_BLOCK_BYTES;
        self.filled = self.filled.saturating_sub(end);
        // Cheaper than to cut the front off the block first.
        let mut taken = self.bytes.split_to(end).freeze();
        taken.advance(skip.min(end));
        self.settle();
        taken
    }

    /// A peer that fills a small block has more to say.
    fn count_to(&mut self, filled: usize) {
        let read = filled.saturating_sub(self.filled);
        self.thrift.pass(read);
        self.filled = filled;
        self.is_busy = read >= BUSY_READ_BYTES || filled == self.bytes.capacity();
        if !self.is_busy {
            self.spare = BytesMut::new();
        }
        if filled == self.bytes.capacity() {
            self.size = self.size.max(CONTROL_BLOCK_BYTES);
        }
        self.settle();
    }

    fn cut(&mut self, n: usize) {
        let n = n.min(self.filled);
        self.filled = self.filled.saturating_sub(n);
        self.bytes.advance(n);
    }

    fn copy_small(&mut self, len: usize) -> Bytes {
        if self.small.capacity() < len {
            self.small = BytesMut::with_capacity(SMALL_BLOCK_BYTES);
        }
        self.small.extend_from_slice(self.bytes.get(..len).unwrap_or_default());
        self.small.split().freeze()
    }

    /// Holds no block for a peer that is silent, unless media came out of it and more will fill it up.
    #[inline]
    fn settle(&mut self) {
        if self.filled == 0 {
            self.begin_anew();
        }
    }

    /// Nothing is left in the block.
    fn begin_anew(&mut self) {
        if self.is_lent && !self.shared {
            self.reuse();
        } else if !self.shared || (self.bytes.capacity() < READ_BYTES_MIN && !self.is_busy) {
            self.bytes = BytesMut::new();
        }
    }

    /// Begins again at the front of a lent block.
    fn reuse(&mut self) {
        self.bytes.clear();
        if !self.bytes.try_reclaim(CONTROL_BLOCK_BYTES) {
            self.bytes = BytesMut::with_capacity(CONTROL_BLOCK_BYTES);
        }
    }

    fn make_room(&mut self, need: usize) {
        let capacity = self.bytes.capacity();
        let item_fits = need > self.filled && need <= capacity;
        if capacity.saturating_sub(self.filled) < READ_BYTES_MIN && !item_fits {
            self.renew(need);
        }
    }

    /// Twice what has come, so that what is announced costs nothing and moving stays linear.
    fn renew(&mut self, need: usize) {
        let grown = self.filled.saturating_mul(2).saturating_add(READ_BYTES_MIN);
        let wanted = if need > self.filled { need.min(grown) } else { grown };
        let size = wanted.max(self.size);
        let mut bytes = std::mem::take(&mut self.spare);
        if !bytes.try_reclaim(size) {
            bytes = BytesMut::with_capacity(size);
        }
        bytes.extend_from_slice(self.as_slice());
        let mut former = std::mem::replace(&mut self.bytes, bytes);
        if self.is_busy && self.shared && !self.is_lent {
            former.clear();
            self.spare = former;
        }
        (self.shared, self.is_lent) = (false, false);
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("filled", &self.filled)
            .field("size", &self.bytes.capacity())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use super::*;

    fn fill(block: &mut Block, n: usize) {
        for _ in 0..n {
            *block.room(0).first_mut().unwrap() = 7;
            block.fill(1);
        }
    }

    #[test]
    fn who_fills_the_first_block_is_given_a_larger_one() {
        let mut block = Block::new();
        let first = block.room(0).len();
        assert!((FIRST_BLOCK_BYTES..CONTROL_BLOCK_BYTES).contains(&first));
        block.fill(first - 1);
        block.skip(first - 1);
        assert_eq!(block.room(0).len(), first);
        block.fill(first);
        block.skip(first);
        assert_eq!(block.room(0).len(), CONTROL_BLOCK_BYTES);
    }

    #[test]
    fn nothing_is_held_when_everything_was_consumed() {
        let mut block = Block::new();
        fill(&mut block, 300);
        assert_eq!(block.take(4, 296).len(), 296);
        assert_eq!(block.bytes.capacity(), 0);
    }

    #[test]
    fn a_read_that_found_nothing_leaves_nothing_held() {
        let mut block = Block::new();
        assert!(!block.room(0).is_empty());
        block.fill(0);
        assert_eq!(block.bytes.capacity(), 0);
    }

    #[test]
    fn a_block_that_media_came_out_of_is_used_up() {
        let mut block = Block::new();
        fill(&mut block, 1000);
        let taken = block.take(0, 1000);
        let room = block.room(0);
        assert_eq!(room.as_ptr(), taken.as_ptr().wrapping_add(1000));
    }

    #[test]
    fn payloads_are_copied_while_little_of_what_comes_is_kept() {
        let mut block = Block::new();
        let mut slices = |kept: usize, count: usize| {
            let slices = (0..count).filter(|_| {
                fill(&mut block, 1000);
                let front = block.as_slice().as_ptr();
                let taken = block.take(0, 1000);
                block.keep(kept);
                taken.as_ptr() == front
            });
            slices.count()
        };
        let window = READ_BLOCK_BYTES.div_ceil(1000);
        assert_eq!(slices(1000, 3 * window), 3 * window, "all is kept");
        assert!(slices(100, 3 * window) <= 2 * window, "a tenth is kept");
        assert_eq!(slices(100, window), 0);
        assert!(slices(1000, 3 * window) >= window, "all is kept again");
    }

    #[test]
    fn small_payloads_do_not_pin_the_block_and_share_one() {
        let mut block = Block::new();
        fill(&mut block, 200);
        let first = block.take(0, 100);
        let second = block.take(0, 100);
        assert_eq!(second.as_ptr(), first.as_ptr().wrapping_add(100));
        assert_eq!(block.bytes.capacity(), 0);
    }

    #[test]
    fn a_byte_at_a_time_costs_a_few_blocks_only() {
        let (mut block, mut blocks, mut last) = (Block::new(), 0, std::ptr::null());
        for _ in 0..1 << 20 {
            let room = block.room(1 << 20);
            let first = room.as_ptr();
            blocks += u32::from(first != last);
            last = first.wrapping_add(1);
            block.fill(1);
        }
        assert!(blocks <= 12, "{blocks} blocks");
        assert!(block.bytes.len() <= 1 << 20);
    }

    #[test]
    fn what_is_announced_is_not_allocated_before_it_comes() {
        let mut block = Block::new();
        assert!(block.room(1 << 20).len() <= CONTROL_BLOCK_BYTES);
    }

    #[test]
    fn what_is_appended_is_read_like_what_is_filled_in() {
        let mut block = Block::new();
        let append = |block: &mut Block, bytes: &[u8]| {
            block.read_with(0, |into| {
                assert!(into.capacity() - into.len() >= READ_BYTES_MIN);
                into.extend_from_slice(bytes);
            });
        };
        append(&mut block, b"one");
        block.room(0).first_mut().into_iter().for_each(|first| *first = b',');
        block.fill(1);
        append(&mut block, b"two");
        assert_eq!(block.as_slice(), b"one,two");
        append(&mut block, b"");
        assert_eq!(block.take(4, 3), &b"two"[..]);
        append(&mut block, b"");
        assert_eq!(block.bytes.capacity(), 0, "nothing is held when everything was consumed");
        block.read_with(0, BytesMut::clear);
        assert_eq!(block.len(), 0);
    }

    #[test]
    fn a_block_is_used_again_when_all_that_was_taken_out_of_it_is_gone() {
        let mut block = Block::new();
        // How many packets of a thousand, of which so many are held, begin where the one before did.
        let mut again = |hold: usize| {
            let (mut held, mut again, mut last) = (VecDeque::new(), 0, std::ptr::null());
            for number in 0..1000_usize {
                block.read_with(0, |into| into.extend_from_slice(&[number as u8; 1000]));
                let taken = block.take(0, 1000);
                block.keep(1000);
                again += usize::from(last == taken.as_ptr());
                last = taken.as_ptr();
                held.push_back((taken, number as u8));
                held.drain(..held.len().saturating_sub(hold));
                assert!(held.iter().all(|(taken, byte)| taken.iter().all(|found| found == byte)));
            }
            again
        };
        assert_eq!(again(1), 0, "while the last one is held");
        assert!(again(0) > 990, "when none is");
    }

    #[test]
    fn two_blocks_take_turns_while_a_busy_peer_is_read() {
        // How many blocks reads of so many bytes go to, while the packets of so many reads are held.
        let blocks = |read: usize, hold: usize| {
            let mut block = Block::new();
            let (mut held, mut ends, mut decoys) = (VecDeque::new(), BTreeSet::new(), Vec::new());
            for number in 0..100_usize {
                block.read_with(0, |into| {
                    let room = into.capacity() - into.len();
                    into.extend_from_slice(&vec![number as u8; read.min(room)]);
                });
                let taken = block.take(0, block.len());
                block.keep(taken.len());
                held.push_back((taken, number as u8));
                held.drain(..held.len().saturating_sub(hold));
                assert!(held.iter().all(|(taken, byte)| taken.iter().all(|found| found == byte)));
                ends.insert(block.bytes.as_ptr().wrapping_add(block.bytes.capacity()));
                // It takes a block that has been given back.
                decoys.push(Vec::<u8>::with_capacity(READ_BLOCK_BYTES));
            }
            block.read_with(0, |into| into.extend_from_slice(&[7; 100]));
            assert_eq!(block.spare.capacity(), 0, "nothing is set aside behind a small read");
            ends.len()
        };
        assert!(blocks(20_000, 1) <= 4, "the first ones are small");
        assert!(blocks(20_000, 3) <= 4);
        assert!(blocks(20_000, 9) > 20, "they are held for too long");
        assert!(blocks(READ_BLOCK_BYTES, 1) <= 4, "each read fills one");
    }

    #[test]
    fn lent_memory_goes_back_without_what_is_not_taken_yet() {
        let mut block = Block::new();
        block.lend(BytesMut::new);
        let memory = block.as_slice().as_ptr();
        for len in [CONTROL_BLOCK_BYTES, 100, READ_BYTES_MIN] {
            block.read_with(0, |into| into.extend_from_slice(&vec![7; len]));
            assert_eq!(block.take(0, 10), [7; 10][..]);
            block.skip(len - 10);
            assert_eq!(
                (block.len(), block.as_slice().as_ptr()),
                (0, memory),
                "it is used from its front again"
            );
        }
        block.read_with(0, |into| into.extend_from_slice(&[1, 2, 3]));
        block.skip(1);
        let lent = block.take_lent().unwrap();
        assert!(block.take_lent().is_none());
        assert_eq!(block.as_slice(), [2, 3]);
        block.lend(|| lent);
        assert_eq!(block.as_slice(), [2, 3], "it has its own");
        assert!(block.take_lent().is_none());
    }

    #[test]
    fn lent_memory_that_was_sliced_stays() {
        let mut block = Block::new();
        block.lend(BytesMut::new);
        block.read_with(0, |into| into.extend_from_slice(&[7; 1000]));
        let taken = block.take(0, 900);
        assert!(block.take_lent().is_none());
        block.read_with(0, |into| into.extend_from_slice(&[8; 1000]));
        assert_eq!((&taken[..], &block.as_slice()[100..]), (&[7; 900][..], &[8; 1000][..]));
    }

    #[test]
    fn a_count_beyond_the_room_is_clamped() {
        let mut block = Block::new();
        let room = block.room(0).len();
        block.fill(usize::MAX);
        assert_eq!(block.len(), room);
        block.skip(usize::MAX);
        assert_eq!(block.len(), 0);
    }
}
