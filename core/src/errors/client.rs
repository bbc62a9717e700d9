//! Errors of a client.

use std::io::ErrorKind;
use std::time::Duration;

use super::{attempt, io, say};
use crate::auth::Challenge;
use crate::client::{
    AuthDemand, ClientCloseReason, CommandError, ConnectError, Misuse, RedirectAttempt, RedirectError,
    RequestError, SendError, SrtpError, State,
};
use crate::description::DescriptionError;
use crate::header::HeaderError;
use crate::rtp::rtcp::BadCompound;
use crate::srtp::{KeyingError, ProtectError, Suite};
use crate::tls::TlsError;
use crate::tunnel::TunnelError;
use crate::tunnel::http::ResponseError;
use crate::udp::UdpOpenError;
use crate::wire::{Protocol, StatusCode, WireError};
use crate::{Url, UrlError};

fn url() -> Url {
    Url::parse("rtsp://admin:horse@camera/user=admin_password=horse_channel=1?token=battery").unwrap()
}

const SHOWN: &str = "rtsp://admin:***@camera/user=admin_password=***_channel=1?token=***";

fn refused() -> ConnectError {
    ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::ConnectionRefused)])
}

#[test]
fn a_connection_that_does_not_come_about() {
    say_each! { ConnectError:
        ConnectError::Unresolved(_) = ConnectError::Unresolved(io("no such name")) =>
            "host name cannot be resolved (is it spelled right?): no such name",
        ConnectError::Timeout(_) = ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::TimedOut)]) =>
            "no connection to 192.0.2.1:554 (is the host on, and no firewall in between?): timed out",
        ConnectError::Refused(_) = ConnectError::of(vec![
            attempt("[2001:db8::1]:554", ErrorKind::NetworkUnreachable),
            attempt("192.0.2.1:554", ErrorKind::ConnectionRefused),
            attempt("192.0.2.2:554", ErrorKind::ConnectionRefused),
        ]) =>
            "no connection to 192.0.2.1:554, 192.0.2.2:554 (is a server running there?); \
             nor to [2001:db8::1]:554 (network unreachable): connection refused",
        ConnectError::Unreachable(_) = ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::HostUnreachable)]) =>
            "no connection to 192.0.2.1:554 (is there a way into its network?): host unreachable",
        ConnectError::Failed(_) = ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::PermissionDenied)]) =>
            "no connection to 192.0.2.1:554: permission denied",
        ConnectError::Tls(_) = ConnectError::Tls(TlsError::Failed(io("no common version\u{1b}"))) =>
            "TLS failed: no common version\\u{1b}",
        ConnectError::Tunnel(_) = ConnectError::Tunnel(ResponseError::Unauthorized.into()) =>
            "there is no tunnel: the server answers 401: it wants a password for HTTP, and clients have one for RTSP \
             alone",
    }
    say! {
        ConnectError::Timeout(Vec::new()) => "no connection in time",
        ConnectError::Tunnel(TunnelError::Lost(io("reset"))) =>
            "there is no tunnel: the connection was lost in the middle of a handshake: reset",
        attempt("192.0.2.1:554", ErrorKind::ConnectionRefused) => "192.0.2.1:554: connection refused",
    }
    say_each! { UdpOpenError:
        UdpOpenError::NoFreePorts = UdpOpenError::NoFreePorts =>
            "no free pair of UDP ports among those that are configured; configure more, or end what has them",
        UdpOpenError::Io(_) = UdpOpenError::Io(ErrorKind::PermissionDenied.into()) =>
            "UDP sockets cannot be opened: permission denied",
    }
}

#[test]
fn a_client_that_closes() {
    let redirect = |error| RedirectAttempt { url: url(), error };
    say_each! { ClientCloseReason:
        ClientCloseReason::TornDown = ClientCloseReason::TornDown => "torn down",
        ClientCloseReason::Connect(_) = ClientCloseReason::Connect(refused()) =>
            "no connection to 192.0.2.1:554 (is a server running there?): connection refused",
        ClientCloseReason::ConnectionLost(_) = ClientCloseReason::ConnectionLost(Some(io("reset by peer"))) =>
            "connection failed: reset by peer",
        ClientCloseReason::Wire(_) =
            ClientCloseReason::Wire(WireError::Foreign { protocol: Protocol::Http, offset: 0 }) =>
            "server sent what cannot be read: the peer speaks HTTP, not RTSP, at offset 0",
        ClientCloseReason::Silence = ClientCloseReason::Silence =>
            "server sent nothing for too long, not even an answer to a keepalive",
        ClientCloseReason::NothingOverUdp { .. } =
            ClientCloseReason::NothingOverUdp { waited: Duration::from_secs(4), tcp_refused: None } =>
            "no packet came over UDP within 4 s, so a firewall may be in the way; TCP may do",
        ClientCloseReason::SessionLost = ClientCloseReason::SessionLost => "server has ended the session",
        ClientCloseReason::TornDownByServer = ClientCloseReason::TornDownByServer =>
            "server has torn the session down",
        ClientCloseReason::MediaSilent(_) = ClientCloseReason::MediaSilent(1) =>
            "no packet of media 1 came for too long",
        ClientCloseReason::Ended = ClientCloseReason::Ended => "server has ended all medias",
        ClientCloseReason::Stalled = ClientCloseReason::Stalled => "server does not read what it is sent",
        ClientCloseReason::Redirected(_) = ClientCloseReason::Redirected(Some(url())) =>
            format!("server redirects to {SHOWN}: publish there"),
        ClientCloseReason::RedirectFailed(_) =
            ClientCloseReason::RedirectFailed(vec![redirect(RedirectError::Connect(refused()))]) =>
            format!(
                "no server answers ({SHOWN}: no connection to 192.0.2.1:554 (is a server running there?): \
                 connection refused)"
            ),
        ClientCloseReason::RestartFailed(_) = ClientCloseReason::RestartFailed(CommandError::Timeout) =>
            "starting again failed: server did not answer in time",
    }
    say! {
        ClientCloseReason::ConnectionLost(None) => "server closed the connection",
        ClientCloseReason::Redirected(None) => "server redirects to the same place: publish again",
        redirect(RedirectError::Silent) => format!("{SHOWN}: server did not answer in time"),
    }
    let tcp_refused = Some(StatusCode::UNSUPPORTED_TRANSPORT);
    say! {
        ClientCloseReason::NothingOverUdp { waited: Duration::from_secs(4), tcp_refused } =>
            "no packet came over UDP within 4 s, so a firewall may be in the way, and the server refuses TCP with \
             461 Unsupported transport",
    }
    say_each! { RedirectError:
        RedirectError::Connect(_) = RedirectError::Connect(ConnectError::Timeout(Vec::new())) =>
            "no connection in time",
        RedirectError::Silent = RedirectError::Silent => "server did not answer in time",
        RedirectError::Closed = RedirectError::Closed => "server closed the connection before it answered",
    }
}

#[test]
fn a_command_that_fails() {
    let realm = r#"Digest realm="gate", nonce="1""#;
    let challenges = Challenge::parse_all(realm, &mut Default::default());
    let demand = || Box::new(AuthDemand { challenges: challenges.clone(), ..AuthDemand::default() });
    let reason = "Not here";
    let status = |reason: &str| CommandError::Status { status: StatusCode::NOT_FOUND, reason: reason.into() };
    say_each! { CommandError:
        CommandError::Status { .. } = status(reason) => "server answered 404 Not here",
        CommandError::Unauthorized(_) = CommandError::Unauthorized(demand()) =>
            "server asks for credentials for \"gate\"; give it user and password",
        CommandError::CredentialsRefused(_) = CommandError::CredentialsRefused(demand()) =>
            "server refuses the credentials for \"gate\"; check user and password",
        CommandError::TokenNeedsTls = CommandError::TokenNeedsTls =>
            "a token is only sent over TLS; use a URL of rtsps://",
        CommandError::Timeout = CommandError::Timeout => "server did not answer in time",
        CommandError::State(_) = CommandError::State(State::Play) => "the command is not possible while playing",
        CommandError::NoDescription = CommandError::NoDescription => "nothing was described or announced",
        CommandError::NoSuchMedia(_) = CommandError::NoSuchMedia(2) => "the description has no media 2",
        CommandError::AlreadySetUp(_) = CommandError::AlreadySetUp(2) => "media 2 is set up already",
        CommandError::NothingSetUp = CommandError::NothingSetUp => "no media is set up",
        CommandError::Encrypted(_) = CommandError::Encrypted(1) =>
            "media 1 is encrypted (SRTP), which this program was built without",
        CommandError::Srtp { .. } = CommandError::Srtp { media: 0, error: SrtpError::NotOverTls } =>
            "media 0 is encrypted (SRTP): its keys would travel in the clear; use rtsps, or allow that \
             (ClientSrtp::without_tls)",
        CommandError::ContentType(_) = CommandError::ContentType("text/html".into()) =>
            "description is \"text/html\" and not application/sdp",
        CommandError::Description(_) = CommandError::Description(DescriptionError::NoMedia) =>
            "the description cannot be used: session description without a media",
        CommandError::Control { .. } = CommandError::Control { media: 2, error: UrlError::Host } =>
            "the control URL of media 2 cannot be used: url has no usable host",
        CommandError::BadLocation = CommandError::BadLocation => "server redirects to no URL that can be used",
        CommandError::Downgrade = CommandError::Downgrade =>
            "redirect from rtsps to rtsp refused; connect to the other URL itself if that is to be",
        CommandError::TooManyRedirects = CommandError::TooManyRedirects => "server redirects again and again",
        CommandError::BadTransport(_) = CommandError::BadTransport(HeaderError::UnknownTransport) =>
            "the Transport header of the answer cannot be used: Transport header has no known transport",
        CommandError::OtherTransport = CommandError::OtherTransport =>
            "server answers with another transport than the one that it was asked for",
        CommandError::MulticastOnly = CommandError::MulticastOnly =>
            "server sends to a multicast group only; allow it with Transports::Any or Transports::Multicast",
        CommandError::NoGroup = CommandError::NoGroup => "server does not say which multicast group it sends to",
        CommandError::ChannelsTaken(..) = CommandError::ChannelsTaken(2, 3) =>
            "server gave interleaved channels 2-3 twice",
        CommandError::NoChannels = CommandError::NoChannels =>
            "no free interleaved channels; set up fewer medias over TCP",
        CommandError::NoServerPorts = CommandError::NoServerPorts => "server names no UDP ports; TCP may do",
        CommandError::MediaChanged(_) = CommandError::MediaChanged(1) =>
            "media 1 is of another kind or encoding than before",
        CommandError::Udp(_) = CommandError::Udp(UdpOpenError::Io(ErrorKind::PermissionDenied.into())) =>
            "UDP sockets cannot be opened: permission denied",
        CommandError::ConnectionLost = CommandError::ConnectionLost =>
            "the connection ended before the server answered",
        CommandError::TornDown = CommandError::TornDown => "torn down before the command was done",
        CommandError::Closed = CommandError::Closed => "the client is closed",
    }
    say! {
        status("") => "server answered 404 Not Found",
        CommandError::Unauthorized(Box::default()) =>
            "server asks for credentials; give it user and password",
    }
    say_each! { SrtpError:
        SrtpError::NotOverTls = SrtpError::NotOverTls =>
            "its keys would travel in the clear; use rtsps, or allow that (ClientSrtp::without_tls)",
        SrtpError::NoKeys = SrtpError::NoKeys =>
            "the server tells no keys (MIKEY); have it do so, or offer the media without SRTP",
        SrtpError::OnlyCrypto = SrtpError::OnlyCrypto =>
            "its keys are in a=crypto, which RTSP does not use; have the server use MIKEY, or no SRTP",
        SrtpError::Keys(_) = SrtpError::Keys(KeyingError::Suite(Suite::AesCm128HmacSha1_80)) =>
            "its keys cannot be used: the keys are of AES_CM_128_HMAC_SHA1_80, which is not allowed here; allow it, or \
             have the peer use another suite",
    }
}

#[test]
fn what_an_application_does_wrong_with_a_client() {
    say_each! { Misuse:
        Misuse::State(_) = Misuse::State(State::Initial) => "the command is not possible while nothing is set up",
        Misuse::NoDescription = Misuse::NoDescription => "nothing was described or announced",
        Misuse::NoSuchMedia(_) = Misuse::NoSuchMedia(2) => "the description has no media 2",
        Misuse::AlreadySetUp(_) = Misuse::AlreadySetUp(2) => "media 2 is set up already",
        Misuse::NothingSetUp = Misuse::NothingSetUp => "no media is set up",
        Misuse::NoneChosen = Misuse::NoneChosen => "the description has none of the medias that were chosen",
        Misuse::Rate = Misuse::Rate => "a scale or speed is finite and not zero, and a speed is above zero",
        Misuse::TooMany = Misuse::TooMany => "too many commands wait; give fewer before they are done",
        Misuse::Closed = Misuse::Closed => "the client is closed",
    }
    say_each! { SendError:
        SendError::State(_) = SendError::State(State::Initial) =>
            "packets are sent while recording or playing, not while nothing is set up",
        SendError::NotSent(_) = SendError::NotSent(0) => "media 0 is sent by the server and is no back channel",
        SendError::NotSetUp(_) = SendError::NotSetUp(0) => "media 0 is not set up",
        SendError::TooLong(_) = SendError::TooLong(70_000) =>
            "packet of 70000 bytes is longer than its transport can carry",
        SendError::RtcpState(_) = SendError::RtcpState(State::PrePlay) =>
            "RTCP is sent while playing or recording, not while ready to play",
        SendError::Rtcp(_) = BadCompound::NoPacket { offset: 4 }.into() =>
            "that is not RTCP: there is no RTCP packet at byte 4",
        SendError::Protect(_) = ProtectError::KeyExhausted.into() =>
            "the master key has protected as many packets as it may; agree on a new one",
        SendError::Reconnecting = SendError::Reconnecting =>
            "there is no session at the moment, and the client reconnects",
        SendError::Pausing = SendError::Pausing => "a PAUSE is not answered yet",
        SendError::Full = SendError::Full =>
            "too many packets wait to be sent, since the server reads too slowly; send fewer",
    }
    say_each! { RequestError:
        RequestError::Name = RequestError::Name =>
            "the name of a header or method has letters, digits and signs such as '-', and no blanks or colons",
        RequestError::Value = RequestError::Value =>
            "the value of a header has no control characters; leave out ends of lines",
        RequestError::HeaderOfClient(_) = RequestError::HeaderOfClient("CSeq") =>
            "the client writes the header CSeq itself",
        RequestError::TooManyHeaders = RequestError::TooManyHeaders =>
            "there are 16 headers of the application, of 4096 bytes, at most",
        RequestError::MethodOfCommand = RequestError::MethodOfCommand =>
            "the method changes the session: use the client's command for it",
        RequestError::Uri = RequestError::Uri => "a request URI has no blanks and no control characters",
        RequestError::BodyTooLong = RequestError::BodyTooLong => "the body of a request has 131072 bytes at most",
    }
}
