#[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
use crate::tls::ClientTls;

/// How the connections of a client are layered.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    #[cfg(any(feature = "tls", feature = "tls-aws-lc-rs"))]
    pub(super) tls: ClientTls,
    #[cfg(not(any(feature = "tls", feature = "tls-aws-lc-rs")))]
    pub(super) tls: (),
    /// Media goes raw over the connection of a GET.
    pub(super) media_on_get: bool,
}
