use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Level, Metadata};

use super::MESSAGES;

/// The fields of a span or an event; the message of an event stands by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    message: String,
    rest: Map<String, Value>,
}

/// A span: its name and fields, behind those that it stands in.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) fields: Fields,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, json!(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => drop(self.rest.insert(name.to_owned(), value)),
        }
    }
}

/// The lines of an event for a person: the time, where it happens, and what. A message has a line for each of its own.
pub(super) fn lines(metadata: &Metadata<'_>, places: &[Place], fields: &Fields) -> Vec<String> {
    let mut start = time_of_day();
    for place in places {
        let value = place.fields.rest.values().next().map(shown).unwrap_or_default();
        // A client is known by its URL.
        let _ = if place.name == "client" {
            write!(start, " {value}")
        } else {
            write!(start, " {} {value}", place.name)
        };
    }
    if metadata.target() == MESSAGES {
        return fields.message.lines().map(|line| format!("{start} {line}")).collect();
    }
    let mut line = format!("{start} {}: {}", level(metadata.level()), fields.message);
    for (name, value) in &fields.rest {
        let _ = write!(line, " {name}={}", shown(value));
    }
    vec![line]
}

/// An event as an object.
pub(super) fn object(metadata: &Metadata<'_>, places: &[Place], fields: &Fields) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let spans: Map<_, _> = places
        .iter()
        .map(|place| (place.name.to_owned(), Value::Object(place.fields.rest.clone())))
        .collect();
    json!({
        "log": level(metadata.level()), "target": metadata.target(), "time": now.as_millis() as f64 / 1000.0,
        "message": fields.message, "fields": fields.rest, "spans": spans,
    })
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn level(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The time of day in UTC, to the millisecond.
fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", now.subsec_millis())
}
