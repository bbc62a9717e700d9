//! TLS and tunnels of a server and of clients, as they are set.

use rtspan_std::Origins;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerBuilder;
use rtspan_std::tls::ServerTls;

use crate::Failure;
use crate::serve::{Tls, Tunnels};

/// Sets up what the ports of a server take, and gives its certificate if it has one.
pub(crate) fn secured<R: Runtime>(
    builder: ServerBuilder<R>,
    given: &Tls,
    tunnels: &Tunnels,
) -> Result<(ServerBuilder<R>, Option<ServerTls>), Failure> {
    let has_tunnels = tunnels.enabled != Some(false);
    let builder = builder.require_tls(given.required == Some(true)).http_tunnel(has_tunnels);
    let builder = match given.srtp {
        Some(srtp) => builder.srtp(srtp.0.into()),
        None => builder,
    };
    let builder = match &tunnels.origins {
        _ if !has_tunnels => builder.websocket(None),
        None => builder,
        Some(origins) if origins.iter().any(|origin| origin == "any") => builder.websocket(Origins::Any),
        Some(origins) => builder.websocket(Origins::Only(origins.clone())),
    };
    let tls = certificate(given)?;
    Ok(match &tls {
        Some(tls) => (builder.tls(tls.clone()), Some(tls.clone())),
        None => (builder, None),
    })
}

/// The certificate that is given, or one that is made now.
pub(crate) fn certificate(given: &Tls) -> Result<Option<ServerTls>, Failure> {
    if let (Some(chain), Some(key)) = (&given.certificate, &given.key) {
        let tls = ServerTls::from_pem_files(chain, key);
        return tls.map(Some).map_err(|source| Failure::Certificate { path: chain.clone(), source });
    }
    let Some(names) = &given.self_signed else { return Ok(None) };
    let made = rcgen::generate_simple_self_signed(names.clone()).map_err(Failure::SelfSigned)?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes());
    tls.map(Some).map_err(|source| Failure::Certificate { path: "the new certificate".into(), source })
}
