//! The texts of the errors of the library: each variant of each type.

use std::io;

use rtspan_core::payload::{Depacketizer, document};
use rtspan_core::{Description, Tolerances};

use crate::archive::{ArchiveError, TroubleError};
use crate::clip::ClipError;
use crate::cluster::{RegistryAddressError, RegistryError};
use crate::listen::ListenError;
use crate::mp4::Mp4Error;
use crate::recorder::{FileKind, RecordError};
use crate::source::SourceError;
use crate::told::told;
use crate::vod::FilmError;

fn refused() -> io::Error {
    io::Error::other("no room")
}

#[test]
fn errors_of_archives_name_the_folder() {
    let path = "/rec".into();
    say_each! { ArchiveError:
        ArchiveError::Folder { .. } = ArchiveError::Folder { path, source: refused() } =>
            "/rec cannot be written to: no room",
        ArchiveError::Locked { .. } = ArchiveError::Locked { path: "/rec".into(), by: "7".into() } =>
            "another recorder writes to /rec (process 7); choose another folder, or end that one",
        ArchiveError::Name(_) = ArchiveError::Name(".".into()) =>
            "\".\" cannot be the name of a camera: letters, digits and - _ . are taken, and no dot in front",
        ArchiveError::Nothing(_) = ArchiveError::Nothing("door".into()) => "door sends nothing that MP4 can hold",
    }
    say_each! { TroubleError:
        TroubleError::Write { .. } = TroubleError::Write { path: "/rec/a.mp4".into(), source: refused() } =>
            "/rec/a.mp4 cannot be written: no room",
        TroubleError::Mp4(_) = Mp4Error::Write(refused()).into() => "the file cannot be written: no room",
    }
}

#[test]
fn errors_of_files_that_are_written_say_what_to_do() {
    let broken = document::gunzip(b"no gzip").unwrap_err();
    let why = std::error::Error::source(&broken).unwrap().to_string();
    say_each! { Mp4Error:
        Mp4Error::Write(_) = refused().into() => "the file cannot be written: no room",
        Mp4Error::NoTrack(_) = Mp4Error::NoTrack("video is VP8".into()) =>
            "none of the medias can be kept in MP4: video is VP8",
        Mp4Error::ParametersChanged(_) = Mp4Error::ParametersChanged(1) =>
            "media 1 goes on with other parameters: begin another file",
        Mp4Error::TooMuch = Mp4Error::TooMuch => "more than 268435456 bytes come before a fragment can end",
    }
    say_each! { RecordError:
        RecordError::Write(_) = refused().into() => "the file cannot be written: no room",
        RecordError::Mp4(_) = Mp4Error::ParametersChanged(1).into() =>
            "media 1 goes on with other parameters: begin another file",
        RecordError::ParametersChanged(_) = RecordError::ParametersChanged(0) =>
            "media 0 goes on with other parameters: begin another file",
        RecordError::Unpack(_) = broken.into() => format!("the document cannot be unpacked: {why}"),
    }
}

#[test]
fn errors_of_files_that_are_read_say_what_is_wrong_with_them() {
    let sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=2\r\n";
    let interleaved = Description::parse(sdp, &mut Tolerances::default()).unwrap();
    let unsupported = Depacketizer::new(&interleaved.medias[0].formats[0]).unwrap_err();
    let ends: Vec<_> = FileKind::ends().map(|end| format!(".{end}")).collect();
    say_each! { SourceError:
        SourceError::Read(_) = refused().into() => "it cannot be read: no room",
        SourceError::UnknownKind = SourceError::UnknownKind => format!("its name ends in none of {}", ends.join(", ")),
        SourceError::Malformed { .. } = SourceError::Malformed { kind: "MP4", reason: "no moov".into() } =>
            "it is no MP4, or broken: no moov",
        SourceError::Nothing(_) = SourceError::Nothing(vec!["Theora".into()]) =>
            "nothing in it can be sent: it has Theora",
        SourceError::Unsupported(_) = unsupported.into() =>
            "H264 is not supported in this way: packetization mode 2, interleaved",
        SourceError::FormatChanged(_) = SourceError::FormatChanged("b.mp4".into()) =>
            "b.mp4 was recorded in another format than what is played",
        SourceError::NotFromPipe(_) = SourceError::NotFromPipe("MP4") =>
            "MP4 cannot be read through a pipe, since it is not read from its beginning to its end; send MPEG-TS \
             (-f mpegts of ffmpeg), or write a file first",
        SourceError::UnknownPipe = SourceError::UnknownPipe =>
            "what comes through the pipe is of no kind that is known; say which by --format",
        SourceError::Pipe = SourceError::Pipe => "a pipe can only be read from its beginning to its end",
    }
    say_each! { FilmError:
        FilmError::Source(_) = SourceError::Pipe.into() => "a pipe can only be read from its beginning to its end",
        FilmError::NoSuchPlace = FilmError::NoSuchPlace => "the film has no such place",
    }
    say_each! { ClipError:
        ClipError::NoPicture = ClipError::NoPicture => "there is no H.264 picture in it",
        ClipError::NoParameterSets = ClipError::NoParameterSets => "it has no sequence and picture parameter sets",
    }
}

#[test]
fn errors_of_addresses_show_how_one_is_written() {
    say_each! { ListenError:
        ListenError::Form = ListenError::Form =>
            "an address is needed, such as :8554, 127.0.0.1:8554, [::1]:8554 or nvr.local:8554",
        ListenError::NoPort = ListenError::NoPort => "a port is needed, such as :9100 or 127.0.0.1:9100",
        ListenError::Url = ListenError::Url =>
            "an address is needed and no URL: leave out what is before // and behind the port",
        ListenError::Port = ListenError::Port => "a port is a number from 0 to 65535; 0 is any that is free",
    }
}

#[test]
fn errors_of_registries_name_the_address_and_what_to_do() {
    let at = || "10.0.0.1:2379".to_owned();
    say_each! { RegistryError:
        RegistryError::Unreachable { .. } = RegistryError::Unreachable { at: at(), source: refused().into() } =>
            "the registry 10.0.0.1:2379 cannot be reached: no room",
        RegistryError::Refused { .. } = RegistryError::Refused { at: at(), message: "no space".to_owned() } =>
            "the registry 10.0.0.1:2379 refuses: no space",
        RegistryError::Unauthenticated { .. } =
            RegistryError::Unauthenticated { at: at(), message: "invalid auth token".to_owned() } =>
            "the registry 10.0.0.1:2379 knows nobody by this token: invalid auth token",
        RegistryError::Foreign { .. } = RegistryError::Foreign { at: at(), kind: "etcd" } =>
            "the answer of 10.0.0.1:2379 is not one of etcd; check that this is its address",
    }
    assert_eq!(
        told(&RegistryAddressError),
        "expected etcd://HOST:2379, with more servers behind commas, or redis://HOST:6379; USER:PASSWORD@ may \
         stand before the host"
    );
}
