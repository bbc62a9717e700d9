use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::tls::ClientTls;
use rtspan_std::{Fingerprint, Interface, Url, UrlError};

use super::NetworkArgs;

/// How a server is reached by those commands that are clients.
#[derive(Debug, clap::Args)]
pub(crate) struct ReachArgs {
    /// Trust the server whose certificate has this SHA-256, and no other. Without it the roots of this system are trusted.
    #[arg(long, global = true, value_name = "SHA256")]
    pin: Option<Fingerprint>,

    /// Trust any server: whoever is on the way can read passwords and change what is seen.
    #[arg(long, global = true, conflicts_with = "pin")]
    insecure: bool,

    /// Speak RTSP through this, as rtsp+http:// and rtsp+ws:// in a URL do.
    #[arg(long, global = true, value_enum, value_name = "WAY")]
    tunnel: Option<TunnelName>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Join multicast groups on this network interface, by name or address; without it on that of the connection.
    #[arg(long, global = true, value_name = "INTERFACE", value_parser = str::parse::<Interface>)]
    multicast_interface: Option<Interface>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TunnelName {
    Http,
    Ws,
}

/// A URL as it was typed, and how its server is reached. It is shown without its password.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: Box<str>,
    url: Url,
    reached: Box<Reached>,
}

/// How its server is reached.
#[derive(Clone, Debug, Default)]
struct Reached {
    tls: ClientTls,
    network: NetworkArgs,
    interface: Option<Interface>,
}

impl Target {
    /// With its credentials.
    #[cfg(test)]
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Reaches the server in this way.
    ///
    /// # Errors
    ///
    /// The URL cannot have the tunnel.
    pub(crate) fn reach(&mut self, args: &ReachArgs) -> Result<(), UrlError> {
        if args.insecure {
            self.reached.tls = ClientTls::dangerous_any();
        }
        if let Some(pin) = args.pin {
            self.reached.tls = ClientTls::pinned(pin);
        }
        self.reached.network = args.network;
        self.reached.interface.clone_from(&args.multicast_interface);
        let Some(tunnel) = args.tunnel else { return Ok(()) };
        let (_, rest) = self.text.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = match (tunnel, self.url.is_secure()) {
            (TunnelName::Http, false) => "rtsp+http",
            (TunnelName::Http, true) => "rtsp+https",
            (TunnelName::Ws, false) => "rtsp+ws",
            (TunnelName::Ws, true) => "rtsp+wss",
        };
        let text = format!("{scheme}://{rest}");
        (self.url, self.text) = (Url::parse(&text)?, text.into());
        Ok(())
    }

    /// The one of several that has this number behind its URL, reached in the same way.
    ///
    /// # Errors
    ///
    /// The URL cannot have the number.
    pub(crate) fn numbered(&self, number: u32) -> Result<Self, UrlError> {
        let numbered = Self::from_str(&format!("{}-{number}", self.text))?;
        Ok(Self { reached: self.reached.clone(), ..numbered })
    }

    /// Sets up a client of it.
    pub(crate) fn client<R: Runtime>(&self) -> ClientBuilder<R> {
        let builder = Client::<R>::builder(&self.text).expect("it was parsed before");
        let builder = self.reached.network.client(builder.tls(self.reached.tls.clone()));
        match &self.reached.interface {
            Some(interface) => builder.multicast_interface(interface.clone()),
            None => builder,
        }
    }
}

impl FromStr for Target {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Ok(Self { text: text.into(), url: Url::parse(text)?, reached: Box::default() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_changes_the_scheme_and_nothing_else() {
        let network = NetworkArgs::default();
        let reach = |tunnel| ReachArgs {
            pin: None,
            insecure: false,
            tunnel: Some(tunnel),
            network,
            multicast_interface: None,
        };
        for (text, tunnel, expected) in [
            ("rtsp://u:p@h/cam?a=b", TunnelName::Http, "rtsp+http://u:p@h/cam?a=b"),
            ("rtsps://h:322/cam", TunnelName::Ws, "rtsp+wss://h:322/cam"),
            ("rtsp+wss://h/cam", TunnelName::Http, "rtsp+https://h/cam"),
        ] {
            let mut target: Target = text.parse().unwrap();
            target.reach(&reach(tunnel)).unwrap();
            assert_eq!(target.as_str(), expected);
        }
    }
}
