//! Says what goes on: a line for people, or JSON for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::args::EventsFormat;
use crate::clock;
use crate::output::{news, news_json};

/// Says an event of this name: a line with the time in front, or its values.
pub(super) fn tell(format: EventsFormat, name: &str, line: String, values: Value) {
    match format {
        EventsFormat::Text => clock::event(line),
        EventsFormat::Json => tell_json(name, values),
    }
}

/// Says something of the start that scripts look for: a line as it is, or its values.
pub(super) fn tell_start(format: EventsFormat, name: &str, line: String, values: Value) {
    match format {
        EventsFormat::Text => news(line),
        EventsFormat::Json => tell_json(name, values),
    }
}

fn tell_json(name: &str, mut values: Value) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    values["event"] = name.into();
    values["time"] = json!(now.as_millis() as f64 / 1000.0);
    news_json(&values);
}
