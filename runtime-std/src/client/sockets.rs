use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use rtspan_core::client::{Client, ClientSink};
use rtspan_core::tls::TlsError;
use rtspan_core::udp::{DatagramSink, GroupSpec, Port, UdpOpenError, UdpSpec};
use rtspan_core::{Instant, UdpId};

use crate::link::Link;
use crate::net::{Interface, SocketOptions, UdpPair, bind_group, bind_pair, is_transient};
use crate::runtime::{Direction, Runtime, TcpSocket, UdpSocket};
use crate::trace;

/// Calls to the system that write, in one go.
const WRITES: usize = 16;
/// Pieces of messages and frames that are handed to the system in one call.
const SLICES: usize = 64;
/// Calls to the system that receive datagrams, in one go.
const BURSTS: usize = 4;
/// Calls to the system that receive what came before the end of the connection.
const DRAIN_BURSTS: usize = 64;

/// The sockets of a client.
pub(super) struct Sockets<R: Runtime> {
    tcp: Option<Link<R::Tcp>>,
    /// The socket had no room; the system has not said since that it has.
    blocked: bool,
    /// The error that has ended the connection.
    failed: Option<io::Error>,
    udp: Vec<(UdpId, UdpPair<R::Udp>)>,
    options: SocketOptions,
    /// The interface that groups are joined on, or that of the connection.
    interface: Option<Interface>,
}

/// The outcome of a look at the sockets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// They are empty, and tell when something comes.
    Done,
    /// There may be more.
    Again,
    /// The connection is at its end, which is still to be [taken note of](Sockets::end).
    End,
}

/// The operations of handles on the sockets, on whichever runtime the client is.
pub(super) trait Receive: Send {
    /// Reads what has come, a bounded amount of it.
    fn receive(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant) -> Look;

    /// Sends what there is as far as it goes at once, and waits for nothing: nobody may come back.
    fn send_last(&mut self, core: &mut Client, now: Instant);
}

impl<R: Runtime> Receive for Sockets<R> {
    fn receive(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant) -> Look {
        let look = self.read(cx, core, now);
        let mut more = false;
        for (id, pair) in &mut self.udp {
            let id = *id;
            let received = pair.poll_receive(cx, BURSTS, |port, from, data| {
                core.handle_datagram(now, id, port, from, data);
            });
            more |= received.is_ready();
        }
        if more && look == Look::Done { Look::Again } else { look }
    }

    fn send_last(&mut self, core: &mut Client, now: Instant) {
        core.flush(now, &mut Pairs { all: &mut self.udp, has_sent: false });
        for (_, pair) in &mut self.udp {
            pair.flush();
        }
        for _ in 0..WRITES {
            let Some(socket) = self.tcp.as_mut().filter(|_| core.wants_write()) else { return };
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = core.io_slices(&mut slices);
            match socket.try_write_vectored(&slices[..filled]) {
                Ok(n) if n > 0 => core.handle_written(now, n),
                _ => return,
            }
        }
    }
}

impl<R: Runtime> Sockets<R> {
    pub(super) fn new(options: SocketOptions, interface: Option<Interface>) -> Self {
        Self { tcp: None, blocked: false, failed: None, udp: Vec::new(), options, interface }
    }

    pub(super) fn connect(&mut self, mut link: Link<R::Tcp>) {
        if let Some((socket, dscp)) = link.socket().zip(self.options.dscp) {
            // Where it fails its packets go as all others.
            let _ = socket.set_dscp(dscp);
        }
        self.tcp = Some(link);
        self.blocked = false;
    }

    pub(super) fn disconnect(&mut self) {
        if let Some(mut link) = self.tcp.take() {
            link.say_last();
        }
    }

    /// Tells the client of the end of the connection.
    pub(super) fn end(&mut self, core: &mut Client, now: Instant) {
        self.tcp = None;
        // Datagrams that were sent before the end belong before it: the goodbyes of the medias tell that it is a good one.
        for (id, pair) in &mut self.udp {
            pair.drain(DRAIN_BURSTS, |port, from, data| core.handle_datagram(now, *id, port, from, data));
        }
        match self.failed.take() {
            Some(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
                Some(error) => core.handle_tls_failed(now, error.clone()),
                None => core.handle_io_failed(now, error.into()),
            },
            None => core.handle_closed(now),
        }
    }

    /// Has this task not be woken for what the connection brings while another task on another thread waits for it, or again be.
    /// Returns `true` if it is not woken.
    pub(super) fn leave_to_others(&mut self, is_left: bool) -> bool {
        let socket = self.tcp.as_mut().and_then(Link::socket);
        socket.is_some_and(|socket| socket.leave_to_others(is_left))
    }

    pub(super) fn open_udp(
        &mut self,
        runtime: &R,
        id: UdpId,
        spec: &UdpSpec,
    ) -> Result<(u16, u16), UdpOpenError> {
        let (sockets, ports) = bind_pair(runtime, spec)?;
        self.add_pair(id, sockets)?;
        Ok(ports)
    }

    pub(super) fn join_group(
        &mut self,
        runtime: &R,
        id: UdpId,
        spec: &GroupSpec,
    ) -> Result<(u16, u16), UdpOpenError> {
        let of_connection = || {
            let local = self.tcp.as_mut()?.socket()?.local_addr().ok()?;
            Some(Interface::of(local))
        };
        let interface = self.interface.clone().or_else(of_connection);
        self.add_pair(id, bind_group(runtime, spec, interface)?)?;
        Ok(spec.ports)
    }

    fn add_pair(&mut self, id: UdpId, sockets: [R::Udp; 2]) -> Result<(), UdpOpenError> {
        let pair = UdpPair::new(sockets, self.options).map_err(|error| UdpOpenError::Io(error.into()))?;
        self.udp.push((id, pair));
        Ok(())
    }

    pub(super) fn close_udp(&mut self, id: UdpId) {
        self.udp.retain(|(own, _)| *own != id);
    }

    /// Writes messages and frames, a bounded number of times. Returns `true` if some were written.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant) -> bool {
        let mut written = false;
        for _ in 0..WRITES {
            let Some(socket) = &mut self.tcp else { break };
            // The next read tells of a failure.
            if !matches!(socket.poll_flush(cx), Poll::Ready(Ok(()))) || !core.wants_write() {
                break;
            }
            if self.blocked && socket.poll_ready(cx, Direction::Write).is_pending() {
                break;
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = core.io_slices(&mut slices);
            match socket.try_write_vectored(&slices[..filled]) {
                Ok(n) if n > 0 => {
                    trace::moved("written", n);
                    core.handle_written(now, n);
                    self.blocked = false;
                    written = true;
                }
                Err(error) if is_transient(&error) => self.blocked = true,
                // Bytes that the server sent before it went are still to be read; reading tells of the end.
                _ => break,
            }
        }
        written
    }

    /// Sends datagrams. Returns whether some were sent, and whether there may be room for more.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant) -> (bool, bool) {
        if self.udp.is_empty() {
            return (false, false);
        }
        let mut pairs = Pairs { all: &mut self.udp, has_sent: false };
        let stopped = core.flush(now, &mut pairs);
        let (has_sent, mut again) = (pairs.has_sent, false);
        for (_, pair) in &mut self.udp {
            let sent = pair.poll_send(cx, |_| false);
            again |= stopped && sent.is_ready();
            pair.take_too_big().for_each(|(_, bytes)| core.handle_too_big(now, bytes));
        }
        (has_sent, again)
    }

    fn read(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant) -> Look {
        let Some(socket) = self.tcp.as_mut().filter(|_| core.wants_read()) else { return Look::Done };
        let Poll::Ready(ready) = socket.poll_ready(cx, Direction::Read) else { return Look::Done };
        let mut is_full = false;
        let read = core.read_with(now, |into| {
            let read = ready.and_then(|()| socket.try_read_buf(into));
            is_full = into.len() == into.capacity();
            read
        });
        if let Ok(n) = read {
            trace::moved("read", n);
        }
        match read {
            // Most often less has come than there was room for, and the socket waits for more already.
            Ok(n) if n > 0 && !is_full && socket.poll_ready(cx, Direction::Read).is_pending() => Look::Done,
            Ok(n) if n > 0 => Look::Again,
            Err(error) if is_transient(&error) => Look::Again,
            Err(error) => {
                self.failed = Some(error);
                Look::End
            }
            Ok(_) => Look::End,
        }
    }
}

/// All UDP sockets of a client.
struct Pairs<'a, U> {
    all: &'a mut Vec<(UdpId, UdpPair<U>)>,
    has_sent: bool,
}

impl<U: UdpSocket> ClientSink for Pairs<'_, U> {
    fn send(&mut self, id: UdpId, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        let is_taken = match self.all.iter_mut().find(|(own, _)| *own == id) {
            Some((_, pair)) => pair.send(port, None, to, datagram),
            // Its sockets are closed: it is lost, as datagrams are.
            None => true,
        };
        self.has_sent |= is_taken;
        is_taken
    }
}
