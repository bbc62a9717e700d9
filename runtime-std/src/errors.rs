//! The texts of the errors of the runtimes: each variant of each type.

use std::io;

use rtspan_core::client::{ClientCloseReason, CommandError, Misuse, RequestError, SendError};
use rtspan_core::frame::FrameError;
use rtspan_core::payload::{Depacketizer, PacketizeError};
use rtspan_core::rtp::rtcp::BadCompound;
use rtspan_core::udp::UdpOpenError;
use rtspan_core::wire::Method;
use rtspan_core::{Description, Tolerances, Url, UrlError};

use crate::client::Error;
use crate::server::{BindError, WriteError};

fn refused() -> io::Error {
    io::Error::other("no room")
}

fn too_long() -> FrameError {
    FrameError::Packetize { media: 1, source: PacketizeError::TooLong { length: 9, most: 4 } }
}

#[test]
fn errors_of_a_client_say_what_failed_and_where() {
    let url = Box::new(Url::parse("rtsp://admin:horse@camera/user=a_password=horse_channel=1").unwrap());
    let sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=2\r\n";
    let interleaved = Description::parse(sdp, &mut Tolerances::default()).unwrap();
    let unsupported = Depacketizer::new(&interleaved.medias[0].formats[0]).unwrap_err();
    say_each! { Error:
        Error::Url(_) = UrlError::Host.into() => "url has no usable host",
        Error::Misuse(_) = Misuse::NothingSetUp.into() => "no media is set up",
        Error::Command { .. } = Error::Command { method: Method::Describe, url, error: CommandError::Timeout } =>
            "DESCRIBE rtsp://admin:***@camera/user=a_password=***_channel=1 failed: server did not answer in time",
        Error::Closed(_) = Error::Closed(ClientCloseReason::MediaSilent(1)) => "no packet of media 1 came for too long",
        Error::Request(_) = RequestError::HeaderOfClient("CSeq").into() => "the client writes the header CSeq itself",
        Error::Send(_) = SendError::Full.into() => "too many packets wait to be sent, since the server reads too slowly; send fewer",
        Error::Frame(_) = too_long().into() =>
            "a frame of media 1 cannot be sent: a part of 9 bytes exceeds the 4 that the format can carry",
        Error::UnsupportedFormat(_) = unsupported.into() =>
            "H264 is not supported in this way: packetization mode 2, interleaved",
        Error::Start(_) = Error::Start(refused()) => "the client cannot be started: no room",
        Error::Stopped = Error::Stopped => "the runtime has stopped",
    }
}

#[test]
fn errors_of_a_server_say_what_failed_and_where() {
    let addr = "127.0.0.1:554".to_owned();
    let range = "239.0.0.0/8".parse().unwrap();
    say_each! { BindError:
        BindError::Address(_) = BindError::Address("nvr".into()) => "\"nvr\" is no address with a port",
        BindError::Listen { .. } = BindError::Listen { addr, source: refused() } =>
            "cannot listen on 127.0.0.1:554: no room",
        BindError::Adopt(_) = BindError::Adopt(refused()) =>
            "cannot take the connections of a socket that listens already: no room",
        BindError::Nowhere = BindError::Nowhere => "the server is told neither an address nor a socket to listen on",
        BindError::NoCertificate = BindError::NoCertificate =>
            "TLS is required, and the server has no certificate to show",
        BindError::Udp(_) = UdpOpenError::NoFreePorts.into() =>
            "cannot open the UDP sockets: no free pair of UDP ports among those that are configured; configure more, \
             or end what has them",
        BindError::Multicast { .. } = BindError::Multicast { range, source: refused() } =>
            "cannot send to 239.0.0.0/8: name an interface that has an address of the same family: no room",
        BindError::Closed = BindError::Closed => "the server is closed",
        BindError::Start(_) = BindError::Start(refused()) => "the server cannot be started: no room",
    }
    say_each! { WriteError:
        WriteError::NoSuchMedia(_) = WriteError::NoSuchMedia(3) => "the stream has no media 3",
        WriteError::Closed = WriteError::Closed => "the stream is closed",
        WriteError::Rtcp(_) = BadCompound::NoPacket { offset: 4 }.into() =>
            "that is not RTCP: there is no RTCP packet at byte 4",
        WriteError::Frame(_) = too_long().into() =>
            "a frame of media 1 cannot be sent: a part of 9 bytes exceeds the 4 that the format can carry",
        WriteError::SsrcInUse(_) = WriteError::SsrcInUse(1) => "media 1 of the stream has that SSRC; choose another",
    }
}

#[cfg(feature = "tls")]
#[test]
fn errors_of_tls_say_what_is_wrong_with_the_files() {
    use rustls::pki_types::pem::Error as Pem;
    use rustls::server::VerifierBuilderError;

    use crate::tls::TlsConfigError;

    say_each! { TlsConfigError:
        TlsConfigError::Pem(_) = Pem::NoItemsFound.into() =>
            format!("cannot read a certificate or key as PEM: {}", Pem::NoItemsFound),
        TlsConfigError::NoCertificate = TlsConfigError::NoCertificate =>
            "there is no certificate in the PEM file: it has to hold -----BEGIN CERTIFICATE-----",
        TlsConfigError::NoRoots = TlsConfigError::NoRoots =>
            "the system has no root certificates: install them (ca-certificates), or name some yourself",
        TlsConfigError::Unfit(_) = rustls::Error::HandshakeNotComplete.into() =>
            format!("the certificate and its key cannot be used: {}", rustls::Error::HandshakeNotComplete),
        TlsConfigError::ClientRoots(_) = VerifierBuilderError::NoRootAnchors.into() =>
            format!("client certificates cannot be checked: {}", VerifierBuilderError::NoRootAnchors),
        TlsConfigError::Brought = TlsConfigError::Brought =>
            "a configuration of rustls that was brought as it is has no certificate to replace: replace it as a whole",
    }
}

#[cfg(feature = "sim")]
#[test]
fn errors_of_a_simulated_world_say_where_it_stood_and_how_it_comes_again() {
    use rtspan_core::Instant;

    use crate::sim::SimError;

    let (at, seed, host) = (Instant::ZERO, 7, "camera".to_owned());
    say_each! { SimError:
        SimError::Panicked { .. } = SimError::Panicked { host: host.clone(), at, seed, message: "left 1".into() } =>
            format!("a task of camera panicked at {at:?}, with seed 7: left 1"),
        SimError::TimedOut { .. } = SimError::TimedOut { at, seed } =>
            format!("what was waited for is not done at {at:?}, with seed 7"),
        SimError::Spinning { .. } = SimError::Spinning { host, at, seed } =>
            format!("a task of camera keeps waking itself at {at:?}, with seed 7"),
    }
}
