#[cfg(feature = "rustls-layer")]
use crate::tls::ClientTls;

/// How the connections of a client are layered.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    #[cfg(feature = "rustls-layer")]
    pub(super) tls: ClientTls,
    #[cfg(not(feature = "rustls-layer"))]
    pub(super) tls: (),
    /// Media goes raw over the connection of a GET.
    pub(super) media_on_get: bool,
}
