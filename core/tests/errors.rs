//! Texts of errors with their causes, as a person reads them.
#![cfg(feature = "srtp")]
#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rtspan_core::auth::AuthorizationError;
use rtspan_core::client::{
    ClientCloseReason, CommandError, ConnectAttempt, ConnectError, Misuse, RedirectAttempt, RedirectError,
    RequestError, SendError, SrtpError, State,
};
use rtspan_core::conn::{CloseNote, CloseReason};
use rtspan_core::description::{
    BadAudioConfig, BadOpusStreams, BadVorbisHeaders, Description, DescriptionError,
};
use rtspan_core::frame::FrameError;
use rtspan_core::header::HeaderError;
use rtspan_core::payload::{PacketizeError, ParameterSetError, PayloadError};
use rtspan_core::rtp::RtpError;
use rtspan_core::rtp::rtcp::BadCompound;
use rtspan_core::server::{
    AddStreamError, AnswerError, Refused, ReloadError, SetGroupsError, Stale, WriteRtcpError,
};
use rtspan_core::srtp::{KeyError, KeyingError, ProtectError, Suite, UnprotectError};
use rtspan_core::stream::{Overtaken, SsrcError};
use rtspan_core::tls::{CertificateError, CertificateProblem, Fingerprint, TlsError};
use rtspan_core::tunnel::TunnelError;
use rtspan_core::tunnel::http::{PairingError, ResponseError};
use rtspan_core::tunnel::websocket::{HandshakeError, UpgradeError};
use rtspan_core::udp::UdpOpenError;
use rtspan_core::wire::{Expected, MessageKind, Protocol, StatusCode, WireError};
use rtspan_core::{IoError, IpPrefix, Printable, Tolerances, Url, UrlError, WithCauses};

/// The whole of an error, once it is sure that no level repeats what another one says.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut levels = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        levels.push(error.to_string());
        next = error.source();
    }
    for (number, level) in levels.iter().enumerate() {
        assert!(!level.is_empty() && !level.ends_with('.') && !level.contains('\n'), "{level:?}");
        let repeats = |other: &&String| level.contains(other.as_str()) || other.contains(level.as_str());
        assert!(levels.iter().skip(number + 1).find(repeats).is_none(), "said twice: {levels:?}");
    }
    let whole = WithCauses(error).to_string();
    assert_eq!(whole, Printable(levels.join(": ")).to_string());
    whole
}

fn io(text: &str) -> IoError {
    io::Error::other(text).into()
}

fn attempt(addr: &str, kind: ErrorKind) -> ConnectAttempt {
    ConnectAttempt { addr: addr.parse().unwrap(), error: kind.into() }
}

fn url() -> Url {
    Url::parse("rtsp://admin:horse@camera/main?token=battery").unwrap()
}

/// Checks a table of errors and texts.
macro_rules! say {
    ($($error:expr => $text:expr,)*) => { $( assert_eq!(told(&$error), $text); )* };
}

#[test]
fn a_connection_that_does_not_come_about() {
    say! {
        ConnectError::Unresolved(io("no such name")) =>
            "host name cannot be resolved (is it spelled right?): no such name",
        ConnectError::Timeout(Vec::new()) => "no connection in time",
        ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::TimedOut)]) =>
            "no connection to 192.0.2.1:554 (is the host on, and no firewall in between?): timed out",
        ConnectError::of(vec![
            attempt("[2001:db8::1]:554", ErrorKind::NetworkUnreachable),
            attempt("192.0.2.1:554", ErrorKind::ConnectionRefused),
            attempt("192.0.2.2:554", ErrorKind::ConnectionRefused),
        ]) =>
            "no connection to 192.0.2.1:554, 192.0.2.2:554 (is a server running there?); \
             nor to [2001:db8::1]:554 (network unreachable): connection refused",
        ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::HostUnreachable)]) =>
            "no connection to 192.0.2.1:554 (is there a way into its network?): host unreachable",
        ConnectError::of(vec![attempt("192.0.2.1:554", ErrorKind::PermissionDenied)]) =>
            "no connection to 192.0.2.1:554: permission denied",
        attempt("192.0.2.1:554", ErrorKind::ConnectionRefused) => "192.0.2.1:554: connection refused",
        ConnectError::Tls(TlsError::NotTls) => "the peer does not speak TLS at this port",
        ConnectError::Tls(TlsError::Unavailable) => "this program was built without TLS",
        ConnectError::Tls(TlsError::Failed(io("no common version\u{1b}"))) => "TLS failed: no common version\\u{1b}",
        TlsError::RefusedByPeer(io("unknown CA")) => "the peer refused TLS: unknown CA",
        CertificateError::new(CertificateProblem::Unfit(io("bad encoding"))) =>
            "the peer's certificate cannot be used: bad encoding",
        TlsError::Certificate(Box::new(CertificateError::new(CertificateProblem::Expired))) =>
            "the peer's certificate has expired: renew it, or set this machine's clock",
        ConnectError::Tunnel(TunnelError::Lost(io("reset"))) =>
            "there is no tunnel: the connection was lost in the middle of a handshake: reset",
        ConnectError::Tunnel(HandshakeError::Response(ResponseError::Unauthorized).into()) =>
            "there is no tunnel: the server answers 401: it wants a password for HTTP, and clients have one for RTSP alone",
        TunnelError::from(ResponseError::Redirect { status: 302, location: "http://a:horse@h/?token=battery".into() }) =>
            "the server answers 302 and leads to http://***@h/?token=***",
        TunnelError::from(PairingError::Duplicate) => "there is a tunnel with this x-sessioncookie already",
        TunnelError::from(UpgradeError::Origin { origin: "http://evil".into() }) =>
            "the page of origin http://evil may not open a websocket here",
    }
    assert!("0".parse::<Fingerprint>().is_err_and(|error| told(&error).contains("64 hexadecimal digits")));
}

#[test]
fn a_client_that_closes() {
    let attempt = || RedirectAttempt {
        url: url(),
        error: RedirectError::Connect(ConnectError::of(vec![attempt(
            "192.0.2.1:554",
            ErrorKind::ConnectionRefused,
        )])),
    };
    say! {
        ClientCloseReason::Connect(ConnectError::Timeout(Vec::new())) => "no connection in time",
        ClientCloseReason::ConnectionLost(None) => "server closed the connection",
        ClientCloseReason::ConnectionLost(Some(io("reset by peer"))) => "connection failed: reset by peer",
        ClientCloseReason::Wire(WireError::Foreign { protocol: Protocol::Http, offset: 0 }) =>
            "server sent what cannot be read: the peer speaks HTTP, not RTSP, at offset 0",
        ClientCloseReason::NothingOverUdp { waited: Duration::from_secs(4), tcp_refused: None } =>
            "no packet came over UDP within 4 s, so a firewall may be in the way; TCP may do",
        ClientCloseReason::Redirected(Some(url())) =>
            "server redirects to rtsp://admin:***@camera/main?token=***: publish there",
        attempt() =>
            "rtsp://admin:***@camera/main?token=***: no connection to 192.0.2.1:554 (is a server running there?): \
             connection refused",
        ClientCloseReason::RedirectFailed(vec![attempt()]) =>
            "no server answers (rtsp://admin:***@camera/main?token=***: no connection to 192.0.2.1:554 \
             (is a server running there?): connection refused)",
        ClientCloseReason::RestartFailed(CommandError::Timeout) =>
            "starting again failed: server did not answer in time",
        ClientCloseReason::MediaSilent(1) => "media 1 is silent",
    }
}

#[test]
fn a_command_that_fails() {
    let description =
        |text: &str| Description::parse(text.as_bytes(), &mut Tolerances::default()).unwrap_err();
    let refused = |status| CommandError::Status { status, reason: "".into() };
    say! {
        refused(StatusCode::NOT_FOUND) => "server answered 404 Not Found",
        CommandError::Unauthorized(Box::default()) =>
            "server asks for credentials; give it a user and a password",
        CommandError::CredentialsRefused(Box::default()) =>
            "server refuses the credentials; check user and password",
        CommandError::Timeout => "server did not answer in time",
        CommandError::Srtp { media: 0, error: SrtpError::NotOverTls } =>
            "media 0 is encrypted (SRTP): its keys would travel in the clear; use rtsps, or allow that \
             (ClientSrtp::without_tls)",
        SrtpError::Keys(KeyingError::Suite(Suite::AesCm128HmacSha1_80)) =>
            "its keys cannot be used: the keys are of AES_CM_128_HMAC_SHA1_80, which is not allowed here; allow it, or \
             have the peer use another suite",
        CommandError::Description(description("v=0\r\n<html>\r\n")) =>
            "the description cannot be used: no session description: line 2 is \"<html>\"",
        CommandError::Description(DescriptionError::NoMedia) =>
            "the description cannot be used: session description without a media",
        CommandError::Control { media: 2, error: UrlError::Host } =>
            "the control URL of media 2 cannot be used: url has no usable host",
        CommandError::BadTransport(HeaderError::UnknownTransport) =>
            "the Transport header of the answer cannot be used: Transport header has no known transport",
        CommandError::Udp(UdpOpenError::Io(ErrorKind::PermissionDenied.into())) =>
            "UDP sockets cannot be opened: permission denied",
        CommandError::Udp(UdpOpenError::NoFreePorts) =>
            "no free pair of UDP ports among those that are configured; configure more, or end what has them",
        Misuse::NothingSetUp => "no media is set up",
        SendError::Rtcp(BadCompound::NoPacket { offset: 4 }) => "that is not RTCP: there is no RTCP packet at byte 4",
        SendError::Protect(ProtectError::KeyExhausted) =>
            "the master key has protected as many packets as it may; agree on a new one",
        RequestError::HeaderOfClient("CSeq") => "the client writes the header CSeq itself",
        UrlError::ControlCharacter { at: 7 } => "url has a control character at byte 7",
    }
    let early = told(&SendError::State(State::Initial));
    assert!(early.starts_with("packets are sent while recording or playing, not while"), "{early}");
}

#[test]
fn a_connection_or_a_session_of_a_server_that_ends() {
    let line = WireError::BadStartLine { kind: MessageKind::Request, offset: 12, expected: Expected::Uri };
    say! {
        CloseReason::Io(io("reset by peer")) => "the connection failed: reset by peer",
        CloseReason::Wire(line) =>
            "the peer sent what cannot be read: start line of the request at offset 12 has no valid uri",
        CloseReason::Tls(TlsError::NotTls) =>
            "there is no TLS connection: the peer does not speak TLS at this port",
        CloseReason::Tunnel(UpgradeError::Version.into()) =>
            "there is no tunnel: the version of the websocket is not 13",
        CloseReason::Noted(CloseNote::new("maintenance")) => "closed by the application: maintenance",
        Refused::ConnsOfAddress => "the peer's address has as many connections as it may",
    }
}

#[test]
fn what_an_application_does_wrong_at_a_server() {
    say! {
        AddStreamError::PathInUse => "the path is in use; remove the stream that has it, or choose another",
        AddStreamError::BadPath => "the path does not start with a slash, or ends with one",
        AnswerError::HeaderOfServer("CSeq") => "the server writes the header CSeq itself",
        ReloadError::Ended => "the stream has ended",
        SetGroupsError::Off => "the server does not send to groups: configure it with ServerConfig::multicast",
        Stale => "nobody waits for this answer any more",
        WriteRtcpError::Rtcp(BadCompound::NoPacket { offset: 0 }) =>
            "that is not RTCP: there is no RTCP packet at byte 0",
        SsrcError::InUse(1) => "media 1 of the stream has the SSRC",
        Overtaken { missed: 3 } => "the reader is too slow: 3 packets are gone",
        "10.0.0.0/99".parse::<IpPrefix>().unwrap_err() =>
            "expected an IP address, or one with a prefix length such as 10.0.0.0/8",
    }
}

#[test]
fn what_peers_and_media_have_wrong() {
    say! {
        AuthorizationError::Missing("nonce") => "the Authorization header has no nonce",
        HeaderError::Unreadable { header: "Transport", parameter: "ttl" } =>
            "Transport header has a ttl that cannot be read",
        RtpError::Version(1) => "RTP version 1 is not 2",
        PayloadError::Truncated { needed: 9, length: 4 } => "a part of 9 bytes is cut off after 4",
        FrameError::Packetize { media: 1, source: PacketizeError::TooLong { length: 9, most: 4 } } =>
            "a frame of media 1 cannot be sent: a part of 9 bytes exceeds the 4 that the format can carry",
        ParameterSetError::OtherNal(1) => "a NAL unit of type 1 is not a sequence parameter set",
        BadOpusStreams => "the streams of Opus do not make its channels",
        BadVorbisHeaders => "not the headers of Vorbis",
        BadAudioConfig => "not an AudioSpecificConfig",
        KeyError::MkiLength { length: 300 } => "a master key identifier has 300 bytes, of 128 at most",
        UnprotectError::Unauthentic => "the tag of a packet is not right",
        KeyingError::Header(HeaderError::UnclosedQuote { header: "KeyMgmt" }) =>
            "the header KeyMgmt cannot be read: KeyMgmt header has a quote that is not closed",
    }
}

#[test]
fn no_secret_stands_in_an_error_or_its_debug_form() {
    let text = "v=0\r\nk=clear:horse\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:horse\r\n<html>\r\n";
    let lines = Description::parse(text.as_bytes(), &mut Tolerances::default()).unwrap_err();
    let errors: [&(dyn Error + 'static); 3] = [
        &ClientCloseReason::Redirected(Some(url())),
        &RedirectAttempt { url: url(), error: RedirectError::Silent },
        &lines,
    ];
    for error in errors {
        let both = format!("{} {error:?}", WithCauses(error));
        assert!(!both.contains("horse") && !both.contains("battery"), "{both}");
    }
}
