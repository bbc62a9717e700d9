use rtspan_core::wire::{Message, name};
use rtspan_core::{Printable, TracedMessage};
use tracing::{Level, Span};

/// Where messages are told.
pub(super) const MESSAGES: &str = "rtspan::message";

/// Returns `true` if a subscriber wants messages.
pub(super) fn are_wanted() -> bool {
    tracing::enabled!(target: MESSAGES, Level::DEBUG)
}

/// Tells of a message: its first line at debug, and all of it at trace, each line escaped and behind a sign of its way.
pub(super) fn tell(span: &Span, way: &'static str, traced: &TracedMessage) {
    let (first, headers, status) = match &traced.message {
        Message::Request(request) => (format!("{} {}", request.method, request.uri), &request.headers, None),
        Message::Response(response) => {
            let status = response.status.as_u16();
            (format!("{status} {}", response.reason), &response.headers, Some(status))
        }
    };
    let cseq = headers.get(name::CSEQ);
    tracing::debug!(target: MESSAGES, parent: span, way, cseq, status, "{}", Printable(first));
    if tracing::enabled!(target: MESSAGES, Level::TRACE) {
        let left_out = traced.left_out;
        tracing::trace!(target: MESSAGES, parent: span, way, left_out, "{}", lines(way, traced));
    }
}

/// The lines of a message, which cannot be taken for lines of anything else.
fn lines(way: &str, traced: &TracedMessage) -> String {
    let sign = if way == "sent" { '>' } else { '<' };
    let bytes = traced.message.to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<_> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("{sign} {}", Printable(line)))
        .collect();
    if traced.left_out > 0 {
        lines.push(format!("{sign} ({} bytes more)", traced.left_out));
    }
    lines.join("\n")
}
