//! VLC as a server: films that are played on demand can be paused and sought, what it broadcasts cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rtspan_std::header::NptTime;
use rtspan_std::{Client, CommandError, Error, Packets, Range, State, StatusCode, Transports};

use crate::clip::{Clip, empty};
use crate::policy::{Needs, installed};
use crate::ports::own_port;
use crate::program::{PATIENCE, Program};
use crate::seeking::{begun_anew, next, playing};

/// A folder in which any user may read and write, with a clip.
struct Stage {
    folder: PathBuf,
    clip: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("rtspan-vlc-{}-{name}", std::process::id()));
        empty(&folder);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("it is ours");
        let clip = folder.join("clip.mov");
        fs::copy(&Clip::baseline().mov, &clip).expect("the clip can be copied");
        fs::set_permissions(&clip, fs::Permissions::from_mode(0o644)).expect("it is ours");
        Self { folder, clip }
    }

    /// VLC, which refuses to be run by root.
    fn vlc(&self) -> Command {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc"]);
            command
        } else {
            Command::new("cvlc")
        };
        command.env("HOME", &self.folder).args(["--intf", "dummy", "--quiet"]);
        command
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts VLC, and waits until it describes what it has at the URL.
fn serving(command: &mut Command, url: &str) -> Program {
    let program = Program::start("VLC's server", command);
    let deadline = Instant::now() + PATIENCE;
    let describe = || Client::connect(url)?.describe();
    while let Err(error) = describe() {
        assert!(program.is_running() && Instant::now() < deadline, "VLC does not serve: {error}");
        thread::sleep(Duration::from_millis(100));
    }
    program
}

#[test]
fn what_vlc_plays_on_demand_is_paused_resumed_and_played_from_elsewhere() {
    if !installed(&[Needs::Ffmpeg, Needs::Vlc]) {
        return;
    }
    let stage = Stage::new("film");
    let films = stage.folder.join("films");
    fs::write(&films, format!("new film vod enabled\nsetup film input \"{}\"\n", stage.clip.display()))
        .expect("a file can be written");
    // With an address to listen on, it finds none of its films again.
    let port = own_port();
    let url = format!("rtsp://127.0.0.1:{port}/film");
    let mut command = stage.vlc();
    command.args(["--rtsp-port", &port.to_string(), "--vlm-conf"]).arg(&films);
    let _server = serving(&mut command, &url);

    // It offers no other transport.
    let (mut packets, reached) = playing(&url, Transports::Udp);
    let client = packets.client();
    client.pause().unwrap();
    assert_eq!(client.state(), State::PrePlay);
    client.play(None).unwrap();
    let resumed = begun_anew(&mut packets);
    assert!(resumed.time.pts > reached, "{reached}, {:?}", resumed.time);

    // Far from the clip's end, at which it falls silent.
    let place = Duration::from_secs(30);
    let sought = seek(&packets, place);
    assert!(sought.abs_diff(place) < Duration::from_millis(100), "{sought:?}");
    let first = begun_anew(&mut packets);
    assert!(first.time.pts > resumed.time.pts, "{:?}", first.time);
    next(&mut packets).expect("more than one packet");
    assert!(packets.teardown().unwrap().is_over());
}

/// Goes elsewhere; the place from which the server says that it plays.
fn seek(packets: &Packets, from: Duration) -> Duration {
    match packets.client().seek(Range::from_npt(from)).unwrap().range {
        Some(Range::Npt { start: Some(NptTime::At(start)), .. }) => start,
        range => panic!("{range:?}"),
    }
}

#[test]
fn what_vlc_broadcasts_plays_on_when_pausing_and_seeking_are_refused() {
    if !installed(&[Needs::Ffmpeg, Needs::Vlc]) {
        return;
    }
    let stage = Stage::new("broadcast");
    let url = format!("rtsp://127.0.0.1:{}/live", own_port());
    let mut command = stage.vlc();
    command.arg(&stage.clip).args(["--loop", &format!(":sout=#rtp{{sdp={url}}}")]);
    let _server = serving(&mut command, &url);

    let (mut packets, _) = playing(&url, Transports::Udp);
    let client = packets.client();
    let refused = |result: Result<(), Error>| match result {
        Err(Error::Command { error: CommandError::Status { status, reason }, .. }) => (status, reason),
        result => panic!("{result:?}"),
    };
    let (status, reason) = refused(client.pause());
    assert_eq!((status, &*reason), (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"));
    let (status, reason) = refused(client.seek(Range::from_npt(Duration::from_secs(2))).map(drop));
    let expected = (StatusCode::HEADER_FIELD_NOT_VALID_FOR_RESOURCE, "Header field not valid for resource");
    assert_eq!((status, &*reason), expected);
    assert_eq!(client.state(), State::Play);
    (0..10).for_each(|_| drop(next(&mut packets).expect("it goes on")));
    assert!(packets.teardown().unwrap().is_over());
}
