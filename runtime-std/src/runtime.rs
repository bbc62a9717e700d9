//! The parts that a runtime has to bring: tasks, sockets that tell when they are ready, timers.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rtspan_core::Instant;

use crate::clock;
pub use crate::clock::{Clock, TimeSource};
use crate::net::{Dscp, SocketRef};
use crate::pool::cores;
pub use crate::pool::{Pool, Work};

/// An executor with its reactor.
///
/// Everything above it stands once and is generic over this trait; nothing below it knows about RTSP.
/// [`conformance`](crate::conformance) checks what each method has to keep; `docs/runtime.md` shows how to implement it, with a
/// checklist.
pub trait Runtime: Clone + Default + Send + Sync + 'static {
    /// A connected TCP socket.
    type Tcp: TcpSocket;
    /// A listening TCP socket.
    type Listener: Listener<Tcp = Self::Tcp>;
    /// A bound UDP socket.
    type Udp: UdpSocket;
    /// A timer.
    type Timer: Timer;
    /// The runtime of a server, mostly the same.
    type Serving: Runtime;

    /// `true` if the task that waits for a client's packets reads the client's sockets itself, on any thread.
    ///
    /// That saves a switch of tasks for each burst. Set it to `false` if the sockets of a task belong to its thread.
    const READERS_READ: bool = true;

    /// The runtime that a server runs on if it is set up with this one.
    ///
    /// Only the server's own tasks wait for its sockets. Any task of the application may wait for those of a client. So a runtime
    /// may have a better way to wait for servers.
    fn serving(&self) -> Self::Serving;

    /// Runs `task` until it is done, even if nobody waits for it.
    ///
    /// # Errors
    ///
    /// The system has no room for it; the task is dropped then.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()>;

    /// How many tasks can run at the same time.
    fn parallelism(&self) -> usize {
        cores()
    }

    /// Connects to one address.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Tcp>> + Send;

    /// Finds the addresses of a host, which may be an address itself.
    fn resolve(&self, host: String, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send {
        resolve_on_thread(host, port)
    }

    /// Listens at an address; [`listen`](crate::listen) makes a socket of the system.
    fn listen(&self, at: SocketAddr) -> io::Result<Self::Listener>;

    /// Takes a socket of the system that listens already and does not block, such as one of systemd's.
    ///
    /// # Errors
    ///
    /// The runtime has no place for it; one whose sockets are not those of the system takes none
    /// ([`Unsupported`](io::ErrorKind::Unsupported), as by default).
    fn adopt(&self, listener: TcpListener) -> io::Result<Self::Listener> {
        drop(listener);
        Err(io::Error::new(io::ErrorKind::Unsupported, "this runtime takes no sockets of the system"))
    }

    /// Binds a UDP socket to an address; [`bind_udp`](crate::bind_udp) makes a socket of the system.
    fn bind_udp(&self, at: SocketAddr) -> io::Result<Self::Udp>;

    /// A timer that is not set.
    fn timer(&self) -> Self::Timer;

    /// Waits for this time.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        self.sleep_until(self.clock().now() + time)
    }

    /// Waits until this time of its clock.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> + Send {
        let mut timer = self.timer();
        timer.reset(Some(at));
        poll_fn(move |cx| timer.poll(cx))
    }

    /// The clock by which its timers go; nothing that runs on it reads another.
    fn clock(&self) -> Clock {
        Clock::system()
    }

    /// Returns 32 unpredictable bytes, from which a client or server derives all of its randomness.
    ///
    /// # Errors
    ///
    /// The system has no source of randomness.
    fn seed(&self) -> io::Result<[u8; 32]> {
        clock::seed()
    }
}

/// The direction that a socket is waited for in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// There is something to read, or the end.
    Read,
    /// There is room to write, or an error.
    Write,
}

/// A socket that says when it is worth trying.
///
/// An idle one needs no buffer: it is allocated when something is there to read.
pub trait Socket: Send + 'static {
    /// Asks whether the socket is ready, and wakes the task when it becomes so.
    ///
    /// Ready may be spurious. After an operation that would have blocked, it is pending until the system says
    /// otherwise.
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>>;
}

/// `true` if the system reports bytes that arrive after a read that did not fill its buffer: epoll and kqueue do.
///
/// Such a read has emptied the socket, which is not ready until the system reports it.
pub const SHORT_READS_EMPTY: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "freebsd"));

/// A connected TCP socket.
pub trait TcpSocket: Socket {
    /// Reads what is there.
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize>;

    /// Reads what is there, and appends it to `into` as far as that has capacity; [`read_buf`](crate::read_buf) does it.
    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize>;

    /// Writes what there is room for.
    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Says that nothing more will be written.
    fn shutdown(&self) -> io::Result<()>;

    /// The task gives the socket to another task, perhaps on another thread, which asks for its readiness again.
    ///
    /// A runtime that can wake any thread has nothing to do here.
    fn detach(&mut self) {}

    /// Says if a task that waits for this socket on another thread reads it. While it does, this thread need not be woken for
    /// bytes that arrive. Returns `true` if it is not woken.
    ///
    /// A runtime that wakes one thread in any case has nothing to do here.
    fn leave_to_others(&mut self, is_left: bool) -> bool {
        let _ = is_left;
        false
    }

    /// Lets small writes leave at once (TCP_NODELAY).
    fn set_nodelay(&self) -> io::Result<()>;

    /// Lets the system find out that the peer has gone (TCP keepalive); [`set_keepalive`](crate::set_keepalive) does it.
    fn set_keepalive(&self) -> io::Result<()>;

    /// Marks all packets that it sends with a class of service; [`set_dscp`](crate::set_dscp) does it.
    fn set_dscp(&self, dscp: Dscp) -> io::Result<()>;

    /// The address at the other end.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// The address at this end.
    fn local_addr(&self) -> io::Result<SocketAddr>;
}

/// A listening TCP socket.
pub trait Listener: Send + 'static {
    /// The sockets that it accepts.
    type Tcp: TcpSocket;

    /// The address that is listened at.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Accepts the next connection.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Self::Tcp, SocketAddr)>>;
}

/// A bound UDP socket.
pub trait UdpSocket: Socket {
    /// Runs one operation on the socket, and remembers if it would have blocked.
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T>;

    /// The address at this end.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Lends the socket, ready or not.
    fn socket(&self) -> SocketRef<'_>;
}

/// A timer that is set again and again.
pub trait Timer: Send + 'static {
    /// Sets when it fires, by the clock of its runtime; `None` for never. [`to_std`](crate::to_std) tells the same moment
    /// on the system's clock.
    fn reset(&mut self, deadline: Option<Instant>);

    /// Asks whether it has fired, which it never does early.
    ///
    /// If it has not, it wakes the task when it does, also if it is not asked again until then.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// Looks up a host that is no address already, on a thread of its own, since the system only knows how to block.
async fn resolve_on_thread(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let slot = Arc::new(Mutex::new(Lookup { waker: None, found: None }));
    let filled = Arc::clone(&slot);
    std::thread::Builder::new().name("rtspan-resolve".to_owned()).spawn(move || {
        let found = lookup(&host, port);
        let mut lookup = filled.lock().unwrap_or_else(PoisonError::into_inner);
        lookup.found = Some(found);
        if let Some(waker) = lookup.waker.take() {
            waker.wake();
        }
    })?;
    poll_fn(move |cx| {
        let mut lookup = slot.lock().unwrap_or_else(PoisonError::into_inner);
        match lookup.found.take() {
            Some(found) => Poll::Ready(found),
            None => {
                lookup.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

struct Lookup {
    waker: Option<Waker>,
    found: Option<io::Result<Vec<SocketAddr>>>,
}

/// Looks up a host, which blocks.
fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}
