use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::MESSAGES;
use super::filter::Filter;
use super::line::{Fields, Place, lines, object};
use crate::output::notice;
use crate::text::json_line;

/// Says on standard error what the libraries tell.
#[derive(Debug)]
pub(super) struct Log {
    filter: Filter,
    json: bool,
    spans: Mutex<Spans>,
}

#[derive(Debug, Default)]
struct Spans {
    last: u64,
    open: HashMap<u64, Span>,
}

#[derive(Debug)]
struct Span {
    /// The span itself, behind those that it stands in.
    places: Vec<Place>,
    handles: usize,
}

impl Log {
    pub(super) fn new(filter: Filter, json: bool) -> Self {
        Self { filter, json, spans: Mutex::default() }
    }

    fn spans(&self) -> MutexGuard<'_, Spans> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spans {
    fn places(&self, span: Option<&Id>) -> Vec<Place> {
        span.and_then(|span| self.open.get(&span.into_u64()))
            .map(|span| span.places.clone())
            .unwrap_or_default()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Spans name those who speak, whatever is told of themselves.
        metadata.is_span() || *metadata.level() <= self.filter.of(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.filter.most().max(LevelFilter::INFO))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut spans = self.spans();
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut places = spans.places(attributes.parent());
        places.push(Place { name: attributes.metadata().name(), fields });
        spans.last += 1;
        let id = spans.last;
        spans.open.insert(id, Span { places, handles: 1 });
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(span) = self.spans().open.get_mut(&span.into_u64()) {
            span.places.last_mut().into_iter().for_each(|place| values.record(&mut place.fields));
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        // If a message is logged whole, its first line is not logged again.
        let metadata = event.metadata();
        let is_first_line = metadata.target() == MESSAGES && *metadata.level() == tracing::Level::DEBUG;
        if is_first_line && self.filter.of(MESSAGES) == LevelFilter::TRACE {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let places = self.spans().places(event.parent());
        if self.json {
            notice(json_line(&object(metadata, &places, &fields)));
        } else {
            lines(metadata, &places, &fields).into_iter().for_each(notice);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        self.spans().open.entry(id.into_u64()).and_modify(|span| span.handles += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = self.spans();
        let Some(span) = spans.open.get_mut(&id.into_u64()) else { return false };
        span.handles -= 1;
        let is_last = span.handles == 0;
        if is_last {
            spans.open.remove(&id.into_u64());
        }
        is_last
    }
}
