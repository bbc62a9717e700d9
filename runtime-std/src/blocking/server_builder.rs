use std::fmt::Display;
use std::net::TcpListener;

#[cfg(feature = "srtp")]
use rtspan_core::server::SrtpPolicy;
use rtspan_core::server::{Multicast, ServerConfig};
use rtspan_core::tunnel::websocket::Origins;

use super::Server;
use crate::net::{Dscp, Interface};
use crate::server::{self, BindError};
use crate::threads::{Threads, block_on};
#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ServerTls;

/// How a server is set up.
///
/// ```
/// use rtspan_std::{Action, LagPolicy, Secret, Server, ServerConfig, User, Users};
///
/// let users = Users::default()
///     .with(User::new("studio", Secret::password("staple")).may(Action::Publish, "/live/*"))
///     .anyone_may(Action::Read, "*");
/// let server = Server::builder()
///     .config(ServerConfig::default().users(users).lag(LagPolicy::Disconnect))
///     .also_listen("127.0.0.1:0") // a second port
///     .bind("127.0.0.1:0")?;
/// assert_eq!(server.local_addrs().len(), 2);
/// # Ok::<(), rtspan_std::BindError>(())
/// ```
#[derive(Debug)]
pub struct ServerBuilder(pub(super) server::ServerBuilder<Threads>);

impl ServerBuilder {
    /// The settings of the server: rights, limits, deadlines.
    #[must_use]
    pub fn config(self, config: ServerConfig) -> Self {
        Self(self.0.config(config))
    }

    /// Takes `rtsps` as well, with this certificate: each port takes both, since the first byte of a peer tells which it speaks.
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    #[must_use]
    pub fn tls(self, tls: ServerTls) -> Self {
        Self(self.0.tls(tls))
    }

    /// The use of SRTP, instead of that in the [settings](Self::config)
    /// ([`ServerConfig::srtp`](rtspan_core::server::ServerConfig::srtp)): by default if a peer asks for it over TLS.
    #[cfg(feature = "srtp")]
    #[must_use]
    pub fn srtp(self, policy: SrtpPolicy) -> Self {
        Self(self.0.srtp(policy))
    }

    /// Refuses peers without TLS: 403 to their first request. `bind` fails without a [certificate](Self::tls).
    #[must_use]
    pub fn require_tls(self, require: bool) -> Self {
        Self(self.0.require_tls(require))
    }

    /// Takes Apple's tunnel of RTSP through two HTTP requests on every port (`true` by default).
    #[must_use]
    pub fn http_tunnel(self, takes: bool) -> Self {
        Self(self.0.http_tunnel(takes))
    }

    /// Takes RTSP over WebSockets (`rtsp.onvif.org`) on every port from these pages, and from programs that are no browsers; from
    /// pages of the same host by default. `None` takes none.
    #[must_use]
    pub fn websocket(self, origins: impl Into<Option<Origins>>) -> Self {
        Self(self.0.websocket(origins))
    }

    /// Marks all sent packets with a class of service, over UDP and TCP; none by default.
    ///
    /// Windows ignores it, and its sockets of IPv6 for media refuse it.
    #[must_use]
    pub fn dscp(self, dscp: Dscp) -> Self {
        Self(self.0.dscp(dscp))
    }

    /// Lets packets over UDP that are too big for the path to a reader be cut into fragments, as they are by default. With
    /// `false` they leave whole or not at all, and [`Event::PacketsTooBig`](rtspan_core::server::Event::PacketsTooBig) names their reader.
    #[must_use]
    pub fn fragments(self, allows: bool) -> Self {
        Self(self.0.fragments(allows))
    }

    /// As [`ServerBuilder::multicast`](crate::server::ServerBuilder::multicast).
    #[must_use]
    pub fn multicast(self, multicast: Multicast, interface: impl Into<Option<Interface>>) -> Self {
        Self(self.0.multicast(multicast, interface))
    }

    /// Listens on this address too, such as `0.0.0.0:322` beside `0.0.0.0:554`.
    #[must_use]
    pub fn also_listen(self, addr: impl Display) -> Self {
        Self(self.0.also_listen(addr))
    }

    /// Takes the connections of a socket that listens already too, such as one of systemd's.
    #[must_use]
    pub fn listener(self, listener: TcpListener) -> Self {
        Self(self.0.listener(listener))
    }

    /// Begins to listen on an address such as `0.0.0.0:8554`; port 0 is a free one.
    ///
    /// `:8554` is all addresses of this host, of IPv6 and of IPv4. A name such as `localhost:8554` is each of its addresses that this
    /// host has.
    ///
    /// # Errors
    ///
    /// The address is invalid, or the system refuses it.
    pub fn bind(self, addr: impl Display + Send) -> Result<Server, BindError> {
        block_on(self.0.bind(addr)).map(Server)
    }

    /// Begins to listen at the places of [`listener`](Self::listener) and [`also_listen`](Self::also_listen), and nowhere else.
    ///
    /// # Errors
    ///
    /// There is no such place, an address is invalid, or the system refuses one of them.
    pub fn start(self) -> Result<Server, BindError> {
        block_on(self.0.start()).map(Server)
    }
}
