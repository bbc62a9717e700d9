//! The dialogue with the server, told to the application if it wants it.

use super::{Client, ClientEvent};
use crate::TracedMessage;
use crate::wire::Message;

impl Client {
    /// Tells of a message that is sent, if that is wanted.
    pub(super) fn trace_sent(&mut self, traced: impl FnOnce() -> TracedMessage) {
        if self.config.trace {
            self.event(ClientEvent::MessageSent(Box::new(traced())));
        }
    }

    /// Tells of a message that has come, if that is wanted.
    pub(super) fn trace_received(&mut self, message: &Message) {
        if self.config.trace {
            let traced = match message {
                Message::Request(request) => TracedMessage::of_request(request),
                Message::Response(response) => TracedMessage::of_response(response),
            };
            self.event(ClientEvent::MessageReceived(Box::new(traced)));
        }
    }
}
