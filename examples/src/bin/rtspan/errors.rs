//! The texts of the failures of the tool: each variant of each type. Their remedies come behind, in [`Failure::sentence`].

use std::io::{self, ErrorKind};
use std::path::PathBuf;

use rtspan_core::description::DescriptionError;
use rtspan_core::wire::Method;
use rtspan_examples::archive::ArchiveError;
use rtspan_examples::mp4::Mp4Error;
use rtspan_examples::source::SourceError;
use rtspan_std::tls::TlsConfigError;
use rtspan_std::{AddStreamError, BindError, CommandError, ConnectError, Error, StatusCode, WriteError};

use crate::args::Target;
use crate::bench::{NoProcess, Trouble};
use crate::failure::{DemoFailure, Failure, Kind};
use crate::serve::{Fault, Faults};
use crate::session::RefusedMedia;
use crate::users::UserError;

fn refused() -> io::Error {
    io::Error::other("no room")
}

fn url() -> Target {
    "rtsp://admin:horse@camera/user=admin_password=horse_channel=1".parse().unwrap()
}

const URL: &str = "rtsp://admin:***@camera/user=admin_password=***_channel=1";

fn command(method: Method, error: CommandError) -> Box<Error> {
    let url = Box::new(url().url().clone());
    Box::new(Error::Command { method, url, error })
}

fn not_found() -> CommandError {
    CommandError::Status { status: StatusCode::NOT_FOUND, reason: "".into() }
}

#[test]
fn failures_name_what_they_are_about() {
    let (at, path) = (|| ":9100".parse().unwrap(), || PathBuf::from("/rec/a.mp4"));
    let faults = || {
        let fault = Fault { at: Some((3, 1)), key: "listen".into(), message: "no port".into() };
        Faults { file: "rtspan.toml".into(), faults: vec![fault] }
    };
    let medias = vec![RefusedMedia { media: 1, kind: "audio".into(), error: not_found() }];
    say_each! { Failure:
        Failure::Runtime(_) = Failure::Runtime(refused()) => "the runtime cannot be started: no room",
        Failure::Signals(_) = Failure::Signals(refused()) => "Ctrl-C cannot be listened to: no room",
        Failure::Output(_) = Failure::Output(refused()) => "the result cannot be written: no room",
        Failure::Interrupted = Failure::Interrupted => "interrupted",
        Failure::Bind(_) =
            BindError::Listen { addr: "127.0.0.1:554".into(), source: ErrorKind::AddrInUse.into() }.into() =>
            "127.0.0.1:554 is in use by another program",
        Failure::Metrics { .. } = Failure::Metrics { at: at(), source: refused() } =>
            "statistics cannot be served at :9100: no room",
        Failure::Web { .. } = Failure::Web { at: at(), source: refused() } =>
            "the page cannot be served at :9100: no room",
        Failure::Api { .. } = Failure::Api { at: at(), source: refused() } =>
            "the control interface cannot be served at :9100: no room",
        Failure::Handed(_) = Failure::Handed(refused()) => "a socket that was handed over cannot be served: no room",
        Failure::Certificate { .. } =
            Failure::Certificate { path: "/tls/a.pem".into(), source: TlsConfigError::NoCertificate } =>
            "TLS cannot be served with /tls/a.pem: there is no certificate in the PEM file: it has to hold \
             -----BEGIN CERTIFICATE-----",
        Failure::SelfSigned(_) = Failure::SelfSigned(rcgen::Error::KeyGenerationUnavailable) =>
            format!("no certificate can be made for these names: {}", rcgen::Error::KeyGenerationUnavailable),
        Failure::AddStream(_) = AddStreamError::PathInUse.into() =>
            "the clip cannot be served: the path is in use; remove the stream that has it, or choose another",
        Failure::Write(_) = WriteError::Closed.into() => "the clip cannot be served: the stream is closed",
        Failure::Play { .. } = Failure::Play { url: url(), error: command(Method::Describe, not_found()) } =>
            format!("the server has nothing at {URL} (server answered 404 Not Found)"),
        Failure::Publish { .. } = Failure::Publish { url: url(), error: command(Method::Announce, not_found()) } =>
            format!("the server at {URL} did not do as asked by ANNOUNCE: server answered 404 Not Found"),
        Failure::NothingArrived { .. } = Failure::NothingArrived { url: url(), over: "udp", seconds: 5 } =>
            format!("nothing arrived from {URL} over udp in 5 s, though the server says that it plays"),
        Failure::Ended { .. } = Failure::Ended { url: url() } =>
            format!("the stream at {URL} ended before anything arrived"),
        Failure::RefusedMedias { .. } = Failure::RefusedMedias { url: url(), refused: medias } =>
            format!(
                "the server at {URL} has refused a part of the stream: media 1 (audio) does not play: server answered \
                 404 Not Found"
            ),
        Failure::Faulty { .. } = Failure::Faulty { url: url(), faults: 2, kind: Kind::Other } =>
            format!("{URL} has 2 faults, which are said above"),
        Failure::NoBackChannel { .. } = Failure::NoBackChannel { url: url(), law: None } =>
            format!("{URL} has no back channel for G.711"),
        Failure::UnknownFile { .. } = Failure::UnknownFile { path: "a.doc".into() } =>
            "the name a.doc tells no kind of file",
        Failure::Terminal { .. } = Failure::Terminal { what: "MP4" } =>
            "standard output is a terminal, which cannot show MP4",
        Failure::NothingToWrite { .. } = Failure::NothingToWrite { url: url(), path: path() } =>
            format!("{URL} plays no media that could be written to /rec/a.mp4"),
        Failure::Archive(_) = Failure::Archive(ArchiveError::Nothing("door".into())) =>
            "door sends nothing that MP4 can hold",
        Failure::SameName { .. } = Failure::SameName { name: "door".into() } => "two cameras have the name door",
        Failure::NothingRecorded { .. } = Failure::NothingRecorded { names: vec!["door".into(), "yard".into()] } =>
            "nothing was recorded of door, yard; what is wrong is said above",
        Failure::Writer = Failure::Writer => "the thread that writes has failed",
        Failure::Record { .. } =
            Failure::Record { path: path(), source: Box::new(Mp4Error::ParametersChanged(1).into()) } =>
            "/rec/a.mp4 cannot go on: media 1 goes on with other parameters: begin another file",
        Failure::NoParameterSets { .. } = Failure::NoParameterSets { url: url(), missing: "SPS".into() } =>
            format!(
                "{URL} has no SPS, neither in its description nor among its packets, so that no picture can be decoded \
                 and the file is empty"
            ),
        Failure::NoKeyframe { .. } = Failure::NoKeyframe { url: url(), path: path() } =>
            format!("no keyframe arrived from {URL}, so that nothing was written to /rec/a.mp4"),
        Failure::NoPictures { .. } = Failure::NoPictures { url: url() } =>
            format!("{URL} plays no H.264 and no Motion JPEG, of which a picture could be made"),
        Failure::OtherPicture { .. } = Failure::OtherPicture { path: "a.png".into(), end: "jpg" } =>
            "the picture cannot be written to a.png as it is",
        Failure::WriteIn { .. } = Failure::WriteIn { path: "/rec".into(), source: refused() } =>
            "nothing can be written in /rec: no room",
        Failure::Read { .. } = Failure::Read { path: "users".into(), source: refused() } => "cannot read users: no room",
        Failure::User { .. } = Failure::User { path: "users".into(), line: 3, source: UserError::Right } =>
            "line 3 of users is no user: expected read, speak, publish or all behind the password, which has no colon in \
             it",
        Failure::Config(_) = faults().into() => "rtspan.toml:3:1: listen: no port",
        Failure::WriteFile { .. } = Failure::WriteFile { path: path(), source: refused() } =>
            "cannot write /rec/a.mp4: no room",
        Failure::Source { .. } = Failure::Source { path: path(), source: Box::new(SourceError::Pipe) } =>
            "/rec/a.mp4 cannot be published: a pipe can only be read from its beginning to its end",
        Failure::Demo(_) = Failure::Demo(DemoFailure::Ended { over: "udp" }) =>
            "the demo failed: a stream ended over udp before its time",
        Failure::Bench { .. } = Failure::Bench { url: url(), trouble: Box::new(Trouble::Silent(5)) } =>
            format!("nobody can read {URL}: the server did not answer for 5 s"),
        Failure::NoPath { .. } = Failure::NoPath { url: url() } =>
            format!("{URL} has no path that the number of a stream could stand behind"),
        Failure::Measure(_) = Failure::Measure(refused()) => "cannot measure: no room",
        Failure::Process(_) = NoProcess(7).into() => "there is no process 7 to be looked at in /proc",
        Failure::Grown { .. } = Failure::Grown { grown: "server memory, TCP p99".into() } =>
            "these have grown: server memory, TCP p99",
    }
}

#[test]
fn failures_of_the_demo_and_of_readers_say_what_was_missing() {
    let over = "udp";
    say_each! { DemoFailure:
        DemoFailure::NothingArrived { .. } = DemoFailure::NothingArrived { over, media: 1 } =>
            "nothing arrived of media 1 over udp",
        DemoFailure::Lost { .. } = DemoFailure::Lost { over, media: 1, lost: 2, packets: 9 } =>
            "2 of 9 packets of media 1 got lost over udp",
        DemoFailure::Ended { .. } = DemoFailure::Ended { over } => "a stream ended over udp before its time",
    }
    say_each! { Trouble:
        Trouble::Connect(_) = Trouble::Connect(ConnectError::Timeout(Vec::new())) =>
            "cannot connect: no connection in time",
        Trouble::Io(_) = Trouble::Io(refused()) => "the connection broke: no room",
        Trouble::Closed = Trouble::Closed => "the server has closed the connection",
        Trouble::Garbled = Trouble::Garbled => "the server does not speak RTSP",
        Trouble::Status { .. } = Trouble::Status { method: Method::Play, status: StatusCode::NOT_FOUND } =>
            "the server answered 404 Not Found to PLAY",
        Trouble::Description(_) = Trouble::Description(DescriptionError::NoMedia) =>
            "the server's description cannot be read: session description without a media",
        Trouble::NothingToPlay = Trouble::NothingToPlay => "the server's description has nothing to play",
        Trouble::OtherTransport = Trouble::OtherTransport =>
            "the server chose another transport than it was asked for",
        Trouble::Udp(_) = Trouble::Udp(refused()) => "cannot open UDP sockets: no room",
        Trouble::Silent(_) = Trouble::Silent(5) => "the server did not answer for 5 s",
    }
    say_each! { UserError:
        UserError::Form = UserError::Form =>
            "expected NAME:PASSWORD, and behind it :read, :speak, :publish or :all, and the paths, such as :/live/*",
        UserError::Right = UserError::Right =>
            "expected read, speak, publish or all behind the password, which has no colon in it",
    }
}
