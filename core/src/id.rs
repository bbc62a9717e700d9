use std::fmt;

/// Declares a handle: an index, and the generation of the object there.
macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        ///
        /// A handle whose object is gone is a no-op or an error, never a panic.
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(RawId);

        impl From<RawId> for $name {
            fn from(raw: RawId) -> Self {
                Self(raw)
            }
        }

        impl From<$name> for RawId {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl $name {
            /// Where the object stands among its kind; indices are used again.
            pub const fn index(self) -> usize {
                self.0.index as usize
            }
        }

        /// A short name, such as `3.1`, that no other of its kind has had or will have.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.0.index, self.0.generation)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}.{})"), self.0.index, self.0.generation)
            }
        }
    )*};
}

handles! {
    /// A connection of a server.
    ConnId,
    /// An RTSP session of a server.
    SessionId,
    /// A published stream.
    StreamId,
    /// A pair of UDP sockets.
    UdpId,
}

/// The index and the generation that all handles are made of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct RawId {
    index: u32,
    generation: u32,
}

impl RawId {
    /// A handle for objects that are numbered by their owner and never share an index.
    pub(crate) const fn numbered(index: u32) -> Self {
        Self { index, generation: 0 }
    }
}

/// Objects under handles: an index is used again, a handle never is.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Arena<T> {
    /// Puts in what `make` makes for its handle.
    pub(crate) fn insert_with<I: From<RawId> + Copy>(&mut self, make: impl FnOnce(I) -> T) -> I {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, value: None });
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let slot = self.slots.get_mut(index as usize).expect("a free index has a slot");
        let id = I::from(RawId { index, generation: slot.generation });
        slot.value = Some(make(id));
        self.len = self.len.saturating_add(1);
        id
    }

    pub(crate) fn remove(&mut self, id: impl Into<RawId>) -> Option<T> {
        let id = id.into();
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.index);
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    pub(crate) fn get_mut(&mut self, id: impl Into<RawId>) -> Option<&mut T> {
        let id = id.into();
        let slot = self.slots.get_mut(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        slot.value.as_mut()
    }

    pub(crate) fn get(&self, id: impl Into<RawId>) -> Option<&T> {
        let id = id.into();
        let slot = self.slots.get(id.index as usize).filter(|slot| slot.generation == id.generation)?;
        slot.value.as_ref()
    }

    pub(crate) fn iter<I: From<RawId>>(&self) -> impl Iterator<Item = (I, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let raw = RawId { index: u32::try_from(index).ok()?, generation: slot.generation };
            Some((I::from(raw), slot.value.as_ref()?))
        })
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_handle_finds_nothing() {
        let mut arena = Arena::default();
        let first: ConnId = arena.insert_with(|_| "first");
        assert_eq!(arena.remove(first), Some("first"));
        let second: ConnId = arena.insert_with(|_| "second");
        assert_eq!(first.index(), second.index());
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&"second"));
        assert_eq!(arena.len(), 1);
        assert_eq!(arena.iter::<ConnId>().collect::<Vec<_>>(), [(second, &"second")]);
    }
}
