//! A check for tests of event loops: tells what a loop has forgotten when it goes to sleep.

mod neglect;

pub use neglect::{Driven, Forgotten, Neglect};

use std::time::Duration;

use crate::Instant;
use crate::client::Client;
use crate::conn::{ConnRx, ConnTx};
use crate::header::Lower;
use crate::limits::NEGLECTS_MAX;
use crate::server::Server;
use crate::stream::Streams;
use crate::udp::UdpMedia;

/// Looks at the state machines of an event loop right before it waits, and notes what it has forgotten to call.
///
/// It is for tests. It only reads, so that a loop behaves the same with it and without it, and costs nothing where it is not
/// used. `docs/event-loop.md` says what has to be called when.
///
/// ```
/// use rtspan_core::Instant;
/// use rtspan_core::check::{Driven, DriverCheck, Forgotten};
/// use rtspan_core::server::{Server, ServerConfig};
///
/// let mut server = Server::new(ServerConfig::default(), [1; 32]);
/// let conn = server.open_conn(Instant::ZERO, "192.0.2.1:40000".parse()?)?;
///
/// // The loop goes to sleep for as long as nothing happens, and has not read what the server says.
/// let mut check = DriverCheck::new();
/// check.look(Instant::ZERO, None).server(&server);
/// let neglect = &check.found()[0];
/// assert_eq!((neglect.of, neglect.forgotten), (Driven::Server, Forgotten::Outputs));
/// assert_eq!(
///     neglect.to_string(),
///     "at 0 s, server: poll_output is to be called until it returns None"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DriverCheck {
    margin: Duration,
    found: Vec<Neglect>,
}

/// The ways in which a loop is told of a socket that it waits for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waits {
    /// It is woken when there is something to read.
    pub read: bool,
    /// It is woken when there is room to write.
    pub write: bool,
}

impl Default for DriverCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl DriverCheck {
    /// A check that takes a deadline for missed a second after it.
    pub const fn new() -> Self {
        Self { margin: Duration::from_secs(1), found: Vec::new() }
    }

    /// Sets how late a loop may be.
    #[must_use]
    pub const fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Begins a look, at `now`, of a loop that is about to wait until `until`, or for sockets only.
    pub fn look(&mut self, now: Instant, until: Option<Instant>) -> Look<'_> {
        Look { check: self, now, until }
    }

    /// All that was forgotten, in the order in which it was found; each thing once, and [`NEGLECTS_MAX`] at most.
    pub fn found(&self) -> &[Neglect] {
        &self.found
    }
}

/// One look of a [`DriverCheck`]: the loop shows it all that it drives.
#[derive(Debug)]
pub struct Look<'a> {
    check: &'a mut DriverCheck,
    now: Instant,
    until: Option<Instant>,
}

impl Look<'_> {
    /// Looks at a server.
    pub fn server(&mut self, server: &Server) -> &mut Self {
        let of = Driven::Server;
        self.note(server.has_outputs(), of, Forgotten::Outputs);
        self.deadline(of, server.poll_timeout().filter(|_| !server.has_outputs()));
        self
    }

    /// Looks at the two halves of a connection, and the waits for its socket.
    pub fn conn(&mut self, rx: &ConnRx, tx: &ConnTx, waits: Waits, streams: &dyn Streams) -> &mut Self {
        let of = Driven::Conn(rx.id());
        self.note(!rx.is_dry(), of, Forgotten::Input);
        self.note(rx.is_dry() && rx.wants_read() && !waits.read, of, Forgotten::Read);
        self.note(tx.has_reports(), of, Forgotten::Reports);
        self.note(tx.is_behind(self.now, streams), of, Forgotten::Pull);
        self.note(tx.wants_write() && !waits.write, of, Forgotten::Write);
        self.note(tx.is_finished(), of, Forgotten::Close);
        self.deadline(of, rx.poll_timeout());
        self.deadline(of, tx.poll_timeout());
        self
    }

    /// Looks at a pair of UDP sockets, and the waits for them.
    pub fn udp(&mut self, media: &UdpMedia, waits: Waits, streams: &dyn Streams) -> &mut Self {
        let of = Driven::Udp(media.id());
        self.note(media.has_input(), of, Forgotten::Input);
        self.note(!waits.read, of, Forgotten::Read);
        self.note(!waits.write && media.is_behind(self.now, streams), of, Forgotten::Flush);
        self.deadline(of, media.poll_timeout());
        self
    }

    /// Looks at a client, and the waits for its connection and its UDP sockets.
    pub fn client(&mut self, client: &Client, tcp: Waits, udp: Waits) -> &mut Self {
        let of = Driven::Client;
        let has_udp = client.transport() == Some(Lower::Udp);
        self.note(client.has_outputs(), of, Forgotten::Outputs);
        self.note(client.has_packets(), of, Forgotten::Packets);
        self.note(client.wants_read() && !tcp.read || has_udp && !udp.read, of, Forgotten::Read);
        self.note(client.wants_flush() && !udp.write, of, Forgotten::Flush);
        self.note(client.wants_write() && !tcp.write, of, Forgotten::Write);
        self.deadline(of, client.poll_timeout());
        self
    }

    fn deadline(&mut self, of: Driven, due: Option<Instant>) {
        let Some(due) = due else { return };
        let latest = due + self.check.margin;
        self.note(latest < self.now, of, Forgotten::Timeout { due });
        let sleeps_on = self.until.is_none_or(|until| latest < until);
        self.note(latest >= self.now && sleeps_on, of, Forgotten::Deadline { due });
    }

    fn note(&mut self, is_so: bool, of: Driven, forgotten: Forgotten) {
        let found = &mut self.check.found;
        if !is_so || found.len() >= NEGLECTS_MAX {
            return;
        }
        if !found.iter().any(|known| known.of == of && known.forgotten.is_like(forgotten)) {
            found.push(Neglect { at: self.now, of, forgotten });
        }
    }
}
