//! The queue before hooks: a lane for each hook and path, in which it keeps its order.

use std::collections::{HashMap, VecDeque};

use super::{Happening, WAITING_MAX};

/// The number of a hook, and a path.
pub(super) type Lane = (usize, String);

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// A lane that is worked on is here, also when nothing waits in it.
    lanes: HashMap<Lane, VecDeque<Happening>>,
    waiting: usize,
    leaves_out: bool,
}

#[derive(Debug, Eq, PartialEq)]
pub(super) enum Pushed {
    /// Nobody works on the lane.
    Begins(Lane),
    /// The thread that works on the lane will find it.
    Waits,
    /// There is no room.
    LeftOut { is_first: bool },
}

impl Queue {
    pub(super) fn push(&mut self, lane: Lane, happening: &Happening) -> Pushed {
        if self.waiting >= WAITING_MAX {
            let is_first = !self.leaves_out;
            self.leaves_out = true;
            return Pushed::LeftOut { is_first };
        }
        self.leaves_out = false;
        self.waiting += 1;
        match self.lanes.get_mut(&lane) {
            Some(waiting) => {
                waiting.push_back(happening.clone());
                Pushed::Waits
            }
            None => {
                self.lanes.insert(lane.clone(), [happening.clone()].into());
                Pushed::Begins(lane)
            }
        }
    }

    /// The next in a lane that is worked on; the lane is gone when there is none.
    pub(super) fn next(&mut self, lane: &Lane) -> Option<Happening> {
        let next = self.lanes.get_mut(lane)?.pop_front();
        match next {
            Some(_) => self.waiting -= 1,
            None => drop(self.lanes.remove(lane)),
        }
        next
    }
}
