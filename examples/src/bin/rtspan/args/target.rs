use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{env, fmt, fs, io};

use clap::ValueEnum;
use rtspan_examples::recorder::FileKind;
use rtspan_std::client::{Client, ClientBuilder};
use rtspan_std::runtime::Runtime;
use rtspan_std::tls::ClientTls;
use rtspan_std::{Fingerprint, Interface, Secret, Url, UrlError};

use super::NetworkArgs;

/// The variable of the environment that has a token.
const TOKEN: &str = "RTSPAN_TOKEN";

/// How a server is reached by those commands that are clients.
#[derive(Debug, clap::Args)]
pub(crate) struct ReachArgs {
    /// Trust the server whose certificate has this SHA-256, and no other. Without it the roots of this system are trusted.
    #[arg(long, global = true, value_name = "SHA256", help_heading = "Network", hide_short_help = true)]
    pin: Option<Fingerprint>,

    /// Trust any server: whoever is on the way can read passwords and change what is seen.
    #[arg(long, global = true, conflicts_with = "pin", help_heading = "Network", hide_short_help = true)]
    insecure: bool,

    /// Speak RTSP through this, as rtsp+http:// and rtsp+ws:// in a URL do.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WAY",
        help_heading = "Network",
        hide_short_help = true
    )]
    tunnel: Option<TunnelName>,

    /// The token for servers that ask for one (Bearer, RFC 6750), in the place of user and password in the URL. It is only sent over TLS.
    /// Everybody on this machine can read it here: the variable RTSPAN_TOKEN and --token-file hide it.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        conflicts_with = "token_file",
        help_heading = "Network",
        hide_short_help = true
    )]
    token: Option<String>,

    /// A file whose first line is that token.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Network", hide_short_help = true)]
    token_file: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    /// Join multicast groups on this network interface, by name or address; without it on that of the connection.
    #[arg(
        long,
        global = true,
        value_name = "INTERFACE",
        value_parser = str::parse::<Interface>,
        help_heading = "Network",
        hide_short_help = true
    )]
    multicast_interface: Option<Interface>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TunnelName {
    Http,
    Ws,
}

/// A URL as it was typed, and how its server is reached. It is shown without its password.
#[derive(Clone)]
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
    token: Option<Secret>,
}

/// A server cannot be reached in the way that is wanted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadReach {
    #[error("the URL cannot have this tunnel")]
    Tunnel(#[from] UrlError),
    #[error("cannot read the token in {}", .path.display())]
    Token { path: PathBuf, source: io::Error },
}

impl ReachArgs {
    /// The token for servers that ask for one.
    fn token(&self) -> Result<Option<Secret>, BadReach> {
        let Some(path) = &self.token_file else {
            return Ok(self.token.clone().or_else(|| env::var(TOKEN).ok()).map(Secret::token));
        };
        let text = fs::read_to_string(path);
        let text = text.map_err(|source| BadReach::Token { path: path.clone(), source })?;
        Ok(Some(Secret::token(text.lines().next().unwrap_or_default())))
    }
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
    /// The URL cannot have the tunnel, or the token is not where it should be.
    pub(crate) fn reach(&mut self, args: &ReachArgs) -> Result<(), BadReach> {
        if args.insecure {
            self.reached.tls = ClientTls::dangerous_any();
        }
        if let Some(pin) = args.pin {
            self.reached.tls = ClientTls::pinned(pin);
        }
        self.reached.token = args.token()?;
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
    pub(crate) fn numbered(&self, number: u32) -> Result<Self, BadTarget> {
        let numbered = Self::from_str(&format!("{}-{number}", self.text))?;
        Ok(Self { reached: self.reached.clone(), ..numbered })
    }

    /// There are credentials for its server.
    pub(crate) fn has_credentials(&self) -> bool {
        self.url.credentials().is_some() || self.reached.token.is_some()
    }

    /// Sets up a client of it.
    pub(crate) fn client<R: Runtime>(&self) -> ClientBuilder<R> {
        let builder = Client::<R>::builder(&self.text).expect("it was parsed before");
        let builder = self.reached.network.client(builder.tls(self.reached.tls.clone()));
        let builder =
            self.reached.token.iter().fold(builder, |builder, token| builder.credentials("", token.clone()));
        match &self.reached.interface {
            Some(interface) => builder.multicast_interface(interface.clone()),
            None => builder,
        }
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    fn from_str(text: &str) -> Result<Self, BadTarget> {
        let text = with_scheme(text)?;
        let url = Url::parse(&text)?;
        Ok(Self { text: text.into(), url, reached: Box::default() })
    }
}

/// The text is no URL of a stream.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum BadTarget {
    #[error("a URL is needed, such as rtsp://camera/main or 192.168.1.64:554/stream1")]
    None,
    #[error(
        "this is a page of HTTP; a URL of RTSP is needed, such as rtsp://camera/main, or rtsp+http://camera/main for a tunnel"
    )]
    Http,
    #[error(
        "this is a file, and a URL is needed, such as rtsp://camera/main; `rtspan serve --files` serves files"
    )]
    File,
    #[error(transparent)]
    Url(#[from] UrlError),
}

/// A text as a URL: one without a scheme is of RTSP if it begins with what may be a host.
fn with_scheme(text: &str) -> Result<String, BadTarget> {
    let text = text.trim();
    if let Some((scheme, _)) = text.split_once("://") {
        let is_http = ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
        return if is_http { Err(BadTarget::Http) } else { Ok(text.to_owned()) };
    }
    let authority = text.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host == text && (FileKind::of(Path::new(text)).is_some() || Path::new(text).is_file()) {
        return Err(BadTarget::File);
    }
    let may_be_host = |c: char| c.is_alphanumeric() || ".-_:[]%".contains(c);
    if host.is_empty()
        || host.ends_with(':')
        || host.starts_with(['.', '-'])
        || !host.chars().all(may_be_host)
    {
        return Err(BadTarget::None);
    }
    Ok(format!("rtsp://{text}"))
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
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
    fn what_people_type_without_a_scheme_is_rtsp() {
        for (text, expected) in [
            ("192.168.1.10", "rtsp://192.168.1.10"),
            ("camera/main", "rtsp://camera/main"),
            (" camera:8554/main ", "rtsp://camera:8554/main"),
            ("admin:s3/cr@t@camera/main", "rtsp://admin:s3/cr@t@camera/main"),
            ("u:p@10.0.0.7/cam?channel=1&url=a", "rtsp://u:p@10.0.0.7/cam?channel=1&url=a"),
            ("[::1]:8554/live", "rtsp://[::1]:8554/live"),
            ("rtsps://camera/main", "rtsps://camera/main"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.as_str(), expected);
        }
        for (text, needed) in [
            ("", "a URL is needed"),
            ("/dev/video0", "a URL is needed"),
            ("./camera", "a URL is needed"),
            ("rtsp:/camera", "a URL is needed"),
            ("-camera", "a URL is needed"),
            ("clip.mp4", "this is a file"),
            ("http://camera/", "a page of HTTP"),
            ("ftp://camera/", "does not start with rtsp://"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(needed), "{text}: {error}");
        }
    }

    #[test]
    fn a_tunnel_changes_the_scheme_and_nothing_else() {
        let network = NetworkArgs::default();
        let reach = |tunnel| ReachArgs {
            pin: None,
            insecure: false,
            token: None,
            token_file: None,
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
