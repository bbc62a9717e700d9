//! RTSP spoken without the library, over the sockets of the runtime.

use std::any::type_name;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use rtspan_std::runtime::{Direction, Listener, Runtime, Socket, TcpSocket, UdpSocket};
use rtspan_std::server::Server;
use rtspan_std::{Description, Instant, Interface, Membership};

use super::LOOPBACK;

/// The time by the clock of a runtime.
pub(super) fn now<R: Runtime>() -> Instant {
    R::default().clock().now()
}

/// The time since then by the clock of a runtime.
pub(super) fn since<R: Runtime>(begun: Instant) -> Duration {
    now::<R>().since(begun)
}

/// How late a deadline may be seen on a machine that has other things to do.
pub(super) const LATE: Duration = Duration::from_secs(8);

/// The same, and nothing where the time is simulated.
pub(super) fn late<R: Runtime>() -> Duration {
    if is_simulated::<R>() { Duration::ZERO } else { LATE }
}

pub(super) fn is_simulated<R: Runtime>() -> bool {
    type_name::<R>().contains("sim")
}

/// Runs a task beside the scenario. Its outcome can be waited for.
pub(super) fn go<R: Runtime, T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> impl Future<Output = T> + Unpin {
    let slot = Arc::new(Mutex::new((None, None::<Waker>)));
    let filled = Arc::clone(&slot);
    let run = async move {
        let output = task.await;
        let mut slot = filled.lock().unwrap();
        slot.0 = Some(output);
        slot.1.take().into_iter().for_each(Waker::wake);
    };
    R::default().spawn(run).unwrap();
    poll_fn(move |cx| {
        let mut slot = slot.lock().unwrap();
        match slot.0.take() {
            Some(output) => Poll::Ready(output),
            None => {
                slot.1 = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    })
}

/// A future's output, if it comes within so long.
pub(super) async fn for_so_long<R: Runtime, T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut limit = Box::pin(async { R::default().sleep(time).await });
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => limit.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// A peer that speaks over a connection.
pub(super) struct Peer<R: Runtime>(pub(super) R::Tcp);

impl<R: Runtime> Peer<R> {
    pub(super) async fn connect(to: SocketAddr) -> Self {
        Self(R::default().connect(to).await.unwrap())
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Reads what is there, and waits until something is; 0 at the end.
    pub(super) async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                if self.0.poll_ready(cx, Direction::Read)?.is_pending() {
                    return Poll::Pending;
                }
                match self.0.try_read(into) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    read => return Poll::Ready(read),
                }
            }
        })
        .await
    }

    pub(super) async fn read_exact(&mut self, mut into: &mut [u8]) {
        while !into.is_empty() {
            let count = self.read(into).await.unwrap();
            assert!(count > 0, "the connection has ended");
            into = &mut into[count..];
        }
    }

    /// Reads up to the end of the connection.
    pub(super) async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let (mut all, mut part) = (Vec::new(), [0; 4096]);
        loop {
            match self.read(&mut part).await? {
                0 => return Ok(all),
                count => all.extend(&part[..count]),
            }
        }
    }

    /// As [`read_to_end`](Self::read_to_end), of what is text.
    pub(super) async fn rest(&mut self) -> io::Result<String> {
        self.read_to_end().await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes a part of it, and waits until there is room for some.
    pub(super) async fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| {
            loop {
                match self.0.try_write_vectored(&[IoSlice::new(from)]) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    written => return Poll::Ready(written),
                }
                if self.0.poll_ready(cx, Direction::Write)?.is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    pub(super) async fn write_all(&mut self, mut from: &[u8]) -> io::Result<()> {
        while !from.is_empty() {
            from = &from[self.write(from).await?..];
        }
        Ok(())
    }

    /// Sends a request, and reads the answer.
    pub(super) async fn ask(&mut self, request: &str) -> String {
        self.write_all(request.as_bytes()).await.unwrap();
        self.read_message().await
    }

    /// Reads one message, with its body, and nothing behind it.
    pub(super) async fn read_message(&mut self) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.read_exact(&mut byte).await;
            bytes.push(byte[0]);
        }
        let head = String::from_utf8(bytes).unwrap();
        let length = header(&head, "Content-Length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.read_exact(&mut body).await;
        head + &String::from_utf8(body).unwrap()
    }

    /// Reads one message without a body; `None` at the end of the connection, however that comes.
    pub(super) async fn next_message(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.read(&mut byte).await.ok().filter(|count| *count > 0)?;
            bytes.push(byte[0]);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Says no more, and reads all that is answered.
    pub(super) async fn says_no_more(mut self) -> String {
        self.0.shutdown().unwrap();
        self.rest().await.unwrap()
    }
}

impl<R: Runtime> fmt::Debug for Peer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

/// Connects to a server.
pub(super) async fn connect<R: Runtime>(server: &Server<R>) -> Peer<R> {
    Peer::connect(server.local_addr()).await
}

/// Sends a request, as far as it is taken, and reads the answer and what follows up to the end of the connection.
pub(super) async fn last_answer<R: Runtime>(server: &Server<R>, request: &[u8]) -> String {
    let mut socket = connect(server).await;
    // A server that has read enough may close before all is written.
    let _ = socket.write_all(request).await;
    socket.rest().await.unwrap()
}

/// A peer that listens.
pub(super) struct Ear<R: Runtime>(R::Listener);

impl<R: Runtime> Ear<R> {
    pub(super) fn new() -> Self {
        Self(R::default().listen(LOOPBACK.parse().unwrap()).unwrap())
    }

    pub(super) fn local_addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(super) async fn accept(&mut self) -> Peer<R> {
        Peer(poll_fn(|cx| self.0.poll_accept(cx)).await.unwrap().0)
    }
}

/// A peer that receives and sends datagrams.
pub(super) struct Mouth<R: Runtime>(R::Udp);

impl<R: Runtime> Mouth<R> {
    pub(super) fn new() -> Self {
        Self(R::default().bind_udp(LOOPBACK.parse().unwrap()).unwrap())
    }

    /// One that is bound to a multicast group, and has joined it on the loopback interface.
    pub(super) fn member(group: SocketAddr) -> Self {
        let socket = R::default().bind_udp(group).unwrap();
        let interface = Some(Interface::Address(Ipv4Addr::LOCALHOST.into()));
        socket.socket().join(&Membership { group: group.ip(), source: None, interface }).unwrap();
        Self(socket)
    }

    /// Has what is sent to groups go by the loopback interface, and stay on this host.
    pub(super) fn sends_to_groups(&self) {
        let interface = Interface::Address(Ipv4Addr::LOCALHOST.into());
        self.0.socket().set_multicast(0, Some(&interface)).unwrap();
    }

    pub(super) fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Waits for a datagram, and says how long it is.
    pub(super) async fn recv(&mut self, into: &mut [u8]) -> usize {
        poll_fn(|cx| {
            while self.0.poll_ready(cx, Direction::Read)?.is_ready() {
                match self.0.try_io(Direction::Read, |socket| socket.recv_from(into)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    received => return Poll::Ready(received),
                }
            }
            Poll::Pending
        })
        .await
        .unwrap()
        .0
    }

    /// Sends a datagram, and waits until there is room for it.
    pub(super) async fn send_to(&mut self, datagram: &[u8], to: SocketAddr) {
        poll_fn(|cx| {
            while self.0.poll_ready(cx, Direction::Write)?.is_ready() {
                match self.0.try_io(Direction::Write, |socket| socket.send_to(datagram, to)) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    sent => return Poll::Ready(sent),
                }
            }
            Poll::Pending
        })
        .await
        .unwrap();
    }
}

/// Plays over TCP, and leaves the rest of the reading to the caller.
pub(super) async fn play_by_hand<R: Runtime>(server: SocketAddr, path: &str) -> Peer<R> {
    let mut socket = Peer::connect(server).await;
    let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    let setup = format!("SETUP rtsp://{server}{path}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n");
    let session = header(&socket.ask(&setup).await, "Session").unwrap();
    let session = session.split(';').next().unwrap();
    let play = format!("PLAY rtsp://{server}{path} RTSP/1.0\r\nCSeq: 2\r\nSession: {session}\r\n\r\n");
    assert!(socket.ask(&play).await.starts_with("RTSP/1.0 200"));
    socket
}

/// Publishes this over TCP, each media on the channels of its index, and leaves the writing of packets to the caller.
pub(super) async fn publish_by_hand<R: Runtime>(
    server: SocketAddr,
    path: &str,
    description: &Description,
) -> Peer<R> {
    let mut socket = Peer::connect(server).await;
    let sdp = description.clone().with_track_controls().to_sdp();
    let content = format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", sdp.len());
    let mut requests = vec![("ANNOUNCE", String::new(), content, sdp)];
    for media in 0..description.medias.len() {
        let channels = format!("{}-{}", 2 * media, 2 * media + 1);
        let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={channels};mode=record\r\n");
        requests.push(("SETUP", format!("/trackID={media}"), transport, String::new()));
    }
    requests.push(("RECORD", String::new(), String::new(), String::new()));
    let mut session = String::new();
    for (method, control, headers, body) in requests {
        let head =
            format!("{method} rtsp://{server}{path}{control} RTSP/1.0\r\nCSeq: 1\r\n{session}{headers}");
        let response = socket.ask(&format!("{head}\r\n{body}")).await;
        assert!(response.starts_with("RTSP/1.0 200"), "{response}");
        if let Some(named) = header(&response, "Session") {
            session = format!("Session: {}\r\n", named.split(';').next().unwrap());
        }
    }
    socket
}

pub(super) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned()))
}
