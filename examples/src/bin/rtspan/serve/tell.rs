//! Says what goes on: a line for people, or JSON for programs.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::args::EventsFormat;
use crate::output::{news, news_json};

/// Says an event of this name: a line, or its values.
pub(super) fn tell(format: EventsFormat, name: &str, line: String, mut values: Value) {
    match format {
        EventsFormat::Text => news(line),
        EventsFormat::Json => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            values["event"] = name.into();
            values["time"] = json!(now.as_millis() as f64 / 1000.0);
            news_json(&values);
        }
    }
}
