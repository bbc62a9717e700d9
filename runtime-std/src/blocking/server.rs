use std::fmt::Display;
use std::net::SocketAddr;

use rtspan_core::SessionId;
use rtspan_core::description::Description;
use rtspan_core::server::{AddStreamError, Ask, Event, ServerConfig, Stale, Ticket};

use crate::server::{self, BindError, Stream};
use crate::threads::{Threads, block_on};

/// An RTSP server, which listens until it is closed or dropped.
///
/// Streams are published by the application ([`publish`](Self::publish)) or by clients that announce them; readers are
/// served by other threads than the caller's, also when nobody takes the events.
#[derive(Debug)]
pub struct Server(server::Server<Threads>);

/// How a server is set up.
#[derive(Debug)]
pub struct ServerBuilder(server::ServerBuilder<Threads>);

impl Server {
    /// Sets up a server.
    pub fn builder() -> ServerBuilder {
        ServerBuilder(server::Server::builder())
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.local_addr()
    }

    /// Publishes a stream at a path such as `/cam1`; it ends when the [`Stream`] is dropped.
    ///
    /// # Errors
    ///
    /// The path is taken, the description has nothing to send, or the server is closed.
    pub fn publish(&self, path: &str, description: Description) -> Result<Stream, AddStreamError> {
        self.0.publish(path, description)
    }

    /// Waits for the next event: what no default covers, and news; `None` means that the server is closed.
    ///
    /// News that nobody takes are dropped ([`events_dropped`](Self::events_dropped)).
    #[allow(clippy::should_implement_trait)]
    pub fn next(&self) -> Option<Event> {
        block_on(self.0.next())
    }

    /// Answers a question.
    ///
    /// # Errors
    ///
    /// Nobody waits for the answer any more.
    pub fn answer<A: Ask>(&self, ticket: Ticket<A>, reply: A::Reply) -> Result<(), Stale> {
        self.0.answer(ticket, reply)
    }

    /// Ends one session.
    pub fn close_session(&self, session: SessionId) {
        self.0.close_session(session);
    }

    /// Events that were dropped because nobody took them.
    pub fn events_dropped(&self) -> u64 {
        self.0.events_dropped()
    }

    /// Stops listening, says goodbye to everybody and waits until they have heard it, or for
    /// [`CLOSE_LIMIT`](rtspan_core::limits::CLOSE_LIMIT).
    pub fn close(self) {
        block_on(self.0.close());
    }
}

impl ServerBuilder {
    /// What it allows, and when it loses patience.
    #[must_use]
    pub fn config(self, config: ServerConfig) -> Self {
        Self(self.0.config(config))
    }

    /// Begins to listen on an address such as `0.0.0.0:8554`; port 0 is a free one.
    ///
    /// # Errors
    ///
    /// The address is none, or the system refuses it.
    pub fn bind(self, addr: impl Display + Send) -> Result<Server, BindError> {
        block_on(self.0.bind(addr)).map(Server)
    }
}
