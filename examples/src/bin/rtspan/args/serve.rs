use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::ValueEnum;
use rtspan_examples::Listen;
use rtspan_examples::cluster::RegistryAddress;
use rtspan_std::{Algorithm, AuthScheme, IpPrefix, SrtpPolicy, StartAt};

use super::{MulticastArgs, NetworkArgs};
use crate::serve::Account;
use crate::users;

/// How a server is secured, and what its ports take.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SecureArgs {
    /// Take rtsps as well, on every port: the certificate and what has signed it, as PEM.
    #[arg(long, value_name = "CHAIN.pem", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key of the certificate, as PEM.
    #[arg(long, value_name = "KEY.pem", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Take rtsps as well, with a certificate that is made now and for these names, such as nvr.local or 10.0.0.5 (localhost if
    /// none is given). Says its SHA-256, by which players pin it.
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', num_args = 0..=1, default_missing_value = "localhost",
        conflicts_with = "tls_cert")]
    pub(crate) tls_self_signed: Option<Vec<String>>,

    /// Refuse players and publishers that come without TLS.
    #[arg(long)]
    pub(crate) require_tls: bool,

    /// Where media is encrypted by SRTP: offered to players over TLS if nothing is said behind the option, and without the option
    /// taken where one asks for it over TLS.
    #[arg(long, value_enum, value_name = "WHERE", num_args = 0..=1, default_missing_value = "offer")]
    pub(crate) srtp: Option<Srtp>,

    /// Take no tunnels: neither RTSP in requests of HTTP nor over WebSockets.
    #[arg(long)]
    pub(crate) no_tunnels: bool,

    /// Take WebSockets from these pages too, such as `https://wall.example`; any takes them from all. Without, those of the same
    /// host are taken.
    #[arg(long, value_name = "ORIGIN,...", value_delimiter = ',', conflicts_with = "no_tunnels")]
    pub(crate) origins: Option<Vec<String>>,
}

/// Where media is encrypted by SRTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Srtp {
    /// Nowhere.
    Off,
    /// If a peer asks for it over TLS.
    Accept,
    /// The same, and descriptions offer it to players over TLS.
    Offer,
    /// The same, also without TLS: whoever reads along has the keys.
    OfferWithoutTls,
}

impl From<Srtp> for SrtpPolicy {
    fn from(srtp: Srtp) -> Self {
        match srtp {
            Srtp::Off => Self::Off,
            Srtp::Accept => Self::Accept,
            Srtp::Offer => Self::Offer,
            Srtp::OfferWithoutTls => Self::OfferWithoutTls,
        }
    }
}

#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ServeArgs {
    /// Take the settings from this file (`--print-config` shows all). Options count more than the file. SIGHUP makes the server read it
    /// again: unchanged settings go on untouched.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Check the file and all that it names, say every fault, and do not serve.
    #[arg(long, requires = "config")]
    pub(crate) check: bool,

    /// Print a commented file with every setting and its default, or an example if it has none.
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Where to listen: :8554 (all addresses, of IPv6 and of IPv4), 192.168.1.5:554, `[::1]:8554`, localhost:8554; without a port it
    /// is 8554, and port 0 is a free one. May be given several times; :8554 if it is not.
    #[arg(long, value_name = "ADDR", alias = "also-listen")]
    pub(crate) listen: Vec<Listen>,

    #[command(flatten)]
    pub(crate) secure: SecureArgs,

    /// As it is given for all commands.
    #[arg(skip)]
    pub(crate) network: NetworkArgs,

    #[command(flatten)]
    pub(crate) multicast: MulticastArgs,

    /// Serve the films in this folder, each at the path of its file: every reader sees it from where and as fast as that one likes.
    #[arg(long, value_name = "DIR")]
    pub(crate) files: Option<PathBuf>,

    /// Serve what `rtspan record` has written to this folder, or is writing: the recordings of each camera at its name, by their wall
    /// clock time (Range: clock=), as one stream with its gaps.
    #[arg(long, value_name = "DIR")]
    pub(crate) recordings: Option<PathBuf>,

    /// How many pairs of UDP ports media is spread over; the next ones follow. One for each processor, but a single one
    /// if ports are given.
    #[arg(long, value_name = "N")]
    pub(crate) udp_pairs: Option<NonZeroUsize>,

    /// Send packets over UDP whole or not at all, and tell which reader they are too big for; without, they are cut into fragments.
    #[arg(long)]
    pub(crate) no_fragments: bool,

    /// Gather packets for each reader for at most so many milliseconds, so that one call to the system takes more.
    #[arg(long, value_name = "MS")]
    pub(crate) gather: Option<u64>,

    /// Where readers begin: at the newest picture, or at the newest keyframe, so that they have a picture at once.
    #[arg(long, value_name = "PLACE", value_enum)]
    pub(crate) start: Option<Start>,

    /// Addresses of the proxies and load balancers in front, such as 10.0.0.0/8; each connection from there has to begin
    /// with a header of the PROXY protocol.
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',')]
    pub(crate) proxies: Vec<IpPrefix>,

    /// Let each address (of IPv4, or the /64 of one of IPv6) have one part in N of the connections and sessions that
    /// others leave; with 1 it may have them all. 4 if not given.
    #[arg(long, value_name = "N")]
    pub(crate) address_share: Option<NonZeroUsize>,

    /// Addresses that many peers share, such as 192.168.0.0/16, and that no share bounds. 127.0.0.0/8 and ::1 if not
    /// given; none if given without a value.
    #[arg(long, value_name = "PREFIX,...", value_delimiter = ',', num_args = 0..=1)]
    pub(crate) shared_addresses: Option<Vec<IpPrefix>>,

    /// A user, and what it may do at which paths: NAME:PASSWORD, NAME:PASSWORD:read, NAME:PASSWORD:publish:/live/*. May be
    /// given several times. Without any user everybody may everything. There is no colon in a password.
    #[arg(long = "user", value_name = "NAME:PASSWORD[:read|speak|publish|all[:PATHS]]", value_parser = users::parse_argument)]
    pub(crate) users: Vec<Account>,

    /// A file with a user on each line, as for --user; empty lines and those that begin with # count for nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) users_file: Option<PathBuf>,

    /// The purpose of a password, as people are told when they are asked for it; rtspan if not given.
    #[arg(long, value_name = "TEXT")]
    pub(crate) realm: Option<String>,

    /// How users prove their passwords: digest (MD5), sha256, basic. Several are offered in this order; FFmpeg takes the
    /// last digest and knows MD5 only, so that it cannot log in where sha256 is the last. digest if not given.
    #[arg(long, value_name = "SCHEME,...", value_delimiter = ',')]
    pub(crate) auth: Vec<AuthKind>,

    /// Let the stream of a publisher that has gone without a word, and its readers, wait for it for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) resume: Option<u64>,

    /// Say each event in a line of JSON: an object with the name of the event and what it tells.
    #[arg(long)]
    pub(crate) json: bool,

    /// The same as --json if it is json.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide = true)]
    pub(crate) events: EventsFormat,

    /// Say each message that is received and sent among the events, without credentials, tokens and keys: for programs, with
    /// --json. A person sees more with -v.
    #[arg(long, hide_short_help = true)]
    pub(crate) trace: bool,

    /// Give the clip a loudspeaker (a back channel of ONVIF), and write what each session says into it to a file in this
    /// folder: SESSION.ulaw, G.711 without a header.
    #[arg(long, value_name = "DIR", conflicts_with = "no_demo")]
    pub(crate) backchannel: Option<PathBuf>,

    /// Serve statistics for Prometheus over HTTP at this address, path /metrics; port 0 is a free one. They name peers and
    /// paths, and anybody who can connect there reads them.
    #[arg(long, value_name = "ADDR", value_parser = Listen::with_port)]
    pub(crate) metrics: Option<Listen>,

    /// Serve a page that shows the streams and plays them in the browser, each to those who may read it: at this address, or
    /// at 127.0.0.1:8080; port 0 is a free one.
    #[arg(long, value_name = "ADDR", value_parser = Listen::with_port, num_args = 0..=1,
        default_missing_value = "127.0.0.1:8080")]
    pub(crate) web: Option<Listen>,

    /// Show the streams of other servers too, and ours there: the registry of the cluster, such as etcd://10.0.0.1:2379 or
    /// redis://10.0.0.1:6379.
    #[arg(long, value_name = "REGISTRY", hide_short_help = true)]
    pub(crate) cluster: Option<RegistryAddress>,

    /// Where the other servers of the cluster and readers reach this one, such as rtsp://10.0.0.5:8554; the address of --listen if
    /// it is one.
    #[arg(long, value_name = "URL", hide_short_help = true)]
    pub(crate) node_url: Option<String>,

    /// Serve no clip.
    #[arg(long)]
    pub(crate) no_demo: bool,

    /// Say nothing but where it listens.
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// Where readers begin.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Start {
    #[default]
    Live,
    Keyframe,
}

impl From<Start> for StartAt {
    fn from(start: Start) -> Self {
        match start {
            Start::Live => Self::Live,
            Start::Keyframe => Self::Keyframe,
        }
    }
}

/// How events are said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum EventsFormat {
    #[default]
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum AuthKind {
    Basic,
    Digest,
    Sha256,
}

impl From<AuthKind> for AuthScheme {
    fn from(scheme: AuthKind) -> Self {
        match scheme {
            AuthKind::Basic => Self::Basic,
            AuthKind::Digest => Self::Digest(Algorithm::Md5),
            AuthKind::Sha256 => Self::Digest(Algorithm::Sha256),
        }
    }
}
