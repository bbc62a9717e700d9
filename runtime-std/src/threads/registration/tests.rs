use std::future::poll_fn;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket as StdUdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker, ready};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::Duration;

use bytes::BytesMut;

use crate::runtime::{Direction, Listener, Runtime, Socket, TcpSocket, UdpSocket};
use crate::threads::{ThreadTcp, ThreadUdp, Threads, block_on, block_on_for};
use crate::wake::lock;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a datagram, if one is there.
fn read_datagram(socket: &ThreadUdp) -> bool {
    socket.try_io(Direction::Read, |socket| socket.recv_from(&mut [0; 4])).is_ok()
}

/// A thread that reads a socket whenever its reactor has had something to tell.
struct Reader {
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
    waker: Waker,
}

impl Reader {
    /// Tells `told` each time that `read` has read something.
    fn new<S: Socket>(
        socket: &Arc<Mutex<S>>,
        told: mpsc::Sender<ThreadId>,
        read: impl Fn(&S) -> bool + Send + 'static,
    ) -> Self {
        let (is_over, looks) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (socket, is_stopped, looked) = (Arc::clone(socket), Arc::clone(&is_over), Arc::clone(&looks));
        let (sender, receiver) = mpsc::channel();
        let task = move |cx: &mut Context<'_>| {
            looked.fetch_add(1, Ordering::AcqRel);
            let mut socket = lock(&socket);
            while socket.poll_ready(cx, Direction::Read).is_ready() {
                if read(&socket) {
                    told.send(thread::current().id()).unwrap();
                }
            }
            let _ = sender.send(cx.waker().clone());
            if is_stopped.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        };
        let thread = thread::spawn(move || block_on(poll_fn(task)));
        let waker = receiver.recv_timeout(PATIENCE).unwrap();
        Self { thread, is_over, looks, waker }
    }

    fn id(&self) -> ThreadId {
        self.thread.thread().id()
    }

    fn looks(&self) -> usize {
        self.looks.load(Ordering::Acquire)
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::Release);
        self.waker.wake();
        self.thread.join().unwrap();
    }
}

#[test]
fn a_guest_that_waits_is_woken_alone_and_one_that_does_not_wait_holds_up_nobody() {
    let socket = ThreadUdp::new(crate::bind_udp(LOOPBACK).unwrap());
    let (at, peer) = (socket.local_addr().unwrap(), StdUdpSocket::bind(LOOPBACK).unwrap());
    let socket = Arc::new(Mutex::new(socket));
    let (sender, receiver) = mpsc::channel();
    let send = || {
        peer.send_to(b"news", at).unwrap();
        receiver.recv_timeout(PATIENCE).unwrap()
    };
    let home = Reader::new(&socket, sender.clone(), read_datagram);
    assert_eq!(send(), home.id());
    let polled = lock(&socket).poll_ready(&mut Context::from_waker(Waker::noop()), Direction::Read);
    assert!(!matches!(polled, Poll::Ready(Err(_))), "this thread is the guest now, and does not wait");
    for _ in 0..10 {
        assert_eq!(send(), home.id());
    }
    let guest = Reader::new(&socket, sender, read_datagram);
    let mut alone = 0;
    for _ in 0..1000 {
        let before = home.looks();
        if send() == guest.id() && home.looks() == before {
            alone += 1;
        }
    }
    // Now and then it has not begun to wait again.
    assert!(alone > 100, "{alone} of 1000");
    guest.stop();
    assert_eq!(send(), home.id(), "the guest has gone");
    home.stop();
}

#[test]
fn a_socket_that_is_left_to_its_guest_does_not_wake_the_first_thread() {
    let mut listener = Threads.listen(LOOPBACK).unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (socket, _) = block_on(poll_fn(|cx| listener.poll_accept(cx))).unwrap();
    let socket = Arc::new(Mutex::new(socket));
    let (sender, receiver) = mpsc::channel();
    let home = Reader::new(&socket, sender, |socket| matches!(socket.try_read(&mut [0; 4]), Ok(4)));
    assert!(!lock(&socket).leave_to_others(true), "there is no guest");
    let polled = lock(&socket).poll_ready(&mut Context::from_waker(Waker::noop()), Direction::Read);
    assert!(!matches!(polled, Poll::Ready(Err(_))), "this thread is the guest now, and does not wait");
    peer.write_all(b"news").unwrap();
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(home.id()));

    assert!(lock(&socket).leave_to_others(true));
    peer.write_all(b"more").unwrap();
    assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err(), "it is not told");
    assert!(!lock(&socket).leave_to_others(false));
    assert_eq!(receiver.recv_timeout(PATIENCE), Ok(home.id()), "it is told of what has come meanwhile");
    home.stop();
}

#[test]
fn a_guest_is_told_of_an_end_that_comes_with_the_last_bytes() {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let at = listener.local_addr().unwrap();
    let socket = thread::spawn(move || block_on(ThreadTcp::connect(at)).unwrap());
    let mut peer = listener.accept().unwrap().0;
    let mut socket = socket.join().unwrap();
    let polled = socket.poll_ready(&mut Context::from_waker(Waker::noop()), Direction::Read);
    assert!(polled.is_pending(), "this thread is the guest now");
    peer.write_all(b"last").unwrap();
    drop(peer);
    for expected in [4, 0] {
        let read = poll_fn(|cx| {
            loop {
                ready!(socket.poll_ready(cx, Direction::Read)).unwrap();
                match socket.try_read_buf(&mut BytesMut::with_capacity(100)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read.unwrap()),
                }
            }
        });
        assert_eq!(block_on_for(read, PATIENCE), Some(expected));
    }
}
