//! `rtspan serve --config` relays a camera to FFmpeg, which also goes where it is sent while the camera is away.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::clip::{ffmpeg, folder};
use crate::policy::{Needs, installed};
use crate::rtspan::{Runtime, Server};

/// The pictures that are read.
const PICTURES: usize = 50;
/// The pictures from one keyframe of the clip to the next.
const GROUP: usize = 25;

/// The checksum of each picture: of its slices, since parameter sets stand in front of a keyframe or not.
fn checksums(command: &mut Command) -> Vec<String> {
    command.args([
        "-map",
        "0:v",
        "-c",
        "copy",
        "-bsf:v",
        "filter_units=pass_types=1-5",
        "-f",
        "framecrc",
        "-",
    ]);
    let output = command.output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    let pictures = told.lines().filter(|line| !line.starts_with('#'));
    pictures.map(|line| line.split(',').nth(5).unwrap().trim().to_owned()).collect()
}

/// Reads pictures at `url`: from a keyframe on, each of the film in its turn.
fn read(url: &str, transport: &str, film: &[String]) {
    let pictures = PICTURES.to_string();
    let mut command = ffmpeg();
    command.args(["-rtsp_transport", transport, "-i", url, "-frames:v", &pictures]);
    let read = checksums(&mut command);
    assert_eq!(read.len(), PICTURES, "{url} over {transport}");
    let first = film.iter().position(|picture| *picture == read[0]);
    let first =
        first.unwrap_or_else(|| panic!("{url} over {transport}: the first picture is not of the film"));
    assert_eq!(first % GROUP, 0, "{url} over {transport} begins between two keyframes");
    for (number, (read, sent)) in read.iter().zip(film.iter().cycle().skip(first)).enumerate() {
        assert_eq!(read, sent, "picture {number} of {url} over {transport}");
    }
}

#[test]
fn ffmpeg_reads_each_picture_of_a_camera_that_is_relayed_and_of_the_fallback_while_it_is_away() {
    if !installed(&[Needs::Ffmpeg]) {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/clip/demo.h264");
    let mut command = ffmpeg();
    let film = checksums(command.arg("-i").arg(&path));
    for runtime in Runtime::ALL {
        let camera = Server::start(runtime);
        let settings = format!(
            r#"
            [[users]]
            name = "wall"
            password = "open-sesame"
            read = ["*"]
            [paths.gate]
            source = "{}"
            on_demand = true
            [paths.yard]
            source = "rtsp://127.0.0.1:1/main"
            fallback = "away"
            [paths.away]
            looped = "{}"
            "#,
            camera.url("/demo"),
            path.display()
        );
        let file = folder().join(format!("config-{runtime:?}.toml"));
        fs::write(&file, settings).unwrap();
        let server = Server::start_with(runtime, &["--config", file.to_str().unwrap()]);
        thread::scope(|scope| {
            for (path, transport) in [("/gate", "udp"), ("/gate", "tcp"), ("/yard", "tcp")] {
                let url = server.url_as("wall:open-sesame", path);
                let film = &film;
                scope.spawn(move || read(&url, transport, film));
            }
        });
        camera.played("/demo", 1);
    }
}
