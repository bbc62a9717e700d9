//! The finding on the step that failed.

use rtspan_std::{
    AuthDemand, ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Error, Misuse, Protocol,
    StatusCode, TlsError, WireError, WithCauses,
};

use super::facts::{Facts, Step};
use super::finding::{Finding, Problem};
use super::heard::scheme;
use crate::failure::TOKEN_HELP;

/// Paths of streams that cameras of some makers have, for those who look for one.
const USUAL_PATHS: &str = "/Streaming/Channels/101 (Hikvision), /cam/realmonitor?channel=1&subtype=0 (Dahua), \
     /axis-media/media.amp (Axis), /stream1 (TP-Link), /h264Preview_01_main (Reolink)";

/// The reason for which a step failed, and what to do about it.
pub(super) fn explain(facts: &Facts, step: Step, error: &Error) -> Finding {
    match error {
        Error::Closed(reason) => closed(facts, step, reason),
        Error::Command { error, .. } => refused(facts, step, error),
        Error::Misuse(Misuse::NoneChosen | Misuse::NothingSetUp) => {
            Finding::fault(Problem::NoMedia, "the server describes no media that could be played")
                .advice("see whether its source runs, and whether the path is right")
        }
        error => Finding::fault(Problem::Other, format!("{}: {}", doing(step), WithCauses(error))),
    }
}

fn closed(facts: &Facts, step: Step, reason: &ClientCloseReason) -> Finding {
    match reason {
        ClientCloseReason::Connect(error) => connect(error),
        ClientCloseReason::Wire(WireError::Foreign { protocol, .. }) => foreign(*protocol),
        ClientCloseReason::Wire(error) => {
            let what = format!("the answers of the server cannot be read: {}", WithCauses(error));
            Finding::fault(Problem::Unreadable, what).advice("see whether this is the port of RTSP, mostly 554 or 8554")
        }
        ClientCloseReason::Silence => silent(step),
        ClientCloseReason::NothingOverUdp { waited, tcp_refused } => {
            let tcp = match tcp_refused {
                Some(status) => format!("TCP was tried, and the server refuses it with {status}"),
                None => "TCP was not allowed".to_owned(),
            };
            let what =
                format!("nothing came over UDP in {} s, so that a firewall or a NAT may hold it back", waited.as_secs());
            Finding::fault(Problem::UdpBlocked, what)
                .done(tcp)
                .advice("let UDP from the server through, or have it offer TCP")
        }
        ClientCloseReason::ConnectionLost(_) if !facts.heard.has_answered => {
            Finding::fault(Problem::Closed, "the peer takes the connection and closes it without a word").advice(
                "see whether this is the port of RTSP, mostly 554 or 8554; some speak TLS, and some close on whom they \
                 have locked out or have no room for",
            )
        }
        ClientCloseReason::ConnectionLost(_) => {
            Finding::fault(Problem::Closed, format!("the server closes the connection: {}", doing(step)))
                .advice("see whether it has restarted, or has too many readers")
        }
        reason => Finding::fault(Problem::Other, format!("{}: {}", doing(step), WithCauses(reason))),
    }
}

fn connect(error: &ConnectError) -> Finding {
    match error {
        ConnectError::Unresolved(error) => {
            Finding::fault(Problem::Unresolved, format!("the name of the host has no address ({error})"))
                .advice("see whether it is spelt right, and whether this machine has a name server")
        }
        ConnectError::Refused(tried) => Finding::fault(
            Problem::Refused,
            format!("the host is there, and its port is closed ({})", listed(tried)),
        )
        .advice("see whether RTSP is switched on at it, and whether the port is right: mostly 554 or 8554"),
        ConnectError::Timeout(tried) if tried.is_empty() => {
            Finding::fault(Problem::NoAnswer, "no name server has answered in time")
                .advice("see whether the network is up, and whether this machine has a name server")
        }
        ConnectError::Timeout(tried) => {
            Finding::fault(Problem::NoAnswer, format!("the host does not answer at all ({})", listed(tried)))
                .advice("see whether it is on and its address right, and whether a firewall is in between")
        }
        ConnectError::Unreachable(tried) => {
            Finding::fault(Problem::Unreachable, format!("the host cannot be reached ({})", listed(tried)))
                .advice("see whether it is on, and whether this machine has a way into its network")
        }
        ConnectError::Failed(tried) => {
            Finding::fault(Problem::Other, format!("no connection comes about ({})", listed(tried)))
                .advice("see whether this machine lets programs connect there")
        }
        ConnectError::Tls(TlsError::Certificate(error)) => {
            let pin = error.fingerprint.map_or_else(|| "SHA256".to_owned(), |pin| pin.to_string());
            Finding::fault(Problem::CertificateRefused, WithCauses(&**error).to_string())
                .advice(format!("if it is the right server all the same, trust it by --pin {pin}"))
        }
        ConnectError::Tls(error) => Finding::fault(Problem::NoTls, WithCauses(error).to_string()).advice(
            "see whether the port is that of rtsps, mostly 322, and try rtsp:// if the server offers it",
        ),
        error => Finding::fault(Problem::Other, WithCauses(error).to_string()),
    }
}

fn listed(tried: &[ConnectAttempt]) -> String {
    tried.iter().map(|attempt| WithCauses(attempt).to_string()).collect::<Vec<_>>().join("; ")
}

fn foreign(protocol: Protocol) -> Finding {
    let advice = match protocol {
        Protocol::Http => "this is its web page: the port of RTSP is another one, mostly 554 or 8554",
        Protocol::Tls => "the server wants TLS there: try rtsps://",
        _ => "the port of RTSP is another one, mostly 554 or 8554",
    };
    Finding::fault(Problem::NotRtsp, format!("this port speaks {protocol} and not RTSP")).advice(advice)
}

fn silent(step: Step) -> Finding {
    Finding::fault(
        Problem::Silent,
        format!("the peer takes the connection and answers nothing: {}", doing(step)),
    )
    .advice("see whether this is the port of RTSP, mostly 554 or 8554; if it is, restart the server")
}

fn refused(facts: &Facts, step: Step, error: &CommandError) -> Finding {
    match error {
        CommandError::Timeout => silent(step),
        CommandError::TokenNeedsTls => Finding::fault(Problem::PasswordNeeded, error.to_string())
            .advice("try rtsps:// in the URL; a token is given to no server that others can listen to"),
        CommandError::Unauthorized(demand) if !facts.has_credentials && demand.takes_token() => {
            let what = format!("the server asks for a password or a token{}", offered(demand));
            Finding::fault(Problem::PasswordNeeded, what).advice(TOKEN_HELP)
        }
        CommandError::Unauthorized(demand) if !facts.has_credentials => {
            let what = format!("the server asks for a password{}", offered(demand));
            Finding::fault(Problem::PasswordNeeded, what)
                .advice("put it into the URL, as in rtsp://user:password@host/")
        }
        CommandError::Unauthorized(demand) | CommandError::CredentialsRefused(demand) => {
            let refused = match demand.takes_token() {
                true => "the server refuses the credentials",
                false => "the server refuses user and password",
            };
            let what = format!("{refused}{}", offered(demand));
            let advice = if demand.challenges.is_empty() {
                "it asks for them in a way that this program does not know"
            } else {
                "see whether both are right; cameras may have users of their own for ONVIF and RTSP, and lock out after some tries"
            };
            Finding::fault(Problem::PasswordWrong, what).advice(advice)
        }
        CommandError::Status { status, reason } => status_of(facts, step, *status, reason),
        CommandError::Description(_) | CommandError::ContentType(_) => Finding::fault(
            Problem::DescriptionUnreadable,
            format!("what the server describes cannot be used: {}", WithCauses(error)),
        )
        .advice("see whether the stream has a source; report the description, so that it can be put up with"),
        CommandError::OtherTransport | CommandError::NoServerPorts | CommandError::BadTransport(_) => {
            Finding::fault(Problem::NoTransport, format!("{}: {}", doing(step), WithCauses(error)))
                .advice("try another --transport")
        }
        error => Finding::fault(Problem::Other, format!("{}: {}", doing(step), WithCauses(error))),
    }
}

fn status_of(facts: &Facts, step: Step, status: StatusCode, reason: &str) -> Finding {
    let answer = match reason.trim() {
        "" => status.to_string(),
        reason => format!("{} {reason}", status.as_u16()),
    };
    match status {
        StatusCode::NOT_FOUND => {
            let paths = facts.heard.paths();
            let finding =
                Finding::fault(Problem::NotFound, format!("the server has nothing at this path ({answer})"));
            if paths.is_empty() {
                return finding.advice(format!(
                    "look the path up in the manual or by ONVIF; cameras have paths such as {USUAL_PATHS}"
                ));
            }
            finding.advice(format!("the server lists: {}", paths.join(", ")))
        }
        StatusCode::FORBIDDEN => Finding::fault(
            Problem::Forbidden,
            format!("the server does not let us play this ({answer})"),
        )
        .advice("see what the user may do at the server, and whether it bounds who may connect by address"),
        StatusCode::NOT_ENOUGH_BANDWIDTH => {
            Finding::fault(Problem::Busy, format!("the server has no room for us ({answer})"))
                .advice("close other readers of it, or try again later: cameras serve few at a time")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Finding::fault(Problem::Busy, format!("the server cannot serve us now ({answer})"))
                .advice("try again later; of a camera, close other readers: it serves few at a time; of a relay, see whether its camera is on")
        }
        StatusCode::UNSUPPORTED_TRANSPORT => Finding::fault(
            Problem::NoTransport,
            format!("the server offers none of the transports ({answer})"),
        )
        .advice("try another --transport"),
        _ => {
            Finding::fault(Problem::RefusedOtherwise, format!("{}: the server answers {answer}", doing(step)))
        }
    }
}

/// The ways of proving a password that the server offers.
fn offered(demand: &AuthDemand) -> String {
    let schemes: Vec<_> = demand.challenges.iter().map(scheme).collect();
    match demand.challenges.first() {
        Some(first) => format!(" for {:?}, and takes {}", first.realm, schemes.join(", ")),
        None if demand.unknown.is_empty() => " and does not say in which form".to_owned(),
        None => format!(" as in {}", demand.unknown.join(", ")),
    }
}

fn doing(step: Step) -> &'static str {
    match step {
        Step::Connect => "when it is greeted",
        Step::Describe => "when it is asked what there is",
        Step::Setup => "when it is asked for a media",
        Step::Play => "when it is asked to play",
        Step::Receive => "while it plays",
    }
}

#[cfg(test)]
mod tests;
