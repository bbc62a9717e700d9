//! A plain loop on `poll`, which is told each time what to wait for, and tells what is so.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use bytes::Bytes;
use rtspan_core::ConnId;
use rtspan_core::check::Waits;
use rtspan_core::udp::{DatagramSink, Port};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::application::{Application, Sockets};
use crate::udp::{has_left, place};

#[derive(Default)]
struct Polled {
    /// Each with the directions in which it would have blocked since the last wait.
    tcp: BTreeMap<ConnId, (TcpStream, Waits)>,
    udp: Option<[(UdpSocket, Waits); 2]>,
}

pub(crate) fn run(
    listener: TcpListener,
    mut app: Application<'_>,
    listening: impl FnOnce(),
) -> io::Result<()> {
    let mut sockets = Polled::default();
    listening();
    loop {
        let timeout = app.poll_timeout().and_then(|at| Timespec::try_from(at.since(app.now())).ok());
        sockets.wait(&listener, timeout)?;
        sockets.accept(&listener, &mut app)?;
        app.handle(&mut sockets)?;
    }
}

impl Polled {
    /// Waits for the sockets that would have blocked since the last wait: nothing else was wanted.
    fn wait(&mut self, listener: &TcpListener, timeout: Option<Timespec>) -> io::Result<()> {
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(self.tcp.values().map(|(socket, waits)| PollFd::new(socket, flags(*waits))));
        fds.extend(self.udp.iter().flatten().map(|(socket, waits)| PollFd::new(socket, flags(*waits))));
        match poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            polled => drop(polled?),
        }
        let waits = self.tcp.values_mut().map(|(_, waits)| waits);
        waits
            .chain(self.udp.iter_mut().flatten().map(|(_, waits)| waits))
            .for_each(|waits| *waits = Waits::default());
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener, app: &mut Application<'_>) -> io::Result<()> {
        loop {
            let (socket, peer) = match listener.accept() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                accepted => accepted?,
            };
            socket.set_nonblocking(true)?;
            let Some(id) = app.open(peer) else { continue };
            self.tcp.insert(id, (socket, Waits::default()));
        }
    }
}

/// Runs an operation on a socket, and notes if it is to be waited for.
fn attempt<T>(waits: &mut bool, operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let result = operation();
    *waits |= result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    result
}

fn flags(waits: Waits) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, waits.read);
    flags.set(PollFlags::OUT, waits.write);
    flags
}

impl Sockets for Polled {
    fn read(&mut self, id: ConnId, into: &mut [u8]) -> io::Result<usize> {
        let (socket, waits) = self.tcp.get_mut(&id).ok_or(ErrorKind::NotConnected)?;
        attempt(&mut waits.read, || socket.read(into))
    }

    fn write(&mut self, id: ConnId, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let (socket, waits) = self.tcp.get_mut(&id).ok_or(ErrorKind::NotConnected)?;
        attempt(&mut waits.write, || socket.write_vectored(from))
    }

    fn close(&mut self, id: ConnId) {
        self.tcp.remove(&id);
    }

    fn take_udp(&mut self, sockets: [UdpSocket; 2]) -> io::Result<()> {
        self.udp = Some(sockets.map(|socket| (socket, Waits::default())));
        Ok(())
    }

    fn receive_from(&mut self, port: Port, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (socket, waits) = &mut self.udp.as_mut().ok_or(ErrorKind::WouldBlock)?[place(port)];
        attempt(&mut waits.read, || socket.recv_from(into))
    }

    fn waits(&self, id: ConnId) -> Waits {
        self.tcp.get(&id).map(|(_, waits)| *waits).unwrap_or_default()
    }

    fn udp_waits(&self) -> Waits {
        let pair = self.udp.iter().flatten();
        pair.fold(Waits { read: true, write: false }, |all, (_, waits)| Waits {
            read: all.read && waits.read,
            write: all.write || waits.write,
        })
    }
}

impl DatagramSink for Polled {
    fn send(&mut self, port: Port, _: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        let Some(pair) = &mut self.udp else { return true };
        let (socket, waits) = &mut pair[place(port)];
        has_left(attempt(&mut waits.write, || socket.send_to(datagram, to)))
    }
}
