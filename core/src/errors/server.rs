//! Errors of a server.

use super::{io, say};
use crate::IpPrefix;
use crate::conn::{CloseNote, CloseReason};
use crate::rtp::rtcp::BadCompound;
use crate::server::{
    AddStreamError, AnswerError, NotMulticast, Refused, ReloadError, SessionState, SetGroupsError, Stale,
    WriteRtcpError,
};
use crate::stream::{Overtaken, SsrcError};
use crate::tls::TlsError;
use crate::tunnel::websocket::UpgradeError;
use crate::wire::{Expected, MessageKind, WireError};

#[test]
fn a_connection_or_a_session_that_ends() {
    let line = WireError::BadStartLine { kind: MessageKind::Request, offset: 12, expected: Expected::Uri };
    say_each! { CloseReason:
        CloseReason::PeerClosed = CloseReason::PeerClosed => "the peer closed the connection",
        CloseReason::Io(_) = CloseReason::Io(io("reset by peer")) => "the connection failed: reset by peer",
        CloseReason::Wire(_) = line.into() =>
            "the peer sent what cannot be read: start line of the request at offset 12 has no valid uri",
        CloseReason::NoProxyHeader = CloseReason::NoProxyHeader =>
            "a trusted proxy sent no header of the PROXY protocol",
        CloseReason::Tls(_) = TlsError::NotTls.into() =>
            "there is no TLS connection: the peer does not speak TLS at this port",
        CloseReason::Joined = CloseReason::Joined =>
            "the POST of a tunnel has become a part of the connection of its GET",
        CloseReason::Tunnel(_) = CloseReason::Tunnel(UpgradeError::Version.into()) =>
            "there is no tunnel: the version of the websocket is not 13",
        CloseReason::TlsRequired = CloseReason::TlsRequired =>
            "the peer speaks without TLS, which the server requires",
        CloseReason::MessageTimeout = CloseReason::MessageTimeout =>
            "the peer began a message and did not complete it in time",
        CloseReason::WriteStalled = CloseReason::WriteStalled => "the peer takes hardly anything of what is sent",
        CloseReason::OutboxFull = CloseReason::OutboxFull => "the peer does not read its answers",
        CloseReason::AuthFailed = CloseReason::AuthFailed => "the peer has sent wrong credentials too often",
        CloseReason::Idle = CloseReason::Idle => "nothing came from the peer for too long",
        CloseReason::NeverBegan = CloseReason::NeverBegan => "the session was set up and never played or recorded",
        CloseReason::Teardown = CloseReason::Teardown => "the peer tore the session down",
        CloseReason::ConnectionLost = CloseReason::ConnectionLost => "the connection of the session is gone",
        CloseReason::TakenOver = CloseReason::TakenOver => "another publisher has taken its place",
        CloseReason::StreamEnded = CloseReason::StreamEnded => "the stream has ended",
        CloseReason::ReaderTooSlow = CloseReason::ReaderTooSlow => "the reader is too slow for the stream",
        CloseReason::Application = CloseReason::Application => "closed by the application",
        CloseReason::Noted(_) = CloseReason::Noted(CloseNote::new("maintenance")) =>
            "closed by the application: maintenance",
        CloseReason::AddressFull = CloseReason::AddressFull =>
            "the peer's address has as many connections as it may",
        CloseReason::ServerClosed = CloseReason::ServerClosed => "the server was closed",
    }
    say_each! { Refused:
        Refused::Conns = Refused::Conns => "the server has as many connections as it may",
        Refused::ConnsOfAddress = Refused::ConnsOfAddress => "the peer's address has as many connections as it may",
        Refused::Sessions = Refused::Sessions => "the server has as many sessions as it may",
        Refused::SessionsOfAddress = Refused::SessionsOfAddress => "the peer's address has as many sessions as it may",
        Refused::Streams = Refused::Streams => "there are as many streams as the server has memory for",
        Refused::StreamsOfAddress = Refused::StreamsOfAddress =>
            "the peer's address publishes as many streams as it may",
        Refused::Descriptions = Refused::Descriptions =>
            "the descriptions of publishers take as much memory as they may",
        Refused::DescriptionsOfAddress = Refused::DescriptionsOfAddress =>
            "the descriptions that the peer's address has announced take as much memory as they may",
        Refused::SessionsOfConn = Refused::SessionsOfConn => "the peer's connection has as many sessions as it may",
        Refused::Closing = Refused::Closing => "the server is closing",
        Refused::TlsRequired = Refused::TlsRequired => "the peer speaks without TLS, which the server requires",
    }
}

#[test]
fn what_an_application_does_wrong_with_a_server() {
    let group: IpPrefix = "10.0.0.0/8".parse().unwrap();
    let addr = "239.1.0.1:5001".parse().unwrap();
    say! {
        Stale => "nobody waits for this answer any more",
        NotMulticast(group) =>
            "10.0.0.0/8 are no multicast groups: give a part of 224.0.0.0/4 such as 239.1.0.0/16, or of one scope such \
             as ff15::/16",
        Overtaken { missed: 3 } => "the reader is too slow: 3 packets are gone",
        "10.0.0.0/99".parse::<IpPrefix>().unwrap_err() =>
            "expected an IP address, or one with a prefix length such as 10.0.0.0/8",
    }
    say_each! { AnswerError:
        AnswerError::HeaderName = AnswerError::HeaderName =>
            "the name of a header has letters, digits and signs such as '-', and no blanks or colons",
        AnswerError::HeaderValue = AnswerError::HeaderValue =>
            "the value of a header has no control characters; leave out ends of lines",
        AnswerError::HeaderOfServer(_) = AnswerError::HeaderOfServer("CSeq") =>
            "the server writes the header CSeq itself",
        AnswerError::TooManyHeaders = AnswerError::TooManyHeaders =>
            "an answer has 16 headers of the application, of 4096 bytes, at most",
        AnswerError::Medias = AnswerError::Medias => "a description has 1 to 32 medias",
        AnswerError::Rate = AnswerError::Rate =>
            "a scale or speed is finite and not zero, and a speed is above zero",
        AnswerError::BodyTooLong = AnswerError::BodyTooLong => "the body of an answer has 131072 bytes at most",
    }
    say_each! { SetGroupsError:
        SetGroupsError::Off = SetGroupsError::Off =>
            "the server does not send to groups: configure it with ServerConfig::multicast",
        SetGroupsError::Stream = SetGroupsError::Stream => "the stream has ended, or is for one session",
        SetGroupsError::Medias = SetGroupsError::Medias => "there are more groups than the stream has medias",
        SetGroupsError::NoGroup(_) = SetGroupsError::NoGroup(addr) =>
            "239.1.0.1:5001 is no group with an even port that the server can send to",
        SetGroupsError::InUse(_) = SetGroupsError::InUse(addr) =>
            "another media is sent to 239.1.0.1:5001, or has its ports",
        SetGroupsError::HasReaders(_) = SetGroupsError::HasReaders(1) => "media 1 has readers at another group",
    }
    say_each! { ReloadError:
        ReloadError::Ended = ReloadError::Ended => "the stream has ended",
        ReloadError::Publishers = ReloadError::Publishers =>
            "the stream is described by its publisher, and only that can describe it anew",
        ReloadError::Medias = ReloadError::Medias =>
            "the description has not as many medias of the same kinds, in their order, as the stream",
    }
    say_each! { AddStreamError:
        AddStreamError::PathInUse = AddStreamError::PathInUse =>
            "the path is in use; remove the stream that has it, or choose another",
        AddStreamError::TrackPath = AddStreamError::TrackPath =>
            "the path and that of another stream differ by the name of a track",
        AddStreamError::BadPath = AddStreamError::BadPath =>
            "the path does not start with a slash, or ends with one",
        AddStreamError::Medias = AddStreamError::Medias => "a stream has 1 to 32 medias",
        AddStreamError::Closing = AddStreamError::Closing => "the server is closing",
    }
    say_each! { WriteRtcpError:
        WriteRtcpError::Gone = WriteRtcpError::Gone => "the session is gone",
        WriteRtcpError::State(_) = WriteRtcpError::State(SessionState::PrePlay) =>
            "the session neither plays nor records now: it is set up, or pauses",
        WriteRtcpError::NoSuchMedia(_) = WriteRtcpError::NoSuchMedia(1) => "the session has not set up media 1",
        WriteRtcpError::Group(_) = WriteRtcpError::Group(0) =>
            "media 0 goes to a group: write RTCP to the stream, which all its readers get",
        WriteRtcpError::Rtcp(_) = BadCompound::NoPacket { offset: 0 }.into() =>
            "that is not RTCP: there is no RTCP packet at byte 0",
    }
    say_each! { SsrcError:
        SsrcError::NoSuchTrack(_) = SsrcError::NoSuchTrack(1) => "the stream has no media 1",
        SsrcError::InUse(_) = SsrcError::InUse(1) => "media 1 of the stream has that SSRC; choose another",
    }
}
