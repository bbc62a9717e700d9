use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpListener as StdTcpListener};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rtspan_std::SocketRef;
use rtspan_std::runtime::{
    Direction, Listener, Runtime, SHORT_READS_EMPTY, Socket, TcpSocket, Timer, UdpSocket,
};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UdpSocket as TokioUdpSocket};
use tokio::runtime::Handle;
use tokio::task::unconstrained;
use tokio::time::Sleep;

/// The tokio runtime that the calling task runs in.
///
/// Outside of one, no client and no server begins: [`Error::Start`](rtspan_std::Error::Start) and
/// [`BindError`](rtspan_std::BindError) tell.
///
/// # Panics
///
/// tokio panics if its runtime has no I/O driver or no time driver.
///
/// ```
/// use rtspan_tokio::Server;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
///     let server = runtime.block_on(async { Server::builder().bind("127.0.0.1:0").await })?;
///     println!("listening on rtsp://{}", server.local_addr());
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokio;

/// The runtime of tokio that this is called in.
fn here() -> io::Result<Handle> {
    Handle::try_current().map_err(io::Error::other)
}

impl Runtime for Tokio {
    type Tcp = Tcp;
    type Listener = TokioListener;
    type Udp = Udp;
    type Timer = TokioTimer;
    type Serving = Self;

    fn serving(&self) -> Self {
        *self
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        here()?.spawn(task);
        Ok(())
    }

    fn parallelism(&self) -> usize {
        here().map_or(1, |runtime| runtime.metrics().num_workers())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Tcp> {
        here()?;
        TcpStream::connect(to).await.map(Tcp)
    }

    async fn resolve(&self, host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
        here()?;
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    fn listen(&self, at: SocketAddr) -> io::Result<TokioListener> {
        self.adopt(rtspan_std::listen(at)?)
    }

    fn adopt(&self, listener: StdTcpListener) -> io::Result<TokioListener> {
        here()?;
        TcpListener::from_std(listener).map(TokioListener)
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<Udp> {
        here()?;
        TokioUdpSocket::from_std(rtspan_std::bind_udp(at)?).map(Udp)
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer::default()
    }
}

/// A TCP socket of tokio.
#[derive(Debug)]
pub struct Tcp(TcpStream);

impl Socket for Tcp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match direction {
            Direction::Read => self.0.poll_read_ready(cx),
            Direction::Write => self.0.poll_write_ready(cx),
        }
    }
}

impl Tcp {
    fn read_once(
        &self,
        room: usize,
        read: impl FnOnce(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut count = 0;
        let tried = self.0.try_io(Interest::READABLE, || {
            count = read(&self.0)?;
            // It was all there is: the socket is not ready again before the system says so.
            if SHORT_READS_EMPTY && 0 < count && count < room {
                Err(ErrorKind::WouldBlock.into())
            } else {
                Ok(())
            }
        });
        if count > 0 { Ok(count) } else { tried.map(|()| 0) }
    }
}

impl TcpSocket for Tcp {
    fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        self.read_once(into.len(), |io| io.try_read(into))
    }

    fn try_read_buf(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.read_once(into.capacity() - into.len(), |io| io.try_read_buf(into))
    }

    fn try_write_vectored(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        match from {
            [all] => self.0.try_write(all),
            _ => self.0.try_write_vectored(from),
        }
    }

    fn shutdown(&self) -> io::Result<()> {
        rtspan_std::shutdown(&self.0, Shutdown::Write)
    }

    fn set_nodelay(&self) -> io::Result<()> {
        self.0.set_nodelay(true)
    }

    fn set_keepalive(&self) -> io::Result<()> {
        rtspan_std::set_keepalive(&self.0)
    }

    fn set_dscp(&self, dscp: rtspan_std::Dscp) -> io::Result<()> {
        rtspan_std::set_dscp(&self.0, dscp)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A listening socket of tokio.
#[derive(Debug)]
pub struct TokioListener(TcpListener);

impl Listener for TokioListener {
    type Tcp = Tcp;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(Tcp, SocketAddr)>> {
        let (stream, peer) = ready!(self.0.poll_accept(cx))?;
        Poll::Ready(Ok((Tcp(stream), peer)))
    }
}

/// A UDP socket of tokio.
#[derive(Debug)]
pub struct Udp(TokioUdpSocket);

impl Socket for Udp {
    fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match direction {
            Direction::Read => self.0.poll_recv_ready(cx),
            Direction::Write => self.0.poll_send_ready(cx),
        }
    }
}

impl UdpSocket for Udp {
    fn try_io<T>(
        &self,
        direction: Direction,
        operation: impl FnOnce(SocketRef<'_>) -> io::Result<T>,
    ) -> io::Result<T> {
        let interest = match direction {
            Direction::Read => Interest::READABLE,
            Direction::Write => Interest::WRITABLE,
        };
        self.0.try_io(interest, || operation(SocketRef::new(&self.0)))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn socket(&self) -> SocketRef<'_> {
        SocketRef::new(&self.0)
    }
}

/// A timer of tokio.
#[derive(Debug, Default)]
pub struct TokioTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    is_set: bool,
}

impl Timer for TokioTimer {
    fn reset(&mut self, deadline: Option<rtspan_std::Instant>) {
        let deadline = deadline.and_then(rtspan_std::to_std);
        self.is_set = deadline.is_some();
        let Some(deadline) = deadline else { return };
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline.into()),
            none => *none = Some(Box::pin(tokio::time::sleep_until(deadline.into()))),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            // A task that has used up its budget would not be registered, and it asks once only.
            Some(sleep) if self.is_set => pin!(unconstrained(sleep.as_mut())).poll(cx),
            _ => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[test]
    fn outside_of_a_runtime_nothing_begins_and_nothing_panics() {
        let client = crate::Client::builder("rtsp://127.0.0.1:1/x").expect("a URL").build();
        assert!(matches!(client, Err(crate::Error::Start(_))), "{client:?}");
        let bound = pin!(crate::Server::builder().bind("127.0.0.1:0"));
        let bound = bound.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(bound, Poll::Ready(Err(_))), "{bound:?}");
        assert_eq!(Tokio.parallelism(), 1);
        assert!(Tokio.bind_udp(([127, 0, 0, 1], 0).into()).is_err());
        let connected = pin!(Tokio.connect(([127, 0, 0, 1], 1).into()));
        let connected = connected.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(connected, Poll::Ready(Err(_))));
    }

    #[test]
    fn a_timer_that_is_asked_once_wakes_a_task_that_has_used_up_its_budget() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let flag = Arc::new(Flag::default());
        let waker = Waker::from(Arc::clone(&flag));
        let deadline = rtspan_std::now() + Duration::from_millis(50);
        let task = async move {
            let mut timer = TokioTimer::default();
            timer.reset(Some(deadline));
            let is_set = poll_fn(|cx| {
                while pin!(tokio::task::consume_budget()).poll(cx).is_ready() {}
                let is_pending = timer.poll(&mut Context::from_waker(&waker)).is_pending();
                // A machine that was busy until then tells nothing.
                assert!(is_pending || rtspan_std::now() >= deadline);
                Poll::Ready(is_pending)
            })
            .await;
            while is_set && !flag.0.load(Ordering::Acquire) {
                tokio::task::yield_now().await;
            }
            assert!(rtspan_std::now() >= deadline, "woken before its time");
        };
        runtime.block_on(async { tokio::spawn(task).await }).expect("a task that ends");
    }
}
