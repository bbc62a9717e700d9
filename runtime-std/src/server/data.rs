use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use rtspan_core::server::Event;
use rtspan_core::{ConnId, SessionId};

/// The holder of a value of the application's.
///
/// ```
/// use rtspan_std::{Event, Server};
///
/// let server = Server::builder().bind("127.0.0.1:0")?;
/// let _visitor = rtspan_std::Client::connect(&format!("rtsp://{}/", server.local_addr()))?;
/// while let Some(event) = server.next() {
///     if let Event::ConnOpened { conn, .. } = event {
///         server.set_data(conn, String::from("a visitor")); // a session can hold a value as well
///         assert_eq!(*server.data::<String>(conn).ok_or("it is gone")?, "a visitor");
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Holder {
    /// A connection.
    Conn(ConnId),
    /// A session.
    Session(SessionId),
}

impl From<ConnId> for Holder {
    fn from(conn: ConnId) -> Self {
        Self::Conn(conn)
    }
}

impl From<SessionId> for Holder {
    fn from(session: SessionId) -> Self {
        Self::Session(session)
    }
}

impl Holder {
    /// The one that an event tells the end of.
    fn closed_by(event: &Event) -> Option<Self> {
        match event {
            Event::ConnClosed { conn, .. } => Some(Self::Conn(*conn)),
            Event::SessionClosed { session, .. } => Some(Self::Session(*session)),
            _ => None,
        }
    }
}

/// The application's values on connections and sessions.
///
/// When the end of a holder is told, its value stays until the next event is taken. Values that are let go are put aside,
/// since dropping one may do anything, and must not be done under a lock.
#[derive(Debug, Default)]
pub(crate) struct Data {
    values: BTreeMap<Holder, Value>,
    /// The one whose end was told last.
    leaving: Option<Holder>,
    unused: Vec<Value>,
}

pub(crate) type Value = Arc<dyn Any + Send + Sync>;

impl Data {
    pub(crate) fn set(&mut self, holder: Holder, value: Value) {
        self.unused.extend(self.values.insert(holder, value));
    }

    pub(crate) fn get(&self, holder: Holder) -> Option<Value> {
        self.values.get(&holder).cloned()
    }

    /// Lets a value go. Returns `true` if there was one.
    pub(crate) fn clear(&mut self, holder: Holder) -> bool {
        let value = self.values.remove(&holder);
        let was_there = value.is_some();
        self.unused.extend(value);
        was_there
    }

    /// Takes note of an event that the application gets.
    pub(crate) fn handle_taken(&mut self, event: &Event) {
        if let Some(holder) = self.leaving.take() {
            self.clear(holder);
        }
        self.leaving = Holder::closed_by(event).filter(|holder| self.values.contains_key(holder));
    }

    /// Takes note of an event that the application will not get.
    pub(crate) fn handle_dropped(&mut self, event: &Event) {
        if let Some(holder) = Holder::closed_by(event) {
            self.clear(holder);
        }
    }

    /// The values that are to be dropped.
    pub(crate) fn take_unused(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.unused)
    }

    pub(crate) fn has_unused(&self) -> bool {
        !self.unused.is_empty()
    }
}
