use std::sync::{Arc, Mutex};

use crate::wake::{Wake, lock};

/// Letters of one task for another, which it wakes.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    letters: Mutex<Vec<T>>,
    wake: Arc<Wake>,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(wake: Arc<Wake>) -> Self {
        Self { letters: Mutex::new(Vec::new()), wake }
    }

    pub(crate) fn push(&self, letter: T) {
        lock(&self.letters).push(letter);
        self.wake.wake_for_letter();
    }

    /// Has the task look around, without a letter.
    pub(crate) fn wake(&self) {
        self.wake.wake();
    }

    pub(crate) fn waker(&self) -> &Arc<Wake> {
        &self.wake
    }

    /// Takes out all letters; they are rare, and an empty mailbox holds no memory.
    pub(crate) fn take(&self) -> Vec<T> {
        self.wake.lower_letter();
        std::mem::take(&mut *lock(&self.letters))
    }
}
