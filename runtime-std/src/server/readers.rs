use std::sync::{Arc, Mutex};

use crate::wake::{Wake, lock};

/// The readers that a publisher wakes itself, and those of each group.
const GROUP: usize = 64;

/// The tasks that are woken when something is published on a stream.
///
/// To wake a task takes two cache lines from the core that it ran on. One that publishes for a thousand readers would do
/// little else, and cores that have readers to serve would wait for it. So beyond the first readers it wakes one of each
/// group, and that one wakes the others.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<Lists>);

#[derive(Debug, Default)]
struct Lists {
    own: Vec<Arc<Wake>>,
    groups: Vec<Arc<Group>>,
}

/// Tasks that wake each other.
#[derive(Debug, Default)]
pub(super) struct Group(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    wakes: Vec<Arc<Wake>>,
    /// How far the stream was when one of them was last called.
    head: u64,
}

impl Readers {
    /// Wakes a task from here on, whether it runs or not.
    pub(super) fn add(&self, wake: &Arc<Wake>) {
        lock(&self.0).own.push(Arc::clone(wake));
    }

    /// Wakes a task from here on that wakes its group when it is called; `None` if it has none.
    pub(super) fn join(&self, wake: &Arc<Wake>) -> Option<Arc<Group>> {
        let mut lists = lock(&self.0);
        if lists.own.len() < GROUP {
            lists.own.push(Arc::clone(wake));
            return None;
        }
        let found = lists.groups.iter().rev().find(|group| lock(&group.0).wakes.len() < GROUP);
        let group = found.map(Arc::clone).unwrap_or_else(|| {
            let group = Arc::<Group>::default();
            lists.groups.push(Arc::clone(&group));
            group
        });
        lock(&group.0).wakes.push(Arc::clone(wake));
        Some(group)
    }

    /// Wakes a task once less. If it was called and has not woken its group, that is done here.
    pub(super) fn remove(&self, wake: &Arc<Wake>, group: Option<&Arc<Group>>) {
        let mut lists = lock(&self.0);
        let Some(group) = group else {
            remove(&mut lists.own, wake);
            return;
        };
        let mut members = lock(&group.0);
        remove(&mut members.wakes, wake);
        if members.wakes.is_empty() {
            lists.groups.retain(|own| !Arc::ptr_eq(own, group));
        } else if wake.is_called() {
            members.wake(wake);
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let lists = lock(&self.0);
        lists.own.len() + lists.groups.iter().map(|group| lock(&group.0).wakes.len()).sum::<usize>()
    }

    /// Wakes all whom it concerns that a stream is so far.
    pub(super) fn wake(&self, head: u64) {
        let lists = lock(&self.0);
        lists.groups.iter().for_each(|group| group.call(head));
        lists.own.iter().for_each(|wake| wake.wake_for_packets(head));
    }
}

impl Group {
    /// Calls the first whom it concerns, which wakes the others.
    fn call(&self, head: u64) {
        let mut members = lock(&self.0);
        members.head = head;
        let _ = members.wakes.iter().any(|wake| wake.call(head));
    }

    /// Wakes all but the one that was called.
    pub(super) fn wake(&self, called: &Arc<Wake>) {
        lock(&self.0).wake(called);
    }
}

impl Members {
    fn wake(&self, called: &Arc<Wake>) {
        let others = self.wakes.iter().filter(|wake| !Arc::ptr_eq(wake, called));
        others.for_each(|wake| wake.wake_for_packets(self.head));
    }
}

fn remove(wakes: &mut Vec<Arc<Wake>>, wake: &Arc<Wake>) {
    if let Some(place) = wakes.iter().position(|own| Arc::ptr_eq(own, wake)) {
        wakes.swap_remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader, and its group if it has one.
    type Joined = (Arc<Wake>, Option<Arc<Group>>);

    /// Readers that have all joined, and looked.
    fn joined(count: usize) -> (Readers, Vec<Joined>) {
        let readers = Readers::default();
        let joined = (0..count).map(|_| {
            let wake = Arc::<Wake>::default();
            let group = readers.join(&wake);
            (wake, group)
        });
        let joined = joined.collect();
        (readers, joined)
    }

    /// Has all who are woken do what they are called for, until nobody is woken any more; says how often each was.
    fn run(joined: &[Joined]) -> Vec<usize> {
        let mut woken = vec![0; joined.len()];
        loop {
            let mut is_over = true;
            for ((wake, group), woken) in joined.iter().zip(&mut woken) {
                let reasons = wake.lower();
                if reasons.is_empty() {
                    continue;
                }
                (is_over, *woken) = (false, *woken + 1);
                if let (true, Some(group)) = (reasons.called(), group) {
                    group.wake(wake);
                }
            }
            if is_over {
                return woken;
            }
        }
    }

    #[test]
    fn every_reader_is_woken_once_and_most_of_many_by_others() {
        for count in [1, GROUP, GROUP + 1, 10 * GROUP + 3] {
            let (readers, joined) = joined(count);
            readers.wake(1);
            let by_publisher = joined.iter().filter(|(wake, _)| wake.is_raised()).count();
            assert_eq!(by_publisher, count.min(GROUP) + count.saturating_sub(GROUP).div_ceil(GROUP));
            assert_eq!(run(&joined), vec![1; count], "{count}");
        }
    }

    #[test]
    fn a_group_is_woken_also_if_the_one_that_was_called_leaves() {
        let (readers, mut joined) = joined(2 * GROUP);
        readers.wake(1);
        let called = joined.iter().position(|(wake, _)| wake.is_called()).unwrap();
        let (wake, group) = joined.remove(called);
        readers.remove(&wake, group.as_ref());
        assert_eq!(run(&joined), vec![1; 2 * GROUP - 1]);
        readers.wake(2);
        assert_eq!(run(&joined), vec![1; 2 * GROUP - 1]);
    }

    #[test]
    fn the_patient_of_a_group_are_woken_when_it_concerns_them() {
        let (readers, joined) = joined(GROUP + 3);
        let grouped = &joined[GROUP..];
        grouped.iter().zip([10, 0, 5]).for_each(|((wake, _), head)| wake.set_patience(head));
        for (head, woken) in [(1, [0, 1, 0]), (5, [0, 1, 1]), (10, [1, 1, 1])] {
            readers.wake(head);
            assert_eq!(run(&joined)[GROUP..], woken, "{head}");
        }
        grouped.iter().for_each(|(wake, _)| wake.set_patience(20));
        readers.wake(11);
        assert_eq!(run(&joined)[GROUP..], [0, 0, 0]);
    }

    #[test]
    fn places_that_become_free_are_taken_and_nothing_is_left_of_those_who_have_gone() {
        let (readers, mut joined) = joined(3 * GROUP);
        let (wake, group) = joined.remove(GROUP + 5);
        readers.remove(&wake, group.as_ref());
        let wake = Arc::<Wake>::default();
        let group = readers.join(&wake);
        joined.push((wake, group));
        assert_eq!(lock(&readers.0).groups.len(), 2);
        joined.iter().for_each(|(wake, group)| readers.remove(wake, group.as_ref()));
        let lists = lock(&readers.0);
        assert!(lists.own.is_empty() && lists.groups.is_empty(), "{lists:?}");
    }
}
