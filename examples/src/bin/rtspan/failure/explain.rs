//! Errors of the libraries in the words of somebody who runs the tool.

use std::io;

use rtspan_std::{
    BindError, ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Error, Misuse, StatusCode,
    WireError, WithCauses,
};

use crate::args::Target;

/// A failure and its remedy.
#[derive(Debug)]
pub(super) struct Explained {
    pub(super) what: String,
    pub(super) help: Option<String>,
}

impl Explained {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// The ways to give a password or a token.
pub(crate) const TOKEN_HELP: &str = "put user and password into the URL, as in rtsps://user:password@host/, or the token into a file \
     for --token-file or into the variable RTSPAN_TOKEN";

/// Why a result was lost.
pub(super) fn output(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => "the result cannot be written: its reader has gone".to_owned(),
        io::ErrorKind::TimedOut => "the result cannot be written: its reader does not read".to_owned(),
        _ => "the result cannot be written".to_owned(),
    }
}

/// Why a server does not begin.
pub(super) fn bind(error: &BindError) -> Explained {
    match error {
        BindError::Listen { addr, source } => {
            let port = addr.rsplit_once(':').map_or("", |(_, port)| port);
            match source.kind() {
                io::ErrorKind::AddrInUse => Explained::new(format!("{addr} is in use by another program"))
                    .help("choose another address with --listen, or end that program"),
                io::ErrorKind::PermissionDenied => {
                    Explained::new(format!("cannot listen on {addr}: this user may not open the port {port}"))
                        .help("ports below 1024 need rights; choose another with --listen, such as :8554")
                }
                io::ErrorKind::AddrNotAvailable => {
                    Explained::new(format!("cannot listen on {addr}: it is no address of this host"))
                        .help("choose another address with --listen, such as :8554 for all of them")
                }
                _ => Explained::new(format!("cannot listen on {addr}: {source}"))
                    .help("choose another address with --listen"),
            }
        }
        BindError::Udp(error) => Explained::new(format!("cannot open the UDP ports: {}", WithCauses(error)))
            .help("choose others with --udp-ports"),
        BindError::NoCertificate => Explained::new(error.to_string())
            .help("give one with --tls-cert, or have one made with --tls-self-signed"),
        error => Explained::new(WithCauses(error).to_string()),
    }
}

/// Why nothing is played.
pub(super) fn play(url: &Target, error: &Error) -> Explained {
    match error {
        Error::Command {
            error: error @ CommandError::Status { status: StatusCode::NOT_FOUND, .. }, ..
        } => Explained::new(format!("the server has nothing at {url} ({error})")).help("is the path right?"),
        Error::Command {
            error: CommandError::Status { status: StatusCode::UNSUPPORTED_TRANSPORT, .. },
            ..
        } => no_transport(url),
        Error::Misuse(Misuse::NothingSetUp | Misuse::NoneChosen) => {
            Explained::new(format!("the server has no media that can be played at {url}"))
        }
        _ => client(url, error),
    }
}

/// Why nothing is published.
pub(super) fn publish(url: &Target, error: &Error) -> Explained {
    match error {
        Error::Command {
            error: error @ CommandError::Status { status: StatusCode::FORBIDDEN, .. }, ..
        } => Explained::new(format!("the server does not let us publish at {url} ({error})"))
            .help("if somebody else publishes there, choose another path"),
        Error::Command {
            error: CommandError::Status { status: StatusCode::UNSUPPORTED_TRANSPORT, .. },
            ..
        } => no_transport(url),
        Error::Command {
            error:
                error @ CommandError::Status {
                    status: StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED,
                    ..
                },
            ..
        } => Explained::new(format!("the server at {url} takes no publishers ({error})")),
        _ => client(url, error),
    }
}

fn no_transport(url: &Target) -> Explained {
    Explained::new(format!("the server at {url} does not offer this transport"))
        .help("try another --transport")
}

fn client(url: &Target, error: &Error) -> Explained {
    match error {
        Error::Closed(ClientCloseReason::Connect(error)) => connect(url, error),
        Error::Closed(ClientCloseReason::NothingOverUdp { waited, tcp_refused: None }) => {
            Explained::new(format!(
                "nothing arrived from {url} over UDP in {} s, though the server says that it plays",
                waited.as_secs()
            ))
            .help("does a firewall hold UDP back (try --transport tcp)?")
        }
        Error::Closed(ClientCloseReason::Wire(WireError::Foreign { protocol, .. })) => {
            Explained::new(format!("{url} speaks {protocol} and not RTSP"))
        }
        Error::Closed(reason) => {
            Explained::new(format!("the connection to {url} is over: {}", WithCauses(reason)))
        }
        Error::Command { error: CommandError::Unauthorized(demand), .. } if demand.takes_token() => {
            Explained::new(format!("the server at {url} asks for a password or a token")).help(TOKEN_HELP)
        }
        Error::Command { error: CommandError::Unauthorized(_), .. } => {
            Explained::new(format!("the server at {url} asks for a password"))
                .help("put it into the URL, as in rtsp://user:password@host/")
        }
        Error::Command { error: CommandError::CredentialsRefused(demand), .. } if demand.takes_token() => {
            Explained::new(format!("the server at {url} refuses the credentials"))
                .help("is the token, or are user and password, right?")
        }
        Error::Command { error: CommandError::CredentialsRefused(_), .. } => {
            Explained::new(format!("the server at {url} refuses user and password")).help("are both right?")
        }
        Error::Command { method, error, .. } => Explained::new(format!(
            "the server at {url} did not do as asked by {method}: {}",
            WithCauses(error)
        )),
        error => Explained::new(format!("{url}: {}", WithCauses(error))),
    }
}

fn connect(url: &Target, error: &ConnectError) -> Explained {
    match error {
        ConnectError::Unresolved(error) => {
            Explained::new(format!("the host of {url} is unknown ({error})")).help("is its name right?")
        }
        ConnectError::Refused(tried) => {
            Explained::new(format!("cannot connect to {url} ({})", attempts(tried)))
                .help("is a server running there?")
        }
        ConnectError::Timeout(tried) if tried.is_empty() => {
            Explained::new(format!("cannot connect to {url}: no name server has answered"))
                .help("is the network up?")
        }
        ConnectError::Timeout(tried) => {
            Explained::new(format!("cannot connect to {url} ({})", attempts(tried)))
                .help("is the host on, and not behind a firewall?")
        }
        ConnectError::Unreachable(tried) => {
            Explained::new(format!("cannot connect to {url} ({})", attempts(tried)))
                .help("is there a way into its network?")
        }
        ConnectError::Failed(tried) => {
            Explained::new(format!("cannot connect to {url} ({})", attempts(tried)))
        }
        error => Explained::new(format!("cannot connect to {url}: {}", WithCauses(error))),
    }
}

/// Several things, one behind the other.
pub(super) fn listed<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The addresses that were tried, each with why not.
fn attempts(tried: &[ConnectAttempt]) -> String {
    let all: Vec<_> = tried.iter().map(|attempt| WithCauses(attempt).to_string()).collect();
    listed(&all)
}
