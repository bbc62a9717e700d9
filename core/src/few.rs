use std::collections::BTreeSet;

/// A set, in order, that mostly has one element, and then costs no allocation.
#[derive(Clone, Debug)]
pub(crate) struct Few<T> {
    /// The least; none only if the set is empty.
    first: Option<T>,
    others: BTreeSet<T>,
}

impl<T: Copy + Ord> Few<T> {
    pub(crate) const fn new() -> Self {
        Self { first: None, others: BTreeSet::new() }
    }

    pub(crate) fn insert(&mut self, value: T) {
        match &mut self.first {
            None => self.first = Some(value),
            Some(first) if *first == value => {}
            Some(first) => _ = self.others.insert(std::mem::replace(first, value.min(*first)).max(value)),
        }
    }

    pub(crate) fn remove(&mut self, value: T) {
        if self.first == Some(value) {
            self.first = self.others.pop_first();
        } else {
            self.others.remove(&value);
        }
    }

    pub(crate) fn contains(&self, value: T) -> bool {
        self.first == Some(value) || self.others.contains(&value)
    }

    pub(crate) fn first(&self) -> Option<T> {
        self.first
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()).saturating_add(self.others.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_set_of_the_library_whatever_is_put_in_and_taken_out() {
        let mut few = Few::new();
        let mut set = BTreeSet::new();
        let mut random = crate::random::Random::new([3; 32]);
        for _ in 0..2000 {
            let value = random.next_u32() % 5;
            if random.next_u32() % 2 == 0 {
                few.insert(value);
                set.insert(value);
            } else {
                few.remove(value);
                set.remove(&value);
            }
            assert!(few.iter().eq(set.iter().copied()));
            assert_eq!(few.contains(value), set.contains(&value));
            assert_eq!(few.first(), set.first().copied());
            assert_eq!((few.len(), few.is_empty()), (set.len(), set.is_empty()));
        }
    }
}
