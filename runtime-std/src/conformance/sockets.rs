use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::timers::{Count, LATE};
use super::{Checked, LOOPBACK, both, differs, ensure, failed, soon};
use crate::runtime::{Direction, Listener, Runtime, Socket, TcpSocket, UdpSocket};

/// The time that a word takes at most to get through loopback.
pub(super) const SHORT: Duration = Duration::from_millis(50);

pub(super) async fn resolve<R: Runtime>(runtime: &R) -> Checked {
    for (host, expected) in [("127.0.0.1", "127.0.0.1:554"), ("::1", "[::1]:554")] {
        let found = runtime.resolve(host.to_owned(), 554);
        let found = soon(runtime, "an address", found).await?.map_err(failed("resolve"))?;
        let expected: Vec<SocketAddr> = expected.parse().into_iter().collect();
        ensure(found == expected, || differs(host, &found, &expected))?;
    }
    Ok(())
}

/// Two ends of a connection: the one that has asked for it, and the one that was accepted.
pub(super) async fn connected<R: Runtime>(runtime: &R) -> Result<(R::Tcp, R::Tcp), String> {
    let mut listener = runtime.listen(LOOPBACK).map_err(failed("listen"))?;
    let at = listener.local_addr().map_err(failed("local_addr"))?;
    connect_to(runtime, &mut listener, at).await
}

async fn connect_to<R: Runtime>(
    runtime: &R,
    listener: &mut R::Listener,
    at: SocketAddr,
) -> Result<(R::Tcp, R::Tcp), String> {
    let accept = poll_fn(|cx| listener.poll_accept(cx));
    let (near, far) = soon(runtime, "a connection", both(runtime.connect(at), accept)).await?;
    let (near, (far, peer)) = (near.map_err(failed("connect"))?, far.map_err(failed("poll_accept"))?);
    let own = near.local_addr().map_err(failed("local_addr"))?;
    ensure(peer == own, || differs("the peer of an accepted connection", peer, own))?;
    Ok((near, far))
}

pub(super) async fn addresses<R: Runtime>(runtime: &R) -> Checked {
    let (near, far) = connected(runtime).await?;
    let of = |socket: &R::Tcp| -> io::Result<_> { Ok((socket.local_addr()?, socket.peer_addr()?)) };
    let (near, far) = (of(&near).map_err(failed("an address"))?, of(&far).map_err(failed("an address"))?);
    ensure((near.1, near.0) == far, || differs("the far end", far, near))
}

pub(super) async fn refused<R: Runtime>(runtime: &R) -> Checked {
    // An end of a connection has its port for itself, and nobody listens at it.
    let (near, _far) = connected(runtime).await?;
    let at = near.local_addr().map_err(failed("local_addr"))?;
    let error = match soon(runtime, "a refusal", runtime.connect(at)).await? {
        Ok(_) => return Err("it comes about".to_owned()),
        Err(error) => error.kind(),
    };
    ensure(error == ErrorKind::ConnectionRefused, || {
        differs("the error", error, ErrorKind::ConnectionRefused)
    })
}

pub(super) async fn accepted<R: Runtime>(runtime: &R) -> Checked {
    const CONNECTIONS: usize = 20;
    let mut listener = runtime.listen(LOOPBACK).map_err(failed("listen"))?;
    let at = listener.local_addr().map_err(failed("local_addr"))?;
    let mut near = Vec::new();
    for _ in 0..CONNECTIONS {
        near.push(soon(runtime, "a connection", runtime.connect(at)).await?.map_err(failed("connect"))?);
    }
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        let accept = poll_fn(|cx| listener.poll_accept(cx));
        peers.push(soon(runtime, "one of 20 connections", accept).await?.map_err(failed("poll_accept"))?.1);
    }
    let mut own: Vec<_> = near.iter().filter_map(|socket| socket.local_addr().ok()).collect();
    own.sort_unstable();
    peers.sort_unstable();
    ensure(own == peers, || differs("who was accepted", &peers, &own))?;
    let more = listener.poll_accept(&mut Context::from_waker(Waker::noop()));
    ensure(more.is_pending(), || "there is one more".to_owned())
}

pub(super) async fn freed<R: Runtime>(runtime: &R) -> Checked {
    let listener = runtime.listen(LOOPBACK).map_err(failed("listen"))?;
    let at = listener.local_addr().map_err(failed("local_addr"))?;
    let taken = runtime.listen(at).err().map(|error| error.kind());
    ensure(taken == Some(ErrorKind::AddrInUse), || differs("a second one", taken, ErrorKind::AddrInUse))?;
    drop(listener);
    let mut again = runtime.listen(at).map_err(failed("listening again"))?;
    connect_to(runtime, &mut again, at).await.map(drop)
}

/// Does something as soon as a socket is ready for it.
async fn when_ready<S: Socket, T>(
    socket: &mut S,
    direction: Direction,
    mut operation: impl FnMut(&S) -> io::Result<T>,
) -> io::Result<T> {
    poll_fn(|cx| {
        loop {
            if socket.poll_ready(cx, direction)?.is_pending() {
                return Poll::Pending;
            }
            match operation(socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    })
    .await
}

pub(super) async fn read<S: TcpSocket>(socket: &mut S, into: &mut [u8]) -> io::Result<usize> {
    when_ready(socket, Direction::Read, |socket| socket.try_read(into)).await
}

pub(super) async fn write_all<S: TcpSocket>(socket: &mut S, mut from: &[u8]) -> io::Result<()> {
    while let Some(half) = from.len().checked_sub(1) {
        let (one, other) = from.split_at(half / 2);
        let slices = [IoSlice::new(one), IoSlice::new(other)];
        let written =
            when_ready(socket, Direction::Write, |socket| socket.try_write_vectored(&slices)).await?;
        from = from.get(written..).ok_or(ErrorKind::InvalidData)?;
    }
    Ok(())
}

/// Fails unless a socket has nothing to read: it may count as ready until it was tried.
fn is_empty<S: TcpSocket>(socket: &mut S, cx: &mut Context<'_>) -> Checked {
    for _ in 0..100 {
        if socket.poll_ready(cx, Direction::Read).is_pending() {
            return Ok(());
        }
        match socket.try_read(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return Err(differs("a read of nothing", other, ErrorKind::WouldBlock)),
        }
    }
    Err("it is ready each time that a read would have blocked".to_owned())
}

/// Words that are said one by one, by a task of its own: nothing else wakes the one that listens.
const WORDS: usize = 20;

pub(super) async fn readable<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, mut far) = connected(runtime).await?;
    is_empty(&mut near, &mut Context::from_waker(Waker::noop()))?;
    let own = runtime.clone();
    let talk = async move {
        for _ in 0..WORDS {
            own.sleep(Duration::from_millis(2)).await;
            if write_all(&mut far, b"word").await.is_err() {
                return;
            }
        }
        // It stays open until the other end is closed.
        let _ = read(&mut far, &mut [0; 1]).await;
    };
    runtime.spawn(talk).map_err(failed("spawn"))?;
    let (mut heard, mut part) = (Vec::new(), [0; 16]);
    while heard.len() < 4 * WORDS {
        let read = soon(runtime, "a word that was said", read(&mut near, &mut part)).await?;
        match read.map_err(failed("reading"))? {
            0 => return Err("the end comes before the last word".to_owned()),
            count => heard.extend_from_slice(part.get(..count).unwrap_or_default()),
        }
    }
    ensure(heard == b"word".repeat(WORDS), || differs("the talk", heard.escape_ascii().to_string(), "words"))
}

pub(super) async fn last_asker<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, mut far) = connected(runtime).await?;
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(Arc::clone(count));
        is_empty(&mut near, &mut Context::from_waker(&waker))?;
    }
    // It is the second that waits now; runtimes may wake for nothing.
    let before = counts[1].get();
    write_all(&mut far, b"word").await.map_err(failed("writing"))?;
    let begun = runtime.clock().now();
    while counts[1].get() == before {
        let waits = runtime.clock().now().since(begun);
        ensure(waits < LATE, || "it is not woken".to_owned())?;
        runtime.sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Fills a socket. Returns how many bytes that took.
async fn fill<R: Runtime>(runtime: &R, socket: &R::Tcp) -> Result<usize, String> {
    let (block, mut written) = ([7; 4096], 0);
    let mut full = 0;
    // The system moves what it has taken to the other end for a moment.
    while full < 5 {
        match socket.try_write_vectored(&[IoSlice::new(&block)]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                full += 1;
                runtime.sleep(SHORT).await;
            }
            Err(error) => return Err(failed("writing")(error)),
        }
        ensure(written < 1 << 30, || "it is never full".to_owned())?;
    }
    Ok(written)
}

pub(super) async fn writable<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, mut far) = connected(runtime).await?;
    let written = fill(runtime, &near).await?;
    let own = runtime.clone();
    let drain = async move {
        own.sleep(SHORT).await;
        let (mut block, mut count) = (vec![0; 1 << 16], 0);
        while count < written {
            match read(&mut far, &mut block).await {
                Ok(more) if more > 0 => count += more,
                _ => return,
            }
        }
        let _ = read(&mut far, &mut block).await;
    };
    runtime.spawn(drain).map_err(failed("spawn"))?;
    let write =
        when_ready(&mut near, Direction::Write, |near| near.try_write_vectored(&[IoSlice::new(b"!")]));
    let wrote = soon(runtime, "room in a socket that is read", write).await?;
    wrote.map_err(failed("writing")).map(drop)
}

pub(super) async fn intact<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, mut far) = connected(runtime).await?;
    let bytes: Vec<u8> = (0..1_u32 << 20).map(|at| (at ^ at >> 8) as u8).collect();
    let mut heard = vec![0; bytes.len()];
    let listen = async {
        let mut count = 0;
        while let Some(rest) = heard.get_mut(count..).filter(|rest| !rest.is_empty()) {
            match read(&mut far, rest).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                more => count += more,
            }
        }
        Ok::<_, io::Error>(())
    };
    let talk = write_all(&mut near, &bytes);
    let (said, listened) = soon(runtime, "a megabyte", both(talk, listen)).await?;
    said.map_err(failed("writing"))?;
    listened.map_err(failed("reading"))?;
    ensure(heard == bytes, || "a megabyte is another at the far end".to_owned())
}

pub(super) async fn half_closed<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, mut far) = connected(runtime).await?;
    write_all(&mut near, b"last").await.map_err(failed("writing"))?;
    near.shutdown().map_err(failed("shutdown"))?;
    let mut heard = Vec::new();
    let mut part = [0; 8];
    loop {
        let count = soon(runtime, "the end", read(&mut far, &mut part)).await?.map_err(failed("reading"))?;
        if count == 0 {
            break;
        }
        heard.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    ensure(heard == b"last", || differs("the last word", &heard, b"last"))?;
    write_all(&mut far, b"answer").await.map_err(failed("answering"))?;
    let count = soon(runtime, "an answer", read(&mut near, &mut part)).await?.map_err(failed("reading"))?;
    ensure(count > 0, || "nothing is heard of the answer".to_owned())
}

pub(super) async fn dropped<R: Runtime>(runtime: &R) -> Checked {
    let (mut near, far) = connected(runtime).await?;
    drop(far);
    let end = soon(runtime, "the end", read(&mut near, &mut [0; 8])).await?;
    ensure(matches!(end, Ok(0) | Err(_)), || differs("the end", end, 0))
}

async fn talk<R: Runtime>(near: &mut R::Udp, datagram: &[u8], to: SocketAddr) -> Checked {
    let send = |near: &R::Udp| near.try_io(Direction::Write, |socket| socket.send_to(datagram, to));
    when_ready(near, Direction::Write, send).await.map_err(failed("sending"))
}

async fn hear<R: Runtime>(far: &mut R::Udp, into: &mut [u8]) -> Result<(usize, SocketAddr), String> {
    let receive = |far: &R::Udp| far.try_io(Direction::Read, |socket| socket.recv_from(into));
    when_ready(far, Direction::Read, receive).await.map_err(failed("receiving"))
}

pub(super) async fn bound<R: Runtime>(runtime: &R) -> Checked {
    let socket = runtime.bind_udp(LOOPBACK).map_err(failed("bind_udp"))?;
    let at = socket.local_addr().map_err(failed("local_addr"))?;
    ensure(at.ip() == LOOPBACK.ip() && at.port() != 0, || differs("its address", at, LOOPBACK))?;
    let again = runtime.bind_udp(at).err().map(|error| error.kind());
    ensure(again == Some(ErrorKind::AddrInUse), || differs("a second one", again, ErrorKind::AddrInUse))
}

pub(super) async fn datagrams<R: Runtime>(runtime: &R) -> Checked {
    let mut near = runtime.bind_udp(LOOPBACK).map_err(failed("bind_udp"))?;
    let mut far = runtime.bind_udp(LOOPBACK).map_err(failed("bind_udp"))?;
    let from = near.local_addr().map_err(failed("local_addr"))?;
    let to = far.local_addr().map_err(failed("local_addr"))?;
    let mut buffer = vec![0; 1 << 16];
    for bytes in [12, 0, 1400, 1, 9000] {
        let datagram = vec![bytes as u8; bytes];
        talk::<R>(&mut near, &datagram, to).await?;
        let (count, sender) = soon(runtime, "a datagram", hear::<R>(&mut far, &mut buffer)).await??;
        ensure(buffer.get(..count) == Some(&*datagram), || differs("its length", count, bytes))?;
        ensure(sender == from, || differs("its sender", sender, from))?;
    }
    Ok(())
}

pub(super) async fn datagram_comes<R: Runtime>(runtime: &R) -> Checked {
    let mut near = runtime.bind_udp(LOOPBACK).map_err(failed("bind_udp"))?;
    let mut far = runtime.bind_udp(LOOPBACK).map_err(failed("bind_udp"))?;
    let to = far.local_addr().map_err(failed("local_addr"))?;
    let own = runtime.clone();
    let talk = async move {
        for _ in 0..WORDS {
            own.sleep(Duration::from_millis(2)).await;
            if talk::<R>(&mut near, b"word", to).await.is_err() {
                return;
            }
        }
    };
    runtime.spawn(talk).map_err(failed("spawn"))?;
    for _ in 0..WORDS {
        let mut buffer = [0; 16];
        let heard = soon(runtime, "a datagram that was sent", hear::<R>(&mut far, &mut buffer)).await??;
        ensure(heard.0 == 4, || differs("the length of a datagram", heard.0, 4))?;
    }
    Ok(())
}
