//! The log on standard error, for a person who looks for a fault: `-v`, `-vv`, `-vvv`, and `RTSPAN_LOG` to choose more
//! exactly. The libraries tell it to `tracing`, without secrets.

mod filter;
mod line;
mod subscriber;

use std::env;

pub(crate) use filter::BadFilter;
use filter::Filter;

use crate::args::{Args, Command, EventsFormat};

/// Where messages are told.
const MESSAGES: &str = "rtspan::message";

/// Begins to tell what the options and the environment ask for; without any nothing is told, and nothing is paid for it.
///
/// # Errors
///
/// `RTSPAN_LOG` cannot be read.
pub(crate) fn begin(args: &Args) -> Result<(), BadFilter> {
    let dialogue = matches!(&args.command, Command::Play(play) if play.trace);
    let filter = match env::var("RTSPAN_LOG") {
        Ok(text) if !text.trim().is_empty() => text.parse()?,
        _ => Filter::verbose(args.verbose.max(u8::from(dialogue))),
    };
    if !filter.is_off() {
        let json =
            matches!(&args.command, Command::Serve(serve) if matches!(serve.events, EventsFormat::Json));
        // This is the first and only one.
        let _ = tracing::subscriber::set_global_default(subscriber::Log::new(filter, json));
    }
    Ok(())
}
