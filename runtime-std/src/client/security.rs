#[cfg(feature = "rustls-layer")]
use crate::tls::ClientTls;

/// How the connections of a client are secured.
#[derive(Clone, Debug, Default)]
pub(super) struct Security {
    #[cfg(feature = "rustls-layer")]
    pub(super) tls: ClientTls,
    #[cfg(not(feature = "rustls-layer"))]
    pub(super) tls: (),
}
