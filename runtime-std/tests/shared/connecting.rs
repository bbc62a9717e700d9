//! Hosts with several addresses.

use std::future::{Future, pending};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rtspan_std::client::{Client, Error};
use rtspan_std::runtime::{Clock, Runtime, TcpSocket};
use rtspan_std::server::Server;
use rtspan_std::{
    ClientCloseReason, ClientConfig, ConnectAttempt, ConnectError, Description, Event, ServerConfig, limits,
};

use super::by_hand::{Ear, Peer, late, now, since};
use super::{description, event, serve};

/// A runtime on which every name leads to the same addresses, some of which never answer.
#[derive(Clone, Default)]
struct Names<R> {
    runtime: R,
    addrs: Arc<Vec<SocketAddr>>,
    silent: Arc<Vec<SocketAddr>>,
}

impl<R: Runtime> Names<R> {
    fn new(silent: &[SocketAddr], others: &[SocketAddr]) -> Self {
        let addrs = Arc::new([silent, others].concat());
        Self { runtime: R::default(), addrs, silent: Arc::new(silent.to_vec()) }
    }

    async fn describe(self, config: ClientConfig) -> Result<Description, Error> {
        self.describe_at("camera.example", config).await
    }

    async fn describe_at(self, host: &str, config: ClientConfig) -> Result<Description, Error> {
        let builder = Client::<Self>::builder(&format!("rtsp://{host}/cam")).unwrap();
        builder.runtime(self).config(config).connect().await?.describe().await
    }
}

impl<R: Runtime> Runtime for Names<R> {
    type Tcp = R::Tcp;
    type Listener = R::Listener;
    type Udp = R::Udp;
    type Timer = R::Timer;
    type Serving = Self;

    fn serving(&self) -> Self {
        self.clone()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        self.runtime.spawn(task)
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<R::Tcp> {
        if self.silent.contains(&to) {
            pending::<()>().await;
        }
        self.runtime.connect(to).await
    }

    async fn resolve(&self, host: String, _: u16) -> io::Result<Vec<SocketAddr>> {
        match &host[..] {
            "unknown.example" => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            "silent.example" => pending().await,
            _ => Ok(self.addrs.to_vec()),
        }
    }

    fn listen(&self, at: SocketAddr) -> io::Result<R::Listener> {
        self.runtime.listen(at)
    }

    fn bind_udp(&self, at: SocketAddr) -> io::Result<R::Udp> {
        self.runtime.bind_udp(at)
    }

    fn timer(&self) -> R::Timer {
        self.runtime.timer()
    }

    fn clock(&self) -> Clock {
        self.runtime.clock()
    }
}

fn silent() -> SocketAddr {
    ([192, 0, 2, 1], 554).into()
}

/// An address at which nobody listens. It is the near end of a connection, so that the system gives it to nobody else meanwhile.
pub(super) struct Refusing<R: Runtime> {
    pub(super) addr: SocketAddr,
    _ends: [Peer<R>; 2],
}

impl<R: Runtime> Refusing<R> {
    pub(super) async fn new() -> Self {
        let mut ear = Ear::<R>::new();
        let near = Peer::<R>::connect(ear.local_addr()).await;
        let far = ear.accept().await;
        Self { addr: near.local_addr(), _ends: [near, far] }
    }
}

pub(crate) async fn addresses_that_do_not_answer_are_not_waited_for<R: Runtime>() {
    let server = serve::<R>(ServerConfig::default()).await;
    let _stream = server.publish("/cam", description()).unwrap();
    let begun = now::<R>();
    let refusing = Refusing::<R>::new().await;
    let names = Names::<R>::new(&[silent()], &[refusing.addr, server.local_addr()]);
    assert_eq!(names.describe(ClientConfig::default()).await.unwrap().medias.len(), 2);
    let took = since::<R>(begun);
    assert!(limits::CONNECT_ATTEMPT_DELAY <= took && took < limits::CONNECT_DEADLINE, "{took:?}");
}

pub(crate) async fn a_host_that_cannot_be_connected_is_an_error_that_names_each_address<R: Runtime>() {
    let nobody = Refusing::<R>::new().await;
    let refusing = nobody.addr;
    let names = Names::<R>::new(&[silent()], &[refusing]);
    let deadline = Duration::from_secs(2);
    let config = ClientConfig::default().connect_deadline(deadline);
    let begun = now::<R>();
    match names.describe(config).await {
        Err(Error::Closed(ClientCloseReason::Connect(error @ ConnectError::Refused(_)))) => {
            let tried = [
                ConnectAttempt::new(refusing, io::ErrorKind::ConnectionRefused),
                ConnectAttempt::new(silent(), io::ErrorKind::TimedOut),
            ];
            assert_eq!(error.tried(), tried);
            let text = format!(
                "no connection to {refusing} (is a server running there?); nor to 192.0.2.1:554 (timed out)"
            );
            assert_eq!(error.to_string(), text);
        }
        other => panic!("{other:?}"),
    }
    let took = since::<R>(begun);
    assert!((deadline..deadline * 3 / 2 + late::<R>()).contains(&took), "{took:?}");
}

pub(crate) async fn each_reason_for_no_connection_is_an_error_of_its_own_with_its_source<R: Runtime>() {
    let patience = Duration::from_secs(2);
    let config = || ClientConfig::default().connect_deadline(patience);
    let names = || Names::<R>::new(&[], &[]);
    let nobody = Refusing::<R>::new().await;
    let refusing = [nobody.addr];
    let silent = [silent()];
    for (tried, kind) in [
        (names().describe_at("unknown.example", config()), Some(io::ErrorKind::NotFound)),
        (names().describe_at("camera.example", config()), Some(io::ErrorKind::NotFound)),
        (names().describe_at("silent.example", config()), None),
        (
            Names::<R>::new(&[], &refusing).describe_at("camera.example", config()),
            Some(io::ErrorKind::ConnectionRefused),
        ),
        (
            Names::<R>::new(&silent, &[]).describe_at("camera.example", config()),
            Some(io::ErrorKind::TimedOut),
        ),
    ] {
        let begun = now::<R>();
        let error = tried.await.unwrap_err();
        let took = since::<R>(begun);
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), kind, "{error:?}");
        let Error::Closed(ClientCloseReason::Connect(error)) = error else { panic!("{error:?}") };
        match kind {
            Some(io::ErrorKind::NotFound) => {
                assert!(matches!(error, ConnectError::Unresolved(_)), "{error:?}")
            }
            Some(io::ErrorKind::ConnectionRefused) => {
                assert!(matches!(error, ConnectError::Refused(_)), "{error:?}")
            }
            _ => {
                assert!(matches!(error, ConnectError::Timeout(_)), "{error:?}");
                assert!((patience..patience * 3 / 2 + late::<R>()).contains(&took), "{took:?}");
            }
        }
    }
}

fn has_ipv6<R: Runtime>() -> bool {
    R::default().listen((Ipv6Addr::LOCALHOST, 0).into()).is_ok()
}

pub(crate) async fn a_peer_over_ipv4_of_a_socket_for_both_is_told_as_such<R: Runtime>() {
    for all in ["[::]:0", ":0"] {
        // A system without IPv6 has no such socket.
        let Ok(server) = Server::<R>::builder().bind(all).await else { continue };
        let to = (Ipv4Addr::LOCALHOST, server.local_addr().port()).into();
        let socket = R::default().connect(to).await.unwrap();
        let opened = |event| match event {
            Event::ConnOpened { peer, .. } => Some(peer),
            _ => None,
        };
        assert_eq!(event(&server, opened).await, socket.local_addr().unwrap());
        let local = server.connections().first().and_then(|conn| conn.local);
        assert_eq!(local, Some(Ipv4Addr::LOCALHOST.into()));
        let to: SocketAddr = (Ipv6Addr::LOCALHOST, server.local_addr().port()).into();
        if server.local_addr().is_ipv6() && has_ipv6::<R>() {
            R::default().connect(to).await.unwrap();
        }
    }
}

pub(crate) async fn a_server_listens_on_each_address_of_a_name<R: Runtime>() {
    // A system without IPv6 has one of them.
    let both = has_ipv6::<R>();
    let home = [IpAddr::from(Ipv6Addr::LOCALHOST), [192, 0, 2, 1].into(), Ipv4Addr::LOCALHOST.into()];
    let runtime = Names::<R>::new(&[], &home.map(|ip| SocketAddr::new(ip, 0)));
    let server = Server::<Names<R>>::builder().runtime(runtime).bind("nvr.example:0").await.unwrap();
    assert_eq!(server.local_addrs().len(), if both { 2 } else { 1 });
    for addr in server.local_addrs() {
        R::default().connect(addr).await.unwrap();
    }
}
