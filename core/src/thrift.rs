use crate::limits::READ_BLOCK_BYTES;

/// Decides whether slices of the blocks that are read into are worth it: each keeps its whole block alive.
///
/// Nearly everything that a publisher sends is kept. Where much comes in and little is kept, the kept bytes are copied, so
/// that nobody can have a block held for a packet.
#[derive(Debug, Default)]
pub(crate) struct Thrift {
    /// Bytes that went by since it was last decided, and those of them that are kept.
    passed: usize,
    kept: usize,
    copies: bool,
}

impl Thrift {
    /// Takes note of bytes that were read. All that was read before has been looked at by now.
    pub(crate) fn pass(&mut self, bytes: usize) {
        if self.passed >= READ_BLOCK_BYTES {
            self.copies = self.kept < self.passed / 2;
            (self.passed, self.kept) = (0, 0);
        }
        self.passed = self.passed.saturating_add(bytes);
    }

    pub(crate) fn keep(&mut self, bytes: usize) {
        self.kept = self.kept.saturating_add(bytes);
    }

    pub(crate) fn copies(&self) -> bool {
        self.copies
    }
}
