use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use rtspan_core::client::{Client, ClientOutput, ClientSink, ConnectError};
use rtspan_core::limits::TEARDOWN_DEADLINE;
use rtspan_core::udp::{DatagramSink, Port, UdpOpenError, UdpSpec};
use rtspan_core::{Instant, UdpId};

use super::shared::{Shared, State};
use crate::alarm::Alarm;
use crate::clock;
use crate::net::{UdpPair, bind_pair};
use crate::runtime::{Direction, Runtime, Socket, TcpSocket, UdpSocket};

/// How often the driver goes round before it lets others run.
const ROUNDS: usize = 16;
/// Pieces of messages and frames that are handed to the system in one call.
const SLICES: usize = 64;
/// Calls to the system that receive datagrams, in one round.
const BURSTS: usize = 4;
/// Calls to the system that receive what came before the end of the connection.
const DRAIN_BURSTS: usize = 64;

type Connecting<T> = Pin<Box<dyn Future<Output = Result<(T, SocketAddr), ConnectError>> + Send>>;

/// Drives a client until it is closed, or torn down because its last handle is gone.
pub(crate) fn drive<R: Runtime>(runtime: R, shared: Arc<Shared>) -> impl Future<Output = ()> + Send + use<R> {
    let mut driver = Driver {
        alarm: Alarm::new(runtime.timer()),
        runtime,
        shared: Leave(shared),
        connecting: None,
        socket: None,
        blocked: false,
        udp: Vec::new(),
        limit: None,
    };
    async move { poll_fn(|cx| driver.poll(cx)).await }
}

/// Tells the handles when the driver is gone, however that comes.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct Driver<R: Runtime> {
    runtime: R,
    shared: Leave,
    connecting: Option<Connecting<R::Tcp>>,
    socket: Option<R::Tcp>,
    /// The socket had no room; the system has not said since that it has.
    blocked: bool,
    udp: Vec<(UdpId, UdpPair<R::Udp>)>,
    alarm: Alarm<R::Timer>,
    /// When a client that nobody holds stops waiting for the answer to its TEARDOWN.
    limit: Option<Instant>,
}

/// What a round came to.
#[derive(Default)]
struct Round {
    /// There may be more to do at once.
    again: bool,
    /// Something has changed for those who wait.
    news: bool,
    /// Something has been sent.
    room: bool,
    done: bool,
}

impl<R: Runtime> Driver<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.shared.0);
        shared.driver.register(cx);
        for _ in 0..ROUNDS {
            let round = self.round(cx, &mut shared.state());
            if round.news {
                shared.waiters.wake_all();
            }
            if round.done {
                return Poll::Ready(());
            }
            if !round.again {
                return Poll::Pending;
            }
            if round.news {
                // Whoever waits is to have what has come while it is in the cache, and room is to be read into again.
                break;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Does a bounded amount of everything.
    fn round(&mut self, cx: &mut Context<'_>, state: &mut State) -> Round {
        let mut round = Round::default();
        let now = clock::now();
        if state.abandoned && self.limit.is_none() {
            self.limit = Some(now + TEARDOWN_DEADLINE);
            // One that is closed already needs no goodbye.
            let _ = state.core.teardown(now);
        }
        self.poll_connecting(cx, &mut state.core, &mut round);
        self.read(cx, &mut state.core, now, &mut round);
        self.receive(cx, &mut state.core, now, &mut round);
        self.take_outputs(cx, state, now, &mut round);
        // Datagrams first: servers forget what comes after TEARDOWN.
        self.send(cx, &mut state.core, &mut round);
        self.write(cx, &mut state.core, now, &mut round);
        round.news |= state.core.has_packets() || (round.room && std::mem::take(&mut state.starved));
        if state.closed.is_some() || self.limit.is_some_and(|limit| now >= limit) {
            return Round { done: true, ..round };
        }
        let deadline = state.core.poll_timeout().into_iter().chain(self.limit).min();
        if self.alarm.is_due(cx, deadline) {
            state.core.handle_timeout(clock::now());
            round.again = true;
        }
        round
    }

    fn poll_connecting(&mut self, cx: &mut Context<'_>, core: &mut Client, round: &mut Round) {
        let Some(connecting) = &mut self.connecting else { return };
        let Poll::Ready(connected) = connecting.as_mut().poll(cx) else { return };
        self.connecting = None;
        let connected = connected.map(|(socket, peer)| {
            self.socket = Some(socket);
            self.blocked = false;
            peer
        });
        core.handle_connected(clock::now(), connected);
        round.again = true;
    }

    fn read(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant, round: &mut Round) {
        let Some(socket) = self.socket.as_mut().filter(|_| core.wants_read()) else { return };
        let Poll::Ready(ready) = socket.poll_ready(cx, Direction::Read) else { return };
        let mut is_full = false;
        let read = core.read_with(now, |into| {
            let read = ready.and_then(|()| socket.try_read_buf(into));
            is_full = into.len() == into.capacity();
            read
        });
        match read {
            Ok(n) if n > 0 => {
                // Most often less has come than there was room for, and the socket waits for more already.
                round.again |= is_full || socket.poll_ready(cx, Direction::Read).is_ready();
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                round.again = true;
            }
            _ => {
                round.again = true;
                self.socket = None;
                // What was sent before the end belongs before it: the goodbyes of the medias tell that it is a good one.
                self.drain(core, now);
                core.handle_closed(now);
            }
        }
    }

    /// Receives the datagrams that have come, whether the system has told of them yet or not.
    fn drain(&mut self, core: &mut Client, now: Instant) {
        for (id, pair) in &mut self.udp {
            pair.drain(DRAIN_BURSTS, |port, from, data| core.handle_datagram(now, *id, port, from, data));
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant, round: &mut Round) {
        for (id, pair) in &mut self.udp {
            let received = pair.poll_receive(cx, BURSTS, |port, from, data| {
                core.handle_datagram(now, *id, port, from, data);
            });
            round.again |= received.is_ready();
        }
    }

    fn take_outputs(&mut self, cx: &mut Context<'_>, state: &mut State, now: Instant, round: &mut Round) {
        while let Some(output) = state.core.poll_output() {
            round.again = true;
            match output {
                ClientOutput::Connect { secure: true, .. } => {
                    state.core.handle_connected(now, Err(ConnectError::Tls));
                }
                ClientOutput::Connect { host, port, .. } => {
                    self.connecting = Some(Box::pin(connect(self.runtime.clone(), host, port)));
                }
                ClientOutput::Disconnect => {
                    self.send(cx, &mut state.core, round);
                    self.write(cx, &mut state.core, now, round);
                    self.connecting = None;
                    self.socket = None;
                }
                ClientOutput::OpenUdp(id, spec) => {
                    let opened = self.open_udp(id, &spec);
                    state.core.handle_udp_opened(now, id, opened);
                }
                ClientOutput::CloseUdp(id) => {
                    self.send(cx, &mut state.core, round);
                    self.udp.retain(|(own, _)| *own != id);
                }
                ClientOutput::Event(event) => {
                    state.handle_event(event);
                    round.news = true;
                }
                _ => {}
            }
        }
    }

    fn open_udp(&mut self, id: UdpId, spec: &UdpSpec) -> Result<(u16, u16), UdpOpenError> {
        let (sockets, ports) = bind_pair(spec)?;
        let pair = UdpPair::new(&self.runtime, sockets).map_err(|error| UdpOpenError::Io(error.kind()))?;
        self.udp.push((id, pair));
        Ok(ports)
    }

    fn write(&mut self, cx: &mut Context<'_>, core: &mut Client, now: Instant, round: &mut Round) {
        for _ in 0..ROUNDS {
            let Some(socket) = self.socket.as_mut().filter(|_| core.wants_write()) else { return };
            if self.blocked && socket.poll_ready(cx, Direction::Write).is_pending() {
                return;
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = core.io_slices(&mut slices);
            match socket.try_write_vectored(&slices[..filled]) {
                Ok(n) if n > 0 => {
                    core.handle_written(now, n);
                    self.blocked = false;
                    (round.again, round.room) = (true, true);
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    self.blocked = true;
                }
                // What the server said before it went is still to be read; reading tells of the end.
                _ => return,
            }
        }
        round.again = true;
    }

    fn send(&mut self, cx: &mut Context<'_>, core: &mut Client, round: &mut Round) {
        if self.udp.is_empty() {
            return;
        }
        let stopped = core.flush(&mut Pairs(&mut self.udp));
        round.room |= !stopped;
        for (_, pair) in &mut self.udp {
            let sent = pair.poll_send(cx, |_| false);
            round.again |= stopped && sent.is_ready();
        }
    }
}

/// All UDP sockets of a client.
struct Pairs<'a, U>(&'a mut Vec<(UdpId, UdpPair<U>)>);

impl<U: UdpSocket> ClientSink for Pairs<'_, U> {
    fn send(&mut self, id: UdpId, port: Port, to: SocketAddr, datagram: &Bytes) -> bool {
        match self.0.iter_mut().find(|(own, _)| *own == id) {
            Some((_, pair)) => pair.send(port, to, datagram),
            // Its sockets are closed: it is lost, as datagrams are.
            None => true,
        }
    }
}

/// Connects to the first address of a host that answers.
async fn connect<R: Runtime>(
    runtime: R,
    host: String,
    port: u16,
) -> Result<(R::Tcp, SocketAddr), ConnectError> {
    let addrs = runtime.resolve(host, port).await.map_err(|_| ConnectError::Unresolved)?;
    let mut failure = ConnectError::Unresolved;
    for addr in addrs {
        match runtime.connect(addr).await {
            Ok(socket) => {
                // It costs latency where it fails, nothing else.
                let _ = socket.set_nodelay();
                return Ok((socket, addr));
            }
            Err(error) => failure = ConnectError::Io(error.kind()),
        }
    }
    Err(failure)
}
