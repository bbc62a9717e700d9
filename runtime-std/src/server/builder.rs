use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

#[cfg(feature = "srtp")]
use rtspan_core::server::SrtpPolicy;
use rtspan_core::server::{Multicast, ServerConfig};
use rtspan_core::tunnel::websocket::Origins;

use super::door::Door;
use super::listening::{Addresses, Listening};
use super::{BindError, Server, accept, keeper, teller, udp};
use crate::link::{Admission, Entrance};
use crate::net::{Dscp, Interface, SocketOptions, prepare, source_to};
use crate::runtime::{Listener, Runtime};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ServerTls;

/// How a server is set up.
#[derive(Debug)]
pub struct ServerBuilder<R: Runtime> {
    config: ServerConfig,
    admission: Admission,
    addrs: Vec<String>,
    adopted: Vec<TcpListener>,
    options: SocketOptions,
    multicast: Option<Multicast>,
    interface: Option<Interface>,
    #[cfg(feature = "srtp")]
    srtp: Option<SrtpPolicy>,
    runtime: R,
}

impl<R: Runtime> ServerBuilder<R> {
    pub(super) fn new() -> Self {
        Self {
            config: ServerConfig::default(),
            admission: Admission::default(),
            addrs: Vec::new(),
            adopted: Vec::new(),
            options: SocketOptions::default(),
            multicast: None,
            interface: None,
            #[cfg(feature = "srtp")]
            srtp: None,
            runtime: R::default(),
        }
    }

    /// The settings of the server: rights, limits, deadlines.
    #[must_use]
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Runs the server on this runtime instead of the default one.
    #[must_use]
    pub fn runtime(mut self, runtime: R) -> Self {
        self.runtime = runtime;
        self
    }

    /// Takes `rtsps` as well, with this certificate: each port takes both, since the first byte of a peer tells which it speaks.
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    #[must_use]
    pub fn tls(mut self, tls: ServerTls) -> Self {
        self.admission.tls = Some(tls);
        self
    }

    /// Refuses peers without TLS: 403 to their first request. `bind` fails without a [certificate](Self::tls).
    #[must_use]
    pub fn require_tls(mut self, require: bool) -> Self {
        self.admission.requires_tls = require;
        self
    }

    /// The use of SRTP, instead of that in the [settings](Self::config) ([`ServerConfig::srtp`]): by default if a peer asks for it
    /// over TLS.
    #[cfg(feature = "srtp")]
    #[must_use]
    pub fn srtp(mut self, policy: SrtpPolicy) -> Self {
        self.srtp = Some(policy);
        self
    }

    /// Takes Apple's tunnel of RTSP through two HTTP requests on every port (`true` by default).
    #[must_use]
    pub fn http_tunnel(mut self, takes: bool) -> Self {
        self.admission.http_tunnel = takes;
        self
    }

    /// Takes RTSP over WebSockets (`rtsp.onvif.org`) on every port from these pages, and from programs that are no browsers; from
    /// pages of the same host by default. `None` takes none.
    #[must_use]
    pub fn websocket(mut self, origins: impl Into<Option<Origins>>) -> Self {
        self.admission.websocket = origins.into();
        self
    }

    /// Sends streams to groups over this interface, for readers that ask for that. Without an interface the system's routes choose
    /// one.
    ///
    /// The source address of the packets is found, unless the settings [give it](Multicast::source).
    #[must_use]
    pub fn multicast(self, multicast: Multicast, interface: impl Into<Option<Interface>>) -> Self {
        Self { multicast: Some(multicast), interface: interface.into(), ..self }
    }

    /// Listens on this address too, such as `0.0.0.0:322` beside `0.0.0.0:554`.
    #[must_use]
    pub fn also_listen(mut self, addr: impl Display) -> Self {
        self.addrs.push(addr.to_string());
        self
    }

    /// Takes the connections of a socket that listens already too: one of systemd's, or of a parent that gives up its rights to
    /// low ports.
    ///
    /// ```no_run
    /// # use std::net::TcpListener;
    /// # use rtspan_std::server::{BindError, Server};
    /// # async fn serve<R: rtspan_std::runtime::Runtime>(handed: TcpListener) -> Result<Server<R>, BindError> {
    /// Server::<R>::builder().listener(handed).start().await
    /// # }
    /// ```
    #[must_use]
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.adopted.push(listener);
        self
    }

    /// Marks all sent packets with a class of service, over UDP and TCP; none by default.
    ///
    /// Windows ignores it, and its sockets of IPv6 for media refuse it.
    #[must_use]
    pub fn dscp(mut self, dscp: Dscp) -> Self {
        self.options.dscp = Some(dscp);
        self
    }

    /// Lets packets over UDP that are too big for the path to a reader be cut into fragments. They are by default, since
    /// cameras send packets as large as Ethernet takes, and a reader behind a tunnel would get none of them.
    ///
    /// With `false` they leave whole or not at all, and [`Event::PacketsTooBig`](rtspan_core::server::Event::PacketsTooBig) tells
    /// for whom they were too big. Some firewalls let no fragments through, and a stream of own packets needs none:
    /// [`PACKET_BYTES_MAX`](rtspan_core::limits::PACKET_BYTES_MAX) fits every path.
    #[must_use]
    pub fn fragments(mut self, allows: bool) -> Self {
        self.options.forbids_fragments = !allows;
        self
    }

    #[cfg(feature = "srtp")]
    fn encrypting(mut self) -> Self {
        self.config = self.config.srtp_ciphers_of_runtime(crate::ciphers::ciphers());
        if let Some(policy) = self.srtp {
            self.config = self.config.srtp(policy);
        }
        self
    }

    /// Begins to listen on an address such as `0.0.0.0:8554`; port 0 is a free one.
    ///
    /// `:8554` is all addresses of this host, of IPv6 and of IPv4. A name such as `localhost:8554` is each of its addresses that this
    /// host has.
    ///
    /// # Errors
    ///
    /// The address is invalid, or the system refuses it.
    pub async fn bind(mut self, addr: impl Display + Send) -> Result<Server<R>, BindError> {
        self.addrs.insert(0, addr.to_string());
        self.start().await
    }

    /// Begins to listen at the places of [`listener`](Self::listener) and [`also_listen`](Self::also_listen), and nowhere else.
    ///
    /// # Errors
    ///
    /// There is no such place, an address is invalid, or the system refuses one of them.
    pub async fn start(self) -> Result<Server<R>, BindError> {
        #[cfg(feature = "srtp")]
        let own = self.encrypting();
        #[cfg(not(feature = "srtp"))]
        let own = self;
        let Self { mut config, admission, addrs, adopted, options, multicast, interface, runtime, .. } = own;
        let runtime = runtime.serving();
        if admission.requires_tls && !admission.has_tls() {
            return Err(BindError::NoCertificate);
        }
        let mut listeners = Vec::new();
        for addr in addrs {
            listeners.extend(listen_on(&runtime, &addr).await?);
        }
        for listener in adopted {
            listeners.push(adopt(&runtime, listener).map_err(BindError::Adopt)?);
        }
        if listeners.is_empty() {
            return Err(BindError::Nowhere);
        }
        if let Some(multicast) = multicast {
            config = config.multicast(Some(with_sources(&runtime, multicast, interface.as_ref())?));
        }
        let config = config.processors(runtime.parallelism());
        let entrance = Entrance::new(admission, &config, runtime.clock());
        let door = Arc::new(Door::new(config, runtime.clock(), runtime.seed().map_err(BindError::Start)?));
        // Dropped on the way out, it ends the task that was started.
        let server = Server { door, addresses: Arc::new(Addresses::new(runtime.clone(), listeners)) };
        let door = &server.door;
        let sending = udp::Sending { options, interface };
        udp::open(&runtime, door, &sending)?;
        runtime.spawn(keeper::keep(runtime.clone(), Arc::clone(door), sending)).map_err(BindError::Start)?;
        runtime.spawn(teller::tell(Arc::clone(door))).map_err(BindError::Start)?;
        let addresses = Arc::clone(&server.addresses);
        let accepting = accept::accept(door, addresses, Arc::new(entrance), options.dscp);
        runtime.spawn(accepting).map_err(BindError::Start)?;
        Ok(server)
    }
}

/// Finds out where packets to groups come from.
fn with_sources<R: Runtime>(
    runtime: &R,
    mut multicast: Multicast,
    interface: Option<&Interface>,
) -> Result<Multicast, BindError> {
    for is_ipv6 in [false, true] {
        let range = multicast.range_of(is_ipv6).filter(|_| multicast.source_of(is_ipv6).is_none());
        if let Some(range) = range {
            let found = source_to(runtime, range.first(), interface);
            let source = found.map_err(|source| BindError::Multicast { range, source })?;
            multicast = multicast.source(source);
        }
    }
    Ok(multicast)
}

/// Takes a socket that listens already, and says where it does.
fn adopt<R: Runtime>(runtime: &R, listener: TcpListener) -> io::Result<Listening<R>> {
    let at = listener.local_addr()?;
    prepare(&listener)?;
    Ok((runtime.adopt(listener)?, at))
}

/// Listens at an address, at all of them, or at each of those that a name has here.
pub(super) async fn listen_on<R: Runtime>(runtime: &R, addr: &str) -> Result<Vec<Listening<R>>, BindError> {
    let refused = |source| BindError::Listen { addr: addr.to_owned(), source };
    if let Ok(addr) = addr.parse() {
        return Ok(vec![listen_at(runtime, addr).map_err(refused)?]);
    }
    let (host, port) = addr
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .ok_or_else(|| BindError::Address(addr.to_owned()))?;
    // A socket of IPv6 takes IPv4 as well.
    let is_all = host.is_empty();
    let addrs = if is_all {
        vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()]
    } else {
        runtime.resolve(host.to_owned(), port).await.map_err(refused)?
    };
    let mut listeners: Vec<Listening<R>> = Vec::new();
    let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
    for addr in addrs {
        match listen_at(runtime, addr) {
            Ok(listener) => listeners.push(listener),
            Err(error) if matches!(error.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                return Err(refused(error));
            }
            // Not every host has IPv6, nor all addresses of a name.
            Err(error) => last = error,
        }
        if is_all && !listeners.is_empty() {
            break;
        }
    }
    if listeners.is_empty() { Err(refused(last)) } else { Ok(listeners) }
}

fn listen_at<R: Runtime>(runtime: &R, addr: SocketAddr) -> io::Result<Listening<R>> {
    let listener = runtime.listen(addr)?;
    let at = listener.local_addr()?;
    Ok((listener, at))
}
