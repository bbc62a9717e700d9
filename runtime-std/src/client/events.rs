use std::collections::VecDeque;

use rtspan_core::client::ClientEvent;
use rtspan_core::limits::CLIENT_EVENTS_MAX;

/// Events of a client that wait for the application; when it does not take them, the oldest are dropped.
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<ClientEvent>,
    /// Events that were dropped in front of those that wait.
    missed: u64,
}

impl Events {
    pub(super) fn push(&mut self, event: ClientEvent) {
        if self.queue.len() >= CLIENT_EVENTS_MAX {
            self.queue.pop_front();
            self.missed += 1;
        }
        self.queue.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<ClientEvent> {
        match std::mem::take(&mut self.missed) {
            0 => self.queue.pop_front(),
            missed => Some(ClientEvent::Missed(missed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_over_the_bound_drops_the_oldest_and_is_told_in_its_place() {
        let mut events = Events::default();
        (0..CLIENT_EVENTS_MAX).for_each(|media| events.push(ClientEvent::MediaSilent(media)));
        events.push(ClientEvent::Disconnected);
        assert!(matches!(events.pop(), Some(ClientEvent::Missed(1))));
        assert!(matches!(events.pop(), Some(ClientEvent::MediaSilent(1))));
        let rest: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        assert_eq!(rest.len(), CLIENT_EVENTS_MAX - 1);
        assert!(matches!(rest.last(), Some(ClientEvent::Disconnected)));
    }
}
