use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;

use super::Shared;
use super::tcp::Side;
use super::world::World;
use crate::net::{Datagrams, Dscp, Interface, Membership, SocketRef};
use crate::runtime::{Direction, Listener, Socket, TcpSocket, UdpSocket};

/// A connected TCP socket of a simulated world.
#[derive(Debug)]
pub struct SimTcp {
    shared: Arc<Shared>,
    id: u64,
    side: Side,
}

impl SimTcp {
    pub(super) async fn connect(shared: &Arc<Shared>, host: usize, to: SocketAddr) -> io::Result<Self> {
        let id = shared.enter(|world| world.connect(host, to))?;
        let socket = Self { shared: Arc::clone(shared), id, side: Side::Asking };
        poll_fn(|cx| socket.shared.enter(|world| world.poll_connect(id, cx))).await?;
        Ok(socket)
    }

    /// Reads what is there, and waits until there is something; 0 at the end.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                if self.poll_ready(cx, Direction::Read)?.is_pending() {
                    return Poll::Pending;
                }
                match self.try_read(into) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            }
        })
        .await
    }

    /// Writes all of it, and waits while there is no room.
    ///
    /// # Errors
    ///
    /// The connection is broken.
    pub async fn write_all(&mut self, mut from: &[u8]) -> io::Result<()> {
        poll_fn(|cx| {
            while !from.is_empty() {
                if self.poll_ready(cx, Direction::Write)?.is_pending() {
                    return Poll::Pending;
                }
                match self.try_write_vectored(&[IoSlice::new(from)]) {
                    Ok(written) => from = from.get(written..).unwrap_or_default(),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Ends the connection at once, as a peer does that is killed in the middle of something.
    pub fn reset(self) {
        self.shared.enter(|world| world.reset(self.id, self.side));
    }
}

impl Socket for SimTcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let reads = direction == Direction::Read;
        self.shared.enter(|world| world.poll_tcp(self.id, self.side, cx, reads)).map(Ok)
    }
}

impl TcpSocket for SimTcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.shared.enter(|world| world.read_tcp(self.id, self.side, into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        let begin = into.len();
        into.resize(into.capacity(), 0);
        let room = into.get_mut(begin..).unwrap_or_default();
        let read = self.shared.enter(|world| world.read_tcp(self.id, self.side, room));
        into.truncate(begin + read.as_ref().copied().unwrap_or_default());
        read
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.shared.enter(|world| world.write_tcp(self.id, self.side, from))
    }

    fn shutdown(&self) -> io::Result<()> {
        self.shared.enter(|world| world.shut_down(self.id, self.side))
    }

    fn set_nodelay(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_keepalive(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_dscp(&self, _: Dscp) -> io::Result<()> {
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        let end = |world: &mut World| world.tcp.get(&self.id).map(|tcp| tcp.end(self.side).peer);
        self.shared.enter(end).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let end = |world: &mut World| world.tcp.get(&self.id).map(|tcp| tcp.end(self.side).local);
        self.shared.enter(end).ok_or_else(|| ErrorKind::NotConnected.into())
    }
}

impl Drop for SimTcp {
    fn drop(&mut self) {
        self.shared.enter(|world| world.close_tcp(self.id, self.side));
    }
}

/// A listening socket of a simulated world.
#[derive(Debug)]
pub struct SimListener {
    shared: Arc<Shared>,
    id: u64,
}

impl SimListener {
    pub(super) fn new(shared: &Arc<Shared>, host: usize, at: SocketAddr) -> io::Result<Self> {
        let id = shared.enter(|world| world.listen(host, at))?;
        Ok(Self { shared: Arc::clone(shared), id })
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// The host has as many sockets as it may have.
    pub async fn accept(&mut self) -> io::Result<(SimTcp, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl Listener for SimListener {
    type Tcp = SimTcp;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let local = |world: &mut World| world.listening.get(&self.id).map(|own| own.local);
        self.shared.enter(local).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(SimTcp, SocketAddr)>> {
        let accepted = self.shared.enter(|world| world.accept(self.id, cx));
        accepted.map_ok(|(id, peer)| {
            (SimTcp { shared: Arc::clone(&self.shared), id, side: Side::Accepting }, peer)
        })
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.shared.enter(|world| world.stop_listening(self.id));
    }
}

/// A bound UDP socket of a simulated world.
#[derive(Debug)]
pub struct SimUdp {
    shared: Arc<Shared>,
    id: u64,
}

impl SimUdp {
    pub(super) fn new(shared: &Arc<Shared>, host: usize, at: SocketAddr) -> io::Result<Self> {
        let id = shared.enter(|world| world.bind_udp(host, at))?;
        Ok(Self { shared: Arc::clone(shared), id })
    }

    /// Waits for a datagram; tells its length and its sender.
    ///
    /// # Errors
    ///
    /// None, as long as the socket is there.
    pub async fn recv_from(&mut self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| {
            loop {
                if self.poll_ready(cx, Direction::Read)?.is_pending() {
                    return Poll::Pending;
                }
                match self.try_io(Direction::Read, |_| self.try_recv_from(into)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    received => return Poll::Ready(received),
                }
            }
        })
        .await
    }
}

impl Socket for SimUdp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        self.shared.enter(|world| {
            let World { udp, to_drop, is_rough, chance, .. } = world;
            let Some(udp) = udp.get_mut(&self.id) else { return Poll::Ready(Ok(())) };
            let readiness = match direction {
                Direction::Read => &mut udp.read,
                Direction::Write => &mut udp.write,
            };
            if !readiness.is_ready {
                World::register(&mut readiness.waker, to_drop, cx);
                readiness.is_ready = *is_rough && chance.one_in(256);
            }
            if readiness.is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
    }
}

impl UdpSocket for SimUdp {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let result = operation(SocketRef::of(self));
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            self.shared.enter(|world| {
                let Some(udp) = world.udp.get_mut(&self.id) else { return };
                match direction {
                    Direction::Read => udp.read.is_ready = false,
                    Direction::Write => udp.write.is_ready = false,
                }
            });
        }
        result
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        let local = |world: &mut World| world.udp.get(&self.id).map(|udp| udp.local);
        self.shared.enter(local).ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::of(self)
    }
}

impl Datagrams for SimUdp {
    fn set_dscp(&self, _: Dscp) -> io::Result<()> {
        Ok(())
    }

    fn try_recv_from(&self, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.shared.enter(|world| world.receive_datagram(self.id, into))
    }

    fn try_send_to(&self, datagram: &[u8], from: Option<IpAddr>, to: SocketAddr) -> io::Result<()> {
        self.shared.enter(|world| world.send_datagram(self.id, datagram, from, to))
    }

    fn share(&self) -> io::Result<()> {
        self.shared.enter(|world| world.udp.get_mut(&self.id).map(|udp| udp.is_shared = true));
        Ok(())
    }

    fn join(&self, membership: &Membership) -> io::Result<()> {
        self.shared.enter(|world| world.join(self.id, membership))
    }

    fn set_multicast(&self, ttl: u8, interface: Option<&Interface>) -> io::Result<()> {
        self.shared.enter(|world| world.set_multicast(self.id, ttl, interface))
    }

    fn source_to(&self, group: IpAddr) -> io::Result<IpAddr> {
        self.shared
            .enter(|world| world.source_to(self.id, group))
            .ok_or_else(|| ErrorKind::NetworkUnreachable.into())
    }
}

impl Drop for SimUdp {
    fn drop(&mut self) {
        self.shared.enter(|world| world.close_udp(self.id));
    }
}
