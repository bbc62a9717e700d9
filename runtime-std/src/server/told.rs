use rtspan_core::server::Event;

use super::data::Data;
use super::events::Events;

/// The events for the application, and the values that it keeps beside them.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Events,
    pub(super) data: Data,
}

impl Told {
    /// Adds an event; the one that was dropped for it, if one was.
    pub(super) fn add(&mut self, event: Event) -> Option<Event> {
        let missed = self.events.push(event);
        missed.iter().for_each(|missed| self.data.handle_dropped(missed));
        missed
    }

    /// The next event for the application.
    pub(super) fn take(&mut self) -> Option<Event> {
        let event = self.events.pop()?;
        self.data.handle_taken(&event);
        Some(event)
    }
}
