//! TLS and tunnels of a server and of clients, as the command line says it.

use rtspan_std::Origins;
use rtspan_std::runtime::Runtime;
use rtspan_std::server::ServerBuilder;
use rtspan_std::tls::ServerTls;

use crate::Failure;
use crate::args::SecureArgs;

/// Sets up what the ports of a server take, and gives its certificate if it has one.
pub(crate) fn secured<R: Runtime>(
    builder: ServerBuilder<R>,
    args: &SecureArgs,
) -> Result<(ServerBuilder<R>, Option<ServerTls>), Failure> {
    let builder = builder.require_tls(args.require_tls).http_tunnel(!args.no_tunnels);
    let builder = match args.srtp {
        Some(srtp) => builder.srtp(srtp.into()),
        None => builder,
    };
    let builder = match &args.origins {
        _ if args.no_tunnels => builder.websocket(None),
        None => builder,
        Some(origins) if origins.iter().any(|origin| origin == "any") => builder.websocket(Origins::Any),
        Some(origins) => builder.websocket(Origins::Only(origins.clone())),
    };
    let tls = certificate(args)?;
    Ok(match &tls {
        Some(tls) => (builder.tls(tls.clone()), Some(tls.clone())),
        None => (builder, None),
    })
}

fn certificate(args: &SecureArgs) -> Result<Option<ServerTls>, Failure> {
    if let (Some(chain), Some(key)) = (&args.tls_cert, &args.tls_key) {
        let tls = ServerTls::from_pem_files(chain, key);
        return tls.map(Some).map_err(|source| Failure::Certificate { path: chain.clone(), source });
    }
    let Some(names) = &args.tls_self_signed else { return Ok(None) };
    let made = rcgen::generate_simple_self_signed(names.clone()).map_err(Failure::SelfSigned)?;
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes());
    tls.map(Some).map_err(|source| Failure::Certificate { path: "the new certificate".into(), source })
}
