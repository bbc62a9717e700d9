//! Errors of what a peer has sent: messages, headers, URLs, descriptions, and tunnels.

use super::{io, say};
use crate::UrlError;
use crate::auth::{Algorithm, AuthorizationError};
use crate::description::{DescriptionError, DescriptionLine};
use crate::header::HeaderError;
use crate::tunnel::TunnelError;
use crate::tunnel::http::{Base64Decoder, PairingError, RequestError, ResponseError};
use crate::tunnel::websocket::{End, HandshakeError, UpgradeError, WebSocket};
use crate::wire::{Expected, MessageKind, Protocol, WireError};

#[test]
fn messages_that_cannot_be_read() {
    let (kind, offset, cseq) = (MessageKind::Request, 12, Some(3));
    say_each! { WireError:
        WireError::Garbage { .. } = WireError::Garbage { offset, limit: 64 } =>
            "more than 64 bytes at offset 12 are neither message nor frame",
        WireError::StartLineTooLong { .. } = WireError::StartLineTooLong { kind, offset, limit: 64 } =>
            "start line of the request at offset 12 is longer than 64 bytes",
        WireError::HeadTooLong { .. } = WireError::HeadTooLong { kind, offset, limit: 64, cseq } =>
            "head of the request at offset 12 is longer than 64 bytes",
        WireError::TooManyHeaders { .. } = WireError::TooManyHeaders { kind, offset, limit: 64, cseq: None } =>
            "request at offset 12 has more than 64 headers",
        WireError::BadStartLine { .. } = WireError::BadStartLine { kind, offset, expected: Expected::Version } =>
            "start line of the request at offset 12 has no valid version",
        WireError::Version { .. } = WireError::Version { kind: MessageKind::Response, offset, cseq } =>
            "response at offset 12 is not of version RTSP/1.0",
        WireError::BadContentLength { .. } = WireError::BadContentLength { kind, offset, cseq } =>
            "content length of the request at offset 12 is not one number",
        WireError::BodyTooLong { .. } = WireError::BodyTooLong { kind, offset, length: 99, limit: 64, cseq } =>
            "body of the request at offset 12 is announced as 99 bytes, more than 64",
        WireError::Foreign { .. } = WireError::Foreign { protocol: Protocol::Http, offset } =>
            "the peer speaks HTTP, not RTSP, at offset 12",
    }
    let header = "Transport";
    say_each! { HeaderError:
        HeaderError::Missing { .. } = HeaderError::Missing { header, what: "profile" } =>
            "Transport header has no profile",
        HeaderError::Unreadable { .. } = HeaderError::Unreadable { header, parameter: "ttl" } =>
            "Transport header has a ttl that cannot be read",
        HeaderError::UnclosedQuote { .. } = HeaderError::UnclosedQuote { header } =>
            "Transport header has a quote that is not closed",
        HeaderError::TooManyParameters { .. } = HeaderError::TooManyParameters { header } =>
            "Transport header has too many parameters",
        HeaderError::UnknownTransport = HeaderError::UnknownTransport =>
            "Transport header has no known transport",
    }
    say_each! { AuthorizationError:
        AuthorizationError::Unreadable = AuthorizationError::Unreadable =>
            "the Authorization header is not a list of parameters",
        AuthorizationError::UnknownScheme = AuthorizationError::UnknownScheme =>
            "the Authorization header has a scheme that is not known",
        AuthorizationError::NotBasic = AuthorizationError::NotBasic =>
            "the Authorization header has no user and password in base64",
        AuthorizationError::Missing(_) = AuthorizationError::Missing("nonce") =>
            "the Authorization header has no nonce",
        AuthorizationError::Repeated(_) = AuthorizationError::Repeated("nonce") =>
            "the Authorization header has nonce twice",
        AuthorizationError::Invalid(_) = AuthorizationError::Invalid("nc") =>
            "the Authorization header has a nc that cannot be read",
    }
    say! { "SHA-1".parse::<Algorithm>().unwrap_err() => "expected MD5, MD5-sess, SHA-256 or SHA-256-sess", }
}

#[test]
fn urls_and_descriptions_that_cannot_be_used() {
    say_each! { UrlError:
        UrlError::Scheme = UrlError::Scheme =>
            "url does not start with rtsp:// or rtsps://, or as in rtsp+http:// with what carries it",
        UrlError::Host = UrlError::Host => "url has no usable host",
        UrlError::Port = UrlError::Port => "url has a port that is not a number from 1 to 65535",
        UrlError::ControlCharacter { .. } = UrlError::ControlCharacter { at: 7 } =>
            "url has a control character at byte 7",
        UrlError::Asterisk = UrlError::Asterisk => "url is *, which names no stream",
    }
    let line = || DescriptionLine::new(5, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:horse");
    say_each! { DescriptionError:
        DescriptionError::TooLong { .. } = DescriptionError::TooLong { bytes: 300_000 } =>
            "session description of 300000 bytes, more than 262144",
        DescriptionError::TooManyLines(_) = DescriptionError::TooManyLines(line()) =>
            "session description with more than 4096 lines: line 5 is \"a=crypto:***\"",
        DescriptionError::TooManyMedias(_) =
            DescriptionError::TooManyMedias(DescriptionLine::new(9, "m=video 0 RTP/AVP 96")) =>
            "session description with more than 32 medias: line 9 is \"m=video 0 RTP/AVP 96\"",
        DescriptionError::NoMedia = DescriptionError::NoMedia => "session description without a media",
        DescriptionError::Unreadable(_) = DescriptionError::Unreadable(DescriptionLine::new(2, "<html>")) =>
            "no session description: line 2 is \"<html>\"",
    }
}

#[test]
fn tunnels_of_http() {
    say_each! { ResponseError:
        ResponseError::Malformed = ResponseError::Malformed => "the head is no answer of HTTP",
        ResponseError::HeadTooLong { .. } = ResponseError::HeadTooLong { limit: 64 } =>
            "the head is longer than 64 bytes",
        ResponseError::TooManyHeaders { .. } = ResponseError::TooManyHeaders { limit: 64 } =>
            "the head has more than 64 headers",
        ResponseError::Redirect { .. } =
            ResponseError::Redirect { status: 302, location: "http://a:***@h/?token=***".into() } =>
            "the server answers 302 and leads to http://***@h/?token=***",
        ResponseError::Unauthorized = ResponseError::Unauthorized =>
            "the server answers 401: it wants a password for HTTP, and clients have one for RTSP alone",
        ResponseError::Status { .. } = ResponseError::Status { status: 404, reason: "Not Found".into() } =>
            "the server answers 404 Not Found",
        ResponseError::TransferCoding = ResponseError::TransferCoding =>
            "what follows the answer is in a transfer coding",
    }
    say_each! { RequestError:
        RequestError::Malformed = RequestError::Malformed => "the head is no request of HTTP",
        RequestError::HeadTooLong { .. } = RequestError::HeadTooLong { limit: 64 } =>
            "the head is longer than 64 bytes",
        RequestError::TooManyHeaders { .. } = RequestError::TooManyHeaders { limit: 64 } =>
            "the head has more than 64 headers",
        RequestError::Version = RequestError::Version => "the version is neither HTTP/1.0 nor HTTP/1.1",
        RequestError::Method = RequestError::Method => "the method is neither GET nor POST",
        RequestError::NoTunnel = RequestError::NoTunnel => "the request asks for no tunnel",
        RequestError::NoCookie = RequestError::NoCookie =>
            "the tunnel has no x-sessioncookie that would pair its two requests",
        RequestError::BadCookie { .. } = RequestError::BadCookie { limit: 64 } =>
            "the x-sessioncookie is not one text of 1 to 64 characters",
        RequestError::TransferCoding = RequestError::TransferCoding =>
            "the body of the POST is in a transfer coding",
    }
    say_each! { PairingError:
        PairingError::SameConnection = PairingError::SameConnection =>
            "a tunnel needs two connections, and both of its requests came over one",
        PairingError::Duplicate = PairingError::Duplicate => "there is a tunnel with this x-sessioncookie already",
        PairingError::Stranger = PairingError::Stranger => "the halves of the tunnel come from different addresses",
        PairingError::TooMany = PairingError::TooMany =>
            "as many tunnels as there may be wait for their other half",
    }
    say! {
        crate::tunnel::http::Refused { half: 1, reason: PairingError::Stranger } =>
            "half of a tunnel is not taken: the halves of the tunnel come from different addresses",
    }
}

#[test]
fn tunnels_of_all_kinds() {
    let base64 = Base64Decoder::default().decode(&mut b"AA-A".to_vec()).end.unwrap();
    let Some(End::Failed(frame)) = WebSocket::server().decode(&mut [0x82, 0]).end else {
        panic!("it is masked")
    };
    say_each! { TunnelError:
        TunnelError::Request(_) = RequestError::NoTunnel.into() => "the request asks for no tunnel",
        TunnelError::Pairing(_) = PairingError::Duplicate.into() =>
            "there is a tunnel with this x-sessioncookie already",
        TunnelError::Base64(_) = base64.into() => "byte 0x2d at offset 2 of the body of the POST is not base64",
        TunnelError::Upgrade(_) = UpgradeError::Version.into() => "the version of the websocket is not 13",
        TunnelError::Response(_) = ResponseError::Malformed.into() => "the head is no answer of HTTP",
        TunnelError::Handshake(_) = HandshakeError::Accept.into() =>
            "the Sec-WebSocket-Accept does not fit the key",
        TunnelError::Lost(_) = TunnelError::Lost(io("reset")) =>
            "the connection was lost in the middle of a handshake: reset",
        TunnelError::Frame(_) = frame.into() =>
            "frame at offset 0: a client has to mask its frames, and this one is not masked",
    }
    say_each! { HandshakeError:
        HandshakeError::Response(_) = ResponseError::Malformed.into() => "the head is no answer of HTTP",
        HandshakeError::Upgrade = HandshakeError::Upgrade =>
            "the server has not changed to the protocol of websockets",
        HandshakeError::Accept = HandshakeError::Accept => "the Sec-WebSocket-Accept does not fit the key",
        HandshakeError::Protocol = HandshakeError::Protocol =>
            "the server has chosen another subprotocol than rtsp.onvif.org",
        HandshakeError::Extension = HandshakeError::Extension =>
            "the server uses an extension that was not on offer",
    }
    say_each! { UpgradeError:
        UpgradeError::HttpVersion = UpgradeError::HttpVersion =>
            "a websocket needs HTTP/1.1; does a proxy in between forward websockets?",
        UpgradeError::Connection = UpgradeError::Connection =>
            "the header Connection does not say Upgrade; does a proxy in between forward websockets?",
        UpgradeError::Version = UpgradeError::Version => "the version of the websocket is not 13",
        UpgradeError::Key = UpgradeError::Key => "the Sec-WebSocket-Key is not 16 bytes in base64",
        UpgradeError::Protocol = UpgradeError::Protocol =>
            "none of the subprotocols on offer is rtsp.onvif.org or binary",
        UpgradeError::Origin { .. } = UpgradeError::Origin { origin: "http://evil".into() } =>
            "the page of origin http://evil may not open a websocket here",
    }
}
