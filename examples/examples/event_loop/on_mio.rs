//! A loop on `mio`, which tells of changes only: a socket that is ready stays so until it would block.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};

use bytes::Bytes;
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use rtspan_core::ConnId;
use rtspan_core::check::Waits;
use rtspan_core::udp::{DatagramSink, Port};

use crate::application::{Application, Sockets};
use crate::udp::{has_left, place};

const LISTENER: Token = Token(usize::MAX);
const UDP: [Token; 2] = [Token(usize::MAX - 1), Token(usize::MAX - 2)];

struct Mio {
    poll: Poll,
    tcp: BTreeMap<ConnId, Ready<TcpStream>>,
    udp: Option<[Ready<UdpSocket>; 2]>,
}

/// A socket and what mio has told of it.
struct Ready<S> {
    socket: S,
    readable: bool,
    writable: bool,
}

pub(crate) fn run(
    listener: StdTcpListener,
    mut app: Application<'_>,
    listening: impl FnOnce(),
) -> io::Result<()> {
    let mut mio = Mio { poll: Poll::new()?, tcp: BTreeMap::new(), udp: None };
    let mut listener = TcpListener::from_std(listener);
    mio.poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    listening();
    let mut events = Events::with_capacity(256);
    loop {
        let timeout = app.poll_timeout().map(|at| at.since(app.now()));
        match mio.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                LISTENER => mio.accept(&listener, &mut app)?,
                token => mio.note(token, event.is_readable() || event.is_error(), event.is_writable()),
            }
        }
        app.handle(&mut mio)?;
    }
}

impl Mio {
    fn accept(&mut self, listener: &TcpListener, app: &mut Application<'_>) -> io::Result<()> {
        loop {
            let (mut socket, peer) = match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                accepted => accepted?,
            };
            let Some(id) = app.open(peer) else { continue };
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(id.index()), both)?;
            self.tcp.insert(id, Ready { socket, readable: true, writable: true });
        }
    }

    fn note(&mut self, token: Token, readable: bool, writable: bool) {
        if let Some(place) = UDP.iter().position(|own| *own == token) {
            if let Some(pair) = &mut self.udp {
                pair[place].readable |= readable;
                pair[place].writable |= writable;
            }
            return;
        }
        // Indices are used again: at worst this wakes another connection for nothing.
        if let Some((_, conn)) = self.tcp.iter_mut().find(|(id, _)| Token(id.index()) == token) {
            conn.readable |= readable;
            conn.writable |= writable;
        }
    }
}

/// Runs an operation on a socket that is ready, and notes if it is not any more.
fn attempt<T>(ready: &mut bool, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    if !*ready {
        return Err(ErrorKind::WouldBlock.into());
    }
    let result = operation();
    *ready = !result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    result
}

impl Sockets for Mio {
    fn read(&mut self, id: ConnId, into: &mut [u8]) -> io::Result<usize> {
        let Ready { socket, readable, .. } = self.tcp.get_mut(&id).ok_or(ErrorKind::NotConnected)?;
        attempt(readable, || socket.read(into))
    }

    fn write(&mut self, id: ConnId, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let Ready { socket, writable, .. } = self.tcp.get_mut(&id).ok_or(ErrorKind::NotConnected)?;
        attempt(writable, || socket.write_vectored(from))
    }

    fn close(&mut self, id: ConnId) {
        self.tcp.remove(&id);
    }

    fn take_udp(&mut self, sockets: [StdUdpSocket; 2]) -> io::Result<()> {
        let mut pair = sockets.map(|socket| Ready {
            socket: UdpSocket::from_std(socket),
            readable: true,
            writable: true,
        });
        for (Ready { socket, .. }, token) in pair.iter_mut().zip(UDP) {
            self.poll.registry().register(socket, token, Interest::READABLE | Interest::WRITABLE)?;
        }
        self.udp = Some(pair);
        Ok(())
    }

    fn receive_from(&mut self, port: Port, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let pair = self.udp.as_mut().ok_or(ErrorKind::WouldBlock)?;
        let Ready { socket, readable, .. } = &mut pair[place(port)];
        attempt(readable, || socket.recv_from(into))
    }

    fn waits(&self, id: ConnId) -> Waits {
        let conn = self.tcp.get(&id);
        conn.map(|conn| Waits { read: !conn.readable, write: !conn.writable }).unwrap_or_default()
    }

    fn udp_waits(&self) -> Waits {
        let pair = self.udp.iter().flatten();
        let (readable, full) = pair.fold((false, false), |(readable, full), socket| {
            (readable || socket.readable, full || !socket.writable)
        });
        Waits { read: !readable, write: full }
    }
}

impl DatagramSink for Mio {
    fn send(&mut self, port: Port, _: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        let Some(pair) = &mut self.udp else { return true };
        let Ready { socket, writable, .. } = &mut pair[place(port)];
        has_left(attempt(writable, || socket.send_to(datagram, to)))
    }
}
