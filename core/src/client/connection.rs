//! The side of a client that a runtime drives: connection, datagrams, outputs and clock.

use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;

use super::command::{Running, Wait};
use super::track::{Track, earliest};
use super::{Client, ClientCloseReason, ClientEvent, ClientOutput, ClientSink, ConnectError};
use crate::wire::{Frame, Item, Message, WireError};
use crate::{Instant, Tolerances};

/// The connection.
impl Client {
    /// Takes the result of [`ClientOutput::Connect`]; one that is not waited for is ignored.
    pub fn handle_connected(&mut self, now: Instant, result: Result<SocketAddr, ConnectError>) {
        if !self.link.is_connecting() {
            return;
        }
        match result {
            Ok(peer) => {
                self.link.handle_connected(peer);
                self.connections = self.connections.saturating_add(1);
                self.auth.connected();
                if let Some(running) = self.running.take_if(|running| running.wait == Wait::Connection) {
                    return self.request_teardown(now, running.task);
                }
                self.advance(now);
                self.send_keepalive(now);
            }
            Err(error) => self.connection_failed(now, error),
        }
    }

    /// Takes how the server's side of a tunnel deviates, so that [`tolerances`](Self::tolerances) tells it
    /// ([`Confirmed::tolerances`](crate::tunnel::websocket::Confirmed)).
    pub fn handle_tunnel(&mut self, tolerances: Tolerances) {
        self.tolerances.merge(tolerances);
    }

    /// Takes note of the address that the connection goes from, before [`handle_connected`](Self::handle_connected): the
    /// sockets for media over UDP are bound to it.
    ///
    /// A server sends its media there, and takes no datagrams from another. Without it the system chooses, on a host with
    /// several addresses maybe another one. A link-local address of IPv6 is left to the system, which chooses by the link.
    pub fn set_local_addr(&mut self, local: SocketAddr) {
        let ip = local.ip().to_canonical();
        let is_link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        self.link.local = Some(ip).filter(|_| !is_link_local);
    }

    /// Where to read to; never empty.
    pub fn read_buf(&mut self) -> &mut [u8] {
        self.link.decoder.read_buf()
    }

    /// Returns `true` if there is a connection, and it is to be read.
    ///
    /// Only a recording that plays at the client's pace (`Rate-Control: no`) is not always read: it waits at the server until the
    /// application has taken some of the packets that are here.
    pub fn wants_read(&self) -> bool {
        self.link.is_up() && !self.is_holding_up()
    }

    /// Lends the free part of the buffer to `read`, which appends the bytes that it reads, and takes them. For runtimes that
    /// can read into uninitialised memory.
    ///
    /// This is [`read_buf`](Self::read_buf) and [`handle_read`](Self::handle_read) in one. The capacity is as large as the room
    /// of `read_buf`; append no more than that.
    pub fn read_with<T>(&mut self, now: Instant, read: impl FnOnce(&mut BytesMut) -> T) -> T {
        let before = self.link.decoder.buffered();
        let read = self.link.decoder.read_with(read);
        let n = self.link.decoder.buffered().saturating_sub(before);
        if self.link.is_up() && n > 0 {
            self.handle_bytes(now, n);
        }
        read
    }

    /// Takes `n` bytes that were read into [`read_buf`](Self::read_buf).
    pub fn handle_read(&mut self, now: Instant, n: usize) {
        if !self.link.is_up() {
            return;
        }
        self.link.decoder.handle_read(n);
        if n > 0 {
            self.handle_bytes(now, n);
        }
    }

    fn handle_bytes(&mut self, now: Instant, n: usize) {
        self.moved.bytes_received = self.moved.bytes_received.saturating_add(n as u64);
        self.let_go_on(now);
        self.liveness.handle_heard(now);
        let pushed = self.inbox.pushed();
        self.handle_items(now);
        self.consider_holding_up();
        self.link.decoder.handle_kept(self.inbox.pushed().wrapping_sub(pushed));
    }

    fn handle_items(&mut self, now: Instant) {
        while self.link.is_up() {
            let frame = match self.link.decoder.next_frame() {
                Some(channel) => Frame { channel, payload: self.link.decoder.take_frame() },
                None => match self.poll_item() {
                    Ok(Some(Item::Frame(frame))) => frame,
                    Ok(Some(Item::Message(message))) => {
                        self.handle_message(now, message);
                        continue;
                    }
                    Ok(None) => break,
                    Err(error) => return self.close(now, ClientCloseReason::Wire(error)),
                },
            };
            self.handle_frame(now, frame.channel, frame.payload);
        }
    }

    fn poll_item(&mut self) -> Result<Option<Item>, WireError> {
        let polled = self.link.decoder.poll();
        self.tolerances.merge(self.link.decoder.take_tolerances());
        polled
    }

    fn handle_message(&mut self, now: Instant, message: Message) {
        self.trace_received(&message);
        match message {
            Message::Response(response) => self.handle_response(now, response),
            Message::Request(request) => self.handle_request(now, &request),
        }
    }

    /// Returns `true` if [`io_slices`](Self::io_slices) has something to write.
    pub fn wants_write(&self) -> bool {
        self.held.is_none() && self.link.wants_write()
    }

    /// Fills `slices` with what is to be written, and says how many it filled.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if self.held.is_some() { 0 } else { self.link.io_slices(slices) }
    }

    /// Takes note that `n` bytes were written.
    pub fn handle_written(&mut self, now: Instant, n: usize) {
        self.link.handle_written(now, n);
        self.moved.bytes_sent = self.moved.bytes_sent.saturating_add(n as u64);
        let restart = |running: &mut Running| running.wait == Wait::Written && !self.link.wants_write();
        if let Some(running) = self.running.take_if(restart) {
            self.restart_answered(now, running.task);
        }
    }

    /// Takes note that the system has refused a datagram of so many bytes, because it was too big for the path to the server.
    pub fn handle_too_big(&mut self, now: Instant, bytes: usize) {
        if let Some((packets, bytes)) = self.too_big.handle(now, bytes) {
            self.event(ClientEvent::PacketsTooBig { packets, bytes });
        }
    }

    /// Returns `true` if [`flush`](Self::flush) has datagrams to send that may leave now.
    pub fn wants_flush(&self) -> bool {
        self.datagrams.wants_flush()
    }

    /// Sends datagrams, as many as may leave at once ([`ClientConfig::udp_burst`](super::ClientConfig::udp_burst)), until the
    /// sink takes no more. Returns `true` if it took no more, so that this is to be called again when the socket is writable.
    ///
    /// [`poll_timeout`](Self::poll_timeout) tells when more may leave. Datagrams are to be sent before what is
    /// [written](Self::wants_write): PAUSE and TEARDOWN wait for those that belong before them.
    pub fn flush(&mut self, now: Instant, sink: &mut dyn ClientSink) -> bool {
        let is_blocked = self.datagrams.flush(now, sink);
        self.held.take_if(|held| held.behind <= self.datagrams.sent());
        is_blocked
    }

    /// Returns `true` if [`poll_output`](Self::poll_output) has something.
    pub fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// The next thing to be done, or to be told to the application.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; `None` while nothing is waited for.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.link.is_closed() {
            return None;
        }
        let running = self.running.as_ref().map(Running::poll_timeout);
        let deadlines = [
            self.link.poll_timeout(),
            running,
            self.keepalive_deadline(),
            self.silence_deadline(),
            self.reconnect_deadline(),
            self.datagrams.poll_timeout(),
            self.held.as_ref().map(|held| held.until),
        ];
        let tracks = self.tracks.iter().map(Track::poll_timeout);
        deadlines.into_iter().chain(tracks).fold(None, earliest)
    }

    /// Does what is due at `now`; a call too early or too late does no harm.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.let_go_on(now);
        if self.link.is_over(now) {
            if !self.link.is_connecting() {
                return self.close(now, ClientCloseReason::Stalled);
            }
            self.outputs.push_back(ClientOutput::Disconnect);
            self.connection_failed(now, ConnectError::Timeout(Vec::new()));
        }
        self.datagrams.handle_timeout(now);
        self.held.take_if(|held| held.until <= now);
        self.expire_command(now);
        self.expire_media(now);
        self.send_keepalive(now);
        self.check_silence(now);
        self.advance(now);
    }
}
