use std::collections::VecDeque;

use rtspan_core::limits::{EVENTS_MAX, QUESTIONS_MAX};
use rtspan_core::server::Event;

/// Events that wait for the application: when it does not take them, the oldest news are dropped, questions not yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<Event>,
    questions: usize,
    dropped: u64,
}

impl Events {
    pub(crate) fn push(&mut self, event: Event) {
        if self.queue.len() - self.questions >= EVENTS_MAX {
            self.drop_oldest(|event| !is_question(event));
        }
        if self.questions >= QUESTIONS_MAX {
            self.drop_oldest(is_question);
            self.questions -= 1;
        }
        self.questions += usize::from(is_question(&event));
        self.queue.push_back(event);
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop_front()?;
        self.questions -= usize::from(is_question(&event));
        Some(event)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn drop_oldest(&mut self, of: impl Fn(&Event) -> bool) {
        let oldest = self.queue.iter().position(of);
        self.dropped += u64::from(oldest.and_then(|oldest| self.queue.remove(oldest)).is_some());
    }
}

fn is_question(event: &Event) -> bool {
    matches!(
        event,
        Event::Describe(_)
            | Event::Announce(_)
            | Event::Setup(_)
            | Event::Play(_)
            | Event::Record(_)
            | Event::GetParameter(_)
            | Event::SetParameter(_)
    )
}
