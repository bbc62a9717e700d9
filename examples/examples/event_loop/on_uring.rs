//! A loop on `io_uring`, to which reads and writes are handed in, and which tells when they are done. Linux 5.11 or later.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::null_mut;

use bytes::Bytes;
use io_uring::types::{Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, opcode, squeue};
use rtspan_core::ConnId;
use rtspan_core::check::Waits;
use rtspan_core::udp::{DatagramSink, Port};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::application::{Application, Sockets};
use crate::udp::{has_left, place};

const ENTRIES: u32 = 256;
/// Bytes that are read or written by one operation.
const BUFFER_BYTES: usize = 64 << 10;

/// The kind of an operation, in the number that comes back with its result.
const ACCEPT: u64 = 0;
const UDP_READ: u64 = 2;
const UDP_WRITE: u64 = 4;
const RECEIVE: u64 = 6;
const SEND: u64 = 7;
const KINDS: u64 = 8;

struct Ring {
    ring: IoUring,
    listener: TcpListener,
    keys: BTreeMap<ConnId, u64>,
    /// By their keys; those that are closed stay until the system has no buffer of theirs any more.
    tcp: HashMap<u64, Tcp>,
    last_key: u64,
    udp: Option<[(UdpSocket, Waits); 2]>,
}

struct Tcp {
    socket: TcpStream,
    receive: Operation,
    send: Operation,
    is_closed: bool,
}

/// An operation and its buffer, which is the system's while it is under way.
struct Operation {
    buffer: Box<[u8]>,
    state: State,
}

enum State {
    Idle,
    /// The system has what lies in the buffer between these, or the whole of it.
    UnderWay(usize, usize),
    /// The bytes that were received lie between these.
    Received(usize, usize),
    Failed(ErrorKind),
}

pub(crate) fn run(
    listener: TcpListener,
    mut app: Application<'_>,
    listening: impl FnOnce(),
) -> io::Result<()> {
    let refused = |error: io::Error| io::Error::new(error.kind(), format!("io_uring is refused: {error}"));
    let ring = IoUring::new(ENTRIES).map_err(refused)?;
    let mut ring =
        Ring { ring, listener, keys: BTreeMap::new(), tcp: HashMap::new(), last_key: 0, udp: None };
    ring.accept()?;
    listening();
    loop {
        ring.wait(app.poll_timeout().map(|at| at.since(app.now()).into()))?;
        let done: Vec<_> = ring.ring.completion().map(|done| (done.user_data(), done.result())).collect();
        for (operation, result) in done {
            ring.complete(operation, result, &mut app)?;
        }
        app.handle(&mut ring)?;
    }
}

impl Ring {
    /// Hands in what was queued, and waits for a result.
    fn wait(&self, timeout: Option<Timespec>) -> io::Result<()> {
        let submitter = self.ring.submitter();
        let waited = match &timeout {
            Some(timeout) => submitter.submit_with_args(1, &SubmitArgs::new().timespec(timeout)),
            None => submitter.submit_and_wait(1),
        };
        match waited {
            Err(error) if [Errno::TIME, Errno::INTR].map(Errno::raw_os_error).contains(&code(&error)) => {
                Ok(())
            }
            waited => waited.map(|_| ()),
        }
    }

    fn push(&mut self, entry: &squeue::Entry) -> io::Result<()> {
        loop {
            // SAFETY: Buffers live in `tcp` until their operations are done, and sockets with them.
            #[allow(unsafe_code)]
            let pushed = unsafe { self.ring.submission().push(entry) };
            match pushed {
                Ok(()) => return Ok(()),
                // The queue is full.
                Err(_) => drop(self.ring.submit()?),
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let accept = opcode::Accept::new(Fd(self.listener.as_raw_fd()), null_mut(), null_mut());
        self.push(&accept.build().user_data(ACCEPT))
    }

    /// Takes the result of an operation.
    fn complete(&mut self, operation: u64, result: i32, app: &mut Application<'_>) -> io::Result<()> {
        let (key, kind) = (operation / KINDS, operation % KINDS);
        match kind {
            ACCEPT => {
                if result >= 0 {
                    // SAFETY: The system has just made it, and nobody else has it.
                    #[allow(unsafe_code)]
                    let socket = unsafe { TcpStream::from_raw_fd(result) };
                    self.open(socket, app);
                }
                return self.accept();
            }
            RECEIVE | SEND => {}
            _ => {
                let waits = self.udp.iter_mut().flatten().nth((kind % 2) as usize).map(|(_, waits)| waits);
                if let Some(waits) = waits {
                    *(if kind < UDP_WRITE { &mut waits.read } else { &mut waits.write }) = false;
                }
                return Ok(());
            }
        }
        let Some(tcp) = self.tcp.get_mut(&key) else { return Ok(()) };
        let own = if kind == RECEIVE { &mut tcp.receive } else { &mut tcp.send };
        own.state = match (&own.state, usize::try_from(result)) {
            (_, Err(_)) => State::Failed(io::Error::from_raw_os_error(-result).kind()),
            (_, Ok(count)) if kind == RECEIVE => State::Received(0, count),
            (State::UnderWay(from, to), Ok(count)) if from + count < *to => {
                State::UnderWay(from + count, *to)
            }
            (_, Ok(_)) => State::Idle,
        };
        if kind == SEND && matches!(own.state, State::UnderWay(..)) {
            return self.send(key);
        }
        self.sweep(key);
        Ok(())
    }

    fn open(&mut self, socket: TcpStream, app: &mut Application<'_>) {
        let Some(id) = socket.peer_addr().ok().and_then(|peer| app.open(peer)) else { return };
        self.last_key += 1;
        self.keys.insert(id, self.last_key);
        let operation = || Operation { buffer: vec![0; BUFFER_BYTES].into(), state: State::Idle };
        let tcp = Tcp { socket, receive: operation(), send: operation(), is_closed: false };
        self.tcp.insert(self.last_key, tcp);
    }

    /// Hands in what lies in the buffer.
    fn send(&mut self, key: u64) -> io::Result<()> {
        let Some(Tcp { socket, send, .. }) = self.tcp.get(&key) else { return Ok(()) };
        let State::UnderWay(from, to) = send.state else { return Ok(()) };
        let rest = &send.buffer[from..to];
        let send = opcode::Send::new(Fd(socket.as_raw_fd()), rest.as_ptr(), rest.len() as u32);
        self.push(&send.build().user_data(key * KINDS + SEND))
    }

    /// Ends what is left of a connection that is closed: first what is being sent, then the wait for more.
    fn sweep(&mut self, key: u64) {
        let Some(tcp) = self.tcp.get(&key).filter(|tcp| tcp.is_closed) else { return };
        let is_sending = matches!(tcp.send.state, State::UnderWay(..));
        if !is_sending && matches!(tcp.receive.state, State::UnderWay(..)) {
            // It is done then, and swept again; an error says that it is done already.
            let _ = tcp.socket.shutdown(Shutdown::Both);
        } else if !is_sending {
            self.tcp.remove(&key);
        }
    }

    fn tcp(&mut self, id: ConnId) -> io::Result<(u64, &mut Tcp)> {
        let key = *self.keys.get(&id).ok_or(ErrorKind::NotConnected)?;
        Ok((key, self.tcp.get_mut(&key).ok_or(ErrorKind::NotConnected)?))
    }

    /// Runs an operation on a UDP socket. Once one would have blocked, none is tried before the socket is ready.
    fn attempt<T>(
        &mut self,
        port: Port,
        writes: bool,
        operation: impl FnOnce(&UdpSocket) -> io::Result<T>,
    ) -> io::Result<T> {
        let (socket, waits) = &mut self.udp.as_mut().ok_or(ErrorKind::WouldBlock)?[place(port)];
        let waits = if writes { &mut waits.write } else { &mut waits.read };
        if *waits {
            return Err(ErrorKind::WouldBlock.into());
        }
        let result = operation(socket);
        if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            *waits = true;
            let (flags, kind) = if writes { (PollFlags::OUT, UDP_WRITE) } else { (PollFlags::IN, UDP_READ) };
            let poll = opcode::PollAdd::new(Fd(socket.as_raw_fd()), flags.bits().into());
            self.push(&poll.build().user_data(kind + place(port) as u64))?;
        }
        result
    }
}

fn code(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or_default()
}

impl Sockets for Ring {
    fn read(&mut self, id: ConnId, into: &mut [u8]) -> io::Result<usize> {
        let (key, Tcp { socket, receive, .. }) = self.tcp(id)?;
        match receive.state {
            State::UnderWay(..) => Err(ErrorKind::WouldBlock.into()),
            State::Failed(error) => Err(error.into()),
            State::Received(_, 0) => Ok(0),
            State::Received(from, to) if from < to => {
                let count = into.len().min(to - from);
                into[..count].copy_from_slice(&receive.buffer[from..from + count]);
                receive.state = State::Received(from + count, to);
                Ok(count)
            }
            State::Received(..) | State::Idle => {
                receive.state = State::UnderWay(0, receive.buffer.len());
                let (buffer, length) = (receive.buffer.as_mut_ptr(), receive.buffer.len() as u32);
                let entry = opcode::Recv::new(Fd(socket.as_raw_fd()), buffer, length);
                self.push(&entry.build().user_data(key * KINDS + RECEIVE))?;
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }

    fn write(&mut self, id: ConnId, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let (key, Tcp { send, .. }) = self.tcp(id)?;
        match send.state {
            State::Failed(error) => return Err(error.into()),
            State::Idle => {}
            _ => return Err(ErrorKind::WouldBlock.into()),
        }
        let mut filled = 0;
        for slice in from {
            let count = slice.len().min(send.buffer.len() - filled);
            send.buffer[filled..filled + count].copy_from_slice(&slice[..count]);
            filled += count;
        }
        send.state = State::UnderWay(0, filled);
        self.send(key)?;
        Ok(filled)
    }

    fn close(&mut self, id: ConnId) {
        let Some(key) = self.keys.remove(&id) else { return };
        if let Some(tcp) = self.tcp.get_mut(&key) {
            tcp.is_closed = true;
        }
        self.sweep(key);
    }

    fn take_udp(&mut self, sockets: [UdpSocket; 2]) -> io::Result<()> {
        self.udp = Some(sockets.map(|socket| (socket, Waits::default())));
        Ok(())
    }

    fn receive_from(&mut self, port: Port, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.attempt(port, false, |socket| socket.recv_from(into))
    }

    fn waits(&self, id: ConnId) -> Waits {
        let tcp = self.keys.get(&id).and_then(|key| self.tcp.get(key));
        let is_under_way = |operation: &Operation| matches!(operation.state, State::UnderWay(..));
        tcp.map(|tcp| Waits { read: is_under_way(&tcp.receive), write: is_under_way(&tcp.send) })
            .unwrap_or_default()
    }

    fn udp_waits(&self) -> Waits {
        let pair = self.udp.iter().flatten();
        pair.fold(Waits { read: true, write: false }, |all, (_, waits)| Waits {
            read: all.read && waits.read,
            write: all.write || waits.write,
        })
    }
}

impl DatagramSink for Ring {
    fn send(&mut self, port: Port, _: Option<IpAddr>, to: SocketAddr, datagram: &Bytes) -> bool {
        self.udp.is_none() || has_left(self.attempt(port, true, |socket| socket.send_to(datagram, to)))
    }
}
