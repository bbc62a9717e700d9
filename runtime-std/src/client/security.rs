#[cfg(not(feature = "rustls-layer"))]
use rtspan_core::tls::TlsError;

use super::connect::Layers;
use crate::link::Link;
use crate::runtime::TcpSocket;
#[cfg(feature = "rustls-layer")]
use crate::tls::ClientTls;

/// How the connections of a client are secured.
#[derive(Clone, Debug, Default)]
pub(super) struct Security {
    #[cfg(feature = "rustls-layer")]
    pub(super) tls: ClientTls,
}

impl Security {
    /// The layers of a connection to this host, over TLS if it is `secure`.
    pub(super) fn layers<T: TcpSocket>(&self, secure: bool, host: &str) -> Layers<T> {
        if !secure {
            return Box::new(|socket| Ok(Link::plain(socket)));
        }
        self.over_tls(host)
    }

    #[cfg(feature = "rustls-layer")]
    fn over_tls<T: TcpSocket>(&self, host: &str) -> Layers<T> {
        let (tls, host) = (self.tls.clone(), host.to_owned());
        Box::new(move |socket| Ok(Link::tls(socket, tls.connect(&host)?)))
    }

    #[cfg(not(feature = "rustls-layer"))]
    fn over_tls<T: TcpSocket>(&self, _: &str) -> Layers<T> {
        Box::new(|_| Err(TlsError::Unavailable))
    }
}
